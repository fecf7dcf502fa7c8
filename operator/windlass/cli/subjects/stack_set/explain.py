"""Why a stack set or an operation is as it is, what it waits for, and what to do."""

import asyncio
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from windlass.api.stack_set_operation import OperationState, RegionProgress, StackSetOperationStatus
from windlass.api.stacks import InstancePhase, ToleranceMode
from windlass.api.task import Phase
from windlass.cli.operator_sign import SeenLease, Sign, last_change, read_leases, sign_of
from windlass.cli.reading import Body, now, read_object
from windlass.cli.subjects.group.explanation import OPERATOR_ADVICE
from windlass.cli.subjects.stack_set import OPERATION, STACK_SET
from windlass.cli.subjects.stack_set.leaf import Leaf, by_region, counts, to_leaf
from windlass.cli.subjects.stack_set.objects import progress, said
from windlass.cli.subjects.stack_set.reading import World, read_inputs, read_world
from windlass.cli.subjects.stack_set.troubles import FAILURES, Troubles, operations_of, troubles_of
from windlass.cli.text import age, bar, capitalised, columns, in_sections
from windlass.cli.told import Told
from windlass.cluster.client import Client
from windlass.planner.reason import counted, names
from windlass.planner.stackset.operation import plan_operation
from windlass.planner.stackset.reasons import ReadsInputs, WaitsForBusyInstances, WaitsForSet, WaitsItsTurn
from windlass.planner.stackset.stack_set import plan_stack_set
from windlass.planner.stackset.steps import OperationPlan
from windlass.planner.stackset.view import Operation
from windlass.planner.tasks import FINAL, SameToken, first_in_line

_WAITS = (WaitsItsTurn, WaitsForSet, WaitsForBusyInstances, SameToken)


def operator_sign(body: Body, leases: Sequence[SeenLease] | None, *, over: bool = False) -> Sign:
    """Whether an operator seems to be at work on it."""
    metadata, seen = body["metadata"], (body.get("status") or {}).get("observedGeneration", 0)
    looked_at = over or seen >= metadata["generation"]
    return sign_of(leases, looked_at=looked_at, changed=last_change(metadata), now=now())


def operator_lines(sign: Sign, *, over: bool = False) -> list[str]:
    """What is said of the operator; of what is over, nothing."""
    return [] if over else [capitalised(sign.message)]


# ---- an operation


async def explain_operation(client: Client, namespace: str, name: str) -> Told:
    """Why this operation is as it is."""
    body, leases = await asyncio.gather(read_object(client, OPERATION, namespace, name), read_leases(client))
    world = await read_world(client, namespace, str(body["spec"]["stackSet"]))
    operation = world.operation(name)
    plan, note = await _planned(client, world, operation)
    return told_operation(world, operation, body, plan, leases, note)


async def _planned(client: Client, world: World, operation: Operation) -> tuple[OperationPlan, str | None]:
    """The operator's next step, and what could not be read."""
    plan = plan_operation(world.view_of(operation))
    if not isinstance(plan.why, ReadsInputs):
        return plan, None
    read = await read_inputs(client, world, operation.spec.overrides)
    return plan_operation(world.view_of(operation, read.inputs)), read.note


