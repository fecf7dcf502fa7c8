import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import hypothesis.strategies as st
import pytest
from hypothesis import given

from tests.engine.manual_clock import ManualClock, settle
from windlass.cluster.errors import Gone, NotLeading, Transient
from windlass.cluster.resources import EVENTS, Resource
from windlass.engine.events import BURST_PER_OBJECT, MOST_REMEMBERED, MOST_WAITING, EventRecorder, ObjectRef, cut

WEB = ObjectRef("windlass.dev/v1alpha1", "ScalingGroup", "shop", "web", "uid-web")


class EventServer:
    """An API server that knows events only."""

    def __init__(self) -> None:
        self.events: dict[tuple[str, str], dict[str, Any]] = {}
        self.requests = 0
        self.error: Exception | None = None

    async def create(self, resource: Resource, namespace: str, body: dict[str, Any]) -> None:
        self._request(resource)
        self.events[namespace, body["metadata"]["name"]] = dict(body)

    async def merge_patch(self, resource: Resource, namespace: str, name: str, body: dict[str, Any]) -> None:
        self._request(resource)
        if (namespace, name) not in self.events:
            raise Gone(f"changing Event {namespace}/{name}: not found", code=404)
        self.events[namespace, name].update(body)

    def _request(self, resource: Resource) -> None:
        assert resource == EVENTS
        self.requests += 1
        if self.error is not None:
            raise self.error

    def seen(self) -> list[tuple[str, str, int]]:
        return [(event["reason"], event["message"], event["count"]) for event in self.events.values()]


class Bench:
    def __init__(self) -> None:
        self.clock = ManualClock()
        self.server = EventServer()
        self.recorder = EventRecorder(self.server, self.clock, instance="windlass-0")

    @asynccontextmanager
    async def running(self) -> AsyncIterator["Bench"]:
        task = asyncio.create_task(self.recorder.run())
        try:
            yield self
        finally:
            task.cancel()
            await asyncio.wait([task])
            assert task.cancelled()


def test_an_event_says_what_happened_to_which_object():
    async def scenario() -> None:
        async with Bench().running() as bench:
            bench.recorder.emit(WEB, "Warning", "LaunchFailed", "creating instance web-4: quota exceeded")
            await settle()
            ((namespace, name),) = bench.server.events
            assert (namespace, name.startswith("web.")) == ("shop", True)
            event = bench.server.events[namespace, name]
            assert event["involvedObject"] == {
                "apiVersion": "windlass.dev/v1alpha1",
                "kind": "ScalingGroup",
                "namespace": "shop",
                "name": "web",
                "uid": "uid-web",
            }
            assert (event["type"], event["reason"], event["count"]) == ("Warning", "LaunchFailed", 1)
            assert event["message"] == "creating instance web-4: quota exceeded"
            assert event["firstTimestamp"] == event["lastTimestamp"] == "2026-07-01T12:00:00Z"
            assert event["source"] == {"component": "windlass"}
            assert (event["reportingComponent"], event["reportingInstance"]) == ("windlass", "windlass-0")

    asyncio.run(scenario())


def test_an_event_about_an_object_of_the_cluster_is_in_the_default_namespace():
    async def scenario() -> None:
        async with Bench().running() as bench:
            bench.recorder.emit(ObjectRef("v1", "Node", "", "n1", "uid-n1"), "Normal", "Seen", "hello")
            await settle()
            ((namespace, _), event) = next(iter(bench.server.events.items()))
            assert (namespace, "namespace" in event["involvedObject"]) == ("default", False)

    asyncio.run(scenario())


def test_the_same_reason_within_10_minutes_is_one_event_with_a_count_and_the_latest_message():
    async def scenario() -> None:
        async with Bench().running() as bench:
            for number in range(1, 4):
                bench.recorder.emit(WEB, "Normal", "Launched", f"launched web-{number}")
                await bench.clock.advance(599)
            assert bench.server.seen() == [("Launched", "launched web-3", 3)]
            event = next(iter(bench.server.events.values()))
            assert (event["firstTimestamp"], event["lastTimestamp"]) == ("2026-07-01T12:00:00Z", "2026-07-01T12:19:58Z")
            await bench.clock.advance(1)
            bench.recorder.emit(WEB, "Normal", "Launched", "launched web-4")
            await settle()
            assert bench.server.seen()[1:] == [("Launched", "launched web-4", 1)]

    asyncio.run(scenario())


def test_other_reasons_types_and_objects_are_events_of_their_own():
    async def scenario() -> None:
        async with Bench().running() as bench:
            bench.recorder.emit(WEB, "Normal", "Launched", "m")
            bench.recorder.emit(WEB, "Warning", "Launched", "m")
            bench.recorder.emit(WEB, "Normal", "Removed", "m")
            bench.recorder.emit(
                ObjectRef(WEB.api_version, WEB.kind, "shop", "web", "a later uid"), "Normal", "Launched", "m"
            )
            await settle()
            assert [count for _, _, count in bench.server.seen()] == [1, 1, 1, 1]

    asyncio.run(scenario())


def test_what_repeats_before_it_is_written_is_one_write():
    async def scenario() -> None:
        bench = Bench()
        for number in range(5000):
            bench.recorder.emit(WEB, "Normal", "Launched", f"launched web-{number}")
        async with bench.running():
            await settle()
            assert (bench.server.requests, bench.server.seen()) == (1, [("Launched", "launched web-4999", 5000)])

    asyncio.run(scenario())


