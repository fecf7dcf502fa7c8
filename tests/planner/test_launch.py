"""Growing: how many instances are created, and under which names."""

import pytest

from tests.worlds import (
    activity,
    after,
    fleet,
    group,
    instance,
    launches,
    pending,
    planned,
    view,
)
from windlass.api.ordinals import OrdinalRange
from windlass.planner.capacity.launch import LAUNCH_BATCH
from windlass.planner.capacity.reasons import ProcessSuspended
from windlass.planner.capacity.steps import GroupPlan
from windlass.planner.group import plan_group


def names(plan: GroupPlan) -> list[str]:
    return [step.name for step in launches(plan)]


def reserved(first: int, count: int) -> OrdinalRange:
    return OrdinalRange(first=first, count=count)


def launching(plan: GroupPlan) -> OrdinalRange | None:
    assert plan.status.activity is not None
    return plan.status.activity.launching


# ---- how many


def test_what_is_missing_is_created_at_once_and_no_more() -> None:
    assert names(planned(group(5), fleet(2))) == ["web-2", "web-3", "web-4"]


def test_everything_that_is_not_being_removed_counts() -> None:
    there = (
        instance("web-0"),
        pending("web-1"),
        instance("web-2", not_ready="10s"),
        instance("web-3", protected=True),
        instance("web-4", removing=True),
    )

    assert names(planned(group(5), there)) == ["web-5"]


def test_a_pass_creates_a_thousand_at_most() -> None:
    plan = planned(group(2500, max_size=10_000))

    assert len(launches(plan)) == LAUNCH_BATCH == 1000
    assert plan.status.next_ordinal == 1000


def test_the_next_pass_creates_the_next_thousand_in_the_same_activity() -> None:
    seen = view(group(2500, max_size=10_000))
    first = plan_group(seen)
    there = tuple(pending(name, age="0s") for name in names(first))
    second = plan_group(after(seen, first, instances=there))

    assert names(second)[0] == "web-1000"
    assert second.status.next_activity == first.status.next_activity


@pytest.mark.spec("scaling-group.md", "6 suspend ScaleOut")
def test_nothing_is_created_while_scaling_out_is_suspended() -> None:
    plan = planned(group(3, suspended_processes=("ScaleOut",)), fleet(1))

    assert not plan.steps
    assert plan.holds == (ProcessSuspended("ScaleOut", 2, "missing, not launched"),)


def test_nothing_is_created_from_a_configuration_that_does_not_exist() -> None:
    assert not planned(group(3), configuration=None, revisions=()).steps


# ---- names


def test_names_are_counted_on_and_never_given_again() -> None:
    """web-7 was the last one that there was; none of those before it come back."""
    assert names(planned(group(3), fleet(1), next_ordinal=8)) == ["web-8", "web-9"]


def test_what_is_being_removed_keeps_its_name() -> None:
    assert names(planned(group(1), [instance("web-4", removing=True)])) == ["web-5"]


def test_a_status_that_was_lost_does_not_bring_names_back_that_live_instances_bear() -> None:
    assert names(planned(group(3), fleet(2, first=6), next_ordinal=0)) == ["web-8"]


def test_ordinals_are_reserved_in_the_status_before_they_are_used() -> None:
    plan = planned(group(3), fleet(1))

    assert plan.status.next_ordinal == 3
    assert launching(plan) == reserved(1, 2)


def test_each_launch_is_made_from_the_current_revision() -> None:
    assert {step.revision for step in launches(planned(group(3)))} == {"web-1"}


# ---- after a crash


def test_what_was_reserved_and_is_not_known_to_exist_is_created_again_under_the_same_name() -> None:
    crashed = activity("ScaleOut", launching=reserved(0, 3))
    plan = planned(group(3), [pending("web-1")], activity=crashed, next_ordinal=3)

    assert names(plan) == ["web-0", "web-2"]
    assert plan.status.next_ordinal == 3


