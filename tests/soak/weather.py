"""Bad weather between the operators and their API server: faults at random requests, for as long as it lasts."""

import random
import threading
from dataclasses import dataclass, field

from tests.faults.faults import FAULTS
from tests.faults.proxy import Fault, Forward, Reply, Request, gated


class Spell:
    """Bad weather at one proxy: which faults come, after how many requests each, is drawn from `rng` alone.

    A fault comes at the first request from then on that it fits. So the same seed brings the same faults one after the
    other, at whatever moments.
    """

    def __init__(self, rng: random.Random, among: tuple[str, ...], likely: float) -> None:
        self._rng = rng
        self._among = among
        self._likely = likely
        self._draw()

    def meets(self, request: Request) -> tuple[str, Fault] | None:
        """What happens to this request, if anything, and what that is called."""
        name, fault = self._next
        if self._passing:
            self._passing -= 1
            return None
        if not FAULTS[name].fits(request):
            return None
        self._draw()
        return name, fault

    def _draw(self) -> None:
        name = self._rng.choice(self._among)
        self._next = name, FAULTS[name].drawn(self._rng)
        self._passing = 0
        while self._rng.random() >= self._likely:
            self._passing += 1


@dataclass(slots=True)
class Sky:
    """The weather at one proxy. `met`: the faults that came, in order."""

    spell: Spell | None = None
    met: list[str] = field(default_factory=list)


@dataclass(slots=True)
class Weather:
    """That of all operators: one sky for each. `among`: the faults of the catalogue that there may be."""

    among: tuple[str, ...] = tuple(sorted(FAULTS))
    skies: list[Sky] = field(default_factory=list)
    _watches: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        self.clear()

    @property
    def met(self) -> int:
        """How many faults came, everywhere."""
        return sum(len(sky.met) for sky in self.skies)

    def turn_bad(self, rng: random.Random) -> str:
        """Some faults of the catalogue from now on; the answer says which, and at how many of the requests."""
        among = tuple(rng.sample(self.among, rng.randint(1, min(3, len(self.among)))))
        likely = rng.choice((0.03, 0.1, 0.3))
        for sky in self.skies:
            sky.spell = Spell(random.Random(rng.random()), among, likely)  # noqa: S311
        return f"{', '.join(among)} at {likely:.0%} of the requests"

    def silence(self) -> None:
        """Nothing comes through of any watch until `clear` or `speak`."""
        self._watches.clear()

    def speak(self) -> None:
        self._watches.set()

    def clear(self) -> None:
        for sky in self.skies:
            sky.spell = None
        self.speak()

    def fault(self) -> Fault:
        """What one more proxy does to every request."""
        sky = Sky()
        self.skies.append(sky)
        held = gated(self._watches)

        async def either(request: Request, forward: Forward) -> Reply:
            if sky.spell is not None and (meeting := sky.spell.meets(request)) is not None:
                name, fault = meeting
                sky.met.append(name)
                return await fault(request, forward)
            if "watch=true" in request.target:
                return await held(request, forward)
            return await forward()

        return either
