"""How the group stands: the status, the conditions and the one sentence that is most useful now."""

from dataclasses import dataclass

from windlass.api.common import GROUP_LABEL
from windlass.api.processes import Process
from windlass.api.scaling_group import (
    ActivityType,
    RevisionStatus,
    ScalingGroupStatus,
    ZoneStatus,
)
from windlass.api.task import Phase as TaskPhase
from windlass.planner.capacity.activities import STALLED_AFTER, still_tries
from windlass.planner.capacity.instance import Instance, Patience, State
from windlass.planner.capacity.reasons import (
    AsDesired,
    BeingDeleted,
    ComingIntoService,
    ConfigurationMissing,
    Disabled,
    HeldBack,
    HeldUp,
    LaunchesFail,
    LeftAlone,
    NotReadyForNow,
    NoZoneLeft,
    OlderRevision,
    OnlyProtectedLeft,
    OnTheirWayOut,
    ProcessSuspended,
    RemovalsRefused,
    SizeDiffers,
    TemplateRefused,
    ToBeReplaced,
    TryingAgain,
)
from windlass.planner.capacity.reasons_admission import InstancesAltered
from windlass.planner.capacity.reasons_adoption import OrphanLeft
from windlass.planner.capacity.reasons_launches import NoZoneTakes
from windlass.planner.capacity.reasons_protection import ProtectionUnclear
from windlass.planner.capacity.reasons_source import LaunchTemplateMissing, VersionMissing
from windlass.planner.capacity.situation import Memory, Situation, desired_cut, process_suspended
from windlass.planner.capacity.source import named_source
from windlass.planner.conditions import Readiness, conditions
from windlass.planner.reason import Reason
from windlass.planner.rolling_update.reasons import UpdateRests, UpdateUnderWay
from windlass.planner.rolling_update.run import Run
from windlass.planner.rolling_update.waiting import why_waiting as why_update_waits
from windlass.planner.rollout.reasons import RefreshRests, RefreshUnderWay
from windlass.planner.rollout.rollout import Rollout
from windlass.planner.rollout.waiting import why_waiting

PHASE = {ActivityType.SCALE_OUT: "ScalingOut", ActivityType.SCALE_IN: "ScalingIn", ActivityType.REPLACE: "Replacing"}
STALLING = (ConfigurationMissing, LaunchTemplateMissing, VersionMissing, TemplateRefused, InstancesAltered)
WAITING = (LaunchesFail, RemovalsRefused, ProcessSuspended, OnlyProtectedLeft)


@dataclass(frozen=True, slots=True)
class Summary:
    """The group in one word, what tools are told (see `conditions`), and why."""

    phase: str
    readiness: Readiness
    why: Reason


def summarize(s: Situation, memory: Memory, holds: tuple[Reason, ...], doing: Reason | None) -> Summary:
    """How the group stands. `doing`: what this pass does, if anything."""
    if s.view.deleting:
        return Summary("Deleting", "Reconciling", BeingDeleted())
    if not s.spec.enabled:
        in_service = s.census.count(State.IN_SERVICE)
        readiness: Readiness = "Ready" if in_service >= s.desired else "Idle"
        return Summary("Disabled", readiness, Disabled(in_service, s.desired))
    stalled = _stalled(s, memory, holds)
    if stalled is not None:
        return Summary("Stalled", "Stalled", stalled)
    activity = memory.activity
    running = activity is not None and activity.ended_at is None
    phase = PHASE[activity.type] if activity is not None and running else "Waiting"
    if s.active_rollout is not None and doing is None:
        return _rolling(s, s.active_rollout, phase, holds)
    if s.active_update is not None and doing is None:
        return _updating(s, s.active_update, phase, holds)
    why = doing or _unsettled(s, holds, running)
    return (
        Summary("Ready", "Ready", AsDesired(s.census.count(State.IN_SERVICE)))
        if why is None
        else Summary(phase, "Reconciling", why)
    )


def _rolling(s: Situation, rollout: Rollout, phase: str, holds: tuple[Reason, ...]) -> Summary:
    """Between two batches nothing is Ready; while the refresh rests, the group is what it is without it."""
    name, updated, total = rollout.status.name, rollout.counts.new_ready, rollout.total
    what = str(why_waiting(rollout))
    in_service = s.census.count(State.IN_SERVICE)
    if rollout.stopped and in_service == s.census.capacity == s.desired:
        return Summary("Ready", "Ready", RefreshRests(in_service, name, updated, total, what))
    waiting = next((why for why in holds if isinstance(why, WAITING)), None)
    return Summary(phase, "Reconciling", waiting or RefreshUnderWay(name, updated, total, what))


def _updating(s: Situation, run: Run, phase: str, holds: tuple[Reason, ...]) -> Summary:
    """While an update rests, the group is what it is without it."""
    name, done, total, what = run.status.name, run.done, run.total, str(why_update_waits(s, run))
    in_service = s.census.count(State.IN_SERVICE)
    rests = run.status.phase in {TaskPhase.PAUSED, TaskPhase.SUSPENDED} and not run.batch.under_way
    if rests and in_service == s.census.capacity == s.desired:
        return Summary("Ready", "Ready", UpdateRests(in_service, name, done, total, what))
    waiting = next((why for why in holds if isinstance(why, WAITING)), None)
    return Summary(phase, "Reconciling", waiting or UpdateUnderWay(name, done, total, what))


