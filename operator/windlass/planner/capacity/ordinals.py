"""Ordinals: the numbers in instances' names. Which of them are reserved, which are in doubt, and which were used."""

from collections.abc import Collection, Sequence

from windlass.api.scaling_group import MAX_NAMED_INSTANCES, ActivityStatus, OrdinalRange
from windlass.planner.capacity.view import GroupView


def reserved_by(activity: ActivityStatus | None) -> range:
    """What it reserved last and is not known to be used up: those in doubt, and what lies between them."""
    reserved = activity.launching if activity else None
    return range(reserved.first, reserved.first + reserved.count) if reserved else range(0)


def in_doubt(view: GroupView, activity: ActivityStatus | None) -> list[int]:
    """Those that were reserved and of which nobody knows whether they were created."""
    whole = reserved_by(activity)
    if not whole:
        return []
    seen = {instance.ordinal for instance in view.instances}
    return [ordinal for ordinal in whole if ordinal not in seen and ordinal not in view.settled]


def launched_by(activity: ActivityStatus, next_ordinal: int, doubtful: Collection[int]) -> list[int]:
    """Those that the activity launched: reserved since it began, and neither skipped nor among the `doubtful`."""
    left_out = skipped_by(activity).union(doubtful)
    return [ordinal for ordinal in range(activity.first_ordinal, next_ordinal) if ordinal not in left_out]


def skipped_by(activity: ActivityStatus) -> frozenset[int]:
    """Those from its first on that it did not launch."""
    return frozenset(n for part in activity.skipped for n in range(part.first, part.first + part.count))


def as_ranges(ordinals: Collection[int]) -> tuple[OrdinalRange, ...]:
    """Ranges that hold these and no others; the first hundred of them, which is as many as a status holds."""
    there = frozenset(ordinals)
    firsts = sorted(n for n in there if n - 1 not in there)
    lasts = sorted(n for n in there if n + 1 not in there)
    ranges = (OrdinalRange(first=n, count=last - n + 1) for n, last in zip(firsts, lasts, strict=True))
    return tuple(ranges)[:MAX_NAMED_INSTANCES]


def as_range(ordinals: Sequence[int]) -> OrdinalRange | None:
    """The range from the first to the last; None where there are none."""
    return OrdinalRange(first=ordinals[0], count=ordinals[-1] - ordinals[0] + 1) if ordinals else None
