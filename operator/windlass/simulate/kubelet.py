"""What becomes of an instance after it was created: the scheduler's and the kubelet's part, as data."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Protocol

SECOND = timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class Life:
    """When things happen to an instance, counted from its creation; None: never.

    `ends`: its Pod fails. `wavers`: it turns not ready, and `recovers` that long after. `dies_slowly`: how long it
    takes to go after it was deleted. `swings`: once ready, how long it is ready and then not, in turn, for ever.
    """

    scheduled: timedelta | None = SECOND
    ready: timedelta | None = 2 * SECOND
    ends: timedelta | None = None
    wavers: timedelta | None = None
    recovers: timedelta | None = None
    dies_slowly: timedelta = SECOND
    swings: tuple[timedelta, timedelta] | None = None


class Fate(Protocol):
    """Decides the life of each new instance."""

    def life_of(self, name: str, zone: str | None) -> Life:
        """The life of the instance of this name in this zone."""
        ...


@dataclass(frozen=True, slots=True)
class AllGoesWell:
    """Every instance is scheduled after one second and ready after two."""

    def life_of(self, name: str, zone: str | None) -> Life:
        """The same for all."""
        return Life()
