"""What was measured, and what can be said of several measurements of the same thing."""

import math
import statistics
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple


@dataclass(frozen=True, slots=True)
class Measurement:
    """One subject in one phase, measured once. The names of the figures hold their units: `cpu_seconds`."""

    bench: str
    subject: str
    phase: str
    instances: int
    figures: Mapping[str, float]


class Spread(NamedTuple):
    """The least, the middle and the most of some values."""

    min: float
    median: float
    max: float


class Case(NamedTuple):
    """What the repeats of a program have in common."""

    phase: str
    instances: int
    subject: str


@dataclass(frozen=True, slots=True)
class Ratio:
    """How a figure of one subject compares with the same figure of another, each within one repeat."""

    bench: str
    phase: str
    instances: int
    figure: str
    subject: str
    peer: str
    spread: Spread


def spread(values: Iterable[float]) -> Spread:
    """The spread of at least one value."""
    known = sorted(values)
    return Spread(known[0], statistics.median(known), known[-1])


def percentile(values: Sequence[float], percent: float) -> float:
    """The smallest of the values that at least so many percent do not exceed (nearest rank)."""
    rank = math.ceil(len(values) * percent / 100)
    return sorted(values)[max(rank, 1) - 1]


def cases(measurements: Iterable[Measurement]) -> dict[Case, list[Measurement]]:
    """The measurements of each case in the order of the repeats; cases in the order of their first one."""
    found: defaultdict[Case, list[Measurement]] = defaultdict(list)
    for measurement in measurements:
        found[Case(measurement.phase, measurement.instances, measurement.subject)].append(measurement)
    return dict(found)


def ratios(measurements: Sequence[Measurement], figure: str, subject: str, peer: str) -> list[Ratio]:
    """A subject's figure divided by its peer's in the same repeat, for each phase that both have been measured in.

    Repeats in which the peer's figure is 0 say nothing and are left out.
    """
    by_case = cases(measurements)
    found = []
    for case, own in by_case.items():
        others = by_case.get(case._replace(subject=peer), [])
        if case.subject != subject:
            continue
        values = [
            one.figures[figure] / other.figures[figure]
            for one, other in zip(own, others, strict=False)
            if other.figures[figure]
        ]
        if values:
            bench = own[0].bench
            found.append(Ratio(bench, case.phase, case.instances, figure, subject, peer, spread(values)))
    return found
