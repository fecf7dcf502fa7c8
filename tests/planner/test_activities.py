"""Activities: when one begins, what joins it, when and how it ends."""

import pytest

from tests.worlds import (
    NOW,
    THREE_ZONES,
    activity,
    after,
    backoff,
    fleet,
    group,
    instance,
    launches,
    leaving,
    pending,
    planned,
    result_of,
    span,
    type_of,
    view,
)
from windlass.api.scaling_group import ActivityStatus
from windlass.planner.capacity.steps import GroupPlan
from windlass.planner.capacity.view import GroupView
from windlass.planner.group import plan_group


def running(plan: GroupPlan) -> ActivityStatus:
    assert plan.status.activity is not None
    return plan.status.activity


def told(plan: GroupPlan) -> list[tuple[str, str]]:
    return [(event.type, f"{event.reason.code}: {event.reason}") for event in plan.events]


DONE = activity(ended="1h", to=3, result="Successful")


# ---- beginning: what, and why

CAUSES = {
    "the first size": (view(group(3)), "ScaleOut", "the desired size changed from 0 to 3"),
    "more wanted": (view(group(5), fleet(3), activity=DONE), "ScaleOut", "the desired size changed from 3 to 5"),
    "fewer wanted": (view(group(2), fleet(3), activity=DONE), "ScaleIn", "the desired size changed from 3 to 2"),
    "min raised": (
        view(group(3, min_size=4), fleet(3), activity=DONE),
        "ScaleOut",
        "the desired size changed from 3 to 4",
    ),
    "max lowered": (
        view(group(3, max_size=2), fleet(3), activity=DONE),
        "ScaleIn",
        "the desired size changed from 3 to 2",
    ),
    "one was deleted": (view(group(3), fleet(2), activity=DONE), "Replace", "1 instance missing of 3 desired"),
    "one was deleted while fewer are wanted than before": (
        view(group(2), fleet(1), activity=DONE),
        "Replace",
        "1 instance missing of 2 desired",
    ),
    "too many, and nobody changed what is wanted": (
        view(group(3), fleet(4), activity=DONE),
        "ScaleIn",
        "4 instances where 3 are desired",
    ),
    "too many, though more are wanted than before": (
        view(group(4), fleet(5), activity=DONE),
        "ScaleIn",
        "5 instances where 4 are desired",
    ),
    "one failed": (
        view(group(3), (*fleet(2), instance("web-2", scheduled="1s", ended=True, problem="no disk")), activity=DONE),
        "Replace",
        "replacing web-2: did not come into service: no disk",
    ),
    "one is unhealthy": (
        view(group(3), (*fleet(2), instance("web-2", ended=True, was_ready=True)), activity=DONE),
        "Replace",
        "replacing web-2: unhealthy: its Pod has ended",
    ),
    "a zone failed": (
        view(
            group(3, zones=THREE_ZONES),
            (*fleet(2), instance("web-2", age="9m", zone="zone-a", unschedulable="9m", problem="no node fits")),
            activity=DONE,
        ),
        "Replace",
        "replacing web-2: zone-a has failed: no node fits",
    ),
    "launches failed before": (
        view(
            group(3),
            fleet(2),
            activity=activity("Replace", ended="1m", to=3, result="Failed"),
            backoff=backoff(2, expired=True),
        ),
        "Replace",
        "trying again after launching failed 2 times in a row: exited with 1",
    ),
    "the last one fell short": (
        view(group(3), fleet(2), activity=activity(ended="1h", to=3, result="Warning")),
        "ScaleOut",
        "2 instances where 3 are desired",
    ),
}


@pytest.mark.parametrize(("seen", "type_", "cause"), CAUSES.values(), ids=CAUSES)
@pytest.mark.spec("scaling-group.md", "7 activity record")
def test_an_activity_begins_with_its_cause(seen: GroupView, type_: str, cause: str) -> None:
    begun = running(plan_group(seen))

    assert (begun.type, begun.cause, begun.ended_at) == (type_, cause, None)


def test_an_activity_is_written_down_before_it_acts_with_where_it_comes_from_and_goes_to() -> None:
    begun = running(planned(group(5), fleet(2), next_activity=7))

    assert (begun.name, begun.from_, begun.to, begun.first_ordinal) == ("web-a7", 2, 5, 2)


