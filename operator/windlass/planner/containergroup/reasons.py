"""Why a container group's Pod is made, changed, deleted or left alone."""

from dataclasses import dataclass
from typing import ClassVar

from windlass.planner.reason import Reason

# ---- at rest


@dataclass(frozen=True, slots=True)
class PodComesUp(Reason):
    """The Pod is there, and its containers do not all run yet."""

    TEXT: ClassVar[str] = "its containers come up: {ready} of {total} ready{problem}"
    ready: int
    total: int
    problem: str = ""


@dataclass(frozen=True, slots=True)
class RunsAsAsked(Reason):
    """All is as the spec says."""

    TEXT: ClassVar[str] = "{containers:container} as asked"
    containers: int


@dataclass(frozen=True, slots=True)
class NotReady(Reason):
    """The Pod runs, and some containers are not ready."""

    TEXT: ClassVar[str] = "{ready} of {total:container} ready{problem}"
    ready: int
    total: int
    problem: str = ""


@dataclass(frozen=True, slots=True)
class AllEnded(Reason):
    """All containers ended well, and are not started again."""

    TEXT: ClassVar[str] = "all containers ended with 0, and restartPolicy does not start them again"


@dataclass(frozen=True, slots=True)
class SomeEndedBadly(Reason):
    """All containers ended, some of them badly, and are not started again."""

    TEXT: ClassVar[str] = "restartPolicy does not start its containers again: {problem}"
    problem: str


@dataclass(frozen=True, slots=True)
class PodDiffers(Reason):
    """Somebody else has changed the Pod."""

    TEXT: ClassVar[str] = (
        "somebody has changed the Pod: {parts}; the next change of the spec mends it, be it of clientToken alone"
    )
    parts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class GroupDeleted(Reason):
    """The group is being deleted, and its Pod goes with it."""

    TEXT: ClassVar[str] = "being deleted, and its Pod with it"


@dataclass(frozen=True, slots=True)
class NameTaken(Reason):
    """A Pod of the group's name belongs to somebody else."""

    TEXT: ClassVar[str] = "a Pod {name} is there that is not this group's: delete it, or give the group another name"
    name: str


# ---- the Pod comes and goes


@dataclass(frozen=True, slots=True)
class PodCreated(Reason):
    """There is none."""

    TEXT: ClassVar[str] = "creates Pod {name}"
    name: str


@dataclass(frozen=True, slots=True)
class PodComesBack(Reason):
    """It is gone, and nobody asked for that."""

    TEXT: ClassVar[str] = "creates Pod {name} again: it is gone"
    name: str


@dataclass(frozen=True, slots=True)
class PodGoes(Reason):
    """It was deleted, and is made again when it is gone."""

    TEXT: ClassVar[str] = "waits for Pod {name} to be gone: it is being deleted{because}"
    name: str
    because: str = ""


@dataclass(frozen=True, slots=True)
class PodRefused(Reason):
    """The API server does not take the Pod; nothing here changes from one try to the next."""

    TEXT: ClassVar[str] = "the API server refuses Pod {name}, which is tried again every five minutes or sooner: {said}"
    name: str
    said: str


@dataclass(frozen=True, slots=True)
class SecretMissing(Reason):
    """A Secret with registry credentials is not there."""

    TEXT: ClassVar[str] = "waits for Secret {names} of imageRegistryCredentials: not there"
    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class NodeLost(Reason):
    """The Pod's node does not answer any more."""

    TEXT: ClassVar[str] = "deletes Pod {name}: its node {node} {problem}"
    name: str
    node: str
    problem: str


@dataclass(frozen=True, slots=True)
class PodEvicted(Reason):
    """The Pod has failed by no fault of its containers."""

    TEXT: ClassVar[str] = "deletes Pod {name}, to be made again: it has failed ({problem})"
    name: str
    problem: str


@dataclass(frozen=True, slots=True)
class FilesWritten(Reason):
    """The files of a volume are not written yet."""

    TEXT: ClassVar[str] = "writes the files of ConfigMap {name}"
    name: str


