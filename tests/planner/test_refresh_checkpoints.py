"""Checkpoints in a refresh: when it pauses, how it goes on, and what it does meanwhile."""

from typing import Any

import pytest

from tests.contract import contract_broken
from tests.refreshes import in_refresh, planned_for, report_of
from tests.worlds import NOW, after, ago, fleet, later, launches, leaving
from windlass.planner.capacity.steps import GroupPlan
from windlass.planner.group import plan_group

POINTS = {"checkpoints": (20, 50, 100), "checkpoint_pause_minutes": 30}
PAUSED = {"phase": "Paused", "checkpoint": 20, "paused_until": later("9m"), "updated": 2}


def fleet_of(new: int, desired: int = 10) -> Any:
    return (*fleet(desired - new), *fleet(new, first=20, revision="web-2"))


def paused(new: int = 2, *, wanted: dict[str, Any] | None = None, **remembered: Any) -> GroupPlan:
    return planned_for(fleet_of(new), wanted=POINTS | (wanted or {}), remembered=PAUSED | remembered)


REACHED = [(1, 0, False), (2, 20, True), (4, 20, True), (5, 50, True), (7, 50, True), (10, 100, False)]


@pytest.mark.parametrize(("new", "checkpoint", "pauses"), REACHED)
@pytest.mark.spec("instance-refresh.md", "checkpoints")
def test_it_pauses_at_each_but_the_last(new: int, checkpoint: int, pauses: bool) -> None:
    rollout = planned_for(fleet_of(new), wanted=POINTS).status.rollout

    assert rollout is not None
    assert rollout.checkpoint == checkpoint
    assert rollout.paused_until == (later("30m") if pauses else None)
    assert (rollout.phase == "Paused") == pauses


@pytest.mark.spec("instance-refresh.md", "checkpoint pause")
def test_a_pause_is_shown_and_its_end_wakes_the_group() -> None:
    plan = paused()
    status = report_of(plan)

    assert (status.phase, status.checkpoint, status.wake_at) == ("Paused", 20, later("9m"))
    assert "the pause at checkpoint 20 % to end" in (status.waiting_for or "")
    assert plan.wake_at == later("9m")
    assert not plan.acts
    assert contract_broken(status.conditions, 1) is None


@pytest.mark.spec("instance-refresh.md", "checkpoint pause")
def test_then_it_goes_on_by_itself_to_the_next() -> None:
    plan = paused(paused_until=NOW)

    assert plan.status.rollout is not None
    assert (plan.status.rollout.phase, plan.status.rollout.paused_until) == ("Running", None)
    assert (len(launches(plan)), len(leaving(plan))) == (2, 2)


APPROVED = [(0, False), (19, False), (20, True), (50, True), (100, True)]


@pytest.mark.parametrize(("approved", "goes_on"), APPROVED)
@pytest.mark.spec("instance-refresh.md", "7 control and progress")
def test_people_may_let_it_go_on_early_from_a_checkpoint(approved: int, goes_on: bool) -> None:
    plan = paused(wanted={"approved": approved})

    assert bool(launches(plan)) == goes_on
    assert plan.status.rollout is not None
    assert plan.status.rollout.phase == ("Running" if goes_on else "Paused")


def test_one_that_was_approved_does_not_pause_there_at_all_but_at_the_next() -> None:
    there = planned_for(fleet_of(2), wanted=POINTS | {"approved": 20})
    further = planned_for(fleet_of(5), wanted=POINTS | {"approved": 20}, remembered={"checkpoint": 20})

    assert [plan.status.rollout and plan.status.rollout.phase for plan in (there, further)] == ["Running", "Paused"]


GROWN = [(2, 20), (4, 20)]


@pytest.mark.parametrize(("new", "checkpoint"), GROWN)
@pytest.mark.spec("instance-refresh.md", "3 scaling goes on")
def test_a_group_that_grows_meanwhile_does_not_pause_there_again(new: int, checkpoint: int) -> None:
    there = (*fleet(8), *fleet(new, first=20, revision="web-2"))
    plan = planned_for(there, 8 + new + 10, wanted=POINTS, remembered={"checkpoint": 20, "updated": 2})

    assert plan.status.rollout is not None
    assert (plan.status.rollout.checkpoint, plan.status.rollout.paused_until) == (checkpoint, None)


def test_the_time_of_a_pause_is_not_held_against_it() -> None:
    plan = paused(paused_until=NOW, progress_at=ago("2h"))

    assert plan.status.rollout is not None
    assert (plan.status.rollout.phase, plan.status.rollout.progress_at) == ("Running", NOW)


def test_a_pause_that_ends_while_a_person_has_suspended_it_is_over_when_it_is_resumed() -> None:
    suspended = in_refresh(
        fleet_of(2), wanted=POINTS | {"state": "Suspended"}, remembered=PAUSED | {"paused_until": ago("1m")}
    )
    plan = plan_group(suspended)
    resumed = plan_group(after(suspended, plan, refreshes=in_refresh((), wanted=POINTS).refreshes))

    assert (report_of(plan).phase, launches(plan)) == ("Suspended", [])
    assert resumed.status.rollout is not None
    assert resumed.status.rollout.phase == "Running"
    assert launches(resumed)
