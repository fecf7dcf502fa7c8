"""Every reason that a rolling update gives."""

from dataclasses import dataclass
from typing import ClassVar

from windlass.planner.reason import Reason

# ---- why one cannot start


@dataclass(frozen=True, slots=True)
class UpdateGroupMissing(Reason):
    """There is no group whose instances could be changed."""

    TEXT: ClassVar[str] = "ScalingGroup {name} does not exist: create it, and then this update again"
    name: str


@dataclass(frozen=True, slots=True)
class UpdateRanBefore(Reason):
    """The same one ran before, was deleted, and was created again."""

    TEXT: ClassVar[str] = (
        "an update {name} that asked for the same ended before as {outcome}: nothing is done; give it another name to "
        "have it done again"
    )
    name: str
    outcome: str


@dataclass(frozen=True, slots=True)
class UpdateInterrupted(Reason):
    """It had started, and the group knows nothing of it."""

    TEXT: ClassVar[str] = (
        "it had started, and its group knows nothing of it any more (status.update is empty): create another one"
    )


@dataclass(frozen=True, slots=True)
class EarlierGone(Reason):
    """What is to be undone is not there."""

    TEXT: ClassVar[str] = "rollbackOf: RollingUpdate {name} of this group does not exist"
    name: str


@dataclass(frozen=True, slots=True)
class EarlierOfAnother(Reason):
    """What is to be undone did something else."""

    TEXT: ClassVar[str] = "rollbackOf: RollingUpdate {name} is of kind {kind}, and this one of kind {own}"
    name: str
    kind: str
    own: str


@dataclass(frozen=True, slots=True)
class EarlierNotOver(Reason):
    """What is to be undone is still being done."""

    TEXT: ClassVar[str] = "rollbackOf: RollingUpdate {name} has not ended: cancel it or wait, and create this one again"
    name: str


@dataclass(frozen=True, slots=True)
class NothingToGoBackTo(Reason):
    """The earlier one does not say how it is undone."""

    TEXT: ClassVar[str] = "RollingUpdate {name} cannot be undone: it has no {field}; give it in this update"
    name: str
    field: str


@dataclass(frozen=True, slots=True)
class PackageSourceMissing(Reason):
    """The scripts are not there."""

    TEXT: ClassVar[str] = "package.source: ConfigMap {name} does not exist in this namespace"
    name: str


@dataclass(frozen=True, slots=True)
class PackageScriptMissing(Reason):
    """The ConfigMap has no script that could be run."""

    TEXT: ClassVar[str] = "package.source: ConfigMap {name} needs a key {key} with a script of 1 to {most} bytes"
    name: str
    key: str
    most: int


@dataclass(frozen=True, slots=True)
class PackageChanged(Reason):
    """The script is another one than the update started with."""

    TEXT: ClassVar[str] = (
        "package.source: ConfigMap {name} was changed since the update started, and what it says now is not run"
    )
    name: str


@dataclass(frozen=True, slots=True)
class SourceIsTemplate(Reason):
    """The group's source cannot be written."""

    TEXT: ClassVar[str] = (
        "the group is made from LaunchTemplate {name}, whose versions do not change: add a version with the image, and "
        "refresh the group"
    )
    name: str


@dataclass(frozen=True, slots=True)
class SourceShared(Reason):
    """The configuration that would be written is another group's too."""

    TEXT: ClassVar[str] = (
        "ScalingConfiguration {name} is used by other groups too, which would get the image: give this group a "
        "configuration of its own"
    )
    name: str


@dataclass(frozen=True, slots=True)
class NoSource(Reason):
    """There is nothing that the image could be written into."""

    TEXT: ClassVar[str] = "the group's own configuration does not exist: create it"


@dataclass(frozen=True, slots=True)
class ImageRefused(Reason):
    """The API server does not take an instance with that image."""

    TEXT: ClassVar[str] = "the API server refuses an instance with that image: {problem}"
    problem: str


# ---- how it goes on


@dataclass(frozen=True, slots=True)
class NewForUpdate(Reason):
    """What the instances will be as good as must be kept before any of them is changed."""

    TEXT: ClassVar[str] = "RollingUpdate {name} will make instances what it describes"
    name: str


@dataclass(frozen=True, slots=True)
class UpdateStarts(Reason):
    """Instances are changed from now on."""

    TEXT: ClassVar[str] = "RollingUpdate {name} starts: {count:instance} in {batches:batch}"
    name: str
    count: int
    batches: int


@dataclass(frozen=True, slots=True)
class UpdateBatch(Reason):
    """Some instances are changed now."""

    TEXT: ClassVar[str] = "RollingUpdate {name}: batch {batch} of {batches}, {count:instance} {how}"
    name: str
    batch: int
    batches: int
    count: int
    how: str


@dataclass(frozen=True, slots=True)
class ImageChanges(Reason):
    """The instance gets another image."""

    TEXT: ClassVar[str] = "RollingUpdate {name} gives container {container} the image {image}"
    name: str
    container: str
    image: str


@dataclass(frozen=True, slots=True)
class ScriptRuns(Reason):
    """The script runs on the instance."""

    TEXT: ClassVar[str] = "RollingUpdate {name} runs its script in container {container}"
    name: str
    container: str


@dataclass(frozen=True, slots=True)
class ResultsKept(Reason):
    """A batch is over."""

    TEXT: ClassVar[str] = "RollingUpdate {name}: batch {batch} is over, its results are kept"
    name: str
    batch: int


