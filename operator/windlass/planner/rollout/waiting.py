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
from windlass.planner.rollout.refresh import Refresh
from windlass.planner.rollout.rollout import NOT_IN_SERVICE, Rollout


def why_waiting(rollout: Rollout) -> Reason:
    """What must happen before it goes on, where nothing but the rollout itself is in the way."""
    status, counts = rollout.status, rollout.counts
    if status.phase == Phase.SUSPENDED:
        suspended = rollout.refresh is not None and rollout.refresh.spec.state is Wanted.SUSPENDED
        return SuspendedByPerson() if suspended else SwitchedOff()
    if status.committing:
        return WaitsForCommit()
    if status.paused_until is not None and not counts.new_not_ready:
        return PausedAt(status.checkpoint, status.paused_until, status.name)
    if counts.new_not_ready:
        return WaitsForInstances(counts.new_not_ready, counts.ready, rollout.budget.floor)
    if status.baking_until is not None:
        return Baking(status.baking_until)
    if not rollout.batch.empty or not counts.old:
        return WaitsForTurn()
    return WaitsForFloor(counts.ready, rollout.budget.floor)


def deadline(rollout: Rollout, refresh: Refresh) -> datetime:
    """When it has failed, if nothing comes into service before.

    While new instances are watched nothing is waited for, until the group grows: then from the youngest one on.
    """
    since = rollout.status.progress_at
    if rollout.status.baking_until is not None:
        since = max([since, *(i.created_at for state in NOT_IN_SERVICE for i in rollout.new[state])])
    return since + timedelta(seconds=refresh.spec.progress_deadline_seconds)


def next_moments(rollout: Rollout) -> tuple[datetime, ...]:
    """When time alone changes something."""
    status, refresh = rollout.status, rollout.refresh
    if not rollout.active or refresh is None or status.committing or status.phase == Phase.SUSPENDED:
        return ()
    if status.paused_until is not None:
        return (status.paused_until,)
    if status.baking_until is not None:
        return status.baking_until, deadline(rollout, refresh)
    return (deadline(rollout, refresh),)
