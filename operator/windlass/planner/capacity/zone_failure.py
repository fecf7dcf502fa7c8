"""What happens when a zone fails.

A zone fails when an instance pinned to it stays unschedulable for `zoneFailureSeconds`. It is then left out for three
minutes, doubling to thirty while it keeps failing. When that time is over it is on trial: one instance at a time,
until one of them has been scheduled. Where all zones have failed, what cannot be scheduled waits where it is, and one
of those that wait tries each zone that is on trial.

While no zone has taken an instance of a revision, that may be the configuration's fault and not the zones'. So a zone
that failed on its account is forgotten when the configuration changes; and where all zones have, none counts as failed,
though they are tried again in the same way.
"""

from collections.abc import Container, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from windlass.planner.backoff import doubling
from windlass.planner.capacity.instance import Instance, State
from windlass.planner.capacity.view import Census

FIRST_PAUSE = timedelta(minutes=3)
LONGEST_PAUSE = timedelta(minutes=30)
ALIVE = tuple(state for state in State if state is not State.REMOVING)


@dataclass(frozen=True, slots=True)
class FailedZone:
    """A zone that failed and has not shown since that it works.

    `revision`: that of the instance that it did not take, while no zone has taken one of the same.
    """

    failures: int
    until: datetime
    reason: str
    revision: str | None = None

    @property
    def since(self) -> datetime:
        """When it failed last."""
        return self.until - pause(self.failures)


@dataclass(frozen=True, slots=True)
class Zones:
    """The group's zones in order of priority, and what is known of those that failed."""

    names: tuple[str, ...]
    failed: Mapping[str, FailedZone]
    now: datetime

    def usable(self) -> tuple[str, ...]:
        """The zones that may be given instances now, those on trial among them."""
        return tuple(name for name in self.names if name not in self.failed or self.on_trial(name))

    def on_trial(self, name: str) -> bool:
        """Whether the zone failed before and may be tried again."""
        return name in self.failed and self.failed[name].until <= self.now

    @property
    def take_nobody(self) -> bool:
        """Whether no zone takes instances of the configuration, so that it may be at fault."""
        return bool(self.names) and all(name in self.failed and self.failed[name].revision for name in self.names)

    def next_change(self) -> datetime | None:
        """When the next zone may be tried again."""
        return min((zone.until for zone in self.failed.values() if zone.until > self.now), default=None)


def pause(failures: int) -> timedelta:
    """How long a zone is left out after failing so often in a row (1 or more)."""
    return doubling(FIRST_PAUSE, failures, LONGEST_PAUSE)


def observe_zones(
    names: tuple[str, ...],
    before: Mapping[str, FailedZone],
    census: Census,
    patience: timedelta,
    now: datetime,
    revision: str | None,
) -> Zones:
    """Learn from the instances which zones have failed, and which of those known to have failed work again.

    `revision`: the current one, None where there is none.
    """
    waiting = [i for i in census.of(State.PENDING) if i.zone in names and i.unschedulable_since is not None]
    if not before and not waiting:
        return Zones(names, {}, now)
    proven = {i.revision for i in census.of(*ALIVE) if i.scheduled_at is not None}
    known = {name: _judged(before[name], proven) for name in names if name in before}
    known = {name: zone for name, zone in known.items() if revision is None or zone.revision in (None, revision)}
    _forget_recovered(known, census)
    telling = [i for i in waiting if i.revision in proven or revision in (None, i.revision)]
    for instance in telling:
        if _stuck(instance, patience, now):
            _note(known, instance, proven, now)
    suspects = {i.zone or "": i for i in telling if i.revision not in proven}
    if known.keys() - before.keys() and all(name in known or name in suspects for name in names):
        for zone in suspects.keys() - known.keys():
            _note(known, suspects[zone], proven, now)
    return Zones(names, known, now)


def _judged(zone: FailedZone, proven: Container[str | None]) -> FailedZone:
    """The zone itself is at fault once others take instances of that revision."""
    return replace(zone, revision=None) if zone.revision in proven else zone


def _forget_recovered(known: dict[str, FailedZone], census: Census) -> None:
    if not known:
        return
    for instance in census.of(*ALIVE):
        zone = known.get(instance.zone or "")
        if zone and instance.scheduled_at is not None and instance.scheduled_at > zone.since:
            del known[instance.zone or ""]


def _note(known: dict[str, FailedZone], instance: Instance, proven: Container[str | None], now: datetime) -> None:
    """Its zone has failed."""
    zone = instance.zone or ""
    revision = None if instance.revision in proven else instance.revision
    known[zone] = _failed_again(known.get(zone), instance, now, revision)


def _stuck(instance: Instance, patience: timedelta, now: datetime) -> bool:
    return instance.unschedulable_since is not None and now >= instance.unschedulable_since + patience


def _failed_again(before: FailedZone | None, instance: Instance, now: datetime, revision: str | None) -> FailedZone:
    if before is not None and before.until > now:
        return before
    failures = before.failures + 1 if before else 1
    return FailedZone(failures, now + pause(failures), instance.problem or "it cannot be scheduled there", revision)


def next_failure(census: Census, patience: timedelta, now: datetime) -> datetime | None:
    """When the next instance will have been unschedulable in its zone for too long."""
    pinned = (i.unschedulable_since for i in census.of(State.PENDING) if i.unschedulable_since and i.zone)
    return min((since + patience for since in pinned if since + patience > now), default=None)


def to_move(census: Census, zones: Zones, patience: timedelta, missing: int) -> list[Instance]:
    """The instances that are to be replaced by others in another zone.

    Where no sound zone is left, all stay and wait, but one for each zone whose pause is over and that nobody tries yet;
    those that are `missing`, because they were moved in the pass before, will try one when they are launched.
    """
    pending = census.of(State.PENDING)
    stuck = [i for i in pending if not i.protected and _lost(i, zones) and _stuck(i, patience, zones.now)]
    if not stuck or not zones.names or any(not zones.on_trial(name) for name in zones.usable()):
        return stuck
    tried = {i.zone for i in pending}
    untried = sum(name not in tried for name in zones.usable())
    return stuck[: max(0, untried - missing)]


def _lost(instance: Instance, zones: Zones) -> bool:
    """Whether the instance is bound to a zone that has failed, or that the group does not name any more."""
    return instance.zone is not None and (instance.zone in zones.failed or instance.zone not in zones.names)
