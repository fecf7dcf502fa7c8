"""What a set says of itself, and which operations it starts."""

from dataclasses import replace
from typing import Any

import pytest

from tests.stacks import INPUTS, instance, operation, stack_set, targets, world
from windlass.api.stack_instance import Drift
from windlass.api.stack_set_operation import Action
from windlass.api.stacks import MAX_ACCOUNTS, InstancePhase
from windlass.planner.reason import Reason
from windlass.planner.stackset.reasons import FileMissing
from windlass.planner.stackset.selection import selected
from windlass.planner.stackset.stack_set import (
    DeleteOperation,
    Release,
    SetPlan,
    StartOperation,
    exactly,
    plan_stack_set,
    products,
)
from windlass.planner.stackset.targets import Place
from windlass.planner.stackset.view import Inputs, Operation, SetView, Sources

EU = targets(["eu"], ["a", "b"])
DECLARED: dict[str, Any] = {"targets": {"regions": ["eu"], "accounts": ["a", "b"]}, "autoDeploy": True}
OLD = Sources("shop-t-0", "shop-v-0")


def plan(seen: SetView, inputs: Inputs | Reason = INPUTS, wishes: dict[str, str] | None = None) -> SetPlan:
    return plan_stack_set(seen, inputs, wishes or {})


def ready(made: SetPlan) -> str:
    return next(each.status for each in made.status.conditions if each.type == "Ready")


def start(made: SetPlan) -> StartOperation:
    (found,) = [step for step in made.steps if isinstance(step, StartOperation)]
    return found


# ---- what it says


@pytest.mark.parametrize(
    ("instances", "phase", "is_ready", "said"),
    [
        ([], "Ready", "True", "no instances: start a StackSetOperation with action CreateInstances"),
        ([instance("eu", "a")], "Ready", "True", "all 1 instance hold the set's template and variables"),
        ([instance("eu", "a", deployed=OLD)], "Outdated", "False", "1 of 1 instance hold an earlier template"),
        ([instance("eu", "a", phase=InstancePhase.FAILED)], "Degraded", "False", "1 of 1 instance failed"),
        ([instance("eu", "a", phase=InstancePhase.INOPERABLE)], "Degraded", "False", "1 of 1 instance failed"),
        ([instance("eu", "a", phase=InstancePhase.CANCELLED)], "Degraded", "False", "0 of 1 instance failed"),
        ([replace(instance("eu", "a"), drift=Drift.DRIFTED)], "Degraded", "False", "1 of 1 instance differ from"),
    ],
)
def test_phase_and_message(instances: list[Any], phase: str, is_ready: str, said: str) -> None:
    made = plan(world(stack_set(), instances=instances, known=EU))
    assert (made.status.phase, ready(made)) == (phase, is_ready)
    assert made.status.message.startswith(said)


def test_an_operation_that_is_not_over_comes_first() -> None:
    running = operation(status={"phase": "Running", "startTime": "2026-01-15T12:00:00Z", "message": "1 of 2 over"})
    made = plan(world(stack_set(), [running], [instance("eu", "a", phase=InstancePhase.FAILED)], EU))
    assert (made.status.phase, made.status.message) == ("Operating", "first: 1 of 2 over")
    assert made.status.operation == "first"
    assert {each.type for each in made.status.conditions} == {"Ready", "Reconciling"}


def test_inputs_that_cannot_be_used_stall_it() -> None:
    made = plan(world(stack_set(), instances=[instance("eu", "a")]), FileMissing("ConfigMap shop", "it is not there"))
    assert (made.status.phase, made.status.current) == ("Stalled", 0)
    assert made.status.message == "400: reading ConfigMap shop: it is not there"


def test_its_own_overrides_do_not_make_an_instance_outdated() -> None:
    own = replace(INPUTS.sources, overrides="shop-o-1")
    made = plan(world(stack_set(), instances=[instance("eu", "a", sources=own, deployed=own)]))
    assert made.status.current == 1


