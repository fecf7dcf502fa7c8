"""What the operator says of its own passes."""

import math
import re
from dataclasses import dataclass
from typing import Self

from hack.bench.plane import Operator

_LINE = re.compile(r"^windlass_reconcile_duration_seconds_(\w+)\{([^}]*)\} (\S+)$", re.MULTILINE)
_BOUND = re.compile(r'le="([^"]+)"')


@dataclass(frozen=True, slots=True)
class Passes:
    """Passes so far, of whatever kind and result; `within` counts those that took at most so many seconds."""

    count: float
    seconds: float
    within: dict[float, float]

    @classmethod
    def of(cls, operator: Operator, kind: str | None = None) -> Self:
        """As the operator's histogram has them; `kind`: those of this kind's objects alone."""
        return cls.read(operator.metrics(), kind)

    @classmethod
    def read(cls, metrics: str, kind: str | None = None) -> Self:
        """From the text that Prometheus reads."""
        count = seconds = 0.0
        within: dict[float, float] = {}
        for what, labels, value in _LINE.findall(metrics):
            if kind is not None and f'kind="{kind}"' not in labels:
                continue
            if what == "count":
                count += float(value)
            elif what == "sum":
                seconds += float(value)
            elif what == "bucket" and (bound := _BOUND.search(labels)):
                within[float(bound.group(1))] = within.get(float(bound.group(1)), 0.0) + float(value)
        return cls(count, seconds, within)

    def since(self, before: "Passes") -> "Passes":
        """Those that came after."""
        within = {bound: number - before.within.get(bound, 0.0) for bound, number in self.within.items()}
        return Passes(self.count - before.count, self.seconds - before.seconds, within)

    @property
    def mean_ms(self) -> float:
        """How long a pass took on average; 0 where there was none."""
        return 1000 * self.seconds / self.count if self.count else 0.0

    @property
    def longest_ms(self) -> float:
        """The longest took at most so long, as far as the histogram's buckets tell; 0 where there was none."""
        if not self.count:
            return 0.0
        return 1000 * min((bound for bound, number in self.within.items() if number >= self.count), default=math.inf)
