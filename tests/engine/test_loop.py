import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta

import pytest

from tests.engine.manual_clock import ManualClock, seeded, settle
from windlass.cluster.errors import Conflict, Gone, Invalid, NotLeading, Refused, RefusedBy, Transient
from windlass.engine.logs import current_key
from windlass.engine.loop import (
    CONFLICTS_AT_ONCE,
    MESSAGES_REMEMBERED,
    PASSING_FAULTS_BEFORE_REPORT,
    RESYNC_SECONDS,
    Loop,
)
from windlass.engine.queue import GATHER_SECONDS, Key, Queue

WEB = Key("ScalingGroup", "shop", "web")
API = Key("ScalingGroup", "shop", "api")
SOON = GATHER_SECONDS + 0.001

Reconcile = Callable[[Key], Awaitable[datetime | None]]


class Bench:
    """A loop with everything that it needs, and a record of what it did."""

    def __init__(self, reconcile: Reconcile, workers: int = 8, leading: bool = True) -> None:
        self.clock = ManualClock()
        self.queue = Queue(self.clock, rng=seeded())
        self.leading = asyncio.Event()
        if leading:
            self.leading.set()
        self.passes: list[tuple[Key, float]] = []
        self.failures: list[tuple[Key, Exception]] = []
        self.observed: list[tuple[str, str]] = []
        self._reconcile = reconcile
        self.loop = Loop(
            self.queue,
            self.run_pass,
            self.clock,
            may_work=self.leading,
            on_failure=self.fail,
            workers=workers,
            observe_pass=lambda kind, result, seconds: self.observed.append((kind, str(result))),
            rng=seeded(),
        )

    async def run_pass(self, key: Key) -> datetime | None:
        self.passes.append((key, self.clock.monotonic()))
        return await self._reconcile(key)

    async def fail(self, key: Key, error: Exception) -> None:
        self.failures.append((key, error))

    @asynccontextmanager
    async def running(self):
        task = asyncio.create_task(self.loop.run())
        try:
            await settle()
            yield self
        finally:
            task.cancel()
            await asyncio.wait([task])
            assert task.cancelled()


def raising(*errors: Exception) -> Reconcile:
    """Raises one after the other, then succeeds."""
    left: Iterator[Exception] = iter(errors)

    async def reconcile(key: Key) -> None:
        for error in left:
            raise error

    return reconcile


async def nothing(key: Key) -> None:
    return None


def in_loop(scenario: Callable[[], Awaitable[None]]) -> None:
    asyncio.run(scenario())  # type: ignore[arg-type]


def test_a_pass_runs_as_soon_as_its_key_is_added():
    async def scenario() -> None:
        async with Bench(nothing).running() as bench:
            bench.queue.add(WEB)
            await settle()
            assert bench.passes == [(WEB, 0.0)]
            assert bench.observed == [("ScalingGroup", "done")]

    in_loop(scenario)


def test_the_answer_of_a_pass_becomes_its_next_wake_up():
    async def scenario() -> None:
        async def reconcile(key: Key) -> datetime | None:
            return bench.clock.now() + timedelta(seconds=90) if len(bench.passes) == 1 else None

        bench = Bench(reconcile)
        async with bench.running():
            bench.queue.add(WEB)
            await bench.clock.advance(200)
            assert bench.passes == [(WEB, 0.0), (WEB, 90.0)]

    in_loop(scenario)


def test_a_later_pass_replaces_the_wake_up_of_an_earlier_one():
    async def scenario() -> None:
        async def reconcile(key: Key) -> datetime | None:
            return bench.clock.now() + timedelta(seconds=[90, 300, 1000][len(bench.passes) - 1])

        bench = Bench(reconcile)
        async with bench.running():
            bench.queue.add(WEB)
            await bench.clock.advance(60)
            bench.queue.add(WEB)
            await bench.clock.advance(400)
            assert bench.passes == [(WEB, 0.0), (WEB, 60.0), (WEB, 360.0)]

    in_loop(scenario)


