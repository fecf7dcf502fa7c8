"""Where new instances go: the zone policy."""

import heapq
from collections.abc import Iterator, Mapping
from itertools import repeat

from windlass.api.scaling_group import ZonePolicy
from windlass.planner.capacity.reasons import FewestInZone, FirstZone, SchedulerChooses, ZoneOnTrial
from windlass.planner.capacity.reasons_launches import FirstOfFailed
from windlass.planner.capacity.steps import Pool
from windlass.planner.capacity.zone_failure import Zones
from windlass.planner.reason import Reason

Placement = tuple[Pool, Reason]


def place(
    count: int, policy: ZonePolicy, zones: Zones, per_zone: Mapping[str | None, int], trying: frozenset[str]
) -> list[Placement]:
    """Pools for `count` new instances, in the order in which they are launched.

    `per_zone` counts the capacity that is there; `trying` names the zones on trial that already have their one
    instance under way. Where every zone has failed they are all used as if none had: the instances wait there.
    """
    if not zones.names:
        return [(Pool(), SchedulerChooses())] * count
    usable = zones.usable()
    tried = [name for name in usable if zones.on_trial(name)]
    sound = [name for name in usable if name not in tried] or tried or list(zones.names)
    trials = [name for name in tried if name not in trying and name not in sound][:count]
    placed: list[Placement] = [(Pool(name), ZoneOnTrial(name)) for name in trials]
    first: Reason = FirstZone(sound[0]) if usable else FirstOfFailed(sound[0])
    rest = _balanced(sound, per_zone) if policy is ZonePolicy.BALANCED else repeat((Pool(sound[0]), first))
    placed += [next(rest) for _ in range(count - len(placed))]
    return placed


def _balanced(sound: list[str], per_zone: Mapping[str | None, int]) -> Iterator[Placement]:
    heap = [(per_zone.get(name, 0), position) for position, name in enumerate(sound)]
    heapq.heapify(heap)
    while True:
        instances, position = heap[0]
        heapq.heapreplace(heap, (instances + 1, position))
        yield Pool(sound[position]), FewestInZone(sound[position], instances)
