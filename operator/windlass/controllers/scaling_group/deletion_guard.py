"""Says so where nothing enforces `deletionPolicy: Refuse`: the API server does, if it has the chart's policy."""

import logging
from collections.abc import Mapping

from windlass.api.common import API_VERSION
from windlass.cluster.client import Client
from windlass.cluster.deletion_guard import DeletionGuard, read_deletion_guard
from windlass.cluster.errors import ApiError, Refused
from windlass.cluster.store import Object
from windlass.controllers.scaling_group.caches import KIND, Caches
from windlass.engine.clock import Clock
from windlass.engine.events import EventRecorder, ObjectRef
from windlass.engine.loop import Gate
from windlass.planner.capacity.reasons_deletion import DeletionUnguarded
from windlass.planner.reason import names

logger = logging.getLogger(__name__)

LOOK_EVERY_SECONDS = 600.0  # as often as every group is looked at again
TRY_AGAIN_SECONDS = 60.0


class DeletionWarning:
    """Looks for the policy while this process leads, and warns each group that relies on it in vain: once.

    A group that was guarded since is warned again. It needs the right to list policies, which a chart for given
    namespaces does not grant.
    """

    def __init__(self, client: Client, caches: Caches, recorder: EventRecorder, clock: Clock) -> None:
        self._client = client
        self._caches = caches
        self._recorder = recorder
        self._clock = clock
        self._guard: DeletionGuard | None = None  # not known yet, or not to be known
        self._warned: set[str] = set()  # uids

    async def run(self, may_work: Gate) -> None:
        """Until cancelled."""
        while True:
            await may_work.wait()
            try:
                await self.look()
                pause = LOOK_EVERY_SECONDS
            except Refused as error:
                logger.info("whether deletionPolicy is enforced cannot be told: %s", error)
                pause = LOOK_EVERY_SECONDS
            except ApiError as error:
                logger.debug("%s; trying again in %.0f s", error, TRY_AGAIN_SECONDS)
                pause = TRY_AGAIN_SECONDS
            await self._clock.sleep(pause)

    async def look(self) -> None:
        """Read the policies, and warn the groups that need it."""
        self._guard = await read_deletion_guard(self._client)
        unguarded = {group.uid: group for group in self._caches.groups.within(None) if self._is_unguarded(group)}
        if self._warned and not unguarded:
            logger.info("deletionPolicy Refuse is in effect again, or no group asks for it")
        self._warned &= unguarded.keys()
        new = [group for uid, group in unguarded.items() if uid not in self._warned]
        for group in new:
            self._tell(group)
        if new:
            shown = names(tuple(sorted(f"{group.namespace}/{group.name}" for group in new)))
            logger.warning("%s: %s", shown, DeletionUnguarded())

    def notice(self, group: Object) -> None:
        """Warn a group that came since the last look."""
        if group.uid not in self._warned and self._is_unguarded(group):
            self._tell(group)

    def _is_unguarded(self, group: Object) -> bool:
        spec = group.get("spec")
        refuses = isinstance(spec, Mapping) and spec.get("deletionPolicy") == "Refuse"
        return refuses and self._guard is not None and not self._guard.covers(group.namespace)

    def _tell(self, group: Object) -> None:
        self._warned.add(group.uid)
        why = DeletionUnguarded()
        regarding = ObjectRef(API_VERSION, KIND, group.namespace, group.name, group.uid)
        self._recorder.emit(regarding, "Warning", why.code, str(why))
