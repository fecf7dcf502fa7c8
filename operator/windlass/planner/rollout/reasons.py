"""Every reason that the refresh of a group gives."""

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

from windlass.planner.reason import Reason

# ---- why one cannot start


@dataclass(frozen=True, slots=True)
class NothingToMakeFrom(Reason):
    """The group's own configuration is what is asked for, and is missing."""

    TEXT: ClassVar[str] = "the group's own configuration does not exist: create it, or name one in desiredConfiguration"


@dataclass(frozen=True, slots=True)
class ConfigurationGone(Reason):
    """It names a configuration that is not there."""

    TEXT: ClassVar[str] = "desiredConfiguration: ScalingConfiguration {name} does not exist"
    name: str


@dataclass(frozen=True, slots=True)
class ConfigurationShared(Reason):
    """The configuration that would be written is another group's too."""

    TEXT: ClassVar[str] = (
        "ScalingConfiguration {name} is used by other groups too, which would get the change: give this group a "
        "configuration of its own, and name that in desiredConfiguration.scalingConfiguration"
    )
    name: str


@dataclass(frozen=True, slots=True)
class DesiredRefused(Reason):
    """The API server does not take an instance made from the desired configuration."""

    TEXT: ClassVar[str] = "the API server refuses an instance made from the desired configuration: {problem}"
    problem: str


@dataclass(frozen=True, slots=True)
class Interrupted(Reason):
    """It had started, and the group knows nothing of it."""

    TEXT: ClassVar[str] = (
        "it had started, and its group knows nothing of it any more (status.rollout is empty): create another one"
    )


@dataclass(frozen=True, slots=True)
class UnknownContainer(Reason):
    """The template has no container of that name."""

    TEXT: ClassVar[str] = "there is no container {container} in the template: its containers are {known}"
    container: str
    known: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class UnknownMainContainer(Reason):
    """The template says that its main container is one that it does not have."""

    TEXT: ClassVar[str] = (
        "the template's annotation {annotation} names container {container}, which is not there: correct it, or name "
        "the container whose image is to change"
    )
    annotation: str
    container: str


@dataclass(frozen=True, slots=True)
class NoContainers(Reason):
    """The template has nothing that could change."""

    TEXT: ClassVar[str] = "the template has no containers, so there is nothing to change"


@dataclass(frozen=True, slots=True)
class GroupMissing(Reason):
    """There is no group whose instances could be replaced."""

    TEXT: ClassVar[str] = "ScalingGroup {name} does not exist: create it, and then this refresh again"
    name: str


@dataclass(frozen=True, slots=True)
class RanBefore(Reason):
    """The same one ran before, was deleted, and was created again."""

    TEXT: ClassVar[str] = (
        "a refresh {name} that asked for the same ended before as {outcome}: nothing is done; give it another name to "
        "have it done again"
    )
    name: str
    outcome: str


# ---- how it goes on


@dataclass(frozen=True, slots=True)
class RefreshStarts(Reason):
    """Instances are exchanged from now on."""

    TEXT: ClassVar[str] = "InstanceRefresh {name} starts: {count:instance} to be replaced by revision {revision}"
    name: str
    count: int
    revision: str


@dataclass(frozen=True, slots=True)
class NewForRefresh(Reason):
    """The desired configuration must be kept before anything is made from it."""

    TEXT: ClassVar[str] = "InstanceRefresh {name} will have instances made from it"
    name: str


@dataclass(frozen=True, slots=True)
class RefreshBatch(Reason):
    """Some instances come and others go."""

    TEXT: ClassVar[str] = "InstanceRefresh {name}: {launch:launch} and {remove:removal}, {updated} of {total} updated"
    name: str
    launch: int
    remove: int
    updated: int
    total: int


@dataclass(frozen=True, slots=True)
class Outdated(Reason):
    """The instance is exchanged."""

    TEXT: ClassVar[str] = "InstanceRefresh {name} replaces it; {because}"
    name: str
    because: str


@dataclass(frozen=True, slots=True)
class Committing(Reason):
    """The desired configuration becomes the group's own."""

    TEXT: ClassVar[str] = "InstanceRefresh {name} is done: {source} gets what its instances were made from"
    name: str
    source: str


# ---- what it waits for


@dataclass(frozen=True, slots=True)
class WaitsForInstances(Reason):
    """New instances are on their way."""

    TEXT: ClassVar[str] = "{pending:new instance} to come into service ({in_service} in service, at least {floor})"
    pending: int
    in_service: int
    floor: int


@dataclass(frozen=True, slots=True)
class WaitsForFloor(Reason):
    """So many are not in service that none may leave."""

    TEXT: ClassVar[str] = "instances to be in service again: {in_service} are, and none may leave below {floor}"
    in_service: int
    floor: int


@dataclass(frozen=True, slots=True)
class PausedAt(Reason):
    """It pauses at a checkpoint."""

    TEXT: ClassVar[str] = (
        "the pause at checkpoint {checkpoint} % to end at {until}; `kubectl windlass resume {refresh}` ends it now"
    )
    checkpoint: int
    until: datetime
    refresh: str


@dataclass(frozen=True, slots=True)
class SuspendedByPerson(Reason):
    """spec.state says so."""

    TEXT: ClassVar[str] = "spec.state to be Running again"


@dataclass(frozen=True, slots=True)
class WaitsForTurn(Reason):
    """Something else has to be done first."""

    TEXT: ClassVar[str] = "its next step, which follows at once"


@dataclass(frozen=True, slots=True)
class WaitsForCommit(Reason):
    """All is exchanged."""

    TEXT: ClassVar[str] = "what its instances were made from to become the group's own"


