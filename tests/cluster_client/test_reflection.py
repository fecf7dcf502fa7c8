"""What becomes of an informer when its watch ends, breaks or lies."""

import asyncio
import logging

import pytest
from aiohttp import web

from tests.cluster_client.fake_api import (
    FakeApi,
    Pauses,
    bookmark,
    client_of,
    line,
    pod,
    replies,
    status,
    streams,
    until,
)
from tests.cluster_client.watcher import Pod, Watcher, initial_watches, play, running, to_thing, watches
from windlass.cluster.informer import Informer
from windlass.cluster.reflection import BURST_GATHER_SECONDS, ENOUGH_GATHERED
from windlass.cluster.resources import PODS


def test_a_watch_that_ends_is_taken_up_where_it_ended() -> None:
    async def scenario(api: FakeApi, watcher: Watcher) -> None:
        known = api.object("pods", "default", "web-1")
        api.fail_next(streams(line("ADDED", known) + bookmark(102, complete=True), bookmark(777)))
        async with running(watcher):
            await until(lambda: len(watches(api)) == 2)
            assert watches(api)[1]["resourceVersion"] == "777"
            assert "sendInitialEvents" not in watches(api)[1]
            assert watcher.counts["relist"] == 0

    play(scenario)


@pytest.mark.parametrize(("lines", "gathered"), [(1, True), (ENOUGH_GATHERED, False)])
def test_changes_that_follow_closely_are_gathered_unless_they_come_by_the_dozen(lines: int, gathered: bool) -> None:
    pauses = Pauses()

    async def scenario(api: FakeApi, watcher: Watcher) -> None:
        known = api.object("pods", "default", "web-1")
        burst = line("MODIFIED", known) * lines
        api.fail_next(streams(line("ADDED", known) + bookmark(102, complete=True), burst, then="hang"))
        async with running(watcher):
            await until(lambda: watcher.counts["change"] >= lines)
            await asyncio.sleep(0)
            assert (BURST_GATHER_SECONDS in pauses.seconds) is gathered

    play(scenario, sleep=pauses, clock=lambda: 1000.0)


@pytest.mark.parametrize("rest", [b'{"type":"MODIFIED","obj', b'{"type":"MODIFIED","object":{]\n'])
def test_broken_json_ends_the_connection_and_loses_nothing(rest: bytes) -> None:
    async def scenario(api: FakeApi, watcher: Watcher) -> None:
        known = api.object("pods", "default", "web-1")
        api.fail_next(streams(line("ADDED", known) + bookmark(102, complete=True), rest, then="break"))
        async with running(watcher):
            await until(lambda: len(watches(api)) == 2)
            await api.put("pods", pod("web-3"))
            await until(lambda: "web-3" in watcher.names())
            assert watches(api)[1]["resourceVersion"] == "102"

    play(scenario)


def test_a_watch_that_falls_silent_is_taken_up_again() -> None:
    async def scenario(api: FakeApi, watcher: Watcher) -> None:
        known = api.object("pods", "default", "web-1")
        api.fail_next(streams(line("ADDED", known) + bookmark(102, complete=True), then="hang"))
        async with running(watcher):
            await until(lambda: len(watches(api)) >= 2)
            await api.put("pods", pod("web-3"))
            await until(lambda: "web-3" in watcher.names())

    play(scenario, silence=0.3)


def test_the_end_of_a_quiet_watch_is_a_sign_of_life() -> None:
    now = [1000.0]

    async def scenario(api: FakeApi, watcher: Watcher) -> None:
        ending = asyncio.Event()

        async def quiet(request: web.Request) -> web.StreamResponse:
            response = web.StreamResponse()
            await response.prepare(request)
            await response.write(bookmark(102, complete=True))
            await ending.wait()
            return response

        api.fail_next(quiet, "WATCH")
        async with running(watcher):
            now[0] += 75
            assert watcher.informer.lag() == 75
            ending.set()
            await until(lambda: len(watches(api)) == 2)
            assert watcher.informer.lag() == 0

    play(scenario, clock=lambda: now[0])


