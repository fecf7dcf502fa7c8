"""Removals that the API server refuses: they wait, and hold nothing else up."""

from tests.worlds import activity, ago, fleet, group, instance, later, launches, leaving, planned
from windlass.planner.capacity.reasons import RemovalsRefused
from windlass.planner.capacity.steps import GroupPlan
from windlass.planner.capacity.view import RemovalPause

SAID = "deleting Pod default/web-2: nobody leaves"
WAITING = RemovalPause(2, later("2s"), SAID)
OVER = RemovalPause(2, ago("1s"), SAID)
HELD = RemovalsRefused(2, later("2s"), SAID)
ENDED = {"age": "1m", "ended": True, "problem": "exited with 1"}


def shrinking(pause: RemovalPause) -> GroupPlan:
    return planned(group(1), fleet(3), activity=activity("ScaleIn", from_=3, to=1), removal_pause=pause)


def test_what_was_refused_is_not_removed_before_its_pause_is_over_and_the_group_says_so() -> None:
    plan = shrinking(WAITING)

    assert not plan.acts
    assert plan.holds == (HELD,)
    assert plan.wake_at == later("2s")
    assert plan.status.message == f"removing was refused 2 times in a row, next try at 2026-01-15T12:00:02Z: {SAID}"
    assert plan.status.phase == "ScalingIn"


def test_when_the_pause_is_over_it_is_tried_again() -> None:
    assert len(leaving(shrinking(OVER))) == 2


def test_an_instance_that_failed_and_cannot_be_removed_does_not_keep_another_from_being_made_up_for() -> None:
    there = (instance("web-0"), instance("web-1", **ENDED))
    plan = planned(group(3), there, activity=activity(first_ordinal=1), removal_pause=WAITING, next_ordinal=3)

    assert [step.name for step in launches(plan)] == ["web-3"]
    assert plan.holds == (HELD,)


def test_unhealthy_instances_wait_too() -> None:
    there = (*fleet(2), instance("web-2", ended=True, was_ready=True))

    assert planned(group(3), there, removal_pause=WAITING).holds == (HELD,)
    assert leaving(planned(group(3), there, removal_pause=OVER)) == ["web-2"]


def test_an_instance_that_failed_and_cannot_be_removed_does_not_keep_the_group_from_shrinking() -> None:
    there = (instance("web-0", **ENDED), *(instance(f"web-{number}") for number in range(1, 4)))
    plan = planned(group(2), there, activity=activity("ScaleIn", from_=4, to=2), removal_pause=OVER)

    assert len(leaving(plan)) == 2
    assert "web-0" in leaving(plan)
