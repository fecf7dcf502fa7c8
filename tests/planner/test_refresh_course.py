"""One pass in the middle of a refresh: who comes and who leaves, whatever else happens at the time."""

from dataclasses import dataclass, field
from typing import Any

import pytest

from tests.refreshes import image_refresh, in_refresh, planned_for
from tests.sim.story import Named, Story
from tests.worlds import (
    NEXT_CONFIGURATION,
    backoff,
    failed_zone,
    fleet,
    later,
    launches,
    leaving,
    pending,
    removals,
)
from windlass.planner.capacity.instance import Instance
from windlass.planner.capacity.reasons import LaunchesFail
from windlass.planner.capacity.view import RemovalPause
from windlass.planner.group import plan_group
from windlass.planner.rollout.reasons import Outdated
from windlass.simulate.kubelet import Life
from windlass.simulate.world import World

NEW: dict[str, Any] = {"revision": "web-2"}


def fresh(count: int, first: int = 20, **fields: Any) -> tuple[Instance, ...]:
    """New instances on their way."""
    return tuple(pending(f"web-{first + n}", revision="web-2", **fields) for n in range(count))


@dataclass
class Case:
    """What there is, and how many of each kind come and go."""

    there: tuple[Instance, ...]
    launched: int
    left: int
    fields: dict[str, Any] = field(default_factory=dict)


