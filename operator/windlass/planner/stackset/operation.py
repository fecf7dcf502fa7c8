"""What an operation of a stack set does next."""

from windlass.api.stack_set_operation import Action, OperationState
from windlass.api.task import Phase
from windlass.planner.plan import Event, Plan
from windlass.planner.reason import Reason
from windlass.planner.stackset.reasons import (
    AnotherStackSet,
    MembershipDeclared,
    NoSuchStackSet,
    OperationRefused,
    OperationStarts,
    OperationStopped,
    ReadsInputs,
    StackSetDeleted,
    WaitsForBusyInstances,
    WaitsForSet,
    WaitsItsTurn,
)
from windlass.planner.stackset.running import DEPLOYS, go_on, with_regions
from windlass.planner.stackset.selection import leaving, selected
from windlass.planner.stackset.steps import Keep, OperationPlan
from windlass.planner.stackset.targets import Place
from windlass.planner.stackset.telling import ended, goes_on, refused
from windlass.planner.stackset.view import Operation, OperationView, Sources, StackSet
from windlass.planner.tasks import FINAL, SameToken, first_in_line, same_as


def plan_operation(v: OperationView) -> OperationPlan:
    """The next step of an operation. One that is over is left as it is.

    `ReadsInputs` as the reason of a plan asks for the same once more, with inputs.
    """
    status = v.operation.status
    if status.phase in FINAL:
        return Plan(status, OperationRefused(status.message))
    return _before(v) if status.start_time is None else go_on(v)


def _before(v: OperationView) -> OperationPlan:
    operation, tasks = v.operation, [each.task for each in v.world.operations]
    same = same_as(operation.task, tasks)
    if same is not None:
        return _as_first(v, same.name, same.phase)
    if operation.spec.state is OperationState.STOPPED:
        return ended(v, operation.status, Phase.CANCELLED, OperationStopped(0, 0, 0, 0))
    stack_set = v.world.stack_set
    if stack_set is None:
        return refused(v, operation.status, NoSuchStackSet(operation.spec.stack_set))
    refusal = _refusal(operation, stack_set)
    if refusal is not None:
        return refused(v, operation.status, refusal)
    waits = _why_waiting(v, stack_set)
    if waits is not None:
        return goes_on(v, v.operation.status, waits)
    places = selected(v.world, operation)
    if isinstance(places, Reason):
        return refused(v, operation.status, places)
    going = leaving(v.world)
    if going and (in_the_way := tuple(going[place] for place in places if place in going)):
        return goes_on(v, v.operation.status, WaitsForBusyInstances(in_the_way))
    if operation.spec.action not in DEPLOYS:
        return _started(v, places, Sources())
    if v.inputs is None:
        return goes_on(v, v.operation.status, ReadsInputs())
    if isinstance(v.inputs, Reason):
        return refused(v, operation.status, v.inputs)
    keeps = tuple(
        Keep("ConfigMap" if name == v.inputs.sources.template else "Secret", name, text)
        for name, text in v.inputs.contents.items()
    )
    return _started(v, places, v.inputs.sources, *keeps)


def _refusal(operation: Operation, stack_set: StackSet) -> Reason | None:
    expected = operation.spec.stack_set_uid
    if expected and expected != stack_set.uid:
        return AnotherStackSet(stack_set.name, stack_set.uid, expected)
    if operation.by_set:
        return None
    if stack_set.removing and operation.spec.action is not Action.DELETE:
        return StackSetDeleted(stack_set.name)
    if stack_set.removing:
        return None
    if stack_set.spec.targets is not None and operation.spec.action in {Action.CREATE, Action.DELETE}:
        return MembershipDeclared(stack_set.name)
    return None


def _why_waiting(v: OperationView, stack_set: StackSet) -> Reason | None:
    first = first_in_line([each.task for each in v.world.operations])
    if first is not None and first.name != v.operation.name:
        return WaitsItsTurn(str(first))
    if not stack_set.removing:
        for name in stack_set.spec.depends_on:
            problem = _unmet(v.depends_on.get(name))
            if problem is not None:
                return WaitsForSet(name, problem, _circle(stack_set.name, v.circles.get(name, ())))
    busy = tuple(each.name for each in v.world.instances if each.busy)
    return WaitsForBusyInstances(busy) if busy else None


def _circle(name: str, way: tuple[str, ...]) -> str:
    return f"; both depend on each other ({' → '.join((name, *way))}): take one dependsOn away" if way else ""


def _unmet(operations: tuple[Operation, ...] | None) -> str | None:
    """Why a set is not ready for those that depend on it."""
    if operations is None:
        return "it is not there"
    deployed = [each for each in operations if each.spec.action in DEPLOYS and each.status.start_time is not None]
    last = max(deployed, key=lambda each: (each.created_at, each.position, each.name), default=None)
    if last is None:
        return "it has no operation that succeeded"
    if last.status.phase is not Phase.SUCCESSFUL:
        return f"its last operation, {last.name}, is {last.status.phase}"
    return None


def _started(v: OperationView, places: tuple[Place, ...], sources: Sources, *keeps: Keep) -> OperationPlan:
    operation = v.operation
    why = OperationStarts(str(operation.spec.action), operation.spec.stack_set)
    status = operation.status.model_copy(
        update={
            "phase": Phase.RUNNING,
            "start_time": v.world.now,
            "template": sources.template,
            "variables": sources.variables,
            "overrides": sources.overrides,
        }
    )
    return goes_on(v, with_regions(operation, status, places), why, *keeps, events=(Event("Normal", why),))


def _as_first(v: OperationView, first: str, phase: Phase) -> OperationPlan:
    why = SameToken(first)
    return ended(v, v.operation.status, phase, why) if phase in FINAL else goes_on(v, v.operation.status, why)
