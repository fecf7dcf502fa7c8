"""Why a stack set's operations are where they are."""

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
