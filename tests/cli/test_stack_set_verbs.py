"""What people do with operations: stop one, and start one again for what failed or was cancelled in it."""

import asyncio
import json
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.cli.stack_bodies import Body, Hub, begun, instance, operation, region, stack_set, target
from tests.cluster_client.fake_api import FakeApi
from tests.cluster_client.scenario import play
from windlass.api.stack_set_operation import StackSetOperationSpec
from windlass.api.stacks import OperationPreferences
from windlass.cli.subjects.stack_set.change import wait_until_over
from windlass.cluster.client import Client

PREFERENCES = {"regionOrder": ["us-1", "eu-1", "ap-1"], "maxConcurrentCount": 2, "failureToleranceCount": 1}
TARGETS = {"regions": ["ap-1", "eu-1", "us-1"], "accounts": ["a", "b", "c"]}


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[Hub]:
    made = Hub(tmp_path)
    made.holds("stacksets", stack_set({"regions": ["ap-1", "eu-1", "us-1"]}))
    yield made
    made.close()


def failed(hub: Hub, action: str = "DeploySet", name: str = "first", phase: str = "Failed", **spec: Any) -> None:
    """An operation in which eu-1/a and us-1/a failed, and eu-1/b and us-1/b were cancelled."""
    regions = region("eu-1", 3, failed=1, cancelled=1), region("us-1", 3, failed=1, cancelled=1)
    hub.holds(
        "stacksetoperations", operation(name, action, begun(*regions, phase=phase, failed=2, cancelled=2), **spec)
    )
    for place in ("eu-1", "us-1"):
        for account, state in (("a", "OPERATION_FAILED"), ("b", "CANCEL_COMPLETE"), ("c", "OPERATION_COMPLETE")):
            hub.holds("stackinstances", instance(place, account, state, of=name))


def made_by(hub: Hub, *before: str) -> list[Body]:
    """The operations that were created, in their order."""
    found = [each for each in hub.stored("stacksetoperations") if each["metadata"]["name"] not in (*before, "first")]
    return sorted(found, key=lambda body: int(body["metadata"]["resourceVersion"]))


def places(spec: Body) -> set[tuple[str, str]]:
    return {(region, account) for region in spec["targets"]["regions"] for account in spec["targets"]["accounts"]}


# ---- stop


@pytest.mark.parametrize(
    ("before", "words"),
    [("Running", "Running → Stopped; what was begun is finished"), ("Stopped", "is Stopped already")],
)
def test_stopping_is_a_state(before: str, words: str, hub: Hub, capsys: pytest.CaptureFixture[str]):
    status = begun(region("eu-1", 1, running=1))
    hub.holds("stacksetoperations", operation("first", status=status, state=before, stateReason="lunch"))
    assert hub.says("stop operation first", capsys) == (0, f"StackSetOperation default/first: {words}\n")
    (found,) = hub.stored("stacksetoperations")
    assert found["spec"]["state"] == "Stopped"
    assert ("stateReason" in found["spec"]) == (before == "Stopped")


def test_one_that_is_over_cannot_be_stopped(hub: Hub, capsys: pytest.CaptureFixture[str]):
    failed(hub)
    code, out = hub.says("stop operation first", capsys)
    assert (code, out) == (1, "kubectl windlass: operation first is over, as Failed: so it goes\n")
    assert hub.writes() == []


def test_another_one_of_that_name_is_not_stopped(hub: Hub, capsys: pytest.CaptureFixture[str]):
    """What is stopped is what was read: the patch carries its uid."""
    hub.holds("stacksetoperations", operation("first", status=begun(region("eu-1", 1, running=1))))
    hub.says("stop operation first", capsys)
    (patch,) = (seen.body for seen in hub.api.seen if seen.method == "PATCH")
    assert patch["metadata"] == {"uid": "uid-first"}


def test_programs_get_the_state_before_and_after(hub: Hub, capsys: pytest.CaptureFixture[str]):
    hub.holds("stacksetoperations", operation("first"))
    found = json.loads(hub.says("stop operation first -o json", capsys)[1])
    assert found == {"namespace": "default", "name": "first", "before": "Running", "state": "Stopped"}


# ---- retry


