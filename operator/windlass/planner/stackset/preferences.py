"""What an operation's preferences come to in its regions: numbers, and an order."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from windlass.api.stacks import OperationPreferences, RegionConcurrency
from windlass.planner.digest import digest


@dataclass(frozen=True, slots=True)
class Limits:
    """Of one region: how many of its instances may fail, and how many are worked at at once at most."""

    tolerance: int
    concurrency: int


def resolved(preferences: OperationPreferences, totals: Mapping[str, int]) -> dict[str, Limits]:
    """The limits of each region, of which `totals` says how many of its instances the operation is about."""
    return {region: _limits(preferences, total) for region, total in totals.items()}


def _limits(preferences: OperationPreferences, total: int) -> Limits:
    """Percentages are rounded down, but at least one instance is worked at."""
    tolerance, concurrency = preferences.failure_tolerance_count, preferences.max_concurrent_count
    if tolerance is None:
        tolerance = total * (preferences.failure_tolerance_percentage or 0) // 100
    if concurrency is None:
        concurrency = max(1, total * (preferences.max_concurrent_percentage or 0) // 100)
    return Limits(tolerance, concurrency)


def order(preferences: OperationPreferences, regions: Iterable[str], seed: str) -> tuple[str, ...]:
    """These regions, in the order in which they are gone through; none with PARALLEL, which goes through all at once.

    It is the order that the preferences name. Without one it is drawn from the seed: the same each time, whatever
    order the regions come in. So is the place of a region that the order leaves out: after all that it names.
    """
    if preferences.region_concurrency_type is RegionConcurrency.PARALLEL:
        return ()
    places = {region: place for place, region in enumerate(preferences.region_order)}
    return tuple(sorted(set(regions), key=lambda each: (places.get(each, len(places)), digest([seed, each]))))
