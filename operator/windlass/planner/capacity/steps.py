"""A group's plan, and its steps: each one thing that is written to the API server, and why."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from windlass.api.instance_refresh import InstanceRefreshStatus
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
class ReportRefresh:
    """Make the status of an InstanceRefresh this."""

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
)


@dataclass(frozen=True, slots=True)
class GroupPlan(Plan[ScalingGroupStatus, Step]):
    """The plan for a scaling group.

    `settles_removals`: once the steps are carried out, no removal that was asked for before is in doubt any more.
    `reports`: what the statuses of its InstanceRefreshes should say; nothing depends on when they are written.
    """

    settles_removals: bool = field(kw_only=True)
    reports: tuple[ReportRefresh, ...] = ()
