"""The rule that exchanges a group's instances: a refresh starts, goes on batch by batch, and is committed."""

from collections.abc import Iterable
from dataclasses import replace

from windlass.api.instance_refresh import KIND, DesiredConfiguration
from windlass.api.processes import Process
from windlass.api.rollout import FinishedRollout, RolloutStatus
from windlass.api.scaling_group import ActivityType
from windlass.api.task import Phase, Wanted
from windlass.planner.capacity.activities import begun, join_or_begin, still_to_launch
from windlass.planner.capacity.instance import Instance, State
from windlass.planner.capacity.launch import held_up, launch
from windlass.planner.capacity.records import add_removed
from windlass.planner.capacity.removal import REMOVAL_BATCH, removal_rules, removals_held_up
from windlass.planner.capacity.removal_order import choose_leaving
from windlass.planner.capacity.revisions import new_revision
from windlass.planner.capacity.situation import Decision, Hold, Situation
from windlass.planner.capacity.source import TEMPLATE, own_data, source_of
from windlass.planner.capacity.steps import Launch, Remove, SwitchSource, WriteConfiguration
from windlass.planner.digest import digest
from windlass.planner.plan import Event
from windlass.planner.reason import Reason
from windlass.planner.rollout.budget import Batch, finished
from windlass.planner.rollout.checkpoints import begin
from windlass.planner.rollout.desired import Data, is_own
from windlass.planner.rollout.line import next_refresh
from windlass.planner.rollout.reasons import (
    Committing,
    NewForRefresh,
    Outdated,
    RefreshBatch,
    RefreshEnded,
    RefreshStarts,
    Waits,
)
from windlass.planner.rollout.reasons_template import Switching
from windlass.planner.rollout.rollout import ALIVE, NOT_IN_SERVICE, Instances, Rollout, counted
from windlass.planner.rollout.waiting import why_waiting
from windlass.planner.tasks import FINAL, WELL


def exchange_instances(s: Situation) -> Decision | Hold | None:
    """The rule: instances are exchanged as an InstanceRefresh asks for."""
    rollout = s.rollout
    if rollout is None:
        return _start(s)
    if not rollout.active:
        return _close(s, rollout)
    if rollout.status.committing:
        return _commit(s, rollout)
    return _next_batch(s, rollout)


# ---- its beginning and its end


def _start(s: Situation) -> Decision | None:
    """The first in line starts, once what it desires is kept."""
    found = next_refresh(s.view) if s.memory.update is None else None
    if found is None:
        return None
    refresh, data = found
    if refresh.spec.state is not Wanted.RUNNING:
        return None
    kept = next((r for r in s.view.revisions if r.data == data and not r.removing), None)
    if kept is None:
        why = NewForRefresh(refresh.name)
        return Decision(s.memory, why, (new_revision(s.view, data, why, refresh.uid),))
    own = own_data(s.view)
    status = RolloutStatus(
        kind=KIND.kind,
        name=refresh.name,
        uid=refresh.uid,
        digest=refresh.digest,
        started_at=s.now,
        from_revision=_made_from(s, kept.name),
        to_revision=kept.name,
        own="" if own is None else digest(own),
        first_ordinal=s.memory.next_ordinal,
        progress_at=s.now,
        size=max(s.desired, s.census.count(*ALIVE)),
    )
    seen = counted(s.census, status.size if s.suspended(Process.SCALE_IN) else s.desired, status, refresh)
    reached = begin(refresh.spec.checkpoints, seen.total, seen.counts.new_ready).reached
    status = status.model_copy(update={"checkpoint": reached})
    starts = RefreshStarts(refresh.name, seen.counts.old, kept.name)
    return Decision(replace(s.memory, rollout=status), starts, events=(Event("Normal", starts),))


def _made_from(s: Situation, kept: str) -> str:
    """The revision that instances were made from so far: not the one that was `kept` for the refresh alone."""
    if s.revision is None or (s.revision.name == kept and not _is_own(s, kept)):
        return ""
    return s.revision.name


def _is_own(s: Situation, revision: str) -> bool:
    return s.view.status.current_revision == revision or own_data(s.view) == _data(s, revision)


def _data(s: Situation, revision: str) -> Data | None:
    return next((each.data for each in s.view.revisions if each.name == revision), None)


