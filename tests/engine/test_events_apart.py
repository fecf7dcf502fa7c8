"""Events that are worth one of their own though others of their reason were told just before."""

import asyncio

from tests.engine.manual_clock import settle
from tests.engine.test_events import WEB, Bench
from windlass.engine.events import BURST_PER_OBJECT


def test_each_message_that_is_told_apart_is_an_event_of_its_own_and_repeats_are_counted() -> None:
    async def scenario() -> None:
        async with Bench().running() as bench:
            for name in ("web-1", "web-2", "web-1"):
                bench.recorder.emit(WEB, "Warning", "InstanceLeaves", f"removing {name}", apart=True)
                await settle()
            assert bench.server.seen() == [
                ("InstanceLeaves", "removing web-1", 2),
                ("InstanceLeaves", "removing web-2", 1),
            ]

    asyncio.run(scenario())


def test_many_of_them_share_one_event_and_leave_half_of_the_writes_to_others() -> None:
    async def scenario() -> None:
        async with Bench().running() as bench:
            for number in range(100):
                bench.recorder.emit(WEB, "Warning", "InstanceLeaves", f"removing web-{number}", apart=True)
                await settle()
            seen = bench.server.seen()
            assert BURST_PER_OBJECT / 2 < len(seen) <= BURST_PER_OBJECT / 2 + 2

    asyncio.run(scenario())
