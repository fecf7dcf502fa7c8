"""What a group's pass looks at, read once, with time frozen in it; and what one scan of it counts."""

from bisect import bisect_right
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from operator import attrgetter
from typing import Any

from windlass.api.ordinals import OrdinalRange
from windlass.api.processes import Process
from windlass.api.scaling_activity import ScalingActivityStatus
from windlass.api.scaling_group import (
    MAX_NAMED_INSTANCES,
    ActivityStatus,
    ScalingGroupSpec,
    ScalingGroupStatus,
)
from windlass.planner.capacity.instance import Instance, Patience, State, state_of
from windlass.planner.rolling_update.processes import suspended_by
from windlass.planner.rolling_update.update import Update
from windlass.planner.rollout.refresh import Refresh, Sources
from windlass.planner.tasks import Task

TOLD_BY_NAME = (State.PENDING, State.FAILED, State.NOT_READY, State.UNHEALTHY, State.REMOVING)
"""States whose instances are named in plans and messages: these must not change with the order of a cache."""


@dataclass(frozen=True, slots=True)
class Revision:
    """An immutable snapshot of a configuration together with its source.

    `removing`: it was deleted, and somebody's finalizer still holds it. `group` is the uid of the group that
    controls it.
    """

    name: str
    number: int
    data: Mapping[str, Any]
    removing: bool = False
    namespace: str = ""
    group: str = ""
    uid: str = ""
    resource_version: str = ""


@dataclass(frozen=True, slots=True)
class RefusedLaunch:
    """A launch that the API server refused for good in the pass before: this request created nothing."""

    ordinal: int
    message: str


@dataclass(frozen=True, slots=True)
class RemovalPause:
    """Removals were refused so often in a row, the last one with this message; nothing is removed before `retry_at`."""

    failures: int
    retry_at: datetime
    message: str


@dataclass(frozen=True, slots=True)
class LaunchPause:
    """Admission changed launches so often in a row that the group cannot see them; none is made before `retry_at`."""

    failures: int
    retry_at: datetime
    problem: str


@dataclass(frozen=True, slots=True)
class LeftOrphan:
    """A Pod that should be adopted, and that the API server does not let us change; it is tried again at `retry_at`."""

    name: str
    message: str
    retry_at: datetime


@dataclass(frozen=True, slots=True)
class EndedRecord:
    """The record of an activity that has ended."""

    name: str
    started_at: datetime


@dataclass(frozen=True, slots=True)
class GroupView:
    """Everything that a decision about a group needs.

    `configuration` is the spec of the ScalingConfiguration that the group names, `template` that of the LaunchTemplate;
    None where there is none, or it names the other kind. `template_problem` says
    why the API server refuses the Pod that it makes, `template_retry_at` when it is asked again.
    `record` is the running (or last) activity's record, None where
    it does not exist. `settled` holds ordinals that this process knows to be used up: created by it, or somebody else's
    Pod bears the name. Those that were refused are not among them: a process before may have asked for the same, and
    that request may still be under way. `taken` are those of them whose name a Pod that is not the group's bears.
    `watched_since`: since when the same process has looked at the group; None: for as long as it matters.
    `left_orphans` could not be adopted, and are not among `orphans` until they are tried again.
    `removal_pause`: the API server refuses removals. `launch_pause`: launches would not be seen.
    `removals_in_doubt`: requests to remove instances may be under way of which this process does not know what became.
    `orphans`: Pods of its labels and names that nobody owns.
    `withdrawn`: the uids of those that it has changed since, so that such requests fail.
    `refreshes`: the group's InstanceRefreshes, those that are over among them; `sources`: what they name.
    `refresh_problems`: why the API server refuses a Pod made from what one of them desires, by uid; of an Image update
    as well.
    `updates`: the group's RollingUpdates, those that are over among them; `packages`: the data of the ConfigMaps that
    those name that are not over, by name (None: there is none).
    `scripts_running`: the uids of the instances in which this process runs a script, or is about to.
    `results_kept`: the updates (by uid) and batches whose results this process knows to be kept.
    """

    namespace: str
    name: str
    uid: str
    generation: int
    spec: ScalingGroupSpec
    status: ScalingGroupStatus
    now: datetime
    instances: Sequence[Instance] = ()
    orphans: Sequence[Instance] = ()
    configuration: Mapping[str, Any] | None = None
    template: Mapping[str, Any] | None = None
    template_problem: str | None = None
    template_retry_at: datetime | None = None
    revisions: Sequence[Revision] = ()
    record: ScalingActivityStatus | None = None
    record_refused: bool = False
    history: Sequence[EndedRecord] = ()
    settled: frozenset[int] = frozenset()
    taken: frozenset[int] = frozenset()
    refusals: Sequence[RefusedLaunch] = ()
    removal_pause: RemovalPause | None = None
    launch_pause: LaunchPause | None = None
    removals_in_doubt: bool = False
    withdrawn: frozenset[str] = frozenset()
    left_orphans: Sequence[LeftOrphan] = ()
    watched_since: datetime | None = None
    deleting: bool = False
    refreshes: Sequence[Refresh] = ()
    sources: Sources = field(default_factory=Sources)
    refresh_problems: Mapping[str, str] = field(default_factory=dict)
    updates: Sequence[Update] = ()
    packages: Mapping[str, Mapping[str, str] | None] = field(default_factory=dict)
    scripts_running: frozenset[str] = frozenset()
    results_kept: frozenset[tuple[str, int]] = frozenset()

    @property
    def tasks(self) -> list[Task]:
        """Its refreshes and updates, of which one at a time has its turn."""
        return [*(each.task for each in self.refreshes), *(each.task for each in self.updates)]

    def suspends(self, process: Process) -> bool:
        """Whether the group's spec or one of its updates says that it is not to do this."""
        return process in self.spec.suspended_processes or self.suspender(process) is not None

    def suspender(self, process: Process) -> str | None:
        """The name of the update that suspends it; None where none does."""
        return suspended_by(self.updates, self.status.update).get(process) if self.updates else None


