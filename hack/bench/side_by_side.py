"""Many requests, so many at once as the operator makes."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import TypeVar

T = TypeVar("T")

AT_ONCE = 64


async def side_by_side(job: Callable[[T], Awaitable[object]], items: Iterable[T]) -> None:
    """Do the job for every item, `AT_ONCE` at a time; the first failure ends it."""
    waiting = iter(items)

    async def work() -> None:
        for item in waiting:
            await job(item)

    try:
        async with asyncio.TaskGroup() as workers:
            for _ in range(AT_ONCE):
                workers.create_task(work())
    except ExceptionGroup as failures:
        raise failures.exceptions[0] from None