@dataclass(frozen=True, slots=True)
class SwitchedOff(Reason):
    """The group does nothing."""

    TEXT: ClassVar[str] = "the group to be enabled again"


@dataclass(frozen=True, slots=True)
class Baking(Reason):
    """All is done and is watched."""

    TEXT: ClassVar[str] = "the new instances to stay in service until {until}"
    until: datetime


@dataclass(frozen=True, slots=True)
class Waits(Reason):
    """A refresh runs, and does nothing now."""

    TEXT: ClassVar[str] = "InstanceRefresh {name} waits for {what}"
    name: str
    what: str


@dataclass(frozen=True, slots=True)
class RefreshUnderWay(Reason):
    """The group is not as its refresh wants it."""

    TEXT: ClassVar[str] = "InstanceRefresh {name}: {updated} of {total} updated, waits for {what}"
    name: str
    updated: int
    total: int
    what: str


@dataclass(frozen=True, slots=True)
class RefreshRests(Reason):
    """All that is desired is in service, and the refresh does nothing until somebody or the clock says so."""

    TEXT: ClassVar[str] = (
        "{in_service:instance} in service, as desired; InstanceRefresh {name}: {updated} of {total} updated, waits for "
        "{what}"
    )
    in_service: int
    name: str
    updated: int
    total: int
    what: str


# ---- how it ended


@dataclass(frozen=True, slots=True)
class RefreshSuccessful(Reason):
    """Every instance is made from the desired configuration, which is the group's own now."""

    TEXT: ClassVar[str] = "{updated:instance} made from revision {revision}, which is the group's own now"
    updated: int
    revision: str


@dataclass(frozen=True, slots=True)
class RefreshOutrun(Reason):
    """Every instance is made from what was the group's own when it started, and is not any more."""

    TEXT: ClassVar[str] = (
        "{updated:instance} made from revision {revision}, which was the group's own when it started: its "
        "configuration was changed since"
    )
    updated: int
    revision: str


@dataclass(frozen=True, slots=True)
class RefreshCancelled(Reason):
    """A person ended it."""

    TEXT: ClassVar[str] = (
        "cancelled with {updated:new instance} in service; what is launched from now on is made from the group's own "
        "configuration"
    )
    updated: int


@dataclass(frozen=True, slots=True)
class RollbackCancelled(Reason):
    """A person ended it on its way back."""

    TEXT: ClassVar[str] = "cancelled on its way back: {count:instance} not made again from the earlier revision"
    count: int


@dataclass(frozen=True, slots=True)
class NoProgress(Reason):
    """No new instance came into service for too long."""

    TEXT: ClassVar[str] = "no new instance came into service for {seconds} s (progressDeadlineSeconds): {problem}"
    seconds: int
    problem: str


@dataclass(frozen=True, slots=True)
class BakingFailed(Reason):
    """A new instance did not hold."""

    TEXT: ClassVar[str] = "{name} failed while the new instances were watched (bakeSeconds): {problem}"
    name: str
    problem: str


@dataclass(frozen=True, slots=True)
class SourceChanged(Reason):
    """Somebody changed the configuration meanwhile."""

    TEXT: ClassVar[str] = "{source} was changed since the refresh started, and is not overwritten"
    source: str


@dataclass(frozen=True, slots=True)
class NotCommitted(Reason):
    """The instances are exchanged, and the group's own source cannot follow."""

    TEXT: ClassVar[str] = "all instances were replaced, but the group's own configuration stays as it is: {problem}"
    problem: str


@dataclass(frozen=True, slots=True)
class RevisionGone(Reason):
    """What instances were to be made from was deleted."""

    TEXT: ClassVar[str] = "ControllerRevision {revision} is gone: somebody deleted it"
    revision: str


@dataclass(frozen=True, slots=True)
class RefreshRolledBack(Reason):
    """Every instance is made again from what it was made from before."""

    TEXT: ClassVar[str] = "rolled back to revision {revision}: {problem}"
    revision: str
    problem: str


@dataclass(frozen=True, slots=True)
class CannotGoBack(Reason):
    """There is nothing to go back to."""

    TEXT: ClassVar[str] = "it cannot be rolled back: {problem}"
    problem: str


@dataclass(frozen=True, slots=True)
class NoEarlierConfiguration(Reason):
    """Before the refresh and after it is the same: the way back would exchange the rest of the old instances."""

    TEXT: ClassVar[str] = (
        "it cannot be rolled back: its instances are made from the group's own configuration; change that back, and "
        "refresh again ({problem})"
    )
    problem: str


@dataclass(frozen=True, slots=True)
class RefreshEnded(Reason):
    """A refresh is over."""

    TEXT: ClassVar[str] = "InstanceRefresh {name} ended as {phase}: {problem}"
    name: str
    phase: str
    problem: str


@dataclass(frozen=True, slots=True)
class AskedFor(Reason):
    """spec.state asked for it."""

    TEXT: ClassVar[str] = "spec.state asked for it"


@dataclass(frozen=True, slots=True)
class StartsLater(Reason):
    """It has its turn, and has not started."""

    TEXT: ClassVar[str] = "it starts as soon as the group is looked at and spec.state is Running"


@dataclass(frozen=True, slots=True)
class RefreshGoesOn(Reason):
    """It runs."""

    TEXT: ClassVar[str] = "{updated} of {total} updated; {doing}"
    updated: int
    total: int
    doing: str


@dataclass(frozen=True, slots=True)
class RefreshOver(Reason):
    """It has ended."""

    TEXT: ClassVar[str] = "{phase}: {problem}"
    phase: str
    problem: str
