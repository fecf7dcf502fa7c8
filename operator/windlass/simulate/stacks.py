"""An operation of a stack set, played forward: who begins when, who ends when and how, and who never begins."""

from collections import Counter, deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from heapq import heappop, heappush

from windlass.planner.stackset.dispatch import RegionCount, turn
from windlass.planner.stackset.preferences import Limits
from windlass.planner.stackset.targets import Place

START = timedelta()


@dataclass(frozen=True, slots=True)
class Part:
    """What is done in one place: how long it takes, and how it ends."""

    place: Place
    takes: timedelta
    fails: bool = False


class What(StrEnum):
    """What happens to an instance."""

    BEGINS = "begins"
    SUCCEEDS = "succeeds"
    FAILS = "fails"
    CANCELLED = "is cancelled"


@dataclass(frozen=True, slots=True)
class Happening:
    """One change of one instance. `at`: since the operation began."""

    at: timedelta
    what: What
    place: Place


def play(
    parts: Iterable[Part],
    limits: Mapping[str, Limits],
    order: tuple[str, ...],
    *,
    strict: bool = True,
    stopped_at: timedelta | None = None,
) -> tuple[Happening, ...]:
    """All that happens, until nothing waits or runs. The operation itself takes no time.

    Those of a region begin in the order in which they come. `order`, `strict`: as `turn` has them; `stopped_at`: when
    somebody stops it.
    """
    waiting: dict[str, deque[Part]] = {region: deque() for region in limits}
    for part in parts:
        waiting[part.place.region].append(part)
    running, failed = Counter[str](), Counter[str]()
    ends: list[tuple[timedelta, Place, Part]] = []
    happened: list[Happening] = []
    now = START
    while True:
        counts = {
            region: RegionCount(each.tolerance, each.concurrency, len(waiting[region]), running[region], failed[region])
            for region, each in limits.items()
        }
        decided = turn(counts, order, strict, stopped=stopped_at is not None and now >= stopped_at)
        for region in sorted(decided.cancel):
            happened += [Happening(now, What.CANCELLED, part.place) for part in waiting[region]]
            waiting[region].clear()
        for region, many in decided.start.items():
            for _ in range(many):
                part = waiting[region].popleft()
                happened.append(Happening(now, What.BEGINS, part.place))
                heappush(ends, (now + part.takes, part.place, part))
            running[region] += many
        if not ends:
            return tuple(happened)
        now = ends[0][0] if stopped_at is None or now >= stopped_at else min(ends[0][0], stopped_at)
        while ends and ends[0][0] <= now:
            _, place, part = heappop(ends)
            happened.append(Happening(now, What.FAILS if part.fails else What.SUCCEEDS, place))
            running[place.region] -= 1
            failed[place.region] += part.fails
