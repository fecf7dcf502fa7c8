"""What operations of stack sets would do: those that are there, and those that manifests would make."""

from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from windlass.api.stack_set_operation import Action
from windlass.cli.manifests import Proposed
from windlass.cli.reading import now, read_object
from windlass.cli.subjects.stack_set import OPERATION, STACK_SET
from windlass.cli.subjects.stack_set.course import Course, after, course_of, lines_of
from windlass.cli.subjects.stack_set.reading import (
    Namespace,
    Read,
    World,
    read_inputs,
    read_namespace,
    read_set,
    read_world,
    with_proposed,
)
from windlass.cli.subjects.stack_set.targets import Asked, ask_targets, asked_values, folded_lines, target_lines
from windlass.cli.told import Outlook
from windlass.cluster.client import Client
from windlass.planner.stackset.running import DEPLOYS
from windlass.planner.stackset.view import Inputs, Operation

ASSUMPTION = "It is as if nothing failed and each instance took the same time."
BEGINS = frozenset({"Waits", "Goes"})  # how an operation stands that does something, now or later


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
    read = await inputs_of(client, world, operation)
    return outlook(await look_at(client, world, operation, read, "Unchanged"))


async def plan_operations(client: Client | None, proposed: Sequence[Proposed]) -> list[Outlook]:
    """What the operations among these would do: of one set one after the other, in the order in which they begin."""
    looks: list[Look] = []
    async for there in namespaces(client, proposed, OPERATION.kind):
        mine = {each.document.name: each for each in of_kind(proposed, OPERATION.kind, there.name)}
        for name in dict.fromkeys(str(each.spec["stackSet"]) for each in mine.values()):
            world = await read_set(client, there, name)
            own = sorted((each for each in world.view.operations if each.name in mine), key=lambda o: o.task.seniority)
            before: str | None = None
            for operation in own:
                read = await inputs_of(client, world, operation)
                looks.append(await look_at(client, world, operation, read, mine[operation.name].change, before))
                if looks[-1].course.stands in BEGINS:
                    world, before = after(world, looks[-1].course, read.inputs), operation.name
    return [outlook(look) for look in looks]


async def inputs_of(client: Client | None, world: World, operation: Operation) -> Read:
    """What it would be deployed from; of one that has begun its instances say so."""
    if operation.spec.action not in DEPLOYS or operation.status.start_time is not None:
        return Read(None)
    return await read_inputs(client, world, operation.spec.overrides)


async def look_at(
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
        return [head, *(f"  {line}" for line in look_lines(look, told))]

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


def look_lines(look: Look, told: Callable[[Iterable[Asked]], list[str]]) -> list[str]:
    """What is said of one operation below its name. `told`: what is said of its targets."""
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


# ---- what is there


async def namespaces(client: Client | None, proposed: Sequence[Proposed], kind: str) -> AsyncIterator[Namespace]:
    """The namespaces of the objects of this kind among these, with all of these in them."""
    for namespace in dict.fromkeys(each.document.namespace for each in proposed if each.document.kind == kind):
        yield with_proposed(await read_namespace(client, namespace), proposed, now())


def of_kind(proposed: Iterable[Proposed], kind: str, namespace: str) -> list[Proposed]:
    """Those of this kind and namespace."""
    return [each for each in proposed if each.document.kind == kind and each.document.namespace == namespace]
