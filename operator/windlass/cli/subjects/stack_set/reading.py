"""Stack sets and what belongs to them, read live: as they are, and with manifests that would be applied."""

import asyncio
import hmac
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from hashlib import sha256
from typing import Any

from windlass.api import stack_set, stack_set_operation, stack_target
from windlass.api.common import MADE_BY_ANNOTATION, rfc3339
from windlass.api.stack_set_operation import Overrides
from windlass.api.stacks import STACK_SET_LABEL, WISH_ANNOTATION
from windlass.cli.failures import CannotError
from windlass.cli.manifests import Proposed
from windlass.cli.reading import Body, now
from windlass.cluster.client import Client
from windlass.cluster.errors import Gone, Refused, RefusedBy
from windlass.cluster.resources import SECRETS, STACK_INSTANCES, STACK_SET_OPERATIONS, STACK_SETS, STACK_TARGETS
from windlass.cluster.snapshots import KEY, Snapshots, text_in
from windlass.cluster.stacks import MADE_BY_SET, to_operation, to_stack_instance, to_stack_set, to_target
from windlass.controllers.stack_sets.inputs import InputReader
from windlass.planner.reason import Reason
from windlass.planner.stackset.dependencies import circles
from windlass.planner.stackset.targets import Place
from windlass.planner.stackset.view import Inputs, Operation, OperationView, SetView

NEW = "new/"  # begins the uid of what is not there yet
NEWEST = 1 << 62  # from which on the versions of such objects count: they come after all others, in their own order

SET, OPERATION, TARGET = stack_set.KIND.kind, stack_set_operation.KIND.kind, stack_target.KIND.kind


@dataclass(frozen=True, slots=True)
class Namespace:
    """The sets, operations and targets of a namespace, by name."""

    name: str
    sets: Mapping[str, Body]
    operations: Mapping[str, Body]
    targets: Mapping[str, Body]


@dataclass(frozen=True, slots=True)
class World:
    """One set and all that belongs to it. `instances` are by name, `targets` by place: of several the eldest.

    `depends_on`: the operations of the sets that it depends on; `circles`: as OperationView has them. `wishes`: what it
    started operations for, by name.
    """

    namespace: str
    name: str
    view: SetView
    instances: Mapping[str, Body]
    targets: Mapping[Place, Body]
    depends_on: Mapping[str, tuple[Operation, ...] | None]
    circles: Mapping[str, tuple[str, ...]]
    wishes: Mapping[str, str]

    def operation(self, name: str) -> Operation:
        """Its operation of this name. CannotError if it was deleted since its name was read."""
        found = next((each for each in self.view.operations if each.name == name), None)
        if found is None:
            raise CannotError(f"operation {name} was deleted a moment ago")
        return found

    def view_of(self, operation: Operation, inputs: Inputs | Reason | None = None) -> OperationView:
        """What the operation's next step is decided from."""
        return OperationView(self.view, operation, inputs, self.depends_on, self.circles)


@dataclass(frozen=True, slots=True)
class Read:
    """Template and variables as they would be deployed. `inputs` None: they may not be read, and `note` says why."""

    inputs: Inputs | Reason | None
    note: str | None = None


# ---- what there is


async def read_namespace(client: Client | None, namespace: str) -> Namespace:
    """What there is; without a client nothing."""
    if client is None:
        return Namespace(namespace, {}, {}, {})
    kinds = (STACK_SETS, STACK_SET_OPERATIONS, STACK_TARGETS)
    listings = await asyncio.gather(*(client.list(kind, namespace) for kind in kinds))
    return Namespace(namespace, *({body["metadata"]["name"]: body for body in each.items} for each in listings))


async def read_instances(client: Client | None, namespace: str, name: str) -> list[Body]:
    """The instances of a set."""
    if client is None:
        return []
    listing = await client.list(STACK_INSTANCES, namespace, label_selector=f"{STACK_SET_LABEL}={name}")
    return [body for body in listing.items if body["spec"]["stackSet"] == name]


async def read_world(client: Client, namespace: str, name: str) -> World:
    """A set and all that belongs to it."""
    there, instances = await asyncio.gather(read_namespace(client, namespace), read_instances(client, namespace, name))
    return world_of(there, name, instances, now())


async def read_set(client: Client | None, there: Namespace, name: str) -> World:
    """A set of this namespace, which was read, and all that belongs to it."""
    return world_of(there, name, await read_instances(client, there.name, name), now())


