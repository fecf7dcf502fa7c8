"""The controllers of all kinds. A new kind is one more line here, and its own modules."""

from collections.abc import Callable

from windlass.controllers.instance_refresh.controller import InstanceRefreshController
from windlass.controllers.launch_template.controller import LaunchTemplateController
from windlass.controllers.scaling_group.controller import ScalingGroupController
from windlass.engine.dispatch import Controller, Runtime

# That of groups comes first: it keeps the objects of the kinds that its passes read, for all of them.
CONTROLLERS: tuple[Callable[[Runtime], Controller], ...] = (
    ScalingGroupController,
    InstanceRefreshController,
    LaunchTemplateController,
)
