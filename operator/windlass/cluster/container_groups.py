"""Container groups and their Pods on the wire, read as decisions see them."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Literal

import msgspec

from windlass.api.container_group import KIND, ContainerGroupSpec, ContainerGroupStatus, RestartPolicy
from windlass.cluster.client import FIELD_MANAGER
from windlass.cluster.parsing import parsed
from windlass.cluster.store import Object
from windlass.planner.containergroup.sizes import Sizes
from windlass.planner.containergroup.view import (
    ContainerGroup,
    ContainerReport,
    Ending,
    Node,
    Pod,
    PodContainer,
    Resizing,
)


class _Owner(msgspec.Struct, rename="camel", frozen=True, gc=False):
    uid: str
    controller: bool = False


class _ManagedContainer(msgspec.Struct, frozen=True, gc=False):
    image: dict[str, Any] | None = msgspec.field(default=None, name="f:image")


class _ManagedSpec(msgspec.Struct, frozen=True, gc=False):
    containers: dict[str, _ManagedContainer] = msgspec.field(default={}, name="f:containers")


class _ManagedFields(msgspec.Struct, frozen=True, gc=False):
    spec: _ManagedSpec = msgspec.field(default=_ManagedSpec(), name="f:spec")


class _Managed(msgspec.Struct, frozen=True, gc=False):
    manager: str = ""
    fields: _ManagedFields = msgspec.field(default=_ManagedFields(), name="fieldsV1")


class _Metadata(msgspec.Struct, rename="camel", frozen=True, gc=False):
    namespace: str
    name: str
    uid: str
    resource_version: str
    creation_timestamp: datetime
    generation: int | None = None
    deletion_timestamp: datetime | None = None
    labels: dict[str, str] = {}
    annotations: dict[str, str] = {}
    owner_references: tuple[_Owner, ...] = ()
    managed_fields: tuple[_Managed, ...] = ()


class _Resources(msgspec.Struct, frozen=True, gc=False):
    requests: dict[str, str] = {}
    limits: dict[str, str] = {}


class _Container(msgspec.Struct, rename="camel", frozen=True, gc=False):
    name: str
    image: str = ""
    image_pull_policy: str = ""
    resources: _Resources = _Resources()


class _Named(msgspec.Struct, frozen=True, gc=False):
    name: str = ""


class _Gate(msgspec.Struct, rename="camel", frozen=True, gc=False):
    condition_type: str = ""


class _Spec(msgspec.Struct, rename="camel", frozen=True, gc=False):
    node_name: str = ""
    restart_policy: str = "Always"
    containers: tuple[_Container, ...] = ()
    image_pull_secrets: tuple[_Named, ...] = ()
    readiness_gates: tuple[_Gate, ...] = ()


class _Condition(msgspec.Struct, rename="camel", frozen=True, gc=False):
    type: str
    status: str
    reason: str = ""
    message: str = ""
    last_transition_time: datetime | None = None


class _State(msgspec.Struct, rename="camel", frozen=True, gc=False):
    reason: str = ""
    message: str = ""
    exit_code: int = 0
    started_at: datetime | None = None


class _States(msgspec.Struct, frozen=True, gc=False):
    waiting: _State | None = None
    running: _State | None = None
    terminated: _State | None = None


class _Report(msgspec.Struct, rename="camel", frozen=True, gc=False):
    name: str
    image: str = ""
    ready: bool = False
    restart_count: int = 0
    state: _States = _States()
    last_state: _States = _States()
    resources: _Resources | None = None
    allocated_resources: dict[str, str] | None = None


class _Status(msgspec.Struct, rename="camel", frozen=True, gc=False):
    phase: Literal["Pending", "Running", "Succeeded", "Failed", "Unknown"] = "Pending"
    reason: str = ""
    message: str = ""
    pod_ip: str = msgspec.field(default="", name="podIP")
    qos_class: str = ""
    observed_generation: int | None = None
    conditions: tuple[_Condition, ...] = ()
    container_statuses: tuple[_Report, ...] = ()
    init_container_statuses: tuple[_Report, ...] = ()


class WirePod(msgspec.Struct, frozen=True, gc=False):
    """A Pod, as far as decisions about a container group read it."""

    metadata: _Metadata
    spec: _Spec = _Spec()
    status: _Status = _Status()


class _NodeCondition(msgspec.Struct, rename="camel", frozen=True, gc=False):
    type: str
    status: str
    last_transition_time: datetime | None = None


class _NodeStatus(msgspec.Struct, frozen=True, gc=False):
    conditions: tuple[_NodeCondition, ...] = ()


class WireNode(msgspec.Struct, frozen=True, gc=False):
    """A node, as far as decisions about what runs there read it."""

    status: _NodeStatus = _NodeStatus()


@dataclass(frozen=True, slots=True)
class GroupPod:
    """A Pod that may be a container group's. `controller`: the uid of the object that controls it; empty: none does.
    `ready`: its condition, which is also False where its node does not answer."""

    namespace: str
    name: str
    uid: str
    resource_version: str
    controller: str
    ready: bool
    pod: Pod

    def seen_by(self, group: str) -> Pod:
        """The Pod as the group of this uid sees it."""
        return replace(self.pod, owned=self.controller == group)


def to_container_group(body: Object) -> ContainerGroup:
    """A ContainerGroup. Invalid if it is none, which only a CRD of another version lets through."""
    metadata = body["metadata"]
    return ContainerGroup(
        name=body.name,
        uid=body.uid,
        generation=metadata["generation"],
        spec=parsed(KIND.kind, body, ContainerGroupSpec, "spec"),
        status=parsed(KIND.kind, body, ContainerGroupStatus, "status"),
        removing="deletionTimestamp" in metadata,
    )


def to_group_pod(wire: WirePod) -> GroupPod:
    """The Pod as decisions read it."""
    metadata, spec, status = wire.metadata, wire.spec, wire.status
    resizing, said = _resizing(status.conditions)
    by_others = _set_by_others(metadata.managed_fields)
    pod = Pod(
        uid=metadata.uid,
        created_at=metadata.creation_timestamp,
        restart_policy=RestartPolicy(spec.restart_policy),
        owned=False,
        phase=status.phase,
        reason=status.reason,
        message=status.message,
        problem=_unscheduled(status.conditions),
        removing=metadata.deletion_timestamp is not None,
        labels=metadata.labels,
        annotations=metadata.annotations,
        containers=tuple(
            PodContainer(
                each.name,
                each.image,
                _sizes_asked(each.resources),
                each.image_pull_policy,
                f"k:{json.dumps({'name': each.name}, separators=(',', ':'))}" in by_others,
            )
            for each in spec.containers
        ),
        reports=tuple(map(_report, status.container_statuses)),
        init_reports=tuple(map(_report, status.init_container_statuses)),
        ip=status.pod_ip,
        node=spec.node_name,
        qos_class=status.qos_class,
        pull_secrets=tuple(each.name for each in spec.image_pull_secrets),
        resizing=resizing,
        resize_message=said,
        generation=metadata.generation,
        observed_generation=status.observed_generation,
        silent_since=_silent_since(spec, status.conditions),
        disruption=_disruption(status.conditions),
    )
    controller = next((each.uid for each in metadata.owner_references if each.controller), "")
    ready = any(each.type == "Ready" and each.status == "True" for each in status.conditions)
    return GroupPod(metadata.namespace, metadata.name, metadata.uid, metadata.resource_version, controller, ready, pod)


def to_node(wire: WireNode) -> Node:
    """Since when the node is not ready. One that says nothing of it has only just come, and counts as ready."""
    ready = next((each for each in wire.status.conditions if each.type == "Ready"), None)
    return Node(unready_since=None if ready is None or ready.status == "True" else ready.last_transition_time)


def _report(wire: _Report) -> ContainerReport:
    state, waiting = wire.state, wire.state.waiting
    return ContainerReport(
        name=wire.name,
        image=wire.image,
        state="Running" if state.running else "Terminated" if state.terminated else "Waiting",
        reason=waiting.reason if waiting is not None else "",
        message=waiting.message if waiting is not None else "",
        ready=wire.ready,
        restart_count=wire.restart_count,
        since=state.running.started_at if state.running is not None else None,
        ending=_ending(state.terminated),
        last=_ending(wire.last_state.terminated),
        sizes=_sizes_asked(wire.resources) if wire.resources is not None else None,
        allocated=_sizes(wire.allocated_resources) if wire.allocated_resources is not None else None,
    )


def _ending(state: _State | None) -> Ending | None:
    return None if state is None else Ending(state.exit_code, state.reason, state.message)


def _sizes_asked(resources: _Resources) -> Sizes | None:
    """None where requests and limits differ, or say nothing."""
    asked = _sizes(resources.requests)
    return asked if asked == _sizes(resources.limits) else None


def _sizes(quantities: Mapping[str, str]) -> Sizes | None:
    try:
        return Sizes.read(quantities["cpu"], quantities["memory"])
    except (KeyError, ValueError):
        return None


def _set_by_others(managed: Iterable[_Managed]) -> frozenset[str]:
    """The keys of the containers whose images somebody else has set last, and what admission made of them then: a
    manager who sets another value takes the field from those who had it."""
    ours: set[str] = set()
    theirs: set[str] = set()
    for each in managed:
        keys = (key for key, fields in each.fields.spec.containers.items() if fields.image is not None)
        (ours if each.manager == FIELD_MANAGER else theirs).update(keys)
    return frozenset(theirs - ours)


def _silent_since(spec: _Spec, conditions: Iterable[_Condition]) -> datetime | None:
    """Since when a Pod is not ready whose containers are: its kubelet says both at once, unless there are gates, so
    the controller of nodes has said it, which it does of a node that does not answer."""
    held = {each.type: each for each in conditions}
    ready, containers = held.get("Ready"), held.get("ContainersReady")
    if spec.readiness_gates or ready is None or containers is None:
        return None
    return ready.last_transition_time if (ready.status, containers.status) == ("False", "True") else None


def _disruption(conditions: Iterable[_Condition]) -> str:
    found = next((each for each in conditions if each.type == "DisruptionTarget" and each.status == "True"), None)
    return "" if found is None else ": ".join(part for part in (found.reason, found.message) if part)


def _unscheduled(conditions: Iterable[_Condition]) -> str:
    found = next((each for each in conditions if each.type == "PodScheduled" and each.status == "False"), None)
    return "" if found is None else found.message or found.reason


def _resizing(conditions: Iterable[_Condition]) -> tuple[Resizing, str]:
    """What becomes of a resize, and what the kubelet says of it. One that waits comes before one that goes on."""
    held = {each.type: each for each in conditions if each.status == "True"}
    pending, going = held.get("PodResizePending"), held.get("PodResizeInProgress")
    if pending is not None:
        return (Resizing.INFEASIBLE if pending.reason == "Infeasible" else Resizing.DEFERRED), pending.message
    return (Resizing.IN_PROGRESS, going.message) if going is not None else (Resizing.NONE, "")
