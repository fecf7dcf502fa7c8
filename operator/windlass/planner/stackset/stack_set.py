"""What a stack set says of itself, and which operations it starts by itself."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from windlass.api.stack_instance import Drift
from windlass.api.stack_set import StackSetStatus
from windlass.api.stack_set_operation import Action, StackSetOperationSpec
from windlass.api.stacks import MAX_ACCOUNTS, MAX_REGIONS, DeploymentTargets, InstancePhase, OperationPreferences
from windlass.planner.conditions import Readiness, conditions
from windlass.planner.digest import digest
from windlass.planner.plan import Event, Plan
from windlass.planner.reason import Reason
from windlass.planner.stackset.reasons_sets import (
    AllCurrent,
    AutoDeploys,
    NoInstances,
    Operating,
    SetDeleting,
    SetOutdated,
    SomeDrifted,
    SomeFailed,
)
from windlass.planner.stackset.selection import managed_units
from windlass.planner.stackset.targets import Place, chosen
from windlass.planner.stackset.view import Inputs, Operation, SetView, Sources, StackInstance, StackSet
from windlass.planner.tasks import FINAL, deletable, first_in_line, next_expiry


@dataclass(frozen=True, slots=True)
class StartOperation:
    """Create an operation of the set. `wish`: tells what it is started for from anything else that is wanted now."""

    name: str
    spec: StackSetOperationSpec
    wish: str
    why: Reason


@dataclass(frozen=True, slots=True)
class DeleteOperation:
    """Delete an operation that is over, and that nobody keeps."""

    name: str
    uid: str


@dataclass(frozen=True, slots=True)
class Release:
    """Let the set go: nothing of it is left."""


SetStep = StartOperation | DeleteOperation | Release
SetPlan = Plan[StackSetStatus, SetStep]


@dataclass(frozen=True, slots=True)
class _Wish:
    """What the set starts an operation for."""

    digest: str
    action: Action
    targets: DeploymentTargets | None
    why: str


def plan_stack_set(view: SetView, inputs: Inputs | Reason, wishes: Mapping[str, str]) -> SetPlan:
    """The set's status, and what it does. `inputs`: what a deployment would be made from now; `wishes`: what operations
    that the set started were started for, by name."""
    stack_set = view.stack_set
    if stack_set is None:
        raise ValueError("a plan needs its set")
    status = _counts(view, stack_set, inputs)
    steps: list[SetStep] = []
    # What was started for what is wanted now is kept: else it would be started again.
    past = [each for each in view.operations if not (each.by_set and _number(each.name) >= status.wanted_since)]
    over = deletable(tuple(each.task for each in past), stack_set.spec.history_limit, view.now)
    uids = {each.name: each.uid for each in view.operations}
    steps += [DeleteOperation(task.name, uids[task.name]) for task in over]
    if stack_set.removing and not view.instances:
        steps.append(Release())
    status = _wanted(view, stack_set, inputs, status)
    starts = _start(view, stack_set, status, inputs, wishes)
    events: tuple[Event, ...] = ()
    if starts is not None:
        steps.append(starts)
        events = (Event("Normal", starts.why),)
        status = status.model_copy(update={"next_operation": _number(starts.name) + 1})
    readiness, phase, why = _standing(view, stack_set, status, inputs, starts)
    said = str(why)[:1024]
    made = conditions(
        readiness, why, said, old=stack_set.status.conditions, generation=stack_set.generation, now=view.now
    )
    told = status.model_copy(
        update={
            "phase": phase,
            "message": said,
            "observed_generation": stack_set.generation,
            "conditions": made,
        }
    )
    wake_at = next_expiry((each.task for each in view.operations), view.now)
    return Plan(told, why, tuple(steps), events=events, wake_at=wake_at)


# ---- what it says


def _counts(view: SetView, stack_set: StackSet, inputs: Inputs | Reason) -> StackSetStatus:
    instances = view.instances
    known = stack_set.status
    last = _latest(view.operations)
    units = managed_units(view, stack_set)
    return known.model_copy(
        update={
            "instances": len(instances),
            "current": sum(1 for each in instances if is_current(each, inputs)),
            "failed": sum(1 for each in instances if each.phase in (InstancePhase.FAILED, InstancePhase.INOPERABLE)),
            "cancelled": sum(1 for each in instances if each.phase is InstancePhase.CANCELLED),
            "drifted": sum(1 for each in instances if each.drift is Drift.DRIFTED),
            "variables": tuple(sorted(inputs.variable_names)) if isinstance(inputs, Inputs) else known.variables,
            "regions": tuple(sorted({each.place.region for each in instances})),
            "organizational_units": tuple(sorted(units)),
            "operation": last.name if last is not None else known.operation,
        }
    )


def is_current(instance: StackInstance, inputs: Inputs | Reason) -> bool:
    """Whether its target holds the set's template and variables as they are now."""
    if instance.deployed is None or not isinstance(inputs, Inputs):
        return False
    held, now = instance.deployed, inputs.sources
    return (held.template, held.variables, held.overrides) == (now.template, now.variables, instance.sources.overrides)


