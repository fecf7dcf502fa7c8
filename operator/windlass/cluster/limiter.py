"""How many requests are under way at one API server, and who goes first when there are too many."""

import asyncio
from collections import deque
from contextlib import suppress

# How many bulk jobs go on beside small ones. 64 give an API server's full throughput, but whoever comes then waits
# behind them inside it, where nobody can let him pass: about 50 ms on two cores.
BULK_BESIDE_SMALL = 16


class Limiter:
    """At most `limit` places; a waiting small job takes one before a bulk one does.

    While small jobs are under way or wait, bulk ones hold at most BULK_BESIDE_SMALL places (a quarter of them all, if
    that is less): those that have more give them back as they end. As many are kept for them while they wait. Within
    each kind it is first come, first served.
    """

    def __init__(self, limit: int) -> None:
        if limit < 1:
            raise ValueError(f"the limit of requests in flight is {limit}; it must be at least 1")
        self._limit = limit
        self._for_bulk = min(BULK_BESIDE_SMALL, limit // 4)
        self._small = self._bulk = 0  # under way
        self._waiting_small: deque[asyncio.Future[None]] = deque()
        self._waiting_bulk: deque[asyncio.Future[None]] = deque()

    async def acquire(self, *, bulk: bool = False) -> None:
        """Take a place, waiting for one if need be. Each success is followed by one `release` of the same kind."""
        if self._may_start(bulk):
            self._start(bulk)
            return
        waiter = asyncio.get_running_loop().create_future()
        queue = self._waiting_bulk if bulk else self._waiting_small
        queue.append(waiter)
        try:
            await waiter
        except asyncio.CancelledError:
            if waiter.cancelled():
                with suppress(ValueError):  # it has been passed over already
                    queue.remove(waiter)
                self._hand_on()  # the others may have waited for this one
            else:
                self.release(bulk=bulk)  # the place had been handed over already
            raise

    def release(self, *, bulk: bool = False) -> None:
        """Give the place back, and on to whoever waits."""
        if bulk:
            self._bulk -= 1
        else:
            self._small -= 1
        self._hand_on()

    def _may_start(self, bulk: bool) -> bool:
        if self._small + self._bulk >= self._limit:
            return False
        if bulk:
            return not (self._small or self._waiting_small) or self._bulk < max(1, self._for_bulk)
        return not self._waiting_bulk or self._small < self._limit - self._for_bulk

    def _start(self, bulk: bool) -> None:
        if bulk:
            self._bulk += 1
        else:
            self._small += 1

    def _hand_on(self) -> None:
        for queue, bulk in ((self._waiting_small, False), (self._waiting_bulk, True)):
            while queue and self._may_start(bulk):
                waiter = queue.popleft()
                if not waiter.done():
                    self._start(bulk)
                    waiter.set_result(None)