def _close(s: Situation, rollout: Rollout) -> Decision | None:
    """It is forgotten once its own status says how it ended; the end is told when it comes."""
    status, refresh = rollout.status, rollout.refresh
    outcome = Phase(status.outcome or Phase.FAILED)
    ends = RefreshEnded(status.name, outcome.value, status.message)
    if refresh is not None and refresh.status.phase not in FINAL:
        return None
    over = FinishedRollout(name=status.name, uid=status.uid, digest=status.digest, outcome=outcome.value)
    finished = (*s.memory.finished_rollouts, over)[-s.spec.history_limit :]
    told = Event("Normal" if outcome in WELL else "Warning", ends)
    return Decision(replace(s.memory, rollout=None, finished_rollouts=finished), ends, events=(told,))


# ---- its course


def _next_batch(s: Situation, rollout: Rollout) -> Decision | Hold:
    batch, name = rollout.batch, rollout.status.name
    leaving_held = removals_held_up(s)
    launching_held = held_up(s, batch.launch) if s.revision is not None else None
    due = min(batch.launch, still_to_launch(s, s.running)) if launching_held is None else 0
    # Whom nobody may take the place of stays.
    leaving = [] if leaving_held is not None else _leaving(s, rollout, batch, well=launching_held is None)
    if due <= 0 and not leaving:
        shrinks = not s.suspended(Process.SCALE_IN)
        if rollout.status.phase == Phase.ROLLING_BACK and finished(rollout.counts, rollout.budget, shrinks=shrinks):
            return Decision(s.memory, Waits(name, str(why_waiting(rollout))))  # turned back with nothing to undo
        return launching_held or leaving_held or Hold(Waits(name, str(why_waiting(rollout))))
    total, updated = rollout.total, rollout.counts.new_ready
    cause = RefreshBatch(name, max(0, due), len(leaving), updated, total)
    memory = join_or_begin(s, ActivityType.REPLACE, cause, any_type=due <= 0)
    if isinstance(memory, Decision):
        return memory
    steps: tuple[Launch, ...] = ()
    if due > 0 and s.revision is not None:
        memory, steps = launch(s, memory, due, s.revision.name)
    removals = tuple(Remove(i.name, i.uid, i.resource_version, why) for i, why in leaving)
    memory = add_removed(memory, removals)
    return Decision(memory, cause, (*steps, *removals), (*begun(s, memory), Event("Normal", cause)))


def _leaving(s: Situation, rollout: Rollout, batch: Batch, *, well: bool) -> list[tuple[Instance, Reason]]:
    """Who leaves, and why: first those that never served, then the sick, then the others, by the group's policy."""
    name, old = rollout.status.name, rollout.old
    never = [i for i in old[State.PENDING] if i.never_ready][: batch.never_ready]
    spared = {i.uid for i in never}
    sick = _chosen(s, {state: [i for i in old[state] if i.uid not in spared] for state in NOT_IN_SERVICE}, batch.sick)
    ready = _chosen(s, {State.IN_SERVICE: old[State.IN_SERVICE]}, batch.well if well else 0)
    found: list[tuple[Instance, Reason]] = [(i, Outdated(name, "it was never in service")) for i in never]
    found += [(i, Outdated(name, str(why))) for i, why in (*sick, *ready)]
    return found[:REMOVAL_BATCH]


def _chosen(s: Situation, among: Instances, count: int) -> Iterable[tuple[Instance, Reason]]:
    if not count:
        return ()
    census = replace(s.census, by_state={state: list(among.get(state, ())) for state in State})
    return ((choice.instance, choice.why) for choice in choose_leaving(census, count, removal_rules(s)))


def _commit(s: Situation, rollout: Rollout) -> Decision | None:
    """What the instances are made from becomes the group's own: the configuration is written, or another one named.

    Where it is already, there is nothing to write: the next pass sees that.
    """
    target = _data(s, rollout.status.to_revision)
    if target is None:
        return None
    desired = rollout.refresh.spec.desired_configuration if rollout.refresh is not None else None
    step = _commit_step(s, rollout, desired, target)
    return Decision(s.memory, step.why, () if is_own(s.view, desired, target) else (step,))


def _commit_step(
    s: Situation, rollout: Rollout, desired: DesiredConfiguration | None, target: Data
) -> WriteConfiguration | SwitchSource:
    own, name = own_data(s.view), str(target["source"]["name"])
    if desired is not None and (asked := desired.launch_template) is not None:
        switching = Switching(rollout.status.name, f"{TEMPLATE} {asked.name}:{asked.version}")
        return SwitchSource(asked.name, switching, asked.version)
    why = Committing(rollout.status.name, source_of(target))
    there = own["configuration"] if own is not None and own["source"] == target["source"] else None
    there = s.view.sources.configurations.get(name) if there is None else there
    if there is not None and there != target["configuration"]:
        return WriteConfiguration(name, there, target["configuration"], why)
    return SwitchSource(name, why)
