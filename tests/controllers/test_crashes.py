"""The real controller and loop, with the process ending at each of its requests in turn: as if nothing had happened."""

import asyncio
from itertools import product

import pytest

from tests.controllers.processes import Asked, Crash, Process
from tests.controllers.small_cluster import SmallCluster

LONGER_THAN_RESYNC = 700  # seconds: every group has been looked at again by then


async def new_group() -> SmallCluster:
    """Three are wanted, and nobody is there."""
    small = SmallCluster(3, zones=["zone-a", "zone-b", "zone-c"])
    small.most = 3
    return small


async def unset() -> SmallCluster:
    """Nobody has said how many are wanted; at least two are."""
    small = SmallCluster(None, minSize=2)
    small.most = 2
    return small


async def of(size: int) -> SmallCluster:
    small = SmallCluster(size)
    async with Process(small.objects, small.clock) as process:
        process.start()
        await small.settle(process)
    return small


async def scale_out() -> SmallCluster:
    small = await of(2)
    small.most, small.least = 5, 2
    small.change(desiredSize=5)
    return small


async def scale_in() -> SmallCluster:
    small = await of(5)
    small.most, small.least = 5, 3
    small.change(desiredSize=3)
    return small


async def replacement() -> SmallCluster:
    """Two of four have ended, after more than the minute in which that would be a failed launch."""
    small = await of(4)
    await small.clock.advance(61)
    small.most, small.least = 4, 2
    small.fail("web-1")
    small.fail("web-2")
    return small


STORIES = {story.__name__: story for story in (new_group, unset, scale_out, scale_in, replacement)}


async def undisturbed(story: str, *, prompt: bool) -> tuple[SmallCluster, int]:
    """How the story ends, and in how many requests."""
    small = await STORIES[story]()
    async with Process(small.objects, small.clock, prompt=prompt) as process:
        process.start()
        await small.settle(process)
        return small, len(process.transport.asked)


async def disturbed(story: str, *crashes: Crash, prompt: bool, late_at: int = 0) -> SmallCluster:
    """A process after each crash, the last of which brings the story to its end and then leaves the group alone."""
    small = await STORIES[story]()
    small.latecomers = any(crash.arrives == "late" for crash in crashes)
    late: list[tuple[int, Asked]] = []
    for crash in (*crashes, None):
        async with Process(small.objects, small.clock, crash=crash, prompt=prompt) as process:
            process.transport.overtaken = late
            process.start()
            await small.settle(process)
            late = [*late, *((late_at, asked) for asked in process.transport.late)]
            if crash is None:
                await rests(small, process)
    return small


async def rests(small: SmallCluster, process: Process) -> None:
    count = small.objects.version
    await process.live(LONGER_THAN_RESYNC)
    assert small.objects.version == count, "a group at rest is written to"


@pytest.mark.parametrize("prompt", [True, False], ids=["prompt watches", "slow watches"])
@pytest.mark.parametrize("story", STORIES)
def test_a_crash_at_any_request_changes_nothing_in_the_end(story: str, prompt: bool) -> None:
    async def play() -> None:
        expected, count = await undisturbed(story, prompt=prompt)
        assert count >= 10
        for at, arrives in product(range(count), ("never", "at once")):
            small = await disturbed(story, Crash(at, arrives), prompt=prompt)
            assert small.outcome() == expected.outcome(), f"after a crash at request {at} of {count}, {arrives} done"

    asyncio.run(play())


@pytest.mark.parametrize("story", STORIES)
def test_requests_that_overtake_their_own_process_change_nothing_in_the_end(story: str) -> None:
    """What was under way when the process ended arrives between any two requests of the next one."""

    async def play() -> None:
        expected, count = await undisturbed(story, prompt=False)
        for at, late_at in product(range(count), range(6)):
            small = await disturbed(story, Crash(at, "late"), prompt=False, late_at=late_at)
            assert small.outcome() == expected.outcome(), f"crash at request {at}, which arrives {late_at} later"

    asyncio.run(play())


@pytest.mark.parametrize("story", ["scale_out", "scale_in", "replacement"])
def test_two_crashes_change_nothing_in_the_end(story: str) -> None:
    async def play() -> None:
        expected, count = await undisturbed(story, prompt=False)
        for first, second in product(range(count), range(5)):
            small = await disturbed(story, Crash(first, "at once"), Crash(second, "never"), prompt=False)
            assert small.outcome() == expected.outcome(), f"after crashes at requests {first} and {second}"

    asyncio.run(play())
