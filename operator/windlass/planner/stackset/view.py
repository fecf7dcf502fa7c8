"""What decisions about a stack set read: the set, its operations and its instances, at one moment."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from windlass.api.stack_instance import Drift, Work
from windlass.api.stack_set import StackSetSpec, StackSetStatus
from windlass.api.stack_set_operation import StackSetOperationSpec, StackSetOperationStatus
from windlass.api.stacks import InstancePhase
from windlass.planner.reason import Reason
from windlass.planner.stackset.targets import Place, Target
from windlass.planner.tasks import Task

KIND = "StackSetOperation"


@dataclass(frozen=True, slots=True)
class Sources:
    """The names of the snapshots that a deployment is made from. Empty: none."""

    template: str = ""
    variables: str = ""
    overrides: str = ""


@dataclass(frozen=True, slots=True)
class StackInstance:
    """One instance. `asked_by` and `done_for` are uids: of the operation that it is part of, and of the one that its
    `phase` speaks of. `deployed`: what its target holds; None: nothing that came to be ready."""

    name: str
    uid: str
    place: Place
    asked_by: str
    done_for: str
    phase: InstancePhase
    work: Work = Work.DEPLOY
    sources: Sources = Sources()
    deployed: Sources | None = None
    drift: Drift = Drift.NOT_CHECKED
    removing: bool = False
    timeout_minutes: int = 30

    def state_in(self, operation: str) -> InstancePhase:
        """Its phase in the operation of this uid, which it is part of."""
        return self.phase if self.done_for == operation else InstancePhase.WAITING

    @property
    def busy(self) -> bool:
        """Whether it is being worked at."""
        return self.phase is InstancePhase.RUNNING and self.done_for == self.asked_by


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation of a set. `by_set`: the set started it by itself. `position`: the version of the object when it was
    first seen, which tells the order of those that were created in the same second."""

    name: str
    uid: str
    generation: int
    created_at: datetime
    spec: StackSetOperationSpec
    status: StackSetOperationStatus
    removing: bool = False
    counted: bool = False
    by_set: bool = False
    position: int = 0

    @property
    def task(self) -> Task:
        """What puts it in line with the others of its set."""
        lasts = self.spec.ttl_seconds_after_finished
        return Task(
            kind=KIND,
            name=self.name,
            created_at=self.created_at,
            phase=self.status.phase,
            started_at=self.status.start_time,
            completed_at=self.status.completion_time,
            client_token=self.spec.client_token,
            removing=self.removing,
            lasts=None if lasts is None else timedelta(seconds=lasts),
            counted=self.counted,
            position=self.position,
        )


@dataclass(frozen=True, slots=True)
class StackSet:
    """The set. `removing`: it is being deleted."""

    name: str
    uid: str
    generation: int
    spec: StackSetSpec
    status: StackSetStatus
    removing: bool = False


@dataclass(frozen=True, slots=True)
class Inputs:
    """What a deployment of the set is made from now: the names of the snapshots, and the names of its variables.

    `contents`: what the snapshots hold, by name.
    """

    sources: Sources
    variable_names: frozenset[str]
    contents: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class SetView:
    """A set with all that belongs to it. `targets`: all of the namespace."""

    now: datetime
    stack_set: StackSet | None
    operations: tuple[Operation, ...]
    instances: tuple[StackInstance, ...]
    targets: tuple[Target, ...]


@dataclass(frozen=True, slots=True)
class OperationView:
    """An operation, its set and all that belongs to that. `inputs`: None where they were not read yet; a reason: they
    cannot be used. `depends_on`: the operations of the sets that its set depends on; None: there is no such set.
    `circles`: the sets through which such a set depends on this one in its turn: itself, …, this one."""

    world: SetView
    operation: Operation
    inputs: Inputs | Reason | None = None
    depends_on: Mapping[str, tuple[Operation, ...] | None] = field(default_factory=dict)
    circles: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
