"""The order of the rules, and the groups that do nothing."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from tests.worlds import (
    NEXT_CONFIGURATION,
    NOW,
    THREE_ZONES,
    activity,
    backoff,
    ended_records,
    failed_zone,
    fleet,
    group,
    instance,
    later,
    leaving,
    pending,
    planned,
    view,
)
from windlass.planner.capacity.launch import grow_to_desired
from windlass.planner.capacity.removal import REMOVAL_BATCH
from windlass.planner.capacity.situation import Decision
from windlass.planner.capacity.steps import GroupPlan, KeepRevision, Launch, Remove, SeedDesired
from windlass.planner.capacity.view import GroupView
from windlass.planner.group import RULES, plan_group, see

STUCK: dict[str, Any] = {"age": "9m", "zone": "zone-a", "unschedulable": "9m"}

# In this world every rule but the last but one has something to do; each row takes away what the one before it did.
EVERYTHING = (
    instance("web-0", zone="zone-b"),
    instance("web-1", zone="zone-b", ended=True),
    instance("web-2", **STUCK),
    instance("web-3", zone="zone-c", ended=True, was_ready=True),
)


def test_the_rules_are_tried_in_this_order() -> None:
    assert [rule.__name__ for rule in RULES] == [
        "seed_desired",
        "adopt_orphans",
        "keep_revision",
        "end_activity",
        "replace_hanging",
        "remove_failed",
        "leave_failed_zones",
        "replace_unhealthy",
        "exchange_instances",
        "update_instances",
        "grow_to_desired",
        "shrink_to_desired",
        "forget_history",
    ]


def zoned(desired: int | None, **fields: Any) -> Any:
    return group(desired, zones=THREE_ZONES, **fields)


def first_step(*instances: Any, desired: int | None = 5, **fields: Any) -> str:
    plan = planned(zoned(desired, min_size=5 if desired is None else 0), instances, **fields)
    step = plan.steps[0]
    return f"{type(step).__name__} {getattr(step, 'name', '')}".strip()


def test_each_rule_comes_before_those_below_it() -> None:
    new: dict[str, Any] = {"configuration": NEXT_CONFIGURATION}

    assert first_step(*EVERYTHING, desired=None, **new) == "SeedDesired"
    assert first_step(*EVERYTHING, **new).startswith("KeepRevision")
    assert first_step(*EVERYTHING, activity=activity("Replace", to=5)) == "Remove web-1"
    assert first_step(*EVERYTHING[:1], *EVERYTHING[2:]) == "Remove web-2"
    assert first_step(*EVERYTHING[:1], *EVERYTHING[3:], instance("web-4", zone="zone-a"), desired=2) == "Remove web-3"
    assert first_step(*EVERYTHING[:1]).startswith("Launch")
    assert first_step(*fleet(5), history=ended_records(30)).startswith("ForgetRecord")


def test_an_activity_that_is_over_ends_before_instances_are_touched() -> None:
    plan = planned(group(5), fleet(7), activity=activity(first_ordinal=0))

    assert not leaving(plan)
    assert plan.status.activity is not None
    assert plan.status.activity.ended_at == NOW


def test_a_pass_acts_on_one_rule_alone() -> None:
    kinds = {type(step) for step in planned(zoned(9), EVERYTHING).steps} & {Launch, Remove, KeepRevision, SeedDesired}

    assert kinds == {Remove}


def test_a_rule_that_may_not_act_does_not_hold_up_the_next() -> None:
    plan = planned(group(2), (*fleet(1), *(pending(f"web-{n}") for n in (1, 2))), configuration=None)

    assert plan.status.phase == "Stalled"
    assert leaving(plan) == ["web-2"]


def test_a_pass_removes_a_thousand_at_most() -> None:
    assert len(leaving(planned(group(0, max_size=10_000), fleet(1500)))) == REMOVAL_BATCH == 1000


# ---- doing nothing at all


@pytest.mark.spec("scaling-group.md", "enabled")
def test_a_disabled_group_does_nothing_at_all() -> None:
    for desired in (0, 3, 9):
        plan = planned(zoned(desired, enabled=False), EVERYTHING, configuration=NEXT_CONFIGURATION)

        assert not plan.steps
        assert not plan.events
        assert plan.wake_at is None


@pytest.mark.spec("scaling-group.md", "enabled")
def test_a_disabled_group_still_shows_what_there_is() -> None:
    status = planned(group(3, enabled=False), (*fleet(2), pending("web-2"))).status

    assert (status.replicas, status.in_service, status.pending, status.desired) == (3, 2, 1, 3)


def test_a_group_that_is_being_deleted_does_nothing_any_more() -> None:
    plan = planned(zoned(9), EVERYTHING, deleting=True)

    assert not plan.steps
    assert plan.wake_at is None


def test_a_group_at_rest_plans_nothing_and_wakes_for_nothing() -> None:
    plan = planned(group(3), fleet(3), activity=activity(ended="1h", to=3))

    assert (plan.steps, plan.events, plan.holds, plan.wake_at) == ((), (), (), None)


# ---- waking up

WAKES: dict[str, tuple[GroupView, str]] = {
    "minReadySeconds": (view(group(1, min_ready_seconds=60), [instance("web-0", ready="20s")]), "40s"),
    "health interval": (view(group(1), [instance("web-0", not_ready="200s")]), "100s"),
    "launch time-out": (view(group(1), [pending("web-0", age="590s")], activity=activity()), "10s"),
    "zone failure": (
        view(zoned(1), [instance("web-0", age="9m", zone="zone-a", unschedulable="4m")], activity=activity()),
        "1m",
    ),
    "zone on trial": (
        view(
            group(1, zones=("zone-a", "zone-b")),
            [instance("web-0", **STUCK)],
            activity=activity(),
            zones=[failed_zone("zone-a", until="3m"), failed_zone("zone-b", until="90s")],
        ),
        "90s",
    ),
    "next try": (
        view(group(1), activity=activity(ended="1s", result="Failed"), backoff=backoff(1, retry="7s")),
        "7s",
    ),
    "room for the sick": (
        view(
            group(2),
            [pending("web-0", age="290s"), instance("web-1", not_ready="1h")],
            activity=activity("Replace", first_ordinal=0),
        ),
        "10s",
    ),
    "the earliest of two": (
        view(group(2), [instance("web-0", not_ready="200s"), instance("web-1", not_ready="250s")]),
        "50s",
    ),
}


@pytest.mark.parametrize(("seen", "due"), WAKES.values(), ids=WAKES)
def test_the_wake_up_is_the_moment_at_which_the_plan_changes(seen: GroupView, due: str) -> None:
    assert plan_group(seen).wake_at == later(due)

    before, at = (plan_group(replace(seen, now=later(due) - by)) for by in (timedelta(seconds=1), timedelta()))

    assert (at.steps, what_is_seen(at)) != (before.steps, what_is_seen(before))


def what_is_seen(plan: GroupPlan) -> object:
    return plan.status.model_dump(exclude={"conditions"})


def test_a_wake_up_is_never_due_already() -> None:
    for seen, _ in WAKES.values():
        for seconds in range(0, 1000, 50):
            now = NOW + timedelta(seconds=seconds)
            wake_at = plan_group(replace(seen, now=now)).wake_at
            assert wake_at is None or wake_at > now


# ---- the rules one by one


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_no_rule_has_anything_to_do_in_a_group_at_rest(rule: Callable[..., object]) -> None:
    assert rule(see(view(group(3), fleet(3)))) is None


def test_every_decision_says_why() -> None:
    decision = grow_to_desired(see(view(group(3))))

    assert isinstance(decision, Decision)
    assert str(decision.why)