@dataclass(slots=True)
class Census:
    """The instances by state, and what can be counted in the same scan.

    Capacity is what counts towards the desired size: all but those being removed. `unclear`: what their annotation says
    of protection is no boolean.
    """

    by_state: dict[State, list[Instance]]
    per_zone: Counter[str | None] = field(default_factory=Counter)
    per_revision: Counter[str] = field(default_factory=Counter)
    protected: int = 0
    unclear: list[Instance] = field(default_factory=list)
    capacity: int = 0
    largest_ordinal: int = -1
    next_change: datetime | None = None

    def count(self, *states: State) -> int:
        """How many instances are in one of these states."""
        return sum(len(self.by_state[state]) for state in states)

    def of(self, *states: State) -> list[Instance]:
        """The instances in one of these states."""
        return [instance for state in states for instance in self.by_state[state]]


def is_launching(activity: ActivityStatus, instance: Instance) -> bool:
    """Whether it is a launch of this activity that may still fail: it has not ended, or it did not see it scheduled."""
    ended, scheduled = activity.ended_at, instance.scheduled_at
    return (ended is None or scheduled is None or scheduled > ended) and is_own(activity, instance.ordinal)


def is_own(activity: ActivityStatus, ordinal: int) -> bool:
    """Whether the activity launched what bears this ordinal: it is from its first on, and was not skipped."""
    return ordinal >= activity.first_ordinal and not _holds(activity.skipped, ordinal)


def _holds(ranges: Sequence[OrdinalRange], ordinal: int) -> bool:
    """Whether one of these ranges holds it; they are in order, and thousands of instances may ask in one pass."""
    before = bisect_right(ranges, ordinal, key=attrgetter("first"))
    return before > 0 and ordinal < ranges[before - 1].first + ranges[before - 1].count


def has_served(
    activity: ActivityStatus, instance: Instance, patience: Patience, watched_since: datetime | None
) -> bool:
    """Whether a launch of this activity has been in service, as far as anybody knows.

    Without minReadySeconds that is to have been ready. With it the activity remembers who was. Beyond what it can
    remember, and of those that were scheduled while nobody may have looked, whoever was ready counts as one that was.
    """
    if not patience.min_ready:
        return instance.was_ready
    if instance.was_ready and watched_since is not None and (instance.scheduled_at or watched_since) < watched_since:
        return True
    if _holds(activity.arrived, instance.ordinal):
        return True
    full = len(activity.arrived) == MAX_NAMED_INSTANCES
    return full and instance.was_ready and instance.ordinal >= activity.arrived[-1].first


def may_fail(
    activity: ActivityStatus | None, instance: Instance, patience: Patience, watched_since: datetime | None
) -> bool:
    """Whether the instance counts as a launch that may fail still."""
    return (
        not instance.ready  # for those that are, it makes no difference
        and activity is not None
        and is_launching(activity, instance)
        and not has_served(activity, instance, patience, watched_since)
    )


def take_census(view: GroupView) -> Census:
    """Count the group's instances: the one linear scan of a pass."""
    patience, now, activity = Patience.of(view.spec), view.now, view.status.activity
    census = Census({state: [] for state in State})
    by_state, per_zone, per_revision = census.by_state, census.per_zone, census.per_revision
    for instance in view.instances:
        state, change = state_of(
            instance, patience, now, launching=may_fail(activity, instance, patience, view.watched_since)
        )
        by_state[state].append(instance)
        census.largest_ordinal = max(census.largest_ordinal, instance.ordinal)
        if state is not State.REMOVING:
            per_zone[instance.zone] += 1
            per_revision[instance.revision] += 1
            census.protected += instance.protected
            if instance.unclear_protection is not None:
                census.unclear.append(instance)
        if change is not None and (census.next_change is None or change < census.next_change):
            census.next_change = change
    census.capacity = len(view.instances) - len(by_state[State.REMOVING])
    for told in (*(by_state[state] for state in TOLD_BY_NAME), census.unclear):
        told.sort(key=attrgetter("ordinal"))
    return census
