"""Who leaves, one rule after the other, as in the docstring of `removal_order`."""

from decimal import Decimal

import pytest

from tests.worlds import (
    NEXT_CONFIGURATION,
    THREE_ZONES,
    activity,
    added,
    ago,
    fleet,
    group,
    instance,
    leaving,
    pending,
    planned,
    removals,
    revision,
    view,
)
from windlass.api.scaling_group import RemovalStage
from windlass.planner.capacity.instance import Instance
from windlass.planner.capacity.reasons import (
    FullestZone,
    HighestPrice,
    LowestDeletionCost,
    NotInService,
    RemovalPolicy,
)
from windlass.planner.capacity.removal_order import Choice, RemovalRules, choose_leaving
from windlass.planner.capacity.view import take_census
from windlass.planner.reason import Reason

CONFIG, OLDEST, NEWEST = (
    RemovalStage.OLDEST_CONFIGURATION,
    RemovalStage.OLDEST_INSTANCE,
    RemovalStage.NEWEST_INSTANCE,
)


def choices(
    count: int, *there: Instance, stages: tuple[RemovalStage, ...] = (OLDEST,), balanced: bool = False, **rules: object
) -> list[Choice]:
    wanted = RemovalRules(stages, balanced=balanced, **({"added_at": {}} | rules))  # type: ignore[arg-type]
    return choose_leaving(take_census(view(group(len(there)), there, activity=activity())), count, wanted)


def chosen(count: int, *there: Instance, **rules: object) -> list[str]:
    return [choice.instance.name for choice in choices(count, *there, **rules)]  # type: ignore[arg-type]


def reasons(count: int, *there: Instance, **rules: object) -> list[Reason]:
    return [choice.why for choice in choices(count, *there, **rules)]  # type: ignore[arg-type]


# ---- precedence: each pair differs in one thing, and everything after it in the list speaks for the other one

PRECEDENCE: dict[str, tuple[Instance, Instance]] = {
    "failed before pending": (
        instance("web-1", age="1h", scheduled="1h", ready=None, cost=9),
        pending("web-2", cost=0),
    ),
    "pending before not ready": (pending("web-1", cost=9), instance("web-2", not_ready="10s")),
    "not ready before in service": (instance("web-1", not_ready="10s", cost=9), instance("web-2", age="9d")),
    "unhealthy before in service": (instance("web-1", not_ready="10m", cost=9), instance("web-2", age="9d")),
    "lower cost before fuller zone": (
        instance("web-1", zone="zone-b", cost=-1),
        instance("web-2", zone="zone-a", age="9d"),
    ),
    "fuller zone before older": (instance("web-1", zone="zone-a"), instance("web-2", zone="zone-b", age="9d")),
    "stage before siblings": (instance("web-1", age="9d", node="lonely"), instance("web-2", node="crowded")),
    "siblings before younger": (instance("web-1", age="9d", node="crowded"), instance("web-2", node="lonely")),
}


@pytest.mark.parametrize(
    "rule",
    [
        "failed before pending",
        "pending before not ready",
        "not ready before in service",
        "unhealthy before in service",
    ],
)
def test_who_takes_no_work_leaves_first_whatever_it_would_cost(rule: str) -> None:
    first, second = PRECEDENCE[rule]

    assert chosen(2, second, first) == [first.name, second.name]


def test_a_lower_deletion_cost_leaves_before_the_zone_with_the_most_instances() -> None:
    cheap, other = PRECEDENCE["lower cost before fuller zone"]

    assert chosen(1, other, cheap, instance("web-3", zone="zone-a"), balanced=True) == [cheap.name]


def test_the_fullest_zone_decides_before_the_removal_stages() -> None:
    full, oldest = PRECEDENCE["fuller zone before older"]

    assert chosen(1, oldest, full, instance("web-3", zone="zone-a", age="1h"), balanced=True) == [full.name]


def test_the_stages_decide_before_siblings_on_a_node() -> None:
    oldest, crowded = PRECEDENCE["stage before siblings"]

    assert chosen(1, crowded, oldest, instance("web-3", node="crowded")) == [oldest.name]


def test_more_siblings_on_the_node_decide_before_youth() -> None:
    crowded, young = PRECEDENCE["siblings before younger"]
    sibling = instance("web-3", age="9d", node="crowded")

    assert chosen(1, young, crowded, sibling, stages=(CONFIG,)) == [sibling.name]


