"""The life of an operation, table by table."""

from dataclasses import replace
from typing import Any

import pytest

from tests.stacks import INPUTS, NOON, instance, operation, stack_set, targets, world
from windlass.api.stack_instance import Work
from windlass.api.stacks import MAX_REGIONS, InstancePhase
from windlass.api.task import Phase
from windlass.planner.stackset.operation import plan_operation
from windlass.planner.stackset.reasons import FileMissing, ReadsInputs
from windlass.planner.stackset.running import MOST_MARKS
from windlass.planner.stackset.steps import Begin, Cancel, Create, Keep, Mark, OperationPlan, Wait
from windlass.planner.stackset.targets import Place
from windlass.planner.stackset.view import Operation, OperationView, SetView, Sources

EU = targets(["eu"], ["a", "b", "c"])
BOTH = targets(["eu", "us"], ["a", "b", "c"])
ALL_IN_EU: dict[str, Any] = {"regions": ["eu"], "accounts": ["a", "b", "c"]}


OVER: dict[str, Any] = {"phase": "Successful", "startTime": "2026-01-15T12:00:00Z"}


def plan(of: Operation, seen: SetView, **more: Any) -> OperationPlan:
    others = tuple(each for each in seen.operations if each.name != of.name)
    return plan_operation(OperationView(replace(seen, operations=(*others, of)), of, **more))


def started(name: str = "first", **more: Any) -> dict[str, Any]:
    return {"phase": "Running", "startTime": "2026-01-15T12:00:00Z", "template": "t", "variables": "v", **more}


def region(name: str = "eu", total: int = 3, tolerance: int = 0, concurrency: int = 1) -> dict[str, Any]:
    return {"region": name, "total": total, "tolerance": tolerance, "concurrency": concurrency}


def dispatching(*regions: dict[str, Any], **spec: Any) -> Operation:
    order = (
        [] if spec.get("preferences", {}).get("regionConcurrencyType") == "PARALLEL" else [r["region"] for r in regions]
    )
    total = sum(each["total"] for each in regions)
    return operation(status=started(prepared=True, regions=list(regions), total=total, order=order), **spec)


def waiting(place: str, account: str) -> Any:
    return instance(place, account, asked_by="uid-first", phase=InstancePhase.WAITING)


def in_phase(place: str, account: str, phase: InstancePhase) -> Any:
    return instance(place, account, asked_by="uid-first", phase=phase)


# ---- refused before anything is touched


@pytest.mark.parametrize(
    ("of", "seen", "said"),
    [
        (operation(), world(), "404: there is no StackSet shop"),
        pytest.param(
            operation(stackSetUID="another"),
            world(stack_set()),
            "400: StackSet shop has the uid uid-shop, not another",
            marks=pytest.mark.spec("stack-set.md", "stack set: id"),
        ),
        (operation(), world(stack_set(removing=True)), "400: StackSet shop is being deleted"),
        (
            operation(action="CreateInstances", targets=ALL_IN_EU),
            world(stack_set(targets=ALL_IN_EU, autoDeploy=True), known=EU),
            "400: the targets of StackSet shop say where it is deployed",
        ),
        (operation(), world(stack_set()), "400: no instance is selected: the set has no instances"),
        (
            operation(action="CreateInstances", targets=ALL_IN_EU),
            world(stack_set(), instances=[instance("eu", each) for each in "abc"], known=EU),
            "400: no instance is selected: all of these exist already",
        ),
    ],
)
def test_it_fails_at_once(of: Operation, seen: SetView, said: str) -> None:
    made = plan(of, seen)
    assert made.status.phase is Phase.FAILED
    assert made.status.message.startswith(said)
    assert not made.steps
    assert made.status.start_time is None
    assert {each.type for each in made.status.conditions} == {"Ready", "Stalled", "Failed"}
    assert [event.type for event in made.events] == ["Warning"]


@pytest.mark.spec("stack-set.md", "targets: only managed")
@pytest.mark.parametrize("action", ["DeploySet", "UpdateInstances", "DeleteInstances", "DetectDrift"])
def test_only_what_the_set_manages_may_be_named(action: str) -> None:
    seen = world(stack_set(status={"regions": ["eu"]}), instances=[instance("eu", "a")], known=BOTH)
    made = plan(operation(action=action, targets={"regions": ["us"], "accounts": ["a"]}), seen)
    assert made.status.phase is Phase.FAILED
    assert made.status.message.startswith("400: ")
    assert "us" in made.status.message