def test_a_watch_that_never_says_a_word_makes_it_read_everything() -> None:
    async def scenario(api: FakeApi, watcher: Watcher) -> None:
        async with running(watcher):
            pass
        api.fail_next(streams(then="hang"), "WATCH")
        async with running(watcher, synced=False):
            await until(lambda: watcher.counts["relist"] >= 1)

    play(scenario, silence=0.2)


def test_a_version_that_has_expired_makes_it_read_everything_and_tell_what_is_gone() -> None:
    async def scenario(api: FakeApi, watcher: Watcher) -> None:
        api.fail_next(
            streams(
                *(line("ADDED", api.object("pods", "default", name)) for name in ("web-1", "web-2")),
                bookmark(102, complete=True),
            )
        )
        await api.silently_remove("pods", "default", "web-1")
        await api.put("pods", pod("web-3"))
        api.compacted_before = 103
        async with running(watcher):
            await watcher.knows("web-2", "web-3")
            assert ("web-1", None) in [(old and old.name, new) for old, new in watcher.changes]
            assert watcher.counts["relist"] == 1

    play(scenario)


def test_an_expired_version_told_within_the_watch_makes_it_read_everything() -> None:
    async def scenario(api: FakeApi, watcher: Watcher) -> None:
        gone = api.object("pods", "default", "web-1")
        api.fail_next(
            streams(
                line("ADDED", gone),
                bookmark(102, complete=True),
                line("ERROR", status(410, "Expired", "too old resource version: 5 (90)")),
            )
        )
        await api.silently_remove("pods", "default", "web-1")
        async with running(watcher):
            await watcher.knows("web-2")
            assert watcher.counts["relist"] == 1

    play(scenario)


def test_expired_after_a_list_is_answered_by_a_list() -> None:
    async def scenario(api: FakeApi, watcher: Watcher) -> None:
        api.watch_list = False
        async with running(watcher):
            await until(lambda: len(watches(api)) == 2)
        api.compacted_before = 10**6
        async with running(watcher, synced=False):
            await until(lambda: watcher.counts["relist"] >= 1)
            assert initial_watches(api) == 1

    play(scenario)


def test_another_error_within_the_watch_is_met_by_going_on_from_the_same_version() -> None:
    async def scenario(api: FakeApi, watcher: Watcher) -> None:
        known = api.object("pods", "default", "web-1")
        internal = line("ERROR", status(500, "InternalError", "etcd is busy"))
        api.fail_next(streams(line("ADDED", known) + bookmark(102, complete=True), internal))
        async with running(watcher):
            await until(lambda: len(watches(api)) == 2)
            assert watches(api)[1]["resourceVersion"] == "102"
            assert watcher.counts["failure"] == 1

    play(scenario)


def test_an_answer_that_comes_again_and_again_is_taken_to_be_the_versions_fault() -> None:
    async def scenario(api: FakeApi, watcher: Watcher) -> None:
        async with running(watcher):
            pass
        too_large = status(504, "Timeout", "Too large resource version: 102, current: 40")
        for _ in range(3):
            api.fail_next(replies(504, too_large), "WATCH")
        async with running(watcher, synced=False):
            await until(lambda: initial_watches(api) == 2)
            assert watcher.counts["relist"] == 1

    play(scenario)


def test_a_server_whose_versions_went_back_is_believed(caplog: pytest.LogCaptureFixture) -> None:
    async def scenario(api: FakeApi, watcher: Watcher) -> None:
        restored = {**pod("web-2"), "metadata": {**pod("web-2")["metadata"], "resourceVersion": "30"}}
        async with running(watcher):
            pass
        api.fail_next(replies(410, status(410, "Expired")), "WATCH")
        api.fail_next(streams(line("ADDED", restored), bookmark(40, complete=True), then="hang"), "WATCH")
        async with running(watcher, synced=False):
            await watcher.knows("web-2")
            assert watcher.version("web-2") == "30"

    with caplog.at_level(logging.WARNING):
        play(scenario)
    assert "the server's versions went back" in caplog.text


