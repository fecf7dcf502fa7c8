"""What a refresh or an update made of the instances becomes the group's own: the only writes to what people wrote."""

from windlass.cluster.client import Client
from windlass.cluster.errors import Conflict
from windlass.cluster.merge_patch import merge_patch
from windlass.cluster.resources import SCALING_CONFIGURATIONS, SCALING_GROUPS
from windlass.cluster.store import Object
from windlass.controllers.scaling_group.caches import Caches
from windlass.engine.queue import Key
from windlass.planner.capacity.steps import SwitchSource, WriteConfiguration
from windlass.planner.capacity.view import GroupView

MANAGER = "windlass-refresh"  # the field manager: who put an old value back can be told from it


class Commit:
    """The commits of one pass of one group. Each fails if what it writes has changed since it was decided."""

    def __init__(self, client: Client, caches: Caches, key: Key, view: GroupView) -> None:
        self._client = client
        self._caches = caches
        self._key = key
        self._view = view

    async def write(self, step: WriteConfiguration) -> None:
        """Make the ScalingConfiguration's spec what the step says. Conflict where it is not what was decided on."""
        there = Object(await self._client.get(SCALING_CONFIGURATIONS, self._key.namespace, step.name))
        self._caches.configurations.put(there)
        if there["spec"] != step.before:
            raise Conflict(f"writing ScalingConfiguration {step.name}: it has changed", code=409, reason="Conflict")
        body = {"metadata": _fence(there), "spec": merge_patch(step.before, step.spec)}
        written = await self._client.merge_patch(
            SCALING_CONFIGURATIONS, self._key.namespace, step.name, body, field_manager=MANAGER
        )
        self._caches.configurations.put(Object(written))

    async def switch(self, step: SwitchSource) -> None:
        """Make the source that the step names the group's own."""
        group = self._caches.groups.get(self._key.namespace, self._key.name)
        if group is None or group.uid != self._view.uid or group["metadata"]["generation"] != self._view.generation:
            raise Conflict(f"writing {self._key}: it has changed", code=409, reason="Conflict")
        template = {"name": step.name, "version": step.version} if step.version is not None else None
        source = {"scalingConfiguration": step.name if template is None else None, "launchTemplate": template}
        body = {"metadata": _fence(group), "spec": {"configuration": source}}
        written = await self._client.merge_patch(
            SCALING_GROUPS, self._key.namespace, self._key.name, body, field_manager=MANAGER
        )
        self._caches.groups.put(Object(written))


def _fence(there: Object) -> dict[str, str]:
    return {"uid": there.uid, "resourceVersion": there.resource_version}