def test_it_is_done_again_where_it_failed_or_was_cancelled_and_nowhere_else(
    hub: Hub, capsys: pytest.CaptureFixture[str]
):
    failed(hub, preferences=PREFERENCES, targets=TARGETS, ttlSecondsAfterFinished=60)
    code, out = hub.says("retry operation first", capsys)
    (made,) = made_by(hub)
    assert (code, out) == (
        0,
        "StackSetOperation default/first-retry-1: created (DeploySet: eu-1, us-1 × a, b)\n",
    )
    assert made["metadata"]["annotations"] == {"windlass.dev/made-by": "kubectl-windlass"}
    assert places(made["spec"]) == {("eu-1", "a"), ("eu-1", "b"), ("us-1", "a"), ("us-1", "b")}
    again = StackSetOperationSpec.model_validate(made["spec"])
    assert again.preferences == OperationPreferences.model_validate({**PREFERENCES, "regionOrder": ["us-1", "eu-1"]})
    assert again.ttl_seconds_after_finished is None
    assert made["spec"]["stackSetUID"] == "uid-shop"


@pytest.mark.parametrize(
    ("action", "spec", "again"),
    [
        ("CreateInstances", {"overrides": {"variables": 'greeting = "hi"'}}, {"action": "DeploySet"}),
        ("UpdateInstances", {"overrides": {"variables": 'greeting = "hi"'}}, {"action": "UpdateInstances"}),
        ("DeleteInstances", {"retainStacks": True}, {"action": "DeleteInstances", "retainStacks": True}),
        ("DetectDrift", {}, {"action": "DetectDrift"}),
    ],
)
def test_instances_that_were_created_are_deployed_to_and_remember_their_overrides(
    action: str, spec: Body, again: Body, hub: Hub, capsys: pytest.CaptureFixture[str]
):
    failed(hub, action, targets=TARGETS, **spec)
    assert hub.says("retry operation first", capsys)[0] == 0
    (made,) = made_by(hub)
    assert "overrides" not in made["spec"]
    assert {field: made["spec"].get(field) for field in again} == again


def test_places_that_are_no_product_are_several_operations(hub: Hub, capsys: pytest.CaptureFixture[str]):
    failed(hub)
    hub.holds("stackinstances", instance("us-1", "b"))
    code, out = hub.says("retry operation first -o json", capsys)
    one, other = made_by(hub)
    assert code == 0
    assert sorted([sorted(places(one["spec"])), sorted(places(other["spec"]))]) == [
        [("eu-1", "a"), ("eu-1", "b")],
        [("us-1", "a")],
    ]
    assert [each["name"] for each in json.loads(out)["operations"]] == ["first-retry-1", "first-retry-2"]


def test_more_accounts_than_one_operation_can_name_are_several(hub: Hub, capsys: pytest.CaptureFixture[str]):
    hub.holds("stacksetoperations", operation("first", status=begun(region("eu-1", 1001), phase="Failed")))
    hub.holds("stackinstances", *(instance("eu-1", f"n{n:04}", "OPERATION_FAILED") for n in range(1001)))
    assert hub.says("retry operation first", capsys)[0] == 0
    assert [len(places(each["spec"])) for each in made_by(hub)] == [1000, 1]


def test_the_next_free_number_is_taken_and_names_do_not_grow(hub: Hub, capsys: pytest.CaptureFixture[str]):
    hub.holds("stacksetoperations", operation("first-retry-1", status=begun(region("eu-1", 1), phase="Failed")))
    failed(hub, name="first-retry-2")
    assert hub.says("retry operation first-retry-2", capsys)[0] == 0
    (made,) = made_by(hub, "first-retry-1", "first-retry-2")
    assert made["metadata"]["name"] == "first-retry-3"


def test_a_set_of_units_is_asked_for_accounts_of_them(hub: Hub, capsys: pytest.CaptureFixture[str]):
    known = {"regions": ["eu-1", "us-1"], "organizationalUnits": ["root/eu"]}
    hub.holds("stacksets", stack_set(known, permissionModel="SERVICE_MANAGED"))
    accounts = [(place, account) for place in ("eu-1", "us-1") for account in "abc"]
    hub.holds("stacktargets", *(target(*each, organizationalUnit="root/eu/shop") for each in accounts))
    failed(hub)
    assert hub.says("retry operation first", capsys)[0] == 0
    (made,) = made_by(hub)
    targets = made["spec"]["targets"]
    assert (targets["organizationalUnits"], targets["accountFilter"]) == (["root/eu"], "Intersection")
    assert targets["accounts"] == ["a", "b"]


