"""Where new instances go."""

from collections import Counter
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.worlds import NOW, THREE_ZONES, fleet, group, instance, launches, planned
from windlass.api.scaling_group import ZonePolicy
from windlass.planner.capacity.placement import Placement, place
from windlass.planner.capacity.reasons import FewestInZone, FirstZone, SchedulerChooses, ZoneOnTrial
from windlass.planner.capacity.zone_failure import FailedZone, Zones

BALANCED, PRIORITY = ZonePolicy.BALANCED, ZonePolicy.PRIORITY
LEFT_OUT = FailedZone(1, NOW + timedelta(seconds=1), "full")
ON_TRIAL = FailedZone(1, NOW, "full")


def placed(
    count: int,
    policy: ZonePolicy = BALANCED,
    there: dict[str | None, int] | None = None,
    *,
    names: tuple[str, ...] = THREE_ZONES,
    failed: dict[str, FailedZone] | None = None,
    trying: frozenset[str] = frozenset(),
) -> list[Placement]:
    return place(count, policy, Zones(names, failed or {}, NOW), there or {}, trying)


def zones_of(placements: list[Placement]) -> list[str | None]:
    return [pool.zone for pool, _ in placements]


def test_without_zones_the_scheduler_chooses() -> None:
    assert placed(2, names=()) == placed(2, names=(), there={None: 4})
    assert [(pool.zone, why) for pool, why in placed(2, names=())] == [(None, SchedulerChooses())] * 2


# ---- Balanced


@pytest.mark.spec("capacity-and-placement.md", "Balanced: scale out")
def test_balanced_fills_the_zone_with_the_fewest_instances() -> None:
    assert zones_of(placed(3, there={"zone-a": 3, "zone-b": 1, "zone-c": 2})) == ["zone-b", "zone-b", "zone-c"]


def test_balanced_ties_go_by_the_listed_order() -> None:
    assert zones_of(placed(4, names=("zone-c", "zone-a", "zone-b"))) == ["zone-c", "zone-a", "zone-b", "zone-c"]


def test_balanced_says_which_zone_had_how_few() -> None:
    assert [why for _, why in placed(2, there={"zone-a": 1, "zone-b": 1})] == [
        FewestInZone("zone-c", 0),
        FewestInZone("zone-a", 1),
    ]


def test_balanced_does_not_count_zones_that_the_group_does_not_name() -> None:
    assert zones_of(placed(1, there={"zone-x": 0, None: 0, "zone-a": 9, "zone-b": 8, "zone-c": 9})) == ["zone-b"]


def test_balanced_counts_every_instance_that_is_capacity_pending_ones_too() -> None:
    there = (
        instance("web-0", zone="zone-a"),
        instance("web-1", zone="zone-b", age="1s", ready=None),
        instance("web-2", zone="zone-c", removing=True),
    )

    assert [step.pool.zone for step in launches(planned(group(3, zones=THREE_ZONES), there))] == ["zone-c"]


def test_a_batch_of_ten_thousand_looks_at_each_zone_once_and_at_each_instance_once() -> None:
    class Counting(dict[str | None, int]):
        looked = 0

        def get(self, key: str | None, default: int = 0) -> int:  # type: ignore[override]
            self.looked += 1
            return super().get(key, default)

    there = Counting({"zone-a": 5})

    assert Counter(zones_of(place(10_000, BALANCED, Zones(THREE_ZONES, {}, NOW), there, frozenset()))) == {
        "zone-a": 3330,
        "zone-b": 3335,
        "zone-c": 3335,
    }
    assert there.looked == len(THREE_ZONES)


@given(
    there=st.lists(st.integers(0, 50), min_size=1, max_size=5),
    count=st.integers(0, 200),
)
def test_balanced_ends_as_even_as_it_can(there: list[int], count: int) -> None:
    names = tuple(f"zone-{n}" for n in range(len(there)))
    before: dict[str | None, int] = dict(zip(names, there, strict=True))
    given_to = Counter(zones_of(placed(count, there=before, names=names)))
    total: dict[str | None, int] = {name: before[name] + given_to[name] for name in names}

    assert sum(given_to.values()) == count
    for name in given_to:
        assert total[name] - min(total.values()) <= 1


# ---- Priority


@pytest.mark.spec("capacity-and-placement.md", "Priority: scale out")
@pytest.mark.spec("scaling-group.md", "zones")
def test_priority_uses_the_first_zone_however_full_it_is() -> None:
    assert zones_of(placed(3, PRIORITY, {"zone-a": 50})) == ["zone-a"] * 3
    assert [why for _, why in placed(1, PRIORITY)] == [FirstZone("zone-a")]


