"""Stack sets, operations, instances and targets as tables and trees."""

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.stack_bodies import Hub, begun, instance, operation, region, stack_set, target
from tests.cluster_client.fake_api import FakeApi
from tests.cluster_client.scenario import play
from windlass.cli.subjects import SUBJECTS
from windlass.cli.subjects.stack_set import STACK_SET
from windlass.cluster.client import Client

FOUND = {
    "phase": "Operating",
    "message": "first: so it goes",
    "instances": 3,
    "current": 1,
    "failed": 1,
    "operation": "first",
}
RUNS = begun(region("eu-1", 2, succeeded=1, failed=1, tolerance=1), region("us-1", 1, running=1), percentage=66)


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[Hub]:
    made = Hub(tmp_path)
    made.holds("stacksets", stack_set(FOUND))
    made.holds("stacksetoperations", operation("first", status=RUNS), operation("another", stackSet="blog"))
    made.holds(
        "stackinstances",
        instance("eu-1", "acme"),
        instance("eu-1", "ajax", "OPERATION_FAILED", message="no image"),
        instance("us-1", "acme", "OPERATION_IN_PROGRESS", message="Deploy for first"),
    )
    yield made
    made.close()


def names_in(said: str) -> list[str]:
    """The tree's first column, below its header."""
    lines = said.splitlines()
    return [line.lstrip("│├└─ ").split("   ")[0].strip() for line in lines[lines.index("") + 2 :]]


# ---- tables


@pytest.mark.parametrize(
    ("words", "header", "row"),
    [
        (
            "stacksets",
            "NAME INSTANCES CURRENT FAILED DRIFTED OPERATION PHASE AGE MESSAGE",
            "shop 3 1 1 0 first Operating",
        ),
        ("sset", "NAME INSTANCES CURRENT FAILED DRIFTED OPERATION PHASE AGE MESSAGE", "shop 3 1 1 0 first Operating"),
        ("operations", "NAME STACKSET ACTION PHASE % DONE FAILED AGE MESSAGE", "first shop DeploySet Running 66 0/3 0"),
        ("sop", "NAME STACKSET ACTION PHASE % DONE FAILED AGE MESSAGE", "first shop DeploySet Running 66 0/3 0"),
        (
            "stackinstances",
            "NAME STACKSET REGION ACCOUNT STATE DRIFT AGE MESSAGE",
            "shop.us-1.acme shop us-1 acme OPERATION_IN_PROGRESS NotChecked",
        ),
    ],
)
def test_a_table_shows_what_the_statuses_say(
    words: str, header: str, row: str, hub: Hub, capsys: pytest.CaptureFixture[str]
):
    code, out = hub.says(f"get {words}", capsys)
    first, *rows = out.splitlines()
    assert (code, first.split()) == (0, header.split())
    assert any(found.split()[: len(row.split())] == row.split() for found in rows)


def test_targets_show_unit_phase_and_version(hub: Hub, capsys: pytest.CaptureFixture[str]):
    status = {"phase": "Ready", "version": "v1.34.1", "message": "the cluster answers; Kubernetes v1.34.1"}
    hub.holds("stacktargets", target("eu-1", "acme", status, organizationalUnit="root/eu"))
    _, out = hub.says("get stacktargets", capsys)
    assert out.splitlines()[1].split()[:6] == ["eu-1-acme", "eu-1", "acme", "root/eu", "Ready", "v1.34.1"]
    _, out = hub.says("get stacktarget eu-1-acme", capsys)
    assert "eu-1/acme, this cluster as ServiceAccount deployer, Kubernetes v1.34.1" in out


# ---- the tree of a set


def test_the_tree_goes_from_the_operation_with_its_bar_to_regions_and_instances(
    hub: Hub, capsys: pytest.CaptureFixture[str]
):
    code, out = hub.says("get stackset shop", capsys)
    assert code == 0
    assert out.startswith("first: so it goes\n")
    assert names_in(out) == [
        "StackSet/shop",
        "StackSetOperation/first",
        "Region/eu-1",
        "StackInstance/shop.eu-1.ajax",
        "StackInstance/shop.eu-1.acme",
        "Region/us-1",
        "StackInstance/shop.us-1.acme",
    ]
    assert "[#############-------]  66 % DeploySet: so it goes" in out
    assert "1 OPERATION_COMPLETE, 1 OPERATION_FAILED" in out
    (failed,) = (line for line in out.splitlines() if "ajax" in line)
    assert failed.split("   ")[1].strip() == "OPERATION_FAILED"
    assert failed.endswith("no image")


def test_regions_come_in_the_order_of_the_operation(hub: Hub, capsys: pytest.CaptureFixture[str]):
    hub.holds("stacksetoperations", operation("first", status={**RUNS, "order": ["us-1", "eu-1"]}))
    names = names_in(hub.says("get stackset shop", capsys)[1])
    assert names.index("Region/us-1") < names.index("Region/eu-1")


def test_an_instance_that_its_new_operation_has_not_begun_with_waits(hub: Hub, capsys: pytest.CaptureFixture[str]):
    body = instance("eu-1", "acme")
    hub.holds("stackinstances", {**body, "spec": {**body["spec"], "operationUID": "uid-second"}})
    _, out = hub.says("get stackset shop", capsys)
    assert "1 WAIT_IN_PROGRESS, 1 OPERATION_FAILED" in out


