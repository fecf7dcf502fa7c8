"""Why a stack set's operations and instances are where they are."""

from dataclasses import dataclass
from typing import ClassVar

from windlass.planner.reason import Reason

# ---- an operation that cannot begin


@dataclass(frozen=True, slots=True)
class NoSuchStackSet(Reason):
    """Its set is not there."""

    TEXT: ClassVar[str] = (
        "404: there is no StackSet {name} in this namespace: create it, then start the operation again"
    )
    name: str


@dataclass(frozen=True, slots=True)
class AnotherStackSet(Reason):
    """Its set is not the one that it expects."""

    TEXT: ClassVar[str] = "400: StackSet {name} has the uid {uid}, not {expected}: it was deleted and created again"
    name: str
    uid: str
    expected: str


@dataclass(frozen=True, slots=True)
class StackSetDeleted(Reason):
    """Its set is being deleted."""

    TEXT: ClassVar[str] = "400: StackSet {name} is being deleted: no other operation begins"
    name: str


@dataclass(frozen=True, slots=True)
class MembershipDeclared(Reason):
    """The set says itself where it is deployed."""

    TEXT: ClassVar[str] = "400: the targets of StackSet {name} say where it is deployed: change them instead"
    name: str


@dataclass(frozen=True, slots=True)
class TooManyRegions(Reason):
    """The set would have instances in more regions than it may."""

    TEXT: ClassVar[str] = "400: the set would be in more than {most:region}: make another set for the others"
    most: int


@dataclass(frozen=True, slots=True)
class NothingSelected(Reason):
    """There is no instance to work at."""

    TEXT: ClassVar[str] = "400: no instance is selected: {why}"
    why: str


# ---- an operation that waits


@dataclass(frozen=True, slots=True)
class WaitsItsTurn(Reason):
    """Another operation of the set runs, or is older."""

    TEXT: ClassVar[str] = "waits for {first}: the operations of a set run one at a time"
    first: str


@dataclass(frozen=True, slots=True)
class WaitsForSet(Reason):
    """A set that its own set depends on is not ready."""

    TEXT: ClassVar[str] = "waits for StackSet {name}, on which this set depends: {why}{circle}"
    name: str
    why: str
    circle: str = ""


@dataclass(frozen=True, slots=True)
class WaitsForBusyInstances(Reason):
    """Instances are still being worked at for an operation that is gone, or are being deleted."""

    TEXT: ClassVar[str] = "waits for {names}: still being worked at for an earlier operation, or being deleted"
    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ReadsInputs(Reason):
    """Template and variables are to be read."""

    TEXT: ClassVar[str] = "reads the template and the variables of its set"


# ---- an operation that runs


@dataclass(frozen=True, slots=True)
class OperationStarts(Reason):
    """It begins."""

    TEXT: ClassVar[str] = "{action} of StackSet {stack_set} starts"
    action: str
    stack_set: str


@dataclass(frozen=True, slots=True)
class Prepares(Reason):
    """Its instances are marked."""

    TEXT: ClassVar[str] = "{marked} of {total:instance} marked, {running} being worked at"
    marked: int
    total: int
    running: int


@dataclass(frozen=True, slots=True)
class OperationGivesUp(Reason):
    """What it is about changed while its instances were marked; what was begun is finished."""

    TEXT: ClassVar[str] = "{why}; waits for {running:instance} that had begun"
    why: str
    running: int


@dataclass(frozen=True, slots=True)
class OperationGoesOn(Reason):
    """Its instances are worked at."""

    TEXT: ClassVar[str] = "{over} of {total:instance} over, {failed} of them failed; {running} being worked at{where}"
    over: int
    total: int
    failed: int
    running: int
    where: str = ""


@dataclass(frozen=True, slots=True)
class Stopping(Reason):
    """People stopped it; what was begun is finished."""

    TEXT: ClassVar[str] = "stopped; waits for {running:instance} that had begun"
    running: int


# ---- an operation that is over


@dataclass(frozen=True, slots=True)
class OperationDone(Reason):
    """All its instances are over, within the tolerance."""

    TEXT: ClassVar[str] = "{succeeded} of {total:instance} done{also}"
    succeeded: int
    total: int
    also: str = ""


