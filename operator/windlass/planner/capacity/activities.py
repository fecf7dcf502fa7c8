"""Activities: when one begins, what joins it, when it ends and what is recorded of it.

One runs at a time. Launches join a running ScaleOut or Replace, removals of surplus join a running ScaleIn; where what
is to be done does not fit the one that runs, that one ends first. Its beginning is written to the status before it
acts, its end is written before the record is closed, and a new one begins only when the record of the last is closed:
so a crash between any two writes loses neither.
"""

from collections.abc import Iterable
from dataclasses import replace
from datetime import timedelta

from windlass.api.scaling_activity import FINAL_PHASES, ScalingActivityStatus
from windlass.api.scaling_group import (
    MAX_NAMED_INSTANCES,
    ActivityResult,
    ActivityStatus,
    ActivityType,
    LaunchBackoff,
    Process,
)
from windlass.planner.backoff import doubling
from windlass.planner.capacity.instance import Instance, State
from windlass.planner.capacity.reasons import (
    ActivityFailed,
    ActivityStarted,
    ActivitySuccessful,
    ActivityWarning,
    DesiredChanged,
    InstancesLost,
    RecordingActivity,
    SizeDiffers,
    TryingAgain,
)
from windlass.planner.capacity.situation import Decision, Memory, Situation
from windlass.planner.plan import Event, Record
from windlass.planner.reason import Reason, counted

FIRST_PAUSE = timedelta(seconds=30)
LONGEST_PAUSE = timedelta(minutes=10)
RECORD_PATIENCE = timedelta(minutes=10)  # a record that is missing for longer was deleted by somebody
STALLED_AFTER = 5  # failed tries in a row
LAUNCHING = frozenset({ActivityType.SCALE_OUT, ActivityType.REPLACE})
EVENT = {
    ActivityResult.SUCCESSFUL: ("Normal", ActivitySuccessful),
    ActivityResult.WARNING: ("Warning", ActivityWarning),
    ActivityResult.FAILED: ("Warning", ActivityFailed),
}


# ---- beginning


def join_or_begin(s: Situation, type_: ActivityType, cause: Reason, *, any_type: bool = False) -> Memory | Decision:
    """The memory with an activity that this work belongs to, or what must be done first.

    `any_type`: the work joins whatever runs (removing what failed does), and begins `type_` where nothing does.
    """
    running = s.running
    if running is not None:
        fits = any_type or running.type is type_ or (running.type in LAUNCHING and type_ in LAUNCHING)
        return s.memory if fits else end(s, running)
    last = s.memory.activity
    if last is not None and not recorded(s):
        return Decision(s.memory, RecordingActivity(last.name))
    return _begin(s, type_, cause)


def _begin(s: Situation, type_: ActivityType, cause: Reason) -> Memory:
    activity = ActivityStatus(
        name=f"{s.view.name}-a{s.memory.next_activity}",
        type=type_,
        cause=str(cause)[:1024],
        started_at=s.now,
        from_=s.census.capacity,
        to=s.desired,
        first_ordinal=s.memory.next_ordinal,
    )
    return replace(s.memory, activity=activity, next_activity=s.memory.next_activity + 1)


def begun(s: Situation, memory: Memory) -> tuple[Event, ...]:
    """The event that tells of a beginning, if this pass begins an activity."""
    new, old = memory.activity, s.memory.activity
    if new is None or (old is not None and new.name == old.name):
        return ()
    return (Event("Normal", ActivityStarted(new.name, new.type, new.cause)),)


def launch_cause(s: Situation) -> tuple[ActivityType, Reason]:
    """What kind of activity a launch begins, and why."""
    last = s.memory.activity
    before = last.to if last else 0
    if s.desired != before:
        return ActivityType.SCALE_OUT, DesiredChanged(before, s.desired)
    backoff = s.memory.backoff
    if backoff is not None:
        type_ = last.type if last and last.type in LAUNCHING else ActivityType.REPLACE
        return type_, TryingAgain(backoff.failures, backoff.reason)
    if last is not None and last.result is ActivityResult.SUCCESSFUL:
        return ActivityType.REPLACE, InstancesLost(s.missing, s.desired)
    return ActivityType.SCALE_OUT, SizeDiffers(s.census.capacity, s.desired)


