"""A group's plan, and its steps: each one thing that is written to the API server, and why."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, ClassVar

from windlass.api.instance_refresh import InstanceRefreshStatus
from windlass.api.rolling_update import InstanceResult, RollingUpdateStatus
from windlass.api.scaling_activity import ScalingActivityStatus
from windlass.api.scaling_group import ScalingGroupStatus
from windlass.planner.plan import Plan
from windlass.planner.reason import Reason


@dataclass(frozen=True, slots=True)
class Pool:
    """Where an instance goes; `zone` is None where the scheduler may choose."""

    zone: str | None = None


@dataclass(frozen=True, slots=True)
class SeedDesired:
    """Write `spec.desiredSize`, which is unset: the scale subresource cannot be read without it."""

    size: int
    why: Reason


@dataclass(frozen=True, slots=True)
class KeepRevision:
    """Create the revision that new instances are made from. `refresh`: the uid of the InstanceRefresh that wants it."""

    name: str
    number: int
    data: Mapping[str, Any]
    why: Reason
    refresh: str = ""


@dataclass(frozen=True, slots=True)
class ForgetRevision:
    """Delete a revision that no instance was made from."""

    name: str
    why: Reason


@dataclass(frozen=True, slots=True)
class Launch:
    """Create one instance in a pool."""

    name: str
    ordinal: int
    pool: Pool
    revision: str
    why: Reason


@dataclass(frozen=True, slots=True)
class Remove:
    """Delete one instance, provided that it still is what the decision was made on."""

    name: str
    uid: str
    resource_version: str
    why: Reason


@dataclass(frozen=True, slots=True)
class WithdrawRemoval:
    """Change one instance in a way that nobody cares about, so that a removal which was decided before fails."""

    name: str
    uid: str
    resource_version: str
    why: Reason


@dataclass(frozen=True, slots=True)
class Adopt:
    """Make one Pod that nobody owns an instance of the group, provided that it still is what it was."""

    name: str
    uid: str
    resource_version: str
    why: Reason


@dataclass(frozen=True, slots=True)
class Record:
    """Make the activity's record say this."""

    name: str
    status: ScalingActivityStatus
    exists: bool
    why: Reason


@dataclass(frozen=True, slots=True)
class ForgetRecord:
    """Delete the record of an activity that ended long ago."""

    name: str
    why: Reason


@dataclass(frozen=True, slots=True)
class WriteConfiguration:
    """Make a ScalingConfiguration's spec this, provided that it still is what the decision was made on."""

    name: str
    before: Mapping[str, Any]
    spec: Mapping[str, Any]
    why: Reason


@dataclass(frozen=True, slots=True)
class SwitchSource:
    """Make another source the group's own: the ScalingConfiguration of this name, or where there is a `version` (a
    number, Default or Latest) that of the LaunchTemplate of this name."""

    name: str
    why: Reason
    version: str | None = None

    @property
    def source(self) -> str:
        """For people: `ScalingConfiguration web`, `LaunchTemplate web:Latest`."""
        return (
            f"ScalingConfiguration {self.name}"
            if self.version is None
            else f"LaunchTemplate {self.name}:{self.version}"
        )


@dataclass(frozen=True, slots=True)
class ChangeImage:
    """Give one container of an instance another image, in place; the same request marks it for the update of this uid.

    `revision`: what the instance is as good as made from then; None: its label stays as it is.
    """

    name: str
    uid: str
    container: str
    image: str
    update: str
    revision: str | None
    why: Reason


@dataclass(frozen=True, slots=True)
class RunScript:
    """Run this in a container of an instance, once the instance is marked for the update of this uid.

    It is marked only while its mark is of the run `instead_of`, or where that is empty is none of this update.
    `seconds`: when it is killed there.
    """

    name: str
    uid: str
    container: str
    command: tuple[str, ...]
    environment: Mapping[str, str]
    seconds: int
    update: str
    instead_of: str
    why: Reason


@dataclass(frozen=True, slots=True)
class InstanceOutcome:
    """How an update went on one instance of a batch that is over."""

    name: str
    result: InstanceResult
    exit_code: int | None = None
    output: str = ""
    started_at: datetime | None = None
    ended_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class KeepResults:
    """Create the ConfigMaps with the results of a batch that is over; the update of this name and uid controls them."""

    update: str
    uid: str
    batch: int
    outcomes: tuple[InstanceOutcome, ...]
    why: Reason


@dataclass(frozen=True, slots=True)
class ReportUpdate:
    """Make the status of a RollingUpdate this."""

    kind: ClassVar[str] = "RollingUpdate"
    name: str
    uid: str
    status: RollingUpdateStatus


@dataclass(frozen=True, slots=True)
class ReportRefresh:
    """Make the status of an InstanceRefresh this."""

    kind: ClassVar[str] = "InstanceRefresh"
    name: str
    uid: str
    status: InstanceRefreshStatus


Step = (
    SeedDesired
    | KeepRevision
    | ForgetRevision
    | Launch
    | Remove
    | WithdrawRemoval
    | Adopt
    | Record
    | ForgetRecord
    | WriteConfiguration
    | SwitchSource
    | ChangeImage
    | RunScript
    | KeepResults
)


@dataclass(frozen=True, slots=True)
class GroupPlan(Plan[ScalingGroupStatus, Step]):
    """The plan for a scaling group.

    `settles_removals`: once the steps are carried out, no removal that was asked for before is in doubt any more.
    `reports`: what the statuses of its InstanceRefreshes and RollingUpdates should say; nothing depends on when they
    are written.
    """

    settles_removals: bool = field(kw_only=True)
    reports: tuple[ReportRefresh | ReportUpdate, ...] = ()
