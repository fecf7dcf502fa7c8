"""What becomes of an instance after it was created: the scheduler's and the kubelet's part, as data."""

from dataclasses import dataclass, replace
from datetime import timedelta
from random import Random
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

    def delayed_by(self, delay: timedelta) -> "Life":
        """The same life, which begins that much later."""

        def later(moment: timedelta | None) -> timedelta | None:
            return None if moment is None else moment + delay

        return replace(
            self,
            scheduled=later(self.scheduled),
            ready=later(self.ready),
            ends=later(self.ends),
            wavers=later(self.wavers),
        )


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


@dataclass(slots=True)
class Chance:
    """Lives drawn from a seed: some never come up, some fail, some waver."""

    random: Random
    trouble: float = 0.2

    def life_of(self, name: str, zone: str | None) -> Life:
        """One of the lives that instances have."""
        slow = timedelta(seconds=self.random.randint(0, 40))
        start = timedelta(seconds=self.random.randint(1, 5))  # not 0: creation times are cut to the second before
        ready = start + timedelta(seconds=self.random.randint(1, 90))
        if self.random.random() >= self.trouble:
            return Life(start, ready, dies_slowly=slow)
        later = ready + timedelta(seconds=self.random.randint(1, 2000))
        return self.random.choice(
            (
                Life(start, None, dies_slowly=slow),
                Life(start, None, ends=ready, dies_slowly=slow),
                Life(start, ready, ends=later, dies_slowly=slow),
                Life(start, ready, wavers=later, dies_slowly=slow),
                Life(start, ready, wavers=later, recovers=timedelta(seconds=30), dies_slowly=slow),
            )
        )
