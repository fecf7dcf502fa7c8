"""The launch time-out counts until an instance is in service for the first time; being ready for a moment is not it."""

from typing import Any

import pytest

from tests.worlds import activity, after, ago, fleet, group, instance, later, pending, planned, removals, view
from windlass.api.ordinals import OrdinalRange
from windlass.api.scaling_group import MAX_NAMED_INSTANCES, ScalingGroupStatus
from windlass.planner.capacity.instance import Instance
from windlass.planner.capacity.reasons_launches import NeverSteady
from windlass.planner.group import plan_group

SPEC = group(1, min_ready_seconds=15, launch_timeout_seconds=30, health_seconds=60)
BUSY = activity(first_ordinal=0, to=1)
HAS_SERVED = BUSY.model_copy(update={"arrived": (OrdinalRange(first=0, count=1),)})


def flapping(age: str, **fields: Any) -> Instance:
    """One that was ready, and is not for two seconds now."""
    return instance("web-0", age=age, **({"not_ready": "2s"} | fields))


def status(there: Instance, running: Any = BUSY) -> ScalingGroupStatus:
    return planned(SPEC, [there], activity=running).status


# ---- what was ready and never in service


def test_an_instance_that_was_ready_for_less_than_min_ready_seconds_is_still_on_its_way() -> None:
    plan = planned(SPEC, [flapping("20s")], activity=BUSY)

    assert (plan.status.pending, plan.status.not_ready) == (1, 0)
    assert plan.wake_at == later("10s")


def test_it_has_failed_when_the_launch_time_out_is_over() -> None:
    plan = planned(SPEC, [flapping("30s", problem="ContainersNotReady")], activity=BUSY)

    assert [removal.why for removal in removals(plan)] == [NeverSteady(15, 30, "ContainersNotReady")]
    assert plan.status.launch_backoff is not None


def test_one_that_is_ready_when_the_time_out_is_over_may_still_arrive_without_a_break() -> None:
    ready = instance("web-0", age="40s", ready="14s")

    assert status(ready).pending == 1
    assert planned(SPEC, [ready], activity=BUSY).wake_at == later("1s")
    assert status(flapping("40s", not_ready="0s")).failed == 1


def test_without_min_ready_seconds_whatever_was_ready_was_in_service() -> None:
    spec = group(1, launch_timeout_seconds=30)

    assert planned(spec, [flapping("40s")], activity=BUSY).status.not_ready == 1


# ---- what was in service


def test_who_comes_into_service_is_remembered_in_the_status() -> None:
    there = (instance("web-0", age="40s", ready="15s"), pending("web-1"), instance("web-2", age="40s", ready="20s"))
    plan = planned(group(3, min_ready_seconds=15), there, activity=activity(first_ordinal=0))

    assert plan.status.activity is not None
    assert plan.status.activity.arrived == (OrdinalRange(first=0, count=1), OrdinalRange(first=2, count=1))


def test_one_that_was_in_service_goes_by_the_rules_of_health_also_for_a_process_that_has_just_started() -> None:
    seen = view(SPEC, [instance("web-0", age="20s", ready="15s")], activity=BUSY)
    seen = after(seen, plan_group(seen), instances=[flapping("40s")])

    assert (plan_group(seen).status.not_ready, plan_group(seen).status.failed) == (1, 0)
    assert status(flapping("2m", not_ready="60s"), HAS_SERVED).unhealthy == 1


def test_it_does_so_though_its_pod_forgot_that_it_ever_was_ready() -> None:
    assert status(pending("web-0", age="20m"), HAS_SERVED).failed == 0


def test_what_an_earlier_activity_launched_cannot_fail_as_a_launch() -> None:
    later_one = activity("Replace", number=2, first_ordinal=5)

    assert status(flapping("20m"), later_one).failed == 0


def test_nobody_is_remembered_where_no_time_lies_between_ready_and_in_service() -> None:
    plan = planned(group(3), fleet(3), activity=activity(first_ordinal=0))

    assert plan.status.activity is not None
    assert plan.status.activity.arrived == ()


def every_second(count: int) -> tuple[OrdinalRange, ...]:
    return tuple(OrdinalRange(first=2 * n, count=1) for n in range(count))


@pytest.mark.parametrize(("ordinal", "failed"), [(1, 1), (2 * MAX_NAMED_INSTANCES + 1, 0)], ids=["within", "beyond"])
def test_beyond_what_a_status_can_remember_whatever_was_ready_counts_as_in_service(ordinal: int, failed: int) -> None:
    running = activity(first_ordinal=0, arrived=every_second(MAX_NAMED_INSTANCES))
    there = instance(f"web-{ordinal}", age="40s", not_ready="1s")

    assert status(there, running).failed == failed


def test_no_more_is_remembered_than_a_status_may_hold() -> None:
    there = [instance(f"web-{2 * n}") for n in range(150)]
    plan = planned(group(150, max_size=300, min_ready_seconds=15), there, activity=activity(first_ordinal=0))

    assert plan.status.activity is not None
    assert plan.status.activity.arrived == every_second(MAX_NAMED_INSTANCES)


# ---- the record


def test_a_record_counts_in_service_what_was_in_service() -> None:
    failed = BUSY.model_copy(update={"failed": (0,)})
    spec = group(1, min_ready_seconds=15, suspended_processes=("ScaleOut",))
    plan = planned(spec, [instance("web-1", age="40s", not_ready="2s")], activity=failed, next_ordinal=2)

    assert plan.status.activity is not None
    assert plan.status.activity.description in (None, "launched 2 instances, 0 in service, 1 failed, 1 on the way")


# ---- after an outage of the operator


@pytest.mark.parametrize(("watched", "leave"), [(None, 20), ("1h", 20), ("1m", 0)])
def test_whom_nobody_watched_while_they_came_up_is_not_taken_for_a_failed_launch(
    watched: str | None, leave: int
) -> None:
    """A whole group that is not ready for a moment, and was ready for half an hour before anybody looked."""
    spec = group(20, min_ready_seconds=15, launch_timeout_seconds=30, health_seconds=60)
    there = fleet(20, age="30m", not_ready="5s")
    seen = view(spec, there, activity=BUSY, watched_since=None if watched is None else ago(watched))

    plan = plan_group(seen)
    assert len(removals(plan)) == leave
    assert plan.status.not_ready == 20 - leave