def test_a_wake_up_in_the_past_runs_after_the_gather_time_and_does_not_spin():
    async def scenario() -> None:
        async def reconcile(key: Key) -> datetime | None:
            return bench.clock.now() - timedelta(hours=1)

        bench = Bench(reconcile)
        async with bench.running():
            bench.queue.add(WEB)
            await bench.clock.advance(1.0)
            assert len(bench.passes) in (20, 21)

    in_loop(scenario)


def test_every_key_is_looked_at_again_at_least_every_10_minutes_or_so():
    async def scenario() -> None:
        keys = [Key("ScalingGroup", "shop", f"g{number}") for number in range(50)]
        async with Bench(nothing).running() as bench:
            for key in keys:
                bench.queue.add(key)
            await bench.clock.advance(RESYNC_SECONDS * 0.9)
            assert len(bench.passes) == 50
            await bench.clock.advance(RESYNC_SECONDS * 0.2)
            assert len(bench.passes) == 100
            assert len({moment for _, moment in bench.passes[50:]}) == 50  # spread out

    in_loop(scenario)


def test_a_key_that_its_pass_forgets_is_not_looked_at_again_until_it_is_added():
    async def scenario() -> None:
        async def reconcile(key: Key) -> None:
            bench.loop.forget_key(key)

        bench = Bench(reconcile)
        async with bench.running():
            bench.queue.add(WEB)
            await bench.clock.advance(3 * RESYNC_SECONDS)
            assert len(bench.passes) == 1
            bench.queue.add(WEB)
            await settle()
            assert len(bench.passes) == 2

    in_loop(scenario)


def test_an_event_during_the_pass_that_forgets_its_key_is_not_lost():
    async def scenario() -> None:
        async def reconcile(key: Key) -> None:
            if len(bench.passes) == 1:
                bench.loop.forget_key(key)
                bench.queue.add(key)

        bench = Bench(reconcile)
        async with bench.running():
            bench.queue.add(WEB)
            await bench.clock.advance(SOON)
            assert len(bench.passes) == 2
            await bench.clock.advance(1.1 * RESYNC_SECONDS)
            assert len(bench.passes) == 3

    in_loop(scenario)


def test_a_key_forgotten_between_passes_is_not_looked_at_again():
    async def scenario() -> None:
        async with Bench(nothing).running() as bench:
            bench.queue.add(WEB)
            await bench.clock.advance(1)
            bench.loop.forget_key(WEB)
            await bench.clock.advance(3 * RESYNC_SECONDS)
            assert len(bench.passes) == 1

    in_loop(scenario)


def test_a_conflict_is_repeated_at_once_a_few_times_and_then_backs_off():
    async def scenario() -> None:
        bench = Bench(raising(*[Conflict("writing status of ScalingGroup shop/web: it has changed")] * 20))
        async with bench.running():
            bench.queue.add(WEB)
            await settle()
            assert bench.passes == [(WEB, 0.0)] * (1 + CONFLICTS_AT_ONCE)
            await bench.clock.advance(1.3)
            assert len(bench.passes) == 2 + CONFLICTS_AT_ONCE
            await bench.clock.advance(1.3)
            assert len(bench.passes) == 2 + CONFLICTS_AT_ONCE  # 2 s by now
            assert bench.failures == []

    in_loop(scenario)


def test_conflicts_are_counted_afresh_after_a_success():
    async def scenario() -> None:
        conflict = Conflict("it has changed")
        bench = Bench(raising(*[conflict] * CONFLICTS_AT_ONCE))
        async with bench.running():
            bench.queue.add(WEB)
            await settle()
            assert bench.observed[-1] == ("ScalingGroup", "done")
            bench._reconcile = raising(*[conflict] * CONFLICTS_AT_ONCE)
            await bench.clock.advance(1)
            bench.queue.add(WEB)
            await settle()
            assert [result for _, result in bench.observed].count("conflict") == 2 * CONFLICTS_AT_ONCE

    in_loop(scenario)


