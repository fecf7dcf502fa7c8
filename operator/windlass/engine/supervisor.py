"""Keeping a part of the process running that ends when it should not."""

import asyncio
import logging
from collections.abc import Awaitable, Callable

from windlass.engine.clock import Clock
from windlass.planner.backoff import doubling

logger = logging.getLogger(__name__)

FIRST_PAUSE_SECONDS = 1.0
LONGEST_PAUSE_SECONDS = 15.0  # so much longer than an outage may its part be away
# Having run this long counts as health: what ends it then is a new trouble, and is met with the first pause again.
HEALTHY_SECONDS = 10.0
# So many ends for the same reason are no passing fault any more; then it is said again at each tenth.
SAME_WAY_AGAIN = 3
TOLD_EACH = 10


class Supervisor:
    """Runs `run_once()` for ever: after it ends or fails, again, 1 s later, doubling to 15 s.

    Neither an exception, nor `SystemExit`, nor a cancellation from within ends it; only its own cancellation does.
    The third end in a row for the same reason is logged as an error, then each tenth; `trouble` gives that reason.
    """

    def __init__(
        self, run_once: Callable[[], Awaitable[None]], name: str, clock: Clock, *, on_restart: Callable[[], None]
    ) -> None:
        """`on_restart` is called before each start but the first."""
        self._run_once = run_once
        self._name = name
        self._clock = clock
        self._on_restart = on_restart
        self._began = float("inf")  # while it pauses
        self._reason = ""
        self._same = 0

    @property
    def trouble(self) -> str | None:
        """Why it ends again and again, until it has run for 10 s; None while it ended less than three times so."""
        healthy = self._clock.monotonic() - self._began >= HEALTHY_SECONDS
        return (
            None if healthy or self._same < SAME_WAY_AGAIN else f"it ended {self._same} times in a row: {self._reason}"
        )

    async def run(self) -> None:
        """Run until cancelled."""
        ends = 0  # since it last was healthy
        while True:
            self._began = began = self._clock.monotonic()
            reason, error = await self._once()
            self._began = float("inf")
            lasted = self._clock.monotonic() - began
            ends = 1 if lasted >= HEALTHY_SECONDS else ends + 1
            pause = doubling(FIRST_PAUSE_SECONDS, ends, LONGEST_PAUSE_SECONDS)
            self._same = self._same + 1 if reason == self._reason and lasted < HEALTHY_SECONDS else 1
            self._reason = reason
            told = "%s ended after %.0f s: %s; starting it again in %.0f s"
            logger.log(self._level(), told, self._name, lasted, reason, pause)
            logger.debug("where %s failed", self._name, exc_info=error)
            await self._clock.sleep(pause)
            self._on_restart()

    def _level(self) -> int:
        if self._same < SAME_WAY_AGAIN:
            return logging.WARNING
        return logging.DEBUG if (self._same - SAME_WAY_AGAIN) % TOLD_EACH else logging.ERROR

    async def _once(self) -> tuple[str, BaseException | None]:
        """Run it once; why it ended."""
        try:
            await self._run_once()
        except asyncio.CancelledError as error:
            if (task := asyncio.current_task()) is not None and task.cancelling():
                raise
            return "it was cancelled from within", error
        except (Exception, SystemExit) as error:  # whatever it was, it is started again
            return " ".join(f"{type(error).__name__}: {error}".split()), error
        return "it returned", None
