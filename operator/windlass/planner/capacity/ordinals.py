"""Ordinals: the numbers in instances' names. Which of them are reserved, which are in doubt, and which were used."""

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, islice
from operator import attrgetter

from windlass.api.ordinals import OrdinalRange
from windlass.api.scaling_group import MAX_NAMED_INSTANCES, ActivityStatus
from windlass.planner.capacity.view import GroupView

# Of one activity: as many as the largest group has. What a status says may have been written by anybody.
MOST_RESERVED = 10_000


def reserved_by(activity: ActivityStatus | None) -> range:
    """What it reserved last and is not known to be used up: those in doubt, and what lies between them."""
    reserved = activity.launching if activity else None
    return range(reserved.first, reserved.first + min(reserved.count, MOST_RESERVED)) if reserved else range(0)


def launches_in_doubt(view: GroupView, activity: ActivityStatus | None) -> list[int]:
    """Those that were reserved and of which nobody knows whether they were created."""
    whole = reserved_by(activity)
    if not whole:
        return []
    seen = {instance.ordinal for instance in view.instances}
    return [ordinal for ordinal in whole if ordinal not in seen and ordinal not in view.settled]


@dataclass(frozen=True, slots=True)
class Launched:
    """The ordinals that an activity launched, as ranges: nothing here grows with the numbers themselves."""

    parts: tuple[range, ...]

    @property
    def count(self) -> int:
        """How many there are."""
        return sum(map(len, self.parts))

    def first(self, most: int) -> list[int]:
        """The first of them."""
        return list(islice(chain.from_iterable(self.parts), most))


def launched_by(activity: ActivityStatus, next_ordinal: int, doubtful: Collection[int]) -> Launched:
    """Those that the activity launched: reserved since it began, and neither skipped nor among the `doubtful`."""
    return Launched(tuple(_between(activity.first_ordinal, next_ordinal, merged(activity.skipped, doubtful))))


def merged(parts: Iterable[OrdinalRange], ordinals: Collection[int]) -> tuple[OrdinalRange, ...]:
    """Ranges in order and apart from each other that hold these parts and ordinals, and no others."""
    made: list[OrdinalRange] = []
    for part in sorted((*parts, *_runs(ordinals)), key=attrgetter("first")):
        last = made[-1] if made else None
        if last is None or part.first > last.first + last.count:
            made.append(part)
        else:
            end = max(last.first + last.count, part.first + part.count)
            made[-1] = OrdinalRange(first=last.first, count=end - last.first)
    return tuple(made)


def as_ranges(ordinals: Collection[int]) -> tuple[OrdinalRange, ...]:
    """Ranges that hold these and no others; the first hundred of them, which is as many as a status holds."""
    return tuple(islice(_runs(ordinals), MAX_NAMED_INSTANCES))


def as_range(ordinals: Sequence[int]) -> OrdinalRange | None:
    """The range from the first to the last; None where there are none."""
    return OrdinalRange(first=ordinals[0], count=ordinals[-1] - ordinals[0] + 1) if ordinals else None


def _runs(ordinals: Collection[int]) -> Iterator[OrdinalRange]:
    there = frozenset(ordinals)
    firsts = sorted(n for n in there if n - 1 not in there)
    lasts = sorted(n for n in there if n + 1 not in there)
    return (OrdinalRange(first=n, count=last - n + 1) for n, last in zip(firsts, lasts, strict=True))


def _between(first: int, end: int, left_out: Iterable[OrdinalRange]) -> Iterator[range]:
    """What is left of the ordinals from `first` to before `end`; some of the ranges may be empty."""
    for part in left_out:
        yield range(first, min(part.first, end))
        first = max(first, part.first + part.count)
    yield range(first, end)
