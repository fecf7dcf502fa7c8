"""Which refresh of a group has its turn, and what becomes of the others."""

from typing import Any

import pytest

from tests.refreshes import REVISIONS, image_refresh, in_refresh, told
from tests.worlds import NOW, fleet, group, planned, rollout
from windlass.planner.group import plan_group
from windlass.planner.rollout.refresh import Refresh

RUNS = {"start_time": NOW, "phase": "Running"}
WAS_FIRST = "InstanceRefresh r0 is active: wait until it is over, or cancel it, and create this one again"


@pytest.mark.spec("instance-refresh.md", "scaling group")
def test_while_one_runs_a_second_is_refused_with_its_name() -> None:
    first = image_refresh("r0", age="5m", status=RUNS)
    plan = plan_group(
        in_refresh(fleet(10), remembered={"name": "r0", "uid": "r0-uid"}, refreshes=(image_refresh("r1"), first))
    )

    assert told(plan) == ("Failed", WAS_FIRST)
    assert plan.status.rollout is not None
    assert plan.status.rollout.name == "r0"


def test_of_two_that_have_not_started_the_elder_has_its_turn() -> None:
    two = (image_refresh("r1", age="1m"), image_refresh("r0", age="2m"))
    plan = planned(group(3), fleet(3), refreshes=two, revisions=REVISIONS)

    assert told(plan) == ("Failed", WAS_FIRST)
    assert plan.status.rollout is not None
    assert plan.status.rollout.name == "r0"


def test_one_that_is_over_is_in_nobody_s_way() -> None:
    over = image_refresh("r0", age="2h", status={"phase": "Failed", "start_time": NOW, "completion_time": NOW})
    plan = planned(group(3), fleet(3), refreshes=(over, image_refresh("r1")), revisions=REVISIONS)

    assert plan.status.rollout is not None
    assert plan.status.rollout.name == "r1"


def test_one_that_ended_and_whose_status_does_not_say_so_yet_is_still_first() -> None:
    first = image_refresh("r0", age="5m", status=RUNS)
    remembered = rollout("r0", phase="Cancelled", outcome="Cancelled", message="cancelled")
    plan = planned(group(3), fleet(3), rollout=remembered, refreshes=(first, image_refresh("r1")), revisions=REVISIONS)

    assert told(plan, "r0") == ("Cancelled", "cancelled")
    assert plan.status.rollout == remembered


TOKENS: list[tuple[dict[str, Any], str]] = [
    ({}, "Pending"),
    (RUNS, "Pending"),
    ({"phase": "Successful", "start_time": NOW, "completion_time": NOW}, "Successful"),
    ({"phase": "Failed", "start_time": NOW, "completion_time": NOW}, "Failed"),
    ({"phase": "RolledBack", "start_time": NOW, "completion_time": NOW}, "RolledBack"),
]


@pytest.mark.parametrize(("first", "phase"), TOKENS)
@pytest.mark.spec("instance-refresh.md", "client token")
def test_the_same_token_again_takes_over_the_outcome_and_does_nothing(first: dict[str, Any], phase: str) -> None:
    two: tuple[Refresh, ...] = (
        image_refresh("r0", age="2h", client_token="deploy-7", status=first),
        image_refresh("r1", client_token="deploy-7"),
    )
    runs = {"rollout": rollout("r0")} if first == RUNS else {}
    plan = planned(group(3), fleet(3), refreshes=two, revisions=REVISIONS, **runs)

    assert told(plan) == (phase, "InstanceRefresh r0 has the same clientToken: nothing is done, its outcome counts")
    assert plan.status.rollout is None or plan.status.rollout.name == "r0"