def shrink_cause(s: Situation) -> Reason:
    """Why the group shrinks."""
    before = s.memory.activity.to if s.memory.activity else s.census.capacity
    return DesiredChanged(before, s.desired) if s.desired != before else SizeDiffers(s.census.capacity, s.desired)


# ---- ending


def end_activity(s: Situation) -> Decision | None:
    """The rule: an activity ends when each of its launches arrived, failed or was cancelled, and who leaves is gone."""
    running = s.running
    if running is None:
        return None
    over = _launches_over(s, running) if running.type in LAUNCHING else _removals_over(s)
    return end(s, running) if over else None


def _launches_over(s: Situation, activity: ActivityStatus) -> bool:
    if s.surplus:
        return True
    if any(i.ordinal >= activity.first_ordinal for i in s.census.of(State.PENDING)):
        return False
    if any(not i.protected and i.ordinal >= activity.first_ordinal for i in s.census.of(State.FAILED)):
        return False
    return not (s.may_launch and s.backing_off is None and still_to_launch(s, activity) > 0)


def _removals_over(s: Situation) -> bool:
    if s.missing:
        return True
    if s.census.by_state[State.REMOVING]:
        return False
    may_shrink = not s.suspended(Process.SCALE_IN) and s.census.capacity > s.census.protected
    return not (s.surplus and may_shrink)


def still_to_launch(s: Situation, activity: ActivityStatus | None) -> int:
    """How many launches are due now: those that failed in this activity are left to a later one."""
    return s.missing - (len(activity.failed) if activity else 0)


def end(s: Situation, activity: ActivityStatus) -> Decision:
    """Write down that it ended, and how; the record is closed beside it."""
    launched = s.memory.next_ordinal - activity.first_ordinal
    arrived = sum(
        i.ordinal >= activity.first_ordinal for i in s.census.of(State.IN_SERVICE, State.NOT_READY, State.UNHEALTHY)
    )
    result = _result(s, activity, arrived)
    description = _description(s, activity, launched, arrived)
    memory = s.memory.with_activity(
        ended_at=s.now,
        result=result,
        description=description,
        launched=launched,
        launching=None,
        capacity_after=s.census.capacity,
    )
    kind, reason = EVENT[result]
    why = reason(activity.name, activity.type.value, description)
    event = Event("Normal" if kind == "Normal" else "Warning", why)
    return Decision(replace(memory, backoff=_backoff_after(s, activity, arrived)), why, events=(event,))


def _result(s: Situation, activity: ActivityStatus, arrived: int) -> ActivityResult:
    if activity.type not in LAUNCHING:
        return ActivityResult.WARNING if s.surplus else ActivityResult.SUCCESSFUL
    cancelled = s.surplus > 0 and any(i.ordinal >= activity.first_ordinal for i in s.census.of(State.PENDING))
    if not activity.failed and not s.missing and not cancelled:
        return ActivityResult.SUCCESSFUL
    return ActivityResult.WARNING if arrived or cancelled else ActivityResult.FAILED


def _description(s: Situation, activity: ActivityStatus, launched: int, arrived: int) -> str:
    if activity.type not in LAUNCHING:
        gone = max(0, activity.from_ - s.census.capacity)
        return f"removed {counted(gone, 'instance')}; {s.census.capacity} remain"
    parts = [f"launched {counted(launched, 'instance')}", f"{arrived} in service"]
    if activity.failed:
        parts.append(f"{len(activity.failed)} failed")
    if s.missing > len(activity.failed):
        parts.append(f"{s.missing - len(activity.failed)} not launched")
    return ", ".join(parts)


