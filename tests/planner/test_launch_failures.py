"""Launches that fail: what becomes of the instance, and when the next try is due."""

from datetime import timedelta
from typing import Any

import pytest

from tests.worlds import (
    NEXT_CONFIGURATION,
    NOW,
    activity,
    after,
    ago,
    backoff,
    fleet,
    group,
    instance,
    later,
    launches,
    leaving,
    pending,
    planned,
    removals,
    result_of,
    revision,
    view,
)
from windlass.api.ordinals import OrdinalRange
from windlass.api.scaling_group import MAX_NAMED_INSTANCES, LaunchBackoff
from windlass.planner.capacity.activities import STALLED_AFTER, pause
from windlass.planner.capacity.instance import Instance
from windlass.planner.capacity.reasons import LaunchesFail, LaunchFailed
from windlass.planner.capacity.steps import GroupPlan
from windlass.planner.capacity.view import RefusedLaunch
from windlass.planner.group import plan_group

CRASHED: dict[str, Any] = {"age": "1m", "ended": True, "problem": "exited with 1"}


def failed_instance(ordinal: int, **fields: Any) -> Instance:
    return instance(f"web-{ordinal}", **(CRASHED | fields))


def backoff_of(plan: GroupPlan) -> LaunchBackoff:
    assert plan.status.launch_backoff is not None
    return plan.status.launch_backoff


# ---- an instance that fails


def test_an_instance_whose_pod_ends_before_it_was_ready_is_removed_with_the_pod_s_own_words() -> None:
    there = (*fleet(2), failed_instance(2))
    (removal,) = removals(planned(group(3), there, activity=activity(first_ordinal=2)))

    assert (removal.name, removal.why) == ("web-2", LaunchFailed("exited with 1"))


def test_an_instance_that_does_not_come_into_service_within_the_launch_time_out_is_removed() -> None:
    spec = group(1, launch_timeout_seconds=120)
    running = activity(first_ordinal=0)
    late, almost = pending("web-0", age="2m"), pending("web-0", age="119s")

    assert leaving(planned(spec, [late], activity=running)) == ["web-0"]
    assert not leaving(planned(spec, [almost], activity=running))
    assert planned(spec, [almost], activity=running).wake_at == later("1s")
    assert removals(planned(spec, [late], activity=running))[0].why == LaunchFailed("not in service in 120 s")


def test_a_protected_instance_that_failed_stays() -> None:
    there = (*fleet(2), failed_instance(2, protected=True))
    plan = planned(group(3), there, activity=activity(first_ordinal=2))

    assert not removals(plan)
    assert plan.status.message == (
        "web-2 not in service, and left alone because of the annotation windlass.dev/protect"
    )


def test_what_failed_is_tried_again_by_a_later_activity_and_the_one_that_runs_ends() -> None:
    seen = view(group(3), (*fleet(2), failed_instance(2)), activity=activity(first_ordinal=2))
    removing = plan_group(seen)
    seen = after(seen, removing, instances=fleet(2))
    ended = plan_group(seen)
    waiting = plan_group(after(seen, ended))

    assert result_of(ended) == "Failed"
    assert waiting.holds == (LaunchesFail(1, later("30s"), "exited with 1"),)
    assert waiting.wake_at == later("30s")

    again = plan_group(after(seen, ended, now=later("30s")))

    assert [step.name for step in launches(again)] == ["web-3"]
    assert again.status.activity is not None
    assert again.status.activity.cause == "trying again after launching failed once: exited with 1"


def test_the_others_of_the_activity_are_waited_for() -> None:
    there = (pending("web-0"), failed_instance(1))
    seen = view(group(2), there, activity=activity(first_ordinal=0))
    removing = plan_group(seen)
    waiting = plan_group(after(seen, removing, instances=there[:1]))

    assert result_of(waiting) is None
    assert not launches(waiting)


# ---- backing off


@pytest.mark.parametrize(
    ("failures", "seconds"), [(1, 30), (2, 60), (3, 120), (4, 240), (5, 480), (6, 600), (7, 600), (99, 600)], ids=str
)
def test_the_next_try_is_due_after_thirty_seconds_doubling_to_ten_minutes(failures: int, seconds: int) -> None:
    assert pause(failures) == timedelta(seconds=seconds)


def failing_again(before: LaunchBackoff | None, *ordinals: int) -> GroupPlan:
    there = tuple(failed_instance(n) for n in ordinals)
    running = activity(first_ordinal=min(ordinals))
    return planned(group(len(there)), there, activity=running, backoff=before)