def test_versions_that_went_back_are_noticed_by_reading_again_where_the_watch_is_silent() -> None:
    """The server ends each watch in good order, before its silence means anything."""

    async def scenario(api: FakeApi, watcher: Watcher) -> None:
        before = {**pod("ghost"), "metadata": {**pod("ghost")["metadata"], "resourceVersion": "900"}}
        newer = {**pod("web-1"), "metadata": {**pod("web-1")["metadata"], "resourceVersion": "901"}}
        initial = line("ADDED", before) + line("ADDED", newer) + bookmark(950, complete=True)
        api.fail_next(streams(initial, then="hang"), "WATCH")
        async with running(watcher):
            assert watcher.names() == {"ghost", "web-1"}
            await watcher.informer.read_again()
            assert watcher.names() == {"web-1", "web-2"}
            assert watcher.version("web-1") == "101"
            await until(lambda: len(watches(api)) == 2)
            assert watches(api)[1]["resourceVersion"] == "102"
            await api.put("pods", pod("web-3"))
            await until(lambda: "web-3" in watcher.names())
            assert watcher.counts["failure"] == 0

    play(scenario, silence=60.0)


def test_a_list_that_the_watch_has_overtaken_is_not_taken_for_versions_that_went_back(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def scenario(api: FakeApi, watcher: Watcher) -> None:
        async with running(watcher):
            listed = asyncio.Event()

            async def slowly(request: web.Request) -> web.StreamResponse:
                items = [api.object("pods", "default", name) for name in ("web-1", "web-2")]
                await api.put("pods", pod("web-3"))
                await listed.wait()
                return web.json_response({"metadata": {"resourceVersion": "102"}, "items": items})

            api.fail_next(slowly, "GET")
            reading = asyncio.create_task(watcher.informer.read_again())
            await until(lambda: "web-3" in watcher.names())
            listed.set()
            await reading
            assert watcher.names() == {"web-1", "web-2", "web-3"}
            assert len(watches(api)) == 1

    play(scenario)
    assert "went back" not in caplog.text


def test_an_outage_is_waited_out_with_growing_pauses_and_one_line_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    pauses = Pauses()

    async def scenario(api: FakeApi, watcher: Watcher) -> None:
        forbidden = status(403, "Forbidden", 'pods is forbidden: User "w" cannot watch resource "pods"')
        for _ in range(12):
            api.fail_next(replies(403, forbidden))
        async with running(watcher):
            assert watcher.names() == {"web-1", "web-2"}

    with caplog.at_level(logging.WARNING):
        play(scenario, sleep=pauses)
    assert len(pauses.seconds) == 12
    for index, seconds in enumerate(pauses.seconds):
        longest = min(0.2 * 2**index, 30)
        assert longest / 2 <= seconds <= longest
    lines = [record.getMessage() for record in caplog.records]
    assert len(lines) == 1
    assert lines[0].startswith(
        'watching Pod: pods is forbidden: User "w" cannot watch resource "pods"; trying again in '
    )


def test_an_error_of_our_own_does_not_end_the_informer(caplog: pytest.LogCaptureFixture) -> None:
    async def scenario(api: FakeApi, watcher: Watcher) -> None:
        fail = [True]

        def count(what: str, number: int) -> None:
            if what == "change" and number and fail.pop(0):
                fail.append(False)
                raise RuntimeError("a mistake")

        async with client_of(api) as client:
            other = Watcher(client)
            other.informer = Informer(client, PODS, Pod, to_thing, count=count, sleep=Pauses())
            async with running(other):
                await api.put("pods", pod("web-3"))
                await api.put("pods", pod("web-4"))
                await until(lambda: other.informer.get("default", "web-4") is not None)

    with caplog.at_level(logging.ERROR):
        play(scenario)
    assert "an error of our own; going on" in caplog.text
