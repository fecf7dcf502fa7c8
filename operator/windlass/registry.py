"""The controllers of all kinds. A new kind is one more line here, and its own modules."""

from collections.abc import Iterator

from windlass.controllers.container_groups.controller import ContainerGroupController
from windlass.controllers.group_tasks.controller import InstanceRefreshController, RollingUpdateController
from windlass.controllers.launch_template.controller import LaunchTemplateController
from windlass.controllers.scaling_group.controller import ScalingGroupController
from windlass.controllers.stack_sets.wiring import stack_set_controllers
from windlass.engine.dispatch import Controller, Runtime


def controllers(
    runtime: Runtime, *, rolling_updates: bool = True, stack_sets: bool = True, container_groups: bool = True
) -> Iterator[Controller]:
    """All of them, in the order in which their kinds are documented; without those that are off.

    That of groups comes first: it keeps the objects of the kinds that its passes read, for all of them.
    """
    yield ScalingGroupController(runtime, rolling_updates=rolling_updates)
    yield InstanceRefreshController(runtime)
    if rolling_updates:
        yield RollingUpdateController(runtime)
    yield LaunchTemplateController(runtime)
    if stack_sets:
        yield from stack_set_controllers(runtime)
    if container_groups:
        yield ContainerGroupController(runtime)