def test_failures_with_progress_between_them_do_not_add_up():
    async def scenario() -> None:
        bench = Bench(nothing)

        async def some_went_and_then(key: Key) -> None:
            bench.loop.made_progress(key)
            raise Transient("deleting Pod shop/web-7: etcdserver: no leader")

        bench._reconcile = some_went_and_then
        async with bench.running():
            bench.queue.add(WEB)
            await settle()
            for _ in range(4):
                await bench.clock.advance(1.3)
            assert len(bench.passes) >= 5  # with pauses of 1 s each
            assert bench.failures == []

    in_loop(scenario)


def test_a_passing_fault_backs_off_as_long_as_the_server_asks():
    async def scenario() -> None:
        bench = Bench(raising(Transient("creating Pod shop/web-1: too many requests", code=429, retry_after=20.0)))
        async with bench.running():
            bench.queue.add(WEB)
            await bench.clock.advance(19.9)
            assert len(bench.passes) == 1
            await bench.clock.advance(0.1)
            assert bench.passes[1:] == [(WEB, 20.0)]
            assert bench.observed == [("ScalingGroup", "transient"), ("ScalingGroup", "done")]

    in_loop(scenario)


def test_one_passing_fault_is_no_failure_but_several_in_a_row_are():
    async def scenario() -> None:
        fault = Transient("creating Pod shop/web-1: connection refused")
        bench = Bench(raising(*[fault] * PASSING_FAULTS_BEFORE_REPORT))
        async with bench.running():
            bench.queue.add(WEB)
            await bench.clock.advance(2)
            assert bench.failures == []
            await bench.clock.advance(5)
            assert bench.failures == [(WEB, fault)]

    in_loop(scenario)


def test_an_object_that_is_gone_is_no_failure(caplog: pytest.LogCaptureFixture):
    async def scenario() -> None:
        bench = Bench(raising(Gone("reading ScalingGroup shop/web: not found")))
        async with bench.running():
            bench.queue.add(WEB)
            await bench.clock.advance(10)
            assert bench.observed == [("ScalingGroup", "gone")]
            assert (len(bench.passes), bench.failures, caplog.records) == (1, [], [])

    in_loop(scenario)


def test_a_pass_that_lost_the_lead_leaves_its_key_in_the_queue(caplog: pytest.LogCaptureFixture):
    async def scenario() -> None:
        async def reconcile(key: Key) -> None:
            if len(bench.passes) == 1:
                bench.leading.clear()
                raise NotLeading("writing status: another replica may lead")

        bench = Bench(reconcile)
        async with bench.running():
            bench.queue.add(WEB)
            await bench.clock.advance(60)
            assert bench.observed == [("ScalingGroup", "not_leading")]
            assert (bench.queue.depth, bench.failures, caplog.records) == (1, [], [])
            bench.leading.set()
            await settle()
            assert bench.passes == [(WEB, 0.0), (WEB, 60.0)]

    in_loop(scenario)


def test_no_pass_begins_while_another_replica_leads_and_no_key_is_lost():
    async def scenario() -> None:
        async with Bench(nothing, leading=False).running() as bench:
            bench.queue.add(WEB)
            bench.queue.add_after(API, 5)
            await bench.clock.advance(1000)
            assert (bench.passes, bench.queue.depth) == ([], 2)
            bench.leading.set()
            await settle()
            assert [key for key, _ in bench.passes] == [WEB, API]

    in_loop(scenario)


def test_a_worker_that_waits_for_a_key_when_the_lead_is_lost_runs_no_pass():
    async def scenario() -> None:
        async with Bench(nothing, workers=3).running() as bench:
            bench.leading.clear()
            for number in range(10):
                bench.queue.add(Key("ScalingGroup", "shop", f"g{number}"))
            await bench.clock.advance(1)
            assert (bench.passes, bench.queue.depth) == ([], 10)
            bench.leading.set()
            await settle()
            assert len({key for key, _ in bench.passes}) == 10

    in_loop(scenario)


def test_an_exception_is_reported_backs_off_and_does_not_stop_its_kind():
    async def scenario() -> None:
        error = ZeroDivisionError("a bug")

        async def reconcile(key: Key) -> None:
            if key == WEB:
                raise error

        async with Bench(reconcile, workers=1).running() as bench:
            bench.queue.add(WEB)
            bench.queue.add(API)
            await settle()
            assert [key for key, _ in bench.passes] == [WEB, API]
            assert bench.failures == [(WEB, error)]
            await bench.clock.advance(60)
            assert 4 <= sum(key == WEB for key, _ in bench.passes) <= 7

    in_loop(scenario)


