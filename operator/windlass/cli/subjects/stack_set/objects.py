"""An operation, an instance or a target at one moment: what its own status tells, as a tree and as values."""

import asyncio
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

from windlass.api.common import Condition, to_wire
from windlass.api.stack_instance import DriftedObject, StackInstanceStatus
from windlass.api.stack_set_operation import RegionProgress, StackSetOperationStatus
from windlass.api.stack_target import StackTargetStatus
from windlass.cli.live import Feed, Moment
from windlass.cli.reading import Body, now
from windlass.cli.subject import Subject
from windlass.cli.subjects.stack_set import OPERATION, STACK_INSTANCE, STACK_TARGET
from windlass.cli.subjects.stack_set.leaf import to_leaf
from windlass.cli.text import bar
from windlass.cli.told import Shown
from windlass.cli.tree import Row, drawn
from windlass.cluster.client import Client
from windlass.planner.tasks import FINAL

P = TypeVar("P", bound=Moment)


@dataclass(frozen=True, slots=True)
class _Tree:
    """What is shown of one object."""

    body: Body
    message: str
    rows: tuple[Row, ...]
    values: Mapping[str, Any]


def alone(client: Client, subject: Subject, body: Body, made_of: Callable[[Body], P]) -> Feed[P]:
    """What is made of an object that nothing beside it matters to, as a watch shows it."""
    return Feed(client, subject.resource, body, asyncio.Event(), beside=(), picture=made_of)


def said(body: Body, noun: str, *, over: bool = False) -> str:
    """An object's own message, with a word of warning where it speaks of an older spec."""
    status = body.get("status") or {}
    message, seen = str(status.get("message", "")), status.get("observedGeneration", 0)
    if over or seen >= body["metadata"]["generation"]:
        return message
    if not seen:
        return f"no operator has looked at this {noun} yet"
    return f"{message} (that was before the last change, which no operator has looked at yet)"


def _shown(tree: _Tree, *, zone: str = "ZONE") -> Shown:
    moment = now()
    return Shown(
        values=lambda: tree.values,
        lines=lambda: drawn(tree.message, tree.rows, moment, zone=zone),
        rows=lambda: list(tree.rows),
        message=tree.message,
        now=moment,
        next_change=None,
    )


def _conditions(found: Iterable[Condition]) -> Iterator[Row]:
    for condition in found:
        key, since = f"Condition/{condition.type}", condition.last_transition_time
        yield Row(1, key, condition.status, "", since, condition.reason)


def _since(body: Body) -> datetime:
    return datetime.fromisoformat(body["metadata"]["creationTimestamp"])


# ---- an operation


def operation_row(body: Body, depth: int) -> Row:
    """The line of an operation, with its bar."""
    status = StackSetOperationStatus.model_validate(body.get("status") or {})
    info = f"{bar(status.percentage)} {body['spec']['action']}: {_operation_said(body, status)}"
    return Row(depth, f"{OPERATION.kind}/{body['metadata']['name']}", status.phase.value, "", _since(body), info)


def _operation_said(body: Body, status: StackSetOperationStatus) -> str:
    return said(body, "operation", over=status.phase in FINAL)


def operation_shown(body: Body) -> Shown:
    """An operation and its regions, in the order in which it goes through them."""
    status = StackSetOperationStatus.model_validate(body.get("status") or {})
    places = {region: place for place, region in enumerate(status.order)}
    regions = sorted(status.regions, key=lambda each: places.get(each.region, 0))
    rows = [operation_row(body, 0), *_conditions(status.conditions)]
    rows += [Row(1, f"Region/{each.region}", info=progress(each)) for each in regions]
    message, metadata = _operation_said(body, status), body["metadata"]
    values = {
        **OPERATION.summary(body),
        "generation": metadata["generation"],
        "state": body["spec"].get("state", "Running"),
        **dict.fromkeys(("startTime", "completionTime")),
        **to_wire(status),
        "message": message,
    }
    return _shown(_Tree(body, message, tuple(rows), values))


def progress(region: RegionProgress) -> str:
    """`3 of 5 done, 1 failed (1 may), 1 being worked at (at most 2 at once)`."""
    waiting = region.total - region.succeeded - region.failed - region.cancelled - region.running
    parts = [
        f"{region.succeeded} of {region.total} done",
        f"{region.failed} failed ({region.tolerance} may)",
        f"{region.running} being worked at (at most {region.concurrency} at once)",
        *([f"{waiting} waiting"] if waiting else []),
        *([f"{region.cancelled} cancelled"] if region.cancelled else []),
    ]
    return ", ".join(parts)


# ---- an instance


def instance_shown(body: Body) -> Shown:
    """An instance with its errors, and what differs in its target."""
    status = StackInstanceStatus.model_validate(body.get("status") or {})
    leaf, spec = to_leaf(body), body["spec"]
    info = f"{leaf.region}/{leaf.account} of StackSet/{leaf.stack_set}: {status.objects} objects"
    rows = [Row(0, f"{STACK_INSTANCE.kind}/{leaf.name}", str(leaf.state), "", leaf.since, info)]
    if spec.get("operation"):
        rows.append(Row(1, f"{OPERATION.kind}/{spec['operation']}", spec.get("work", "Deploy")))
    rows += _conditions(status.conditions)
    rows += [Row(1, f"Error/{each.object or 'instance'}", info=each.message) for each in status.errors]
    rows += [Row(1, f"Drifted/{each.object}", info=drift_of(each)) for each in status.drifted]
    message = said(body, "instance")
    values = {
        **STACK_INSTANCE.summary(body),
        "generation": body["metadata"]["generation"],
        "work": spec.get("work", "Deploy"),
        **dict.fromkeys(("startTime", "completionTime", "deployed")),
        **{key: value for key, value in to_wire(status).items() if key != "phase"},
        "message": message,
    }
    return _shown(_Tree(body, message, tuple(rows), values))


def drift_of(drifted: DriftedObject) -> str:
    """What of an object differs."""
    return ", ".join(drifted.fields) if drifted.fields else "it is not there"


# ---- a target


def target_shown(body: Body) -> Shown:
    """A target, and whether its cluster answers."""
    status = StackTargetStatus.model_validate(body.get("status") or {})
    spec, metadata = body["spec"], body["metadata"]
    version = f", Kubernetes {status.version}" if status.version else ""
    info = f"{spec['region']}/{spec['account']}, {reached_by(spec)}{version}"
    rows = (
        Row(0, f"{STACK_TARGET.kind}/{metadata['name']}", status.phase, "", _since(body), info),
        *_conditions(status.conditions),
    )
    message = said(body, "target")
    values = {
        **STACK_TARGET.summary(body),
        "generation": metadata["generation"],
        "checkedAt": None,
        **to_wire(status),
        "message": message,
    }
    return _shown(_Tree(body, message, rows, values))


def reached_by(spec: Mapping[str, Any]) -> str:
    """How a target's cluster is reached, for people."""
    reference = spec["cluster"].get("kubeconfigSecretRef")
    if reference is None:
        return f"this cluster as ServiceAccount {spec.get('serviceAccountName', '')}"
    return f"the kubeconfig in Secret {reference['name']}"