def test_activities_are_counted_on() -> None:
    assert planned(group(5), next_activity=7).status.next_activity == 8


def test_a_beginning_is_told() -> None:
    assert told(planned(group(3))) == [
        ("Normal", "ActivityStarted: web-a1 (ScaleOut): the desired size changed from 0 to 3")
    ]


def test_a_group_at_rest_begins_nothing() -> None:
    assert planned(group(3), fleet(3)).status.activity is None


# ---- one at a time: joining, retargeting


@pytest.mark.spec("scaling-group.md", "2 one activity")
@pytest.mark.parametrize("type_", ["ScaleOut", "Replace"])
def test_more_wanted_joins_a_running_launch_and_retargets_it(type_: str) -> None:
    there = (*fleet(2), pending("web-2"))
    plan = planned(group(5), there, activity=activity(type_, number=4, first_ordinal=2))

    assert len(launches(plan)) == 2
    assert (running(plan).name, running(plan).to) == ("web-a4", 5)


@pytest.mark.spec("scaling-group.md", "2 one activity")
def test_fewer_wanted_joins_a_running_removal_and_retargets_it() -> None:
    there = (*fleet(3), instance("web-3", removing=True))
    plan = planned(group(1), there, activity=activity("ScaleIn", number=4, from_=4, to=3))

    assert len(leaving(plan)) == 2
    assert (running(plan).name, running(plan).to) == ("web-a4", 1)


def test_a_running_launch_follows_the_desired_size_though_there_is_nothing_to_launch() -> None:
    """Two failed; then five were too many. What begins later must not say that the size changed."""
    busy = activity(first_ordinal=0, to=5, failed=(3, 4))
    plan = planned(group(3), [pending(f"web-{n}") for n in range(3)], activity=busy, backoff=backoff(1))

    assert running(plan).to == 3


def test_fewer_wanted_than_there_are_ends_a_running_launch_with_what_it_had_promised() -> None:
    there = (*fleet(2), pending("web-2"), pending("web-3"))
    seen = view(group(3), there, activity=activity(number=4, first_ordinal=0, to=4))
    ended = plan_group(seen)

    assert not ended.steps or not leaving(ended)
    assert (result_of(ended), running(ended).to) == ("Warning", 4)

    shrinking = plan_group(after(seen, ended))

    assert leaving(shrinking) == ["web-3"]
    assert running(shrinking).cause == "the desired size changed from 4 to 3"


def test_more_wanted_ends_a_running_removal_and_the_launch_follows_at_once() -> None:
    there = (*fleet(1), instance("web-1", removing=True))
    seen = view(group(2), there, activity=activity("ScaleIn", number=4, from_=2, to=1))
    ended = plan_group(seen)

    assert (result_of(ended), running(ended).to) == ("Successful", 1)

    launching = plan_group(after(seen, ended))

    assert [step.name for step in launches(launching)] == ["web-2"]
    assert running(launching).name == "web-a5"


def test_what_failed_joins_whatever_runs() -> None:
    for type_ in ("ScaleOut", "Replace", "ScaleIn"):
        there = (*fleet(2), instance("web-2", ended=True), instance("web-3", removing=True))
        plan = planned(group(3), there, activity=activity(type_, number=4, first_ordinal=2))

        assert leaving(plan) == ["web-2"]
        assert running(plan).name == "web-a4"


def test_a_killed_instance_s_replacement_joins_a_launch_that_hangs() -> None:
    hangs = instance("web-2", age="2h", unschedulable="2h")
    plan = planned(group(3), (instance("web-0"), hangs), activity=activity(first_ordinal=2, started="2h"))

    assert [step.name for step in launches(plan)] == ["web-3"]
    assert running(plan).name == "web-a1"


def test_a_new_activity_begins_only_when_the_record_of_the_last_one_is_closed() -> None:
    last = activity(ended="1s", to=3)
    seen = view(group(5), fleet(3), activity=last, record="open")
    closing = plan_group(seen)

    assert not launches(closing)
    assert running(closing).name == last.name

    assert len(launches(plan_group(after(seen, closing)))) == 2