def test_the_younger_leaves_where_all_else_ties() -> None:
    assert chosen(
        1, instance("web-1", age="2d", node="n"), instance("web-2", age="1d", node="n"), stages=(CONFIG,)
    ) == ["web-2"]


@pytest.mark.spec("capacity-and-placement.md", "ties")
def test_the_last_tie_is_decided_by_the_name_so_that_every_try_chooses_alike() -> None:
    alike = [instance(name, node="n") for name in ("web-9", "web-10", "web-2")]

    assert chosen(3, *alike) == chosen(3, *reversed(alike)) == ["web-10", "web-9", "web-2"]


# ---- never


@pytest.mark.spec("scaling-group.md", "5 protected: scale-in")
def test_a_protected_instance_is_never_chosen() -> None:
    there = (
        instance("web-0", protected=True, cost=-9),
        pending("web-1", protected=True),
        instance("web-2", ended=True, protected=True),
        instance("web-3", not_ready="1h", protected=True),
        instance("web-4"),
    )

    assert chosen(5, *there) == ["web-4"]


def test_what_is_being_removed_already_is_not_chosen_again() -> None:
    assert chosen(2, instance("web-0", removing=True), instance("web-1")) == ["web-1"]


def test_nobody_leaves_where_nobody_is_too_many() -> None:
    assert chosen(0, *fleet(3)) == []


# ---- zones


@pytest.mark.spec("capacity-and-placement.md", "Balanced: scale in")
@pytest.mark.spec("capacity-and-placement.md", "zone policy first")
def test_balanced_removes_one_by_one_from_the_zone_that_has_the_most_then() -> None:
    there = (
        *fleet(4, zones=("zone-a",)),
        *fleet(2, zones=("zone-b",), first=4),
        *fleet(1, zones=("zone-c",), first=6),
    )
    zones = {i.name: i.zone for i in there}

    order = [zones[name] for name in chosen(7, *there, balanced=True)]

    assert order[:2] == ["zone-a", "zone-a"]
    assert sorted(map(str, order[2:4])) == ["zone-a", "zone-b"]
    assert sorted(map(str, order[4:])) == ["zone-a", "zone-b", "zone-c"]


def test_where_zones_tie_all_of_their_instances_are_candidates() -> None:
    there = (
        instance("web-0", zone="zone-a", age="2d"),
        instance("web-1", zone="zone-b", age="3d"),
        instance("web-2", zone="zone-c", age="1d"),
    )

    assert chosen(3, *there, balanced=True) == ["web-1", "web-0", "web-2"]


def test_pending_instances_that_leave_first_count_for_the_fullness_of_their_zone() -> None:
    there = (
        pending("web-0", zone="zone-a"),
        instance("web-1", zone="zone-a", age="9d"),
        instance("web-2", zone="zone-b", age="8d"),
        instance("web-3", zone="zone-b", age="7d"),
    )

    assert chosen(2, *there, balanced=True) == ["web-0", "web-2"]


@pytest.mark.spec("capacity-and-placement.md", "Priority: scale in")
def test_priority_does_not_look_at_zones() -> None:
    there = (
        instance("web-0", zone="zone-a"),
        instance("web-1", zone="zone-a"),
        instance("web-2", zone="zone-b", age="9d"),
    )

    assert leaving(planned(group(2, zones=THREE_ZONES, zone_policy="Priority"), there)) == ["web-2"]
    assert leaving(planned(group(2, zones=THREE_ZONES, zone_policy="Balanced"), there)) != ["web-2"]


@pytest.mark.spec("capacity-and-placement.md", "CostOptimized: scale in")
def test_the_highest_unit_price_leaves_first_before_any_stage() -> None:
    there = (instance("web-0", age="9d"), instance("web-1"), instance("web-2"))
    prices = {"web-0": Decimal("0.1"), "web-1": Decimal("0.30"), "web-2": Decimal("0.174125")}

    assert chosen(3, *there, prices=prices) == ["web-1", "web-2", "web-0"]


# ---- stages