def _latest(operations: Iterable[Operation]) -> Operation | None:
    """The operation that runs, else the one that began last."""
    begun = [each for each in operations if each.status.start_time is not None]
    return max(
        begun,
        key=lambda each: (each.status.phase not in FINAL, each.status.start_time, each.name),
        default=None,
    )


def _standing(
    view: SetView, stack_set: StackSet, status: StackSetStatus, inputs: Inputs | Reason, starts: StartOperation | None
) -> tuple[Readiness, str, Reason]:
    task = first_in_line([each.task for each in view.operations])
    active = next((each for each in view.operations if task is not None and each.name == task.name), None)
    if stack_set.removing:
        doing = _doing(active, starts)
        stuck = status.failed + status.cancelled
        if not doing and stuck:
            doing = f"{stuck} failed or cancelled: see the instances, mend the cause, then start DeleteInstances again"
        return "Reconciling", "Deleting", SetDeleting(status.instances, f" ({doing})" if doing else "")
    if active is not None or starts is not None:
        return "Reconciling", "Operating", _operating(active, starts)
    declared = _declared(view, stack_set) if stack_set.spec.auto_deploy else None
    for problem in (inputs, declared):
        if isinstance(problem, Reason):
            return "Stalled", "Stalled", problem
    if status.failed or status.cancelled:
        why: Reason = SomeFailed(stack_set.name, status.failed, status.cancelled, status.instances)
        return "Stalled", "Degraded", why
    if status.drifted:
        return "Idle", "Degraded", SomeDrifted(stack_set.name, status.drifted, status.instances)
    if not status.instances:
        return "Ready", "Ready", NoInstances()
    behind = status.instances - status.current
    if behind:
        return "Idle", "Outdated", SetOutdated(behind, status.instances)
    return "Ready", "Ready", AllCurrent(status.instances)


def _doing(active: Operation | None, starts: StartOperation | None) -> str:
    why = _operating(active, starts)
    return str(why) if active is not None or starts is not None else ""


def _operating(active: Operation | None, starts: StartOperation | None) -> Reason:
    if active is not None:
        return Operating(active.name, active.status.message or "has not begun")
    return Operating(starts.name if starts is not None else "", "starts")


# ---- what it starts


def _wanted(view: SetView, stack_set: StackSet, inputs: Inputs | Reason, status: StackSetStatus) -> StackSetStatus:
    """The status, with a note where what the set wants has changed: what was started for it before counts no more."""
    places = _declared(view, stack_set)
    sources = inputs.sources if isinstance(inputs, Inputs) else Sources()
    wanted = digest(
        [
            stack_set.spec.deletion_policy if stack_set.removing else stack_set.spec.auto_deploy,
            sources.template,
            sources.variables,
            str(places) if isinstance(places, Reason) else [[each.region, each.account] for each in places or ()],
        ]
    )
    if wanted == status.wanted:
        return status
    return status.model_copy(update={"wanted": wanted, "wanted_since": _next_number(view, stack_set)})


