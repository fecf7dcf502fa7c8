"""The loop: workers that take keys from the queue and run a pass for each."""

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from enum import Enum, StrEnum
from typing import Final, Literal, Protocol

from windlass.cluster.errors import ApiError, Conflict, Gone, NotLeading, Transient
from windlass.engine.clock import Clock
from windlass.engine.logs import current_key
from windlass.engine.queue import Key, Queue

logger = logging.getLogger(__name__)

# Every key is looked at again at least this often, whatever was missed.
RESYNC_SECONDS = 600.0
RESYNC_JITTER = 0.1
# Conflicts in a row that are repeated at once: each one says that somebody else has moved on, so the next read differs.
CONFLICTS_AT_ONCE = 5
# Passing faults in a row before the object shows them: one lost connection is no news, three in 7 s are.
PASSING_FAULTS_BEFORE_REPORT = 3
# Different messages remembered per key, so that a message which differs each time does not use up memory.
MESSAGES_REMEMBERED = 8


class Result(StrEnum):
    """How a pass ended; the label of its metric."""

    DONE = "done"
    CONFLICT = "conflict"
    TRANSIENT = "transient"
    GONE = "gone"
    NOT_LEADING = "not_leading"
    FAILED = "failed"


class Again(Enum):
    """What a pass may answer instead of a time."""

    AT_ONCE = "at once"


AT_ONCE: Final = Again.AT_ONCE
Answer = datetime | Literal[Again.AT_ONCE] | None


class Gate(Protocol):
    """Says whether passes may run; an `asyncio.Event` is one."""

    def is_set(self) -> bool:
        """Whether we lead now."""
        ...

    async def wait(self) -> object:
        """Until we lead."""
        ...


