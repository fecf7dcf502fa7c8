"""Removing: what failed, what sits in a failed zone, and what is too many."""

from collections.abc import Sequence
from dataclasses import replace

from windlass.api.processes import Process
from windlass.api.scaling_group import ActivityType
from windlass.planner.capacity.activities import (
    begun,
    join_or_begin,
    note_failures,
    shrink_cause,
)
from windlass.planner.capacity.instance import Instance, State
from windlass.planner.capacity.reasons import (
    InstanceLeaves,
    InstancesUnfit,
    LaunchFailed,
    OnlyProtectedLeft,
    RemovalsRefused,
    ZoneFailed,
    ZoneUnlisted,
)
from windlass.planner.capacity.reasons_admission import InstancesAltered
from windlass.planner.capacity.reasons_launches import EndedEarly, NeverSteady, TriesZone
from windlass.planner.capacity.records import add_leaving, add_removed
from windlass.planner.capacity.removal_order import RemovalRules, choose_leaving
from windlass.planner.capacity.situation import (
    Decision,
    Hold,
    Memory,
    Situation,
    process_suspended,
    replacing_suspended,
)
from windlass.planner.capacity.steps import Remove
from windlass.planner.capacity.zone_failure import to_move
from windlass.planner.plan import Event
from windlass.planner.reason import Reason, names

REMOVAL_BATCH = 1000  # a pass removes, or withdraws the removals of, at most so many
UNREADY = (State.FAILED, State.UNHEALTHY, State.NOT_READY, State.PENDING)
MOST_EVENTS = 10  # so many reasons for which instances leave get an event of their own in a pass


def remove_failed(s: Situation) -> Decision | Hold | None:
    """The rule: what did not come into service is removed, and tried again by a later activity."""
    failed = [i for i in s.census.of(State.FAILED) if not i.protected][:REMOVAL_BATCH]
    if not failed or s.shrinks:
        return None
    if s.launch_pause is not None:
        return Hold(InstancesAltered(s.launch_pause.problem, s.launch_pause.retry_at))
    if (suspended := replacing_suspended(s, len(failed), "failed, not replaced")) is not None:
        return suspended
    leaving = [(i, _why_failed(s, i)) for i in failed]
    decision = remove_unfit(s, leaving)
    if isinstance(decision, Hold) or not decision.steps:
        return decision
    memory = _count_failed(s, decision.memory, failed)
    memory = note_failures(s, memory, [i.ordinal for i in failed], _told(leaving[0][1]))
    return Decision(memory, decision.why, decision.steps, decision.events)


def _count_failed(s: Situation, memory: Memory, failed: Sequence[Instance]) -> Memory:
    """The memory whose rollout knows of its own launches that failed: each counts once, whatever crashes."""
    rollout, activity = memory.rollout, memory.activity
    if rollout is None or activity is None:
        return memory
    own = [i for i in failed if i.revision == rollout.target and i.ordinal >= rollout.first_ordinal]
    new = [i for i in own if i.ordinal not in activity.failed]
    return replace(memory, rollout=rollout.model_copy(update={"failed": rollout.failed + len(new)}))


def _why_failed(s: Situation, instance: Instance) -> Reason:
    timeout = s.spec.launch_timeout_seconds
    if instance.ended:
        why = EndedEarly if instance.was_ready and instance.ended_early else LaunchFailed
        return why(instance.problem or "its Pod has ended")
    if instance.was_ready:
        return NeverSteady(s.spec.min_ready_seconds, timeout, instance.problem or "it is not ready")
    return LaunchFailed(instance.problem or f"not in service in {timeout} s")


def _told(why: Reason) -> str:
    return why.problem if isinstance(why, LaunchFailed) else str(why)


def leave_failed_zones(s: Situation) -> Decision | Hold | None:
    """The rule: what cannot be scheduled in a failed zone is removed, and launched in another."""
    if not s.may_launch or s.shrinks:
        return None
    stuck = to_move(s.census, s.zones, s.zone_patience, s.missing)[:REMOVAL_BATCH]
    if not stuck:
        return None
    return remove_unfit(s, [(i, _why_moved(s, i)) for i in stuck])