def test_many_complete_ones_are_folded_below_those_that_need_a_look(hub: Hub, capsys: pytest.CaptureFixture[str]):
    hub.holds("stackinstances", *(instance("eu-1", f"a{number:03}") for number in range(40)))
    _, out = hub.says("get stackset shop", capsys)
    names = names_in(out)
    first = names.index("Region/eu-1")
    assert names[first + 1] == "StackInstance/shop.eu-1.ajax"
    assert names[first + 21] == "and 22 more complete"
    assert names[first + 22] == "Region/us-1"


def test_what_is_folded_is_counted_by_state_where_not_all_of_it_is_complete(
    hub: Hub, capsys: pytest.CaptureFixture[str]
):
    failing = (instance("eu-1", f"a{number:03}", "OPERATION_FAILED") for number in range(40))
    hub.holds("stackinstances", *failing)
    _, out = hub.says("get stackset shop", capsys)
    assert "and 22 more: 1 OPERATION_COMPLETE, 21 OPERATION_FAILED" in names_in(out)


def test_one_that_has_drifted_is_not_among_the_complete_ones(hub: Hub, capsys: pytest.CaptureFixture[str]):
    hub.holds("stackinstances", instance("eu-1", "zoo", drift="Drifted", message="1 object differs"))
    _, out = hub.says("get stackset shop", capsys)
    names = names_in(out)
    assert names.index("StackInstance/shop.eu-1.zoo") < names.index("StackInstance/shop.eu-1.acme")
    assert "Drifted: 1 object differs" in out


def test_programs_get_every_instance_and_which_operation_runs(hub: Hub, capsys: pytest.CaptureFixture[str]):
    hub.holds("stackinstances", *(instance("eu-1", f"a{number:03}") for number in range(40)))
    _, out = hub.says("get stackset shop -o json", capsys)
    found = json.loads(out)
    assert (found["running"], found["percentage"], found["failed"]) == ("first", 66, 1)
    (eu, us) = found["tree"]
    assert (eu["region"], len(eu["instances"])) == ("eu-1", 42)
    assert us["counts"] == {"OPERATION_IN_PROGRESS": 1}


def test_a_set_that_nobody_has_looked_at_says_so(hub: Hub, capsys: pytest.CaptureFixture[str]):
    hub.holds("stacksets", stack_set(name="blog"))
    assert hub.says("get stackset blog", capsys)[1].startswith("no operator has looked at this stack set yet\n")


def test_a_watch_shows_what_becomes_of_instances_and_of_the_operation():
    async def scenario(api: FakeApi, client: Client) -> None:
        body = await api.put("stacksets", stack_set(FOUND))
        await api.put("stacksetoperations", operation("first", status=RUNS))
        await api.put("stackinstances", instance("us-1", "acme", "OPERATION_IN_PROGRESS"))
        async with asyncio.timeout(30), STACK_SET.feed(client, body).running() as feed:

            async def until(key: str, said: str) -> None:
                shown = feed.picture()
                while shown is None or not any(r.key == key and said in f"{r.state} {r.info}" for r in shown.rows()):
                    shown = await feed.next_picture(None)

            await until("StackInstance/shop.us-1.acme", "OPERATION_IN_PROGRESS")
            for number in range(30):  # of which the tree shows the first twenty
                await api.put("stackinstances", instance("us-1", f"n{number:02}"))
            await until("StackInstance/shop.us-1.n29", "OPERATION_COMPLETE")
            await api.put("stackinstances", instance("us-1", "acme", message="1 object deployed and ready"))
            await until("StackInstance/shop.us-1.acme", "OPERATION_COMPLETE 1 object deployed and ready")
            await api.put("stacksetoperations", operation("first", status={**RUNS, "percentage": 100}))
            await until("StackSetOperation/first", "[####################] 100 %")
            await api.remove("stacksets", "default", "shop")
            while await feed.next_picture(None) is not None:
                pass

    play(scenario)


def test_a_watch_ends_with_its_set(hub: Hub, capsys: pytest.CaptureFixture[str]):
    hub.remove_soon("stacksets", "shop")
    assert hub.windlass("get stackset shop -w", SUBJECTS) == 0
    lines = capsys.readouterr().out.splitlines()
    assert (lines[0], lines[-1]) == ("first: so it goes", "StackSet/shop is gone")


# ---- the trees of the others


def test_an_operation_shows_its_regions_in_their_order_against_what_may_fail(
    hub: Hub, capsys: pytest.CaptureFixture[str]
):
    _, out = hub.says("get operation first", capsys)
    assert names_in(out) == ["StackSetOperation/first", "Region/eu-1", "Region/us-1"]
    assert "1 of 2 done, 1 failed (1 may), 0 being worked at (at most 1 at once)" in out
    _, out = hub.says("get operation first -o json", capsys)
    found = json.loads(out)
    assert (found["stackSet"], found["state"], found["completionTime"]) == ("shop", "Running", None)


def test_an_instance_shows_its_errors_and_what_has_drifted(hub: Hub, capsys: pytest.CaptureFixture[str]):
    errors = [{"object": "Deployment default/web", "message": "no image"}, {"object": "", "message": "no time"}]
    drifted = [{"object": "Service default/web", "fields": ["spec.type"]}, {"object": "Secret default/key"}]
    hub.holds("stackinstances", instance("eu-1", "acme", "OPERATION_FAILED", errors=errors, drifted=drifted))
    _, out = hub.says("get stackinstance shop.eu-1.acme", capsys)
    told = {line.lstrip("│├└─ ").split("   ")[0]: line.split("   ")[-1].strip() for line in out.splitlines()}
    assert told["Error/Deployment default/web"] == "no image"
    assert told["Error/instance"] == "no time"
    assert told["Drifted/Service default/web"] == "spec.type"
    assert told["Drifted/Secret default/key"] == "it is not there"
