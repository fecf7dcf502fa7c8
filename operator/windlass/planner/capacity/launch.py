"""Growing: which instances are created, and under which names.

Names are counted: an ordinal is reserved in the status before its instance is created and is never given to another.
What was reserved and is not known to exist is in doubt: it is created again under the same name, before any new one, in
whichever activity comes next. So a request that was lost, or that arrives late, cannot make one instance too many.

A name can be created twice in two cases. Its instance vanished before any pass had seen it, and the process that had
created it is gone or never got an answer. Or its instance was seen and vanished while names on both sides of its own
were in doubt, and the process that had seen it is gone: what is in doubt is written down as one range, so those between
are in doubt again. Nobody can tell either from a request that never arrived.
"""

from collections import Counter
from dataclasses import replace
from datetime import datetime

from windlass.api.processes import Process
from windlass.api.scaling_group import MAX_NAMED_INSTANCES
from windlass.planner.capacity.activities import begun, join_or_begin, launch_cause, note_failures, still_to_launch
from windlass.planner.capacity.instance import State
from windlass.planner.capacity.ordinals import as_range, launches_in_doubt, merged
from windlass.planner.capacity.placement import place
from windlass.planner.capacity.reasons import LaunchesFail, SizeDiffers
from windlass.planner.capacity.reasons_admission import InstancesAltered
from windlass.planner.capacity.situation import Decision, Hold, Memory, Situation, process_suspended
from windlass.planner.capacity.steps import Launch

LAUNCH_BATCH = 1000  # a pass creates at most so many: one more status write a second, and changes are heard between


def grow_to_desired(s: Situation) -> Decision | Hold | None:
    """The rule: create what is missing."""
    if not s.missing or s.revision is None or s.active_rollout is not None:
        return None
    if (held := held_up(s, s.missing)) is not None:
        return held
    due = still_to_launch(s, s.running)
    if due <= 0:
        return None
    type_, cause = launch_cause(s)
    memory = join_or_begin(s, type_, cause)
    if isinstance(memory, Decision):
        return memory
    memory, steps = launch(s, memory, due, s.revision.name)
    cause = launch_cause(s)[1] if s.running is None else SizeDiffers(s.census.capacity, s.desired)
    return Decision(memory, cause, steps, begun(s, memory))


def held_up(s: Situation, count: int) -> Hold | None:
    """Why so many may not be launched now, if something is in the way."""
    if s.suspended(Process.SCALE_OUT):
        return Hold(process_suspended(s, Process.SCALE_OUT, count, "missing, not launched"))
    if s.launch_pause is not None:
        return Hold(InstancesAltered(s.launch_pause.problem, s.launch_pause.retry_at))
    backoff = s.backing_off
    return Hold(LaunchesFail(backoff.failures, backoff.retry_at, backoff.reason)) if backoff is not None else None


def launch(s: Situation, memory: Memory, count: int, revision: str) -> tuple[Memory, tuple[Launch, ...]]:
    """Launch what is in doubt or, where nothing is, new ordinals: together they would put those between in doubt.

    At most LAUNCH_BATCH of them. The memory must have a running activity.
    """
    count = min(count, LAUNCH_BATCH)
    doubtful = launches_in_doubt(s.view, memory.activity)
    ordinals = doubtful[:count] or list(range(memory.next_ordinal, memory.next_ordinal + count))
    trying = frozenset(i.zone for i in s.census.of(State.PENDING) if i.zone and s.zones.on_trial(i.zone))
    # Those that are exchanged leave, whichever zone they are in: the balance is that of those that stay.
    leaving = Counter[str | None]() if s.active_rollout is None else s.active_rollout.old_per_zone
    places = place(len(ordinals), s.spec.zone_policy, s.zones, s.census.per_zone - leaving, trying)
    steps = tuple(
        Launch(f"{s.view.name}-{ordinal}", ordinal, pool, revision, why)
        for ordinal, (pool, why) in zip(ordinals, places, strict=True)
    )
    memory = replace(memory, next_ordinal=max(memory.next_ordinal, ordinals[-1] + 1))
    return memory.with_activity(launching=as_range(doubtful or ordinals)), steps


def settle(s: Situation) -> Memory:
    """The memory after hearing what became of the launches of the last pass.

    Ordinals that are known to be used leave the range that is in doubt: a process that starts later must not use them.
    """
    memory = s.memory
    if s.view.refusals:
        refused = [refusal.ordinal for refusal in s.view.refusals]
        memory = note_failures(s, memory, refused, s.view.refusals[0].message)
    if memory.activity is None or memory.activity.launching is None:
        return memory
    left = as_range(launches_in_doubt(s.view, memory.activity))
    memory = memory if left == memory.activity.launching else memory.with_activity(launching=left)
    return _skip_taken(s, memory)


def _skip_taken(s: Situation, memory: Memory) -> Memory:
    """The memory that knows which names the activity cannot have, because Pods that are not the group's bear them."""
    if s.running is None or not s.view.taken:
        return memory
    taken = {ordinal for ordinal in s.view.taken if ordinal >= s.running.first_ordinal}
    return memory.with_activity(skipped=merged(s.running.skipped, taken)[:MAX_NAMED_INSTANCES])


def next_try(s: Situation) -> datetime | None:
    """When failed launches may be tried again."""
    return s.backing_off.retry_at if s.backing_off and s.to_launch else None