def test_inputs_that_cannot_be_used_end_it_before_it_begins() -> None:
    seen = world(stack_set(), instances=[instance("eu", "a")], known=EU)
    assert isinstance(plan(operation(), seen).why, ReadsInputs)
    made = plan(operation(), seen, inputs=FileMissing("ConfigMap shop", "it is not there"))
    assert (made.status.phase, made.status.message) == (
        Phase.FAILED,
        "400: reading ConfigMap shop: it is not there",
    )


@pytest.mark.parametrize("action", ["DeleteInstances", "DetectDrift"])
def test_these_need_no_inputs(action: str) -> None:
    made = plan(operation(action=action), world(stack_set(), instances=[instance("eu", "a")], known=EU))
    assert made.status.phase is Phase.RUNNING
    assert not made.steps


# ---- one at a time


@pytest.mark.spec("stack-set.md", "operation")
def test_the_eldest_runs_and_the_others_wait() -> None:
    first, second = operation("first", minute=1), operation("second", minute=2)
    seen = world(stack_set(), [first, second], [instance("eu", "a")], EU)
    assert plan(first, seen, inputs=INPUTS).status.phase is Phase.RUNNING
    held = plan(second, seen, inputs=INPUTS)
    assert held.status.phase is Phase.PENDING
    assert held.status.message == "waits for StackSetOperation first: the operations of a set run one at a time"


def test_of_those_created_in_the_same_second_the_one_that_was_seen_first_runs() -> None:
    first, second = replace(operation("z"), position=7), replace(operation("a"), position=9)
    seen = world(stack_set(), [first, second], [instance("eu", "a")], EU)
    assert plan(second, seen, inputs=INPUTS).status.phase is Phase.PENDING
    begun = plan(first, seen, inputs=INPUTS).status
    assert (begun.phase, begun.position) == (Phase.RUNNING, 7)


def test_one_that_has_begun_comes_before_an_elder_one_that_has_not() -> None:
    begun, elder = operation("begun", minute=2, status=started()), operation("elder", minute=1)
    made = plan(elder, world(stack_set(), [begun, elder], [instance("eu", "a")], EU), inputs=INPUTS)
    assert made.status.phase is Phase.PENDING


def test_the_same_token_takes_over_the_first_ones_outcome() -> None:
    first = operation("first", minute=1, clientToken="x", status={"phase": "Failed"})
    made = plan(operation("second", minute=2, clientToken="x"), world(stack_set(), [first]))
    assert made.status.phase is Phase.FAILED
    assert "first has the same clientToken" in made.status.message


def test_what_is_still_being_worked_at_for_an_operation_that_is_gone_is_waited_for() -> None:
    busy = instance("eu", "a", asked_by="uid-gone", phase=InstancePhase.RUNNING)
    made = plan(operation(), world(stack_set(), instances=[busy], known=EU), inputs=INPUTS)
    assert made.status.message == (
        "waits for shop.eu.a: still being worked at for an earlier operation, or being deleted"
    )
    assert made.status.start_time is None


def test_an_instance_that_is_being_deleted_is_made_again_only_when_it_is_gone() -> None:
    creates = operation(action="CreateInstances", targets=ALL_IN_EU)
    seen = world(stack_set(), instances=[instance("eu", "b", removing=True)], known=EU)
    made = plan(creates, seen, inputs=INPUTS)
    assert made.status.message.startswith("waits for shop.eu.b: ")
    assert made.status.start_time is None
    began = operation(action="CreateInstances", targets=ALL_IN_EU, status=started())
    steps = plan(began, seen).steps
    assert [step.place for step in steps if isinstance(step, Create)] == [Place("eu", "a"), Place("eu", "c")]


