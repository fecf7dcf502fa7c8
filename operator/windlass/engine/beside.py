"""Work that takes too long for a pass: a task for each key beside the loop, whose outcome a later pass takes."""

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Generic, TypeVar

from windlass.engine.queue import Key

T = TypeVar("T")


@dataclass(slots=True)
class _Work(Generic[T]):
    tag: str
    task: asyncio.Task[T]


class Beside(Generic[T]):
    """At most one task for each key. `ended(key)` is told when one has ended by itself.

    `tag` tells what a task is for: one of another tag is cancelled and waited for before the next begins.
    """

    def __init__(self, ended: Callable[[Key], None]) -> None:
        self._ended = ended
        self._works: dict[Key, _Work[T]] = {}

    def __len__(self) -> int:
        return len(self._works)

    def runs(self, key: Key, tag: str) -> bool:
        """Whether there is a task of this tag, over or not."""
        work = self._works.get(key)
        return work is not None and work.tag == tag

    def outcome(self, key: Key) -> asyncio.Task[T] | None:
        """The key's task, if it is over; it stays until `forget`."""
        work = self._works.get(key)
        return work.task if work is not None and work.task.done() else None

    async def begin(self, key: Key, tag: str, work: Callable[[], Coroutine[None, None, T]]) -> None:
        """Have this done, unless it is being done."""
        if self.runs(key, tag):
            return
        await self.forget(key)
        task = asyncio.create_task(work(), name=f"beside {key}")
        self._works[key] = _Work(tag, task)
        task.add_done_callback(lambda done: None if done.cancelled() else self._ended(key))

    async def forget(self, key: Key) -> None:
        """Drop the key's task; one that is not over is cancelled and waited for."""
        work = self._works.pop(key, None)
        if work is None:
            return
        work.task.cancel()
        await asyncio.gather(work.task, return_exceptions=True)

    def cancel_all(self) -> None:
        """End all: we do not lead any more. Nothing waits for them here: writes are fenced."""
        for work in self._works.values():
            work.task.cancel()
            work.task.add_done_callback(_read)
        self._works.clear()


def _read(task: asyncio.Task[T]) -> None:
    if not task.cancelled():
        task.exception()
