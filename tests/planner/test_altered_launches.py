"""Launches that admission would hide from their group."""

from tests.worlds import ago, fleet, group, later, launches, planned
from windlass.planner.capacity.reasons_admission import InstancesAltered
from windlass.planner.capacity.view import LaunchPause

SAID = "its label windlass.dev/group was taken off"


def test_nothing_is_launched_before_the_pause_is_over_and_the_group_is_stalled() -> None:
    plan = planned(group(3), fleet(1), launch_pause=LaunchPause(1, later("5s"), SAID))

    assert not plan.acts
    assert plan.holds == (InstancesAltered(SAID, later("5s")),)
    assert plan.status.phase == "Stalled"
    assert SAID in plan.status.message
    assert plan.wake_at == later("5s")


def test_when_the_pause_is_over_it_is_tried_again() -> None:
    assert len(launches(planned(group(3), fleet(1), launch_pause=LaunchPause(1, ago("1s"), SAID)))) == 2


def test_a_group_that_needs_no_launch_is_not_stalled() -> None:
    assert planned(group(1), fleet(1), launch_pause=LaunchPause(1, later("5s"), SAID)).status.phase == "Ready"