def test_failures_are_counted_by_activities_and_not_by_instances() -> None:
    plan = failing_again(None, 0, 1, 2)

    assert (backoff_of(plan).failures, backoff_of(plan).retry_at) == (1, later("30s"))


def test_each_activity_that_fails_doubles_the_pause() -> None:
    plan = failing_again(backoff(3, expired=True), 7)

    assert (backoff_of(plan).failures, backoff_of(plan).retry_at) == (4, later("240s"))


def test_instances_that_fail_one_after_the_other_in_one_activity_count_once() -> None:
    running = activity(first_ordinal=0, failed=(0,))
    plan = planned(group(3), (failed_instance(1), pending("web-2")), activity=running, backoff=backoff(1))

    assert backoff_of(plan).failures == 1
    assert plan.status.activity is not None
    assert plan.status.activity.failed == (0, 1)


def test_instances_of_an_earlier_activity_are_no_failed_launches_of_this_one() -> None:
    """Five that hang from before must not make the group Stalled: they are replaced as unhealthy ones are."""
    running = activity("Replace", number=2, first_ordinal=5)
    plan = planned(group(5), [failed_instance(n) for n in range(5)], activity=running)

    assert (plan.status.unhealthy, plan.status.failed, plan.status.launch_backoff) == (5, 0, None)


def test_a_repeat_after_a_crash_counts_nothing_twice() -> None:
    seen = view(group(1), [failed_instance(0)], activity=activity(first_ordinal=0))
    first = plan_group(seen)
    second = plan_group(after(seen, first))

    assert backoff_of(second).failures == backoff_of(first).failures == 1


def test_the_group_is_stalled_after_five_in_a_row() -> None:
    assert STALLED_AFTER == 5
    phases = [
        planned(group(1), activity=activity(ended="0s", result="Failed"), backoff=backoff(n)).status.phase
        for n in (1, 4, 5, 6)
    ]

    assert phases == ["Waiting", "Waiting", "Stalled", "Stalled"]


def test_success_clears_the_failures() -> None:
    plan = planned(group(3), fleet(3), activity=activity(first_ordinal=2), backoff=backoff(4, expired=True))

    assert result_of(plan) == "Successful"
    assert plan.status.launch_backoff is None


def test_success_in_part_begins_to_count_anew() -> None:
    running = activity(first_ordinal=1, failed=(2,))
    plan = planned(group(3), fleet(2), activity=running, backoff=backoff(4), next_ordinal=3)

    assert result_of(plan) == "Warning"
    assert backoff_of(plan).failures == 1


def test_a_new_revision_is_tried_at_once() -> None:
    kept = (revision("web-1", 1), revision("web-2", 2, NEXT_CONFIGURATION))
    plan = planned(
        group(1),
        activity=activity(ended="1s", result="Failed"),
        backoff=backoff(6),
        configuration=NEXT_CONFIGURATION,
        revisions=kept,
    )

    assert len(launches(plan)) == 1
    assert plan.status.launch_backoff is None


def test_a_changed_group_is_tried_at_once() -> None:
    plan = planned(group(1), activity=activity(ended="1s", result="Failed"), backoff=backoff(6), generation=2)

    assert len(launches(plan)) == 1
    assert plan.status.launch_backoff is None


def test_a_changed_group_is_tried_at_once_though_others_of_the_activity_are_still_on_their_way() -> None:
    running = activity(first_ordinal=0, failed=(1,))
    seen: dict[str, Any] = {
        "instances": [pending("web-0")],
        "activity": running,
        "backoff": backoff(1),
        "next_ordinal": 2,
    }

    assert not launches(planned(group(2), **seen))
    assert len(launches(planned(group(2), generation=2, **seen))) == 1


def test_failures_stay_known_while_the_configuration_is_gone() -> None:
    plan = planned(group(1), activity=activity(ended="1s", result="Failed"), backoff=backoff(3), configuration=None)

    assert backoff_of(plan).failures == 3


def test_nobody_wakes_for_a_next_try_where_nothing_is_missing() -> None:
    assert planned(group(2), fleet(2), activity=activity(ended="1s"), backoff=backoff(3)).wake_at is None


# ---- waiting to be scheduled beside failures


def hanging(ordinal: int) -> Instance:
    return instance(f"web-{ordinal}", age="20m", unschedulable="20m", problem="no node fits")


