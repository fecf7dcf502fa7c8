"""What an operation would do from now on: which instances it is about, with which limits, in which order."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Literal

from windlass.api.stack_set_operation import Action, OperationState
from windlass.api.stacks import InstancePhase, RegionConcurrency, ToleranceMode
from windlass.api.task import Phase
from windlass.cli.subjects.stack_set.reading import NEW, World, with_operation
from windlass.planner.reason import Reason, counted, names
from windlass.planner.stackset.naming import instance_name
from windlass.planner.stackset.operation import plan_operation
from windlass.planner.stackset.preferences import Limits, order, resolved
from windlass.planner.stackset.reasons import OperationStarts, ReadsInputs
from windlass.planner.stackset.running import DEPLOYS
from windlass.planner.stackset.selection import selected, unmarked
from windlass.planner.stackset.targets import Place
from windlass.planner.stackset.view import Inputs, Operation, StackInstance
from windlass.planner.tasks import FINAL
from windlass.simulate.stacks import Part, What, play

MOST_TURNS = 10  # are told
TURN = timedelta(minutes=1)  # as if each instance took the same time

Stands = Literal["Over", "Ends", "Waits", "Goes"]


@dataclass(frozen=True, slots=True)
class Turn:
    """What begins at one moment: the accounts of each region."""

    begins: Mapping[str, tuple[str, ...]]

    def __str__(self) -> str:
        return "; ".join(f"{region}: {names(accounts)}" for region, accounts in self.begins.items())


@dataclass(frozen=True, slots=True)
class Course:
    """What would become of one operation. `stands`: it is over, would end at once, waits for something, or goes on.

    `places`: of the instances that it has still to work at; `cannot`: why there are none, while it waits. `limits`:
    what is left of them by region, in the order in which it goes through the regions. `refused`: it would end because
    something is wrong with it.
    """

    operation: Operation
    stands: Stands
    message: str
    places: tuple[Place, ...] = ()
    cannot: Reason | None = None
    limits: Mapping[str, Limits] | None = None
    turns: tuple[Turn, ...] = ()
    refused: bool = False

    @property
    def drawn(self) -> bool:
        """Whether the order of its regions is still to be drawn."""
        preferences = self.operation.spec.preferences
        sequential = preferences.region_concurrency_type is RegionConcurrency.SEQUENTIAL
        is_new = self.operation.uid.startswith(NEW)
        return is_new and sequential and not preferences.region_order and len(self.limits or ()) > 1

    @property
    def strict(self) -> bool:
        """Whether what may fail limits what is worked at at once."""
        return self.operation.spec.preferences.failure_tolerance_mode is ToleranceMode.STRICT

    def at_once(self, region: str) -> int:
        """How many of a region would be worked at at once, at most."""
        limits = (self.limits or {})[region]
        return max(0, min(limits.concurrency, limits.tolerance + 1)) if self.strict else limits.concurrency


def course_of(world: World, operation: Operation, inputs: Inputs | Reason | None) -> Course:
    """The course, as if nothing failed. `inputs` None: they may not be read, and are taken for good."""
    plan = plan_operation(world.view_of(operation, inputs))
    status = plan.status
    if operation.status.phase in FINAL:
        return Course(operation, "Over", operation.status.message)
    if status.phase in FINAL:
        return Course(operation, "Ends", status.message, refused=status.phase is Phase.FAILED)
    if operation.status.start_time is not None:
        return _begun(world, replace(operation, status=status), str(plan.why))
    waits = status.phase is Phase.PENDING and not isinstance(plan.why, ReadsInputs)
    stands: Stands = "Waits" if waits else "Goes"
    places = selected(world.view, operation)
    message = "" if isinstance(plan.why, ReadsInputs | OperationStarts) else str(plan.why)
    if isinstance(places, Reason):
        return Course(operation, stands, message, cannot=places)
    totals = Counter(place.region for place in places)
    preferences = operation.spec.preferences
    limits, regions = resolved(preferences, totals), order(preferences, sorted(totals), operation.uid)
    course = Course(operation, stands, message, places, limits={each: limits[each] for each in sorted(limits)})
    if course.drawn:
        regions = tuple(sorted(totals))
    return _played(world, course, regions)


def _begun(world: World, operation: Operation, message: str) -> Course:
    """The course of one that has started: of those that are not over, and of those that it has still to mark."""
    left = [each for each in world.view.instances if each.asked_by == operation.uid and _is_left(operation, each)]
    running = {each.place for each in left if each.state_in(operation.uid) is InstancePhase.RUNNING}
    limits = {each.region: Limits(each.tolerance - each.failed, each.concurrency) for each in operation.status.regions}
    places = {each.place for each in left}
    chosen = () if operation.status.prepared else selected(world.view, operation)
    if not isinstance(chosen, Reason):
        places |= set(unmarked(world.view, operation, chosen))
    in_order = tuple(sorted(places, key=lambda place: (place not in running, place)))
    course = Course(operation, "Goes", message, in_order, limits=limits)
    return _played(world, course, operation.status.order)


def _is_left(operation: Operation, instance: StackInstance) -> bool:
    return instance.state_in(operation.uid) in {InstancePhase.WAITING, InstancePhase.RUNNING}


def _played(world: World, course: Course, regions: tuple[str, ...]) -> Course:
    in_order = sorted(course.places, key=lambda place: instance_name(world.name, place))
    if course.operation.status.start_time is not None:  # those that are being worked at already come first
        in_order = list(course.places)
    limits = course.limits or {}
    shown = {region: limits[region] for region in (regions or limits)}
    stopped = timedelta() if course.operation.spec.state is OperationState.STOPPED else None
    happened = play([Part(place, TURN) for place in in_order], shown, regions, strict=course.strict, stopped_at=stopped)
    begins: dict[timedelta, dict[str, list[str]]] = {}
    for each in happened:
        if each.what is What.BEGINS:
            begins.setdefault(each.at, {}).setdefault(each.place.region, []).append(each.place.account)
    turns = tuple(Turn({region: tuple(accounts) for region, accounts in found.items()}) for found in begins.values())
    return replace(course, limits=shown, turns=turns)


def after(world: World, course: Course, inputs: Inputs | Reason | None) -> World:
    """The same when all of it has been done."""
    operation, view = course.operation, world.view
    made = inputs if isinstance(inputs, Inputs) else None
    found = {each.place: each for each in view.instances}
    for place in course.places:
        if operation.spec.action is Action.DELETE:
            found.pop(place, None)
        elif operation.spec.action in DEPLOYS:
            found[place] = _deployed(world, operation, place, found.get(place), made)
    ended = operation.status.model_copy(
        update={"phase": Phase.SUCCESSFUL, "start_time": view.now, "completion_time": view.now}
    )
    stack_set = view.stack_set
    if stack_set is not None:
        units = set(stack_set.status.organizational_units)
        if operation.spec.action is Action.CREATE and operation.spec.targets is not None:
            units |= set(operation.spec.targets.organizational_units)
        regions = tuple(sorted({place.region for place in found}))
        managed = {"regions": regions, "organizational_units": tuple(sorted(units))}
        stack_set = replace(stack_set, status=stack_set.status.model_copy(update=managed))
    world = replace(world, view=replace(view, instances=tuple(found.values()), stack_set=stack_set))
    return with_operation(world, replace(operation, status=ended))


def _deployed(
    world: World, operation: Operation, place: Place, before: StackInstance | None, made: Inputs | None
) -> StackInstance:
    sources = before.sources if before is not None else None
    if made is not None:
        keeps = operation.spec.overrides is None and sources is not None
        sources = replace(made.sources, overrides=sources.overrides) if keeps and sources is not None else made.sources
    name = instance_name(world.name, place)
    new = StackInstance(name, f"{NEW}{name}", place, operation.uid, operation.uid, InstancePhase.COMPLETE)
    base = before if before is not None else new
    return base if sources is None else replace(base, sources=sources, deployed=sources, phase=InstancePhase.COMPLETE)


# ---- for people


def lines_of(course: Course) -> list[str]:
    """The course in a few lines."""
    spec = course.operation.spec
    match course.stands:
        case "Over":
            return [f"is over, as {course.operation.status.phase}: {course.message}"]
        case "Ends":
            return [f"would end at once: {course.message}"]
        case "Waits":
            said = [course.message]
        case _:
            said = [course.message] if course.message else []
    if course.cannot is not None:
        return [*said, f"as things are now, it would be refused then: {course.cannot}"]
    number = Counter(place.region for place in course.places)
    said.append(f"{spec.action} of {counted(len(course.places), 'instance')}")
    said += [
        f"  {region}: {counted(number[region], 'instance')}, {_limits(course, region)}"
        for region in course.limits or {}
        if number[region]
    ]
    if course.drawn:
        said.append("the order of the regions is drawn when it is created; as if it were that of their names:")
    return said + turn_lines(course.turns)


def _limits(course: Course, region: str) -> str:
    limits, at_once = (course.limits or {})[region], course.at_once(region)
    may = f"{limits.tolerance} may fail" if limits.tolerance > 0 else "none may fail"
    if at_once == limits.concurrency:
        return f"at most {at_once} at once, {may}"
    return f"at most {at_once} at once instead of {limits.concurrency}, because {may} ({ToleranceMode.STRICT})"


def turn_lines(turns: Sequence[Turn]) -> list[str]:
    """What begins first, and what then."""
    told = [f"{'first' if not number else 'then':<5} {turn}" for number, turn in enumerate(turns[:MOST_TURNS])]
    if len(turns) > MOST_TURNS:
        told.append(f"… and {counted(len(turns) - MOST_TURNS, 'more turn')}; at last {turns[-1]}")
    return told