def _backoff_after(s: Situation, activity: ActivityStatus, arrived: int) -> LaunchBackoff | None:
    backoff = s.memory.backoff
    if backoff is None or activity.type not in LAUNCHING or not arrived:
        return backoff
    return backoff.model_copy(update={"failures": 1}) if activity.failed else None


def note_failures(s: Situation, memory: Memory, ordinals: Iterable[int], problem: str) -> Memory:
    """The memory that knows of failed launches: the activity's list, and when to try again.

    Absolute values, so that a repeat after a crash changes nothing.
    """
    activity = memory.activity
    first_failure = activity is None or not activity.failed
    if activity is not None:
        own = {ordinal for ordinal in ordinals if ordinal >= activity.first_ordinal}
        failed = tuple(sorted(own.union(activity.failed)))[:MAX_NAMED_INSTANCES]
        memory = memory.with_activity(failed=failed)
    failures = (memory.backoff.failures if memory.backoff else 0) + (1 if first_failure else 0)
    failures = max(1, failures)
    backoff = LaunchBackoff(
        failures=failures,
        retry_at=s.now + pause(failures),
        reason=problem[:1024],
        revision=s.revision.name if s.revision else "",
        generation=s.view.generation,
    )
    return replace(memory, backoff=backoff)


def pause(failures: int) -> timedelta:
    """How long to wait after so many failed activities in a row (1 or more): 30 s, doubling to 10 min."""
    return doubling(FIRST_PAUSE, failures, LONGEST_PAUSE)


# ---- the record


def recorded(s: Situation) -> bool:
    """Whether the record of the last activity is closed (or cannot be written: that holds nothing up)."""
    activity, record = s.memory.activity, s.view.record
    if record is not None:
        return record.phase in FINAL_PHASES or s.view.record_refused
    long_ago = activity is None or (activity.ended_at is not None and s.now >= activity.ended_at + RECORD_PATIENCE)
    return long_ago or s.view.record_refused


def bookkeeping(s: Situation, memory: Memory) -> tuple[Record, ...]:
    """The step that makes the record say what the memory says, if it does not."""
    activity = memory.activity
    if activity is None or s.view.record_refused:
        return ()
    if activity.ended_at is not None and s.now >= activity.ended_at + RECORD_PATIENCE:
        return ()
    same = s.memory.activity is not None and s.memory.activity.name == activity.name
    record = s.view.record if same else None
    if record is not None and (activity.result is None or record.phase in FINAL_PHASES):
        return ()
    wanted = record_of(activity, s.view.name, memory.next_ordinal)
    return (Record(activity.name, wanted, record is not None, RecordingActivity(activity.name)),)


def record_of(activity: ActivityStatus, group: str, next_ordinal: int) -> ScalingActivityStatus:
    """What the record says of an activity."""
    launches = activity.type in LAUNCHING
    launched = next_ordinal - activity.first_ordinal if activity.launched is None else activity.launched
    own = range(activity.first_ordinal, activity.first_ordinal + launched)
    named = tuple(f"{group}-{n}" for n in own[:MAX_NAMED_INSTANCES]) if launches else activity.leaving
    wanted = abs(activity.to - activity.from_)
    return ScalingActivityStatus(
        phase="InProgress" if activity.result is None else activity.result.value,
        type=activity.type,
        cause=activity.cause,
        description=activity.description or "",
        start_time=activity.started_at,
        completion_time=activity.ended_at,
        expected=max(wanted, launched) if launches else wanted,
        instances=named,
        instance_count=launched if launches else max(len(named), wanted),
        capacity_after=activity.capacity_after,
    )


def add_leaving(memory: Memory, instances: Iterable[Instance]) -> Memory:
    """The memory that names who leaves (the first hundred), once each."""
    activity = memory.activity
    if activity is None:
        return memory
    named = dict.fromkeys(activity.leaving)
    named.update(dict.fromkeys(i.name for i in instances))
    return memory.with_activity(leaving=tuple(named)[:MAX_NAMED_INSTANCES])