@dataclass(frozen=True, slots=True)
class OperationStopped(Reason):
    """People stopped it."""

    TEXT: ClassVar[str] = "stopped: {succeeded} of {total:instance} done, {failed} failed, {cancelled} never begun"
    succeeded: int
    total: int
    failed: int
    cancelled: int


@dataclass(frozen=True, slots=True)
class OperationFailed(Reason):
    """More failed than are borne."""

    TEXT: ClassVar[str] = (
        "region {region}: {failed} of {total} failed, {tolerance} may; {succeeded} of {all:instance} done, "
        "{cancelled} cancelled: see the instances, mend the cause, then kubectl windlass retry operation {name}"
    )
    name: str
    region: str
    failed: int
    total: int
    tolerance: int
    succeeded: int
    all: int
    cancelled: int


@dataclass(frozen=True, slots=True)
class OperationRefused(Reason):
    """It could not begin."""

    TEXT: ClassVar[str] = "{why}"
    why: str


# ---- instances


@dataclass(frozen=True, slots=True)
class InstanceWaits(Reason):
    """It is part of an operation, and its turn has not come."""

    TEXT: ClassVar[str] = "waits for its turn in {operation}"
    operation: str


@dataclass(frozen=True, slots=True)
class InstanceBegins(Reason):
    """Its turn has come."""

    TEXT: ClassVar[str] = "{work} for {operation}"
    work: str
    operation: str


@dataclass(frozen=True, slots=True)
class CancelledByTolerance(Reason):
    """Too many failed before its turn came."""

    TEXT: ClassVar[str] = "cancelled before it began: {operation} had more failures than region {region} bears"
    operation: str
    region: str


@dataclass(frozen=True, slots=True)
class CancelledByRefusal(Reason):
    """What its operation was to be about changed before anything began."""

    TEXT: ClassVar[str] = "cancelled before it began: {operation} cannot be done any more: {why}"
    operation: str
    why: str


@dataclass(frozen=True, slots=True)
class CancelledByStop(Reason):
    """Its operation was stopped before its turn came."""

    TEXT: ClassVar[str] = "cancelled before it began: {operation} was stopped"
    operation: str


@dataclass(frozen=True, slots=True)
class CancelledByDeletion(Reason):
    """Its operation is gone."""

    TEXT: ClassVar[str] = "cancelled before it began: {operation} was deleted"
    operation: str


# ---- the set


@dataclass(frozen=True, slots=True)
class NoInstances(Reason):
    """Nothing is deployed."""

    TEXT: ClassVar[str] = "no instances: start a StackSetOperation with action CreateInstances"


@dataclass(frozen=True, slots=True)
class AllCurrent(Reason):
    """All is as the set says."""

    TEXT: ClassVar[str] = "all {instances:instance} hold the set's template and variables"
    instances: int


@dataclass(frozen=True, slots=True)
class SetOutdated(Reason):
    """Some instances hold something else, and nothing runs."""

    TEXT: ClassVar[str] = (
        "{behind} of {instances:instance} hold an earlier template or variables: start a StackSetOperation with action "
        "DeploySet"
    )
    behind: int
    instances: int


@dataclass(frozen=True, slots=True)
class SomeFailed(Reason):
    """Some instances failed, or were cancelled."""

    TEXT: ClassVar[str] = (
        "{failed} of {instances:instance} failed in their last operation, {cancelled} were cancelled: see "
        "kubectl windlass explain stackset {name}"
    )
    name: str
    failed: int
    cancelled: int
    instances: int


@dataclass(frozen=True, slots=True)
class SomeDrifted(Reason):
    """Some instances are not as they were deployed."""

    TEXT: ClassVar[str] = (
        "{drifted} of {instances:instance} differ from what was deployed: see kubectl windlass explain stackset {name}"
    )
    name: str
    drifted: int
    instances: int


@dataclass(frozen=True, slots=True)
class Operating(Reason):
    """An operation runs."""

    TEXT: ClassVar[str] = "{operation}: {said}"
    operation: str
    said: str