def _why_moved(s: Situation, instance: Instance) -> Reason:
    zone = instance.zone or ""
    failed = s.zones.failed.get(zone)
    if failed is None:
        return ZoneUnlisted(zone, instance.problem or "it cannot be scheduled there")
    return TriesZone(zone, failed.reason) if s.zones.take_nobody else ZoneFailed(zone, failed.reason)


def removals_held_up(s: Situation) -> Hold | None:
    """Why nothing can be removed for now: what else there is to do goes on meanwhile."""
    pause = s.view.removal_pause
    if pause is None or pause.retry_at <= s.now:
        return None
    return Hold(RemovalsRefused(pause.failures, pause.retry_at, pause.message))


def remove_unfit(s: Situation, leaving: Sequence[tuple[Instance, Reason]]) -> Decision | Hold:
    """Remove instances that are no use, each for a reason of its own; whichever activity runs takes them along."""
    if (refused := removals_held_up(s)) is not None:
        return refused
    cause = InstancesUnfit(tuple(i.name for i, _ in leaving), str(leaving[0][1]))
    memory = join_or_begin(s, ActivityType.REPLACE, cause, any_type=True)
    if isinstance(memory, Decision):
        return memory
    steps = tuple(Remove(i.name, i.uid, i.resource_version, why) for i, why in leaving)
    memory = add_removed(memory, steps)
    return Decision(
        memory, InstanceLeaves(leaving[0][0].name, str(leaving[0][1])), steps, begun(s, memory) + _told_leaving(leaving)
    )


def _told_leaving(leaving: Sequence[tuple[Instance, Reason]]) -> tuple[Event, ...]:
    """One event for each reason, which names the first who leave for it and says how many they are."""
    alike: dict[str, list[str]] = {}
    for instance, why in leaving:
        alike.setdefault(str(why), []).append(instance.name)
    told = list(alike.items())
    events = [Event("Warning", InstanceLeaves(names(tuple(who)), why), apart=True) for why, who in told[:MOST_EVENTS]]
    if rest := tuple(name for _, who in told[MOST_EVENTS:] for name in who):
        events.append(Event("Warning", InstanceLeaves(names(rest), "each for a reason of its own"), apart=True))
    return tuple(events)


def removal_rules(s: Situation) -> RemovalRules:
    """What decides who leaves first."""
    return RemovalRules(
        s.spec.removal_policy,
        balanced=s.spec.zone_policy == "Balanced",
        added_at={revision.name: revision.added_at for revision in s.memory.revisions},
    )


def _above_floor(s: Situation) -> int:
    """How many may leave before too few are in service: what serves nobody goes first. Only a rollout has a floor."""
    if s.active_rollout is None:
        return s.surplus
    ready = s.census.by_state[State.IN_SERVICE]
    useless = sum(not i.protected for state, those in s.census.by_state.items() if state in UNREADY for i in those)
    return useless + max(0, len(ready) - s.active_rollout.budget.floor)


def shrink_to_desired(s: Situation) -> Decision | Hold | None:
    """The rule: remove what is too many, in the order of `removal_order`."""
    if not s.surplus:
        return None
    if s.suspended(Process.SCALE_IN):
        return Hold(process_suspended(s, Process.SCALE_IN, s.surplus, "too many, not removed"))
    if (refused := removals_held_up(s)) is not None:
        return refused
    count = min(s.surplus, REMOVAL_BATCH, _above_floor(s))
    if not count:
        return None  # the rollout waits, and says for what
    choices = choose_leaving(s.census, count, removal_rules(s))
    if not choices:
        return Hold(OnlyProtectedLeft(s.surplus))
    cause = shrink_cause(s)
    memory = join_or_begin(s, ActivityType.SCALE_IN, cause)
    if isinstance(memory, Decision):
        return memory
    memory = add_leaving(memory, (choice.instance for choice in choices))
    steps = tuple(Remove(c.instance.name, c.instance.uid, c.instance.resource_version, c.why) for c in choices)
    memory = add_removed(memory, steps)
    return Decision(memory, cause, steps, begun(s, memory))