class Loop:
    """Runs `reconcile` for every key that the queue hands out, `workers` at a time.

    `reconcile(key)` looks at the whole state of one object and answers when it wants to look again: an aware datetime,
    AT_ONCE (without the gather time: it has made progress, and waits for nothing), or None. What it raises decides what
    follows: `Conflict` → at once again, `Transient` → after a back-off, `Gone` and `NotLeading` → nothing, any other
    exception → `on_failure(key, error)` and a back-off. Nothing ends the loop but cancellation. While `may_work` is
    closed, keys stay in the queue and no pass begins.
    """

    def __init__(
        self,
        queue: Queue,
        reconcile: Callable[[Key], Awaitable[Answer]],
        clock: Clock,
        *,
        may_work: Gate,
        on_failure: Callable[[Key, Exception], Awaitable[None]],
        workers: int,
        resync_seconds: float = RESYNC_SECONDS,
        observe_pass: Callable[[str, str, float], None] | None = None,
        rng: random.Random | None = None,
    ) -> None:
        """`observe_pass` is told the kind, the result and the seconds of each pass."""
        self._queue = queue
        self._reconcile = reconcile
        self._clock = clock
        self._may_work = may_work
        self._on_failure = on_failure
        self._workers = workers
        self._resync_seconds = resync_seconds
        self._observe_pass = observe_pass
        self._rng = rng or random.Random()  # noqa: S311  jitter, nothing secret
        self._running: dict[Key, float] = {}  # since when; in the order they began
        self._forgotten: set[Key] = set()  # during their pass
        self._conflicts: dict[Key, int] = {}
        self._reported: dict[Key, set[str]] = {}
        self._last_progress = clock.monotonic()

    def oldest_pass_seconds(self) -> float:
        """How long the longest running pass has been running; 0 when none is."""
        return self._clock.monotonic() - next(iter(self._running.values())) if self._running else 0.0

    def stalled(self, limit_seconds: float = 300.0) -> str | None:
        """What is wrong when a pass has been running, or a key has been waiting, for longer than `limit_seconds`."""
        if self.oldest_pass_seconds() > limit_seconds:
            return f"the pass of {next(iter(self._running))} has been running for {self.oldest_pass_seconds():.0f} s"
        waited = self._queue.oldest_wait_seconds()
        quiet = self._clock.monotonic() - self._last_progress
        if self._may_work.is_set() and min(waited, quiet) > limit_seconds:
            return f"{self._queue.depth} keys are waiting, and no pass has ended for {quiet:.0f} s"
        return None

    def forget_key(self, key: Key) -> None:
        """Stop looking at `key` every 10 minutes: its object is gone. Called by the pass that finds it so.

        An event brings the key back, as does a pass that answers with a time.
        """
        if key in self._running:
            self._forgotten.add(key)
        else:
            self._queue.cancel_timer(key)
        self._forget_failures(key)

    def made_progress(self, key: Key) -> None:
        """Start the back-off of `key` afresh: its pass got something done, even if it fails in the end."""
        self._conflicts.pop(key, None)
        self._queue.forget(key)

    async def run(self) -> None:
        """Work until cancelled; passes that run then are cancelled too."""
        async with asyncio.TaskGroup() as workers:
            for number in range(self._workers):
                workers.create_task(self._work(), name=f"windlass-worker-{number}")

    async def _work(self) -> None:
        while True:
            if not self._may_work.is_set():
                await self._may_work.wait()
                self._last_progress = self._clock.monotonic()
            key = await self._queue.get()
            again = True
            try:
                if self._may_work.is_set():  # it may have closed while we waited for a key
                    again = await self._pass(key)
            except Exception:
                logger.exception("the loop itself failed; the key is tried again", extra={"key": key})
                self._queue.add_rate_limited(key)
                again = False
            finally:
                self._queue.done(key, again=again)

    async def _pass(self, key: Key) -> bool:
        """Run one pass; whether another one must follow at once."""
        started = self._clock.monotonic()
        self._running[key] = started
        token = current_key.set(key)
        try:
            result = await self._attempt(key)
        finally:
            current_key.reset(token)
            del self._running[key]
            self._last_progress = self._clock.monotonic()
            forgotten = key in self._forgotten
            self._forgotten.discard(key)
        if not forgotten:
            spread = self._rng.uniform(1 - RESYNC_JITTER, 1 + RESYNC_JITTER)
            self._queue.add_after(key, self._resync_seconds * spread)
        if self._observe_pass is not None:
            self._observe_pass(key.kind, result, self._clock.monotonic() - started)
        return result is Result.CONFLICT

    async def _attempt(self, key: Key) -> Result:
        try:
            answer = await self._reconcile(key)
            if answer is AT_ONCE:
                self._queue.add(key, at_once=True)
            elif answer is not None:
                self._queue.add_after(key, (answer - self._clock.now()) / timedelta(seconds=1))
        except asyncio.CancelledError as cancelled:
            if (task := asyncio.current_task()) is not None and task.cancelling():
                raise
            failure = RuntimeError("something that the pass waited for was cancelled")
            failure.__cause__ = cancelled
            return await self._failed(key, failure)
        except Exception as error:
            return await self._failed(key, error)
        self._recovered(key)
        return Result.DONE

    async def _failed(self, key: Key, error: Exception) -> Result:
        match error:
            case NotLeading():
                self._queue.add(key)  # the lease may be renewed a moment late; a queue that is closed takes nothing
                return Result.NOT_LEADING
            case Gone():
                self._recovered(key)
                return Result.GONE
            case Conflict() if self._conflict_may_repeat(key):
                return Result.CONFLICT
            case Conflict() | Transient():
                at_least = error.retry_after if isinstance(error, Transient) else None
                self._log_once(key, error, self._queue.add_rate_limited(key, at_least=at_least or 0.0))
                if self._queue.failures(key) >= PASSING_FAULTS_BEFORE_REPORT:
                    await self._report(key, error)
                return Result.TRANSIENT
            case _:
                self._log_once(key, error, self._queue.add_rate_limited(key))
                await self._report(key, error)
                return Result.FAILED

    def _conflict_may_repeat(self, key: Key) -> bool:
        conflicts = self._conflicts.get(key, 0) + 1
        self._conflicts[key] = conflicts
        return conflicts <= CONFLICTS_AT_ONCE

    async def _report(self, key: Key, error: Exception) -> None:
        try:
            await self._on_failure(key, error)
        except (ApiError, NotLeading) as trouble:
            logger.debug("reporting a failure: %s", trouble, extra={"key": key})  # the next try reports it again
        except Exception:
            logger.exception("reporting a failure failed; the next one is reported again", extra={"key": key})

    def _log_once(self, key: Key, error: Exception, delay: float) -> None:
        """Log each message of a key once until it has recovered; with a traceback unless the API server said it."""
        message = f"{type(error).__name__}: {error}"
        reported = self._reported.setdefault(key, set())
        if message in reported:
            logger.debug("failed again (%s); trying again in %.0f s", message, delay, extra={"key": key})
            return
        if len(reported) >= MESSAGES_REMEMBERED:
            reported.clear()
        reported.add(message)
        expected = isinstance(error, ApiError)
        logger.log(
            logging.WARNING if expected else logging.ERROR,
            "%s; trying again in %.0f s",
            message if expected else f"the pass failed ({message})",
            delay,
            exc_info=None if expected else error,
            extra={"key": key},
        )

    def _recovered(self, key: Key) -> None:
        if key in self._reported:
            logger.info("working again", extra={"key": key})
        self._forget_failures(key)

    def _forget_failures(self, key: Key) -> None:
        self._reported.pop(key, None)
        self._conflicts.pop(key, None)
        self._queue.forget(key)
