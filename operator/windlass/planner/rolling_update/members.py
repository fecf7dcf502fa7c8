"""The instances that an update is about, as ranges of their ordinals, and how they are dealt into batches."""

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from operator import attrgetter

from windlass.api.ordinals import OrdinalRange


def count(members: Sequence[OrdinalRange]) -> int:
    """How many instances these are."""
    return sum(part.count for part in members)


def within(members: Sequence[OrdinalRange], ordinals: Iterable[int]) -> set[int]:
    """Those of the ordinals that are in these ranges, which are in order."""
    return {ordinal for ordinal in ordinals if _holds(members, ordinal)}


def _holds(members: Sequence[OrdinalRange], ordinal: int) -> bool:
    before = bisect_right(members, ordinal, key=attrgetter("first"))
    return before > 0 and ordinal < members[before - 1].first + members[before - 1].count


def batch_sizes(total: int, batches: int) -> tuple[int, ...]:
    """The sizes of so many batches of `total` instances: at least one each, larger ones first, by one at most.

    Fewer instances than batches: each is a batch.
    """
    number = min(batches, total)
    if not number:
        return ()
    least, more = divmod(total, number)
    return (least + 1,) * more + (least,) * (number - more)


def batch(members: Sequence[OrdinalRange], batches: int, number: int) -> Iterator[int]:
    """The ordinals of one batch, counted from 1, in their order; none of one that there is not."""
    sizes = batch_sizes(count(members), batches)
    if not 0 < number <= len(sizes):
        return
    skip, left = sum(sizes[: number - 1]), sizes[number - 1]
    for part in members:
        if skip >= part.count:
            skip -= part.count
            continue
        taken = min(part.count - skip, left)
        yield from range(part.first + skip, part.first + skip + taken)
        skip, left = 0, left - taken
        if not left:
            return
