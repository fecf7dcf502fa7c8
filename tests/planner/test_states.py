"""The table of `state_of`, row by row, on both sides of each boundary; and what the census counts."""

from dataclasses import replace
from datetime import timedelta

import pytest

from tests.worlds import NOW, activity, added, ago, fleet, group, instance, later, pending, planned, removals, view
from windlass.api.ordinals import OrdinalRange
from windlass.planner.capacity.instance import Instance, Patience, State, state_of
from windlass.planner.capacity.view import Census, take_census

SPEC = group(min_ready_seconds=30, health_seconds=300, launch_timeout_seconds=600)

# Pod, state, seconds until time alone changes it
ROWS: dict[str, tuple[Instance, State, int | None]] = {
    "being deleted": (instance("web-0", removing=True), State.REMOVING, None),
    "being deleted, and ended": (instance("web-0", removing=True, ended=True), State.REMOVING, None),
    "ended, was ready before": (instance("web-0", ended=True, was_ready=True), State.UNHEALTHY, None),
    "ended, was never ready": (instance("web-0", ended=True), State.FAILED, None),
    "ready for minReadySeconds": (instance("web-0", ready="30s"), State.IN_SERVICE, None),
    "ready for longer": (instance("web-0", ready="1h"), State.IN_SERVICE, None),
    "ready for less": (instance("web-0", ready="29s"), State.PENDING, 1),
    "was ready, not ready for the health interval": (instance("web-0", not_ready="300s"), State.UNHEALTHY, None),
    "was ready, not ready for less": (instance("web-0", not_ready="299s"), State.NOT_READY, 1),
    "never ready, scheduled launchTimeoutSeconds ago": (
        pending("web-0", age="1h", scheduled="600s"),
        State.FAILED,
        None,
    ),
    "never ready, scheduled for less": (pending("web-0", age="1h", scheduled="599s"), State.PENDING, 1),
    "never ready, never scheduled": (instance("web-0", scheduled=None), State.PENDING, None),
    "never ready, unschedulable for days": (instance("web-0", age="9d", unschedulable="9d"), State.PENDING, None),
}


@pytest.mark.parametrize(("pod", "state", "changes_in"), ROWS.values(), ids=ROWS)
@pytest.mark.spec("scaling-group.md", "5 states")
def test_the_state_of_an_instance(pod: Instance, state: State, changes_in: int | None) -> None:
    due = None if changes_in is None else NOW + timedelta(seconds=changes_in)

    assert state_of(pod, Patience.of(SPEC), NOW, launching=not pod.was_ready) == (state, due)


# Those that were ready and never in service
UNSTEADY: dict[str, tuple[Instance, State, int | None]] = {
    "ended": (instance("web-0", ended=True, was_ready=True), State.FAILED, None),
    "not ready, scheduled for less than launchTimeoutSeconds": (
        instance("web-0", age="599s", not_ready="400s"),
        State.PENDING,
        1,
    ),
    "not ready, scheduled launchTimeoutSeconds ago": (
        instance("web-0", age="600s", not_ready="1s"),
        State.FAILED,
        None,
    ),
    "ready for less than minReadySeconds, scheduled launchTimeoutSeconds ago": (
        instance("web-0", age="600s", ready="29s"),
        State.PENDING,
        1,
    ),
}


@pytest.mark.parametrize(("pod", "state", "changes_in"), UNSTEADY.values(), ids=UNSTEADY)
def test_the_state_of_a_launch_that_was_ready_and_never_in_service(
    pod: Instance, state: State, changes_in: int | None
) -> None:
    due = None if changes_in is None else NOW + timedelta(seconds=changes_in)

    assert state_of(pod, Patience.of(SPEC), NOW, launching=True) == (state, due)


@pytest.mark.spec("scaling-group.md", "4 health: stopped from outside")
def test_an_instance_whose_pod_ended_after_it_was_in_service_is_unhealthy_at_once() -> None:
    stopped = instance("web-0", ended=True, was_ready=True)

    assert state_of(stopped, Patience.of(SPEC), NOW, launching=False)[0] is State.UNHEALTHY