@pytest.mark.parametrize(
    ("action", "said", "counts"),
    [
        ("DeleteInstances", "3 of 3 instances done", (3, 0)),
        ("DeploySet", "2 of 3 instances done, 1 deleted meanwhile", (2, 1)),
    ],
)
def test_an_instance_that_is_gone_is_done_only_where_it_was_to_be_deleted(
    action: str, said: str, counts: tuple[int, int]
) -> None:
    left = [in_phase("eu", each, InstancePhase.COMPLETE) for each in "ab"]
    made = plan(dispatching(region(), action=action), world(stack_set(), instances=left, known=EU))
    assert made.status.message == said
    assert (made.status.succeeded, made.status.cancelled) == counts
    assert made.status.phase is Phase.SUCCESSFUL


@pytest.mark.parametrize(
    ("others", "said"),
    [
        (None, "it is not there"),
        ((), "it has no operation that succeeded"),
        ((operation("base-1", status=OVER | {"phase": "Failed"}),), "its last operation, base-1, is Failed"),
        ((operation("mistyped", status={"phase": "Failed"}),), "it has no operation that succeeded"),
        ((operation("look", "DetectDrift", status=OVER),), "it has no operation that succeeded"),
        (
            (operation("a", status=OVER), operation("b", minute=1, status=started())),
            "its last operation, b, is Running",
        ),
    ],
)
def test_it_waits_for_the_sets_that_its_own_depends_on(others: Any, said: str) -> None:
    seen = world(stack_set(dependsOn=["base"]), instances=[instance("eu", "a")], known=EU)
    made = plan(operation(), seen, inputs=INPUTS, depends_on={"base": others})
    assert made.status.phase is Phase.PENDING
    assert made.status.message == f"waits for StackSet base, on which this set depends: {said}"


def test_sets_that_wait_for_each_other_say_so() -> None:
    seen = world(stack_set(dependsOn=["base"]), instances=[instance("eu", "a")], known=EU)
    made = plan(operation(), seen, inputs=INPUTS, depends_on={"base": ()}, circles={"base": ("base", "net", "shop")})
    assert made.status.message == (
        "waits for StackSet base, on which this set depends: it has no operation that succeeded; both depend on each "
        "other (shop → base → net → shop): take one dependsOn away"
    )


def test_it_begins_when_those_have_succeeded() -> None:
    seen = world(stack_set(dependsOn=["base"]), instances=[instance("eu", "a")], known=EU)
    done = (operation("b", minute=1, status=OVER), operation("a", status=OVER | {"phase": "Failed"}))
    assert plan(operation(), seen, inputs=INPUTS, depends_on={"base": done}).status.phase is Phase.RUNNING


def test_one_that_is_stopped_before_its_turn_is_cancelled() -> None:
    made = plan(operation(state="Stopped"), world(stack_set(), instances=[instance("eu", "a")], known=EU))
    assert made.status.phase is Phase.CANCELLED


# ---- it starts, and marks


def test_snapshots_are_kept_before_the_status_names_them() -> None:
    made = plan(operation(), world(stack_set(), instances=[instance("eu", "a")], known=EU), inputs=INPUTS)
    assert made.steps == (Keep("ConfigMap", "shop-t-1", "…"), Keep("Secret", "shop-v-1", "…"))
    assert (made.status.template, made.status.variables) == ("shop-t-1", "shop-v-1")
    assert made.status.start_time == NOON
    assert not made.status.prepared


def test_instances_are_created_for_places_that_have_none() -> None:
    of = operation(action="CreateInstances", targets=ALL_IN_EU, status=started(overrides="o"))
    made = plan(of, world(stack_set(timeoutMinutes=5), [of], [instance("eu", "a")], EU))
    creates = [step for step in made.steps if isinstance(step, Create)]
    assert [each.place for each in creates] == [Place("eu", "b"), Place("eu", "c")]
    assert {each.sources for each in creates} == {Sources("t", "v", "o")}
    assert {each.timeout_minutes for each in creates} == {5}
    assert len(made.steps) == 2