def test_an_object_gets_25_writes_at_once_and_one_in_30_s_and_nothing_is_missing_from_the_count():
    async def scenario() -> None:
        async with Bench().running() as bench:
            for _ in range(100):
                bench.recorder.emit(WEB, "Normal", "Launched", "m")
                await settle()
            assert (bench.server.requests, bench.server.seen()) == (BURST_PER_OBJECT, [("Launched", "m", 25)])
            await bench.clock.advance(30)
            bench.recorder.emit(WEB, "Normal", "Launched", "m")
            bench.recorder.emit(WEB, "Normal", "Launched", "m")
            await settle()
            assert bench.server.seen() == [("Launched", "m", 102)]
            assert bench.recorder.lost == 0

    asyncio.run(scenario())


def test_one_noisy_object_does_not_silence_another():
    async def scenario() -> None:
        async with Bench().running() as bench:
            for number in range(100):
                bench.recorder.emit(WEB, "Normal", f"Reason{number}", "m")
                await settle()
            bench.recorder.emit(ObjectRef("v1", "Pod", "shop", "web-1", "uid-1"), "Normal", "Launched", "m")
            await settle()
            assert [reason for reason, _, _ in bench.server.seen()][-1] == "Launched"
            assert len(bench.server.events) == BURST_PER_OBJECT + 1

    asyncio.run(scenario())


def test_an_event_that_the_server_dropped_is_created_again():
    async def scenario() -> None:
        async with Bench().running() as bench:
            bench.recorder.emit(WEB, "Normal", "Launched", "m")
            await settle()
            bench.server.events.clear()
            bench.recorder.emit(WEB, "Normal", "Launched", "m")
            await settle()
            assert bench.server.seen() == [("Launched", "m", 2)]

    asyncio.run(scenario())


def test_events_that_cannot_be_written_are_counted_and_mentioned_once_a_minute(caplog: pytest.LogCaptureFixture):
    async def scenario() -> None:
        async with Bench().running() as bench:
            bench.server.error = Transient("creating Event shop/web: connection refused")
            for number in range(120):
                bench.recorder.emit(ObjectRef("v1", "Pod", "shop", f"p{number}", f"u{number}"), "Normal", "R", "m")
                await bench.clock.advance(1)
            assert bench.recorder.lost == 120
            assert [message.split(",")[0] for message in caplog.messages] == [
                "1 events could not be written",
                "60 events could not be written",
            ]
            bench.server.error = None
            bench.recorder.emit(WEB, "Normal", "Launched", "m")
            await settle()
            assert bench.server.seen() == [("Launched", "m", 1)]

    asyncio.run(scenario())


def test_a_replica_that_does_not_lead_loses_its_events_quietly(caplog: pytest.LogCaptureFixture):
    async def scenario() -> None:
        async with Bench().running() as bench:
            bench.server.error = NotLeading("creating Event shop/web: another replica may lead")
            bench.recorder.emit(WEB, "Normal", "Launched", "m")
            await settle()
            assert (bench.recorder.lost, caplog.messages) == (0, [])

    asyncio.run(scenario())


def test_the_line_of_waiting_events_is_bounded():
    async def scenario() -> None:
        bench = Bench()
        for number in range(MOST_WAITING + 10):
            bench.recorder.emit(ObjectRef("v1", "Pod", "shop", f"p{number}", f"u{number}"), "Normal", "R", "m")
        assert bench.recorder.lost == 10
        async with bench.running():
            await settle()
            assert len(bench.server.events) == MOST_WAITING

    asyncio.run(scenario())


def test_objects_that_come_and_go_do_not_use_up_memory():
    async def scenario() -> None:
        async with Bench().running() as bench:
            for number in range(MOST_REMEMBERED + 100):
                bench.recorder.emit(ObjectRef("v1", "Pod", "shop", f"p{number}", f"u{number}"), "Normal", "R", "m")
                await settle()
            assert len(bench.recorder._series.entries) == len(bench.recorder._buckets.entries) == MOST_REMEMBERED

    asyncio.run(scenario())


def test_the_name_of_an_event_stays_valid_for_the_longest_object_names():
    async def scenario() -> None:
        async with Bench().running() as bench:
            long = "a" * 199 + "." + "b" * 53
            bench.recorder.emit(ObjectRef("v1", "Pod", "shop", long, "uid"), "Normal", "R", "m")
            await settle()
            ((_, name),) = bench.server.events
            assert len(name) <= 253
            assert ".." not in name

    asyncio.run(scenario())


@given(st.text(), st.integers(3, 50))
def test_a_message_is_cut_to_its_bytes_and_stays_text(message: str, limit: int):
    short = cut(message, limit)
    assert len(short.encode()) <= limit
    if len(message.encode(errors="replace")) > limit:
        assert short.endswith("…")
        assert message.startswith(short[:-1])


def test_a_message_of_1_kib_is_left_alone_and_a_longer_one_is_cut():
    assert cut("x" * 1024) == "x" * 1024
    assert cut("x" * 1025) == "x" * 1021 + "…"
    assert cut("broken \ud800 text") == "broken ? text"