def test_a_failure_is_logged_once_with_its_key_and_traceback(caplog: pytest.LogCaptureFixture):
    async def scenario() -> None:
        bench = Bench(raising(*[ZeroDivisionError("a bug")] * 5))
        async with bench.running():
            bench.queue.add(WEB)
            await bench.clock.advance(60)
            failure, recovery = caplog.records
            assert failure.getMessage().startswith("the pass failed (ZeroDivisionError: a bug); trying again in 1 s")
            assert failure.exc_info is not None
            assert (recovery.getMessage(), failure.key, recovery.key) == ("working again", WEB, WEB)

    caplog.set_level(logging.INFO)
    in_loop(scenario)


def test_what_the_api_server_refused_is_logged_in_its_words_without_a_traceback(caplog: pytest.LogCaptureFixture):
    async def scenario() -> None:
        refusal = Invalid("creating Pod shop/web-1: spec.containers: Required value", code=422)
        bench = Bench(raising(refusal, refusal))
        async with bench.running():
            bench.queue.add(WEB)
            await bench.clock.advance(2)
            (record,) = caplog.records
            assert "spec.containers: Required value; trying again in 1 s" in record.getMessage()
            assert not record.exc_info
            assert bench.failures == [(WEB, refusal)] * 2

    in_loop(scenario)


def test_messages_that_differ_each_time_do_not_use_up_memory():
    async def scenario() -> None:
        bench = Bench(raising(*[ValueError(f"attempt {number}") for number in range(30)]))
        async with bench.running():
            bench.queue.add(WEB)
            await bench.clock.advance(300 * 15)
            assert 20 < len(bench.failures) < 30
            assert 0 < len(bench.loop._reported[WEB]) <= MESSAGES_REMEMBERED
            await bench.clock.advance(300 * 15)
            assert len(bench.failures) == 30
            assert bench.loop._reported == {}

    in_loop(scenario)


def test_a_report_that_fails_does_not_stop_the_loop(caplog: pytest.LogCaptureFixture):
    async def scenario() -> None:
        bench = Bench(raising(ValueError("a bug"), ValueError("another")))
        reports = iter([Transient("writing status: connection refused"), RuntimeError("a bug in the report")])

        async def fail(key: Key, error: Exception) -> None:
            raise next(reports)

        bench.loop._on_failure = fail
        async with bench.running():
            bench.queue.add(WEB)
            await bench.clock.advance(10)
            assert len(bench.passes) == 3
            assert "reporting a failure failed; the next one is reported again" in caplog.messages

    in_loop(scenario)


def test_a_report_that_the_api_server_refuses_is_no_bug(caplog: pytest.LogCaptureFixture):
    """One that has just started knows nobody's rights for a moment."""

    async def scenario() -> None:
        refusal = Refused("changing status: forbidden", code=403, reason="Forbidden", by=RefusedBy.PERMISSIONS)
        bench = Bench(raising(refusal))

        async def fail(key: Key, error: Exception) -> None:
            raise refusal

        bench.loop._on_failure = fail
        async with bench.running():
            bench.queue.add(WEB)
            await bench.clock.advance(10)
            assert len(bench.passes) == 2
            assert [record.exc_info for record in caplog.records] == [None] * len(caplog.records)

    in_loop(scenario)


def test_a_metric_hook_that_fails_does_not_stop_the_loop():
    async def scenario() -> None:
        bench = Bench(nothing, workers=1)

        def observe(*measured: object) -> None:
            raise RuntimeError("a bug in the hook")

        bench.loop._observe_pass = observe
        async with bench.running():
            bench.queue.add(WEB)
            bench.queue.add(API)
            await settle()
            assert [key for key, _ in bench.passes] == [WEB, API]

    in_loop(scenario)


