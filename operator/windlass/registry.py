"""The controllers of all kinds. A new kind is one more line here, and its own modules."""

from collections.abc import Callable

from windlass.controllers.scaling_group.controller import ScalingGroupController
from windlass.engine.dispatch import Controller, Runtime

CONTROLLERS: tuple[Callable[[Runtime], Controller], ...] = (ScalingGroupController,)
