"""How many requests are under way at one API server, and who goes first when there are too many."""

import asyncio
from collections import deque
from contextlib import suppress


class Limiter:
    """At most `limit` places; a free one goes to a waiting small job before it goes to a bulk one.

    Small jobs are few, so bulk ones do not starve; within each kind it is first come, first served.
    """

    def __init__(self, limit: int) -> None:
        if limit < 1:
            raise ValueError(f"the limit of requests in flight is {limit}; it must be at least 1")
        self._free = limit
        self._small: deque[asyncio.Future[None]] = deque()
        self._bulk: deque[asyncio.Future[None]] = deque()

    async def acquire(self, *, bulk: bool = False) -> None:
        """Take a place, waiting for one if need be. Each success is followed by one `release`."""
        if self._free:
            self._free -= 1
            return
        waiter = asyncio.get_running_loop().create_future()
        queue = self._bulk if bulk else self._small
        queue.append(waiter)
        try:
            await waiter
        except asyncio.CancelledError:
            if waiter.cancelled():
                with suppress(ValueError):  # `release` has passed over it already
                    queue.remove(waiter)
            else:
                self.release()  # the place had been handed over already
            raise

    def release(self) -> None:
        """Give the place back, or on to whoever waits."""
        for queue in (self._small, self._bulk):
            while queue:
                waiter = queue.popleft()
                if not waiter.done():
                    waiter.set_result(None)
                    return
        self._free += 1
