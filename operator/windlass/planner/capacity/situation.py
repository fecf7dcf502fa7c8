"""Where a pass stands before any rule is tried: the view, what was counted, and what only the status remembers."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from windlass.api.processes import Process
from windlass.api.rollout import FinishedRollout, RolloutStatus
from windlass.api.scaling_group import (
    ActivityStatus,
    ActivityType,
    LaunchBackoff,
    RevisionStatus,
    ScalingGroupSpec,
    ScalingGroupStatus,
)
from windlass.api.update_run import UpdateRunStatus
from windlass.planner.capacity.reasons import DesiredCut, ProcessSuspended
from windlass.planner.capacity.steps import Step
from windlass.planner.capacity.view import Census, GroupView, LaunchPause, Revision
from windlass.planner.capacity.zone_failure import FailedZone, Zones
from windlass.planner.plan import Event
from windlass.planner.reason import Reason
from windlass.planner.rolling_update.run import Run
from windlass.planner.rollout.rollout import Rollout

LAUNCHING = frozenset({ActivityType.SCALE_OUT, ActivityType.REPLACE})


@dataclass(frozen=True, slots=True)
class Memory:
    """What only the status remembers; all else in it is computed afresh in each pass."""

    next_ordinal: int
    next_activity: int
    activity: ActivityStatus | None
    backoff: LaunchBackoff | None
    revisions: tuple[RevisionStatus, ...]
    rollout: RolloutStatus | None = None
    update: UpdateRunStatus | None = None
    finished_rollouts: tuple[FinishedRollout, ...] = ()

    @property
    def known_activity(self) -> ActivityStatus:
        """The activity, where there must be one. ValueError where there is none."""
        if self.activity is None:
            raise ValueError("there is no activity")
        return self.activity

    def with_activity(self, **changes: object) -> "Memory":
        """The same, with the activity changed. ValueError where there is none."""
        return replace(self, activity=self.known_activity.model_copy(update=changes))


@dataclass(frozen=True, slots=True)
class Situation:
    """What the rules look at. `revision` is what new instances are made from, None where there is nothing yet.

    `rollout`: set while a task exchanges the instances, `update` while one changes them; until their end is told.
    """

    view: GroupView
    census: Census
    memory: Memory
    zones: Zones
    desired: int
    revision: Revision | None
    rollout: Rollout | None = None
    update: Run | None = None

    @property
    def spec(self) -> ScalingGroupSpec:
        """What is wanted."""
        return self.view.spec

    @property
    def now(self) -> datetime:
        """The time that this pass is frozen at."""
        return self.view.now

    @property
    def missing(self) -> int:
        """How many instances there are too few."""
        return max(0, self.desired - self.census.capacity)

    @property
    def surplus(self) -> int:
        """How many instances there are too many: while they are exchanged, only what is above the ceiling."""
        most = self.desired if self.active_rollout is None else self.active_rollout.most
        return max(0, self.census.capacity - most)

    @property
    def active_rollout(self) -> Rollout | None:
        """Set while a task exchanges the instances: it launches what is missing too."""
        return self.rollout if self.rollout is not None and self.rollout.active else None

    @property
    def active_update(self) -> Run | None:
        """Set while a task changes the instances where they are."""
        return self.update if self.update is not None and self.update.active else None

    @property
    def to_launch(self) -> int:
        """How many instances are to be launched now, whatever is in the way."""
        return self.missing if self.active_rollout is None else self.active_rollout.batch.launch

    @property
    def most_away(self) -> int:
        """How many instances may be away at a time because they were in service, or may have been, and are not now."""
        return max(1, self.desired // 10)

    @property
    def shrinks(self) -> bool:
        """Whether what is too many may be removed: then those of no use go first, and need no rule of their own."""
        return self.surplus > 0 and not self.suspended(Process.SCALE_IN)

    @property
    def zone_patience(self) -> timedelta:
        """How long an instance may be unschedulable before its zone has failed."""
        return timedelta(seconds=self.spec.zone_failure_seconds)

    def suspended(self, process: Process) -> bool:
        """Whether the group was told not to do this."""
        return self.view.suspends(process)

    @property
    def may_launch(self) -> bool:
        """Whether new instances can be made at all."""
        return self.revision is not None and not self.suspended(Process.SCALE_OUT)

    @property
    def replaces_failed(self) -> bool:
        """Whether what failed may be replaced: else it is not removed either, and the evidence stays."""
        return not (self.suspended(Process.HEALTH_CHECK) or self.suspended(Process.SCALE_OUT))

    @property
    def launch_pause(self) -> LaunchPause | None:
        """Set while launches would not be seen and it is not time to ask again."""
        pause = self.view.launch_pause
        return pause if pause is not None and pause.retry_at > self.now else None

    @property
    def running(self) -> ActivityStatus | None:
        """The activity that has not ended yet."""
        activity = self.memory.activity
        return activity if activity is not None and activity.ended_at is None else None

    @property
    def backing_off(self) -> LaunchBackoff | None:
        """Set while failed launches may not be tried again yet."""
        backoff = self.memory.backoff
        return backoff if backoff is not None and backoff.retry_at > self.now else None


@dataclass(frozen=True, slots=True)
class Decision:
    """What one rule wants done."""

    memory: Memory
    why: Reason
    steps: tuple[Step, ...] = ()
    events: tuple[Event, ...] = ()


@dataclass(frozen=True, slots=True)
class Hold:
    """One rule has something to do and may not do it now."""

    why: Reason


def process_suspended(s: Situation, process: Process, count: int, left_alone: str) -> ProcessSuspended:
    """That so many are left alone because the process is suspended, and by whom."""
    update = s.view.suspender(process) if process not in s.spec.suspended_processes else None
    return ProcessSuspended(process, count, left_alone, f" by RollingUpdate {update}" if update is not None else "")


def replacing_suspended(s: Situation, count: int, left_alone: str) -> Hold | None:
    """Why so many may not be replaced, if a process is suspended that it takes: then they are not removed either."""
    for process in (Process.HEALTH_CHECK, Process.SCALE_OUT):
        if s.suspended(process):
            return Hold(process_suspended(s, process, count, left_alone))
    return None


def effective_desired(spec: ScalingGroupSpec, last: int | None = None) -> int:
    """The size to work towards: the desired one, moved into the bounds where a bound moved past it.

    Where it is unset: the size that the group worked towards last, so that handing it over to an autoscaler (taking it
    out of the manifest) changes nothing; a new group begins with minSize.
    """
    wanted = spec.desired_size
    if wanted is None:
        wanted = spec.min_size if last is None else last
    return min(max(wanted, spec.min_size), spec.max_size)


def last_desired(status: ScalingGroupStatus) -> int | None:
    """The size that the group worked towards last; None for a group that nobody has looked at yet."""
    return status.desired if status.observed_generation else None


def desired_cut(spec: ScalingGroupSpec) -> DesiredCut | None:
    """Why the effective size is not the desired one, if it is not."""
    effective, desired = effective_desired(spec), spec.desired_size
    if desired is None or desired == effective:
        return None
    if desired > effective:
        return DesiredCut(desired, "above", f"maxSize {spec.max_size}", effective)
    return DesiredCut(desired, "below", f"minSize {spec.min_size}", effective)


def failed_zones(status: ScalingGroupStatus) -> Mapping[str, FailedZone]:
    """The zones that the status remembers as failed."""
    return {
        zone.name: FailedZone(zone.failures, until, zone.reason or "", zone.revision)
        for zone in status.zones
        if (until := zone.failed_until or zone.next_try) is not None
    }