@pytest.mark.parametrize(("action", "steps"), [("DeploySet", [Begin, Mark]), ("DeleteInstances", [Mark])])
def test_the_first_are_worked_at_while_others_are_marked_but_none_is_removed(action: str, steps: list[type]) -> None:
    of = operation(action=action, status=started(regions=[region()], total=3, order=["eu"]))
    there = [instance("eu", each, asked_by=of.uid, done_for="", phase=InstancePhase.WAITING) for each in "ab"]
    made = plan(of, world(stack_set(), [of], [*there, instance("eu", "c")], EU))
    assert [type(step) for step in made.steps] == steps
    assert not made.status.prepared
    assert made.status.message == "2 of 3 instances marked, 0 being worked at"
    assert made.status.percentage == 0, "what is still to be marked is not gone"


def test_those_are_marked_first_that_begin_first() -> None:
    def marked(**preferences: Any) -> list[str]:
        of = operation(action="CreateInstances", targets={**ALL_IN_EU, "regions": ["eu", "us"]}, status=started())
        of = replace(of, spec=operation(action="DeploySet", preferences=preferences, status={}).spec)
        seen = world(stack_set(), [of], [instance(each.region, each.account) for each in BOTH], BOTH)
        return [step.name.removeprefix("shop.") for step in plan(of, seen).steps if isinstance(step, Mark)]

    assert marked(regionOrder=["us", "eu"]) == ["us.a", "us.b", "us.c", "eu.a", "eu.b", "eu.c"]
    assert marked(regionConcurrencyType="PARALLEL") == ["eu.a", "us.a", "eu.b", "us.b", "eu.c", "us.c"]


def test_no_region_begins_before_all_of_those_before_it_are_marked() -> None:
    """A mark in the first region failed, and others in the second were written beside it."""
    of = operation(status=started(regions=[region("eu"), region("us")], total=6, order=["eu", "us"]))
    there = [instance("eu", each) for each in "abc"]
    there += [instance("us", each, asked_by=of.uid, done_for="", phase=InstancePhase.WAITING) for each in "abc"]
    made = plan(of, world(stack_set(), [of], there, BOTH))
    assert {type(step) for step in made.steps} == {Mark}


def test_a_region_that_is_worked_at_comes_before_one_that_turned_up_before_it() -> None:
    of = dispatching(region("eu"), region("us"))
    seen = world(stack_set(), [of], [waiting("eu", "a"), in_phase("us", "a", InstancePhase.RUNNING)], BOTH)
    assert plan(of, seen).steps == ()


def test_what_was_given_up_stays_given_up_when_its_target_is_back() -> None:
    status = started(regions=[region()], total=3, order=["eu"], refusal="400: there is no account c")
    of = operation(action="CreateInstances", targets=ALL_IN_EU, status=status)
    seen = world(stack_set(), [of], [in_phase("eu", "a", InstancePhase.RUNNING)], EU)
    made = plan(of, seen)
    assert (made.steps, made.status.message) == (
        (),
        "400: there is no account c; waits for 1 instance that had begun",
    )


def test_one_that_an_older_operator_began_and_that_was_stopped_is_cancelled() -> None:
    """It had resolved nothing before all were marked."""
    of = operation(state="Stopped", status=started())
    there = [instance("eu", "a", asked_by=of.uid, done_for="", phase=InstancePhase.WAITING)]
    (cancel,) = plan(of, world(stack_set(), [of], there, EU)).steps
    assert isinstance(cancel, Cancel)
    assert plan(of, world(stack_set(), [of], [], EU)).status.phase is Phase.CANCELLED


def test_limits_stay_when_another_account_turns_up_while_instances_are_marked() -> None:
    of = operation(
        action="CreateInstances",
        targets={"regions": ["eu", "us"], "accounts": ["a", "b", "c"]},
        preferences={"maxConcurrentPercentage": 50, "failureTolerancePercentage": 50},
        status=started(regions=[region(total=2)], total=2, order=["eu"]),
    )
    made = plan(of, world(stack_set(), [of], [], BOTH))
    assert [(each.region, each.total, each.tolerance, each.concurrency) for each in made.status.regions] == [
        ("eu", 3, 0, 1),
        ("us", 3, 1, 1),
    ]
    assert (made.status.total, made.status.order) == (6, ("eu", "us"))


