"""A clock that stands still until a test moves it."""

import asyncio
import heapq
import random
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

START = datetime(2026, 7, 1, 12, 0, tzinfo=UTC)


class ManualTimer:
    def __init__(self, callback: Callable[[], None]) -> None:
        self.callback = callback
        self.cancelled = False

    def cancel(self) -> None:
        self.cancelled = True


class ManualClock:
    """Fits the engine's Clock; `await advance(seconds)` runs everything that falls due on the way, in its order."""

    def __init__(self) -> None:
        self._elapsed = 0.0
        self._timers: list[tuple[float, int, ManualTimer]] = []
        self._sequence = 0

    def now(self) -> datetime:
        return START + timedelta(seconds=self._elapsed)

    def monotonic(self) -> float:
        return self._elapsed

    async def sleep(self, seconds: float) -> None:
        woken = asyncio.get_running_loop().create_future()
        timer = self.call_later(seconds, lambda: None if woken.done() else woken.set_result(None))
        try:
            await woken
        finally:
            timer.cancel()

    def call_later(self, seconds: float, callback: Callable[[], None]) -> ManualTimer:
        self._sequence += 1
        timer = ManualTimer(callback)
        heapq.heappush(self._timers, (self._elapsed + max(0.0, seconds), self._sequence, timer))
        return timer

    @property
    def armed(self) -> int:
        """How many timers wait."""
        return sum(not timer.cancelled for _, _, timer in self._timers)

    async def advance(self, seconds: float) -> None:
        target = self._elapsed + seconds
        await settle()
        while self._timers and self._timers[0][0] <= target:
            when, _, timer = heapq.heappop(self._timers)
            if not timer.cancelled:
                self._elapsed = max(self._elapsed, when)
                timer.callback()
                await settle()
        self._elapsed = target
        await settle()


async def settle() -> None:
    """Let every task run until it waits for something."""
    loop = asyncio.get_running_loop()
    await asyncio.sleep(0)
    while loop._ready:  # type: ignore[attr-defined]
        await asyncio.sleep(0)


def seeded(seed: int = 1) -> random.Random:
    """Chance that is the same in every run."""
    return random.Random(seed)  # noqa: S311  nothing secret
