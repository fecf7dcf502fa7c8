"""The controllers of the four kinds of stack sets, and what they share."""

from windlass.cluster.snapshots import Snapshots
from windlass.controllers.stack_sets.caches import Caches
from windlass.controllers.stack_sets.inputs import InputReader
from windlass.controllers.stack_sets.instances import AtTargets, StackInstanceController
from windlass.controllers.stack_sets.operations import StackSetOperationController
from windlass.controllers.stack_sets.reach import Reach
from windlass.controllers.stack_sets.sets import StackSetController
from windlass.controllers.stack_sets.targets import StackTargetController
from windlass.engine.dispatch import Controller, Runtime


def stack_set_controllers(runtime: Runtime) -> tuple[Controller, ...]:
    """One for each kind."""
    caches, snapshots = Caches(runtime), Snapshots(runtime.client)
    inputs, reach = InputReader(runtime.client, snapshots), Reach(runtime.client, runtime.members)
    return (
        StackSetController(runtime, caches, snapshots, inputs),
        StackSetOperationController(runtime, caches, snapshots, inputs),
        StackInstanceController(runtime, caches, AtTargets(runtime, caches, snapshots, reach).do),
        StackTargetController(runtime, caches, reach),
    )
