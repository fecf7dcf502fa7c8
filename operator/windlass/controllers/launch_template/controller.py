"""LaunchTemplates say which versions their words stand for.

What groups make of their versions is decided by the passes of the groups.
"""

from collections.abc import Coroutine, Iterable
from typing import Any

from windlass.api import launch_template
from windlass.api.common import to_wire
from windlass.api.launch_template import LaunchTemplateStatus
from windlass.cluster.errors import Gone
from windlass.cluster.resources import LAUNCH_TEMPLATES
from windlass.engine.dispatch import Runtime, Source
from windlass.engine.loop import Answer, Gate
from windlass.engine.own_objects import OwnObjects
from windlass.engine.queue import Key
from windlass.planner.launch_template.standing import standing


class LaunchTemplateController:
    """Writes the statuses of templates. Their store is the groups', whose passes read them."""

    kind = launch_template.KIND.kind
    sources: tuple[Source, ...] = ()

    def __init__(self, runtime: Runtime) -> None:
        self._clock = runtime.clock
        self._forget_key = runtime.forget_key
        self._store = runtime.stores[self.kind].store
        self._templates = OwnObjects(LAUNCH_TEMPLATES, self._store, runtime.client, runtime.recorder, runtime.clock)

    async def reconcile(self, key: Key) -> Answer:
        """Have the status say what the spec means."""
        template = self._templates.known(key)
        if template is None:
            self._forget_key(key)
            raise Gone(f"reading {key}: it is gone", code=404, reason="NotFound")
        before = LaunchTemplateStatus.model_validate(template.get("status") or {})
        status = standing(template["spec"], before, template["metadata"]["generation"], self._clock.now())
        if status != before:
            await self._templates.write_status(key, template, to_wire(status))
        return None

    async def report(self, key: Key, error: Exception) -> None:
        """Show in its conditions that its passes fail, and why."""
        await self._templates.show_failure(key, error, lambda readiness: "Stalled" if readiness == "Stalled" else None)

    def all_keys(self) -> Iterable[Key]:
        """Those of all templates."""
        return (Key(self.kind, each.namespace, each.name) for each in self._store.within(None))

    def parts(self, leading: Gate) -> Iterable[Coroutine[Any, Any, None]]:
        """Nothing."""
        return ()

    def stop_leading(self) -> None:
        """Nothing was learnt."""
