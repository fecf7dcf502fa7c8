"""Many keys' wake-ups on one heap with one armed timer."""

import heapq
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

from windlass.engine.clock import Clock, Timer

K = TypeVar("K", bound=Hashable)

# Entries that were replaced stay in the heap until they come up; it is rebuilt when they outnumber the live ones.
SLACK = 64


class Timers(Generic[K]):
    """At most one wake-up per key, the earliest one asked for; O(log n) each.

    `fire(key)` is called on the event loop when the time has come. It may schedule again.
    """

    def __init__(self, clock: Clock, fire: Callable[[K], None]) -> None:
        self._clock = clock
        self._fire = fire
        self._due: dict[K, float] = {}
        self._heap: list[tuple[float, int, K]] = []
        self._sequence = 0  # keeps the heap from comparing keys; equal times fire in the order they were asked for
        self._timer: Timer | None = None
        self._armed_for = 0.0

    def __len__(self) -> int:
        return len(self._due)

    def schedule(self, key: K, when: float) -> None:
        """Wake `key` at `when` (monotonic seconds), unless it is to be woken earlier anyway."""
        due = self._due.get(key)
        if due is not None and due <= when:
            return
        self._due[key] = when
        self._sequence += 1
        if len(self._heap) > 2 * len(self._due) + SLACK:
            self._rebuild()
        else:
            heapq.heappush(self._heap, (when, self._sequence, key))
        self._arm()

    def cancel(self, key: K) -> None:
        """Forget the wake-up of `key`, if there is one."""
        self._due.pop(key, None)

    def clear(self) -> None:
        """Forget all of them."""
        self._due.clear()
        self._heap.clear()

    def due(self, key: K) -> float | None:
        """When `key` is to be woken (monotonic seconds), or None."""
        return self._due.get(key)

    def _rebuild(self) -> None:
        self._heap = [(when, number, key) for number, (key, when) in enumerate(self._due.items())]
        self._sequence = len(self._heap)
        heapq.heapify(self._heap)

    def _arm(self) -> None:
        while self._heap and self._due.get(self._heap[0][2]) != self._heap[0][0]:
            heapq.heappop(self._heap)
        if not self._heap:
            return
        when = self._heap[0][0]
        if self._timer is not None:
            if self._armed_for <= when:
                return
            self._timer.cancel()
        self._armed_for = when
        self._timer = self._clock.call_later(max(0.0, when - self._clock.monotonic()), self._run)

    def _run(self) -> None:
        self._timer = None
        now = self._clock.monotonic()
        while self._heap and self._heap[0][0] <= now:
            when, _, key = heapq.heappop(self._heap)
            if self._due.get(key) == when:
                del self._due[key]
                self._fire(key)
        self._arm()