@pytest.mark.spec("capacity-and-placement.md", "Priority: scale out")
def test_priority_uses_the_next_zone_only_when_one_has_failed() -> None:
    assert zones_of(placed(2, PRIORITY, failed={"zone-a": LEFT_OUT})) == ["zone-b"] * 2
    assert zones_of(placed(2, PRIORITY, failed={"zone-a": LEFT_OUT, "zone-b": LEFT_OUT})) == ["zone-c"] * 2
    assert zones_of(placed(2, PRIORITY, failed={"zone-b": LEFT_OUT})) == ["zone-a"] * 2


# ---- zones that failed


@pytest.mark.spec("capacity-and-placement.md", "Balanced: scale out")
@pytest.mark.parametrize("policy", [BALANCED, PRIORITY])
def test_a_zone_that_failed_gets_nothing_while_it_is_left_out(policy: ZonePolicy) -> None:
    assert "zone-a" not in zones_of(placed(9, policy, failed={"zone-a": LEFT_OUT}))


@pytest.mark.parametrize("policy", [BALANCED, PRIORITY])
def test_a_zone_on_trial_gets_a_single_instance_and_the_others_the_rest(policy: ZonePolicy) -> None:
    placements = placed(5, policy, failed={"zone-a": ON_TRIAL})

    assert zones_of(placements).count("zone-a") == 1
    assert placements[0][1] == ZoneOnTrial("zone-a")


@pytest.mark.parametrize("policy", [BALANCED, PRIORITY])
def test_a_zone_on_trial_gets_no_second_instance_while_the_first_is_under_way(policy: ZonePolicy) -> None:
    placements = placed(5, policy, failed={"zone-a": ON_TRIAL}, trying=frozenset({"zone-a"}))

    assert "zone-a" not in zones_of(placements)


def test_several_zones_on_trial_get_one_each() -> None:
    placements = placed(5, failed={"zone-a": ON_TRIAL, "zone-b": ON_TRIAL})

    assert Counter(zones_of(placements)) == {"zone-a": 1, "zone-b": 1, "zone-c": 3}


def test_never_more_than_were_asked_for_however_many_zones_are_on_trial() -> None:
    assert len(placed(1, failed={"zone-a": ON_TRIAL, "zone-b": ON_TRIAL})) == 1


def test_where_every_zone_has_failed_all_are_used_as_if_none_had() -> None:
    failed = dict.fromkeys(THREE_ZONES, LEFT_OUT)

    assert zones_of(placed(4, failed=failed)) == ["zone-a", "zone-b", "zone-c", "zone-a"]
    assert zones_of(placed(2, PRIORITY, failed=failed)) == ["zone-a", "zone-a"]


def test_where_every_zone_has_failed_those_on_trial_take_all() -> None:
    failed = {"zone-a": LEFT_OUT, "zone-b": ON_TRIAL, "zone-c": LEFT_OUT}

    assert zones_of(placed(2, failed=failed)) == ["zone-b", "zone-b"]


@given(
    policy=st.sampled_from(ZonePolicy),
    states=st.lists(st.sampled_from(["sound", "left out", "on trial"]), min_size=1, max_size=5),
    there=st.lists(st.integers(0, 9), min_size=5, max_size=5),
    count=st.integers(0, 40),
)
def test_a_zone_that_is_left_out_is_used_only_where_there_is_no_other(
    policy: ZonePolicy, states: list[str], there: list[int], count: int
) -> None:
    names = tuple(f"zone-{n}" for n in range(len(states)))
    known = {"left out": LEFT_OUT, "on trial": ON_TRIAL}
    failed = {name: known[state] for name, state in zip(names, states, strict=True) if state in known}
    before: dict[str | None, int] = dict(zip(names, there, strict=False))
    used = Counter(zones_of(placed(count, policy, before, names=names, failed=failed)))

    assert sum(used.values()) == count
    if "sound" in states:
        assert all(used[name] <= 1 for name in failed if failed[name] is ON_TRIAL)
        assert all(used[name] == 0 for name in failed if failed[name] is LEFT_OUT)


def test_a_launch_into_a_group_at_rest_names_its_zone_and_the_reason() -> None:
    (launch,) = launches(planned(group(4, zones=THREE_ZONES), fleet(3, zones=THREE_ZONES)))

    assert (launch.name, launch.pool.zone, str(launch.why)) == (
        "web-3",
        "zone-a",
        "zone-a has the fewest instances (1)",
    )
