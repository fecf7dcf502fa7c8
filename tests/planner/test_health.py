"""Which instances are replaced because they take no work any more, and how many at once."""

from dataclasses import replace

import pytest

from tests.worlds import (
    NOW,
    activity,
    after,
    fleet,
    group,
    instance,
    later,
    launches,
    leaving,
    pending,
    planned,
    removals,
    type_of,
    view,
)
from windlass.planner.capacity.instance import Instance
from windlass.planner.capacity.reasons import OneStepAtATime, ProcessSuspended, Unhealthy
from windlass.planner.group import plan_group
from windlass.planner.plan import Event

SICK, DEAD = {"not_ready": "10m"}, {"ended": True, "was_ready": True}


def fleet_of(desired: int, *special: Instance) -> tuple[Instance, ...]:
    """`desired` instances, of which the last are these."""
    return (*fleet(desired - len(special)), *special)


def dead(*ordinals: int) -> tuple[Instance, ...]:
    return tuple(instance(f"web-{n}", **DEAD) for n in ordinals)  # type: ignore[arg-type]


def sick(*ordinals: int) -> tuple[Instance, ...]:
    return tuple(instance(f"web-{n}", **SICK) for n in ordinals)  # type: ignore[arg-type]


# ---- when


@pytest.mark.spec("scaling-group.md", "4 health: replaced")
@pytest.mark.spec("scaling-group.md", "health check method: instance")
def test_an_instance_that_is_not_ready_for_the_interval_is_removed_and_replaced() -> None:
    there = fleet_of(3, instance("web-2", not_ready="300s", problem="probe failed"))
    first = planned(group(3), there)
    (removal,) = removals(first)

    assert (removal.name, removal.why) == ("web-2", Unhealthy("probe failed"))
    assert type_of(first) == "Replace"

    second = plan_group(after(view(group(3), there), first, instances=there[:2]))

    assert [step.name for step in launches(second)] == ["web-3"]


def test_an_instance_that_is_not_ready_for_less_stays_and_the_wake_up_is_the_exact_moment() -> None:
    plan = planned(group(3), fleet_of(3, instance("web-2", not_ready="299s")))

    assert not plan.acts
    assert plan.wake_at == later("1s")
    assert plan.status.message == "web-2 not ready; replaced when that lasts 300 seconds"


@pytest.mark.spec("scaling-group.md", "4 health: stopped from outside")
def test_an_instance_whose_pod_has_ended_is_replaced_at_once() -> None:
    plan = planned(group(3), fleet_of(3, *dead(2)))

    assert leaving(plan) == ["web-2"]
    assert removals(plan)[0].why == Unhealthy("its Pod has ended")


def test_an_instance_that_says_nothing_is_said_to_be_not_ready_for_too_long() -> None:
    assert removals(planned(group(3), fleet_of(3, *sick(2))))[0].why == Unhealthy("not ready for too long")


def test_each_replacement_is_told_as_a_warning() -> None:
    plan = planned(group(3), fleet_of(3, *dead(2)))

    assert [(e.type, str(e.reason)) for e in plan.events if e.type == "Warning"] == [
        ("Warning", "removing web-2: unhealthy: its Pod has ended")
    ]
    assert all(isinstance(event, Event) for event in plan.events)


# ---- how many


@pytest.mark.parametrize(
    ("desired", "at_once"), [(1, 1), (9, 1), (10, 1), (19, 1), (20, 2), (99, 9), (100, 10)], ids=str
)
def test_a_tenth_of_the_desired_size_but_at_least_one_leaves_at_once(desired: int, at_once: int) -> None:
    assert len(leaving(planned(group(desired), dead(*range(desired))))) == at_once
    assert len(leaving(planned(group(desired), sick(*range(desired))))) == at_once


def test_the_others_wait_and_the_status_says_so() -> None:
    """One left for its health and its replacement has not been launched."""
    plan = planned(
        group(10), fleet_of(10, *sick(8, 9), pending("web-7")), activity=activity("Replace", first_ordinal=7)
    )

    assert not plan.steps
    assert plan.holds == (OneStepAtATime(2, 1),)


def test_the_dead_wait_only_for_launches_that_have_not_been_made() -> None:
    busy = activity("Replace", first_ordinal=7)
    missing = planned(group(10), fleet_of(9, *dead(8)), activity=busy)
    on_its_way = planned(group(10), fleet_of(10, *dead(9), pending("web-8")), activity=busy)

    assert not leaving(missing)
    assert leaving(on_its_way) == ["web-9"]


def test_a_mass_failure_of_dead_instances_is_met_as_fast_as_launches_are_made() -> None:
    seen = view(group(5), dead(*range(5)))
    there, passes = {i.name: i for i in seen.instances}, 0
    while any(i.ended for i in there.values()):
        plan = plan_group(seen)
        for name in leaving(plan):
            del there[name]
        for launch in launches(plan):
            there[launch.name] = pending(launch.name, age="0s")
        assert len(there) >= 4
        seen, passes = after(seen, plan, instances=tuple(there.values())), passes + 1

    assert passes <= 10