def with_proposed(there: Namespace, proposed: Iterable[Proposed], moment: datetime) -> Namespace:
    """The namespace with these objects in it as they would be stored."""
    found: dict[str, dict[str, Body]] = {SET: {}, OPERATION: {}, TARGET: {}}
    for number, each in enumerate(proposed, NEWEST):
        document = each.document
        if document.namespace == there.name and document.kind in found:
            found[document.kind][document.name] = _stored(each, moment, number)
    return Namespace(
        there.name,
        {**there.sets, **found[SET]},
        {**there.operations, **found[OPERATION]},
        {**there.targets, **found[TARGET]},
    )


def _stored(proposed: Proposed, moment: datetime, number: int) -> Body:
    document = proposed.document
    made = {"namespace": document.namespace, "name": document.name, "uid": f"{NEW}{document.name}", "generation": 1}
    made |= {"creationTimestamp": rfc3339(moment), "resourceVersion": str(number)}
    return {**(proposed.live or {"metadata": made}), "spec": proposed.spec}


def world_of(there: Namespace, name: str, instances: Sequence[Body], moment: datetime) -> World:
    """One set of a namespace, and all that belongs to it."""
    body = there.sets.get(name)
    found = None if body is None else to_stack_set(body)
    eldest = sorted(there.targets.values(), key=lambda each: (each["metadata"]["creationTimestamp"], _name(each)))
    view = SetView(
        now=moment,
        stack_set=found,
        operations=_operations_of(there, name),
        instances=tuple(map(to_stack_instance, instances)),
        targets=tuple(map(to_target, there.targets.values())),
    )
    return World(
        there.name,
        name,
        view,
        {_name(each): each for each in instances},
        {Place(each["spec"]["region"], each["spec"]["account"]): each for each in reversed(eldest)},
        {each: _operations_of(there, each) if each in there.sets else None for each in _depends_on(there, name)},
        circles(name, partial(_depends_on, there)),
        dict(_wishes(there, name)),
    )


def _depends_on(there: Namespace, name: str) -> tuple[str, ...]:
    body = there.sets.get(name)
    return () if body is None else tuple(body["spec"].get("dependsOn") or ())


def _name(body: Body) -> str:
    return str(body["metadata"]["name"])


def _operations_of(there: Namespace, name: str) -> tuple[Operation, ...]:
    return tuple(to_operation(body) for body in there.operations.values() if body["spec"]["stackSet"] == name)


def _wishes(there: Namespace, name: str) -> Iterable[tuple[str, str]]:
    for operation, body in there.operations.items():
        annotations = body["metadata"].get("annotations") or {}
        if body["spec"]["stackSet"] == name and annotations.get(MADE_BY_ANNOTATION) == MADE_BY_SET:
            yield operation, annotations.get(WISH_ANNOTATION, "")


# ---- what it is deployed from


class ReadOnly(Snapshots):
    """Snapshots as the operator made them. Nothing is made here, not even what it needs to name new ones.

    `contents`: what others hold that it would make, by name.
    """

    def __init__(self, client: Client, contents: Mapping[str, str] | None = None) -> None:
        super().__init__(client)
        self._reads = client
        self._contents = contents or {}

    async def digest(self, namespace: str, stack_set: str, uid: str, text: str) -> str:
        """As the operator tells this text from others; of a set that it has not looked at yet, something else."""
        try:
            salt = text_in(await self._reads.get(SECRETS, namespace, f"{stack_set}-snapshots"), KEY)
        except Gone:
            salt = None
        return hmac.new((salt or uid).encode(), text.encode(), sha256).hexdigest()

    async def read(self, kind: str, namespace: str, name: str) -> str:
        """The text that is kept under this name, or would be; Gone where there is none."""
        return self._contents[name] if name in self._contents else await super().read(kind, namespace, name)


async def read_inputs(client: Client | None, world: World, overrides: Overrides | None = None) -> Read:
    """What the set would be deployed from now; as far as one may read it."""
    if client is None or world.view.stack_set is None:
        return Read(None)
    reader = InputReader(client, ReadOnly(client))
    try:
        return Read(await reader.read(world.namespace, world.view.stack_set, world.view.instances, overrides))
    except Refused as error:
        if error.by is not RefusedBy.PERMISSIONS:
            raise
        return Read(None, f"template and variables were not looked at: {error}")


def with_operation(world: World, operation: Operation) -> World:
    """The same with this operation in it, in place of one of its name."""
    others = (each for each in world.view.operations if each.name != operation.name)
    return replace(world, view=replace(world.view, operations=(*others, operation)))


def part_of(body: Body, part: str) -> Mapping[str, Any]:
    """A part of an object that it may lack."""
    found = body.get(part)
    return found if isinstance(found, Mapping) else {}
