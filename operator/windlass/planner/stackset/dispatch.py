"""Which instances of an operation begin now, and which never will: arithmetic with the counts of its regions.

The window slides: one that ends is followed at once, there are no batches. Nothing is remembered but the counts, so
whoever begins anew, or was stopped between two starts, goes on as it would have been.
"""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class RegionCount:
    """One region: what the operation may do there, and its instances that wait, are worked at, and failed."""

    tolerance: int
    concurrency: int
    waiting: int
    running: int
    failed: int

    @property
    def exceeded(self) -> bool:
        """Whether more failed than may."""
        return self.failed > self.tolerance


@dataclass(frozen=True, slots=True)
class Turn:
    """How many waiting ones begin now in each region, and the regions whose waiting ones are cancelled."""

    start: Mapping[str, int]
    cancel: frozenset[str] = frozenset()


def turn(counts: Mapping[str, RegionCount], order: tuple[str, ...], strict: bool, stopped: bool) -> Turn:
    """What happens now. `order`: the regions, one after the other; empty: side by side.

    What is being worked at is left alone, whatever failed elsewhere.
    """
    waiting = frozenset(region for region, count in counts.items() if count.waiting)
    if stopped or (order and any(count.exceeded for count in counts.values())):
        return Turn({}, waiting)
    busy = [region for region in order if counts[region].running] or [r for r in order if counts[r].waiting]
    regions = busy[:1] if order else counts
    starts = {region: _starts(counts[region], strict) for region in regions}
    return Turn(
        {region: many for region, many in starts.items() if many},
        frozenset(region for region in waiting if counts[region].exceeded),
    )


def _starts(count: RegionCount, strict: bool) -> int:
    """How many of a region begin: as many as fit beside those that are worked at.

    STRICT bears no more than one failure too many even if all that are worked at fail. The failures so far lessen what
    may be failed by others, not how many may be worked at: `min(concurrency, tolerance + 1) - failed` would stop for
    good at the third failure where 5 are borne and 3 are worked at at once.
    """
    if count.exceeded:
        return 0
    limit = min(count.concurrency, count.tolerance + 1 - count.failed) if strict else count.concurrency
    return max(0, min(count.waiting, limit - count.running))
