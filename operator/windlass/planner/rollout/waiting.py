"""What a rollout waits for, and until when."""

from datetime import datetime, timedelta

from windlass.api.task import Phase, Wanted
from windlass.planner.reason import Reason
from windlass.planner.rollout.reasons import (
    Baking,
    PausedAt,
    SuspendedByPerson,
    SwitchedOff,
    WaitsForCommit,
    WaitsForFloor,
    WaitsForInstances,
    WaitsForTurn,
)
from windlass.planner.rollout.rollout import Rollout


def why_waiting(rollout: Rollout) -> Reason:
    """What must happen before it goes on, where nothing but the rollout itself is in the way."""
    status, counts = rollout.status, rollout.counts
    if status.phase == Phase.SUSPENDED:
        suspended = rollout.refresh is not None and rollout.refresh.spec.state is Wanted.SUSPENDED
        return SuspendedByPerson() if suspended else SwitchedOff()
    if status.committing:
        return WaitsForCommit()
    if status.paused_until is not None and not counts.new_not_ready:
        return PausedAt(status.checkpoint, status.paused_until)
    if counts.new_not_ready:
        return WaitsForInstances(counts.new_not_ready, counts.ready, rollout.budget.floor)
    if status.baking_until is not None:
        return Baking(status.baking_until)
    if not rollout.batch.empty or not counts.old:
        return WaitsForTurn()
    return WaitsForFloor(counts.ready, rollout.budget.floor)


def next_moment(rollout: Rollout) -> datetime | None:
    """When time alone changes something; None where it does not."""
    status, refresh = rollout.status, rollout.refresh
    if not rollout.active or refresh is None or status.committing or status.phase == Phase.SUSPENDED:
        return None
    if status.paused_until is not None or status.baking_until is not None:
        return status.paused_until or status.baking_until
    return status.progress_at + timedelta(seconds=refresh.spec.progress_deadline_seconds)
