"""What would become of stack sets and their operations: those that are there, and those that manifests would make."""

from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from windlass.api.stack_set_operation import Action, StackSetOperationStatus
from windlass.cli.failures import CannotError
from windlass.cli.manifests import Proposed
from windlass.cli.reading import Body, now, read_object
from windlass.cli.subjects.stack_set import OPERATION, STACK_INSTANCE, STACK_SET, STACK_TARGET
from windlass.cli.subjects.stack_set.course import NEW, Course, after, course_of, lines_of
from windlass.cli.subjects.stack_set.reading import (
    Namespace,
    Read,
    World,
    read_inputs,
    read_instances,
    read_namespace,
    read_world,
    with_operation,
    with_proposed,
    world_of,
)
from windlass.cli.subjects.stack_set.targets import Asked, ask_targets, asked_values, folded_lines, target_lines
from windlass.cli.told import Outlook
from windlass.cluster.client import Client
from windlass.planner.reason import Reason, names
from windlass.planner.stackset.operation import DEPLOYS
from windlass.planner.stackset.stack_set import StartOperation, plan_stack_set
from windlass.planner.stackset.view import Inputs, Operation, Sources

ASSUMPTION = "It is as if nothing failed and each instance took the same time."
MOST_STARTS = 5  # operations that a set starts one after the other are looked at
BEGINS = frozenset({"Waits", "Goes"})  # how an operation stands that does something, now or later
UNKNOWN = Inputs(Sources(), frozenset(), {})  # where there is no API server


@dataclass(frozen=True, slots=True)
class Look:
    """One operation. `asked`: what its targets say; None: they were not asked, and `notes` say why."""

    namespace: str
    course: Course
    change: str
    asked: tuple[Asked, ...] | None
    notes: tuple[str, ...]

    @property
    def idle(self) -> bool:
        """Whether nothing would be changed: not in a target, and not in what instances remember."""
        action = self.course.operation.spec.action
        if self.course.stands not in BEGINS or action is Action.DETECT_DRIFT:
            return True
        return action is Action.DEPLOY and self.asked is not None and not any(each.acts for each in self.asked)

    @property
    def refused(self) -> bool:
        """Whether it would end at once, or fail in a target."""
        return self.course.refused or any(each.refused for each in self.asked or ())


# ---- operations


async def plan_operation_named(client: Client, namespace: str, name: str) -> Outlook:
    """What an operation that is there would do from now on."""
    body = await read_object(client, OPERATION, namespace, name)
    world = await read_world(client, namespace, str(body["spec"]["stackSet"]))
    operation = world.operation(name)
    read = await _inputs(client, world, operation)
    return outlook(await _look(client, world, operation, read, "Unchanged"))


async def plan_operations(client: Client | None, proposed: Sequence[Proposed]) -> list[Outlook]:
    """What the operations among these would do: of one set one after the other, in the order in which they begin."""
    looks: list[Look] = []
    async for there in _namespaces(client, proposed, OPERATION.kind):
        mine = {each.document.name: each for each in _of(proposed, OPERATION.kind, there.name)}
        for name in dict.fromkeys(str(each.spec["stackSet"]) for each in mine.values()):
            world = await _world(client, there, name)
            own = sorted((each for each in world.view.operations if each.name in mine), key=lambda o: o.task.seniority)
            before: str | None = None
            for operation in own:
                read = await _inputs(client, world, operation)
                looks.append(await _look(client, world, operation, read, mine[operation.name].change, before))
                if looks[-1].course.stands in BEGINS:
                    world, before = after(world, looks[-1].course, read.inputs), operation.name
    return [outlook(look) for look in looks]


async def _inputs(client: Client | None, world: World, operation: Operation) -> Read:
    """What it would be deployed from; of one that has begun its instances say so."""
    if operation.spec.action not in DEPLOYS or operation.status.start_time is not None:
        return Read(None)
    return await read_inputs(client, world, operation.spec.overrides)


async def _look(
    client: Client | None, world: World, operation: Operation, read: Read, change: str, before: str | None = None
) -> Look:
    """`before`: another one of the same manifests that is looked at first."""
    course = course_of(world, operation, read.inputs)
    notes = [read.note] if read.note else []
    if before is not None and course.stands in BEGINS:
        notes.append(f"it waits for {before}, and what it does in its targets depends on that: plan it again then")
    asked: tuple[Asked, ...] | None = None
    if client is not None and course.places and not notes:
        inputs = read.inputs if isinstance(read.inputs, Inputs) else None
        if operation.spec.action is Action.DETECT_DRIFT:
            notes.append("it only looks: nothing would be changed in any target")
        elif operation.spec.retain_stacks:
            notes.append("what was deployed is left where it is: no target is touched")
        else:
            asked = await ask_targets(client, world, course, inputs)
    return Look(world.namespace, course, change, asked, tuple(notes))