def _start(
    view: SetView, stack_set: StackSet, status: StackSetStatus, inputs: Inputs | Reason, wishes: Mapping[str, str]
) -> StartOperation | None:
    """The operation that the set starts now, if it starts one: never beside one that is not over."""
    if any(each.status.phase not in FINAL and (each.by_set or not stack_set.removing) for each in view.operations):
        return None
    tried = {wish for name, wish in wishes.items() if _number(name) >= status.wanted_since}
    for wish in _wishes(view, stack_set, inputs):
        if wish.digest in tried:
            continue
        name = f"{stack_set.name}-{_next_number(view, stack_set)}"
        spec = StackSetOperationSpec(
            stack_set=stack_set.name,
            stack_set_uid=stack_set.uid,
            action=wish.action,
            targets=wish.targets,
            preferences=_preferences(stack_set, wish),
            retain_stacks=wish.action is Action.DELETE
            and stack_set.removing
            and stack_set.spec.deletion_policy == "Retain",
        )
        return StartOperation(name, spec, wish.digest, AutoDeploys(name, str(wish.action), wish.why))
    return None


def _preferences(stack_set: StackSet, wish: _Wish) -> OperationPreferences:
    """The set's own, without an order of regions that the operation does not name exactly."""
    preferences = stack_set.spec.operation_preferences
    named = set(wish.targets.regions) if wish.targets is not None else set()
    if set(preferences.region_order) == named:
        return preferences
    return preferences.model_copy(update={"region_order": ()})


def _wishes(view: SetView, stack_set: StackSet, inputs: Inputs | Reason) -> Iterator[_Wish]:
    instances = [each for each in view.instances if not each.removing]
    if stack_set.removing:
        if instances:
            policy = stack_set.spec.deletion_policy
            yield _Wish(_wish(f"delete: {policy}", ()), Action.DELETE, None, "the set is being deleted")
        return
    if not stack_set.spec.auto_deploy or not isinstance(inputs, Inputs):
        return
    there = {each.place for each in instances}
    wanted = _declared(view, stack_set)
    if isinstance(wanted, Reason):
        return
    if wanted is not None:
        missing, excess = sorted(set(wanted) - there), sorted(there - set(wanted))
        if missing:
            yield _Wish(_wish("create", missing), Action.CREATE, stack_set.spec.targets, "targets were added")
        for part in products(excess):
            yield _Wish(_wish("delete", part), Action.DELETE, exactly(part), "targets were taken away")
    if any(_is_behind(each, inputs) for each in instances):
        yield _Wish(_wish("deploy", ()), Action.DEPLOY, None, "the set's template or variables have changed")


def _is_behind(instance: StackInstance, inputs: Inputs) -> bool:
    """Whether nobody has tried yet to deploy to it what the set says now. What failed, or was stopped, is for people to
    try again."""
    tried, now = instance.sources, inputs.sources
    return not is_current(instance, inputs) and (tried.template, tried.variables) != (now.template, now.variables)


def _declared(view: SetView, stack_set: StackSet) -> tuple[Place, ...] | Reason | None:
    """Where the set says that it is to be deployed; None: operations say it."""
    targets = stack_set.spec.targets
    return None if targets is None else chosen(targets, view.targets, stack_set.spec.permission_model)


def _wish(what: str, places: Iterable[Place]) -> str:
    return digest([what, [[each.region, each.account] for each in places]])


def products(places: Iterable[Place]) -> list[tuple[Place, ...]]:
    """The places in groups, each of which is regions × accounts, as many as an operation can name."""
    accounts: dict[str, list[str]] = {}
    for each in places:
        accounts.setdefault(each.region, []).append(each.account)
    regions: dict[tuple[str, ...], list[str]] = {}
    for region, found in accounts.items():
        regions.setdefault(tuple(sorted(found)), []).append(region)
    return [
        tuple(Place(region, account) for region in some for account in named)
        for names, found in sorted(regions.items())
        for some in _slices(sorted(found), MAX_REGIONS)
        for named in _slices(names, MAX_ACCOUNTS)
    ]


def _slices(names: Sequence[str], most: int) -> list[Sequence[str]]:
    return [names[begin : begin + most] for begin in range(0, len(names), most)]


def exactly(places: Iterable[Place]) -> DeploymentTargets:
    """The targets that name these places, which are regions × accounts."""
    places = tuple(places)
    return DeploymentTargets(
        regions=tuple(sorted({each.region for each in places})),
        accounts=tuple(sorted({each.account for each in places})),
    )


def _next_number(view: SetView, stack_set: StackSet) -> int:
    taken = [_number(each.name) for each in view.operations if each.by_set]
    return max([stack_set.status.next_operation, *(number + 1 for number in taken)])


def _number(name: str) -> int:
    last = name.rpartition("-")[2]
    return int(last) if last.isdecimal() and len(last) < 16 else 0
