"""Sending many requests without drowning the API server, and stopping at the first that fails."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

R = TypeVar("R")

# Measured: 64 requests at once give an API server's full throughput; 256 are slower.
MOST_IN_FLIGHT = 64


@dataclass(slots=True)
class Results(Generic[R]):
    """What became of each job that was started, by its index in the sequence; failures in the order of their jobs."""

    completed: dict[int, R] = field(default_factory=dict)
    failed: dict[int, Exception] = field(default_factory=dict)


async def slow_start(
    jobs: Sequence[Callable[[], Awaitable[R]]], *, limit: int = MOST_IN_FLIGHT, initial: int = 1
) -> Results[R]:
    """Run `jobs` in their order, `initial` at once, then twice as many after each round, up to `limit`.

    Each success lets two follow, so 1, 2, 4, 8 … are in flight; at `limit` a new one starts whenever one ends. After
    the first failure nothing more is started, and what is in flight is waited for. Failures are answers, not
    exceptions. Cancelling the call cancels what is in flight.
    """
    batch = _Batch(jobs, limit)
    async with asyncio.TaskGroup() as workers:
        for _ in range(min(initial, limit, len(jobs))):
            batch.start_worker(workers)
    batch.results.failed = dict(sorted(batch.results.failed.items()))
    return batch.results


class _Batch(Generic[R]):
    """Workers that take the next job until there is none; each success starts one more, up to the limit."""

    def __init__(self, jobs: Sequence[Callable[[], Awaitable[R]]], limit: int) -> None:
        self.results: Results[R] = Results()
        self.next = 0
        self._jobs = jobs
        self._limit = limit
        self._workers = 0

    def start_worker(self, group: asyncio.TaskGroup) -> None:
        if self._workers < self._limit and self.next < len(self._jobs):
            self._workers += 1
            group.create_task(self._work(group))

    async def _work(self, group: asyncio.TaskGroup) -> None:
        while self.next < len(self._jobs) and not self.results.failed:
            index = self.next
            self.next += 1
            try:
                self.results.completed[index] = await self._jobs[index]()
            except asyncio.CancelledError as cancelled:
                if (task := asyncio.current_task()) is not None and task.cancelling():
                    raise
                failure = RuntimeError("the request was cancelled by somebody else")
                failure.__cause__ = cancelled
                self.results.failed[index] = failure
            except Exception as error:  # handed on in the results
                self.results.failed[index] = error
            else:
                self.start_worker(group)