@pytest.mark.spec("scaling-group.md", "health check interval")
@pytest.mark.parametrize(("said", "seconds"), [(0, 10), (60, 60), (300, 300), (900, 900), (3600, 3600), (10800, 10800)])
def test_the_health_check_interval_in_seconds_and_zero_means_ten(said: int, seconds: int) -> None:
    patience = Patience.of(group(health_seconds=said))
    just, almost = instance("web-0", not_ready=f"{seconds}s"), instance("web-0", not_ready=f"{seconds - 1}s")

    assert state_of(just, patience, NOW, launching=False)[0] is State.UNHEALTHY
    assert state_of(almost, patience, NOW, launching=False) == (State.NOT_READY, later("1s"))


def test_the_health_check_interval_is_five_minutes_unless_something_else_is_said() -> None:
    assert Patience.of(group()).health_interval == timedelta(minutes=5)


# ---- the census


def census(*instances: Instance) -> Census:
    served = OrdinalRange(first=2, count=2)
    return take_census(view(SPEC, instances, activity=activity(arrived=(served,))))


@pytest.mark.spec("scaling-group.md", "5 states")
def test_every_state_is_counted() -> None:
    counted = census(
        instance("web-0"),
        pending("web-1"),
        instance("web-2", not_ready="10s"),
        instance("web-3", not_ready="10m"),
        instance("web-4", ended=True),
        instance("web-5", removing=True),
    )

    assert {state: counted.count(state) for state in State} == dict.fromkeys(State, 1)


def test_what_is_being_removed_is_no_capacity_and_stands_in_no_zone() -> None:
    counted = census(instance("web-0", zone="zone-a"), instance("web-1", zone="zone-b", removing=True))

    assert counted.capacity == 1
    assert counted.per_zone == {"zone-a": 1}
    assert counted.per_revision == {"web-1": 1}


def test_what_is_being_removed_still_keeps_its_ordinal() -> None:
    assert census(instance("web-3"), instance("web-8", removing=True)).largest_ordinal == 8


def test_protected_instances_are_counted_beside_their_state_while_they_are_capacity() -> None:
    counted = census(instance("web-0", protected=True), instance("web-1", protected=True, removing=True))

    assert (counted.protected, counted.count(State.IN_SERVICE)) == (1, 1)


def test_the_next_change_is_the_earliest_of_all() -> None:
    counted = census(instance("web-0", not_ready="100s"), pending("web-1", age="500s"), instance("web-2"))

    assert counted.next_change == later("100s")


def test_the_instances_of_a_state_come_by_their_ordinals_however_they_were_found() -> None:
    found = [pending("web-10"), pending("web-9"), pending("web-2")]

    assert [i.ordinal for i in census(*found).of(State.PENDING)] == [2, 9, 10]


def test_instances_count_towards_the_revision_that_they_were_made_from() -> None:
    seen = view(instances=(*fleet(2), instance("web-2", revision="web-9")), added_at=[added()])

    assert take_census(seen).per_revision == {"web-1": 2, "web-9": 1}


# ---- a Pod that has forgotten that it was ready


OLD: dict[str, tuple[Instance, State, int | None]] = {
    "ended": (instance("web-0", ended=True), State.UNHEALTHY, None),
    "within the launch time-out": (pending("web-0", age="1h", scheduled="599s"), State.PENDING, 1),
    "for long": (
        replace(pending("web-0", age="1d"), ready_changed_at=ago("300s")),
        State.UNHEALTHY,
        None,
    ),
    "for less": (replace(pending("web-0", age="1d"), ready_changed_at=ago("299s")), State.NOT_READY, 1),
}


@pytest.mark.parametrize(("pod", "state", "changes_in"), OLD.values(), ids=OLD)
def test_what_was_launched_before_goes_by_the_rules_of_health(
    pod: Instance, state: State, changes_in: int | None
) -> None:
    due = None if changes_in is None else NOW + timedelta(seconds=changes_in)

    assert state_of(pod, Patience.of(SPEC), NOW, launching=False) == (state, due)


def test_thirty_that_were_long_in_service_and_look_as_if_never_ready_leave_three_at_a_time() -> None:
    there = [replace(pending(f"web-{n}", age="1d"), ready_changed_at=ago("10m")) for n in range(30)]
    plan = planned(group(30), there, activity=activity(to=30, ended="20h"))

    assert len(removals(plan)) == 3
    assert plan.status.failed == 0
    assert plan.status.launch_backoff is None


def test_what_was_scheduled_only_after_its_activity_had_ended_may_still_fail() -> None:
    late = pending("web-0", age="1d", scheduled="11m")
    plan = planned(group(1), [late], activity=activity(to=1, ended="1h", result="Failed"))

    assert plan.status.failed == 1
