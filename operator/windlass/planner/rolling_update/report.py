"""What the status of each update of a group should say."""

from windlass.api.rolling_update import MAX_FAILURES, InstanceResult, RollingUpdateStatus
from windlass.api.task import Phase
from windlass.planner.capacity.ordinals import merged
from windlass.planner.capacity.situation import Memory, Situation
from windlass.planner.capacity.steps import ReportUpdate
from windlass.planner.reason import Reason
from windlass.planner.rolling_update.line import beginning
from windlass.planner.rolling_update.reasons import UpdateGoesOn, UpdateOver, UpdateWaits
from windlass.planner.rolling_update.run import Run
from windlass.planner.rolling_update.update import Update
from windlass.planner.rolling_update.waiting import why_waiting
from windlass.planner.rollout.line import EndsAtOnce
from windlass.planner.rollout.reasons import StartsLater
from windlass.planner.rollout.standing import going_on, over
from windlass.planner.tasks import FINAL, SameToken, same_as


def update_reports(s: Situation, memory: Memory, holds: tuple[Reason, ...]) -> tuple[ReportUpdate, ...]:
    """The statuses that should be others than they are. One that is over is never written again."""
    unfinished = (update for update in s.view.updates if update.status.phase not in FINAL)
    wanted = ((update, _status(s, memory, update, holds)) for update in unfinished)
    return tuple(
        ReportUpdate(update.name, update.uid, status)
        for update, status in wanted
        if status is not None and status != update.status
    )


def _status(s: Situation, memory: Memory, update: Update, holds: tuple[Reason, ...]) -> RollingUpdateStatus | None:
    if memory.update is not None and memory.update.uid == update.uid:
        # One that starts in this pass is looked at by the next one.
        return _running(s, s.update, update, holds) if s.update is not None else None
    first = same_as(update.task, s.view.tasks)
    if first is not None:
        why = SameToken(str(first))
        if first.phase in FINAL:
            return _ended(s, update, update.status, first.phase, str(why))
        return _pending(s, update, why)
    found = beginning(s.view, update)
    if isinstance(found, EndsAtOnce):
        return _ended(s, update, update.status, found.phase, str(found.why))
    return _pending(s, update, StartsLater())


def _pending(s: Situation, update: Update, why: Reason) -> RollingUpdateStatus:
    return going_on(update.status.model_copy(update={"phase": Phase.PENDING}), why, update.generation, s.now)


def _ended(s: Situation, update: Update, status: RollingUpdateStatus, phase: Phase, said: str) -> RollingUpdateStatus:
    return over(status, phase, UpdateOver(phase.value, said), said, update.generation, s.now)


def _running(s: Situation, run: Run, update: Update, holds: tuple[Reason, ...]) -> RollingUpdateStatus:
    status, batch = run.status, run.batch
    waits = next((why.what for why in holds if isinstance(why, UpdateWaits)), None) or str(why_waiting(s, run))
    made = update.status.model_copy(
        update={
            "phase": Phase(status.phase),
            "batch": status.batch if batch.begun else status.batch - 1,
            "batches": status.batches,
            "total": run.total,
            "succeeded": run.done,
            "failed": status.failed + batch.count(InstanceResult.FAILED),
            "unknown": status.unknown + batch.count(InstanceResult.UNKNOWN),
            "skipped": status.skipped,
            "from_revision": status.from_revision,
            "to_revision": status.to_revision,
            "touched": merged(status.touched, batch.touched),
            "failures": (*status.failures, *batch.told)[:MAX_FAILURES],
            "waiting_for": waits,
            "start_time": status.started_at,
        }
    )
    if status.outcome is not None:
        return _ended(s, update, made, Phase(status.outcome), status.message)
    return going_on(made, UpdateGoesOn(run.done, run.total, waits), update.generation, s.now)
