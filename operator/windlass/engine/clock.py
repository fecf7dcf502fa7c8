"""Time as the engine knows it: one protocol, so that a test can hold every timer in its hand."""

import asyncio
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Protocol


class Timer(Protocol):
    """A callback that has been asked for and may still be called off."""

    def cancel(self) -> None:
        """Call it off; harmless when it has run already."""
        ...


class Clock(Protocol):
    """Where the time comes from and who wakes us.

    Decisions use `now`; waits and limits use `monotonic`, which a changed system clock does not move.
    """

    def now(self) -> datetime:
        """The time of day, aware, in UTC."""
        ...

    def monotonic(self) -> float:
        """Seconds since some fixed moment; never goes back."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Wait; zero or less gives way once."""
        ...

    def call_later(self, seconds: float, callback: Callable[[], None]) -> Timer:
        """Run `callback` on the event loop after so many seconds."""
        ...


class SystemClock:
    """The real time; timers run on the event loop of the caller."""

    def now(self) -> datetime:
        """The time of day in UTC."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """Seconds of the clock that asyncio's own timers follow."""
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        """Wait for so many seconds."""
        await asyncio.sleep(seconds)

    def call_later(self, seconds: float, callback: Callable[[], None]) -> Timer:
        """Run `callback` on the running event loop after so many seconds."""
        return asyncio.get_running_loop().call_later(seconds, callback)