# ---- ending: when


def ended(plan: GroupPlan) -> bool:
    return running(plan).ended_at is not None


def test_a_launch_ends_when_each_of_its_instances_is_in_service() -> None:
    busy = activity(first_ordinal=1)

    assert not ended(planned(group(3), (*fleet(2), pending("web-2")), activity=busy))
    assert ended(planned(group(3), fleet(3), activity=busy))


def test_a_launch_does_not_wait_for_the_instances_of_an_earlier_one() -> None:
    assert ended(planned(group(3), (pending("web-0"), *fleet(2, first=1)), activity=activity(first_ordinal=1)))


def test_a_launch_does_not_end_while_one_of_its_instances_is_missing() -> None:
    assert not ended(planned(group(3), fleet(2), activity=activity(first_ordinal=0)))


def test_a_launch_ends_when_scaling_out_is_suspended_and_nothing_is_on_its_way() -> None:
    spec = group(3, suspended_processes=("ScaleOut",))

    assert ended(planned(spec, fleet(2), activity=activity(first_ordinal=0)))
    assert not ended(planned(spec, (*fleet(1), pending("web-1")), activity=activity(first_ordinal=0)))


def test_a_launch_ends_when_its_configuration_is_gone_and_nothing_is_on_its_way() -> None:
    assert ended(planned(group(3), fleet(2), activity=activity(first_ordinal=0), configuration=None, revisions=()))


def test_a_protected_instance_that_failed_does_not_keep_its_activity_running() -> None:
    there = (*fleet(2), instance("web-2", ended=True, protected=True))

    assert ended(planned(group(3), there, activity=activity(first_ordinal=2)))


def test_a_removal_ends_when_who_leaves_is_gone() -> None:
    busy = activity("ScaleIn", from_=3, to=2)

    assert not ended(planned(group(2), (*fleet(2), instance("web-2", removing=True)), activity=busy))
    assert ended(planned(group(2), fleet(2), activity=busy))


def test_a_removal_does_not_wait_for_ever_for_one_that_cannot_go() -> None:
    there = (*fleet(2), instance("web-2", removing=True))
    young = planned(group(2), there, activity=activity("ScaleIn", from_=3, to=2, started="9m"))
    old = planned(group(2), there, activity=activity("ScaleIn", from_=3, to=2, started="11m"))

    assert not ended(young)
    assert young.wake_at == NOW + span("1m")
    assert ended(old)
    assert running(old).result == "Warning"
    assert running(old).description == "removed 1 instance; 2 left; still on the way out: web-2"


def test_a_protected_instance_that_failed_is_nothing_to_try_again() -> None:
    there = (*fleet(2), instance("web-2", ended=True, protected=True))
    plan = planned(group(3), there, activity=DONE, backoff=backoff(6, expired=True))

    assert plan.status.phase != "Stalled"
    assert plan.status.launch_backoff is None


def test_a_removal_ends_when_only_protected_instances_are_left() -> None:
    assert ended(planned(group(1), fleet(2, protected=True), activity=activity("ScaleIn", from_=3, to=1)))


@pytest.mark.spec("scaling-group.md", "6 suspend ScaleIn")
def test_a_removal_ends_when_scaling_in_is_suspended_and_nobody_leaves_any_more() -> None:
    spec = group(1, suspended_processes=("ScaleIn",))
    plan = planned(spec, fleet(2), activity=activity("ScaleIn", from_=3, to=1))

    assert ended(plan)
    assert not leaving(planned(spec, fleet(2)))


def test_nothing_ends_while_the_group_is_disabled() -> None:
    assert not ended(planned(group(3, enabled=False), fleet(3), activity=activity(first_ordinal=0)))


# ---- ending: how