def test_it_records_what_it_manages() -> None:
    created = operation(
        action="CreateInstances",
        targets={"regions": ["eu"], "organizationalUnits": ["root/shop"]},
        status={"phase": "Successful", "startTime": "2026-01-15T12:00:00Z"},
    )
    known = targets(["eu"], ["a"], unit="root/shop/eu")
    made = plan(world(stack_set(permissionModel="SERVICE_MANAGED"), [created], [instance("eu", "a")], known))
    assert made.status.regions == ("eu",)
    assert made.status.organizational_units == ("root/shop",)
    assert made.status.variables == ("image", "replicas")


# ---- what it starts


def test_without_auto_deploy_it_starts_nothing() -> None:
    made = plan(world(stack_set(), instances=[instance("eu", "a", deployed=OLD)], known=EU))
    assert not made.steps


def test_declared_targets_that_are_missing_are_created() -> None:
    found = start(plan(world(stack_set(**DECLARED), instances=[instance("eu", "a")], known=EU)))
    assert (found.name, found.spec.action) == ("shop-1", Action.CREATE)
    assert found.spec.targets is not None
    assert found.spec.targets.accounts == ("a", "b")
    assert found.spec.stack_set_uid == "uid-shop"


def test_targets_that_were_taken_away_are_deleted() -> None:
    there = [instance("eu", each) for each in "abc"]
    found = start(plan(world(stack_set(**DECLARED), instances=there, known=targets(["eu"], "abc"))))
    assert found.spec.action is Action.DELETE
    assert found.spec.targets is not None
    assert found.spec.targets.accounts == ("c",)


def test_a_changed_template_is_deployed() -> None:
    found = start(
        plan(world(stack_set(autoDeploy=True), instances=[instance("eu", "a", sources=OLD, deployed=OLD)], known=EU))
    )
    assert (found.spec.action, found.spec.targets) == (Action.DEPLOY, None)


def test_an_account_that_comes_into_a_declared_unit_is_deployed_to() -> None:
    declared = {"regions": ["eu"], "organizationalUnits": ["root/shop"]}
    of = stack_set(permissionModel="SERVICE_MANAGED", autoDeploy=True, targets=declared)
    known = targets(["eu"], ["a", "new"], unit="root/shop")
    found = start(plan(world(of, instances=[instance("eu", "a")], known=known)))
    assert found.spec.action is Action.CREATE
    assert found.spec.targets is not None
    assert found.spec.targets.organizational_units == ("root/shop",)


def test_an_account_that_left_its_unit_is_deleted() -> None:
    declared = {"regions": ["eu"], "organizationalUnits": ["root/shop"]}
    of = stack_set(permissionModel="SERVICE_MANAGED", autoDeploy=True, targets=declared)
    known = targets(["eu"], ["a"], unit="root/shop") + targets(["eu"], ["b"], unit="root/other")
    seen = world(of, instances=[instance("eu", "a"), instance("eu", "b")], known=known)
    found = start(plan(seen))
    assert found.spec.action is Action.DELETE
    chosen = selected(seen, replace(made_by_set(found, "Pending"), by_set=True))
    assert chosen == (Place("eu", "b"),)


def test_declared_targets_that_are_not_there_stall_it() -> None:
    made = plan(world(stack_set(**DECLARED), known=targets(["eu"], ["a"])))
    assert made.status.phase == "Stalled"
    assert "account b" in made.status.message
    assert not made.steps


def test_what_one_operation_cannot_name_is_done_by_several() -> None:
    places = [Place("eu", f"a{number}") for number in range(MAX_ACCOUNTS + 1)]
    parts = products(places)
    assert [len(part) for part in parts] == [MAX_ACCOUNTS, 1]
    assert exactly(parts[1]).regions == ("eu",)


def test_each_is_started_once() -> None:
    """Also where it failed; and again when what is wanted has changed and has changed back."""
    behind = [instance("eu", "a", sources=OLD, deployed=OLD)]
    of = stack_set(autoDeploy=True)
    first = plan(world(of, instances=behind, known=EU))
    wishes = {start(first).name: start(first).wish}
    failed = made_by_set(start(first), "Failed")
    of = replace(of, status=first.status)
    second = plan(world(of, [failed], behind, EU), wishes=wishes)
    assert not second.steps
    changed = replace(INPUTS, sources=Sources("shop-t-2", "shop-v-1"))
    of = replace(of, status=second.status)
    third = plan(world(of, [failed], behind, EU), changed, wishes)
    assert start(third).name == "shop-2"
    wishes[start(third).name] = start(third).wish
    operations = [failed, made_by_set(start(third), "Successful")]
    of = replace(of, status=third.status)
    now = [instance("eu", "a", sources=changed.sources, deployed=changed.sources)]
    back = plan(world(of, operations, now, EU), INPUTS, wishes)
    assert start(back).name == "shop-3"


