import asyncio
from collections.abc import Awaitable, Callable

import pytest

from tests.engine.manual_clock import ManualClock
from windlass.engine.supervisor import Supervisor

Scenario = Callable[[], Awaitable[None]]


class Watched:
    """A supervisor and the moments at which it started its charge."""

    def __init__(self, run_once: Callable[[int], Awaitable[None]]) -> None:
        self.clock = ManualClock()
        self.starts: list[float] = []
        self.restarts = 0
        self._run_once = run_once
        self.supervisor = Supervisor(self.run_once, "kopf", self.clock, on_restart=self.count)
        self.task = asyncio.create_task(self.supervisor.run())

    async def run_once(self) -> None:
        self.starts.append(self.clock.monotonic())
        await self._run_once(len(self.starts))

    def count(self) -> None:
        self.restarts += 1

    async def end(self) -> None:
        self.task.cancel()
        await asyncio.wait([self.task])
        assert self.task.cancelled()


async def fail(start: int) -> None:
    raise ConnectionError("HTTP 410 in answer to a watch\nand more")


def test_what_fails_is_started_again_after_1_s_doubling_to_15_s():
    async def scenario() -> None:
        watched = Watched(fail)
        await watched.clock.advance(61)
        assert watched.starts == [0, 1, 3, 7, 15, 30, 45, 60]
        assert watched.restarts == 7
        await watched.end()

    asyncio.run(scenario())


def test_what_returns_or_exits_or_is_cancelled_from_within_is_started_again():
    async def scenario() -> None:
        async def end_somehow(start: int) -> None:
            if start == 1:
                return
            if start == 2:
                raise SystemExit(1)
            if start == 3:
                raise asyncio.CancelledError
            await asyncio.Event().wait()

        watched = Watched(end_somehow)
        await watched.clock.advance(100)
        assert watched.starts == [0, 1, 3, 7]
        await watched.end()

    asyncio.run(scenario())


def test_ten_seconds_of_health_make_the_next_pause_short_again():
    async def scenario() -> None:
        async def recover(start: int) -> None:
            if start == 5:
                await watched.clock.sleep(10)
            raise ConnectionError("HTTP 403")

        watched = Watched(recover)
        await watched.clock.advance(30)
        assert watched.starts == [0, 1, 3, 7, 15, 26, 28]
        await watched.end()

    asyncio.run(scenario())


def test_each_end_is_one_line_with_its_reason(caplog: pytest.LogCaptureFixture):
    async def scenario() -> None:
        watched = Watched(fail)
        await watched.clock.advance(1.5)
        await watched.end()

    asyncio.run(scenario())
    assert caplog.messages == [
        "kopf ended after 0 s: ConnectionError: HTTP 410 in answer to a watch and more; starting it again in 1 s",
        "kopf ended after 0 s: ConnectionError: HTTP 410 in answer to a watch and more; starting it again in 2 s",
    ]


def test_it_stops_at_once_while_its_charge_runs_and_while_it_pauses():
    async def scenario() -> None:
        async def wait(start: int) -> None:
            await asyncio.Event().wait()

        running = Watched(wait)
        await running.clock.advance(1)
        await running.end()
        pausing = Watched(fail)
        await pausing.clock.advance(4)
        await pausing.end()
        assert (len(running.starts), running.restarts) == (1, 0)

    asyncio.run(scenario())


def test_the_third_end_of_one_kind_is_an_error_and_then_each_tenth(caplog: pytest.LogCaptureFixture):
    async def scenario() -> None:
        watched = Watched(fail)
        await watched.clock.advance(2)
        assert watched.supervisor.trouble is None
        await watched.clock.advance(13 * 15)
        assert watched.supervisor.trouble == (
            f"it ended {len(watched.starts)} times in a row: ConnectionError: HTTP 410 in answer to a watch and more"
        )
        await watched.end()

    caplog.set_level("DEBUG", logger="windlass.engine.supervisor")
    asyncio.run(scenario())
    levels = [each.levelname for each in caplog.records if " ended after " in each.getMessage()]
    assert levels[:14] == ["WARNING"] * 2 + ["ERROR"] + ["DEBUG"] * 9 + ["ERROR", "DEBUG"]


def test_trouble_is_over_after_ten_seconds_of_health_and_with_another_reason():
    async def scenario() -> None:
        async def fail_differently(start: int) -> None:
            if start == 5:
                raise ConnectionError("HTTP 403")
            if start == 9:
                await asyncio.Event().wait()
            raise ConnectionError("HTTP 410")

        watched = Watched(fail_differently)
        await watched.clock.advance(7)
        assert watched.supervisor.trouble == "it ended 4 times in a row: ConnectionError: HTTP 410"
        await watched.clock.advance(8)
        assert watched.supervisor.trouble is None
        await watched.clock.advance(45 + 9)
        assert len(watched.starts) == 8
        assert watched.supervisor.trouble == "it ended 3 times in a row: ConnectionError: HTTP 410"
        await watched.clock.advance(6 + 9)
        assert len(watched.starts) == 9
        assert watched.supervisor.trouble is not None
        await watched.clock.advance(1)
        assert watched.supervisor.trouble is None
        await watched.end()

    asyncio.run(scenario())
