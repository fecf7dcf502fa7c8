"""Whoever may not run commands in Pods does not get Windlass to do it: the chart's policy on RollingUpdates."""

import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from hack.cluster import Cluster, tool, wait_until
from tests.cluster.doors import API, manifest
from tests.cluster.operator_process import Installation
from tests.cluster.people import RBAC, Person

LIMIT = 20.0
LET_THROUGH = "created (server dry run)"
IMAGE = {"kind": "Image", "image": {"image": "web:2"}}
SCRIPT = {"kind": "Script", "script": {"run": "true"}}
PACKAGE = {"kind": "Package", "package": {"name": "nginx", "version": "1", "source": "packages"}}
RUNS_SCRIPTS = [
    pytest.param(SCRIPT, id="a script"),
    pytest.param(PACKAGE, id="a package"),
    pytest.param({"kind": "Script", "invoke": "Rollback", "rollbackOf": "u1"}, id="the rollback of a script"),
    pytest.param({"kind": "Package", "invoke": "Rollback", "rollbackOf": "u1"}, id="the rollback of a package"),
    pytest.param({"kind": "Script", "invoke": "Rollback", "rollbackOf": "u1", "script": {"run": "true"}}, id="another"),
]

UPDATES = {"apiGroups": ["windlass.dev"], "resources": ["rollingupdates"], "verbs": ["get", "create", "patch"]}
LOOK = {"apiGroups": ["windlass.dev"], "resources": ["scalinggroups"], "verbs": ["watch"]}
EXEC = {"apiGroups": [""], "resources": ["pods/exec"], "verbs": ["create"]}


class Door:
    """Creates updates as somebody, by dry run."""

    def __init__(self, person: Person, namespace: str) -> None:
        self._person = person
        self._namespace = namespace

    def create(self, spec: dict[str, Any]) -> str:
        """What kubectl says to it, whether it was let through or not."""
        update = {"apiVersion": "windlass.dev/v1alpha1", "kind": "RollingUpdate", "metadata": {"generateName": "u-"}}
        text = json.dumps(update | {"spec": {"scalingGroup": "web", **spec}})
        return self.kubectl("create", "--dry-run=server", "--filename=-", text=text)

    def kubectl(self, *arguments: str, text: str = "") -> str:
        command = [tool("kubernetes", "kubectl"), f"--namespace={self._namespace}", *arguments]
        ran = subprocess.run(
            command, input=text, capture_output=True, text=True, env=self._person.environment, check=False
        )
        return ran.stdout + ran.stderr

    def wait_for_the_policy(self) -> None:
        """The API server takes a moment to heed a policy that is new to it."""
        wait_until(lambda: "may not run commands" in self.create(SCRIPT), LIMIT, "the policy")


@contextmanager
def somebody(cluster: Cluster, namespace: str, folder: Path, *rules: dict[str, Any]) -> Iterator[Door]:
    """A person with a role of these rules in the namespace."""
    name, roles = f"{len(rules)}-{namespace}", f"/apis/{RBAC}/v1/clusterroles"
    cluster.request("POST", roles, {"metadata": {"name": name}, "rules": rules})
    yield Door(Person(cluster, namespace, name, folder), namespace)
    cluster.request("DELETE", f"{roles}/{name}")


@pytest.fixture
def without_exec(cluster: Cluster, namespace: str, installation: Installation, tmp_path: Path) -> Iterator[Door]:
    """Somebody who may create and change RollingUpdates, and run nothing in Pods."""
    with somebody(cluster, namespace, tmp_path, UPDATES, LOOK) as door:
        door.wait_for_the_policy()
        yield door


@pytest.mark.parametrize("spec", RUNS_SCRIPTS)
def test_who_may_not_run_commands_in_pods_has_none_run_and_is_told_what_to_ask_for(
    without_exec: Door, namespace: str, spec: dict[str, Any]
) -> None:
    said = without_exec.create(spec)
    assert f"a RollingUpdate of kind {spec['kind']} runs a script in Pods, and system:serviceaccount:" in said
    assert (
        f"may not run commands in Pods of namespace {namespace}: ask for the right to create pods/exec there, or have "
        "somebody create it who has that right"
    ) in said


def test_an_image_needs_no_such_right(without_exec: Door) -> None:
    assert LET_THROUGH in without_exec.create(IMAGE)
    assert LET_THROUGH in without_exec.create({"kind": "Image", "invoke": "Rollback", "rollbackOf": "u1"})


@pytest.mark.parametrize("spec", [*RUNS_SCRIPTS, pytest.param(IMAGE, id="an image")])
def test_who_may_run_commands_in_pods_may_have_them_run(
    cluster: Cluster, namespace: str, without_exec: Door, tmp_path: Path, spec: dict[str, Any]
) -> None:
    with somebody(cluster, namespace, tmp_path, UPDATES, LOOK, EXEC) as door:
        assert LET_THROUGH in door.create(spec)


@pytest.mark.parametrize("role", ["edit", "admin"])
def test_kubernetes_own_roles_contain_that_right(
    cluster: Cluster, namespace: str, without_exec: Door, tmp_path: Path, role: str
) -> None:
    door = Door(Person(cluster, namespace, role, tmp_path), namespace)
    assert LET_THROUGH in door.create(SCRIPT)


def test_approving_and_stopping_an_update_needs_no_such_right(
    cluster: Cluster, namespace: str, without_exec: Door
) -> None:
    cluster.request("POST", f"{API}/namespaces/{namespace}/rollingupdates", manifest("RollingUpdate"))
    for change in ({"approvedBatches": 2}, {"state": "Cancelled"}):
        patch = ("patch", "rollingupdate", "web", "--type=merge", f"--patch={json.dumps({'spec': change})}")
        assert "patched" in without_exec.kubectl(*patch)