def test_an_instance_that_was_worked_at_before_says_that_it_waits() -> None:
    of = dispatching(region())
    old = {"asked_by": of.uid, "done_for": "another"}
    there = [instance("eu", each, **old) for each in "ab"]
    there.append(instance("eu", "c", asked_by=of.uid, done_for="", phase=InstancePhase.WAITING))
    begin, wait = plan(of, world(stack_set(), [of], there, EU)).steps
    assert (type(begin), type(wait)) == (Begin, Wait)
    assert isinstance(wait, Wait)
    assert (wait.name, str(wait.why)) == ("shop.eu.b", "waits for its turn in first")


def test_one_that_is_stopped_while_it_marks_begins_no_other_and_creates_none() -> None:
    of = operation(
        action="CreateInstances",
        state="Stopped",
        targets=ALL_IN_EU,
        status=started(regions=[region()], total=3, order=["eu"]),
    )
    a = in_phase("eu", "a", InstancePhase.RUNNING)
    b = instance("eu", "b", asked_by=of.uid, done_for="", phase=InstancePhase.WAITING)
    (cancel,) = plan(of, world(stack_set(), [of], [a, b], EU)).steps
    assert isinstance(cancel, Cancel)
    over = [replace(a, phase=InstancePhase.COMPLETE), replace(b, phase=InstancePhase.CANCELLED, done_for=of.uid)]
    made = plan(of, world(stack_set(), [of], over, EU)).status
    assert (made.phase, made.message) == (Phase.CANCELLED, "stopped: 1 of 3 instances done, 0 failed, 2 never begun")


def test_a_stopped_deletion_that_has_not_marked_all_has_removed_none_of_them() -> None:
    status = started(regions=[region()], total=3, order=["eu"])
    of = operation(action="DeleteInstances", state="Stopped", status=status)
    there = [in_phase("eu", "a", InstancePhase.CANCELLED), instance("eu", "b"), instance("eu", "c")]
    made = plan(of, world(stack_set(), [of], there, EU)).status
    assert (made.phase, made.succeeded, made.cancelled) == (Phase.CANCELLED, 0, 3)


@pytest.mark.spec("stack-set.md", "overrides: remembered")
def test_remembered_overrides_stay_unless_others_are_given() -> None:
    old = instance("eu", "a", sources=Sources("t0", "v0", "o0"))
    for action, status, overrides in (
        ("DeploySet", started(), "o0"),
        ("UpdateInstances", started(), "o0"),
        ("UpdateInstances", started(overrides="o1"), "o1"),
        ("UpdateInstances", started(), ""),
    ):
        more: dict[str, Any] = (
            {"targets": {"regions": ["eu"], "accounts": ["a"]}} if action == "UpdateInstances" else {}
        )
        if overrides != "o0":
            more["overrides"] = {"variables": "x = 1"} if overrides else {"useStackSetVariables": ["x"]}
        of = operation(action=action, status=status, **more)
        made = plan(of, world(stack_set(status={"regions": ["eu"]}), [of], [old], EU))
        (mark,) = made.steps
        assert isinstance(mark, Mark)
        assert mark.sources == Sources("t", "v", overrides), (action, overrides)


@pytest.mark.parametrize(
    ("action", "more", "work"),
    [
        ("DeleteInstances", {}, Work.DELETE),
        ("DeleteInstances", {"retainStacks": True}, Work.RETAIN),
        ("DetectDrift", {}, Work.DETECT_DRIFT),
        ("DeploySet", {}, Work.DEPLOY),
    ],
)
def test_each_action_asks_for_its_work(action: str, more: dict[str, Any], work: Work) -> None:
    of = operation(action=action, status=started(), **more)
    old = instance("eu", "a", sources=Sources("t0", "v0", "o0"))
    (mark,) = plan(of, world(stack_set(), [of], [old], EU)).steps
    assert isinstance(mark, Mark)
    assert mark.work is work
    if work is not Work.DEPLOY:
        assert mark.sources == old.sources


def test_limits_are_resolved_when_it_starts() -> None:
    preferences = {"failureTolerancePercentage": 25, "maxConcurrentPercentage": 50, "regionConcurrencyType": "PARALLEL"}
    of = operation(preferences=preferences)
    there = [instance(each.region, each.account) for each in BOTH]
    made = plan(of, world(stack_set(), [of], there, BOTH), inputs=INPUTS)
    assert made.status.start_time == NOON
    assert made.status.total == 6
    assert [(r.region, r.total, r.tolerance, r.concurrency) for r in made.status.regions] == [
        ("eu", 3, 0, 1),
        ("us", 3, 0, 1),
    ]
    assert made.status.order == ()


