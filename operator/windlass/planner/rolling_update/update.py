"""What decisions read of the RollingUpdates of a group."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from windlass.api.rolling_update import KIND, RollingUpdateSpec, RollingUpdateStatus, UpdateState
from windlass.api.update_run import UpdateRunStatus
from windlass.planner.digest import digest
from windlass.planner.tasks import Task


@dataclass(frozen=True, slots=True)
class Update:
    """One RollingUpdate. `counted`: the history limit is about it. `removing`: it is being deleted."""

    name: str
    uid: str
    generation: int
    created_at: datetime
    spec: RollingUpdateSpec
    status: RollingUpdateStatus = field(default_factory=RollingUpdateStatus)
    counted: bool = False
    removing: bool = False

    @property
    def digest(self) -> str:
        """Tells what it asks for from anything else: that of its spec, but for the state and what a person approves.

        Without defaults: a field that a later version adds makes no other wish of it.
        """
        left_out = {"state", "state_reason", "approved_batches"}
        asked = self.spec.model_dump(mode="json", by_alias=True, exclude=left_out, exclude_defaults=True)
        return digest(asked)

    @property
    def task(self) -> Task:
        """As a task among others of its group."""
        lasts = self.spec.ttl_seconds_after_finished
        return Task(
            kind=KIND.kind,
            name=self.name,
            created_at=self.created_at,
            phase=self.status.phase,
            started_at=self.status.start_time,
            completed_at=self.status.completion_time,
            client_token=self.spec.client_token,
            removing=self.removing,
            lasts=None if lasts is None else timedelta(seconds=lasts),
            counted=self.counted,
            undoes=self.spec.rollback_of or "",
        )


def may_begin(run: UpdateRunStatus | None, updates: Iterable[Update], *, enabled: bool) -> bool:
    """Whether what was decided, and has not begun, may still begin. `enabled`: the group is."""
    if run is None or run.outcome is not None or not enabled:
        return False
    return any(each.uid == run.uid and not each.removing and each.spec.state is UpdateState.RUNNING for each in updates)
