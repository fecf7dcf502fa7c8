"""Who left, and why, is said: in the record, by name, and in events."""

from tests.worlds import activity, after, ago, fleet, group, instance, planned, records, view
from windlass.api.scaling_group import MAX_NAMED_INSTANCES
from windlass.planner.capacity.steps import GroupPlan
from windlass.planner.capacity.view import RefusedLaunch
from windlass.planner.group import plan_group

EVICTED = {"ended": True, "was_ready": True, "problem": "Evicted: low on memory"}


def told(plan: GroupPlan) -> list[str]:
    return [str(event.reason) for event in plan.events if event.reason.code == "InstanceLeaves"]


def removed(plan: GroupPlan) -> dict[str, tuple[str, ...]]:
    assert plan.status.activity is not None
    return {part.because: part.instances for part in plan.status.activity.removed}


def test_those_evicted_at_once_are_named_in_one_event_with_their_count() -> None:
    there = (*fleet(35), *fleet(5, first=35, **EVICTED))
    first = planned(group(40), there)

    assert told(first) == ["removing web-35, web-36, web-37 and 1 more: unhealthy: Evicted: low on memory"]


def test_a_replace_names_who_left_and_why_and_its_record_does() -> None:
    there = (*fleet(2), instance("web-2", **EVICTED))  # type: ignore[arg-type]
    before = view(group(3), there)
    first = plan_group(before)
    whom = {"unhealthy: Evicted: low on memory": ("web-2",)}

    assert removed(first) == whom
    second = plan_group(after(before, first, instances=there[:2]))
    came = (*fleet(2), instance("web-3", age="1s"))
    third = plan_group(after(after(before, first), second, instances=came))
    (closed,) = records(third)
    assert {part.because: part.instances for part in closed.status.removed} == whom
    assert closed.status.instances == ("web-3",)


def test_a_scale_in_says_of_each_why_it_was_chosen_and_names_a_hundred() -> None:
    few = planned(group(2), fleet(4))
    assert sorted(name for names in removed(few).values() for name in names) == sorted(
        step.name for step in few.steps if hasattr(step, "uid")
    )
    many = planned(group(0, max_size=500), fleet(300))
    assert sum(map(len, removed(many).values())) == MAX_NAMED_INSTANCES


def test_what_joins_a_running_scale_in_is_named_too() -> None:
    running = activity("ScaleIn", from_=5, to=3, leaving=("web-3",))
    there = (*fleet(2), instance("web-2", **EVICTED), instance("web-3", removing=True))  # type: ignore[arg-type]
    assert ("web-2",) in removed(planned(group(3), there, activity=running)).values()


def test_what_was_refused_is_not_among_those_that_were_launched() -> None:
    running = activity(first_ordinal=0, to=5, launching={"first": 3, "count": 2})
    refusals = (RefusedLaunch(3, "over quota"), RefusedLaunch(4, "over quota"))
    plan = planned(group(5), fleet(3), activity=running, refusals=refusals, next_ordinal=5, settled=(0, 1, 2))

    assert plan.status.activity is not None
    assert plan.status.activity.description == "launched 3 instances, 3 in service, 2 refused"


def test_failures_of_an_activity_before_are_not_counted_as_its_own() -> None:
    running = activity("Replace", number=2, first_ordinal=5, to=5, failed=(3, 4))
    plan = planned(group(5), (*fleet(2), *fleet(3, first=5)), activity=running, next_ordinal=8)

    assert plan.status.activity is not None
    assert plan.status.activity.description == "launched 3 instances, 3 in service, 2 launched earlier failed"
    assert ago("1s") < plan.status.activity.ended_at  # type: ignore[operator]