def test_a_cancellation_from_within_a_pass_is_a_failure_and_does_not_end_the_worker():
    async def scenario() -> None:
        async def reconcile(key: Key) -> None:
            if key == WEB:
                inner = asyncio.get_running_loop().create_future()
                inner.cancel()
                await inner

        async with Bench(reconcile, workers=1).running() as bench:
            bench.queue.add(WEB)
            bench.queue.add(API)
            await settle()
            assert [key for key, _ in bench.passes] == [WEB, API]
            assert [str(error) for _, error in bench.failures] == ["something that the pass waited for was cancelled"]

    in_loop(scenario)


def test_ending_the_loop_cancels_the_passes_that_run():
    async def scenario() -> None:
        ended: list[Key] = []

        async def reconcile(key: Key) -> None:
            try:
                await asyncio.Event().wait()
            finally:
                ended.append(key)

        async with Bench(reconcile).running() as bench:
            bench.queue.add(WEB)
            bench.queue.add(API)
            await settle()
        assert set(ended) == {WEB, API}

    in_loop(scenario)


def test_as_many_passes_run_at_once_as_there_are_workers():
    async def scenario() -> None:
        running = most = 0

        async def reconcile(key: Key) -> None:
            nonlocal running, most
            running += 1
            most = max(most, running)
            await bench.clock.sleep(1)
            running -= 1

        bench = Bench(reconcile, workers=8)
        async with bench.running():
            for number in range(100):
                bench.queue.add(Key("ScalingGroup", "shop", f"g{number}"))
            await bench.clock.advance(13)
            assert (len(bench.passes), most) == (100, 8)

    in_loop(scenario)


def test_lines_logged_during_a_pass_know_its_key():
    async def scenario() -> None:
        seen: list[object] = []

        async def reconcile(key: Key) -> None:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(asyncio.sleep(0)).add_done_callback(lambda _: seen.append(current_key.get()))

        async with Bench(reconcile).running() as bench:
            bench.queue.add(WEB)
            await settle()
        assert (seen, current_key.get()) == ([WEB], None)

    in_loop(scenario)


def test_a_pass_that_hangs_shows_as_a_stall():
    async def scenario() -> None:
        async def reconcile(key: Key) -> None:
            await asyncio.Event().wait()

        async with Bench(reconcile).running() as bench:
            assert (bench.loop.oldest_pass_seconds(), bench.loop.stalled(300)) == (0.0, None)
            bench.queue.add(WEB)
            await bench.clock.advance(300)
            assert bench.loop.stalled(300) is None
            await bench.clock.advance(1)
            assert bench.loop.stalled(300) == "the pass of ScalingGroup shop/web has been running for 301 s"

    in_loop(scenario)


def test_keys_that_wait_while_no_pass_ends_show_as_a_stall():
    async def scenario() -> None:
        bench = Bench(nothing)  # its workers are not running
        await bench.clock.advance(1000)
        bench.queue.add(WEB)
        assert bench.loop.stalled(300) is None
        await bench.clock.advance(301)
        assert bench.loop.stalled(300) == "1 keys are waiting, and no pass has ended for 1301 s"

    in_loop(scenario)


def test_a_long_line_is_no_stall_while_passes_end():
    async def scenario() -> None:
        async def reconcile(key: Key) -> None:
            await bench.clock.sleep(100)

        bench = Bench(reconcile, workers=1)
        async with bench.running():
            for number in range(10):
                bench.queue.add(Key("ScalingGroup", "shop", f"g{number}"))
            await bench.clock.advance(850)
            assert bench.queue.oldest_wait_seconds() == 850
            assert bench.loop.stalled(300) is None

    in_loop(scenario)


def test_an_idle_loop_and_one_that_waits_for_the_lead_are_not_stalled():
    async def scenario() -> None:
        async def reconcile(key: Key) -> None:
            await bench.clock.sleep(1)

        bench = Bench(reconcile, leading=False)
        async with bench.running():
            await bench.clock.advance(5000)
            bench.queue.add(WEB)
            await bench.clock.advance(5000)
            assert bench.loop.stalled(300) is None
            bench.leading.set()
            await settle()
            assert bench.loop.stalled(300) is None

    in_loop(scenario)
