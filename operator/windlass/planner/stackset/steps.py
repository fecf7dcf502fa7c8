"""The closed set of steps of a stack set's operation: what its controller writes beside its status."""

from dataclasses import dataclass
from typing import Literal

from windlass.api.stack_instance import Work
from windlass.api.stack_set_operation import StackSetOperationStatus
from windlass.planner.plan import Plan
from windlass.planner.reason import Reason
from windlass.planner.stackset.targets import Place
from windlass.planner.stackset.view import Sources


@dataclass(frozen=True, slots=True)
class Keep:
    """Keep a text under a name that tells it from any other. Done before the status that names it is written."""

    kind: Literal["ConfigMap", "Secret"]
    name: str
    text: str


@dataclass(frozen=True, slots=True)
class Create:
    """Create the instance of this place, as part of the operation."""

    place: Place
    work: Work
    sources: Sources
    timeout_minutes: int


@dataclass(frozen=True, slots=True)
class Mark:
    """Make the instance part of the operation."""

    name: str
    uid: str
    work: Work
    sources: Sources
    timeout_minutes: int


@dataclass(frozen=True, slots=True)
class Wait:
    """Say of a marked instance that it waits. One that never was worked at says so from the beginning."""

    name: str
    uid: str
    why: Reason


@dataclass(frozen=True, slots=True)
class Begin:
    """Have the instance worked at from now on. The only step that lets anything happen in a target."""

    name: str
    uid: str
    why: Reason


@dataclass(frozen=True, slots=True)
class Cancel:
    """The instance is not worked at in this operation."""

    name: str
    uid: str
    why: Reason


Step = Keep | Create | Mark | Wait | Begin | Cancel
OperationPlan = Plan[StackSetOperationStatus, Step]
