"""The records of activities: what they say, when they are written, and how many are kept."""

from dataclasses import replace
from datetime import timedelta

import pytest

from tests.worlds import (
    NOW,
    activity,
    after,
    ago,
    backoff,
    ended_records,
    fleet,
    group,
    instance,
    launches,
    planned,
    records,
    revision,
    steps_of_kind,
    view,
)
from windlass.api.ordinals import OrdinalRange
from windlass.api.scaling_activity import ScalingActivityStatus
from windlass.api.scaling_group import MAX_NAMED_INSTANCES, ActivityStatus
from windlass.planner.capacity.records import record_of
from windlass.planner.capacity.steps import ForgetRecord, GroupPlan
from windlass.planner.capacity.view import EndedRecord, RefusedLaunch
from windlass.planner.group import plan_group


def said(plan: GroupPlan) -> ScalingActivityStatus:
    (step,) = records(plan)
    return step.status


# ---- content


@pytest.mark.spec("scaling-group.md", "7 activity record")
@pytest.mark.spec("scaling-group.md", "7 activity record: InProgress")
def test_the_record_of_a_launch_that_begins() -> None:
    plan = planned(group(5), fleet(3), activity=activity(ended="1h", to=3), next_activity=4)
    (step,) = records(plan)

    assert (step.name, step.exists) == ("web-a4", False)
    assert step.status == ScalingActivityStatus(
        phase="InProgress",
        type="ScaleOut",
        cause="the desired size changed from 3 to 5",
        start_time=NOW,
        expected=2,
        instances=("web-3", "web-4"),
        instance_count=2,
    )


@pytest.mark.spec("scaling-group.md", "7 activity record")
def test_the_record_of_a_launch_that_ended() -> None:
    busy = activity(number=4, first_ordinal=3, from_=3, to=5, cause="more were wanted")
    plan = planned(group(5), fleet(5), activity=busy)
    (step,) = records(plan)

    assert (step.name, step.exists) == ("web-a4", True)
    assert step.status == ScalingActivityStatus(
        phase="Successful",
        type="ScaleOut",
        cause="more were wanted",
        description="launched 2 instances, 2 in service",
        start_time=ago("1m"),
        completion_time=NOW,
        expected=2,
        instances=("web-3", "web-4"),
        instance_count=2,
        capacity_after=5,
    )


def test_the_record_of_a_removal_names_who_left() -> None:
    began = said(planned(group(1), fleet(3), activity=activity(ended="1h", to=3)))

    assert (began.type, began.expected, began.instances, began.instance_count) == (
        "ScaleIn",
        2,
        ("web-2", "web-1"),
        2,
    )


def test_the_record_of_a_removal_that_fell_short_counts_who_really_left() -> None:
    busy = activity("ScaleIn", from_=5, to=3, leaving=("web-4",))

    assert said(planned(group(3), fleet(4, protected=True), activity=busy)).instance_count == 1


@pytest.mark.parametrize("count", [99, 100, 101, 1000])
def test_the_first_hundred_are_named_and_all_are_counted(count: int) -> None:
    launch = said(planned(group(count, max_size=10_000)))
    removal = said(planned(group(0, max_size=10_000), fleet(count)))

    for record in (launch, removal):
        assert len(record.instances) == min(count, MAX_NAMED_INSTANCES)
        assert record.instance_count == count


def test_a_replacement_is_expected_to_launch_as_many_as_it_did() -> None:
    busy = activity("Replace", first_ordinal=3, from_=3, to=3)

    assert record_of(busy, "web", 5).expected == 2


# ---- what was really launched


def reserved(first: int, count: int) -> OrdinalRange:
    return OrdinalRange(first=first, count=count)


def test_a_name_that_somebody_else_s_pod_bears_was_not_launched() -> None:
    seen = view(group(3), activity=activity(launching=reserved(0, 3)), next_ordinal=3, taken={1})
    first = [instance("web-0"), instance("web-2")]
    again = plan_group(replace(seen, instances=first))

    assert [step.name for step in launches(again)] == ["web-3"]

    ended = plan_group(after(seen, again, instances=[*first, instance("web-3")]))
    (step,) = records(ended)

    assert step.status.description == "launched 3 instances, 3 in service"
    assert step.status.instances == ("web-0", "web-2", "web-3")
    assert (step.status.instance_count, step.status.expected) == (3, 3)


def test_what_a_process_learnt_of_taken_names_outlives_it() -> None:
    seen = view(group(2), activity=activity(launching=reserved(0, 2)), next_ordinal=2, taken={0})
    told = plan_group(seen)
    (step,) = records(
        plan_group(after(seen, told, taken=frozenset(), settled=frozenset(), instances=fleet(2, first=1)))
    )

    assert step.status.instances == ("web-1", "web-2")


def test_names_that_are_still_in_doubt_were_not_launched() -> None:
    """The quota let web-0 and web-2 through, and refused web-1; nobody asked for the others."""
    running = activity(launching=reserved(0, 5), to=5)
    refusals = [RefusedLaunch(1, "exceeded quota: few")]
    there = (instance("web-0"), instance("web-2"))
    seen = view(group(5), there, activity=running, next_ordinal=5, refusals=refusals)
    ended = plan_group(seen)
    (step,) = records(ended)

    assert step.status.description == "launched 2 instances, 2 in service, 1 refused, 2 not launched"
    assert step.status.instances == ("web-0", "web-2")


