"""What an operation of a stack set does next."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice

from windlass.api.stack_instance import Work
from windlass.api.stack_set_operation import (
    Action,
    OperationState,
    RegionProgress,
    StackSetOperationStatus,
)
from windlass.api.stacks import MAX_REGIONS, InstancePhase, PermissionModel, ToleranceMode
from windlass.api.task import Phase
from windlass.planner.conditions import Readiness, conditions
from windlass.planner.plan import Event, Plan
from windlass.planner.reason import Reason, names
from windlass.planner.stackset.dispatch import RegionCount, turn
from windlass.planner.stackset.preferences import order, resolved
from windlass.planner.stackset.reasons import (
    AnotherStackSet,
    CancelledByRefusal,
    CancelledByStop,
    CancelledByTolerance,
    InstanceBegins,
    InstanceWaits,
    MembershipDeclared,
    NoSuchStackSet,
    NothingSelected,
    OperationDone,
    OperationFailed,
    OperationGoesOn,
    OperationRefused,
    OperationStarts,
    OperationStopped,
    Prepares,
    ReadsInputs,
    StackSetDeleted,
    Stopping,
    TooManyRegions,
    WaitsForBusyInstances,
    WaitsForSet,
    WaitsItsTurn,
)
from windlass.planner.stackset.steps import Begin, Cancel, Create, Keep, Mark, Step
from windlass.planner.stackset.targets import Place, Target, chosen, managed
from windlass.planner.stackset.view import Inputs, Operation, SetView, Sources, StackInstance, StackSet
from windlass.planner.tasks import FINAL, WELL, SameToken, first_in_line, same_as

MOST_STEPS = 1000  # of a pass, so that what people change meanwhile is heard of
DEPLOYS = frozenset({Action.CREATE, Action.DEPLOY, Action.UPDATE})
_FAILED = frozenset({InstancePhase.FAILED, InstancePhase.INOPERABLE})

OperationPlan = Plan[StackSetOperationStatus, Step]


@dataclass(frozen=True, slots=True)
class OperationView:
    """An operation, its set and all that belongs to that. `inputs`: None where they were not read yet; a reason: they
    cannot be used. `depends_on`: the operations of the sets that its set depends on; None: there is no such set."""

    world: SetView
    operation: Operation
    inputs: Inputs | Reason | None = None
    depends_on: Mapping[str, tuple[Operation, ...] | None] = field(default_factory=dict)


def plan_operation(v: OperationView) -> OperationPlan:
    """The next step of an operation. One that is over is left as it is.

    `ReadsInputs` as the reason of a plan asks for the same once more, with inputs.
    """
    status = v.operation.status
    if status.phase in FINAL:
        return Plan(status, OperationRefused(status.message))
    if status.start_time is None:
        return _before(v)
    if not status.prepared:
        return _prepare(v)
    return _dispatch(v)


# ---- before it begins


def _before(v: OperationView) -> OperationPlan:
    operation, tasks = v.operation, [each.task for each in v.world.operations]
    same = same_as(operation.task, tasks)
    if same is not None:
        return _as_first(v, same.name, same.phase)
    if operation.spec.state is OperationState.STOPPED:
        return _ended(v, operation.status, Phase.CANCELLED, OperationStopped(0, 0, 0, 0))
    stack_set = v.world.stack_set
    if stack_set is None:
        return _refused(v, NoSuchStackSet(operation.spec.stack_set))
    refusal = _refusal(operation, stack_set)
    if refusal is not None:
        return _refused(v, refusal)
    waits = _why_waiting(v, stack_set)
    if waits is not None:
        return _waiting(v, waits)
    places = selected(v.world, operation)
    if isinstance(places, Reason):
        return _refused(v, places)
    leaving = _leaving(v.world)
    going = tuple(leaving[place] for place in places if place in leaving)
    if going:
        return _waiting(v, WaitsForBusyInstances(going))
    if operation.spec.action not in DEPLOYS:
        return _started(v, Sources(), ())
    if v.inputs is None:
        return _waiting(v, ReadsInputs())
    if isinstance(v.inputs, Reason):
        return _refused(v, v.inputs)
    keeps = tuple(
        Keep("ConfigMap" if name == v.inputs.sources.template else "Secret", name, text)
        for name, text in v.inputs.contents.items()
    )
    return _started(v, v.inputs.sources, keeps)


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
                return WaitsForSet(name, problem)
    busy = tuple(each.name for each in v.world.instances if each.busy)
    return WaitsForBusyInstances(busy) if busy else None


def _leaving(world: SetView) -> dict[Place, str]:
    """The instances that are being deleted, by place: another one can be there only when they are gone."""
    return {each.place: each.name for each in world.instances if each.removing}


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


def selected(world: SetView, operation: Operation) -> tuple[Place, ...] | Reason:
    """The places that the operation is about, or why there are none."""
    stack_set, spec = world.stack_set, operation.spec
    if stack_set is None:
        return NoSuchStackSet(spec.stack_set)
    there = {each.place for each in world.instances if not each.removing}
    if spec.action is Action.CREATE and spec.targets is not None:
        found = chosen(spec.targets, world.targets, stack_set.spec.permission_model)
        if isinstance(found, Reason):
            return found
        part = {each.place for each in world.instances if each.asked_by == operation.uid}
        new = tuple(place for place in found if place not in there or place in part)
        if len({place.region for place in (*new, *there)}) > MAX_REGIONS:
            return TooManyRegions(MAX_REGIONS)
        return new or NothingSelected("all of these exist already; DeploySet deploys to them")
    if spec.targets is None:
        return tuple(sorted(there)) or NothingSelected("the set has no instances")
    permission = stack_set.spec.permission_model
    if operation.by_set:  # it names accounts that may have left the set's units
        permission = PermissionModel.SELF_MANAGED
    regions = {place.region for place in there}
    meant = managed(spec.targets, there, regions, managed_units(world, stack_set), world.targets, permission)
    if isinstance(meant, Reason):
        return meant
    return meant or NothingSelected("the set has no instance in these regions and accounts")


def managed_units(world: SetView, stack_set: StackSet) -> frozenset[str]:
    """The units that the set manages: those that operations were given, as long as it has instances in them."""
    asked = set(stack_set.status.organizational_units)
    for each in world.operations:
        if each.spec.action is Action.CREATE and each.status.start_time is not None and each.spec.targets is not None:
            asked |= set(each.spec.targets.organizational_units)
    if not asked:
        return frozenset()
    there = {each.place for each in world.instances}
    held = {each.unit for each in world.targets if each.unit and not each.management and _place(each) in there}
    return frozenset(asked & {above for unit in held for above in _and_above(unit)})


def _place(target: Target) -> Place:
    return Place(target.region, target.account)


def _and_above(unit: str) -> Iterator[str]:
    """A unit and those that it is in: `root/eu/shop`, `root/eu`, `root`."""
    yield unit
    while "/" in unit:
        unit = unit.rpartition("/")[0]
        yield unit


def _started(v: OperationView, sources: Sources, keeps: tuple[Keep, ...]) -> OperationPlan:
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
    return Plan(_told(v, status, "Reconciling", why, str(why)), why, keeps, events=(Event("Normal", why),))


# ---- its instances are marked


def _prepare(v: OperationView) -> OperationPlan:
    operation = v.operation
    marked = _part_of(v)
    places = selected(v.world, operation)
    if isinstance(places, Reason):
        return _give_up(v, marked, places)
    steps = tuple(islice(_marks(v, places), MOST_STEPS))
    done = sum(1 for each in marked if each.done_for == operation.uid or each.phase is InstancePhase.WAITING)
    why: Reason = Prepares(done, max(len(places), len(marked)))
    if steps and operation.spec.state is OperationState.RUNNING:
        return Plan(_told(v, operation.status, "Reconciling", why, str(why)), why, steps)
    totals: dict[str, int] = {}
    for each in marked:
        totals[each.place.region] = totals.get(each.place.region, 0) + 1
    limits = resolved(operation.spec.preferences, totals)
    status = operation.status.model_copy(
        update={
            "prepared": True,
            "total": len(marked),
            "order": order(operation.spec.preferences, sorted(totals), operation.uid),
            "regions": tuple(
                RegionProgress(
                    region=region,
                    total=total,
                    tolerance=limits[region].tolerance,
                    concurrency=limits[region].concurrency,
                )
                for region, total in sorted(totals.items())
            ),
        }
    )
    return Plan(_told(v, status, "Reconciling", why, str(why)), why)


def _give_up(v: OperationView, marked: Sequence[StackInstance], problem: Reason) -> OperationPlan:
    """What it was to be about is not there any more: nothing has begun, so nothing of it is done."""
    waiting = [each for each in marked if each.state_in(v.operation.uid) is InstancePhase.WAITING]
    if not waiting:
        return _refused(v, problem)
    why = CancelledByRefusal(v.operation.name, str(problem))
    steps = tuple(Cancel(each.name, each.uid, why) for each in waiting[:MOST_STEPS])
    return Plan(_told(v, v.operation.status, "Reconciling", why, str(why)), why, steps)


def _marks(v: OperationView, places: Sequence[Place]) -> Iterator[Step]:
    operation = v.operation
    known = {each.place: each for each in v.world.instances if not each.removing}
    leaving = _leaving(v.world)
    why = InstanceWaits(operation.name)
    minutes = v.world.stack_set.spec.timeout_minutes if v.world.stack_set is not None else 30
    for place in places:
        there = known.get(place)
        if there is None:
            if operation.spec.action is Action.CREATE and place not in leaving:
                yield Create(place, Work.DEPLOY, _sources(operation, None), minutes, why)
        elif there.asked_by != operation.uid or (
            there.done_for != operation.uid and there.phase is not InstancePhase.WAITING
        ):
            yield Mark(there.name, there.uid, _work(operation), _sources(operation, there), minutes, why)


def _work(operation: Operation) -> Work:
    spec = operation.spec
    if spec.action is Action.DELETE:
        return Work.RETAIN if spec.retain_stacks else Work.DELETE
    return Work.DETECT_DRIFT if spec.action is Action.DETECT_DRIFT else Work.DEPLOY


def _sources(operation: Operation, instance: StackInstance | None) -> Sources:
    """What the instance is deployed from: the operation's snapshots, with the values that it was given before unless
    the operation gives it others."""
    status = operation.status
    if operation.spec.action not in DEPLOYS:
        return instance.sources if instance is not None else Sources()
    made = Sources(status.template, status.variables, status.overrides)
    if operation.spec.overrides is None and instance is not None:
        return replace(made, overrides=instance.sources.overrides)
    return made


# ---- its instances are worked at


def _part_of(v: OperationView) -> list[StackInstance]:
    return [each for each in v.world.instances if each.asked_by == v.operation.uid]


def _dispatch(v: OperationView) -> OperationPlan:
    operation = v.operation
    spec, status = operation.spec, operation.status
    states: dict[str, dict[InstancePhase, list[StackInstance]]] = {each.region: {} for each in status.regions}
    for each in _part_of(v):
        if each.place.region in states:
            states[each.place.region].setdefault(each.state_in(operation.uid), []).append(each)
    counts = {each.region: _count(each, states[each.region]) for each in status.regions}
    stopped = spec.state is OperationState.STOPPED
    strict = spec.preferences.failure_tolerance_mode is ToleranceMode.STRICT
    next_turn = turn(counts, status.order, strict, stopped)
    steps: list[Step] = []
    exceeded = [region for region, count in counts.items() if count.exceeded]
    for region in next_turn.cancel:
        at_fault = region if region in exceeded else next(iter(exceeded), region)
        cancelled = CancelledByStop(operation.name) if stopped else CancelledByTolerance(operation.name, at_fault)
        steps += [Cancel(each.name, each.uid, cancelled) for each in _waiting_in(states[region])]
    for region, many in next_turn.start.items():
        begins = sorted(_waiting_in(states[region]), key=lambda each: each.name)[:many]
        steps += [Begin(each.name, each.uid, InstanceBegins(str(each.work), operation.name)) for each in begins]
    removes = spec.action is Action.DELETE
    progress = tuple(_progress(each, states[each.region], removes) for each in status.regions)
    counted_now = _with_counts(status, progress)
    left = sum(each.waiting + each.running for each in counts.values())
    if not left:
        return _over(v, counted_now)
    running = sum(each.running for each in progress)
    why: Reason = Stopping(running) if stopped else _going_on(counted_now, running)
    return Plan(_told(v, counted_now, "Reconciling", why, str(why)), why, tuple(steps[:MOST_STEPS]))


def _waiting_in(states: Mapping[InstancePhase, list[StackInstance]]) -> list[StackInstance]:
    return states.get(InstancePhase.WAITING, [])


def _number(states: Mapping[InstancePhase, list[StackInstance]], *phases: InstancePhase) -> int:
    return sum(len(states.get(phase, ())) for phase in phases)


def _count(region: RegionProgress, states: Mapping[InstancePhase, list[StackInstance]]) -> RegionCount:
    return RegionCount(
        tolerance=region.tolerance,
        concurrency=region.concurrency,
        waiting=_number(states, InstancePhase.WAITING),
        running=_number(states, InstancePhase.RUNNING),
        failed=max(region.failed, _number(states, *_FAILED)),
    )


def _progress(
    region: RegionProgress, states: Mapping[InstancePhase, list[StackInstance]], removes: bool
) -> RegionProgress:
    # One that failed and was deleted since has failed all the same.
    failed = max(region.failed, _number(states, *_FAILED))
    cancelled = _number(states, InstancePhase.CANCELLED)
    running, waiting = _number(states, InstancePhase.RUNNING), _number(states, InstancePhase.WAITING)
    succeeded = _number(states, InstancePhase.COMPLETE)
    # Those that are no longer there were deleted: as they should be, or meanwhile, by somebody else.
    gone = max(0, region.total - failed - cancelled - running - waiting - succeeded)
    if removes:
        succeeded += gone
    else:
        cancelled += gone
    return region.model_copy(
        update={"succeeded": succeeded, "failed": failed, "cancelled": cancelled, "running": running}
    )


def _with_counts(status: StackSetOperationStatus, regions: tuple[RegionProgress, ...]) -> StackSetOperationStatus:
    succeeded, failed = sum(each.succeeded for each in regions), sum(each.failed for each in regions)
    cancelled = sum(each.cancelled for each in regions)
    over = succeeded + failed + cancelled
    return status.model_copy(
        update={
            "regions": regions,
            "succeeded": succeeded,
            "failed": failed,
            "cancelled": cancelled,
            "percentage": 100 * over // status.total if status.total else 100,
        }
    )


def _going_on(status: StackSetOperationStatus, running: int) -> OperationGoesOn:
    over = status.succeeded + status.failed + status.cancelled
    busy = [each.region for each in status.regions if each.running]
    where = f" in {names(tuple(busy))}" if busy else ""
    return OperationGoesOn(over, status.total, status.failed, running, where)


# ---- the end


def _over(v: OperationView, status: StackSetOperationStatus) -> OperationPlan:
    beyond = next((each for each in status.regions if each.failed > each.tolerance), None)
    succeeded, failed, cancelled, total = status.succeeded, status.failed, status.cancelled, status.total
    if beyond is not None:
        why: Reason = OperationFailed(
            v.operation.name,
            beyond.region,
            beyond.failed,
            beyond.total,
            beyond.tolerance,
            succeeded,
            total,
            cancelled,
        )
        return _ended(v, status, Phase.FAILED, why)
    if cancelled and v.operation.spec.state is OperationState.STOPPED:
        return _ended(v, status, Phase.CANCELLED, OperationStopped(succeeded, total, failed, cancelled))
    also = f", {failed} failed, which is within the tolerance" if failed else ""
    also += f", {cancelled} deleted meanwhile" if cancelled else ""
    return _ended(v, status, Phase.SUCCESSFUL, OperationDone(succeeded, total, also))


def _refused(v: OperationView, why: Reason) -> OperationPlan:
    return _ended(v, v.operation.status, Phase.FAILED, OperationRefused(str(why)))


def _as_first(v: OperationView, first: str, phase: Phase) -> OperationPlan:
    why = SameToken(first)
    return _ended(v, v.operation.status, phase, why) if phase in FINAL else _waiting(v, why)


def _waiting(v: OperationView, why: Reason) -> OperationPlan:
    return Plan(_told(v, v.operation.status, "Reconciling", why, str(why)), why)


def _ended(v: OperationView, status: StackSetOperationStatus, phase: Phase, why: Reason) -> OperationPlan:
    ends = status.model_copy(update={"phase": phase, "completion_time": v.world.now})
    well = phase in WELL
    said = str(why)
    told = _told(
        v, ends, "Ready" if well else "Stalled", why, said, "Complete" if phase is Phase.SUCCESSFUL else "Failed"
    )
    return Plan(told, why, events=(Event("Normal" if well else "Warning", why),))


def _told(
    v: OperationView, status: StackSetOperationStatus, readiness: Readiness, why: Reason, said: str, *also: str
) -> StackSetOperationStatus:
    generation, message = v.operation.generation, said[:1024]
    made = conditions(readiness, why, message, old=status.conditions, generation=generation, now=v.world.now, also=also)
    return status.model_copy(
        update={
            "message": message,
            "observed_generation": generation,
            "position": v.operation.position,
            "conditions": made,
        }
    )