@pytest.mark.spec("capacity-and-placement.md", "oldest configuration by adding")
def test_the_oldest_configuration_is_the_one_added_first_whatever_its_name_or_number() -> None:
    there = (instance("web-0", revision="web-1", age="1h"), instance("web-1", revision="web-9", age="9d"))
    added_at = {"web-1": ago("1d"), "web-9": ago("2d")}

    assert chosen(1, *there, stages=(CONFIG,), added_at=added_at) == ["web-1"]


def test_configurations_added_in_the_same_second_are_told_apart_by_the_order_of_their_adding() -> None:
    there = (instance("web-0", revision="second", age="1h"), instance("web-1", revision="first", age="9d"))
    added_at = {"first": ago("1d"), "second": ago("1d")}

    assert chosen(1, *there, stages=(CONFIG,), added_at=added_at) == ["web-1"]


def test_a_configuration_that_nobody_remembers_is_older_than_any() -> None:
    there = (instance("web-0", revision="web-1", age="1h"), instance("web-1", revision="forgotten", age="9d"))

    assert chosen(1, *there, stages=(CONFIG,), added_at={"web-1": ago("90d")}) == ["web-1"]


@pytest.mark.spec("capacity-and-placement.md", "second stage filters")
def test_the_second_stage_decides_only_among_those_that_the_first_chose() -> None:
    there = (
        instance("web-0", revision="old", age="1d"),
        instance("web-1", revision="old", age="2d"),
        instance("web-2", revision="new", age="9d"),
    )
    added_at = {"old": ago("30d"), "new": ago("10d")}

    assert chosen(2, *there, stages=(CONFIG, OLDEST), added_at=added_at) == ["web-1", "web-0"]
    assert chosen(2, *there, stages=(CONFIG, NEWEST), added_at=added_at) == ["web-0", "web-1"]


@pytest.mark.spec("scaling-group.md", "instance removal policy")
@pytest.mark.parametrize(
    ("policy", "first"),
    [
        pytest.param(("OldestConfiguration", "OldestInstance"), "web-1", id="oldest configuration, oldest instance"),
        pytest.param(("OldestConfiguration", "NewestInstance"), "web-2", id="oldest configuration, newest instance"),
        pytest.param(("OldestInstance",), "web-0", id="oldest instance"),
        pytest.param(("NewestInstance",), "web-3", id="newest instance"),
        pytest.param(None, "web-1", id="the default is oldest configuration, oldest instance"),
    ],
)
def test_the_group_s_removal_policy_is_followed(policy: tuple[str, ...] | None, first: str) -> None:
    there = (
        instance("web-0", revision="web-b", age="5d"),
        instance("web-1", revision="web-a", age="4d"),
        instance("web-2", revision="web-a", age="3d"),
        instance("web-3", revision="web-b", age="2d"),
    )
    spec = group(3) if policy is None else group(3, removal_policy=policy)
    kept = (revision("web-a", 1), revision("web-b", 2, NEXT_CONFIGURATION))

    assert leaving(planned(spec, there, revisions=kept, added_at=(added("web-a", "9d"), added("web-b", "8d")))) == [
        first
    ]


# ---- why


def test_each_who_leaves_is_told_why() -> None:
    there = (
        pending("web-0", cost=3),
        instance("web-1", cost=1),
        instance("web-2", cost=3, age="2d"),
        instance("web-3", cost=3),
    )

    assert reasons(4, *there) == [
        NotInService("Pending"),
        LowestDeletionCost(1),
        RemovalPolicy("OldestInstance"),
        RemovalPolicy("OldestInstance"),
    ]


def test_the_reason_names_the_zone_and_how_full_it_was() -> None:
    assert reasons(2, *fleet(3, zones=("zone-a", "zone-a", "zone-b")), balanced=True, stages=(CONFIG, NEWEST)) == [
        FullestZone("zone-a", 2, "OldestConfiguration, then NewestInstance"),
        FullestZone("zone-b", 1, "OldestConfiguration, then NewestInstance"),
    ]


def test_the_reason_names_the_price() -> None:
    prices = {"web-0": Decimal("0.09"), "web-1": Decimal("0.1")}

    assert reasons(1, *fleet(2), prices=prices) == [HighestPrice("0.1", "OldestInstance")]


def test_a_removal_names_the_instance_that_was_looked_at_and_no_later_one() -> None:
    (removal,) = removals(planned(group(0), [instance("web-0")]))

    assert (removal.uid, removal.resource_version) == ("web-0-uid", "7")
