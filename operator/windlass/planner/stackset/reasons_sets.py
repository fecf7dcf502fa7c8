"""Why a stack set is where it is."""

from dataclasses import dataclass
from typing import ClassVar

from windlass.planner.reason import Reason


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