def test_an_order_that_was_drawn_is_kept() -> None:
    of = operation(status=started())
    marked = [instance(each.region, each.account, asked_by=of.uid, phase=InstancePhase.WAITING) for each in BOTH]
    orders = {plan(of, world(stack_set(), [of], marked, BOTH)).status.order for _ in range(5)}
    assert len(orders) == 1
    assert sorted(orders.pop()) == ["eu", "us"]


def test_a_pass_does_not_mark_more_than_it_may() -> None:
    many = targets(["eu"], [f"a{number}" for number in range(MOST_MARKS + 5)])
    of = operation(status=started())
    made = plan(of, world(stack_set(), [of], [instance("eu", each.account) for each in many], many))
    assert len(made.steps) == MOST_MARKS


def test_what_is_gone_before_anything_began_ends_it() -> None:
    """A StackTarget was deleted while the instances were being marked: no part of what was asked for is done."""
    of = operation(action="CreateInstances", targets=ALL_IN_EU, status=started())
    marked = [instance("eu", "a", asked_by=of.uid, done_for="", phase=InstancePhase.WAITING)]
    made = plan(of, world(stack_set(), [of], marked, targets(["eu"], "ab")))
    (cancel,) = made.steps
    assert isinstance(cancel, Cancel)
    assert "account c" in str(cancel.why)
    assert not made.status.prepared
    over = [replace(marked[0], phase=InstancePhase.CANCELLED, done_for=of.uid)]
    ended = plan(of, world(stack_set(), [of], over, targets(["eu"], "ab")))
    assert ended.status.phase is Phase.FAILED
    assert "account c" in ended.status.message


def test_what_is_gone_while_some_are_worked_at_ends_it_when_those_are_over() -> None:
    status = started(regions=[region()], total=3, order=["eu"])
    of = operation(action="CreateInstances", targets=ALL_IN_EU, status=status)
    a = in_phase("eu", "a", InstancePhase.RUNNING)
    b = instance("eu", "b", asked_by=of.uid, done_for="", phase=InstancePhase.WAITING)
    made = plan(of, world(stack_set(), [of], [a, b], targets(["eu"], "ab")))
    assert [type(step) for step in made.steps] == [Cancel]
    assert "account c" in made.status.message
    assert made.status.message.endswith("; waits for 1 instance that had begun")
    over = [replace(a, phase=InstancePhase.COMPLETE), replace(b, phase=InstancePhase.CANCELLED, done_for=of.uid)]
    ended = plan(of, world(stack_set(), [of], over, targets(["eu"], "ab"))).status
    assert (ended.phase, ended.succeeded, ended.cancelled) == (Phase.FAILED, 1, 2)


def test_a_set_has_no_more_regions_than_its_status_can_name() -> None:
    there = [instance(f"r{number}", "a") for number in range(MAX_REGIONS)]
    known = targets([f"r{number}" for number in range(MAX_REGIONS + 1)], "a")
    more: dict[str, Any] = {"regions": [f"r{MAX_REGIONS}"], "accounts": ["a"]}
    made = plan(operation(action="CreateInstances", targets=more), world(stack_set(), [], there, known))
    assert made.status.message == "400: the set would be in more than 50 regions: make another set for the others"


def test_people_may_delete_the_instances_of_a_set_that_is_being_deleted() -> None:
    seen = world(stack_set(removing=True), instances=[instance("eu", "a")], known=EU)
    assert plan(operation(action="DeleteInstances"), seen).status.phase is Phase.RUNNING


# ---- it goes on


@pytest.mark.spec("stack-set.md", "defaults")
def test_one_instance_at_a_time_in_one_region_after_the_other() -> None:
    of = dispatching(region("eu"), region("us"))
    there = [waiting(each.region, each.account) for each in BOTH]
    made = plan(of, world(stack_set(), [of], there, BOTH))
    assert [(type(step), step.name) for step in made.steps if not isinstance(step, Create | Keep)] == [
        (Begin, "shop.eu.a")
    ]
    there[0] = in_phase("eu", "a", InstancePhase.RUNNING)
    assert not plan(of, world(stack_set(), [of], there, BOTH)).steps