@dataclass(frozen=True, slots=True)
class SetDeleting(Reason):
    """The set is being deleted."""

    TEXT: ClassVar[str] = (
        "being deleted: {instances:instance} still there{why}; to leave what was deployed: deletionPolicy Retain"
    )
    instances: int
    why: str = ""


@dataclass(frozen=True, slots=True)
class AutoDeploys(Reason):
    """The set starts an operation by itself."""

    TEXT: ClassVar[str] = "starts {operation} ({action}): {why}"
    operation: str
    action: str
    why: str


# ---- what is deployed


@dataclass(frozen=True, slots=True)
class FileMissing(Reason):
    """A file that the set or an operation names cannot be read."""

    TEXT: ClassVar[str] = "400: reading {what}: {why}"
    what: str
    why: str


@dataclass(frozen=True, slots=True)
class FileRefused(Reason):
    """A file that the set or an operation names may not be read."""

    TEXT: ClassVar[str] = "403: reading {what}: {why}"
    what: str
    why: str


# ---- targets


@dataclass(frozen=True, slots=True)
class TargetReached(Reason):
    """The cluster answers."""

    TEXT: ClassVar[str] = "the cluster answers; Kubernetes {version}"
    version: str


@dataclass(frozen=True, slots=True)
class TargetUnreachable(Reason):
    """The cluster does not answer as it should."""

    TEXT: ClassVar[str] = "the cluster cannot be reached: {problem}"
    problem: str


@dataclass(frozen=True, slots=True)
class TargetRefused(Reason):
    """Spec or credentials cannot be used."""

    TEXT: ClassVar[str] = "{problem}"
    problem: str


@dataclass(frozen=True, slots=True)
class SamePlace(Reason):
    """Another target is of the same region and account."""

    TEXT: ClassVar[str] = "StackTarget {other} is of the same region and account: delete one of both"
    other: str


@dataclass(frozen=True, slots=True)
class AnotherCluster(Reason):
    """Another cluster answers than before."""

    TEXT: ClassVar[str] = (
        "another cluster answers (its kube-system has the uid {found}, not {expected}): nothing is deployed to it; if "
        "that is meant, make the StackTarget anew, and its instances by DeleteInstances with retainStacks and "
        "CreateInstances"
    )
    expected: str
    found: str


# ---- what became of an instance


@dataclass(frozen=True, slots=True)
class InstanceDeployed(Reason):
    """All of it is there and ready."""

    TEXT: ClassVar[str] = "{objects:object} deployed and ready"
    objects: int


@dataclass(frozen=True, slots=True)
class DeployFailed(Reason):
    """It could not be deployed."""

    TEXT: ClassVar[str] = "{first} ({errors:error} in all)"
    first: str
    errors: int


@dataclass(frozen=True, slots=True)
class RolledBack(Reason):
    """It could not be deployed, and what was there before is there again."""

    TEXT: ClassVar[str] = "went back to what was deployed before, because {first} ({errors:error} in all)"
    first: str
    errors: int


@dataclass(frozen=True, slots=True)
class CannotDelete(Reason):
    """What was deployed could not be deleted."""

    TEXT: ClassVar[str] = (
        "not deleted: {first} ({errors:error} in all); mend that, then DeleteInstances again, with retainStacks to "
        "leave what was deployed; one that was deleted by hand is tried again each minute, and let go by "
        "deletionPolicy Retain"
    )
    first: str
    errors: int


@dataclass(frozen=True, slots=True)
class NoDrift(Reason):
    """All is as it was deployed."""

    TEXT: ClassVar[str] = "all {objects:object} are as they were deployed"
    objects: int


@dataclass(frozen=True, slots=True)
class DriftFound(Reason):
    """Something differs from what was deployed."""

    TEXT: ClassVar[str] = "{objects:object} differ from what was deployed, first of all {first}"
    objects: int
    first: str


@dataclass(frozen=True, slots=True)
class NoTarget(Reason):
    """Nobody says how its cluster is reached."""

    TEXT: ClassVar[str] = "there is no StackTarget of region {region} and account {account}"
    region: str
    account: str


@dataclass(frozen=True, slots=True)
class SnapshotMissing(Reason):
    """What it was to be deployed from is gone."""

    TEXT: ClassVar[str] = "what it is deployed from is gone ({problem}): start another operation"
    problem: str