def told_operation(
    world: World,
    operation: Operation,
    body: Body,
    plan: OperationPlan,
    leases: Sequence[SeenLease] | None,
    note: str | None,
) -> Told:
    """The explanation of an operation whose next step this is."""
    over = operation.status.phase in FINAL
    status, message = (operation.status, operation.status.message) if over else (plan.status, str(plan.why))
    mine = [to_leaf(each) for each in world.instances.values() if each["spec"].get("operationUID") == operation.uid]
    running = sorted((leaf for leaf in mine if leaf.state is InstancePhase.RUNNING), key=lambda leaf: leaf.since)
    found, sign = troubles_of(world.instances, mine), operator_sign(body, leases, over=over)
    waits = [] if over else list(_waits(operation, plan, running))
    advice = list(_operation_advice(world, operation, plan, mine, found, sign))

    def values() -> dict[str, Any]:
        return {
            **OPERATION.summary(body),
            "state": str(operation.spec.state),
            "message": message,
            "note": note,
            "waits": waits,
            "regions": [{**each.model_dump(by_alias=True), "message": progress(each)} for each in _in_order(status)],
            "running": [leaf.name for leaf in running],
            **found.values(),
            "operator": {"state": sign.state, "message": sign.message},
            "advice": advice,
        }

    def lines() -> list[str]:
        place = f"{world.namespace}/{operation.name}"
        action = f"{operation.spec.action} of {STACK_SET.kind} {operation.spec.stack_set}"
        head = [f"{OPERATION.kind} {place}, {action}: {operation.status.phase}", f"  {message}"]
        if status.start_time is not None:
            head.append(f"  {bar(status.percentage)}, {status.succeeded} of {counted(status.total, 'instance')} done")
        if operation.spec.state_reason is not None:
            head.append(f"  ({operation.spec.state}: {operation.spec.state_reason})")
        if note is not None:
            head.append(f"  note: {note}")
        sections = (
            ("Waiting for", [each for each in waits if each != message]),
            ("Regions", columns((each.region, progress(each)) for each in _in_order(status))),
            (
                "Being worked at",
                columns((leaf.name, age(leaf.since, world.view.now), leaf.message) for leaf in running),
            ),
            *found.sections(),
            ("Operator", operator_lines(sign, over=over)),
            ("What to do", advice),
        )
        return in_sections(head, sections)

    return Told(values=values, lines=lines)


def _in_order(status: StackSetOperationStatus) -> list[RegionProgress]:
    places = {region: place for place, region in enumerate(status.order)}
    return sorted(status.regions, key=lambda each: places.get(each.region, 0))


def _waits(operation: Operation, plan: OperationPlan, running: Sequence[Leaf]) -> Iterator[str]:
    """What keeps it from going on now."""
    if isinstance(plan.why, _WAITS):
        yield str(plan.why)
        return
    if operation.spec.state is OperationState.STOPPED:
        yield "it was stopped: nothing more begins"
    strict = operation.spec.preferences.failure_tolerance_mode is ToleranceMode.STRICT
    for region in plan.status.regions:
        if region.failed > region.tolerance:
            elsewhere = " and in the regions after it" if plan.status.order else ""
            may = f"{region.failed} failed, {region.tolerance} may"
            yield f"region {region.region}: {may}: nothing more begins there{elsewhere}"
        elif strict and _left(region) and (at_once := region.tolerance + 1 - region.failed) < region.concurrency:
            more = at_once - 1
            may = f"{more or 'none'} {'more ' if region.failed else ''}may fail ({ToleranceMode.STRICT})"
            yield f"region {region.region}: at most {at_once} at once instead of {region.concurrency}, because {may}"
    if running:
        yield f"the end of {names(tuple(leaf.name for leaf in running))}"


def _left(region: RegionProgress) -> int:
    return region.total - region.succeeded - region.failed - region.cancelled


def _operation_advice(
    world: World, operation: Operation, plan: OperationPlan, mine: Sequence[Leaf], found: Troubles, sign: Sign
) -> Iterator[str]:
    of = f"-n {world.namespace}"
    over, never = operation.status.phase in FINAL, operation.status.start_time is None
    if sign.state == "Absent" and not over:
        yield OPERATOR_ADVICE
    match plan.why:
        case WaitsItsTurn():
            first = first_in_line([each.task for each in world.view.operations])
            yield f"see what is before it: kubectl windlass explain operation {first.name if first else ''} {of}"
        case WaitsForSet(name=name):
            yield f"see what it waits for: kubectl windlass explain stackset {name} {of}"
        case WaitsForBusyInstances(names=waited):
            yield f"see what it waits for: kubectl windlass explain stackinstance {waited[0]} {of}"
        case _:
            pass
    if never and Phase.FAILED in {operation.status.phase, plan.status.phase}:
        yield "correct that, and create another operation: this one does not run again"
    yield from found.advice(world.namespace)
    again = any(leaf.state in {*FAILURES, InstancePhase.CANCELLED} for leaf in mine)
    if over and again:
        yield f"start it again where it failed or was cancelled: kubectl windlass retry operation {operation.name} {of}"
    elif found.failed and not over and operation.spec.state is not OperationState.STOPPED:
        yield f"or begin nothing more: kubectl windlass stop operation {operation.name} {of}"


