"""What preferences come to: roundings, defaults, and an order that a restart finds again."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from windlass.api.stacks import OperationPreferences, RegionConcurrency
from windlass.planner.stackset.preferences import Limits, order, resolved

REGIONS = ("eu-1", "eu-2", "us-1", "us-2", "ap-1")


def limits(total: int, **preferences: Any) -> Limits:
    return resolved(OperationPreferences(**preferences), {"eu-1": total})["eu-1"]


# preferences, instances of the region, tolerance, concurrency
ROUNDINGS: dict[str, tuple[dict[str, int], int, int, int]] = {
    "25 % of 10 at once": ({"max_concurrent_percentage": 25}, 10, 0, 2),
    "1 % of 10 at once is at least one": ({"max_concurrent_percentage": 1}, 10, 0, 1),
    "29 % of 100 at once: no fraction is lost": ({"max_concurrent_percentage": 29}, 100, 0, 29),
    "100 % at once": ({"max_concurrent_percentage": 100}, 7, 0, 7),
    "9 % of 10 may fail": ({"failure_tolerance_percentage": 9}, 10, 0, 1),
    "10 % of 10 may fail": ({"failure_tolerance_percentage": 10}, 10, 1, 1),
    "19 % of 10 may fail": ({"failure_tolerance_percentage": 19}, 10, 1, 1),
    "0 % may fail": ({"failure_tolerance_percentage": 0}, 10, 0, 1),
    "100 % may fail": ({"failure_tolerance_percentage": 100}, 10, 10, 1),
    "counts are taken as they are": ({"failure_tolerance_count": 5, "max_concurrent_count": 20}, 10, 5, 20),
    "a count of 0 is one": ({"failure_tolerance_count": 0}, 10, 0, 1),
}


@pytest.mark.parametrize(("given", "total", "tolerance", "concurrency"), ROUNDINGS.values(), ids=ROUNDINGS)
@pytest.mark.spec("stack-set.md", "failure_tolerance_count / _percentage")
@pytest.mark.spec("stack-set.md", "max_concurrent_count / _percentage")
def test_the_rounding_table(given: dict[str, int], total: int, tolerance: int, concurrency: int) -> None:
    assert limits(total, **given) == Limits(tolerance, concurrency)


def test_percentages_are_of_each_region_s_own_instances() -> None:
    preferences = OperationPreferences(failure_tolerance_percentage=50, max_concurrent_percentage=25)

    assert resolved(preferences, {"eu-1": 10, "us-1": 3}) == {"eu-1": Limits(5, 2), "us-1": Limits(1, 1)}


@pytest.mark.spec("stack-set.md", "defaults")
def test_without_preferences_one_at_a_time_and_none_may_fail() -> None:
    assert limits(1000) == Limits(tolerance=0, concurrency=1)
    assert OperationPreferences().region_concurrency_type is RegionConcurrency.SEQUENTIAL


# ---- order


@pytest.mark.spec("stack-set.md", "region_order")
def test_the_named_order_is_kept() -> None:
    assert order(OperationPreferences(region_order=("us-1", "eu-1")), ["eu-1", "us-1"], "seed") == ("us-1", "eu-1")


@pytest.mark.spec("stack-set.md", "region_concurrency_type")
def test_parallel_has_no_order() -> None:
    preferences = OperationPreferences(region_concurrency_type=RegionConcurrency.PARALLEL)

    assert order(preferences, REGIONS, "seed") == ()


@pytest.mark.spec("stack-set.md", "region_order")
def test_without_one_the_seed_says_the_order_the_same_in_every_process() -> None:
    assert order(OperationPreferences(), REGIONS, "a") == ("ap-1", "us-2", "eu-2", "us-1", "eu-1")
    assert order(OperationPreferences(), REGIONS, "b") == ("us-2", "eu-2", "ap-1", "us-1", "eu-1")


@given(st.permutations(REGIONS), st.text())
def test_the_order_does_not_depend_on_the_one_in_which_regions_were_found(found: list[str], seed: str) -> None:
    drawn = order(OperationPreferences(), found, seed)

    assert sorted(drawn) == sorted(REGIONS)
    assert drawn == order(OperationPreferences(), REGIONS, seed)


def test_each_region_comes_first_for_some_seed() -> None:
    assert {order(OperationPreferences(), REGIONS, str(seed))[0] for seed in range(100)} == set(REGIONS)


def test_regions_without_instances_have_no_place_in_the_order_and_forgotten_ones_come_last() -> None:
    preferences = OperationPreferences(region_order=("us-1", "eu-1", "eu-2"))

    assert order(preferences, ["eu-1", "us-1", "ap-1"], "seed") == ("us-1", "eu-1", "ap-1")