BUSY = activity(first_ordinal=2, from_=2, to=5)
REMOVING = activity("ScaleIn", from_=5, to=3)
RESULTS = {
    "all in service": (view(group(5), fleet(5), activity=BUSY), "Successful", "launched 3 instances, 3 in service"),
    "arrived, and one is not ready now": (
        view(group(5), (*fleet(4), instance("web-4", not_ready="1s")), activity=BUSY),
        "Successful",
        "launched 3 instances, 3 in service",
    ),
    "some failed": (
        view(
            group(5),
            fleet(4),
            activity=BUSY.model_copy(update={"failed": (4,)}),
            backoff=backoff(1),
            next_ordinal=5,
        ),
        "Warning",
        "launched 3 instances, 2 in service, 1 failed",
    ),
    "all failed": (
        view(
            group(5),
            fleet(2),
            activity=BUSY.model_copy(update={"failed": (2, 3, 4)}),
            backoff=backoff(1),
            next_ordinal=5,
        ),
        "Failed",
        "launched 3 instances, 0 in service, 3 failed",
    ),
    "one was deleted and made up for": (
        view(group(5), (*fleet(4), instance("web-5")), activity=BUSY, next_ordinal=6),
        "Successful",
        "launched 4 instances, 3 in service, 1 deleted",
    ),
    "one was deleted, and one failed": (
        view(
            group(5, suspended_processes=("ScaleOut",)),
            fleet(3),
            activity=BUSY.model_copy(update={"failed": (4,)}),
            backoff=backoff(1),
            next_ordinal=5,
        ),
        "Warning",
        "launched 3 instances, 1 in service, 1 failed, 1 deleted, 1 not launched",
    ),
    "suspended halfway": (
        view(group(5, suspended_processes=("ScaleOut",)), fleet(3), activity=BUSY),
        "Warning",
        "launched 1 instance, 1 in service, 2 not launched",
    ),
    "suspended before anything was launched": (
        view(group(5, suspended_processes=("ScaleOut",)), fleet(2), activity=BUSY),
        "Failed",
        "launched 0 instances, 0 in service, 3 not launched",
    ),
    "cancelled": (
        view(group(3), (*fleet(3), pending("web-3"), pending("web-4")), activity=BUSY),
        "Warning",
        "launched 3 instances, 1 in service, 2 on the way",
    ),
    "in service, and then too many": (
        view(group(3), fleet(5), activity=BUSY),
        "Successful",
        "launched 3 instances, 3 in service",
    ),
    "removed": (view(group(3), fleet(3), activity=REMOVING), "Successful", "removed 2 instances; 3 left"),
    "some protected": (
        view(group(3), fleet(4, protected=True), activity=REMOVING),
        "Warning",
        "removed 1 instance; 4 left",
    ),
    "more wanted meanwhile": (
        view(group(4), fleet(3), activity=REMOVING),
        "Successful",
        "removed 2 instances; 3 left",
    ),
}


@pytest.mark.parametrize(("seen", "result", "description"), RESULTS.values(), ids=RESULTS)
@pytest.mark.spec("scaling-group.md", "7 activity record: Successful")
@pytest.mark.spec("scaling-group.md", "7 activity record: Warning")
@pytest.mark.spec("scaling-group.md", "7 activity record: Failed")
def test_how_an_activity_ends(seen: GroupView, result: str, description: str) -> None:
    over = running(plan_group(seen))

    assert (over.result, over.description) == (result, description)
    assert over.ended_at == seen.now
    assert over.capacity_after == len(seen.instances)


@pytest.mark.parametrize(
    ("name", "event"),
    [
        (
            "all in service",
            ("Normal", "ActivitySuccessful: web-a1 (ScaleOut): launched 3 instances, 3 in service"),
        ),
        (
            "some failed",
            ("Warning", "ActivityWarning: web-a1 (ScaleOut): launched 3 instances, 2 in service, 1 failed"),
        ),
        (
            "all failed",
            ("Warning", "ActivityFailed: web-a1 (ScaleOut): launched 3 instances, 0 in service, 3 failed"),
        ),
    ],
)
def test_an_end_is_told(name: str, event: tuple[str, str]) -> None:
    assert told(plan_group(RESULTS[name][0])) == [event]


def test_what_has_ended_does_not_end_again() -> None:
    plan = planned(group(3), fleet(3), activity=DONE)

    assert running(plan) == DONE
    assert not plan.acts
    assert not plan.events


def test_types_are_told_apart() -> None:
    assert type_of(planned(group(3))) == "ScaleOut"
