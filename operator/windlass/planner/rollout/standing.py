"""The status of a refresh or an update, with the message and the conditions that go with it."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any, TypeVar

from windlass.api.instance_refresh import InstanceRefreshStatus
from windlass.api.rolling_update import RollingUpdateStatus
from windlass.api.task import Phase
from windlass.planner.conditions import Readiness, conditions
from windlass.planner.reason import Reason
from windlass.planner.tasks import WELL

S = TypeVar("S", InstanceRefreshStatus, RollingUpdateStatus)


def going_on(status: S, why: Reason, generation: int, now: datetime) -> S:
    """The status of one that is not over, for this reason."""
    return _told(status, "Reconciling", why, str(why), generation, now)


def over(status: S, phase: Phase, why: Reason, message: str, generation: int, now: datetime) -> S:
    """The status of one that ends now in this phase, and waits for nothing any more. `why`: the conditions' reason."""
    ends: dict[str, Any] = {"phase": phase, "completion_time": now, "waiting_for": None}
    if isinstance(status, InstanceRefreshStatus):
        ends["wake_at"] = None
    readiness: Readiness = "Ready" if phase in WELL else "Stalled"
    outcome = "Complete" if phase is Phase.SUCCESSFUL else "Failed"
    return _told(status.model_copy(update=ends), readiness, why, message, generation, now, also=(outcome,))


def _told(
    status: S,
    readiness: Readiness,
    why: Reason,
    message: str,
    generation: int,
    now: datetime,
    also: Iterable[str] = (),
) -> S:
    said = message[:1024]
    made = conditions(readiness, why, said, old=status.conditions, generation=generation, now=now, also=also)
    return status.model_copy(update={"message": said, "observed_generation": generation, "conditions": made})
