"""Why a stack set's instances are where they are, and what became of them."""

from dataclasses import dataclass
from typing import ClassVar

from windlass.planner.reason import Reason

# ---- in an operation


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


# ---- what became of it


@dataclass(frozen=True, slots=True)
class InstanceDeployed(Reason):
    """All of it is there and ready."""

    TEXT: ClassVar[str] = "{objects:object} deployed and ready"
    objects: int


@dataclass(frozen=True, slots=True)
class DeployFailed(Reason):
    """It could not be deployed."""

    TEXT: ClassVar[str] = "{first}"
    first: str


@dataclass(frozen=True, slots=True)
class RolledBack(Reason):
    """It could not be deployed, and what was there before is there again."""

    TEXT: ClassVar[str] = "went back to what was deployed before, because {first}"
    first: str


@dataclass(frozen=True, slots=True)
class CannotDelete(Reason):
    """What was deployed could not be deleted."""

    TEXT: ClassVar[str] = (
        "not deleted: {first}; mend that, then DeleteInstances again, with retainStacks to "
        "leave what was deployed; one that was deleted by hand is tried again each minute, and let go by "
        "deletionPolicy Retain"
    )
    first: str


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
