"""Instances that end soon after their launch: each is a failed launch, however ready it was, and tries become rarer."""

from dataclasses import replace
from typing import Any

import pytest

from tests.worlds import (
    NEXT_CONFIGURATION,
    activity,
    after,
    backoff,
    fleet,
    group,
    instance,
    later,
    planned,
    removals,
    result_of,
    revision,
    span,
    view,
)
from windlass.api.ordinals import OrdinalRange
from windlass.api.scaling_group import ScalingGroupStatus
from windlass.planner.capacity.instance import Instance
from windlass.planner.capacity.reasons_launches import EndedEarly, MeantToEnd
from windlass.planner.capacity.steps import GroupPlan
from windlass.planner.group import plan_group

DONE = activity(first_ordinal=0, ended="1s", to=3)


def short(ordinal: int, lived: str, **fields: Any) -> Instance:
    """One that was ready, and ended so long after it had been scheduled."""
    made = instance(f"web-{ordinal}", **({"ended": True, "was_ready": True, "problem": "exited with 1"} | fields))
    assert made.scheduled_at is not None
    return replace(made, ended_at=made.scheduled_at + span(lived))


def status(*there: Instance, **fields: Any) -> ScalingGroupStatus:
    return planned(group(len(there)), there, **({"activity": DONE} | fields)).status


# ---- when it is a failed launch


def test_an_instance_that_ends_within_a_minute_of_its_launch_has_failed_also_when_its_activity_is_over() -> None:
    there = (*fleet(2), short(2, "59s"))
    plan = planned(group(3), there, activity=DONE)

    assert [(removal.name, removal.why) for removal in removals(plan)] == [("web-2", EndedEarly("exited with 1"))]
    assert plan.status.launch_backoff is not None
    assert plan.status.launch_backoff.retry_at == later("30s")
    assert plan.status.launch_backoff.reason == "ended within a minute of its launch: exited with 1"


def test_one_that_ends_later_is_unhealthy() -> None:
    assert (status(short(0, "60s")).unhealthy, status(short(0, "60s")).failed) == (1, 0)


def test_the_minute_begins_when_it_is_scheduled() -> None:
    waited = short(0, "5s", age="1d", scheduled="1h")

    assert status(waited).failed == 1


def test_one_of_which_nobody_knows_when_it_ended_is_unhealthy() -> None:
    assert status(instance("web-0", ended=True, was_ready=True)).unhealthy == 1


def test_it_is_so_whichever_activity_launched_it_and_all_leave_at_once() -> None:
    newer = activity(number=9, first_ordinal=50, ended="1s")
    plan = planned(group(30), [short(n, "3s") for n in range(30)], activity=newer)

    assert len(removals(plan)) == 30
    assert plan.status.launch_backoff is not None
    assert plan.status.launch_backoff.failures == 1


def test_an_instance_that_ends_after_a_minute_and_was_never_in_service_has_failed() -> None:
    spec = group(1, min_ready_seconds=120)
    ended = short(0, "90s", age="2m")

    assert planned(spec, [ended], activity=activity(first_ordinal=0)).status.failed == 1

    served = activity(first_ordinal=0, arrived=(OrdinalRange(first=0, count=1),))

    assert planned(spec, [ended], activity=served).status.unhealthy == 1


# ---- the next tries become rarer


def fresh(count: int, first: int = 0) -> tuple[Instance, ...]:
    return fleet(count, first=first, age="10s")


def test_failures_are_not_forgotten_before_the_launches_that_came_after_have_lived_for_a_minute() -> None:
    running = activity(first_ordinal=1, to=3)
    plan = planned(group(3), (*fleet(1), *fresh(2, 1)), activity=running, backoff=backoff(3, expired=True))

    assert result_of(plan) == "Successful"
    assert plan.status.launch_backoff == backoff(3, expired=True)
    assert plan.wake_at == later("50s")


def test_they_are_forgotten_then() -> None:
    old = fleet(3, age="60s")

    assert status(*old, backoff=backoff(3, expired=True)).launch_backoff is None
    assert status(*fresh(3), backoff=backoff(3, expired=True)).launch_backoff == backoff(3, expired=True)


def test_the_next_one_that_ends_early_counts_on() -> None:
    there = (*fresh(2), short(2, "3s", age="10s"))
    plan = planned(group(3), there, activity=DONE, backoff=backoff(3, expired=True))

    assert plan.status.launch_backoff is not None
    assert (plan.status.launch_backoff.failures, plan.status.launch_backoff.retry_at) == (4, later("240s"))


def test_success_in_part_begins_to_count_anew_when_it_has_lasted_for_a_minute() -> None:
    over = activity(first_ordinal=0, ended="20s", result="Warning", failed=(2,), to=3)

    def failures(*there: Instance) -> int | None:
        found = planned(group(3), there, activity=over, backoff=backoff(5), next_ordinal=3).status.launch_backoff
        return found.failures if found else None

    assert failures(*fresh(2)) == 5
    assert failures(*fleet(2, age="60s")) == 1


def test_a_group_is_ready_while_it_remembers_failures_that_are_made_up_for() -> None:
    assert status(*fresh(3), backoff=backoff(6, expired=True)).phase == "Ready"


def test_what_is_lost_after_a_success_is_not_blamed_on_failures_before() -> None:
    plan = planned(group(3), fresh(2), activity=DONE, backoff=backoff(3, expired=True), next_ordinal=3)

    assert plan.status.activity is not None
    assert plan.status.activity.cause == "1 instance missing of 3 desired"


# ---- over several passes


def test_a_process_that_has_just_started_knows_all_this_from_the_pods_and_the_status() -> None:
    seen = view(group(1), [short(0, "3s", age="5s")], activity=activity(first_ordinal=0, to=1))
    first = plan_group(seen)
    second = plan_group(after(seen, first))

    assert second.status.launch_backoff is not None
    assert second.status.launch_backoff.failures == 1


# ---- templates whose Pods are meant to end


def kept(restart_policy: Any) -> GroupPlan:
    spec = NEXT_CONFIGURATION["template"]["spec"] | {"restartPolicy": restart_policy}
    return planned(group(0), configuration={"template": {"spec": spec}}, revisions=[revision()])


@pytest.mark.parametrize("policy", ["Never", "OnFailure"])
def test_a_template_whose_pods_are_meant_to_end_is_warned_of_when_it_is_first_seen(policy: str) -> None:
    events = [(event.type, event.reason) for event in kept(policy).events]

    assert events == [("Warning", MeantToEnd("ScalingConfiguration/web", policy))]


@pytest.mark.parametrize("policy", ["Always", None, 7])
def test_others_are_not(policy: Any) -> None:
    assert not kept(policy).events


@pytest.mark.parametrize("configuration", [{}, {"template": None}, {"template": {"spec": "x"}}])
def test_nor_is_what_makes_no_pod_at_all(configuration: Any) -> None:
    assert not planned(group(0), configuration=configuration, revisions=()).events
