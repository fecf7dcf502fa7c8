"""An instance as decisions see it, and the state it is in."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from windlass.api.scaling_group import ScalingGroupSpec
from windlass.planner.rolling_update.mark import Mark

SHORT_LIFE = timedelta(minutes=1)  # a launch whose Pod ends sooner has failed, however ready it was
SETTLED = timedelta(seconds=30)  # a kubelet has said long before that what it was given is not ready
SHORTEST_INTERVAL = 10  # seconds; spec/scaling-group.md: a health check interval of 0 means 10 s


class State(StrEnum):
    """Where an instance is in its life."""

    PENDING = "Pending"
    IN_SERVICE = "InService"
    NOT_READY = "NotReady"
    UNHEALTHY = "Unhealthy"
    FAILED = "Failed"
    REMOVING = "Removing"


@dataclass(frozen=True, slots=True)
class Instance:
    """What decisions read of one Pod. Times are the API server's, to the second.

    `ready_changed_at` is when Ready last became what it is; `was_ready` whether it ever was. `unschedulable_since` is
    set while the scheduler says that the Pod fits nowhere, `problem` while anything tells why it does not come up.
    `ended_at`: when its Pod ended, where the Pod tells. `leaving_since`: when it should have been gone. `group` is the
    uid of the group that controls it, `orphan_of` the name of the group that may adopt it, because nobody owns it.
    `unclear_protection` is what its annotation says where that is no boolean. `mark`: the RollingUpdate that was begun
    on it last.
    """

    namespace: str
    group: str
    name: str
    uid: str
    resource_version: str
    ordinal: int
    revision: str
    zone: str | None
    created_at: datetime
    scheduled_at: datetime | None = None
    unschedulable_since: datetime | None = None
    node: str | None = None
    ended: bool = False
    ended_at: datetime | None = None
    ready: bool = False
    ready_changed_at: datetime | None = None
    was_ready: bool = False
    removing: bool = False
    leaving_since: datetime | None = None
    protected: bool = False
    unclear_protection: str | None = None
    deletion_cost: int = 0
    problem: str | None = None
    orphan_of: str = ""
    mark: Mark | None = None

    @property
    def trusted_at(self) -> datetime:
        """When it has lived so long that its launch cannot fail any more by its end."""
        return (self.scheduled_at or self.created_at) + SHORT_LIFE

    @property
    def never_ready(self) -> bool:
        """Whether it has certainly never been ready: a Pod that forgot that it was says so with a younger condition."""
        if self.was_ready or self.ready_changed_at is None or self.scheduled_at is None:
            return not self.was_ready
        return self.ready_changed_at <= self.scheduled_at + SETTLED

    @property
    def ended_early(self) -> bool:
        """Whether its Pod ended so soon that its launch has failed."""
        return self.ended_at is not None and self.ended_at < self.trusted_at


@dataclass(frozen=True, slots=True)
class Patience:
    """How long each thing may take, from the group's spec."""

    min_ready: timedelta
    health_interval: timedelta
    launch_timeout: timedelta

    @classmethod
    def of(cls, spec: ScalingGroupSpec) -> "Patience":
        """The group's own."""
        interval = spec.health_check.interval_seconds or SHORTEST_INTERVAL
        return cls(
            timedelta(seconds=spec.min_ready_seconds),
            timedelta(seconds=interval),
            timedelta(seconds=spec.launch_timeout_seconds),
        )


def state_of(
    instance: Instance, patience: Patience, now: datetime, *, launching: bool
) -> tuple[State, datetime | None]:
    """The instance's state now, and when it changes by time alone.

    `launching`: it is a launch of the running activity, or of the last one that did not see it scheduled, and it has
    never been in service. A Pod forgets that it was ready (its sandbox or its node's records are made anew): one that
    was launched before cannot fail as a launch any more, and goes by the rules of health.

    | Pod | state |
    | --- | --- |
    | being deleted | Removing |
    | ended, launching, or within a minute of its launch | Failed |
    | ended otherwise | Unhealthy |
    | ready for minReadySeconds | InService |
    | ready for less | Pending |
    | was ready, not launching, not ready for the health interval | Unhealthy |
    | was ready, not launching, not ready for less | NotReady |
    | scheduled launchTimeoutSeconds ago, launching | Failed |
    | never ready, scheduled launchTimeoutSeconds ago, not launching, for the health interval | Unhealthy |
    | never ready, scheduled launchTimeoutSeconds ago, not launching, for less | NotReady |
    | not ready | Pending |
    """
    if instance.removing:
        return State.REMOVING, None
    if instance.ended:
        return (State.FAILED if launching or instance.ended_early else State.UNHEALTHY), None
    changed = instance.ready_changed_at or instance.created_at
    if instance.ready:
        return _by(changed + patience.min_ready, now, State.PENDING, State.IN_SERVICE)
    if instance.was_ready and not launching:
        return _by(changed + patience.health_interval, now, State.NOT_READY, State.UNHEALTHY)
    if instance.scheduled_at is None:
        return State.PENDING, None
    timeout = instance.scheduled_at + patience.launch_timeout
    if launching or now < timeout:
        return _by(timeout, now, State.PENDING, State.FAILED)
    return _by(changed + patience.health_interval, now, State.NOT_READY, State.UNHEALTHY)


def _by(due: datetime, now: datetime, before: State, after: State) -> tuple[State, datetime | None]:
    return (after, None) if now >= due else (before, due)