def outlook(look: Look) -> Outlook:
    """What is shown of one operation."""
    course = look.course

    def lines(told: Callable[[Iterable[Asked]], list[str]]) -> list[str]:
        operation = course.operation
        head = f"{OPERATION.kind} {look.namespace}/{operation.name} of {STACK_SET.kind} {operation.spec.stack_set}"
        return [head, *(f"  {line}" for line in _look_lines(look, told))]

    waits = course.stands == "Waits"
    return Outlook(
        values=lambda: values(look),
        lines=lambda: lines(target_lines),
        acts=not look.idle,
        settled=look.idle and not waits,
        refused=look.refused,
        assumption=ASSUMPTION if course.turns else None,
        summary=lambda: lines(folded_lines),
    )


def _look_lines(look: Look, told: Callable[[Iterable[Asked]], list[str]]) -> list[str]:
    return [*(f"note: {note}" for note in look.notes), *lines_of(look.course), *told(look.asked or ())]


def values(look: Look) -> dict[str, Any]:
    """One operation for programs."""
    course, operation = look.course, look.course.operation
    limits = course.limits or {}
    return {
        "namespace": look.namespace,
        "name": operation.name,
        "stackSet": operation.spec.stack_set,
        "action": str(operation.spec.action),
        "change": look.change,
        "stands": course.stands,
        "message": course.message,
        "acts": not look.idle,
        "refused": look.refused,
        "cannot": None if course.cannot is None else str(course.cannot),
        "notes": list(look.notes),
        "regions": [
            {
                "region": region,
                "instances": sum(place.region == region for place in course.places),
                "tolerance": each.tolerance,
                "concurrency": each.concurrency,
                "atOnce": course.at_once(region),
            }
            for region, each in limits.items()
        ],
        "turns": [
            [{"region": region, "accounts": list(accounts)} for region, accounts in turn.begins.items()]
            for turn in course.turns
        ],
        "targets": None if look.asked is None else [asked_values(each) for each in look.asked],
    }


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
    async for there in _namespaces(client, proposed, STACK_SET.kind):
        for each in _of(proposed, STACK_SET.kind, there.name):
            world = await _world(client, there, each.document.name)
            found.append(set_outlook(await _look_at_set(client, world, each.change)))
    return found


async def _look_at_set(client: Client | None, world: World, change: str) -> SetLook:
    inputs = await _set_inputs(client, world)
    message = str(plan_stack_set(world.view, inputs, world.wishes).why)
    starts: list[Start] = []
    for start, seen in _starts(world, inputs):
        operation = seen.operation(start.name)
        read = await _inputs(client, seen, operation)
        before = starts[-1].look.course.operation.name if starts else None
        starts.append(Start(start.why, await _look(client, seen, operation, read, "Created", before)))
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
            found += [f"  {start.why}", *(f"    {line}" for line in _look_lines(start.look, told))]
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
    async for there in _namespaces(client, proposed, STACK_TARGET.kind):
        mine = [each.document.name for each in _of(proposed, STACK_TARGET.kind, there.name)]
        found.append(await _targets_outlook(client, there, mine))
    return found


async def _targets_outlook(client: Client | None, there: Namespace, mine: Sequence[str]) -> Outlook:
    starts: list[tuple[str, StartOperation]] = []
    notes: list[str] = []
    for name, body in sorted(there.sets.items()):
        if not body["spec"].get("autoDeploy"):
            continue
        world = await _world(client, there, name)
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


# ---- what is there


async def _namespaces(client: Client | None, proposed: Sequence[Proposed], kind: str) -> AsyncIterator[Namespace]:
    """The namespaces of the objects of this kind among these, with all of these in them."""
    for namespace in dict.fromkeys(each.document.namespace for each in proposed if each.document.kind == kind):
        yield with_proposed(await read_namespace(client, namespace), proposed, now())


def _of(proposed: Iterable[Proposed], kind: str, namespace: str) -> list[Proposed]:
    return [each for each in proposed if each.document.kind == kind and each.document.namespace == namespace]


async def _world(client: Client | None, there: Namespace, name: str) -> World:
    return world_of(there, name, await read_instances(client, there.name, name), now())
