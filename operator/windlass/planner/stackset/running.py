"""What an operation that has started does next: marks its instances, begins as many as may be worked at, and ends.

The first ones are worked at while others are still to be marked. None is removed before all are marked: those that are
gone could not be told from those that are not marked.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import chain, islice, zip_longest

from windlass.api.stack_instance import Work
from windlass.api.stack_set_operation import Action, OperationState, RegionProgress, StackSetOperationStatus
from windlass.api.stacks import InstancePhase, ToleranceMode
from windlass.api.task import Phase
from windlass.planner.reason import Reason, names
from windlass.planner.stackset.counts import Missing, Region, by_region, with_counts
from windlass.planner.stackset.dispatch import Turn, turn
from windlass.planner.stackset.preferences import order, resolved
from windlass.planner.stackset.reasons import (
    OperationDone,
    OperationFailed,
    OperationGivesUp,
    OperationGoesOn,
    OperationRefused,
    OperationStopped,
    Prepares,
    Stopping,
)
from windlass.planner.stackset.reasons_instances import (
    CancelledByRefusal,
    CancelledByStop,
    CancelledByTolerance,
    InstanceBegins,
    InstanceWaits,
)
from windlass.planner.stackset.selection import selected, unmarked
from windlass.planner.stackset.steps import Begin, Cancel, Create, Mark, OperationPlan, Step, Wait
from windlass.planner.stackset.targets import Place
from windlass.planner.stackset.telling import ended, goes_on, refused
from windlass.planner.stackset.view import Operation, OperationView, Sources, StackInstance

MOST_STEPS = 1000  # of a pass, so that what people change meanwhile is heard of
MOST_MARKS = 16  # of a pass, or a 64th of them: what has ended meanwhile is soon followed, and its writes do not queue
DEPLOYS = frozenset({Action.CREATE, Action.DEPLOY, Action.UPDATE})


def go_on(v: OperationView) -> OperationPlan:
    """The next step of an operation that has started."""
    operation = v.operation
    marked = [each for each in v.world.instances if each.asked_by == operation.uid]
    if operation.status.prepared:
        return _work_at(v, marked, operation.status, ())
    if operation.spec.state is OperationState.STOPPED:
        status = with_regions(operation, operation.status, [each.place for each in marked])
        return _work_at(v, marked, status, ())
    if operation.status.refusal:
        return _give_up(v, marked, OperationRefused(operation.status.refusal))
    places = selected(v.world, operation)
    if isinstance(places, Reason):
        return _give_up(v, marked, places)
    status = with_regions(operation, operation.status, places)
    left = _in_turn(unmarked(v.world, operation, places), status.order)
    if not left:
        status = status.model_copy(update={"prepared": True})
    return _work_at(v, marked, status, left)


def with_regions(
    operation: Operation, status: StackSetOperationStatus, places: Sequence[Place]
) -> StackSetOperationStatus:
    """The status with the regions of these places: how many of each there are, what the preferences come to there, and
    the order. What it says of a region already stays, but for a number that has grown."""
    preferences, totals = operation.spec.preferences, Counter(place.region for place in places)
    known = {each.region: each for each in status.regions}
    for region, limits in resolved(preferences, totals).items():
        total = totals[region]
        before = known.get(region) or RegionProgress(
            region=region, total=total, tolerance=limits.tolerance, concurrency=limits.concurrency
        )
        known[region] = before.model_copy(update={"total": max(total, before.total)})
    drawn = order(preferences, known, operation.uid)
    return status.model_copy(
        update={
            "regions": tuple(known[region] for region in sorted(known)),
            "total": sum(each.total for each in known.values()),
            "order": (*status.order, *(region for region in drawn if region not in status.order)),
        }
    )


# ---- its instances are marked


def _marks(v: OperationView, places: Sequence[Place]) -> list[Create | Mark]:
    """The next of these to be marked: few at once, while others are worked at."""
    operation = v.operation
    most = MOST_STEPS if operation.spec.action is Action.DELETE else max(MOST_MARKS, len(places) // 64)
    if not places:
        return []
    known = {each.place: each for each in v.world.instances if not each.removing}
    minutes = v.world.stack_set.spec.timeout_minutes if v.world.stack_set is not None else 30
    return [
        Mark(there.name, there.uid, _work(operation), _sources(operation, there), minutes)
        if (there := known.get(place)) is not None
        else Create(place, Work.DEPLOY, _sources(operation, None), minutes)
        for place in places[:most]
    ]


def _in_turn(places: Sequence[Place], regions: Sequence[str]) -> list[Place]:
    """As they will be worked at: one region after the other, or of each in turn."""
    by_region: dict[str, list[Place]] = {region: [] for region in regions}
    for place in places:
        by_region.setdefault(place.region, []).append(place)
    if regions:
        return list(chain.from_iterable(by_region.values()))
    return [place for turn in zip_longest(*by_region.values()) for place in turn if place is not None]


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


def _give_up(v: OperationView, marked: Sequence[StackInstance], problem: Reason) -> OperationPlan:
    """What it was to be about is not there any more: nothing more of it is begun."""
    operation = v.operation
    regions = by_region(operation.status, marked, operation.uid)
    status = with_counts(operation.status, regions, Missing.DELETED)
    status = status.model_copy(update={"refusal": str(problem)[:1024]})  # for good, whatever comes back meanwhile
    waiting = [each for each in marked if each.state_in(operation.uid) is InstancePhase.WAITING]
    running = sum(each.running for each in status.regions)
    if not waiting and not running:
        return refused(v, status, problem)
    why, cancelled = OperationGivesUp(str(problem), running), CancelledByRefusal(operation.name, str(problem))
    steps = tuple(Cancel(each.name, each.uid, cancelled) for each in waiting[:MOST_STEPS])
    return goes_on(v, status, why, *steps)


# ---- its instances are worked at


def _work_at(
    v: OperationView,
    marked: Sequence[StackInstance],
    status: StackSetOperationStatus,
    left: Sequence[Place],
) -> OperationPlan:
    """`left`: the places that are still to be marked, in their turn."""
    operation = v.operation
    stopped, removes = operation.spec.state is OperationState.STOPPED, operation.spec.action is Action.DELETE
    regions = {each.progress.region: each for each in by_region(status, marked, operation.uid)}
    counts = {name: region.count for name, region in regions.items()}
    strict = operation.spec.preferences.failure_tolerance_mode is ToleranceMode.STRICT
    order = status.order
    if left and order:  # of a later region none begins before all of this one are marked
        order = order[: order.index(left[0].region) + 1]
    decided = turn(counts, order, strict, stopped)
    if left and removes:
        decided = Turn({}, decided.cancel)
    missing = Missing.REMOVED if removes and status.prepared else Missing.NOT_MARKED if left else Missing.DELETED
    status = with_counts(status, regions.values(), missing)
    if not left and not any(each.waiting or each.running for each in counts.values()):
        return _over(v, status)
    turns: Iterator[Cancel | Begin] = chain(_cancels(operation, regions, decided), _begins(operation, regions, decided))
    steps = tuple(islice(turns, MOST_STEPS))
    moved = {step.name for step in steps}
    waits = (each for each in _silent(operation, marked) if each.name not in moved)
    later: Iterable[Step] = _marks(v, left) or islice(waits, MOST_MARKS)
    why = _why(operation, status, len(marked), bool(left))
    return goes_on(v, status, why, *steps, *later)


def _cancels(operation: Operation, regions: Mapping[str, Region], decided: Turn) -> Iterator[Cancel]:
    exceeded = [name for name, region in regions.items() if region.count.exceeded]
    for name in decided.cancel:
        at_fault = name if name in exceeded else next(iter(exceeded), name)
        why: Reason = CancelledByTolerance(operation.name, at_fault)
        if operation.spec.state is OperationState.STOPPED:
            why = CancelledByStop(operation.name)
        yield from (Cancel(each.name, each.uid, why) for each in regions[name].waiting)


def _begins(operation: Operation, regions: Mapping[str, Region], decided: Turn) -> Iterator[Begin]:
    for name, many in decided.start.items():
        for each in sorted(regions[name].waiting, key=lambda each: each.name)[:many]:
            yield Begin(each.name, each.uid, InstanceBegins(str(each.work), operation.name))


def _silent(operation: Operation, marked: Sequence[StackInstance]) -> Iterator[Wait]:
    """Those whose status still speaks of an earlier operation."""
    why = InstanceWaits(operation.name)
    for each in marked:
        if each.done_for != operation.uid and each.phase is not InstancePhase.WAITING:
            yield Wait(each.name, each.uid, why)


def _why(operation: Operation, status: StackSetOperationStatus, marked: int, marks: bool) -> Reason:
    running = sum(each.running for each in status.regions)
    if operation.spec.state is OperationState.STOPPED:
        return Stopping(running)
    if marks:
        return Prepares(marked, status.total, running)
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
        return ended(v, status, Phase.FAILED, why)
    if (cancelled or not total) and v.operation.spec.state is OperationState.STOPPED:
        return ended(v, status, Phase.CANCELLED, OperationStopped(succeeded, total, failed, cancelled))
    also = f", {failed} failed, which is within the tolerance" if failed else ""
    also += f", {cancelled} deleted meanwhile" if cancelled else ""
    return ended(v, status, Phase.SUCCESSFUL, OperationDone(succeeded, total, also))
