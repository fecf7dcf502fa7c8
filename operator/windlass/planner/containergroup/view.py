"""What decisions about a container group read: the group, its Pod and what the kubelet reports of it, at one moment."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import Literal

from windlass.api.container_group import ContainerGroupSpec, ContainerGroupStatus, RestartPolicy
from windlass.planner.containergroup.sizes import Sizes

LONGEST_LAST_WORDS = 300  # characters of what a container said last; they go into a sentence with others


@dataclass(frozen=True, slots=True)
class ContainerGroup:
    """The group. `removing`: it is being deleted, and what it owns with it."""

    name: str
    uid: str
    generation: int
    spec: ContainerGroupSpec
    status: ContainerGroupStatus
    removing: bool = False


@dataclass(frozen=True, slots=True)
class PodContainer:
    """A container as the Pod's spec asks for it now, those that run as long as the Pod does alone.

    `sizes`: None where its requests and limits differ, or are not given. `pull_policy`: empty where the API server does
    not tell. `image_by_others`: somebody else has set its image last; what admission makes of our own request is ours.
    """

    name: str
    image: str
    sizes: Sizes | None
    pull_policy: str = ""
    image_by_others: bool = False


@dataclass(frozen=True, slots=True)
class Ending:
    """How a container ended: its last words."""

    exit_code: int
    reason: str = ""
    message: str = ""

    def __str__(self) -> str:
        said = " ".join(self.message.split())[-LONGEST_LAST_WORDS:].strip()
        named = f" ({self.reason})" if self.reason not in {"", "Error", "Completed"} else ""
        return f"exited with {self.exit_code}{named}" + (f": {said}" if said else "")


State = Literal["Waiting", "Running", "Terminated"]


@dataclass(frozen=True, slots=True)
class ContainerReport:
    """What the kubelet reports of a container.

    `reason` and `message`: why it waits. `since`: when it was started, while it runs. `ending`: how it ended, while it
    is over; `last`: how it ended before it was started again. `sizes`: what it has; `allocated`: what the node keeps
    for it, where the kubelet tells.
    """

    name: str
    image: str = ""
    state: State = "Waiting"
    reason: str = ""
    message: str = ""
    ready: bool = False
    restart_count: int = 0
    since: datetime | None = None
    ending: Ending | None = None
    last: Ending | None = None
    sizes: Sizes | None = None
    allocated: Sizes | None = None


class Resizing(StrEnum):
    """What becomes of a resize that the API server has taken: the conditions PodResizePending, PodResizeInProgress."""

    NONE = ""
    IN_PROGRESS = "InProgress"
    DEFERRED = "Deferred"
    INFEASIBLE = "Infeasible"


PENDING_RESIZES = frozenset({Resizing.DEFERRED, Resizing.INFEASIBLE})


@dataclass(frozen=True, slots=True)
class Pod:
    """The Pod of the group's name. `owned`: the group controls it. `restart_policy`: its own, which a spec that was
    refused may say otherwise.

    `reason` and `message`: why it is in its phase, where that is not its containers' doing. `problem`: why it is not
    scheduled. `pull_secrets`: the Secrets that its spec names. `observed_generation`: None where the API server does
    not keep it. `silent_since`: since when Kubernetes has marked it as not ready although its kubelet last reported it
    ready, which happens where its node does not answer. `disruption`: who has ended it from outside, and why.
    """

    uid: str
    created_at: datetime
    restart_policy: RestartPolicy
    owned: bool = True
    phase: Literal["Pending", "Running", "Succeeded", "Failed", "Unknown"] = "Pending"
    reason: str = ""
    message: str = ""
    problem: str = ""
    removing: bool = False
    labels: Mapping[str, str] = field(default_factory=dict)
    annotations: Mapping[str, str] = field(default_factory=dict)
    containers: tuple[PodContainer, ...] = ()
    reports: tuple[ContainerReport, ...] = ()
    init_reports: tuple[ContainerReport, ...] = ()
    ip: str = ""
    node: str = ""
    qos_class: str = "Guaranteed"
    pull_secrets: tuple[str, ...] = ()
    resizing: Resizing = Resizing.NONE
    resize_message: str = ""
    generation: int | None = None
    observed_generation: int | None = None
    silent_since: datetime | None = None
    disruption: str = ""

    def is_over(self, report: ContainerReport) -> bool:
        """Whether a container of it has ended and is not started again, whatever becomes of its image and size."""
        if report.ending is None or self.restart_policy is RestartPolicy.ALWAYS:
            return False
        return self.restart_policy is RestartPolicy.NEVER or report.ending.exit_code == 0

    @property
    def observed(self) -> bool:
        """Whether the kubelet reports of the Pod's spec as it is now, as far as the API server tells."""
        if self.generation is None or self.observed_generation is None:
            return True
        return self.observed_generation >= self.generation


@dataclass(frozen=True, slots=True)
class Node:
    """The node that the Pod is bound to. `unready_since`: since when it has not been ready; None: it is."""

    gone: bool = False
    unready_since: datetime | None = None


@dataclass(frozen=True, slots=True)
class Refusal:
    """What the API server said when it refused the last step of this kind, at which generation of the group.
    `invalid`: it can never be; else somebody does not allow it, or there is no room. `tries`: how often in a row."""

    step: Literal["CreatePod", "PatchPod", "Resize"]
    said: str
    generation: int
    at: datetime
    invalid: bool = False
    tries: int = 1

    def after(self, before: "Refusal | None") -> "Refusal":
        """This one, as it follows the one before."""
        if before is None or before.generation != self.generation:
            return self
        return replace(self, tries=before.tries + 1)


@dataclass(frozen=True, slots=True)
class ContainerGroupView:
    """A group and all that belongs to it.

    `config_maps`: the digest of each ConfigMap of the group, by name. `registries`: the digest of what each Secret
    holds that the group's credentials name, as far as it is there; `copies`: of each Secret of the group's own, what it
    was copied from. `refusals`: forgotten by the controller when the step succeeds.
    """

    now: datetime
    group: ContainerGroup
    pod: Pod | None = None
    node: Node | None = None
    config_maps: Mapping[str, str] = field(default_factory=dict)
    registries: Mapping[str, str] = field(default_factory=dict)
    copies: Mapping[str, str] = field(default_factory=dict)
    refusals: tuple[Refusal, ...] = ()

    def refused(self, step: str) -> Refusal | None:
        """What was refused of this kind for the group's spec as it is now."""
        found = (each for each in self.refusals if each.step == step and each.generation == self.group.generation)
        return max(found, key=lambda each: each.at, default=None)