@dataclass(frozen=True, slots=True)
class WritingImage(Reason):
    """The image becomes the group's own."""

    TEXT: ClassVar[str] = "RollingUpdate {name} is done: ScalingConfiguration {source} gets its image"
    name: str
    source: str


# ---- what it waits for


@dataclass(frozen=True, slots=True)
class WaitsForScripts(Reason):
    """Scripts run."""

    TEXT: ClassVar[str] = "the script to end on {count:instance} of batch {batch} ({first})"
    count: int
    batch: int
    first: str


@dataclass(frozen=True, slots=True)
class WaitsForContainers(Reason):
    """Containers are started anew."""

    TEXT: ClassVar[str] = "{count:instance} of batch {batch} to run the image for a while ({first})"
    count: int
    batch: int
    first: str


@dataclass(frozen=True, slots=True)
class WaitsForRoom(Reason):
    """So many are out of service that no more may be taken out."""

    TEXT: ClassVar[str] = "instances to be in service again: {serving} are, and none may go out of it below {floor}"
    serving: int
    floor: int


@dataclass(frozen=True, slots=True)
class WaitsForApproval(Reason):
    """A pause that was asked for."""

    TEXT: ClassVar[str] = (
        "a person to let batch {batch} of {batches} begin: `kubectl windlass approve {name}`, or spec.approvedBatches "
        "{batch}"
    )
    batch: int
    batches: int
    name: str


@dataclass(frozen=True, slots=True)
class WaitsAfterFailure(Reason):
    """A batch ended with a failure."""

    TEXT: ClassVar[str] = (
        "a person, because it failed on {first}: `kubectl windlass approve {name}` goes on with batch {batch} of "
        "{batches}, `kubectl windlass cancel {name}` ends it"
    )
    first: str
    name: str
    batch: int
    batches: int


@dataclass(frozen=True, slots=True)
class UpdateWaits(Reason):
    """An update runs, and begins nothing now."""

    TEXT: ClassVar[str] = "RollingUpdate {name} waits for {what}"
    name: str
    what: str


@dataclass(frozen=True, slots=True)
class UpdateUnderWay(Reason):
    """The group is not as its update wants it."""

    TEXT: ClassVar[str] = "RollingUpdate {name}: {done} of {total} done, waits for {what}"
    name: str
    done: int
    total: int
    what: str


@dataclass(frozen=True, slots=True)
class UpdateRests(Reason):
    """All that is desired is in service, and the update does nothing until a person says so."""

    TEXT: ClassVar[str] = (
        "{in_service:instance} in service, as desired; RollingUpdate {name}: {done} of {total} done, waits for {what}"
    )
    in_service: int
    name: str
    done: int
    total: int
    what: str


@dataclass(frozen=True, slots=True)
class UpdateGoesOn(Reason):
    """It runs."""

    TEXT: ClassVar[str] = "{done} of {total} done; waits for {what}"
    done: int
    total: int
    what: str


# ---- how it ended


@dataclass(frozen=True, slots=True)
class NobodyInService(Reason):
    """There was nothing to change."""

    TEXT: ClassVar[str] = "no instance that it is about was in service: nothing was done"


@dataclass(frozen=True, slots=True)
class UpdateSuccessful(Reason):
    """It is done."""

    TEXT: ClassVar[str] = "done on {count:instance}{more}"
    count: int
    more: str


@dataclass(frozen=True, slots=True)
class OthersLeft(Reason):
    """The group has instances that are not what it makes new ones from now."""

    TEXT: ClassVar[str] = (
        "{count:instance} launched meanwhile, skipped or failed without the image: `kubectl windlass refresh {group}`"
    )
    count: int
    group: str


@dataclass(frozen=True, slots=True)
class UpdateFailed(Reason):
    """It failed on some."""

    TEXT: ClassVar[str] = "it failed on {failed} of {total:instance}, first on {first}"
    failed: int
    total: int
    first: str


@dataclass(frozen=True, slots=True)
class UpdateCancelled(Reason):
    """A person ended it."""

    TEXT: ClassVar[str] = "cancelled when it was done on {done} of {total:instance}, which stay as they are"
    done: int
    total: int


@dataclass(frozen=True, slots=True)
class UpdateBroken(Reason):
    """It cannot go on."""

    TEXT: ClassVar[str] = "given up when it was done on {done} of {total:instance}: {problem}"
    done: int
    total: int
    problem: str


@dataclass(frozen=True, slots=True)
class ImageNotWritten(Reason):
    """The instances have the image, and the configuration does not."""

    TEXT: ClassVar[str] = "the instances have the image, but the configuration does not: {problem}"
    problem: str


@dataclass(frozen=True, slots=True)
class ImageOnNobody(Reason):
    """No instance has the image: nobody knows whether it is any good."""

    TEXT: ClassVar[str] = "the image runs on no instance, so {source} keeps its own"
    source: str


@dataclass(frozen=True, slots=True)
class ConfigurationEdited(Reason):
    """What the image would be written into is not what the update started with."""

    TEXT: ClassVar[str] = (
        "{name} was changed since the update started, and is not overwritten: write the image into it yourself"
    )
    name: str


@dataclass(frozen=True, slots=True)
class UpdateEnded(Reason):
    """An update is over."""

    TEXT: ClassVar[str] = "RollingUpdate {name} ended as {phase}: {problem}"
    name: str
    phase: str
    problem: str


@dataclass(frozen=True, slots=True)
class UpdateOver(Reason):
    """It has ended."""

    TEXT: ClassVar[str] = "{phase}: {problem}"
    phase: str
    problem: str