def _stalled(s: Situation, memory: Memory, holds: tuple[Reason, ...]) -> Reason | None:
    """Why no progress is to be expected. A group that cannot launch stays stalled while it tries again."""
    if s.view.template_problem is not None:
        return TemplateRefused(named_source(s.view), s.view.template_problem)
    for why in holds:
        if isinstance(why, STALLING) or (isinstance(why, LaunchesFail) and why.failures >= STALLED_AFTER):
            return why
    backoff = memory.backoff
    if backoff is not None and backoff.failures >= STALLED_AFTER and still_tries(s):
        return TryingAgain(backoff.failures, backoff.reason)
    return None


def _unsettled(s: Situation, holds: tuple[Reason, ...], running: bool) -> Reason | None:
    """Why the group is not as desired yet, the most telling reason first."""
    waiting = next((why for why in holds if isinstance(why, WAITING)), None)
    if waiting is not None:
        return waiting
    pending = s.census.of(State.PENDING)
    if pending:
        return _on_the_way(s, pending)
    why = holds[0] if holds else _not_in_service(s)
    if why is not None:
        return why
    if s.missing or s.surplus:
        return SizeDiffers(s.census.capacity, s.desired)
    return _on_the_way_out(s) if running else None


def _not_in_service(s: Situation) -> Reason | None:
    unfit, wavering = s.census.of(State.FAILED, State.UNHEALTHY), s.census.of(State.NOT_READY)
    replaced = tuple(i.name for i in unfit if not i.protected)
    if replaced:
        return ToBeReplaced(replaced)
    given_time = tuple(i.name for i in wavering if not i.protected)
    if given_time and s.suspended(Process.HEALTH_CHECK):
        return process_suspended(s, Process.HEALTH_CHECK, len(given_time), "not ready, not replaced")
    if given_time:
        return NotReadyForNow(given_time, int(Patience.of(s.spec).health_interval.total_seconds()))
    alone = tuple(i.name for i in unfit + wavering)
    return LeftAlone(alone) if alone else None


def _on_the_way(s: Situation, pending: list[Instance]) -> Reason:
    troubled = next((i for i in pending if i.problem), None)
    if troubled is None:
        return ComingIntoService(len(pending))
    problem = troubled.problem or ""
    if s.zones.take_nobody:
        return NoZoneTakes(len(pending), troubled.name, problem)
    if s.zones.names and not s.zones.usable():
        return NoZoneLeft(len(pending), troubled.name, problem)
    return HeldUp(len(pending), troubled.name, problem)


def _on_the_way_out(s: Situation) -> Reason:
    removing = s.census.of(State.REMOVING)
    held = next((i for i in removing if i.problem), None)
    return HeldBack(len(removing), held.name, held.problem or "") if held else OnTheirWayOut(len(removing))


def compose_status(s: Situation, memory: Memory, summary: Summary) -> ScalingGroupStatus:
    """The whole status, computed afresh apart from what only it remembers."""
    census, revision = s.census, s.revision.name if s.revision else s.view.status.current_revision
    ahead = s.active_update.status.to_revision if s.active_update is not None else ""
    as_good = census.per_revision[revision] + (census.per_revision[ahead] if ahead != revision else 0)
    outdated = census.capacity - as_good if revision else 0
    message = _message(s, summary, outdated)
    return ScalingGroupStatus(
        observed_generation=s.view.generation,
        phase=summary.phase,
        message=message,
        replicas=census.capacity,
        selector=f"{GROUP_LABEL}={s.view.name}",
        desired=s.desired,
        pending=census.count(State.PENDING),
        in_service=census.count(State.IN_SERVICE),
        not_ready=census.count(State.NOT_READY),
        unhealthy=census.count(State.UNHEALTHY),
        failed=census.count(State.FAILED),
        removing=census.count(State.REMOVING),
        protected=census.protected,
        outdated=outdated,
        current_revision=revision,
        revisions=_revisions(s, memory),
        zones=_zones(s),
        next_ordinal=memory.next_ordinal,
        next_activity=memory.next_activity,
        activity=memory.activity,
        launch_backoff=memory.backoff,
        rollout=memory.rollout,
        update=memory.update,
        finished_rollouts=memory.finished_rollouts,
        conditions=conditions(
            summary.readiness,
            summary.why,
            message,
            old=s.view.status.conditions,
            generation=s.view.generation,
            now=s.now,
        ),
    )


def _message(s: Situation, summary: Summary, outdated: int) -> str:
    parts = [str(summary.why)]
    cut = desired_cut(s.spec)
    if cut is not None:
        parts.append(str(cut))
    if outdated and s.spec.enabled and not s.view.deleting and s.active_rollout is None:
        parts.append(str(OlderRevision(outdated)))
    if s.view.left_orphans:
        parts.append(str(OrphanLeft(s.view.left_orphans[0].name, s.view.left_orphans[0].message)))
    if s.census.unclear:
        first = s.census.unclear[0]
        parts.append(str(ProtectionUnclear(first.name, first.unclear_protection or "")))
    return "; ".join(parts)[:1024]


def _revisions(s: Situation, memory: Memory) -> tuple[RevisionStatus, ...]:
    per_revision = s.census.per_revision
    return tuple(r.model_copy(update={"instances": per_revision[r.name]}) for r in memory.revisions)


def _zones(s: Situation) -> tuple[ZoneStatus, ...]:
    return tuple(_zone(s, name) for name in s.zones.names)


def _zone(s: Situation, name: str) -> ZoneStatus:
    failed = s.zones.failed.get(name)
    if failed is None:
        return ZoneStatus(name=name, instances=s.census.per_zone[name])
    return ZoneStatus(
        name=name,
        instances=s.census.per_zone[name],
        failed_until=None if s.zones.take_nobody else failed.until,
        next_try=failed.until if s.zones.take_nobody else None,
        failures=failed.failures,
        reason=failed.reason[:1024] or None,
        revision=failed.revision,
    )
