"""What stack sets would start by themselves, and what becomes of that; and what targets have them start."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from windlass.api.stack_set_operation import StackSetOperationStatus
from windlass.cli.failures import CannotError
from windlass.cli.manifests import Proposed
from windlass.cli.reading import Body, read_object
from windlass.cli.subjects.stack_set import STACK_INSTANCE, STACK_SET, STACK_TARGET
from windlass.cli.subjects.stack_set.course import after, course_of
from windlass.cli.subjects.stack_set.plan import (
    ASSUMPTION,
    Look,
    inputs_of,
    look_at,
    look_lines,
    namespaces,
    of_kind,
    values,
)
from windlass.cli.subjects.stack_set.reading import (
    NEW,
    Namespace,
    World,
    read_inputs,
    read_namespace,
    read_set,
    read_world,
    with_operation,
)
from windlass.cli.subjects.stack_set.targets import Asked, folded_lines, target_lines
from windlass.cli.told import Outlook
from windlass.cluster.client import Client
from windlass.planner.reason import Reason, names
from windlass.planner.stackset.stack_set import StartOperation, plan_stack_set
from windlass.planner.stackset.view import Inputs, Operation, Sources

MOST_STARTS = 5  # operations that a set starts one after the other are looked at
UNKNOWN = Inputs(Sources(), frozenset(), {})  # where there is no API server


# ---- sets


@dataclass(frozen=True, slots=True)
class Start:
    """An operation that a set would start by itself."""

    why: Reason
    look: Look


@dataclass(frozen=True, slots=True)
class SetLook:
    """A set, and what it would start one after the other. `broken`: why nothing could be deployed from it."""

    world: World
    change: str
    message: str
    starts: tuple[Start, ...]
    broken: bool


async def plan_set(client: Client, namespace: str, name: str) -> Outlook:
    """What a set that is there would start."""
    await read_object(client, STACK_SET, namespace, name)
    return set_outlook(await _look_at_set(client, await read_world(client, namespace, name), "Unchanged"))


async def plan_sets(client: Client | None, proposed: Sequence[Proposed]) -> list[Outlook]:
    """What the sets among these would start."""
    found = []
    async for there in namespaces(client, proposed, STACK_SET.kind):
        for each in of_kind(proposed, STACK_SET.kind, there.name):
            world = await read_set(client, there, each.document.name)
            found.append(set_outlook(await _look_at_set(client, world, each.change)))
    return found


async def _look_at_set(client: Client | None, world: World, change: str) -> SetLook:
    inputs = await _set_inputs(client, world)
    message = str(plan_stack_set(world.view, inputs, world.wishes).why)
    starts: list[Start] = []
    for start, seen in _starts(world, inputs):
        operation = seen.operation(start.name)
        read = await inputs_of(client, seen, operation)
        before = starts[-1].look.course.operation.name if starts else None
        starts.append(Start(start.why, await look_at(client, seen, operation, read, "Created", before)))
    return SetLook(world, change, message, tuple(starts), isinstance(inputs, Reason))


async def _set_inputs(client: Client | None, world: World) -> Inputs | Reason:
    """CannotError where they may not be read: then nobody can say what the set would start."""
    if client is None:
        return UNKNOWN
    read = await read_inputs(client, world)
    if read.inputs is None:
        raise CannotError(f"what StackSet {world.name} would start cannot be said: {read.note}")
    return read.inputs


def _starts(world: World, inputs: Inputs | Reason) -> Iterator[tuple[StartOperation, World]]:
    """The operations that the set starts, each in the world in which it is started."""
    for _ in range(MOST_STARTS):
        plan = plan_stack_set(world.view, inputs, world.wishes)
        start = next((step for step in plan.steps if isinstance(step, StartOperation)), None)
        if start is None or world.view.stack_set is None:
            return
        status = StackSetOperationStatus()
        operation = Operation(start.name, f"{NEW}{start.name}", 1, world.view.now, start.spec, status, by_set=True)
        stack_set = replace(world.view.stack_set, status=plan.status)
        world = replace(
            world,
            view=replace(world.view, stack_set=stack_set),
            wishes={**world.wishes, start.name: start.wish},
        )
        world = with_operation(world, operation)
        yield start, world
        world = after(world, course_of(world, operation, inputs), inputs)


def set_outlook(look: SetLook) -> Outlook:
    """What is shown of one set."""
    place, looks = f"{look.world.namespace}/{look.world.name}", [start.look for start in look.starts]

    def lines(told: Callable[[Iterable[Asked]], list[str]]) -> list[str]:
        found = [f"{STACK_SET.kind} {place}: {_CHANGES[look.change]}"]
        for start in look.starts:
            found += [f"  {start.why}", *(f"    {line}" for line in look_lines(start.look, told))]
        return found if look.starts else [*found, f"  it would start nothing by itself: {look.message}"]

    return Outlook(
        values=lambda: {
            "namespace": look.world.namespace,
            "name": look.world.name,
            "change": look.change,
            "message": look.message,
            "operations": [{"why": str(each.why), **values(each.look)} for each in look.starts],
        },
        lines=lambda: lines(target_lines),
        acts=bool(look.starts),
        settled=not look.starts,
        refused=look.broken or any(each.refused for each in looks),
        assumption=ASSUMPTION if any(each.course.turns for each in looks) else None,
        summary=lambda: lines(folded_lines),
    )


_CHANGES: Mapping[str, str] = {
    "Created": "would be created",
    "Changed": "would be changed",
    "Unchanged": "stays as it is",
}


# ---- instances and targets


def plan_instance(body: Body) -> Outlook:
    """That nothing would be done."""
    metadata = body["metadata"]
    message = "operations do something to it, and nothing else does: plan one of those"
    return Outlook(
        values=lambda: {"namespace": metadata["namespace"], "name": metadata["name"], "message": message},
        lines=lambda: [f"{STACK_INSTANCE.kind} {metadata['namespace']}/{metadata['name']}: {message}"],
        acts=False,
        settled=True,
        refused=False,
    )


async def plan_target(client: Client, namespace: str, name: str) -> Outlook:
    """Which sets would start something, as things are."""
    await read_object(client, STACK_TARGET, namespace, name)
    return await _targets_outlook(client, await read_namespace(client, namespace), [name])


async def plan_targets(client: Client | None, proposed: Sequence[Proposed]) -> list[Outlook]:
    """Which sets would start something because of the targets among these: an outlook for each namespace."""
    found = []
    async for there in namespaces(client, proposed, STACK_TARGET.kind):
        mine = [each.document.name for each in of_kind(proposed, STACK_TARGET.kind, there.name)]
        found.append(await _targets_outlook(client, there, mine))
    return found


async def _targets_outlook(client: Client | None, there: Namespace, mine: Sequence[str]) -> Outlook:
    starts: list[tuple[str, StartOperation]] = []
    notes: list[str] = []
    for name, body in sorted(there.sets.items()):
        if not body["spec"].get("autoDeploy"):
            continue
        world = await read_set(client, there, name)
        try:
            inputs = await _set_inputs(client, world)
        except CannotError as error:
            notes.append(str(error))
            continue
        starts += [(name, start) for start, _ in _starts(world, inputs)]
    said = [f"{STACK_SET.kind} {name} {start.why}" for name, start in starts]
    nothing = "no set starts anything because of it: operations deploy to it, and sets with autoDeploy"
    targets = [{"name": each} for each in mine]
    return Outlook(
        values=lambda: {
            "namespace": there.name,
            "targets": targets,
            "notes": notes,
            "operations": [
                {"name": start.name, "stackSet": name, "action": str(start.spec.action), "why": str(start.why)}
                for name, start in starts
            ],
        },
        lines=lambda: [
            f"{STACK_TARGET.kind} {names(tuple(f'{there.name}/{each}' for each in mine))}",
            *(f"  note: {note}" for note in notes),
            *(f"  {line}" for line in said or [nothing]),
        ],
        acts=bool(starts),
        settled=not starts,
        refused=False,
    )
