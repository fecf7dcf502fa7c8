"""InstanceRefreshes without a group end; those that are over are deleted when their time has come.

All else about a refresh is decided by the pass of its group.
"""

from collections.abc import Iterable
from contextlib import suppress

from windlass.api import instance_refresh, scaling_group
from windlass.api.common import to_wire
from windlass.api.instance_refresh import InstanceRefreshStatus
from windlass.api.task import Phase
from windlass.cluster.errors import Gone
from windlass.cluster.refreshes import parse_refreshes
from windlass.cluster.resources import INSTANCE_REFRESHES, SCALING_GROUPS
from windlass.cluster.store import Object
from windlass.engine.dispatch import Controller, Runtime
from windlass.engine.loop import Answer
from windlass.engine.own_objects import OwnObjects
from windlass.engine.queue import Key
from windlass.planner.rollout.reasons import GroupMissing
from windlass.planner.rollout.standing import over
from windlass.planner.tasks import FINAL, deletable, next_expiry

DEFAULT_HISTORY = 20


class InstanceRefreshController(Controller):
    """Sees to refreshes beside their groups' passes."""

    kind = instance_refresh.KIND.kind

    def __init__(self, runtime: Runtime) -> None:
        self._client = runtime.client
        self._clock = runtime.clock
        self._groups = runtime.stores[scaling_group.KIND.kind].store
        self._store = runtime.stores[self.kind].store
        self._refreshes = OwnObjects(self.kind, runtime)

    async def reconcile(self, key: Key) -> Answer:
        """End it where it has no group; delete what is over for long enough, of the same group."""
        refresh = self._refreshes.existing(key)
        group = str(refresh["spec"].get("scalingGroup"))
        if not _over(refresh):
            if await self._has_no_group(key, group):
                await self._end(key, refresh, group)
            return None
        return await self._clear(key, group)

    async def _has_no_group(self, key: Key, group: str) -> bool:
        if self._groups.get(key.namespace, group) is not None:
            return False
        try:
            await self._client.get(SCALING_GROUPS, key.namespace, group)
        except Gone:
            return True
        return False

    async def _end(self, key: Key, refresh: Object, group: str) -> None:
        why, now, generation = GroupMissing(group), self._clock.now(), refresh["metadata"]["generation"]
        before = InstanceRefreshStatus.model_validate(refresh.get("status") or {})
        status = over(before, Phase.FAILED, why, str(why), generation, now)
        await self._refreshes.write_status(key, refresh, to_wire(status))

    async def _clear(self, key: Key, group: str) -> Answer:
        now = self._clock.now()
        known = self._store.by_index(f"{key.namespace}/{group}")
        tasks = {read.name: read.task for read in parse_refreshes(known.values())}
        owner = self._groups.get(key.namespace, group)
        limit = owner["spec"].get("historyLimit", DEFAULT_HISTORY) if owner is not None else DEFAULT_HISTORY
        for task in deletable(tuple(tasks.values()), limit, now):
            body = known.get(task.name)
            if body is not None:
                with suppress(Gone):
                    await self._client.delete(INSTANCE_REFRESHES, key.namespace, task.name, uid=body.uid)
        own = tasks.get(key.name)
        return next_expiry([own], now) if own is not None else None

    async def report(self, key: Key, error: Exception) -> None:
        """Show in its conditions that its passes fail, and why."""
        await self._refreshes.show_failure(key, error, lambda readiness: None)

    def all_keys(self) -> Iterable[Key]:
        """Those of all refreshes."""
        return self._refreshes.all_keys()


def _over(refresh: Object) -> bool:
    return (refresh.get("status") or {}).get("phase") in FINAL
