"""Who was to leave and may stay: removals are withdrawn where requests for them may still be under way."""

from typing import Any

import pytest

from tests.worlds import activity, fleet, group, instance, leaving, planned, steps_of_kind
from windlass.api.scaling_group import MAX_NAMED_INSTANCES
from windlass.planner.capacity.steps import GroupPlan, WithdrawRemoval


def scale_in(*names: str, **fields: Any) -> Any:
    return activity("ScaleIn", from_=5, to=3, leaving=names, **fields)


def withdrawn(plan: GroupPlan) -> list[str]:
    return [step.name for step in steps_of_kind(plan, WithdrawRemoval)]


def removals_in_doubt(desired: int, *instances: Any, **fields: Any) -> GroupPlan:
    return planned(group(desired), instances or fleet(5), removals_in_doubt=True, **fields)


def test_who_may_stay_is_spared_before_anything_else() -> None:
    plan = removals_in_doubt(5, activity=scale_in("web-0", "web-3"))
    assert withdrawn(plan) == ["web-0", "web-3"]
    assert str(plan.why) == "web-a1 was to remove it, and it may stay: a removal that is still under way must fail"
    assert plan.status.activity is not None
    assert plan.status.activity.ended_at is None


def test_who_leaves_all_the_same_is_not_spared() -> None:
    chosen = leaving(planned(group(3), fleet(5)))
    plan = removals_in_doubt(3, activity=scale_in(*chosen))
    assert withdrawn(plan) == []
    assert leaving(plan) == chosen


def test_where_others_would_leave_now_the_first_choice_is_spared_and_nobody_removed_yet() -> None:
    """Also those who would leave again: until they do, the group may be wanted larger."""
    one, other = leaving(planned(group(3), fleet(5)))
    kept = next(i.name for i in fleet(5) if i.name not in (one, other))
    plan = removals_in_doubt(3, activity=scale_in(one, kept))
    assert withdrawn(plan) == sorted([one, kept])
    assert leaving(plan) == []


def test_who_is_on_the_way_out_is_not_spared() -> None:
    assert (
        withdrawn(
            removals_in_doubt(5, instance("web-0", removing=True), *fleet(4, first=1), activity=scale_in("web-0"))
        )
        == []
    )


def test_where_not_all_could_be_named_all_are_spared() -> None:
    names = [f"web-{number}" for number in range(MAX_NAMED_INSTANCES)]
    several = fleet(MAX_NAMED_INSTANCES + 20)
    plan = planned(
        group(MAX_NAMED_INSTANCES + 20, max_size=500),
        several,
        removals_in_doubt=True,
        activity=scale_in(*names),
    )
    assert len(withdrawn(plan)) == MAX_NAMED_INSTANCES + 20


def many_of(desired: int, count: int, **fields: Any) -> GroupPlan:
    """Of a scale-in that had more to name than it may."""
    names = [f"web-{number}" for number in range(MAX_NAMED_INSTANCES)]
    spec = group(desired, max_size=5000, suspended_processes=fields.pop("suspended", ()))
    several = fields.pop("instances", None) or fleet(count)
    return planned(spec, several, removals_in_doubt=True, activity=scale_in(*names), **fields)


def test_where_all_leave_nobody_is_spared_and_the_doubt_lasts_until_the_last_is_removed() -> None:
    first = many_of(0, 1200)
    assert (len(leaving(first)), withdrawn(first), first.settles_removals) == (1000, [], False)
    last = many_of(0, 200)
    assert (len(leaving(last)), withdrawn(last), last.settles_removals) == (200, [], True)


def test_where_one_may_stay_of_all_that_were_to_leave_they_are_spared() -> None:
    assert len(withdrawn(many_of(1, 200))) == 200
    assert len(withdrawn(many_of(0, 200, suspended=("ScaleIn",)))) == 200
    assert len(withdrawn(many_of(0, 200, instances=(*fleet(199), instance("web-199", protected=True))))) == 200


def test_a_pass_spares_a_batch_and_the_next_one_the_rest() -> None:
    first = many_of(1400, 1500)
    assert (len(withdrawn(first)), first.settles_removals) == (1000, False)
    done = frozenset(step.uid for step in steps_of_kind(first, WithdrawRemoval))
    second = many_of(1400, 1500, withdrawn=done)
    assert (len(withdrawn(second)), second.settles_removals) == (500, True)
    assert not {*withdrawn(first)} & {*withdrawn(second)}


@pytest.mark.parametrize(
    "last",
    [activity("ScaleOut"), activity("Replace"), activity("ScaleIn", leaving=("web-0",), ended="1m")],
    ids=["launching", "replacing", "ended"],
)
def test_where_no_removal_runs_nobody_is_spared(last: Any) -> None:
    assert withdrawn(removals_in_doubt(5, activity=last)) == []


def test_where_nothing_is_in_doubt_nobody_is_spared() -> None:
    assert withdrawn(planned(group(5), fleet(5), activity=scale_in("web-0"))) == []
