"""What decisions read of the InstanceRefreshes of a group, and of what they are to be made from."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from windlass.api.instance_refresh import KIND, InstanceRefreshSpec, InstanceRefreshStatus
from windlass.planner.digest import digest
from windlass.planner.tasks import Task


@dataclass(frozen=True, slots=True)
class Refresh:
    """One InstanceRefresh. `approved`: the checkpoint (per cent) from which a person lets it go on before the time.

    `counted`: the history limit is about it. `removing`: it is being deleted.
    """

    name: str
    uid: str
    generation: int
    created_at: datetime
    spec: InstanceRefreshSpec
    status: InstanceRefreshStatus = field(default_factory=InstanceRefreshStatus)
    approved: int = 0
    counted: bool = False
    removing: bool = False

    @property
    def digest(self) -> str:
        """Tells what it asks for from anything else: that of its spec, but for the state.

        Without defaults: a field that a later version adds makes no other wish of it.
        """
        left_out = {"state", "state_reason"}
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
        )


@dataclass(frozen=True, slots=True)
class Sources:
    """The specs of the ScalingConfigurations and LaunchTemplates that refreshes name, by name (None: there is none).

    `shared`: which of those configurations, and of the group's own, other groups use too.
    """

    configurations: Mapping[str, Mapping[str, Any] | None] = field(default_factory=dict)
    shared: frozenset[str] = frozenset()
    templates: Mapping[str, Mapping[str, Any] | None] = field(default_factory=dict)
