"""Bad weather between the operators and their API server: faults at random requests, for as long as it lasts."""

import random
import threading
from dataclasses import dataclass, field

from tests.faults.faults import FAULTS
from tests.faults.proxy import Fault, Forward, Reply, Request, gated

LONGEST_SILENCE_SECONDS = 5.0  # of the watches, for which what the operator sees is old


@dataclass(slots=True)
class Weather:
    """One for both operators. `likely`: how many of the requests meet a fault, from 0 to 1, of those `among` which."""

    rng: random.Random
    among: tuple[str, ...] = tuple(sorted(FAULTS))
    faults: tuple[str, ...] = ()
    likely: float = 0.0
    met: int = 0
    _watches: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        self.clear()

    def turn_bad(self) -> str:
        """Some faults of the catalogue from now on; the answer says which."""
        self.faults = tuple(self.rng.sample(self.among, self.rng.randint(1, 3)))
        self.likely = self.rng.choice((0.03, 0.1, 0.3))
        return f"{', '.join(self.faults)} at {self.likely:.0%} of the requests"

    def silence(self) -> None:
        """Nothing comes through of any watch until `clear` or `speak`."""
        self._watches.clear()

    def speak(self) -> None:
        self._watches.set()

    def clear(self) -> None:
        self.faults, self.likely = (), 0.0
        self.speak()

    def fault(self) -> Fault:
        """What a proxy does to every request."""
        held = gated(self._watches)

        async def either(request: Request, forward: Forward) -> Reply:
            if self.faults and self.rng.random() < self.likely:
                self.met += 1
                return await FAULTS[self.rng.choice(self.faults)](self.rng)(request, forward)
            if "watch=true" in request.target:
                return await held(request, forward)
            return await forward()

        return either
