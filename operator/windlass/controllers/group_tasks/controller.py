"""InstanceRefreshes and RollingUpdates without a group end; those that are over are deleted when their time has come.

All else about them is decided by the pass of their group.
"""

from abc import abstractmethod
from collections.abc import Iterable
from contextlib import suppress
from typing import Any

from windlass.api import instance_refresh, rolling_update, scaling_group
from windlass.api.common import to_wire
from windlass.api.instance_refresh import InstanceRefreshStatus
from windlass.api.rolling_update import RollingUpdateStatus
from windlass.api.task import Phase
from windlass.cluster.errors import Gone
from windlass.cluster.refreshes import parse_refreshes
from windlass.cluster.resources import INSTANCE_REFRESHES, ROLLING_UPDATES, SCALING_GROUPS, Resource
from windlass.cluster.store import Object
from windlass.cluster.updates import parse_updates
from windlass.engine.dispatch import Controller, Runtime
from windlass.engine.loop import Answer
from windlass.engine.own_objects import OwnObjects
from windlass.engine.queue import Key
from windlass.planner.rolling_update.reasons import UpdateGroupMissing
from windlass.planner.rollout.reasons import GroupMissing
from windlass.planner.rollout.standing import over
from windlass.planner.tasks import FINAL, Task, deletable, next_expiry

DEFAULT_HISTORY = 20


class _GroupTasks(Controller):
    """Sees to the tasks of one kind beside their groups' passes."""

    _resource: Resource

    def __init__(self, runtime: Runtime) -> None:
        self._client = runtime.client
        self._clock = runtime.clock
        self._groups = runtime.stores[scaling_group.KIND.kind].store
        self._store = runtime.stores[self.kind].store
        self._objects = OwnObjects(self.kind, runtime)

    @abstractmethod
    def _read(self, bodies: Iterable[Object]) -> Iterable[Task]:
        """The tasks that these objects are; one that is over and cannot be read is left out."""

    @abstractmethod
    def _without_group(self, task: Object, group: str) -> dict[str, Any]:
        """The status of one whose group does not exist, on the wire."""

    async def reconcile(self, key: Key) -> Answer:
        """End it where it has no group; delete what is over for long enough, of the same group."""
        task = self._objects.existing(key)
        group = str(task["spec"].get("scalingGroup"))
        if not _over(task):
            if await self._has_no_group(key, group):
                await self._objects.write_status(key, task, self._without_group(task, group))
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

    async def _clear(self, key: Key, group: str) -> Answer:
        now = self._clock.now()
        known = self._store.by_index(f"{key.namespace}/{group}")
        tasks = {task.name: task for task in self._read(known.values())}
        owner = self._groups.get(key.namespace, group)
        limit = owner["spec"].get("historyLimit", DEFAULT_HISTORY) if owner is not None else DEFAULT_HISTORY
        for task in deletable(tuple(tasks.values()), limit, now):
            body = known.get(task.name)
            if body is not None:
                with suppress(Gone):
                    await self._client.delete(self._resource, key.namespace, task.name, uid=body.uid)
        own = tasks.get(key.name)
        return next_expiry([own], now) if own is not None else None

    async def report(self, key: Key, error: Exception) -> None:
        """Show in its conditions that its passes fail, and why."""
        await self._objects.show_failure(key, error, lambda readiness: None)

    def all_keys(self) -> Iterable[Key]:
        """Those of all tasks of the kind."""
        return self._objects.all_keys()


class InstanceRefreshController(_GroupTasks):
    """Sees to refreshes."""

    kind = instance_refresh.KIND.kind
    _resource = INSTANCE_REFRESHES

    def _read(self, bodies: Iterable[Object]) -> Iterable[Task]:
        return (each.task for each in parse_refreshes(bodies))

    def _without_group(self, task: Object, group: str) -> dict[str, Any]:
        why, generation = GroupMissing(group), task["metadata"]["generation"]
        before = InstanceRefreshStatus.model_validate(task.get("status") or {})
        return to_wire(over(before, Phase.FAILED, why, str(why), generation, self._clock.now()))


class RollingUpdateController(_GroupTasks):
    """Sees to updates."""

    kind = rolling_update.KIND.kind
    _resource = ROLLING_UPDATES

    def _read(self, bodies: Iterable[Object]) -> Iterable[Task]:
        return (each.task for each in parse_updates(bodies))

    def _without_group(self, task: Object, group: str) -> dict[str, Any]:
        why, generation = UpdateGroupMissing(group), task["metadata"]["generation"]
        before = RollingUpdateStatus.model_validate(task.get("status") or {})
        return to_wire(over(before, Phase.FAILED, why, str(why), generation, self._clock.now()))


def _over(task: Object) -> bool:
    return (task.get("status") or {}).get("phase") in FINAL
