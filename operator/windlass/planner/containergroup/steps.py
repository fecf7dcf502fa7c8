"""The closed set of steps of a container group: what its controller writes beside its status."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from windlass.api.container_group import ContainerGroupStatus
from windlass.planner.containergroup.sizes import Sizes
from windlass.planner.plan import Plan
from windlass.planner.reason import Reason


@dataclass(frozen=True, slots=True)
class WriteConfigMap:
    """Create or replace the ConfigMap that holds a volume's files. `data`: base64 by key; `digest`: what tells it from
    another, kept in its annotation."""

    name: str
    data: Mapping[str, str]
    digest: str
    why: Reason


@dataclass(frozen=True, slots=True)
class WriteSecret:
    """Create or replace the group's copy of a registry credential. `version`: the source's, as it was seen; `origin`:
    what tells this copy from another, kept in its annotation."""

    name: str
    source: str
    version: str
    origin: str
    why: Reason


@dataclass(frozen=True, slots=True)
class DeleteConfigMap:
    """Delete a ConfigMap of the group's own that no volume is made from any more."""

    name: str
    why: Reason


@dataclass(frozen=True, slots=True)
class DeleteSecret:
    """Delete a copy of a registry credential that is not asked for any more."""

    name: str
    why: Reason


@dataclass(frozen=True, slots=True)
class CreatePod:
    """Create the group's Pod. The controller adds the owner reference."""

    manifest: Mapping[str, Any]
    why: Reason


@dataclass(frozen=True, slots=True)
class PatchPod:
    """Change what can be changed in place, in one patch: labels and annotations (None takes one away), and the images
    of containers, which the kubelet starts again."""

    name: str
    uid: str
    labels: Mapping[str, str | None]
    annotations: Mapping[str, str | None]
    images: Mapping[str, str]
    why: Reason


@dataclass(frozen=True, slots=True)
class Resize:
    """Give these containers other sizes, through the Pod's subresource `resize`: requests and limits alike."""

    name: str
    uid: str
    sizes: Mapping[str, Sizes]
    why: Reason


@dataclass(frozen=True, slots=True)
class DeletePod:
    """Delete the Pod of this uid. `force`: without waiting for its kubelet, which does not answer any more. `then`: the
    Pod that is to take its place: one that the API server would refuse keeps the old one where it is."""

    name: str
    uid: str
    why: Reason
    force: bool = False
    then: Mapping[str, Any] | None = None


Step = WriteConfigMap | WriteSecret | DeleteConfigMap | DeleteSecret | CreatePod | PatchPod | Resize | DeletePod
ContainerGroupPlan = Plan[ContainerGroupStatus, Step]
