"""What the status of each refresh of a group should say."""

from collections.abc import Iterator
from datetime import datetime

from windlass.api.instance_refresh import InstanceRefreshStatus
from windlass.api.task import Phase
from windlass.planner.capacity.situation import Memory, Situation
from windlass.planner.capacity.steps import ReportRefresh
from windlass.planner.reason import Reason
from windlass.planner.rollout.line import EndsAtOnce, beginning
from windlass.planner.rollout.reasons import (
    RefreshGoesOn,
    RefreshOver,
    StartsLater,
    Waits,
)
from windlass.planner.rollout.refresh import Refresh
from windlass.planner.rollout.rollout import Rollout
from windlass.planner.rollout.standing import going_on, over
from windlass.planner.rollout.waiting import why_waiting
from windlass.planner.tasks import FINAL, SameToken, same_as


def reports(s: Situation, memory: Memory, holds: tuple[Reason, ...]) -> tuple[ReportRefresh, ...]:
    """The statuses that should be others than they are. One that is over is never written again."""
    wanted = ((refresh, _status(s, memory, refresh, holds)) for refresh in _unfinished(s))
    return tuple(
        ReportRefresh(refresh.name, refresh.uid, status)
        for refresh, status in wanted
        if status is not None and status != refresh.status
    )


def _unfinished(s: Situation) -> Iterator[Refresh]:
    return (refresh for refresh in s.view.refreshes if refresh.status.phase not in FINAL)


def _status(s: Situation, memory: Memory, refresh: Refresh, holds: tuple[Reason, ...]) -> InstanceRefreshStatus | None:
    if memory.rollout is not None and memory.rollout.uid == refresh.uid:
        rollout = s.rollout
        # One that starts in this pass is counted by the next one.
        return _running(s, rollout, refresh, holds) if rollout is not None else None
    first = same_as(refresh.task, s.view.tasks)
    if first is not None:
        return _as_first(s, refresh, first.name, first.phase)
    found = beginning(s.view, refresh)
    if isinstance(found, EndsAtOnce):
        return _ended(s, refresh, refresh.status, found.phase, str(found.why))
    return _pending(s, refresh, StartsLater())


def _as_first(s: Situation, refresh: Refresh, first: str, phase: Phase) -> InstanceRefreshStatus:
    """The outcome of the earlier one of its token; it waits for that."""
    why = SameToken(f"InstanceRefresh {first}")
    if phase in FINAL:
        return _ended(s, refresh, refresh.status, phase, str(why))
    return _pending(s, refresh, why)


def _pending(s: Situation, refresh: Refresh, why: Reason) -> InstanceRefreshStatus:
    return going_on(refresh.status.model_copy(update={"phase": Phase.PENDING}), why, refresh.generation, s.now)


def _ended(
    s: Situation, refresh: Refresh, status: InstanceRefreshStatus, phase: Phase, said: str
) -> InstanceRefreshStatus:
    return over(status, phase, RefreshOver(phase.value, said), said, refresh.generation, s.now)


def _running(s: Situation, rollout: Rollout, refresh: Refresh, holds: tuple[Reason, ...]) -> InstanceRefreshStatus:
    status, counts, budget = rollout.status, rollout.counts, rollout.budget
    total, updated = rollout.total, counts.new_ready
    waits = next((why.what if isinstance(why, Waits) else str(why) for why in holds), None)
    if waits is None and rollout.active and rollout.stopped:  # no rule was asked: the group is switched off
        waits = str(why_waiting(rollout))
    made = refresh.status.model_copy(
        update={
            "phase": Phase(status.phase),
            "from_revision": status.from_revision,
            "to_revision": status.to_revision,
            "floor": budget.floor,
            "ceiling": budget.ceiling,
            "total": total,
            "to_update": max(0, total - counts.new),
            "updated": updated,
            "failed": status.failed,
            "percentage": 100 if not total else min(100, 100 * updated // total),
            "checkpoint": _checkpoint(rollout, refresh),
            "waiting_for": waits,
            "wake_at": _wake_at(s, rollout),
            "start_time": status.started_at,
        }
    )
    if status.outcome is not None:
        return _ended(s, refresh, made, Phase(status.outcome), status.message)
    goes_on = RefreshGoesOn(updated, total, f"waits for {waits}" if waits else "instances are exchanged")
    return going_on(made, goes_on, refresh.generation, s.now)


def _checkpoint(rollout: Rollout, refresh: Refresh) -> int | None:
    """The one at which it pauses, else the next."""
    if rollout.status.paused_until is not None:
        return rollout.status.checkpoint
    return next((each for each in refresh.spec.checkpoints if each > rollout.status.checkpoint), None)


def _wake_at(s: Situation, rollout: Rollout) -> datetime | None:
    if rollout.status.paused_until is not None or rollout.status.baking_until is not None:
        return rollout.status.paused_until or rollout.status.baking_until
    return s.backing_off.retry_at if s.backing_off is not None else None
