"""Activities: when one begins, what joins it, when it ends and what is recorded of it.

One runs at a time. Launches join a running ScaleOut or Replace, removals of surplus join a running ScaleIn; where what
is to be done does not fit the one that runs, that one ends first. Its beginning is written to the status before it
acts, its end is written before the record is closed, and a new one begins only when the record of the last is closed:
so a crash between any two writes loses neither.
"""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta

from windlass.api.scaling_group import (
    MAX_NAMED_INSTANCES,
    ActivityResult,
    ActivityStatus,
    ActivityType,
    LaunchBackoff,
)
from windlass.planner.backoff import doubling
from windlass.planner.capacity.instance import Instance, State
from windlass.planner.capacity.ordinals import as_ranges, launched_by, launches_in_doubt, reserved_by
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
from windlass.planner.capacity.records import recorded
from windlass.planner.capacity.situation import LAUNCHING, Decision, Memory, Situation
from windlass.planner.capacity.view import is_own
from windlass.planner.plan import Event
from windlass.planner.reason import Reason, counted, names

FIRST_PAUSE = timedelta(seconds=30)
LONGEST_PAUSE = timedelta(minutes=10)
LEAVING_PATIENCE = timedelta(minutes=10)
STALLED_AFTER = 5  # failed tries in a row
ARRIVED = (State.IN_SERVICE, State.NOT_READY, State.UNHEALTHY)
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
    """A new activity. What its predecessor left in doubt is its own: those names are tried before any new ones."""
    last = s.memory.activity
    reserved = last.launching if last else None
    doubtful = frozenset(launches_in_doubt(s.view, last))
    used = [ordinal for ordinal in reserved_by(last) if ordinal not in doubtful]
    activity = ActivityStatus(
        name=f"{s.view.name}-a{s.memory.next_activity}",
        type=type_,
        cause=str(cause)[:1024],
        started_at=s.now,
        from_=s.census.capacity,
        to=s.desired,
        first_ordinal=reserved.first if reserved else s.memory.next_ordinal,
        launching=reserved,
        skipped=as_ranges(used),
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
    if s.desired > before:
        return ActivityType.SCALE_OUT, DesiredChanged(before, s.desired)
    succeeded = last is not None and last.type in LAUNCHING and last.result is ActivityResult.SUCCESSFUL
    backoff = s.memory.backoff
    if backoff is not None and not succeeded:
        type_ = last.type if last and last.type in LAUNCHING else ActivityType.REPLACE
        return type_, TryingAgain(backoff.failures, backoff.reason)
    if last is not None and last.result is ActivityResult.SUCCESSFUL:
        return ActivityType.REPLACE, InstancesLost(s.missing, s.desired)
    return ActivityType.SCALE_OUT, SizeDiffers(s.census.capacity, s.desired)


def shrink_cause(s: Situation) -> Reason:
    """Why the group shrinks."""
    before = s.memory.activity.to if s.memory.activity else s.census.capacity
    return DesiredChanged(before, s.desired) if s.desired < before else SizeDiffers(s.census.capacity, s.desired)


def retarget(s: Situation) -> Memory:
    """The memory whose running activity works towards the size that is desired now, if that is its kind of work."""
    running = s.running
    if running is None or running.to == s.desired or (s.surplus if running.type in LAUNCHING else s.missing):
        return s.memory
    return s.memory.with_activity(to=s.desired)


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
    if _waits_for_own(s, activity):
        return False
    if s.replaces_failed and any(not i.protected for i in _own(s, activity, State.FAILED)):
        return False
    return not (s.may_launch and s.backing_off is None and still_to_launch(s, activity) > 0)


def _waits_for_own(s: Situation, activity: ActivityStatus) -> bool:
    """Whether launches are on their way.

    Those that are not scheduled have no time limit: they do not hold up the next try of those that failed.
    """
    own = _own(s, activity, State.PENDING)
    try_again = bool(activity.failed) and s.backing_off is None
    return any(i.scheduled_at is not None or not try_again for i in own)


def _own(s: Situation, activity: ActivityStatus, *states: State) -> list[Instance]:
    return [i for i in s.census.of(*states) if is_own(activity, i.ordinal)]


def _removals_over(s: Situation) -> bool:
    if s.missing:
        return True
    patience_ends = leaving_until(s)
    if patience_ends is not None and patience_ends > s.now:
        return False
    return not (s.shrinks and s.census.capacity > s.census.protected)


def leaving_until(s: Situation) -> datetime | None:
    """Until when a removal waits for those that are on their way out: one on a dead node may never go."""
    running = s.running
    if running is None or running.type in LAUNCHING or not s.census.by_state[State.REMOVING]:
        return None
    return running.started_at + LEAVING_PATIENCE


def still_to_launch(s: Situation, activity: ActivityStatus | None) -> int:
    """How many launches are due now: those that failed in this activity are left to a later one."""
    failed = len(activity.failed) if activity else 0
    return s.to_launch - failed if failed < MAX_NAMED_INSTANCES else 0


def end(s: Situation, activity: ActivityStatus) -> Decision:
    """Write down that it ended, and how; the record is closed beside it."""
    launched = launched_by(activity, s.memory.next_ordinal, launches_in_doubt(s.view, activity)).count
    arrived = len(_own(s, activity, *ARRIVED))
    result = _result(s, activity, arrived)
    description = _description(s, activity, launched, arrived)
    memory = s.memory.with_activity(
        ended_at=s.now,
        result=result,
        description=description,
        launched=launched,
        capacity_after=s.census.capacity,
    )
    kind, reason = EVENT[result]
    why = reason(activity.name, activity.type.value, description)
    event = Event("Normal" if kind == "Normal" else "Warning", why)
    return Decision(replace(memory, backoff=backoff_after(s, activity)), why, events=(event,))


def _result(s: Situation, activity: ActivityStatus, arrived: int) -> ActivityResult:
    if activity.type not in LAUNCHING:
        incomplete = s.surplus or (s.census.by_state[State.REMOVING] and not s.missing)
        return ActivityResult.WARNING if incomplete else ActivityResult.SUCCESSFUL
    cancelled = s.surplus > 0 and bool(_own(s, activity, State.PENDING))
    if not activity.failed and not s.missing and not cancelled:
        return ActivityResult.SUCCESSFUL
    return ActivityResult.WARNING if arrived or cancelled else ActivityResult.FAILED


def _description(s: Situation, activity: ActivityStatus, launched: int, arrived: int) -> str:
    if activity.type not in LAUNCHING:
        gone = max(0, activity.from_ - s.census.capacity)
        stuck = tuple(i.name for i in s.census.of(State.REMOVING))
        waits = f"; still on the way out: {names(stuck)}" if stuck else ""
        return f"removed {counted(gone, 'instance')}; {s.census.capacity} left{waits}"
    parts = [f"launched {counted(launched, 'instance')}", f"{arrived} in service"]
    parts += _failures(s, activity)
    if deleted := _deleted(s, activity, launched):
        parts.append(f"{deleted} deleted")
    if on_the_way := len(_own(s, activity, State.PENDING)):
        parts.append(f"{on_the_way} on the way")
    if s.missing > len(activity.failed):
        parts.append(f"{s.missing - len(activity.failed)} not launched")
    return ", ".join(parts)


def _failures(s: Situation, activity: ActivityStatus) -> Iterator[str]:
    """What failed, told so that it adds up: in service and failed are of those launched, refused are not."""
    doubtful = launches_in_doubt(s.view, activity)
    arrived = {i.ordinal for i in _own(s, activity, *ARRIVED)}
    own = [n for n in activity.failed if is_own(activity, n)]
    refused = sum(n in doubtful for n in own)
    failed = sum(n not in doubtful and n not in arrived for n in own)
    if failed:
        yield f"{failed} failed"
    if refused:
        yield f"{refused} refused"
    if earlier := len(activity.failed) - len(own):
        yield f"{earlier} launched earlier failed"


def _deleted(s: Situation, activity: ActivityStatus, launched: int) -> int:
    """How many of the launches left without having failed: their zone failed, or somebody deleted them.

    0 where more failed than are named: who left is not known then.
    """
    if len(activity.failed) >= MAX_NAMED_INSTANCES:
        return 0
    doubtful = launches_in_doubt(s.view, activity)
    here = {i.ordinal for i in s.view.instances if not i.removing and is_own(activity, i.ordinal)}
    failed = {n for n in activity.failed if n not in doubtful and is_own(activity, n)}
    return max(0, launched - len(here | failed))


def backoff_after(s: Situation, activity: ActivityStatus) -> LaunchBackoff | None:
    """What is still known of failures once a launch of this activity has lived for a minute: only its own."""
    backoff = s.memory.backoff
    if backoff is None or activity.type not in LAUNCHING or activity.result is ActivityResult.FAILED:
        return backoff
    if all(i.trusted_at > s.now for i in _own(s, activity, *ARRIVED)):
        return backoff
    return backoff.model_copy(update={"failures": 1}) if activity.failed else None


def next_trust(s: Situation) -> datetime | None:
    """When the next of those in service will have lived for a minute, while failures are remembered until then."""
    if s.memory.backoff is None:
        return None
    return min((i.trusted_at for i in s.census.of(*ARRIVED) if i.trusted_at > s.now), default=None)


def still_tries(s: Situation) -> bool:
    """Whether launches that failed are still to be made up for: also those of a task, whose old instances stay."""
    failed = any(not i.protected for i in s.census.of(State.FAILED))
    return bool(s.missing or s.to_launch or s.census.by_state[State.PENDING] or failed)


def note_failures(s: Situation, memory: Memory, ordinals: Iterable[int], problem: str) -> Memory:
    """The memory that knows of failed launches: the activity's list, and when to try again.

    What fails while the next try is waited for belongs to the last one, and what fails in one activity counts once:
    so a repeat after a crash counts nothing twice.
    """
    activity, backoff = memory.activity, memory.backoff
    counted_before = activity is not None and bool(activity.failed)
    if activity is not None:
        failed = tuple(sorted({*activity.failed, *ordinals}))[:MAX_NAMED_INSTANCES]
        memory = memory.with_activity(failed=failed)
    if s.backing_off is not None:
        return memory
    failures = max(1, (backoff.failures if backoff else 0) + (not counted_before))
    return replace(
        memory,
        backoff=LaunchBackoff(
            failures=failures,
            retry_at=s.now + pause(failures),
            reason=problem[:1024],
            revision=s.revision.name if s.revision else "",
            generation=s.view.generation,
        ),
    )


def pause(failures: int) -> timedelta:
    """How long to wait after so many failed activities in a row (1 or more): 30 s, doubling to 10 min."""
    return doubling(FIRST_PAUSE, failures, LONGEST_PAUSE)
