"""One below, at and one above: whatever the planner counts up to or waits for, on both sides of the limit."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from tests.worlds import (
    NOW,
    THREE_ZONES,
    activity,
    after,
    ago,
    backoff,
    ended_records,
    failed_zone,
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
    situation,
    steps_of_kind,
    view,
)
from windlass.api.ordinals import OrdinalRange
from windlass.api.scaling_group import MAX_NAMED_INSTANCES
from windlass.planner.capacity.adoption import ADOPTION_BATCH, LAST_ADOPTED
from windlass.planner.capacity.instance import Instance, Patience
from windlass.planner.capacity.ordinals import MOST_RESERVED
from windlass.planner.capacity.reasons import FullestZone, RemovalPolicy
from windlass.planner.capacity.removal import MOST_EVENTS
from windlass.planner.capacity.removal_order import RemovalRules, choose_leaving
from windlass.planner.capacity.steps import Adopt, ForgetRecord, GroupPlan, KeepRevision, SeedDesired
from windlass.planner.capacity.view import (
    LaunchPause,
    LeftOrphan,
    RemovalPause,
    has_served,
    is_launching,
    may_fail,
    take_census,
)
from windlass.planner.group import plan_group

DONE = activity(ended="1h", to=3)


# ---- moments


@pytest.mark.parametrize(("seconds", "never"), [(29, True), (30, True), (31, False)])
def test_a_pod_that_became_not_ready_half_a_minute_after_it_was_scheduled_may_have_been_ready(
    seconds: int, never: bool
) -> None:
    pod = pending("web-0", age="1h")
    assert pod.scheduled_at is not None

    assert replace(pod, ready_changed_at=pod.scheduled_at + timedelta(seconds=seconds)).never_ready is never


@pytest.mark.parametrize(("since", "over"), [("599s", False), ("10m", True), ("601s", True)])
def test_a_removal_waits_ten_minutes_for_those_on_their_way_out(since: str, over: bool) -> None:
    there = (*fleet(2), instance("web-2", removing=True))
    plan = planned(group(2), there, activity=activity("ScaleIn", from_=3, to=2, started=since))

    assert (result_of(plan) is not None) is over


def test_a_launch_is_over_when_fewer_are_wanted_though_none_may_leave() -> None:
    spec = group(2, suspended_processes=("ScaleIn",))

    assert result_of(planned(spec, (*fleet(2), pending("web-2")), activity=activity(first_ordinal=2))) == "Warning"


def test_a_removal_is_over_when_more_are_wanted_though_none_can_be_launched() -> None:
    there = (*fleet(1), instance("web-1", removing=True))
    spec = group(2, suspended_processes=("ScaleOut",))

    assert result_of(planned(spec, there, activity=activity("ScaleIn", from_=2, to=1))) == "Successful"


@pytest.mark.parametrize(("retry", "acts"), [(later("1s"), False), (NOW, True), (ago("1s"), True)])
def test_a_pause_is_over_at_the_moment_that_it_names(retry: Any, acts: bool) -> None:
    removing = planned(group(1), fleet(3), removal_pause=RemovalPause(1, retry, "no"))
    launching = planned(group(3), fleet(1), launch_pause=LaunchPause(1, retry, "no"))
    asking = planned(group(3), fleet(1), revisions=(), template_problem="no", template_retry_at=retry)

    assert bool(removals(removing)) is acts
    assert bool(launches(launching)) is acts
    assert bool(steps_of_kind(asking, KeepRevision)) is acts


@pytest.mark.parametrize(("retry", "expired", "due"), [("1s", False, False), ("0s", True, True), ("1s", True, True)])
def test_a_failed_launch_is_tried_again_at_the_moment_that_was_named(retry: str, expired: bool, due: bool) -> None:
    last = activity(ended="1m", to=3, result="Failed")
    plan = planned(group(3), fleet(2), activity=last, backoff=backoff(1, retry=retry, expired=expired))

    assert bool(launches(plan)) is due


@pytest.mark.parametrize("over", ["0s", "1s"])
def test_a_zone_on_trial_fails_again_from_the_moment_that_its_pause_is_over(over: str) -> None:
    stuck = instance("web-0", zone="zone-a", age="9m", unschedulable="5m")
    known = (failed_zone("zone-a", over=over),)
    seen = situation(group(1, zones=THREE_ZONES), [stuck], zones=known, activity=activity())

    assert seen.zones.failed["zone-a"].failures == 2


def launched(scheduled: str, **fields: Any) -> Instance:
    return instance("web-0", age="2h", scheduled=scheduled, **fields)


@pytest.mark.parametrize(("scheduled", "may"), [("3601s", False), ("1h", False), ("3599s", True)])
def test_what_was_scheduled_after_its_activity_had_ended_is_still_its_launch(scheduled: str, may: bool) -> None:
    pod = launched(scheduled, ready=None)
    patience = Patience.of(group())

    assert is_launching(DONE, pod) is may
    assert may_fail(DONE, pod, patience, None) is may
    assert not may_fail(DONE, replace(pod, ready=True), patience, None)
    assert not may_fail(None, pod, patience, None)


@pytest.mark.parametrize(("scheduled", "served"), [("61s", True), ("60s", False), ("59s", False)])
def test_what_was_scheduled_before_anybody_looked_counts_as_having_been_in_service(
    scheduled: str, served: bool
) -> None:
    pod, patience = launched(scheduled, not_ready="5s"), Patience.of(group(min_ready_seconds=15))

    assert has_served(activity(), pod, patience, ago("1m")) is served
    assert not has_served(activity(), replace(pod, was_ready=False), patience, ago("1m"))
    assert not has_served(activity(), pod, patience, None)


# ---- failures that are remembered


@pytest.mark.parametrize(("age", "kept"), [("59s", True), ("60s", False), ("61s", False)])
@pytest.mark.parametrize("last", [None, activity("ScaleIn", ended="5m", to=3)], ids=["no activity", "a removal"])
def test_failures_are_forgotten_when_all_have_lived_for_a_minute_whatever_was_done_last(
    last: Any, age: str, kept: bool
) -> None:
    there = (*fleet(2), instance("web-2", age=age))
    remembered = planned(group(3), there, activity=last, backoff=backoff(3, expired=True)).status.launch_backoff

    assert (remembered is not None) is kept


def test_failures_stay_known_while_something_is_left_to_try() -> None:
    last = activity("ScaleIn", ended="5m", to=3)
    on_its_way = planned(group(3), (*fleet(2), pending("web-2")), activity=last, backoff=backoff(3, expired=True))

    assert on_its_way.status.launch_backoff == backoff(3, expired=True)


def test_what_failed_counts_when_it_is_removed_and_not_while_a_record_holds_that_up() -> None:
    ended = replace(instance("web-2", age="9s", ended=True, problem="exited with 1"), ended_at=ago("3s"))
    last = activity(first_ordinal=0, ended="1s", to=3)
    waiting = planned(group(3), (*fleet(2), ended), activity=last, record="open")
    acting = planned(group(3), (*fleet(2), ended), activity=last)

    assert not removals(waiting)
    assert waiting.status.launch_backoff is None
    assert removals(acting)
    assert acting.status.launch_backoff is not None


def test_where_there_is_no_activity_none_can_be_changed() -> None:
    with pytest.raises(ValueError, match="there is no activity"):
        situation(group(3)).memory.with_activity(to=1)


def test_a_beginning_is_told_once_and_not_again_while_it_runs() -> None:
    def told(plan: GroupPlan) -> list[str]:
        return [str(event.reason) for event in plan.events if event.reason.code == "ActivityStarted"]

    begins = planned(group(5), fleet(3), activity=DONE)
    joins = planned(group(6), (*fleet(3), *(pending(f"web-{n}") for n in (3, 4))), activity=activity(first_ordinal=3))

    assert told(begins) == ["web-a2 (ScaleOut): the desired size changed from 3 to 5"]
    assert len(launches(joins)) == 1
    assert told(joins) == []


def test_what_is_tried_again_after_a_removal_is_a_replacement() -> None:
    last = activity("ScaleIn", ended="5m", to=3)
    plan = planned(group(3), fleet(2), activity=last, backoff=backoff(2, expired=True))

    assert plan.status.activity is not None
    assert plan.status.activity.type == "Replace"
    assert plan.status.activity.cause == "trying again after launching failed 2 times in a row: exited with 1"


def test_what_fails_after_failures_were_forgotten_counts_as_the_first() -> None:
    """The activity still names those that failed before."""
    running = activity(first_ordinal=0, failed=(0,))
    ended = instance("web-1", age="1m", ended=True, problem="exited with 1")
    plan = planned(group(3), (ended, pending("web-2")), activity=running, next_ordinal=3)

    assert plan.status.launch_backoff is not None
    assert plan.status.launch_backoff.failures == 1


@pytest.mark.parametrize(("failures", "phase"), [(4, "ScalingOut"), (5, "Stalled"), (6, "Stalled")])
def test_a_group_that_tries_again_is_stalled_after_five_failures(failures: int, phase: str) -> None:
    there = (*fleet(2), pending("web-2"))
    plan = planned(group(3), there, activity=activity(first_ordinal=2), backoff=backoff(failures, expired=True))

    assert plan.status.phase == phase


# ---- waking up: what is due already must not hide what is due later


def test_a_zone_that_may_be_tried_now_does_not_hide_when_the_next_one_may() -> None:
    known = (failed_zone("zone-a", until="0s"), failed_zone("zone-b", until="90s"))

    assert planned(group(1, zones=THREE_ZONES), fleet(1, zones=("zone-c",)), zones=known).wake_at == later("90s")


def test_a_zone_that_fails_now_does_not_hide_when_the_next_one_does() -> None:
    there = [
        instance(f"web-{n}", zone=zone, age="9m", unschedulable=since)
        for n, (zone, since) in enumerate([("zone-a", "5m"), ("zone-b", "4m")])
    ]
    plan = planned(group(2, zones=THREE_ZONES), there, activity=activity(to=2))

    assert plan.wake_at == later("1m")


def test_one_that_has_lived_for_a_minute_now_does_not_hide_when_the_next_one_has() -> None:
    there = (instance("web-0", age="60s"), instance("web-1", age="50s"))
    last = activity("ScaleIn", ended="5m", to=2)
    plan = planned(group(2), there, activity=last, backoff=backoff(3, expired=True))

    assert plan.wake_at == later("10s")


def test_one_that_may_be_adopted_again_later_wakes_the_group() -> None:
    left = (LeftOrphan("web-8", "no", later("40s")), LeftOrphan("web-9", "no", later("50s")))

    assert planned(group(1), fleet(1), left_orphans=left).wake_at == later("40s")


# ---- numbers


@pytest.mark.parametrize(("ordinal", "taken"), [(0, True), (LAST_ADOPTED, True), (LAST_ADOPTED + 1, False)])
def test_a_pod_with_too_large_a_number_is_not_adopted(ordinal: int, taken: bool) -> None:
    plan = planned(group(1), orphans=[instance(f"web-{ordinal}")])

    assert LAST_ADOPTED == 99_999_999
    assert bool(steps_of_kind(plan, Adopt)) is taken


@pytest.mark.parametrize("count", [999, 1000, 1001])
def test_a_pass_adopts_a_thousand_at_most(count: int) -> None:
    plan = planned(group(1), orphans=fleet(count))

    assert ADOPTION_BATCH == 1000
    assert [step.name for step in steps_of_kind(plan, Adopt)] == [f"web-{n}" for n in range(min(count, 1000))]


def test_as_many_names_may_be_reserved_as_the_largest_group_has_instances() -> None:
    assert MOST_RESERVED == 10_000


@pytest.mark.parametrize("count", [99, 100, 101])
def test_a_launch_names_a_hundred_that_failed_and_counts_on_with_the_next_activity(count: int) -> None:
    running = activity(first_ordinal=0, to=200, failed=range(min(count, MAX_NAMED_INSTANCES)))
    there = fleet(50, first=count)
    plan = planned(group(200, max_size=500), there, activity=running, next_ordinal=count + 50)

    assert len(launches(plan)) == (51 if count < MAX_NAMED_INSTANCES else 0)


@pytest.mark.parametrize(("failed", "told"), [(98, "52 deleted"), (99, "51 deleted"), (100, None)])
def test_how_many_left_is_told_while_all_that_failed_are_named(failed: int, told: str | None) -> None:
    running = activity(first_ordinal=0, to=160, failed=range(failed))
    spec = group(160, max_size=500, suspended_processes=("ScaleOut",))
    plan = planned(spec, fleet(10, first=150), activity=running, backoff=backoff(1), next_ordinal=160)

    assert plan.status.activity is not None
    description = plan.status.activity.description or ""
    assert ("deleted" in description) is (told is not None)
    assert told is None or f", {told}" in description


def test_a_removal_during_which_more_came_removed_nobody() -> None:
    plan = planned(group(2), fleet(4, protected=True), activity=activity("ScaleIn", from_=3, to=2))

    assert plan.status.activity is not None
    assert plan.status.activity.description == "removed 0 instances; 4 left"


@pytest.mark.parametrize("count", [MOST_EVENTS - 1, MOST_EVENTS, MOST_EVENTS + 1, MOST_EVENTS + 2])
def test_the_first_ten_reasons_get_an_event_each_and_the_others_one_together(count: int) -> None:
    sick = [instance(f"web-{n}", ended=True, was_ready=True, problem=f"reason {n}") for n in range(count)]
    plan = planned(group(count * 10, max_size=1000), (*sick, *fleet(count * 9, first=count)), activity=DONE)
    told = [str(event.reason) for event in plan.events if event.reason.code == "InstanceLeaves"]

    assert MOST_EVENTS == 10
    assert len(removals(plan)) == count
    assert told[:10] == [f"removing web-{n}: unhealthy: reason {n}" for n in range(min(count, 10))]
    assert len(told) == min(count, 11)
    assert told[10:] == ([] if count <= 10 else [f"removing {rest(count)}: each for a reason of its own"])
    assert all(event.apart for event in plan.events if event.reason.code == "InstanceLeaves")


def rest(count: int) -> str:
    return ", ".join(f"web-{n}" for n in range(10, count))


def test_who_is_named_already_is_not_named_again_for_another_reason() -> None:
    running = activity("Replace", removed=[{"because": "it was slow", "instances": ["web-2"]}], first_ordinal=3)
    sick = instance("web-2", ended=True, was_ready=True)
    plan = planned(group(4), (*fleet(2), sick, pending("web-3")), activity=running)

    assert leaving(plan) == ["web-2"]
    assert plan.status.activity is not None
    assert [(part.because, part.instances) for part in plan.status.activity.removed] == [("it was slow", ("web-2",))]


@pytest.mark.parametrize(("named", "room"), [(98, 2), (99, 1), (100, 0)])
def test_a_hundred_who_left_are_named(named: int, room: int) -> None:
    before = [{"because": "it was slow", "instances": [f"web-{n + 100}" for n in range(named)]}]
    plan = planned(group(0), fleet(3), activity=activity("ScaleIn", from_=3, to=0, removed=before))

    assert plan.status.activity is not None
    assert sum(len(part.instances) for part in plan.status.activity.removed) == named + room


@pytest.mark.parametrize("limit", [1, 2, 3])
def test_as_many_records_are_kept_as_the_group_wants(limit: int) -> None:
    plan = planned(group(3, history_limit=limit), fleet(3), history=ended_records(2))

    assert len(steps_of_kind(plan, ForgetRecord)) == max(0, 2 - limit)


@pytest.mark.parametrize(("generation", "size"), [(0, 2), (1, 6)], ids=["nobody has looked at", "seen before"])
def test_a_size_that_is_unset_is_what_the_group_worked_towards_last(generation: int, size: int) -> None:
    seen = view(group(None, min_size=2), fleet(6))
    status = seen.status.model_copy(update={"desired": 6, "observed_generation": generation})
    plan = plan_group(replace(seen, status=status))

    assert [step.size for step in steps_of_kind(plan, SeedDesired)] == [size]


# ---- lengths


def in_a_failed_zone(problem: str) -> GroupPlan:
    stuck = instance("web-0", zone="zone-a", age="9m", unschedulable="9m", problem=problem)
    return planned(group(1, zones=THREE_ZONES), [stuck], activity=activity(to=1))


def test_a_sentence_of_the_status_is_cut_to_what_it_may_hold_and_no_shorter() -> None:
    long = "x" * 5000
    failed = instance("web-0", scheduled="1s", ended=True, problem=long)
    begun = planned(group(1), [failed], activity=activity(number=2, first_ordinal=1, ended="5m")).status.activity
    assert begun is not None

    assert len(begun.cause) == 1024
    assert [len(part.because) for part in begun.removed] == [300]
    assert len(planned(group(1), template_problem=long).status.message or "") == 1024
    assert len(in_a_failed_zone(long).status.zones[0].reason or "") == 1024


def test_the_name_of_a_revision_ends_in_ten_characters_of_its_digest() -> None:
    (step,) = steps_of_kind(planned(group(1), revisions=()), KeepRevision)

    assert len(step.name) == len("web-") + 10
    assert step.number == 1


# ---- zones when the group shrinks


def shrunk(*there: Instance) -> list[object]:
    rules = RemovalRules((), balanced=True, added_at={})
    return [type(choice.why) for choice in choose_leaving(take_census(view(group(0), there)), 1, rules)]


def test_the_zone_decides_only_where_there_are_two() -> None:
    assert shrunk(*fleet(2, zones=("zone-a",))) == [RemovalPolicy]
    assert shrunk(*fleet(2, zones=("zone-a", "zone-b"))) == [FullestZone]


def test_what_is_reserved_reaches_from_the_first_to_the_last() -> None:
    plan = planned(group(5), fleet(2), next_ordinal=2)

    assert plan.status.activity is not None
    assert plan.status.activity.launching == OrdinalRange(first=2, count=3)
    again = plan_group(after(view(group(5), fleet(2)), plan, instances=(*fleet(2), instance("web-3"))))
    assert [step.name for step in launches(again)] == ["web-2", "web-4"]