def test_places_that_units_do_not_hold_are_refused(hub: Hub, capsys: pytest.CaptureFixture[str]):
    known = {"regions": ["eu-1", "us-1"], "organizationalUnits": ["root/eu"]}
    hub.holds("stacksets", stack_set(known, permissionModel="SERVICE_MANAGED"))
    hub.holds("stacktargets", target("eu-1", "a", organizationalUnit="root/eu"), target("us-1", "a"))
    failed(hub)
    code, out = hub.says("retry operation first", capsys)
    assert code == 1
    assert "3 instances cannot be named without others, because they are in none of the set's units" in out
    assert made_by(hub) == []


@pytest.mark.parametrize(
    ("status", "said"),
    [
        (
            begun(region("eu-1", 1, running=1)),
            "is not over (Running): wait until it is, or stop it: kubectl windlass stop",
        ),
        (
            {"phase": "Failed", "message": "404: there is no StackSet shop"},
            "it never began (404: there is no StackSet shop); correct that, and create another one",
        ),
        (begun(region("eu-1", 1, succeeded=1), phase="Successful"), "none of its instances failed or was cancelled"),
        (begun(region("eu-1", 1, failed=1), phase="Failed", failed=1), "have been part of another operation since"),
    ],
)
def test_where_there_is_nothing_to_do_again_a_sentence_says_why(
    status: Body, said: str, hub: Hub, capsys: pytest.CaptureFixture[str]
):
    hub.holds("stacksetoperations", operation("first", status=status))
    hub.holds("stackinstances", instance("eu-1", "a", "OPERATION_FAILED", of="later"))
    code, out = hub.says("retry operation first", capsys)
    assert (code, hub.writes()) == (1, [])
    assert said in out
    assert out.count("\n") == 1


def test_what_the_operator_would_refuse_is_not_created(hub: Hub, capsys: pytest.CaptureFixture[str]):
    """Whoever declares where a set is deployed has instances taken away by declaring that."""
    hub.holds("stacksets", stack_set({"regions": ["eu-1", "us-1"]}, targets=TARGETS))
    failed(hub, "DeleteInstances")
    code, out = hub.says("retry operation first", capsys)
    assert code == 1
    assert "400: the targets of StackSet shop say where it is deployed" in out
    assert made_by(hub) == []


# ---- waiting


def test_waiting_tells_each_change_with_a_bar():
    body = operation("again")
    steps = deque(
        [
            begun(region("eu-1", 2), message="1 of 2 over", percentage=50),
            begun(region("eu-1", 2), message="2 of 2 done", percentage=100, phase="Successful"),
        ]
    )
    said: list[str] = []

    async def scenario(api: FakeApi, client: Client) -> None:
        def tell(text: str) -> None:
            said.append(text.split("   ", 1)[1])
            if steps:
                status = steps.popleft() | {"observedGeneration": 1}
                changes.append(asyncio.create_task(api.put("stacksetoperations", {**body, "status": status})))

        changes: list[asyncio.Task[Body]] = []
        await api.put("stacksetoperations", body)
        assert await wait_until_over(client, body, 30, tell=tell) == said[-1]

    play(scenario)
    assert said == [
        "[--------------------]   0 %   no operator has looked at this operation yet",
        "[##########----------]  50 %   1 of 2 over",
        "[####################] 100 %   2 of 2 done",
    ]


@pytest.mark.parametrize(
    ("phase", "code", "last"),
    [
        ("Successful", 0, "[####################] 100 %   so it ended"),
        ("Failed", 1, "kubectl windlass: operation first-retry-1 ended as Failed: so it ended"),
        ("Cancelled", 1, "kubectl windlass: operation first-retry-1 ended as Cancelled: so it ended"),
    ],
)
def test_the_exit_code_of_waiting_says_whether_it_succeeded(
    phase: str, code: int, last: str, hub: Hub, capsys: pytest.CaptureFixture[str]
):
    async def ends() -> None:
        while not any("watch" in seen.query for seen in hub.api.seen):
            await asyncio.sleep(0.01)
        status = begun(region("eu-1", 2), message="so it ended", percentage=100, phase=phase, observedGeneration=1)
        (body,) = made_by(hub)
        await hub.api.put("stacksetoperations", {**body, "status": status})

    failed(hub)
    hub.begin(ends())
    found, out = hub.says("retry operation first --wait", capsys)
    assert found == code
    assert out.splitlines()[-1].endswith(last)


def test_waiting_ends_when_time_is_up(hub: Hub, capsys: pytest.CaptureFixture[str]):
    failed(hub)
    code, out = hub.says("retry operation first --wait --timeout 1s", capsys)
    assert code == 1
    assert "`kubectl windlass explain operation first-retry-1 -n default` says more" in out
