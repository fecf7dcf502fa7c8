"""Which Pods without an owner become instances, and that nothing is launched before."""

from dataclasses import replace

from tests.worlds import after, fleet, group, instance, launches, leaving, planned, steps_of_kind, view
from windlass.cli.subjects.group.forecast import forecast, report
from windlass.planner.capacity.steps import Adopt, GroupPlan
from windlass.planner.group import plan_group


def adopted(plan: GroupPlan) -> list[str]:
    return [step.name for step in steps_of_kind(plan, Adopt)]


def test_all_that_live_are_adopted_in_the_order_of_their_names_before_anything_is_launched() -> None:
    before = view(group(4), orphans=fleet(3)[::-1])
    plan = plan_group(before)

    assert adopted(plan) == ["web-0", "web-1", "web-2"]
    assert launches(plan) == []
    second = plan_group(after(before, plan, instances=fleet(3), orphans=()))
    assert [step.name for step in launches(second)] == ["web-3"]


def test_those_that_have_ended_are_going_or_bear_no_number_are_left_alone() -> None:
    dead, going = instance("web-0", ended=True), instance("web-1", removing=True)
    nameless = replace(instance("web-2"), ordinal=-1)

    assert adopted(planned(group(1), orphans=(dead, going, nameless))) == []


def test_more_than_desired_are_adopted_and_leave_as_any_instance() -> None:
    before = view(group(1), orphans=fleet(3))
    plan = plan_group(before)

    assert len(adopted(plan)) == 3
    assert len(leaving(plan_group(after(before, plan, instances=fleet(3), orphans=())))) == 2


def test_people_see_it_in_a_plan() -> None:
    lines = report(forecast(view(group(2), orphans=fleet(1))))

    assert any("adopt web-0: adopting web-0" in line for line in lines)
    assert sum("launch web-" in line for line in lines) == 1


def test_a_group_that_does_nothing_adopts_nothing() -> None:
    assert adopted(planned(group(1, enabled=False), orphans=fleet(1))) == []