def test_the_next_try_does_not_count_what_the_last_one_launched() -> None:
    last = activity(ended="31s", result="Warning", failed=(1,), launching=reserved(1, 4), to=5)
    there = (instance("web-0"), instance("web-2"))
    seen = view(group(5), there, activity=last, backoff=backoff(1, expired=True), next_ordinal=5)
    again = plan_group(seen)

    assert [step.name for step in launches(again)] == ["web-1", "web-3", "web-4"]

    (step,) = records(plan_group(after(seen, again, instances=[instance(f"web-{n}") for n in range(5)])))

    assert step.status.description == "launched 3 instances, 3 in service"
    assert step.status.instances == ("web-1", "web-3", "web-4")


# ---- when they are written


@pytest.mark.parametrize("record", ["kept", None])
def test_an_activity_without_a_record_gets_one(record: str | None) -> None:
    """A crash came between the status and the record, or somebody deleted it."""
    seen = view(group(3), fleet(2), activity=activity(first_ordinal=0), record=record)

    assert [step.exists for step in records(plan_group(seen))] == ([] if record else [False])


def test_the_record_of_an_ended_activity_is_closed_by_whoever_comes_next() -> None:
    plan = planned(group(3), fleet(3), activity=activity(ended="5s", to=3), record="open")
    (step,) = records(plan)

    assert step.exists
    assert step.status.phase == "Successful"


@pytest.mark.parametrize("long_ago", ["5s", "10m", "3d"])
def test_a_record_that_was_left_open_is_closed_however_long_nobody_was_there(long_ago: str) -> None:
    last = activity(ended=long_ago, to=3)
    seen = view(group(5), fleet(3), activity=last, record="open")
    closing = plan_group(seen)

    assert said(closing).phase == "Successful"
    assert len(launches(plan_group(after(seen, closing)))) == 2


def test_a_record_that_is_missing_is_made_again_for_ten_minutes_and_then_given_up() -> None:
    spec = group(3)

    assert len(records(planned(spec, fleet(3), activity=activity(ended="599s", to=3), record=None))) == 1
    assert not records(planned(spec, fleet(3), activity=activity(ended="10m", to=3), record=None))


def test_a_record_that_was_given_up_holds_nothing_up() -> None:
    assert launches(planned(group(5), fleet(3), activity=activity(ended="10m", to=3), record=None))


@pytest.mark.parametrize("record", ["open", None])
def test_a_record_that_is_refused_holds_nothing_up(record: str | None) -> None:
    last = activity(ended="1s", to=3)
    plan = planned(group(5), fleet(3), activity=last, record=record, record_refused=True)

    assert len(launches(plan)) == 2
    assert not records(plan)


def test_a_record_that_says_what_it_should_is_not_written_again() -> None:
    assert not planned(group(3), fleet(3), activity=activity(ended="1s", to=3)).acts
    assert not records(planned(group(3), fleet(2), activity=activity(first_ordinal=0)))


def test_a_disabled_group_writes_no_records() -> None:
    assert not planned(group(3, enabled=False), activity=activity(ended="1s"), record="open").steps


# ---- how many are kept


def forgotten(plan: GroupPlan) -> list[str]:
    return [step.name for step in steps_of_kind(plan, ForgetRecord)]


def kept_by(limit: int, history: tuple[EndedRecord, ...], last: ActivityStatus | None = None) -> GroupPlan:
    return planned(group(3, history_limit=limit), fleet(3), history=history, activity=last)


def test_records_beyond_the_limit_are_forgotten_the_oldest_first() -> None:
    plan = kept_by(3, ended_records(5))

    assert forgotten(plan) == ["web-a1", "web-a2"]
    assert str(steps_of_kind(plan, ForgetRecord)[0].why) == "the group keeps 3 ended activities"


def test_as_many_records_as_the_limit_are_kept() -> None:
    assert not kept_by(5, ended_records(5)).acts


def test_of_records_of_one_second_the_one_with_the_lower_number_is_the_older() -> None:
    same = tuple(EndedRecord(f"web-a{n}", ago("1h")) for n in (10, 9, 11, 100))

    assert forgotten(kept_by(1, same)) == ["web-a9", "web-a10", "web-a11"]


def test_the_last_activity_s_record_is_kept_whatever_its_time_says() -> None:
    """It would be made again at once, and forgotten again, for ten minutes."""
    last = activity(number=3, ended="1m", started="2h")
    history = (EndedRecord("web-a2", ago("1h")), EndedRecord("web-a3", ago("2h")))

    assert forgotten(kept_by(1, history, last)) == ["web-a2"]


def test_forgetting_does_not_make_a_group_unsettled() -> None:
    assert kept_by(1, ended_records(3)).status.phase == "Ready"


def test_work_comes_before_forgetting() -> None:
    plan = planned(group(4, history_limit=1), fleet(3), history=ended_records(3))

    assert launches(plan)
    assert not forgotten(plan)


def test_activities_are_counted_on_after_the_records_that_there_are() -> None:
    """A status that was lost must not bring an old name back."""
    plan = planned(group(4), fleet(3), history=ended_records(3, first=8), next_activity=1)

    assert [step.name for step in records(plan)] == ["web-a11"]


def test_records_of_other_names_are_not_counted() -> None:
    strange = (EndedRecord("web-abc", NOW - timedelta(hours=1)), EndedRecord("api-a9", NOW - timedelta(hours=1)))

    assert planned(group(3), fleet(3), history=strange, revisions=[revision()]).status.next_activity == 1
