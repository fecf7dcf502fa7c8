"""Who goes first."""

import asyncio
from collections.abc import Coroutine
from typing import Any

import pytest

from windlass.cluster.limiter import BULK_BESIDE_SMALL, Limiter


def run(coroutine: Coroutine[Any, Any, None]) -> None:
    asyncio.run(asyncio.wait_for(coroutine, 5))


async def give_way() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


def test_no_more_than_the_limit_are_under_way() -> None:
    async def scenario() -> None:
        limiter, under_way, most = Limiter(3), 0, 0

        async def job() -> None:
            nonlocal under_way, most
            await limiter.acquire()
            under_way += 1
            most = max(most, under_way)
            await give_way()
            under_way -= 1
            limiter.release()

        await asyncio.gather(*(job() for _ in range(20)))
        assert most == 3

    run(scenario())


def test_small_jobs_overtake_bulk_ones_that_wait() -> None:
    async def scenario() -> None:
        limiter, order = Limiter(1), []

        async def job(name: str, *, bulk: bool) -> None:
            await limiter.acquire(bulk=bulk)
            order.append(name)
            limiter.release(bulk=bulk)

        await limiter.acquire()
        async with asyncio.TaskGroup() as jobs:
            for name, bulk in (("bulk-1", True), ("bulk-2", True), ("small-1", False), ("small-2", False)):
                jobs.create_task(job(name, bulk=bulk))
            await give_way()
            limiter.release()
        assert order == ["small-1", "small-2", "bulk-1", "bulk-2"]

    run(scenario())


def test_bulk_jobs_give_way_while_small_ones_are_under_way() -> None:
    async def scenario() -> None:
        limiter = Limiter(64)
        for _ in range(40):
            await limiter.acquire(bulk=True)
        await limiter.acquire()
        waiting = [asyncio.create_task(limiter.acquire(bulk=True)) for _ in range(10)]
        for _ in range(40 - BULK_BESIDE_SMALL):
            limiter.release(bulk=True)
        await give_way()
        assert not any(task.done() for task in waiting)
        limiter.release(bulk=True)
        await give_way()
        assert [task.done() for task in waiting] == [True] + [False] * 9
        limiter.release()
        await give_way()
        assert all(task.done() for task in waiting)

    run(scenario())


def test_small_jobs_leave_some_places_to_bulk_ones_that_wait() -> None:
    async def scenario() -> None:
        limiter = Limiter(64)
        for _ in range(64):
            await limiter.acquire()
        bulk = [asyncio.create_task(limiter.acquire(bulk=True)) for _ in range(100)]
        small = [asyncio.create_task(limiter.acquire()) for _ in range(100)]
        await give_way()
        for _ in range(30):
            limiter.release()
        await give_way()
        assert sum(task.done() for task in bulk) == BULK_BESIDE_SMALL
        assert sum(task.done() for task in small) == 30 - BULK_BESIDE_SMALL
        for task in bulk + small:
            task.cancel()
        await asyncio.gather(*bulk, *small, return_exceptions=True)

    run(scenario())


def test_a_cancelled_waiter_leaves_its_place_to_others() -> None:
    async def scenario() -> None:
        limiter = Limiter(1)
        await limiter.acquire()
        impatient = asyncio.create_task(limiter.acquire())
        patient = asyncio.create_task(limiter.acquire())
        await give_way()
        impatient.cancel()
        await give_way()
        limiter.release()
        await patient

    run(scenario())


def test_a_waiter_who_is_cancelled_just_before_its_turn_is_passed_over() -> None:
    async def scenario() -> None:
        limiter = Limiter(1)
        await limiter.acquire()
        unlucky, next_one = asyncio.create_task(limiter.acquire()), asyncio.create_task(limiter.acquire())
        await give_way()
        unlucky.cancel()
        limiter.release()
        with pytest.raises(asyncio.CancelledError):
            await unlucky
        await next_one

    run(scenario())


def test_a_place_handed_to_a_waiter_who_is_cancelled_at_that_moment_is_not_lost() -> None:
    async def scenario() -> None:
        limiter = Limiter(1)
        await limiter.acquire()
        unlucky = asyncio.create_task(limiter.acquire())
        await give_way()
        limiter.release()  # hands the place over …
        unlucky.cancel()  # … and nobody takes it
        with pytest.raises(asyncio.CancelledError):
            await unlucky
        await limiter.acquire()

    run(scenario())


def test_a_limit_below_one_is_refused() -> None:
    with pytest.raises(ValueError, match="at least 1"):
        Limiter(0)