def test_what_failed_is_tried_again_though_others_wait_to_be_scheduled_for_ever() -> None:
    running = activity(first_ordinal=0, started="20m", failed=(2,))
    seen = view(group(3), [hanging(0), hanging(1)], activity=running, backoff=backoff(1), next_ordinal=3)
    waiting = plan_group(seen)

    assert not waiting.acts
    assert waiting.wake_at == later("30s")

    ended = plan_group(after(seen, waiting, now=later("30s")))

    assert ended.status.activity is not None
    assert result_of(ended) == "Failed"
    assert ended.status.activity.description == "launched 3 instances, 0 in service, 1 failed, 2 on the way"

    again = plan_group(after(after(seen, waiting), ended, now=later("31s")))

    assert [step.name for step in launches(again)] == ["web-3"]


def test_instances_that_are_scheduled_have_a_time_limit_and_are_waited_for() -> None:
    running = activity(first_ordinal=0, failed=(1,))
    plan = planned(group(2), [pending("web-0")], activity=running, backoff=backoff(1, expired=True), next_ordinal=2)

    assert result_of(plan) is None


# ---- refusals


def refused(*ordinals: int, missing: int = 2, message: str = "creating instance web-0: quota exceeded") -> GroupPlan:
    running = activity(launching=OrdinalRange(first=0, count=missing))
    said = [RefusedLaunch(ordinal, message) for ordinal in ordinals]
    return planned(group(missing), activity=running, next_ordinal=missing, refusals=said)


def test_a_refused_launch_is_a_failed_one() -> None:
    plan = refused(0, 1)

    assert plan.status.activity is not None
    assert plan.status.activity.failed == (0, 1)
    assert result_of(plan) == "Failed"
    assert backoff_of(plan).reason == "creating instance web-0: quota exceeded"
    assert backoff_of(plan).retry_at == later("30s")


def test_after_a_refusal_nothing_more_is_launched_before_the_pause_is_over() -> None:
    """The first refusal ends the batch: of the others nobody knows, and asking on would be refused as well."""
    plan = refused(0, missing=5)

    assert not launches(plan)
    assert plan.wake_at == later("30s")


def test_a_long_refusal_is_cut() -> None:
    assert len(backoff_of(refused(0, 1, message="x" * 5000)).reason) == 1024


def test_when_the_pause_is_over_the_names_in_doubt_are_tried_first() -> None:
    ended = activity(ended="31s", result="Failed", failed=(0,), launching=OrdinalRange(first=1, count=4), started="2m")
    plan = planned(group(6), activity=ended, backoff=backoff(1, expired=True), next_ordinal=5, settled={0})

    assert [step.name for step in launches(plan)] == ["web-1", "web-2", "web-3", "web-4"]


def test_a_name_that_was_refused_is_tried_again_since_an_earlier_request_for_it_may_still_be_under_way() -> None:
    seen = view(
        group(2),
        activity=activity(launching=OrdinalRange(first=0, count=2)),
        next_ordinal=2,
        refusals=[RefusedLaunch(0, "quota exceeded")],
    )
    ended = plan_group(seen)
    again = plan_group(after(seen, ended, now=later("30s"), refusals=()))

    assert ended.status.activity is not None
    assert ended.status.activity.description == "launched 0 instances, 0 in service, 1 refused, 1 not launched"
    assert [step.name for step in launches(again)] == ["web-0", "web-1"]


# ---- many


def test_more_failures_than_an_activity_names_are_left_to_a_later_one_all_the_same() -> None:
    there = [failed_instance(n) for n in range(150)]
    running = activity(first_ordinal=0)
    seen = view(group(151, max_size=1000), [*there, pending("web-150")], activity=running)
    removing = plan_group(seen)

    assert len(removals(removing)) == 150
    assert removing.status.activity is not None
    assert len(removing.status.activity.failed) == MAX_NAMED_INSTANCES

    expired = backoff(1, expired=True)
    seen = after(seen, removing, instances=[pending("web-150")])
    status = seen.status.model_copy(update={"launch_backoff": expired})

    assert not launches(plan_group(after(seen, removing, instances=[pending("web-150")], status=status)))


def test_the_time_of_the_next_try_is_kept_to_the_second() -> None:
    assert backoff_of(failing_again(None, 0)).retry_at == NOW + timedelta(seconds=30)
    assert ago("30s") < NOW
