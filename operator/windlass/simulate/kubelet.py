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


@dataclass(frozen=True, slots=True)
class Change:
    """What becomes of an instance that is changed where it is.

    `restarts`: after an image was changed, how long its container is away; None: it never runs. `crashes`: it ends
    again and again. `runs`: how long a script takes; None: until it is killed. `exit_code`: how it ends.
    """

    restarts: timedelta | None = 2 * SECOND
    crashes: bool = False
    runs: timedelta | None = 3 * SECOND
    exit_code: int = 0


class Fate(Protocol):
    """Decides the life of each new instance."""

    def life_of(self, name: str, zone: str | None) -> Life:
        """The life of the instance of this name in this zone."""
        ...

    def change_of(self, name: str) -> Change:
        """What becomes of it when it is changed where it is."""
        ...


@dataclass(frozen=True, slots=True)
class AllGoesWell:
    """Every instance is scheduled after one second and ready after two; every change of it succeeds."""

    def life_of(self, name: str, zone: str | None) -> Life:
        """The same for all."""
        return Life()

    def change_of(self, name: str) -> Change:
        """The same for all."""
        return Change()
