"""Every cell of the specification's table of who leaves, in its order."""

from decimal import Decimal

import pytest

from tests.worlds import ago, group, instance, view
from windlass.api.scaling_group import RemovalStage
from windlass.planner.capacity.removal_order import RemovalRules, choose_leaving
from windlass.planner.capacity.view import take_census

CONFIG, OLDEST, NEWEST = (
    RemovalStage.OLDEST_CONFIGURATION,
    RemovalStage.OLDEST_INSTANCE,
    RemovalStage.NEWEST_INSTANCE,
)
ADDED_AT = {"asc-1": ago("90d"), "asc-2": ago("6d")}

# instance, zone, joined, configuration, vCPU price: the specification's example
GROUP = (
    instance("web-1", zone="zone-h", age="10d", revision="asc-1"),
    instance("web-2", zone="zone-i", age="9d", revision="asc-1"),
    instance("web-3", zone="zone-i", age="8d", revision="asc-1"),
    instance("web-4", zone="zone-h", age="5d", revision="asc-2"),
    instance("web-5", zone="zone-i", age="4d", revision="asc-2"),
)
PRICES = {"web-1": Decimal(1), "web-2": Decimal(2), "web-3": Decimal(3), "web-4": Decimal(3), "web-5": Decimal(3)}


def first_to_leave(policy: str, *stages: RemovalStage) -> str:
    """The instance that leaves when the example's group shrinks by one: i-1 is web-1."""
    rules = RemovalRules(
        stages,
        balanced=policy == "Balanced",
        added_at=ADDED_AT,
        prices=PRICES if policy == "CostOptimized" else None,
    )
    chosen = choose_leaving(take_census(view(group(5), GROUP)), 1, rules)
    return chosen[0].instance.name.replace("web", "i")


# stages (each pair is a case of its own), policy, who may leave
TABLE = [
    pytest.param(
        [(CONFIG, OLDEST)],
        "Priority",
        {"i-1"},
        id="oldest config / oldest instance x Priority",
        marks=pytest.mark.spec("capacity-and-placement.md", "removal: oldest config / oldest instance × Priority"),
    ),
    pytest.param(
        [(CONFIG, OLDEST)],
        "Balanced",
        {"i-2"},
        id="oldest config / oldest instance x Balanced",
        marks=pytest.mark.spec("capacity-and-placement.md", "removal: oldest config / oldest instance × Balanced"),
    ),
    pytest.param(
        [(CONFIG, OLDEST)],
        "CostOptimized",
        {"i-3"},
        id="oldest config / oldest instance x CostOptimized",
        marks=pytest.mark.spec("capacity-and-placement.md", "removal: oldest config / oldest instance × CostOptimized"),
    ),
    pytest.param(
        [(CONFIG, NEWEST)],
        "Priority",
        {"i-3"},
        id="oldest config / newest instance x Priority",
        marks=pytest.mark.spec("capacity-and-placement.md", "removal: oldest config / newest instance × Priority"),
    ),
    pytest.param(
        [(CONFIG, NEWEST)],
        "Balanced",
        {"i-3"},
        id="oldest config / newest instance x Balanced",
        marks=pytest.mark.spec("capacity-and-placement.md", "removal: oldest config / newest instance × Balanced"),
    ),
    pytest.param(
        [(CONFIG, NEWEST)],
        "CostOptimized",
        {"i-3"},
        id="oldest config / newest instance x CostOptimized",
        marks=pytest.mark.spec("capacity-and-placement.md", "removal: oldest config / newest instance × CostOptimized"),
    ),
    pytest.param(
        [(CONFIG,)],
        "Priority",
        {"i-1", "i-2", "i-3"},
        id="oldest config / none x Priority",
        marks=pytest.mark.spec("capacity-and-placement.md", "removal: oldest config / none × Priority"),
    ),
    pytest.param(
        [(CONFIG,)],
        "Balanced",
        {"i-2", "i-3"},
        id="oldest config / none x Balanced",
        marks=pytest.mark.spec("capacity-and-placement.md", "removal: oldest config / none × Balanced"),
    ),
    pytest.param(
        [(CONFIG,)],
        "CostOptimized",
        {"i-3"},
        id="oldest config / none x CostOptimized",
        marks=pytest.mark.spec("capacity-and-placement.md", "removal: oldest config / none × CostOptimized"),
    ),
    pytest.param(
        [(OLDEST, NEWEST), (OLDEST, CONFIG), (OLDEST,)],
        "Priority",
        {"i-1"},
        id="oldest instance / any x Priority",
        marks=pytest.mark.spec("capacity-and-placement.md", "removal: oldest instance / any × Priority"),
    ),
    pytest.param(
        [(OLDEST, NEWEST), (OLDEST, CONFIG), (OLDEST,)],
        "Balanced",
        {"i-2"},
        id="oldest instance / any x Balanced",
        marks=pytest.mark.spec("capacity-and-placement.md", "removal: oldest instance / any × Balanced"),
    ),
    pytest.param(
        [(OLDEST, NEWEST), (OLDEST, CONFIG), (OLDEST,)],
        "CostOptimized",
        {"i-3"},
        id="oldest instance / any x CostOptimized",
        marks=pytest.mark.spec("capacity-and-placement.md", "removal: oldest instance / any × CostOptimized"),
    ),
    pytest.param(
        [(NEWEST, OLDEST), (NEWEST, CONFIG), (NEWEST,)],
        "Priority",
        {"i-5"},
        id="newest instance / any x Priority",
        marks=pytest.mark.spec("capacity-and-placement.md", "removal: newest instance / any × Priority"),
    ),
    pytest.param(
        [(NEWEST, OLDEST), (NEWEST, CONFIG), (NEWEST,)],
        "Balanced",
        {"i-5"},
        id="newest instance / any x Balanced",
        marks=pytest.mark.spec("capacity-and-placement.md", "removal: newest instance / any × Balanced"),
    ),
    pytest.param(
        [(NEWEST, OLDEST), (NEWEST, CONFIG), (NEWEST,)],
        "CostOptimized",
        {"i-5"},
        id="newest instance / any x CostOptimized",
        marks=pytest.mark.spec("capacity-and-placement.md", "removal: newest instance / any × CostOptimized"),
    ),
]


@pytest.mark.parametrize(("stages", "policy", "may_leave"), TABLE)
def test_who_leaves(stages: list[tuple[RemovalStage, ...]], policy: str, may_leave: set[str]) -> None:
    assert {first_to_leave(policy, *pair) for pair in stages} <= may_leave
