"""The real controller and loop, with the process ending at each of its requests in turn: as if nothing had happened."""

import asyncio
from itertools import product

import pytest

from tests.controllers.processes import Asked, Crash, Process
from tests.controllers.town import Town

LONGER_THAN_RESYNC = 700  # seconds: every group has been looked at again by then


async def new_group() -> Town:
    """Three are wanted, and nobody is there."""
    town = Town(3, zones=["zone-a", "zone-b", "zone-c"])
    town.most = 3
    return town


async def unset() -> Town:
    """Nobody has said how many are wanted; at least two are."""
    town = Town(None, minSize=2)
    town.most = 2
    return town


async def of(size: int) -> Town:
    town = Town(size)
    async with Process(town.objects, town.clock) as process:
        process.start()
        await town.settle(process)
    return town


async def scale_out() -> Town:
    town = await of(2)
    town.most, town.least = 5, 2
    town.change(desiredSize=5)
    return town


async def scale_in() -> Town:
    town = await of(5)
    town.most, town.least = 5, 3
    town.change(desiredSize=3)
    return town


async def replacement() -> Town:
    """Two of four have ended, after more than the minute in which that would be a failed launch."""
    town = await of(4)
    await town.clock.advance(61)
    town.most, town.least = 4, 2
    town.fail("web-1")
    town.fail("web-2")
    return town


STORIES = {story.__name__: story for story in (new_group, unset, scale_out, scale_in, replacement)}


async def undisturbed(story: str, *, prompt: bool) -> tuple[Town, int]:
    """How the story ends, and in how many requests."""
    town = await STORIES[story]()
    async with Process(town.objects, town.clock, prompt=prompt) as process:
        process.start()
        await town.settle(process)
        return town, len(process.transport.asked)


async def disturbed(story: str, *crashes: Crash, prompt: bool, late_at: int = 0) -> Town:
    """A process after each crash, the last of which brings the story to its end and then leaves the group alone."""
    town = await STORIES[story]()
    town.latecomers = any(crash.arrives == "late" for crash in crashes)
    late: list[tuple[int, Asked]] = []
    for crash in (*crashes, None):
        async with Process(town.objects, town.clock, crash=crash, prompt=prompt) as process:
            process.transport.overtaken = late
            process.start()
            await town.settle(process)
            late = [*late, *((late_at, asked) for asked in process.transport.late)]
            if crash is None:
                await rests(town, process)
    return town


async def rests(town: Town, process: Process) -> None:
    count = town.objects.version
    await process.live(LONGER_THAN_RESYNC)
    assert town.objects.version == count, "a group at rest is written to"


@pytest.mark.parametrize("prompt", [True, False], ids=["prompt watches", "slow watches"])
@pytest.mark.parametrize("story", STORIES)
def test_a_crash_at_any_request_changes_nothing_in_the_end(story: str, prompt: bool) -> None:
    async def play() -> None:
        expected, count = await undisturbed(story, prompt=prompt)
        assert count >= 10
        for at, arrives in product(range(count), ("never", "at once")):
            town = await disturbed(story, Crash(at, arrives), prompt=prompt)
            assert town.outcome() == expected.outcome(), f"after a crash at request {at} of {count}, {arrives} done"

    asyncio.run(play())


@pytest.mark.parametrize("story", STORIES)
def test_requests_that_overtake_their_own_process_change_nothing_in_the_end(story: str) -> None:
    """What was under way when the process ended arrives between any two requests of the next one."""

    async def play() -> None:
        expected, count = await undisturbed(story, prompt=False)
        for at, late_at in product(range(count), range(6)):
            town = await disturbed(story, Crash(at, "late"), prompt=False, late_at=late_at)
            assert town.outcome() == expected.outcome(), f"crash at request {at}, which arrives {late_at} later"

    asyncio.run(play())


@pytest.mark.parametrize("story", ["scale_out", "scale_in", "replacement"])
def test_two_crashes_change_nothing_in_the_end(story: str) -> None:
    async def play() -> None:
        expected, count = await undisturbed(story, prompt=False)
        for first, second in product(range(count), range(5)):
            town = await disturbed(story, Crash(first, "at once"), Crash(second, "never"), prompt=False)
            assert town.outcome() == expected.outcome(), f"after crashes at requests {first} and {second}"

    asyncio.run(play())
