import asyncio

from tests.engine.manual_clock import ManualClock, seeded
from windlass.engine.timers import SLACK, Timers


def test_the_earliest_time_wins_per_key():
    async def scenario() -> None:
        clock, fired = ManualClock(), []
        timers: Timers[str] = Timers(clock, lambda key: fired.append((key, clock.monotonic())))
        timers.schedule("web", 10)
        timers.schedule("web", 3)
        timers.schedule("web", 7)
        await clock.advance(20)
        assert fired == [("web", 3.0)]

    asyncio.run(scenario())


def test_a_cancelled_wake_up_does_not_come_and_can_be_asked_for_again():
    async def scenario() -> None:
        clock, fired = ManualClock(), []
        timers: Timers[str] = Timers(clock, lambda key: fired.append((key, clock.monotonic())))
        timers.schedule("web", 3)
        timers.cancel("web")
        timers.schedule("web", 5)
        timers.cancel("api")
        await clock.advance(20)
        assert fired == [("web", 5.0)]

    asyncio.run(scenario())


def test_one_timer_is_armed_for_thousands_of_keys():
    async def scenario() -> None:
        clock, fired = ManualClock(), []
        timers: Timers[int] = Timers(clock, lambda key: fired.append((clock.monotonic(), key)))
        due = {key: seeded(key).uniform(0, 600) for key in range(5000)}
        for key, when in due.items():
            timers.schedule(key, when)
        assert clock.armed == 1
        await clock.advance(600)
        assert fired == sorted((when, key) for key, when in due.items())
        assert (clock.armed, len(timers)) == (0, 0)

    asyncio.run(scenario())


def test_replaced_wake_ups_do_not_pile_up():
    async def scenario() -> None:
        clock = ManualClock()
        timers: Timers[str] = Timers(clock, lambda key: None)
        timers.schedule("other", 600)
        for _ in range(10_000):
            timers.schedule("web", clock.monotonic() + 600)
            timers.cancel("web")
        assert len(timers._heap) <= 2 * len(timers) + SLACK + 2

    asyncio.run(scenario())


def test_a_key_may_be_scheduled_again_while_it_fires():
    async def scenario() -> None:
        clock = ManualClock()
        fired: list[float] = []

        def again(key: str) -> None:
            fired.append(clock.monotonic())
            if len(fired) < 3:
                timers.schedule(key, clock.monotonic() + 10)

        timers: Timers[str] = Timers(clock, again)
        timers.schedule("web", 0)
        await clock.advance(100)
        assert fired == [0.0, 10.0, 20.0]

    asyncio.run(scenario())
