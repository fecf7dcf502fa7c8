"""Stack sets by `kubectl windlass` as people use it: with their own rights, on an operator and two member clusters."""

from pathlib import Path

import pytest
import yaml

from hack.cluster import Cluster, wait_until
from tests.cluster.members import Member
from tests.cluster.people import Object, Person
from tests.cluster.stack_world import LIMIT, TEMPLATE, StackWorld

BOTH = {"regions": ["eu", "us"], "accounts": ["a"]}
IN_ORDER = {"regionOrder": ["eu", "us"]}


@pytest.fixture
def editor(cluster: Cluster, namespace: str, tmp_path: Path) -> Person:
    return Person(cluster, namespace, "edit", tmp_path)


def operation(name: str, action: str = "DeploySet", **spec: object) -> str:
    """A manifest of one."""
    metadata = {"name": name}
    wanted = {"stackSet": "shop", "action": action, **spec}
    return yaml.safe_dump(
        {"apiVersion": "windlass.dev/v1alpha1", "kind": "StackSetOperation", "metadata": metadata, "spec": wanted}
    )


def plan(editor: Person, text: str) -> Object:
    """The only plan of a manifest."""
    (found,) = editor.says("plan", "-f", "-", text=text)["plans"]
    return dict(found)


def told(found: Object) -> dict[str, list[tuple[str, str, tuple[str, ...]]]]:
    """What a plan says of each region's target: object, change, fields."""
    return {
        each["region"]: [(one["object"], one["change"], tuple(one["fields"])) for one in each["objects"]]
        for each in found["targets"]
    }


def test_a_plan_asks_the_members_and_changes_nothing(world: StackWorld, editor: Person) -> None:
    world.stack_set()
    homes = {region: world.homes[member.name] for region, member in zip(("eu", "us"), world.members, strict=True)}
    first = plan(editor, operation("create", "CreateInstances", targets=BOTH, preferences=IN_ORDER))
    assert told(first) == {region: [(f"ConfigMap {home}/shop", "Created", ())] for region, home in homes.items()}
    assert [turn[0]["region"] for turn in first["turns"]] == ["eu", "us"]
    assert (world.held("eu", "a"), world.instances()) == (None, {})

    world.start("create", "CreateInstances", ["eu", "us"], ["a"])
    world.wait_for_end("create")
    ran = editor.windlass("plan", "-f", "-", text=operation("again"))
    assert (ran.returncode, "eu/a: 1 unchanged" in ran.stdout) == (0, True), ran.stdout

    world.patch("stacksets", "shop", {"variables": 'greeting = "hi"\n', "template": {"manifests": TEMPLATE + EXTRA}})
    then = plan(editor, operation("deploy"))
    changed = ("ConfigMap {}/shop", "Changed", ("data.greeting",))
    assert told(then) == {
        region: [(changed[0].format(home), *changed[1:]), (f"ConfigMap {home}/more", "Created", ())]
        for region, home in homes.items()
    }
    summary = editor.windlass("plan", "-f", "-", "--summary", text=operation("deploy")).stdout
    assert "2 targets: 1 created, 1 changed (data.greeting): eu/a, us/a" in summary
    assert (world.held("eu", "a") or {})["greeting"] == "hello"

    gone = plan(editor, operation("delete", "DeleteInstances", targets={"regions": ["eu"], "accounts": ["a"]}))
    assert told(gone) == {"eu": [(f"ConfigMap {homes['eu']}/shop", "Pruned", ())]}


EXTRA = """\
---
apiVersion: v1
kind: ConfigMap
metadata: {name: more}
"""


def test_what_failed_is_explained_and_tried_again(
    world: StackWorld, editor: Person, members: tuple[Member, ...]
) -> None:
    world.stack_set(timeoutMinutes=1)
    world.start("create", "CreateInstances", ["eu", "us"], ["a"], preferences=IN_ORDER)
    world.wait_for_end("create")
    theirs = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "more"}, "data": {"colour": "red"}}
    path = f"/api/v1/namespaces/{world.homes[members[0].name]}/configmaps"
    members[0].access.request("POST", path, theirs)
    world.patch("stacksets", "shop", {"template": {"manifests": f"{TEMPLATE}{EXTRA}data: {{colour: blue}}\n"}})
    world.start("deploy", "DeploySet", ["eu", "us"], ["a"], preferences=IN_ORDER)
    world.wait_for_end("deploy", "Failed")

    said = editor.windlass("explain", "operation", "deploy").stdout
    assert "ConfigMap " in said.split("\nFailed\n")[1]
    assert "kubectl windlass retry operation deploy" in said
    tree = editor.windlass("get", "stackset", "shop").stdout
    assert all(state in tree for state in ("OPERATION_FAILED", "CANCEL_COMPLETE"))

    members[0].access.request("DELETE", f"{path}/more")
    ran = editor.windlass("retry", "operation", "deploy", "--wait", "--timeout", "60s")
    assert (ran.returncode, ran.stderr) == (0, ""), ran.stdout
    assert "deploy-retry-1: created (DeploySet: eu, us × a)" in ran.stdout
    assert world.phases() == dict.fromkeys([("eu", "a"), ("us", "a")], "OPERATION_COMPLETE")
    again = editor.windlass("retry", "operation", "deploy-retry-1")
    assert (again.returncode, "none of its instances failed" in again.stderr) == (1, True)


def test_an_operation_is_stopped(world: StackWorld, editor: Person, members: tuple[Member, ...]) -> None:
    world.stack_set(dependsOn=["base"])
    world.start("create", "CreateInstances", ["eu", "us"], ["a"])
    waits = "waits for StackSet base, on which this set depends: it is not there"
    wait_until(lambda: waits in editor.windlass("explain", "operation", "create").stdout, LIMIT, "an explanation")
    ran = editor.windlass("stop", "operation", "create")
    assert (ran.returncode, "Running → Stopped" in ran.stdout) == (0, True), ran.stderr
    assert world.wait_for_end("create", "Cancelled")["total"] == 0
