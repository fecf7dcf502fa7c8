import asyncio
from datetime import UTC, timedelta

from tests.engine.manual_clock import START, ManualClock
from windlass.engine.clock import Clock, SystemClock


def test_the_system_clock_is_aware_and_in_utc():
    assert SystemClock().now().tzinfo is UTC


def test_the_system_clock_sleeps_as_long_as_it_is_told():
    async def scenario() -> float:
        clock: Clock = SystemClock()
        before = clock.monotonic()
        await clock.sleep(0.01)
        return clock.monotonic() - before

    assert asyncio.run(scenario()) >= 0.01


def test_a_timer_of_the_system_clock_runs_and_can_be_called_off():
    async def scenario() -> list[str]:
        clock: Clock = SystemClock()
        called: list[str] = []
        ran = asyncio.Event()
        clock.call_later(0.001, lambda: called.append("called off")).cancel()
        clock.call_later(0.002, ran.set)
        await asyncio.wait_for(ran.wait(), 5)
        return called

    assert asyncio.run(scenario()) == []


def test_the_manual_clock_wakes_sleepers_in_the_order_of_their_times():
    async def scenario() -> list[tuple[str, float]]:
        clock: Clock
        clock = manual = ManualClock()
        woken: list[tuple[str, float]] = []

        async def sleeper(name: str, seconds: float) -> None:
            await clock.sleep(seconds)
            woken.append((name, clock.monotonic()))

        async with asyncio.TaskGroup() as tasks:
            for name, seconds in [("late", 3.0), ("early", 1.0), ("middle", 2.0)]:
                tasks.create_task(sleeper(name, seconds))
            await manual.advance(2.5)
            assert woken == [("early", 1.0), ("middle", 2.0)]
            assert clock.now() == START + timedelta(seconds=2.5)
            await manual.advance(0.5)
        return woken

    assert asyncio.run(scenario()) == [("early", 1.0), ("middle", 2.0), ("late", 3.0)]
