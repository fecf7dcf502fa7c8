"""What brings a scaling group to its desired size: the rules, in their order, and the plan that they make."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

from windlass.planner.capacity.activities import (
    backoff_after,
    end_activity,
    leaving_until,
    next_trust,
    retarget,
    still_tries,
)
from windlass.planner.capacity.adoption import adopt_orphans
from windlass.planner.capacity.first_service import know_arrived
from windlass.planner.capacity.hanging import replace_hanging
from windlass.planner.capacity.health import next_room, replace_unhealthy
from windlass.planner.capacity.launch import grow_to_desired, next_try, settle
from windlass.planner.capacity.reasons import DesiredUnset, HistoryFull
from windlass.planner.capacity.records import bookkeeping
from windlass.planner.capacity.removal import leave_failed_zones, remove_failed, shrink_to_desired
from windlass.planner.capacity.revisions import current_revision, forget_revisions, keep_revision, know_revisions
from windlass.planner.capacity.situation import (
    Decision,
    Hold,
    Memory,
    Situation,
    effective_desired,
    failed_zones,
    last_desired,
)
from windlass.planner.capacity.steps import ForgetRecord, ForgetRevision, GroupPlan, SeedDesired, Step
from windlass.planner.capacity.summary import compose_status, summarize
from windlass.planner.capacity.view import Census, GroupView, take_census
from windlass.planner.capacity.withdrawal import settles_removals, withdraw_first
from windlass.planner.capacity.zone_failure import Zones, next_failure, observe_zones
from windlass.planner.reason import Reason
from windlass.planner.rolling_update.report import update_reports
from windlass.planner.rolling_update.rule import update_instances
from windlass.planner.rolling_update.run import see_update
from windlass.planner.rollout.progress import see_rollout
from windlass.planner.rollout.report import reports
from windlass.planner.rollout.rule import exchange_instances
from windlass.planner.rollout.waiting import next_moments

Rule = Callable[[Situation], Decision | Hold | None]


def seed_desired(s: Situation) -> Decision | None:
    """The rule: the scale subresource cannot be read while the desired size is unset."""
    if s.spec.desired_size is not None:
        return None
    why = DesiredUnset(s.desired)
    return Decision(s.memory, why, (SeedDesired(s.desired, why),))


def forget_history(s: Situation) -> Decision | None:
    """The rule: records beyond the limit and revisions that nobody needs are deleted."""
    last = s.memory.activity.name if s.memory.activity else None
    # By length first: web-a10 is newer than web-a9. The last one's record is needed, whatever its time says.
    ended = sorted(s.view.history, key=lambda r: (r.name == last, r.started_at, len(r.name), r.name))
    surplus = ended[: max(0, len(ended) - s.spec.history_limit)]
    records = tuple(ForgetRecord(record.name, HistoryFull(s.spec.history_limit)) for record in surplus)
    steps: tuple[Step, ...] = (*records, *forget_revisions(s))
    return Decision(s.memory, steps[0].why, steps) if steps else None


RULES: tuple[Rule, ...] = (
    seed_desired,
    adopt_orphans,  # they count before anything is launched
    keep_revision,
    end_activity,
    replace_hanging,  # a corrected configuration is what it waits for
    remove_failed,  # what failed keeps its place until it is removed
    leave_failed_zones,
    replace_unhealthy,  # a sick instance is not capacity for long
    exchange_instances,  # launches what is missing too, while it lasts
    update_instances,
    grow_to_desired,
    shrink_to_desired,
    forget_history,
)


def plan_group(view: GroupView) -> GroupPlan:
    """What brings the group to its desired size.

    A pass acts on the first rule that has something to do; counts are stale after that. Rules that may not do what they
    would are noted, and the next one is tried.
    """
    situation = see(view)
    holds: list[Reason] = []
    decision = None
    if view.spec.enabled and not view.deleting:
        for rule in RULES:
            outcome = rule(situation)
            if isinstance(outcome, Decision):
                decision = outcome
                break
            if outcome is not None:
                holds.append(outcome.why)
        decision = withdraw_first(situation, decision)
    return _plan(situation, decision, tuple(holds))


def see(view: GroupView) -> Situation:
    """The situation before any rule: count, and learn what the world says without being asked to act."""
    census, desired = take_census(view), effective_desired(view.spec, last_desired(view.status))
    rollout = see_rollout(view, census, desired)
    status = rollout.status if rollout is not None else None
    revision = current_revision(view, status)
    zones = observe_zones(
        view.spec.zones,
        failed_zones(view.status),
        census,
        _zone_patience(view),
        view.now,
        revision.name if revision else None,
    )
    update = see_update(view, census)
    running = update.status if update is not None else None
    memory = replace(know_revisions(view, _remember(view, census)), rollout=status, update=running)
    situation = Situation(view, census, memory, zones, desired, revision, rollout, update)
    situation = replace(situation, memory=retarget(situation))
    return replace(situation, memory=_start_afresh(situation, settle(situation)))


def _zone_patience(view: GroupView) -> timedelta:
    return timedelta(seconds=view.spec.zone_failure_seconds)


def _remember(view: GroupView, census: Census) -> Memory:
    status = view.status
    numbers = [int(record.name.rpartition("-a")[2]) for record in view.history if _numbered(view, record.name)]
    return Memory(
        next_ordinal=max(status.next_ordinal, census.largest_ordinal + 1),
        next_activity=max([status.next_activity, *(number + 1 for number in numbers)]),
        activity=know_arrived(view, census),
        backoff=status.launch_backoff,
        revisions=status.revisions,
        finished_rollouts=status.finished_rollouts,
    )


def _numbered(view: GroupView, record: str) -> bool:
    return record.startswith(f"{view.name}-a") and record.rpartition("-a")[2].isdecimal()


def _start_afresh(s: Situation, memory: Memory) -> Memory:
    """Failures of another revision, or of a spec that has changed since, say nothing about the next try.

    That is then made at once, in the activity that runs, if there is one. Where nothing is left to try, failures are
    forgotten when all launches have lived for a minute.
    """
    backoff = memory.backoff
    if backoff is None or s.revision is None:
        return memory
    if backoff.revision != s.revision.name or backoff.generation != s.view.generation:
        memory = replace(memory, backoff=None)
        return memory if s.running is None else memory.with_activity(failed=())
    if not still_tries(s) and next_trust(s) is None:
        return replace(memory, backoff=None)
    last = memory.activity
    return memory if last is None or s.running is not None else replace(memory, backoff=backoff_after(s, last))


def _plan(s: Situation, decision: Decision | None, holds: tuple[Reason, ...]) -> GroupPlan:
    memory = decision.memory if decision else s.memory
    steps = decision.steps if decision else ()
    if s.spec.enabled and not s.view.deleting:
        steps += bookkeeping(s, memory)
    summary = summarize(s, memory, holds, decision.why if decision and _does(s, decision) else None)
    return GroupPlan(
        status=compose_status(s, memory, summary),
        why=decision.why if decision else summary.why,
        steps=steps,
        holds=holds,
        events=decision.events if decision else (),
        # What was only decided is done by the next pass.
        wake_at=s.now if decision and not steps else _wake_at(s, s.zones),
        settles_removals=settles_removals(s, steps),
        reports=(*reports(s, memory, holds), *update_reports(s, memory, holds)) if not s.view.deleting else (),
    )


def _does(s: Situation, decision: Decision) -> bool:
    """Whether it makes the group another one: a task that starts does, and forgetting does not."""
    tasks = (decision.memory.rollout, s.memory.rollout), (decision.memory.update, s.memory.update)
    starts = any(after is not None and before is None for after, before in tasks)
    return starts or any(not isinstance(step, ForgetRecord | ForgetRevision) for step in decision.steps)


def _wake_at(s: Situation, zones: Zones) -> datetime | None:
    if not s.spec.enabled or s.view.deleting:
        return None
    moments = (
        s.census.next_change,
        zones.next_change(),
        next_failure(s.census, s.zone_patience, s.now),
        next_try(s),
        next_room(s),
        next_trust(s),
        leaving_until(s),
        *(next_moments(s.rollout) if s.rollout is not None else ()),
        s.update.next_moment if s.update is not None else None,
        s.view.removal_pause.retry_at if s.view.removal_pause else None,
        s.view.template_retry_at,
        s.view.launch_pause.retry_at if s.view.launch_pause else None,
        min((orphan.retry_at for orphan in s.view.left_orphans), default=None),
    )
    return min((moment for moment in moments if moment is not None and moment > s.now), default=None)