CASES: dict[str, Case] = {
    "two come and two leave at a time": Case(fleet(10), 2, 2),
    "while the first are on their way nobody moves": Case((*fleet(8), *fresh(4)), 0, 0),
    "those that have come make room": Case((*fleet(8), *fleet(2, first=30, **NEW), *fresh(2)), 0, 2),
    "one that is missing is launched": Case((*fleet(8), *fresh(1)), 3, 0),
    "what matches is left alone": Case((*fleet(6), *fleet(4, first=20, **NEW)), 2, 2),
    "what matches is exchanged too where that is asked for": Case(
        fleet(10, **NEW), 2, 2, {"wanted": {"skip_matching": False}, "remembered": {"first_ordinal": 10}}
    ),
    "but not what was launched since": Case(
        (*fleet(8, **NEW), *fleet(2, first=20, **NEW)),
        2,
        2,
        {"wanted": {"skip_matching": False}, "remembered": {"first_ordinal": 20}},
    ),
    "protected ones are left alone": Case((*fleet(9, protected=True), *fleet(1, first=9)), 1, 1),
    "many old ones are not ready: none in service leaves below the floor, sick ones do": Case(
        (*fleet(4), *fleet(6, first=4, not_ready="10s")), 2, 2
    ),
    "sick ones leave first": Case((*fleet(9), *fleet(1, first=9, not_ready="10s")), 2, 2),
    "one at a time, above": Case(
        fleet(3), 1, 0, {"desired": 3, "wanted": {"min_healthy_percentage": 100, "max_healthy_percentage": 100}}
    ),
    "one at a time, once the new one is there": Case(
        (*fleet(3), *fleet(1, first=20, **NEW)),
        0,
        1,
        {"desired": 3, "wanted": {"min_healthy_percentage": 100, "max_healthy_percentage": 100}},
    ),
    "one at a time, below": Case(
        fleet(3), 0, 1, {"desired": 3, "wanted": {"min_healthy_percentage": 80, "max_healthy_percentage": 100}}
    ),
    "all at once": Case(
        fleet(4), 4, 4, {"desired": 4, "wanted": {"min_healthy_percentage": 0, "max_healthy_percentage": 200}}
    ),
    "launches fail: the well ones stay until the next try": Case(
        fleet(10), 0, 0, {"backoff": backoff(2, revision="web-2")}
    ),
    "launches fail: sick ones leave": Case(
        (*fleet(9), *fleet(1, first=9, not_ready="10s")), 0, 1, {"backoff": backoff(2, revision="web-2")}
    ),
    "the next try is due": Case(fleet(10), 2, 2, {"backoff": backoff(2, revision="web-2", expired=True)}),
    "growing is suspended: the well ones stay": Case(
        fleet(10), 0, 0, {"group_spec": {"suspended_processes": ("ScaleOut",)}}
    ),
    "shrinking is suspended: that is no scaling": Case(
        fleet(10), 2, 2, {"group_spec": {"suspended_processes": ("ScaleIn",)}}
    ),
    "removals are refused: launches go on": Case(
        fleet(10), 2, 0, {"removal_pause": RemovalPause(2, later("9s"), "nobody leaves")}
    ),
    "the group grew: new ones come": Case((*fleet(8), *fleet(2, first=20, **NEW)), 4, 0, {"desired": 14}),
    "paused: nobody moves": Case(
        (*fleet(8), *fleet(2, first=20, **NEW)),
        0,
        0,
        {
            "wanted": {"checkpoints": (20, 100)},
            "remembered": {"phase": "Paused", "checkpoint": 20, "paused_until": later("9m"), "updated": 2},
        },
    ),
    "paused: what is missing is launched": Case(
        (*fleet(6), *fleet(2, first=20, **NEW)),
        2,
        0,
        {
            "wanted": {"checkpoints": (20, 100)},
            "remembered": {"phase": "Paused", "checkpoint": 20, "paused_until": later("9m"), "updated": 2},
        },
    ),
    "suspended: nobody moves": Case(fleet(10), 0, 0, {"wanted": {"state": "Suspended"}}),
    "suspended: what is missing is launched": Case(fleet(9), 1, 0, {"wanted": {"state": "Suspended"}}),
    "the way to a checkpoint is not overshot": Case(
        fleet(10), 1, 1, {"wanted": {"checkpoints": (10, 100), "max_healthy_percentage": 200}}
    ),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
@pytest.mark.spec("instance-refresh.md", "skip matching")
@pytest.mark.spec("instance-refresh.md", "2 ignored instances")
@pytest.mark.spec("instance-refresh.md", "8 never below")
@pytest.mark.spec("instance-refresh.md", "max healthy percentage")
def test_who_comes_and_who_leaves(case: Case) -> None:
    plan = planned_for(case.there, **case.fields)

    assert (len(launches(plan)), len(removals(plan))) == (case.launched, case.left)
    assert all(launch.revision == "web-2" for launch in launches(plan))
    gone = set(leaving(plan))
    assert not [i.name for i in case.there if i.name in gone and i.protected]


def test_who_leaves_is_told_why_and_the_batch_has_one_event() -> None:
    plan = planned_for((*fleet(9), *fleet(1, first=9, not_ready="10s")))

    assert [type(step.why) for step in removals(plan)] == [Outdated, Outdated]
    assert "web-9" in leaving(plan)
    assert [event.reason.code for event in plan.events] == ["ActivityStarted", "RefreshBatch"]


def test_sick_ones_are_replaced_for_their_health_before_the_next_batch() -> None:
    plan = planned_for((*fleet(9), *fleet(1, first=9, not_ready="2h", problem="probe failed")))

    assert leaving(plan) == ["web-9"]
    assert "probe failed" in str(removals(plan)[0].why)


def test_while_launches_fail_it_says_so() -> None:
    plan = planned_for(fleet(10), backoff=backoff(2, revision="web-2"))

    assert any(isinstance(why, LaunchesFail) for why in plan.holds)


def test_new_ones_go_where_the_zones_are_well() -> None:
    zones = ("zone-a", "zone-b")
    plan = plan_group(in_refresh(fleet(10, zones=zones), group_spec={"zones": zones}, zones=(failed_zone("zone-a"),)))

    assert {launch.pool.zone for launch in launches(plan)} == {"zone-b"}


def test_failed_launches_that_are_kept_as_evidence_take_up_room() -> None:
    story = Story(10)
    world = _begun(story, 10)
    world.fate = Named(other=Life(ready=None))
    story.wait("3s")
    world.change(suspended_processes=("HealthCheck",))

    story.wait("50m")

    assert len([i for i in world.alive if i.ready]) == 8
    assert len(world.alive) == 12
    assert len(world.created) == 14  # and not one after the other for the whole time


# ---- small groups and bounds, played to the end

SIZES = range(5)
BOUNDS = [(100, 100), (80, 120), (80, 100), (100, 200), (0, 100), (0, 200), (50, 100)]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize(("least", "most"), BOUNDS)
@pytest.mark.spec("instance-refresh.md", "min healthy percentage")
@pytest.mark.spec("instance-refresh.md", "max healthy percentage")
@pytest.mark.spec("instance-refresh.md", "5 success")
def test_groups_of_every_small_size_come_to_the_end(size: int, least: int, most: int) -> None:
    story = Story(size)
    world = _begun(story, size, min_healthy_percentage=least, max_healthy_percentage=most)

    story.settle()

    status = world.refreshes["r1"].status
    assert (status.phase, status.updated, status.percentage) == ("Successful", size, 100)
    assert {i.revision for i in world.alive} <= {status.to_revision}
    assert (len(world.alive), world.status.phase) == (size, "Ready")
    assert world.configuration == NEXT_CONFIGURATION


def _begun(story: Story, size: int, **wanted: Any) -> World:
    world = story.world
    world.configuration = {"template": {"spec": {"containers": [{"name": "web", "image": "web:1"}]}}}
    story.settle()
    assert len(world.alive) == size
    world.refreshes["r1"] = image_refresh(**wanted)
    return world


SCALED = [(4, 9), (9, 4), (6, 0), (0, 6)]


@pytest.mark.parametrize(("before", "after"), SCALED)
@pytest.mark.spec("instance-refresh.md", "3 scaling goes on")
def test_scaling_goes_on_and_what_comes_is_new(before: int, after: int) -> None:
    story = Story(before)
    world = _begun(story, before)
    story.wait("4s")
    known = set(world.created)

    world.change(desired_size=after)
    story.settle()

    status = world.refreshes["r1"].status
    assert status.phase == "Successful"
    assert (len(world.alive), world.status.phase) == (after, "Ready")
    assert {i.revision for i in world.alive if i.name not in known} <= {status.to_revision}


def test_a_group_that_shrinks_meanwhile_keeps_the_floor_though_sick_ones_are_protected() -> None:
    there = (*fleet(2, not_ready="2h", protected=True), *fleet(3, first=8, **NEW))
    plan = planned_for(there, 2, wanted={"state": "Suspended"}, remembered={"updated": 3})

    assert len(leaving(plan)) == 1  # of three in service two stay