def made_by_set(step: StartOperation, phase: str) -> Operation:
    made = operation(step.name, by_set=True, status={"phase": phase, "startTime": "2026-01-15T12:00:00Z"})
    return replace(made, spec=step.spec)


@pytest.mark.parametrize("phase", [InstancePhase.FAILED, InstancePhase.CANCELLED])
def test_what_failed_or_was_stopped_is_for_people_to_try_again(phase: InstancePhase) -> None:
    made = plan(world(stack_set(autoDeploy=True), instances=[instance("eu", "a", phase=phase, deployed=OLD)], known=EU))
    assert not made.steps


def test_what_was_started_for_what_is_wanted_now_is_kept_whatever_the_history_limit_says() -> None:
    of = stack_set(historyLimit=1, **DECLARED)
    seen = world(of, instances=[instance("eu", "a")], known=EU)
    first = plan(seen)
    failed = [
        replace(
            made_by_set(replace(start(first), name=f"shop-{number}"), "Failed"),
            counted=True,
        )
        for number in (1, 2, 3)
    ]
    again = plan(replace(seen, stack_set=replace(of, status=first.status), operations=tuple(failed)))
    assert not [step for step in again.steps if isinstance(step, DeleteOperation)]


def test_nothing_is_started_beside_an_operation_that_is_not_over() -> None:
    made = plan(world(stack_set(**DECLARED), [operation()], known=EU))
    assert not made.steps


def test_an_order_of_regions_is_given_on_where_it_fits_alone() -> None:
    preferences = {"regionOrder": ["eu", "us"], "maxConcurrentCount": 7}
    both: dict[str, Any] = {"targets": {"regions": ["eu", "us"], "accounts": ["a"]}, "autoDeploy": True}
    of = stack_set(**both, operationPreferences=preferences)
    known = targets(["eu", "us"], ["a"])
    assert start(plan(world(of, known=known))).spec.preferences.region_order == ("eu", "us")
    behind = [instance(each, "a", sources=OLD, deployed=OLD) for each in ("eu", "us")]
    deployed = start(plan(world(of, instances=behind, known=known))).spec.preferences
    assert (deployed.region_order, deployed.max_concurrent_count) == ((), 7)


# ---- its end


@pytest.mark.parametrize(("policy", "retained"), [("Delete", False), ("Retain", True)])
def test_a_set_that_is_deleted_deletes_its_instances_first(policy: str, retained: bool) -> None:
    of = stack_set(deletionPolicy=policy, removing=True)
    made = plan(world(of, instances=[instance("eu", "a")], known=EU))
    assert start(made).spec.action is Action.DELETE
    assert start(made).spec.retain_stacks is retained
    assert made.status.phase == "Deleting"
    assert made.status.message.startswith("being deleted: 1 instance still there")
    assert Release() not in made.steps


def test_it_goes_when_nothing_is_left() -> None:
    assert Release() in plan(world(stack_set(removing=True))).steps
    assert Release() not in plan(world(stack_set())).steps


def test_operations_beyond_the_history_limit_are_deleted() -> None:
    old = [
        operation(
            f"shop-{number}",
            minute=number,
            by_set=True,
            status={"phase": "Successful", "completionTime": f"2026-01-15T12:0{number}:00Z"},
        )
        for number in range(3)
    ]
    made = plan(world(stack_set(historyLimit=1, status={"wanted": "x", "wantedSince": 7}), old))
    assert [step.name for step in made.steps if isinstance(step, DeleteOperation)] == ["shop-0", "shop-1"]


def test_places_are_put_together_as_regions_by_accounts() -> None:
    places = [Place("eu", "a"), Place("us", "a"), Place("eu", "b"), Place("us", "b"), Place("ap", "a")]
    found = products(places)
    assert sorted(map(sorted, found)) == [
        [Place("ap", "a")],
        [Place("eu", "a"), Place("eu", "b"), Place("us", "a"), Place("us", "b")],
    ]
