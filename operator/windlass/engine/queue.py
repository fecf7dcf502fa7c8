"""The work queue: which object is looked at next.

A key that has been quiet is handed out at once. What arrives while it is being worked on, or within the gather time
after that, becomes one further pass, so that a burst of events costs two passes and not a thousand.
"""

import asyncio
import random
from collections import OrderedDict, deque
from collections.abc import Callable
from contextlib import suppress
from typing import NamedTuple

from windlass.engine.clock import Clock
from windlass.engine.timers import Timers
from windlass.planner.backoff import doubling

# How long a key rests after a pass. A ReplicaSet asks for a killed Pod's replacement after 5 ms, 169 ms at worst.
GATHER_SECONDS = 0.05

FIRST_BACK_OFF_SECONDS = 1.0
LONGEST_BACK_OFF_SECONDS = 300.0
# Each delay is spread by this share to either side, so that keys that failed together do not come back together.
BACK_OFF_JITTER = 0.2


class Key(NamedTuple):
    """Names one object to be looked at: `ScalingGroup shop/web`."""

    kind: str
    namespace: str
    name: str

    def __str__(self) -> str:
        return f"{self.kind} {self.namespace}/{self.name}" if self.namespace else f"{self.kind} {self.name}"


class Queue:
    """De-duplicating, fair between keys, at most one worker per key. To be used from one event loop.

    A key has at most one timer (gather time, wake-up, back-off): the earliest asked for. It is dropped when the key is
    handed out, because a pass looks at everything and says itself when it wants to be woken.

    While it is closed nothing is queued: a replica that stands by works on nothing, so its queue would only grow. Who
    opens it adds all keys there are.
    """

    def __init__(
        self,
        clock: Clock,
        *,
        observe_wait: Callable[[float], None] | None = None,
        rng: random.Random | None = None,
    ) -> None:
        """`observe_wait` is told how many seconds a key waited for a worker, once for each hand-out."""
        self._clock = clock
        self._observe_wait = observe_wait
        self._rng = rng or random.Random()  # noqa: S311  jitter, nothing secret
        self._timers: Timers[Key] = Timers(clock, self._offer)
        self._ready: OrderedDict[Key, float] = OrderedDict()  # since when it waits
        self._active: set[Key] = set()
        self._again: dict[Key, bool] = {}  # asked for while being worked on; whether at once
        self._resting: OrderedDict[Key, float] = OrderedDict()  # until when; ends in the order it began
        self._failures: dict[Key, int] = {}
        self._getters: deque[asyncio.Future[None]] = deque()
        self._closed = False

    @property
    def depth(self) -> int:
        """How many keys wait for a worker now."""
        return len(self._ready)

    def oldest_wait_seconds(self) -> float:
        """How long the next key in line has been waiting; 0 when there is none."""
        return self._clock.monotonic() - next(iter(self._ready.values())) if self._ready else 0.0

    def close(self) -> None:
        """Drop all that waits and take nothing, until `open`; whose pass runs is not queued again after it."""
        self._closed = True
        self._ready.clear()
        self._again.clear()
        self._resting.clear()
        self._timers.clear()

    def open(self) -> None:
        """Take keys again. What failed before `close` is a matter of then: every back-off starts afresh."""
        self._closed = False
        self._failures.clear()

    def add(self, key: Key, *, at_once: bool = False) -> None:
        """Have `key` looked at: now if it has been quiet, else when the gather time after its pass is over.

        `at_once`: without the gather time, because nothing more is to be waited for.
        """
        self._offer(key, at_once)

    def add_after(self, key: Key, seconds: float) -> None:
        """Have `key` looked at after so many seconds, unless it is to be looked at earlier anyway."""
        if not self._closed:
            self._timers.schedule(key, self._clock.monotonic() + max(0.0, seconds))

    def add_rate_limited(self, key: Key, *, at_least: float = 0.0) -> float:
        """Have `key` looked at after its back-off; answers how many seconds that is.

        The back-off doubles with every call, from 1 s to 5 min, until `forget`; a server's own wish is `at_least`.
        """
        failures = self._failures[key] = self._failures.get(key, 0) + 1
        delay = doubling(FIRST_BACK_OFF_SECONDS, failures, LONGEST_BACK_OFF_SECONDS)
        delay = max(at_least, delay * self._rng.uniform(1 - BACK_OFF_JITTER, 1 + BACK_OFF_JITTER))
        self.add_after(key, delay)
        return delay

    def failures(self, key: Key) -> int:
        """How often `key` was added with a back-off since `forget`."""
        return self._failures.get(key, 0)

    def forget(self, key: Key) -> None:
        """Start the back-off of `key` afresh; what is queued stays queued."""
        self._failures.pop(key, None)

    def cancel_timer(self, key: Key) -> None:
        """Take back `add_after` and `add_rate_limited`.

        Left alone within the gather time: there the timer may stand for an event, and events are never lost.
        """
        if self._resting.get(key, 0.0) <= self._clock.monotonic():
            self._timers.cancel(key)

    async def get(self) -> Key:
        """The key that has waited longest; `done` must follow."""
        while not self._ready:
            await self._wait()
        key, since = self._ready.popitem(last=False)
        self._active.add(key)
        self._timers.cancel(key)
        if self._observe_wait is not None:
            self._observe_wait(self._clock.monotonic() - since)
        return key

    def done(self, key: Key, *, again: bool = False) -> None:
        """The pass of `key` has ended. `again`: back to the end of the line at once, without the gather time."""
        self._active.remove(key)
        if self._closed:
            return
        now = self._clock.monotonic()
        self._drop_rested(now)
        asked = key in self._again
        if self._again.pop(key, False) or again:
            self._make_ready(key, now)
            return
        self._resting.pop(key, None)  # it would keep its old place in line
        self._resting[key] = now + GATHER_SECONDS
        if asked:
            self._timers.schedule(key, now + GATHER_SECONDS)

    def _offer(self, key: Key, at_once: bool = False) -> None:
        if self._closed or key in self._ready:
            return
        if key in self._active:
            self._again[key] = at_once or self._again.get(key, False)
            return
        now = self._clock.monotonic()
        rested = self._resting.get(key, now)
        if rested > now and not at_once:
            self._timers.schedule(key, rested)
        else:
            self._make_ready(key, now)

    def _make_ready(self, key: Key, now: float) -> None:
        self._ready[key] = now
        self._wake_one()

    def _drop_rested(self, now: float) -> None:
        while self._resting:
            key = next(iter(self._resting))
            if self._resting[key] > now:
                return
            del self._resting[key]

    async def _wait(self) -> None:
        getter = asyncio.get_running_loop().create_future()
        self._getters.append(getter)
        try:
            await getter
        except BaseException:
            # A worker that is ended just after it was woken passes the wake-up on.
            with suppress(ValueError):
                self._getters.remove(getter)
            if getter.done() and not getter.cancelled() and self._ready:
                self._wake_one()
            raise

    def _wake_one(self) -> None:
        while self._getters:
            getter = self._getters.popleft()
            if not getter.done():
                getter.set_result(None)
                return
