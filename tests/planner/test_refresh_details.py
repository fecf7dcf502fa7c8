"""Details of a refresh that a wrong line would get wrong and whole stories would not show."""

from typing import Any

import pytest

from tests.refreshes import REVISIONS, in_refresh, planned_for, report_of, told
from tests.worlds import (
    NEXT_CONFIGURATION,
    activity,
    fleet,
    instance,
    later,
    launches,
    leaving,
    pending,
    result_of,
    revision,
    steps_of_kind,
)
from windlass.planner.capacity.instance import Instance
from windlass.planner.capacity.steps import ForgetRevision
from windlass.planner.group import plan_group

NEW: dict[str, Any] = {"revision": "web-2"}
BACK: dict[str, Any] = {"back": True, "phase": "RollingBack"}
LAUNCHING = activity("Replace", first_ordinal=20)
FAILED = instance("web-20", age="10m", ended=True, was_ready=False, problem="exited with 1", **NEW)


def test_what_was_launched_since_it_started_is_not_exchanged_again() -> None:
    plan = planned_for(
        fleet(10, first=20, **NEW), wanted={"skip_matching": False}, remembered={"first_ordinal": 20, "updated": 10}
    )

    assert not leaving(plan)
    assert plan.status.rollout is not None
    assert plan.status.rollout.committing


def test_old_ones_on_their_way_leave_within_the_budget() -> None:
    on_the_way = tuple(pending(f"web-{n}") for n in range(4, 10))
    plan = planned_for((*fleet(4), *on_the_way))

    assert len(leaving(plan)) == 2


def test_on_the_way_back_all_earlier_ones_are_to_stay_whatever_is_skipped() -> None:
    wanted = {"state": "RolledBack", "skip_matching": False}

    assert told(planned_for(fleet(10), wanted=wanted, remembered=BACK | {"first_ordinal": 10}))[0] == "RolledBack"


def test_on_the_way_back_nobody_leaves_twice() -> None:
    waiting = tuple(pending(f"web-{n}", **NEW) for n in (30, 31))
    sick = instance("web-22", not_ready="10s", **NEW)
    plan = planned_for((*fleet(9), sick, *waiting), wanted={"state": "RolledBack"}, remembered=BACK)

    assert sorted(leaving(plan)) == ["web-22", "web-30", "web-31"]


def test_a_pause_is_over_when_it_turns_back() -> None:
    there = (*fleet(8), *fleet(2, first=20, **NEW))
    remembered = {"phase": "Paused", "checkpoint": 20, "paused_until": later("9m"), "updated": 2}
    plan = planned_for(there, wanted={"checkpoints": (20, 100), "state": "RolledBack"}, remembered=remembered)

    assert plan.status.rollout is not None
    assert plan.status.rollout.paused_until is None
    assert plan.status.rollout.updated == 0


def test_a_protected_one_that_failed_is_one_of_the_group_s_size() -> None:
    kept = instance("web-20", age="10m", ended=True, was_ready=False, protected=True, **NEW)
    plan = planned_for((*fleet(9), kept), activity=LAUNCHING)

    assert (len(launches(plan)), len(leaving(plan))) == (2, 1)
    assert report_of(planned_for((*fleet(9), kept), activity=LAUNCHING, wanted={"state": "Suspended"})).total == 9


COUNTED: list[tuple[str, Instance, dict[str, Any], dict[str, Any], int]] = [
    ("its own", FAILED, {}, {"first_ordinal": 20}, 1),
    ("counted before", FAILED, {"failed": (20,)}, {"first_ordinal": 20}, 0),
    ("of an earlier launch", FAILED, {}, {"first_ordinal": 21}, 0),
    (
        "of another revision",
        instance("web-20", age="10m", ended=True, was_ready=False, problem="exited with 1"),
        {},
        {"first_ordinal": 20},
        0,
    ),
]


@pytest.mark.parametrize(
    ("failed", "known", "remembered", "count"), [row[1:] for row in COUNTED], ids=[row[0] for row in COUNTED]
)
@pytest.mark.spec("instance-refresh.md", "8 never below")
def test_what_did_not_come_into_service_counts_once_as_failed(
    failed: Instance, known: dict[str, Any], remembered: dict[str, Any], count: int
) -> None:
    running = activity("Replace", first_ordinal=20, **known)
    plan = planned_for((*fleet(10), failed), activity=running, remembered=remembered)

    assert leaving(plan) == ["web-20"]
    assert plan.status.rollout is not None
    assert plan.status.rollout.failed == count


def test_a_batch_that_launches_lets_a_removal_that_runs_end_first() -> None:
    going = instance("web-30", removing=True)
    plan = planned_for((*fleet(10), going), activity=activity("ScaleIn", to=10, from_=11))

    assert result_of(plan) is not None
    assert not launches(plan)


def test_more_than_all_is_all() -> None:
    plan = planned_for(fleet(5, first=20, **NEW), 3, group_spec={"suspended_processes": ("ScaleIn",)})

    assert (report_of(plan).total, report_of(plan).updated, report_of(plan).percentage) == (3, 5, 100)


def test_in_a_pause_it_waits_for_a_new_one_that_is_not_ready() -> None:
    there = (*fleet(8), *fleet(1, first=20, **NEW), instance("web-21", not_ready="1s", **NEW))
    remembered = {"phase": "Paused", "checkpoint": 20, "paused_until": later("9m"), "updated": 2}
    plan = planned_for(there, wanted={"checkpoints": (20, 100)}, remembered=remembered)

    assert (report_of(plan).waiting_for or "").startswith("1 new instance to come into service")


def test_revisions_are_kept_while_it_runs() -> None:
    kept = (*REVISIONS, revision("web-3", 3, {"template": 3}))
    suspended = in_refresh(
        fleet(10, **NEW), wanted={"state": "Suspended"}, configuration=NEXT_CONFIGURATION, revisions=kept
    )

    assert not steps_of_kind(plan_group(suspended), ForgetRevision)


def test_what_failed_of_the_earlier_revision_says_nothing_about_the_new_ones() -> None:
    old = instance("web-20", age="10m", ended=True, was_ready=False, problem="exited with 1")
    baking = {"phase": "Baking", "baking_until": later("5m"), "updated": 10}
    plan = planned_for((*fleet(10, **NEW), old), activity=LAUNCHING, remembered=baking, wanted={"bake_seconds": 600})

    assert plan.status.rollout is not None
    assert plan.status.rollout.phase == "Baking"