@dataclass(frozen=True, slots=True)
class CredentialCopied(Reason):
    """A registry credential is not there yet, or has changed."""

    TEXT: ClassVar[str] = "copies the registry credential of Secret {source}"
    source: str


@dataclass(frozen=True, slots=True)
class NotNeeded(Reason):
    """Nothing is made from it any more."""

    TEXT: ClassVar[str] = "deletes {name}: the group does not use it any more"
    name: str


# ---- an update


@dataclass(frozen=True, slots=True)
class UpdateBegins(Reason):
    """What differs is going to be applied."""

    TEXT: ClassVar[str] = "update of {parts} begins: {disruption}{restarts}"
    parts: tuple[str, ...]
    disruption: str
    restarts: str = ""


@dataclass(frozen=True, slots=True)
class UpdateGoesOn(Reason):
    """It is not over."""

    TEXT: ClassVar[str] = "update of {parts} ({disruption}): {waits}"
    parts: tuple[str, ...]
    disruption: str
    waits: str


@dataclass(frozen=True, slots=True)
class UpdateApplied(Reason):
    """The Pod is given what it lacks."""

    TEXT: ClassVar[str] = "changes {what} of Pod {name}"
    name: str
    what: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class PodReplaced(Reason):
    """It cannot be changed in place."""

    TEXT: ClassVar[str] = "deletes Pod {name}, to be made anew: {because}"
    name: str
    because: str


@dataclass(frozen=True, slots=True)
class UpdateRises(Reason):
    """The way that it took does not lead on; the next one is taken."""

    TEXT: ClassVar[str] = "update of {parts} goes on by making the Pod anew: {because}"
    parts: tuple[str, ...]
    because: str


@dataclass(frozen=True, slots=True)
class ResizeTakenBack(Reason):
    """Nobody waits for a resize any more that the kubelet has not made."""

    TEXT: ClassVar[str] = "takes the resize of Pod {name} back, which its node has not made"
    name: str


@dataclass(frozen=True, slots=True)
class UpdateDone(Reason):
    """The kubelet reports all that was asked for."""

    TEXT: ClassVar[str] = "update of {parts} is done: {disruption}{restarts}"
    parts: tuple[str, ...]
    disruption: str
    restarts: str = ""


@dataclass(frozen=True, slots=True)
class UpdateFailed(Reason):
    """It has ended, and not well."""

    TEXT: ClassVar[str] = "update of {parts} has failed: {because}; correct it by another one"
    parts: tuple[str, ...]
    because: str


@dataclass(frozen=True, slots=True)
class NotAsAsked(Reason):
    """What the last update asked for is not there, and nothing more is done about it."""

    TEXT: ClassVar[str] = "{said}"
    said: str


@dataclass(frozen=True, slots=True)
class UpdateExceedsCeiling(Reason):
    """It would need more than it may do."""

    TEXT: ClassVar[str] = (
        "update refused, nothing was done: {decisive} needs {needed}, and update.mostDisruptiveAllowed is {allowed}"
    )
    decisive: tuple[str, ...]
    needed: str
    allowed: str


@dataclass(frozen=True, slots=True)
class VolumesWithoutContainers(Reason):
    """Names of volumes change, and no container."""

    TEXT: ClassVar[str] = (
        "MissingParameter: volumes can be added and taken away only together with a change of the containers; nothing "
        "was done"
    )


@dataclass(frozen=True, slots=True)
class IncorrectStatus(Reason):
    """The group is over."""

    TEXT: ClassVar[str] = "IncorrectStatus: the group has {phase}, and only a pending or running one can be updated"
    phase: str


@dataclass(frozen=True, slots=True)
class NoNeedUpdate(Reason):
    """The spec is another one, and what is applied of it the same."""

    TEXT: ClassVar[str] = "NoNeedUpdate: nothing that the Pod has would change"
