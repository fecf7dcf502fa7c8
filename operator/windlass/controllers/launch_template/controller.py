"""LaunchTemplates say which versions their words stand for.

What groups make of their versions is decided by the passes of the groups.
"""

from collections.abc import Iterable

from windlass.api import launch_template
from windlass.api.common import to_wire
from windlass.api.launch_template import LaunchTemplateStatus
from windlass.engine.dispatch import Controller, Runtime
from windlass.engine.loop import Answer
from windlass.engine.own_objects import OwnObjects
from windlass.engine.queue import Key
from windlass.planner.launch_template.standing import standing


class LaunchTemplateController(Controller):
    """Writes the statuses of templates. Their store is the groups', whose passes read them."""

    kind = launch_template.KIND.kind

    def __init__(self, runtime: Runtime) -> None:
        self._clock = runtime.clock
        self._templates = OwnObjects(self.kind, runtime)

    async def reconcile(self, key: Key) -> Answer:
        """Have the status say what the spec means."""
        template = self._templates.existing(key)
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
        return self._templates.all_keys()
