"""The record of an activity: a ScalingActivity that says what the group's status says of it."""

from collections.abc import Collection, Iterable
from datetime import timedelta

from windlass.api.scaling_activity import FINAL_PHASES, ScalingActivityStatus
from windlass.api.scaling_group import MAX_NAMED_INSTANCES, ActivityStatus, RemovedInstances
from windlass.planner.capacity.instance import Instance
from windlass.planner.capacity.ordinals import launched_by, launches_in_doubt
from windlass.planner.capacity.reasons import RecordingActivity
from windlass.planner.capacity.situation import LAUNCHING, Memory, Situation
from windlass.planner.capacity.steps import Record, Remove

LONGEST_WHY = 300  # characters
PATIENCE = timedelta(minutes=10)  # a record that is missing for longer was deleted by somebody


def recorded(s: Situation) -> bool:
    """Whether the record of the last activity is closed (or cannot be written: that holds nothing up)."""
    activity, record = s.memory.activity, s.view.record
    if activity is None or s.view.record_refused:
        return True
    return _long_over(s, activity) if record is None else record.phase in FINAL_PHASES


def _long_over(s: Situation, activity: ActivityStatus) -> bool:
    return activity.ended_at is not None and s.now >= activity.ended_at + PATIENCE


def bookkeeping(s: Situation, memory: Memory) -> tuple[Record, ...]:
    """The step that makes the record say what the memory says, if it does not."""
    activity = memory.activity
    if activity is None or s.view.record_refused:
        return ()
    same = s.memory.activity is not None and s.memory.activity.name == activity.name
    record = s.view.record if same else None
    if record is None and _long_over(s, activity):
        return ()
    if record is not None and (activity.result is None or record.phase in FINAL_PHASES):
        return ()
    doubtful = launches_in_doubt(s.view, activity) if activity.ended_at is not None else ()
    wanted = record_of(activity, s.view.name, memory.next_ordinal, doubtful)
    return (Record(activity.name, wanted, record is not None, RecordingActivity(activity.name)),)


def record_of(
    activity: ActivityStatus, group: str, next_ordinal: int, doubtful: Collection[int] = ()
) -> ScalingActivityStatus:
    """What the record says of an activity. `doubtful`: ordinals that it reserved and did not launch."""
    launches = activity.type in LAUNCHING
    own = launched_by(activity, next_ordinal, doubtful)
    launched = own.count if activity.launched is None else activity.launched
    named = (
        tuple(f"{group}-{n}" for n in own.first(min(launched, MAX_NAMED_INSTANCES))) if launches else activity.leaving
    )
    wanted = abs(activity.to - activity.from_)
    removed = len(named) if len(named) < MAX_NAMED_INSTANCES else max(wanted, MAX_NAMED_INSTANCES)
    return ScalingActivityStatus(
        phase="InProgress" if activity.result is None else activity.result.value,
        type=activity.type,
        cause=activity.cause,
        description=activity.description or "",
        start_time=activity.started_at,
        completion_time=activity.ended_at,
        expected=max(wanted, launched) if launches else wanted,
        instances=named,
        removed=activity.removed,
        instance_count=launched if launches else removed,
        capacity_after=activity.capacity_after,
    )


def add_leaving(memory: Memory, instances: Iterable[Instance]) -> Memory:
    """The memory that names who leaves (the first hundred), once each."""
    named = dict.fromkeys(memory.known_activity.leaving)
    named.update(dict.fromkeys(i.name for i in instances))
    return memory.with_activity(leaving=tuple(named)[:MAX_NAMED_INSTANCES])


def add_removed(memory: Memory, removals: Iterable[Remove]) -> Memory:
    """The memory that names whom the activity removes and why: the first hundred, once each, those alike together."""
    reasons = {part.because: list(part.instances) for part in memory.known_activity.removed}
    named = {name for names in reasons.values() for name in names}
    for removal in removals:
        if len(named) == MAX_NAMED_INSTANCES:
            break
        if removal.name not in named:
            named.add(removal.name)
            reasons.setdefault(str(removal.why)[:LONGEST_WHY], []).append(removal.name)
    parts = (RemovedInstances(because=why, instances=tuple(names)) for why, names in reasons.items())
    return memory.with_activity(removed=tuple(parts))