def test_the_sick_wait_for_replacements_on_their_way_but_for_one_interval_at_most() -> None:
    busy = activity("Replace", first_ordinal=7)
    young, grown = pending("web-8", age="299s"), pending("web-8", age="300s")

    waits = planned(group(10), fleet_of(10, *sick(9), young), activity=busy)
    acts = planned(group(10), fleet_of(10, *sick(9), grown), activity=busy)

    assert not leaving(waits)
    assert waits.wake_at == later("1s")
    assert leaving(acts) == ["web-9"]


def test_a_launch_that_hangs_does_not_keep_a_dead_instance_from_being_replaced() -> None:
    hangs = instance("web-8", age="2h", unschedulable="2h", problem="no node fits")
    busy = activity("ScaleOut", first_ordinal=8, started="2h")
    seen = view(group(10), fleet_of(10, *dead(9), hangs), activity=busy, next_ordinal=10)
    removing = plan_group(seen)

    assert leaving(removing) == ["web-9"]

    launching = plan_group(after(seen, removing, instances=[i for i in seen.instances if not i.ended]))

    assert [step.name for step in launches(launching)] == ["web-10"]
    assert launching.status.activity is not None
    assert launching.status.activity.name == busy.name


def test_dead_ones_leave_before_sick_ones() -> None:
    assert leaving(planned(group(10), fleet_of(10, *sick(8), *dead(9)))) == ["web-9"]


# ---- who is not judged


@pytest.mark.spec("scaling-group.md", "5 protected: health")
@pytest.mark.parametrize("trouble", [SICK, DEAD], ids=["sick", "dead"])
def test_a_protected_instance_is_not_replaced_for_its_health(trouble: dict[str, object]) -> None:
    there = fleet_of(3, instance("web-2", protected=True, **trouble))  # type: ignore[arg-type]
    plan = planned(group(3), there)

    assert not plan.steps
    assert plan.status.protected == plan.status.unhealthy == 1
    assert plan.status.message == (
        "web-2 not in service, and left alone because of the annotation windlass.dev/protect"
    )


@pytest.mark.spec("scaling-group.md", "6 suspend HealthCheck")
def test_nothing_is_replaced_while_the_health_check_is_suspended_and_the_status_says_so() -> None:
    plan = planned(group(3, suspended_processes=("HealthCheck",)), fleet_of(3, *dead(1, 2)))

    assert not plan.steps
    assert plan.holds == (ProcessSuspended("HealthCheck", 2, "unhealthy, not replaced"),)
    assert plan.status.message == "HealthCheck is suspended: 2 instances unhealthy, not replaced"


@pytest.mark.spec("scaling-group.md", "6 suspend ScaleOut")
def test_nothing_is_removed_for_its_health_that_could_not_be_replaced_and_the_status_says_so() -> None:
    plan = planned(group(3, suspended_processes=("ScaleOut",)), fleet_of(3, *dead(2)))

    assert not plan.steps
    assert plan.status.message == "ScaleOut is suspended: 1 instance unhealthy, not replaced"


def test_nothing_is_removed_for_its_health_while_there_is_nothing_to_make_another_from() -> None:
    plan = planned(group(3), fleet_of(3, *dead(2)), configuration=None, revisions=())

    assert not plan.steps
    assert plan.status.phase == "Stalled"


def test_an_unhealthy_instance_that_is_too_many_leaves_and_is_not_replaced() -> None:
    plan = planned(group(2), fleet_of(3, *dead(2)))

    assert leaving(plan) == ["web-2"]
    assert type_of(plan) == "ScaleIn"


def test_an_unhealthy_instance_is_removed_though_scaling_in_is_suspended() -> None:
    plan = planned(group(2, suspended_processes=("ScaleIn",)), fleet_of(3, *dead(2)))

    assert leaving(plan) == ["web-2"]
    assert type_of(plan) == "Replace"


def test_a_wake_up_is_due_when_the_first_of_the_young_has_had_its_interval() -> None:
    there = fleet_of(10, *sick(7), pending("web-8", age="100s"), pending("web-9", age="200s"))
    plan = planned(group(10), there, activity=activity("Replace", first_ordinal=8))

    assert plan.wake_at == later("100s")


def test_nobody_wakes_for_health_where_nobody_is_unhealthy() -> None:
    there = fleet_of(10, pending("web-9", age="100s"))
    seen = view(group(10), there, activity=activity("Replace", first_ordinal=9))
    timeout = plan_group(seen).wake_at

    assert timeout == later("500s")  # the launch time-out, and nothing before it
    assert plan_group(replace(seen, now=NOW)).wake_at == timeout
