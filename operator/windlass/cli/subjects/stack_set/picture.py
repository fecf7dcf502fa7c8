"""A stack set at one moment: a tree of regions and instances, below the operation that runs."""

import asyncio
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any, TypeVar

from windlass.api.common import to_wire
from windlass.api.stack_set import StackSetStatus
from windlass.api.stacks import STACK_SET_LABEL
from windlass.api.task import Phase
from windlass.cli.live import Feed, Moment
from windlass.cli.reading import Body, now
from windlass.cli.subjects.stack_set import STACK_SET
from windlass.cli.subjects.stack_set.leaf import Leaf, by_region, counts, to_leaf
from windlass.cli.subjects.stack_set.objects import operation_row, said
from windlass.cli.subjects.stack_set.reading import read_instances
from windlass.cli.told import Shown
from windlass.cli.tree import Row, drawn
from windlass.cluster.client import Client
from windlass.cluster.informer import Informer
from windlass.cluster.resources import STACK_INSTANCES, STACK_SET_OPERATIONS
from windlass.cluster.store import Object
from windlass.planner.tasks import FINAL

MOST_LEAVES = 20  # of one region are drawn
P = TypeVar("P", bound=Moment)


@dataclass(frozen=True, slots=True)
class Picture:
    """What there is of a set. `operation`: the one that runs, or the last one, in whose order `regions` come."""

    body: Body
    regions: Mapping[str, Sequence[Leaf]]
    operation: Body | None
    now: datetime

    @property
    def status(self) -> StackSetStatus:
        """What the operator says of it."""
        return StackSetStatus.model_validate(self.body.get("status") or {})

    @property
    def message(self) -> str:
        """The most useful sentence about it now."""
        return said(self.body, "stack set")


def take_picture(body: Body, leaves: Iterable[Leaf], operations: Iterable[Body], moment: datetime) -> Picture:
    """The picture of a set, of what there is in its namespace."""
    name = body["metadata"]["name"]
    own = [each for each in operations if each["spec"]["stackSet"] == name and _phase(each) is not Phase.PENDING]
    running = (each for each in own if _phase(each) not in FINAL)
    last = (each for each in own if each["metadata"]["name"] == (body.get("status") or {}).get("operation"))
    found = next(running, None) or next(last, None)
    order = (found.get("status") or {}).get("order", ()) if found is not None else ()
    regions = by_region(leaf for leaf in leaves if leaf.stack_set == name)
    in_order = [
        *(region for region in order if region in regions),
        *(region for region in regions if region not in order),
    ]
    return Picture(body, {region: regions[region] for region in in_order}, found, moment)


def _phase(operation: Body) -> Phase:
    return Phase((operation.get("status") or {}).get("phase", Phase.PENDING))


async def read_picture(client: Client, body: Body) -> Picture:
    """The picture of a set that was read."""
    namespace, name = body["metadata"]["namespace"], body["metadata"]["name"]
    instances, operations = await asyncio.gather(
        read_instances(client, namespace, name), client.list(STACK_SET_OPERATIONS, namespace)
    )
    return take_picture(body, map(to_leaf, instances), operations.items, now())


def feed(client: Client, body: Body, made_of: Callable[[Picture], P]) -> Feed[P]:
    """What is made of the set's picture, as watches change it."""
    namespace, name, changed = body["metadata"]["namespace"], body["metadata"]["name"], asyncio.Event()
    instances: Informer[Leaf] = Informer(
        client,
        STACK_INSTANCES,
        wire=dict,
        record=to_leaf,
        namespaces=(namespace,),
        label_selector=f"{STACK_SET_LABEL}={name}",
        index=lambda leaf: leaf.stack_set,
        on_change=lambda old, new: changed.set(),
    )
    operations: Informer[Object] = Informer(
        client,
        STACK_SET_OPERATIONS,
        wire=dict,
        record=Object,
        namespaces=(namespace,),
        index=lambda operation: str(operation["spec"]["stackSet"]),
        on_change=lambda old, new: changed.set(),
    )

    def picture(body: Body) -> P:
        leaves, others = instances.by_index(name).values(), operations.by_index(name).values()
        return made_of(take_picture(body, leaves, others, now()))

    return Feed(client, STACK_SET.resource, body, changed, beside=(instances, operations), picture=picture)


def shown(picture: Picture) -> Shown:
    """The picture as `get` shows it: folded where it is drawn; a change of any instance is a line."""
    return Shown(
        values=partial(values, picture),
        lines=lambda: drawn(picture.message, list(_rows(picture, MOST_LEAVES)), picture.now, zone="ACCOUNT"),
        rows=lambda: list(_rows(picture, None)),
        message=picture.message,
        now=picture.now,
        next_change=None,
    )


def _rows(picture: Picture, most: int | None) -> Iterator[Row]:
    metadata, status = picture.body["metadata"], picture.status
    created = datetime.fromisoformat(metadata["creationTimestamp"])
    info = f"{status.current} of {status.instances} as the set says now"
    yield Row(0, f"{STACK_SET.kind}/{metadata['name']}", status.phase, "", created, info)
    if picture.operation is not None:
        yield operation_row(picture.operation, 1)
    for condition in status.conditions:
        since = condition.last_transition_time
        yield Row(1, f"Condition/{condition.type}", condition.status, "", since, condition.reason)
    for region, leaves in picture.regions.items():
        yield Row(1, f"Region/{region}", info=", ".join(f"{many} {state}" for state, many in counts(leaves).items()))
        for leaf in leaves[:most]:
            drift = f"{leaf.drift}: " if leaf.drifted else ""
            key = f"StackInstance/{leaf.name}"
            yield Row(2, key, str(leaf.state), leaf.account, leaf.since, f"{drift}{leaf.message}")
        if most is not None and len(leaves) > most:
            yield Row(2, _folded(leaves[most:]))


def _folded(rest: Sequence[Leaf]) -> str:
    if all(leaf.complete for leaf in rest):
        return f"and {len(rest)} more complete"
    return f"and {len(rest)} more: {', '.join(f'{many} {state}' for state, many in counts(rest).items())}"


def values(picture: Picture) -> dict[str, Any]:
    """The picture for programs: the status, with the operation and all instances."""
    metadata = picture.body["metadata"]
    operation = picture.operation
    return {
        **STACK_SET.summary(picture.body),
        "generation": metadata["generation"],
        **to_wire(picture.status),
        "message": picture.message,
        "running": None if operation is None or _phase(operation) in FINAL else operation["metadata"]["name"],
        "percentage": None if operation is None else (operation.get("status") or {}).get("percentage", 0),
        "tree": [
            {"region": region, "counts": counts(leaves), "instances": [_leaf(leaf) for leaf in leaves]}
            for region, leaves in picture.regions.items()
        ],
    }


def _leaf(leaf: Leaf) -> dict[str, Any]:
    state, drift = str(leaf.state), str(leaf.drift)
    return {"name": leaf.name, "account": leaf.account, "state": state, "drift": drift, "message": leaf.message}