# ---- a set


async def explain_set(client: Client, namespace: str, name: str) -> Told:
    """Why this set is as it is."""
    body, leases = await asyncio.gather(read_object(client, STACK_SET, namespace, name), read_leases(client))
    world = await read_world(client, namespace, name)
    read = await read_inputs(client, world)
    message = said(body, "stack set")
    if read.inputs is not None:
        message = str(plan_stack_set(world.view, read.inputs, world.wishes).why)
    first = first_in_line([each.task for each in world.view.operations])
    active = None if first is None else world.operation(first.name)
    plan = None if active is None else (await _planned(client, world, active))[0]
    return told_set(world, body, message, (active, plan), leases, read.note)


def told_set(
    world: World,
    body: Body,
    message: str,
    first: tuple[Operation | None, OperationPlan | None],
    leases: Sequence[SeenLease] | None,
    note: str | None,
) -> Told:
    """The explanation of a set. `first`: the operation whose turn it is, and its next step."""
    leaves = [to_leaf(each) for each in world.instances.values()]
    regions = by_region(leaves)
    found, sign = troubles_of(world.instances, leaves), operator_sign(body, leases)
    active, plan = first
    running = [leaf for leaf in leaves if leaf.state is InstancePhase.RUNNING]
    waits = list(_waits(active, plan, running)) if active is not None and plan is not None else []
    line = [each.name for each in sorted(world.view.operations, key=lambda each: each.task.seniority) if _is_open(each)]
    advice = list(_set_advice(world, active, found, sign))
    phase = (body.get("status") or {}).get("phase") or "Unknown"

    def values() -> dict[str, Any]:
        return {
            **STACK_SET.summary(body),
            "message": message,
            "note": note,
            "operations": line,
            "waits": waits,
            "regions": [{"region": region, "counts": counts(those)} for region, those in regions.items()],
            **found.values(),
            "operator": {"state": sign.state, "message": sign.message},
            "advice": advice,
        }

    def lines() -> list[str]:
        head = [f"{STACK_SET.kind} {world.namespace}/{world.name}: {phase}", f"  {message}"]
        if note is not None:
            head.append(f"  note: {note}")
        sections = (
            ("Operations", _operation_lines(active, plan, line)),
            ("Waiting for", waits),
            ("Regions", columns((region, _counted(those)) for region, those in regions.items())),
            *found.sections(),
            ("Operator", operator_lines(sign)),
            ("What to do", advice),
        )
        return in_sections(head, sections)

    return Told(values=values, lines=lines)


def _is_open(operation: Operation) -> bool:
    return operation.status.phase not in FINAL


def _operation_lines(active: Operation | None, plan: OperationPlan | None, line: Sequence[str]) -> list[str]:
    if active is None or plan is None:
        return []
    status, waiting = plan.status, [name for name in line if name != active.name]
    told = [f"{active.name}, {active.spec.action}: {status.phase}, {bar(status.percentage)}: {plan.why}"]
    return told + ([f"then {names(tuple(waiting))}"] if waiting else [])


def _counted(leaves: Iterable[Leaf]) -> str:
    return ", ".join(f"{many} {state}" for state, many in counts(leaves).items())


def _set_advice(world: World, active: Operation | None, found: Troubles, sign: Sign) -> Iterator[str]:
    of = f"-n {world.namespace}"
    if sign.state == "Absent":
        yield OPERATOR_ADVICE
    if active is not None:
        yield f"see how far the operation is: kubectl windlass explain operation {active.name} {of}"
    yield from found.advice(world.namespace)
    over = {each.name for each in world.view.operations if not _is_open(each)}
    for operation in sorted(operations_of(world.instances, found.failed) & over):
        yield f"start it again where it failed or was cancelled: kubectl windlass retry operation {operation} {of}"