def test_more_failures_than_are_borne_cancel_what_waits() -> None:
    of = dispatching(region("eu"), region("us"))
    there = [waiting(each.region, each.account) for each in BOTH]
    there[0] = in_phase("eu", "a", InstancePhase.FAILED)
    made = plan(of, world(stack_set(), [of], there, BOTH))
    assert sorted(step.name for step in made.steps if isinstance(step, Cancel)) == [each.name for each in there[1:]]
    assert not [step for step in made.steps if isinstance(step, Begin)]
    said = {str(step.why) for step in made.steps if isinstance(step, Cancel)}
    assert said == {"cancelled before it began: first had more failures than region eu bears"}


def test_counts_are_told_and_the_deleted_ones_have_succeeded() -> None:
    of = dispatching(region(total=4, concurrency=2, tolerance=1), action="DeleteInstances")
    there = [in_phase("eu", "a", InstancePhase.INOPERABLE), in_phase("eu", "b", InstancePhase.RUNNING)]
    made = plan(of, world(stack_set(), [of], there, EU))
    assert (made.status.succeeded, made.status.failed, made.status.percentage) == (2, 1, 75)
    assert made.status.message == "3 of 4 instances over, 1 of them failed; 1 being worked at in eu"


def test_it_ends_well_within_the_tolerance() -> None:
    of = dispatching(region(tolerance=1))
    there = [
        in_phase("eu", "a", InstancePhase.FAILED),
        in_phase("eu", "b", InstancePhase.COMPLETE),
        in_phase("eu", "c", InstancePhase.COMPLETE),
    ]
    made = plan(of, world(stack_set(), [of], there, EU))
    assert made.status.phase is Phase.SUCCESSFUL
    assert made.status.message == "2 of 3 instances done, 1 failed, which is within the tolerance"
    assert made.status.completion_time == NOON
    assert {each.type for each in made.status.conditions} == {"Ready", "Complete"}


def test_one_that_failed_and_was_deleted_has_failed_all_the_same() -> None:
    of = dispatching(region() | {"failed": 1})
    there = [in_phase("eu", "b", InstancePhase.COMPLETE), in_phase("eu", "c", InstancePhase.COMPLETE)]
    made = plan(of, world(stack_set(), [of], there, EU))
    assert made.status.phase is Phase.FAILED


def test_it_has_failed_beyond_it() -> None:
    of = dispatching(region())
    there = [in_phase("eu", "a", InstancePhase.FAILED), *(in_phase("eu", n, InstancePhase.CANCELLED) for n in "bc")]
    made = plan(of, world(stack_set(), [of], there, EU))
    assert made.status.phase is Phase.FAILED
    assert made.status.message.startswith("region eu: 1 of 3 failed, 0 may; 0 of 3 instances done, 2 cancelled")


def test_a_stop_cancels_what_waits_and_lets_the_rest_finish() -> None:
    of = dispatching(region(concurrency=2, tolerance=2), state="Stopped")
    there = [in_phase("eu", "a", InstancePhase.RUNNING), waiting("eu", "b"), waiting("eu", "c")]
    made = plan(of, world(stack_set(), [of], there, EU))
    assert [type(step) for step in made.steps] == [Cancel, Cancel]
    assert made.status.message == "stopped; waits for 1 instance that had begun"
    over = [in_phase("eu", "a", InstancePhase.COMPLETE), *(in_phase("eu", n, InstancePhase.CANCELLED) for n in "bc")]
    ended = plan(of, world(stack_set(), [of], over, EU))
    assert ended.status.phase is Phase.CANCELLED
    assert ended.status.message == "stopped: 1 of 3 instances done, 0 failed, 2 never begun"


def test_one_that_is_over_is_left_as_it_is() -> None:
    of = operation(status={"phase": "Successful", "message": "done"})
    made = plan(of, world(stack_set(), [of]))
    assert made.status == of.status
    assert not made.steps
