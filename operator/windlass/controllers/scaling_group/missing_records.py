"""Has groups go on as soon as the CRD of ScalingActivity is back: their own pauses grow to minutes."""

import asyncio
import logging
from collections.abc import Callable

from windlass.cluster.client import Client
from windlass.cluster.errors import ApiError
from windlass.cluster.resources import SCALING_ACTIVITIES
from windlass.engine.clock import Clock
from windlass.engine.queue import Key

logger = logging.getLogger(__name__)

PROBE_SECONDS = 2.0  # one request for all groups that wait


class MissingRecords:
    """Groups that could not write a record, because the API server does not know the kind."""

    def __init__(self, client: Client, go_on: Callable[[Key], None], clock: Clock) -> None:
        """`go_on` is called for each of them when the kind is served again."""
        self._client = client
        self._go_on = go_on
        self._clock = clock
        self._waiting: set[Key] = set()
        self._some = asyncio.Event()

    def wait_for_kind(self, key: Key) -> None:
        """Have this group go on when the kind is back."""
        self._waiting.add(key)
        self._some.set()

    async def run(self) -> None:
        """Until cancelled; asks nothing while nobody waits."""
        while True:
            await self._some.wait()
            await self._clock.sleep(PROBE_SECONDS)
            if not await self._served(next(iter(self._waiting)).namespace):
                continue
            waited, self._waiting = self._waiting, set()
            self._some.clear()
            logger.info("%s is served again", SCALING_ACTIVITIES.kind)
            for key in waited:
                self._go_on(key)

    async def _served(self, namespace: str) -> bool:
        try:
            return await self._client.serves(SCALING_ACTIVITIES, namespace)
        except ApiError:
            return False