def test_names_in_doubt_come_first_and_alone() -> None:
    """Reserved together with new ones they would put those between, which are settled, in doubt again."""
    crashed = activity("ScaleOut", launching=reserved(2, 2))
    seen = view(group(6), (*fleet(2), instance("web-4")), activity=crashed, next_ordinal=5)
    first = plan_group(seen)

    assert names(first) == ["web-2", "web-3"]
    assert launching(first) == reserved(2, 2)

    there = (*seen.instances, pending("web-2"), pending("web-3"))
    second = plan_group(after(seen, first, instances=there))

    assert names(second) == ["web-5"]
    assert launching(second) == reserved(5, 1)


def test_a_name_that_is_settled_and_not_there_is_not_used_again() -> None:
    """This process knows that web-1 was created; somebody has deleted it since."""
    running = activity("ScaleOut", launching=reserved(0, 3))
    plan = planned(group(3), fleet(1), activity=running, settled={0, 1, 2}, next_ordinal=3)

    assert names(plan) == ["web-3", "web-4"]


def test_a_name_that_is_there_is_settled_even_while_it_is_being_removed() -> None:
    crashed = activity("ScaleOut", launching=reserved(0, 2))
    there = [instance("web-0", removing=True), pending("web-1")]

    assert names(planned(group(2), there, activity=crashed)) == ["web-2"]


def test_settled_names_are_not_repeated_by_a_process_that_starts_later() -> None:
    """Once a pass has seen an instance, its name is out of the range that a crash puts in doubt."""
    crashed = activity("ScaleOut", launching=reserved(0, 5))
    seen = view(group(5), (*fleet(3), pending("web-3")), activity=crashed, next_ordinal=5)
    plan = plan_group(seen)

    assert names(plan) == ["web-4"]
    assert launching(plan) == reserved(4, 1)


def test_nothing_is_in_doubt_when_everything_reserved_is_there() -> None:
    crashed = activity("ScaleOut", launching=reserved(0, 3))

    assert launching(planned(group(3), tuple(pending(f"web-{n}") for n in range(3)), activity=crashed)) is None


def test_fewer_wanted_after_a_crash_leaves_the_other_names_in_doubt() -> None:
    """Their creation may still be under way: when more are wanted again, these come first."""
    crashed = activity("ScaleOut", launching=reserved(0, 3))
    seen = view(group(1), activity=crashed, next_ordinal=3)
    smaller = plan_group(seen)

    assert names(smaller) == ["web-0"]
    assert launching(smaller) == reserved(0, 3)

    arrived = after(seen, smaller, instances=[instance("web-0", age="0s")], settled=frozenset({0}))
    ended = plan_group(arrived)

    assert ended.status.activity is not None
    assert ended.status.activity.ended_at is not None
    assert launching(ended) == reserved(1, 2)

    bigger = plan_group(after(arrived, ended, spec=group(3), generation=2))

    assert names(bigger) == ["web-1", "web-2"]


def test_an_activity_that_repeats_names_in_doubt_waits_for_them() -> None:
    last = activity("ScaleOut", ended="1m", launching=reserved(1, 2), to=1)
    seen = view(group(3), fleet(1), activity=last, next_ordinal=3)
    plan = plan_group(seen)
    there = (instance("web-0"), pending("web-1", age="0s"), pending("web-2", age="0s"))
    waiting = plan_group(after(seen, plan, instances=there))

    assert waiting.status.activity is not None
    assert waiting.status.activity.ended_at is None


def test_names_in_doubt_survive_a_shrinking_between() -> None:
    last = activity("ScaleOut", ended="1m", launching=reserved(2, 2), to=2)
    seen = view(group(1), fleet(2), activity=last, next_ordinal=4)
    shrunk = plan_group(seen)

    assert launching(shrunk) == reserved(2, 2)


def test_launches_of_the_last_activity_between_two_in_doubt_are_not_counted_as_the_next_ones() -> None:
    last = activity("ScaleOut", ended="1m", launching=reserved(0, 1000), to=998)
    seen = view(group(1000, max_size=1000), fleet(998, first=1), activity=last, next_ordinal=1000)
    plan = plan_group(seen)
    assert names(plan) == ["web-0", "web-999"]
    ended = plan_group(after(seen, plan, instances=fleet(1000)))

    assert ended.status.activity is not None
    assert ended.status.activity.description == "launched 2 instances, 2 in service"
