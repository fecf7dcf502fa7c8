"""What people and programs are told of container groups, by an API server that has them."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.cli.test_documentation import PAGE, keys
from tests.cli.test_subjects import Served
from windlass.api.common import to_wire
from windlass.api.container_group import ContainerGroupSpec
from windlass.cli.subjects import SUBJECTS
from windlass.planner.containergroup.parts import whole_parts
from windlass.planner.containergroup.pod import manifest
from windlass.planner.containergroup.view import ContainerGroup

NOON = "2026-01-15T12:00:00Z"
SIZE = {"cpu": "100m", "memory": "32Mi"}
FILES = {"name": "settings", "configFile": {"files": [{"path": "orders.yaml", "content": "aGVsbG8K"}]}}
CREDENTIALS = [{"secretName": "images-example"}]


def spec(image: str = "web:1", **fields: Any) -> dict[str, Any]:
    return {"size": SIZE, "containers": [{"name": "web", "image": image, "resources": SIZE}], **fields}


def group(asked: dict[str, Any], **status: Any) -> dict[str, Any]:
    metadata = {"name": "orders", "namespace": "default"}
    return {"apiVersion": "windlass.dev/v1alpha1", "kind": "ContainerGroup", "metadata": metadata, "spec": asked} | (
        {"status": status} if status else {}
    )


class Cluster(Served):
    """It has a group that runs as asked, with its Pod."""

    def runs(self, asked: dict[str, Any], **status: Any) -> None:
        model = ContainerGroupSpec.model_validate(asked)
        container = {"name": "web", "state": "Running", "ready": True, "restartCount": 1, "image": "web:1"}
        known = {"observedGeneration": 1, "phase": "Running", "message": "1 container as asked", "podName": "orders"}
        known |= {"containers": [container], "applied": [to_wire(each) for each in whole_parts(model)], **status}
        body = group(asked, **known)
        body["metadata"] |= {"uid": "uid-orders", "generation": 1, "creationTimestamp": NOON}
        self.put("containergroups", body)
        pod = manifest(ContainerGroup("orders", "uid-orders", 1, model, None))  # type: ignore[arg-type]
        owner = {"kind": "ContainerGroup", "name": "orders", "uid": "uid-orders", "controller": True}
        pod["metadata"] |= {
            "uid": "uid-pod",
            "namespace": "default",
            "ownerReferences": [owner],
            "creationTimestamp": NOON,
        }
        pod["status"] = {"phase": "Running", "qosClass": "Guaranteed"}
        self.put("pods", pod)

    def change_pod(self, **fields: Any) -> None:
        """Something else in its container's spec."""
        pod = self.api.objects.by_place["pods", "default", "orders"]
        (web,) = pod["spec"]["containers"]
        self.put("pods", {**pod, "spec": {**pod["spec"], "containers": [web | fields]}})

    def says(self, line: str, capsys: pytest.CaptureFixture[str]) -> tuple[int, str]:
        """The exit code, and what was said."""
        code = self.windlass(line, SUBJECTS)
        captured = capsys.readouterr()
        return code, captured.out + captured.err

    def plans(self, asked: dict[str, Any], capsys: pytest.CaptureFixture[str]) -> tuple[int, list[str]]:
        """The plan of a file with this spec, without its assumption."""
        code, said = self.says(f"plan -f {self.written(group(asked))}", capsys)
        return code, said.partition("\n\n")[0].splitlines()


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Cluster]:
    made = Cluster(tmp_path)
    yield made
    made.close()


def test_a_new_group_is_planned_as_far_as_its_pod(cluster: Cluster, capsys: pytest.CaptureFixture[str]):
    assert cluster.plans(spec(volumes=[FILES]), capsys) == (
        1,
        [
            "ContainerGroup default/orders: would be created",
            "  1. writes the files of ConfigMap orders.settings",
            "  2. creates Pod orders",
        ],
    )


def test_a_new_group_whose_secret_is_missing_waits(cluster: Cluster, capsys: pytest.CaptureFixture[str]):
    code, lines = cluster.plans(spec(imageRegistryCredentials=CREDENTIALS), capsys)
    assert code == 1
    assert lines[-1] == "  waits for Secret images-example of imageRegistryCredentials: not there"


def test_an_image_is_changed_in_place(cluster: Cluster, capsys: pytest.CaptureFixture[str]):
    cluster.runs(spec())
    assert cluster.plans(spec("web:2"), capsys) == (
        1,
        [
            "ContainerGroup default/orders: update of containers/web begins: RestartContainer, web restarted",
            "  differs: containers/web (its image)",
            "  1. changes containers/web (its image) of Pod orders",
        ],
    )


def test_a_plan_tells_when_an_image_goes_on_being_pulled_as_the_one_before(
    cluster: Cluster, capsys: pytest.CaptureFixture[str]
):
    cluster.runs(spec())
    cluster.change_pod(imagePullPolicy="IfNotPresent")
    code, lines = cluster.plans(spec("web:latest"), capsys)
    assert (code, lines[1]) == (
        1,
        "  differs: containers/web (its image; imagePullPolicy stays IfNotPresent, as the Pod was made)",
    )


def test_a_pod_that_is_made_anew_is_planned_as_far_as_the_new_one(cluster: Cluster, capsys: pytest.CaptureFixture[str]):
    cluster.runs(spec())
    code, lines = cluster.plans(spec("web:2", volumes=[FILES]), capsys)
    assert code == 1
    assert lines[2:] == [
        "  1. deletes Pod orders, to be made anew: containers/web, volumes",
        "  2. writes the files of ConfigMap orders.settings",
        "  3. creates Pod orders",
    ]


def test_an_update_whose_secret_is_missing_says_that_it_would_wait(
    cluster: Cluster, capsys: pytest.CaptureFixture[str]
):
    cluster.runs(spec())
    code, lines = cluster.plans(spec(imageRegistryCredentials=CREDENTIALS), capsys)
    assert code == 1
    assert lines[-1].endswith("waits for Secret images-example of imageRegistryCredentials: not there")


def test_what_the_ceiling_forbids_is_refused(cluster: Cluster, capsys: pytest.CaptureFixture[str]):
    cluster.runs(spec())
    asked = spec(dnsConfig={"searches": ["orders.example"]}, update={"mostDisruptiveAllowed": "Resize"})
    code, lines = cluster.plans(asked, capsys)
    assert code == 2
    assert "dnsConfig needs Recreate, and update.mostDisruptiveAllowed is Resize" in lines[0]


@pytest.mark.parametrize("asked", [spec(), spec(displayName="Orders")], ids=["the same", "nothing of the Pod"])
def test_nothing_would_be_done(asked: dict[str, Any], cluster: Cluster, capsys: pytest.CaptureFixture[str]):
    cluster.runs(spec())
    code, lines = cluster.plans(asked, capsys)
    assert (code, lines[-1]) == (0, "  nothing would be done")


def test_the_table_has_each_column_once(cluster: Cluster, capsys: pytest.CaptureFixture[str]):
    cluster.runs(spec())
    header = cluster.says("get cg", capsys)[1].splitlines()[0]
    assert re.split(r" {3,}", header) == ["NAME", "PHASE", "READY", "CONTAINERS", "LAST UPDATE", "AGE", "MESSAGE"]


def test_the_tree_counts_restarts(cluster: Cluster, capsys: pytest.CaptureFixture[str]):
    cluster.runs(spec())
    assert cluster.says("get cg orders", capsys)[1].rstrip().endswith("web:1, restarted 1 time")


UPDATE = {
    "generation": 1,
    "parts": ["containers/web"],
    "disruption": "RestartContainer",
    "restartedContainers": ["web"],
    "startTime": NOON,
    "endTime": NOON,
    "result": "Failed",
    "reason": "update of containers/web has failed: it crashes; correct it by another one",
}


def test_a_failed_update_is_explained(cluster: Cluster, capsys: pytest.CaptureFixture[str]):
    cluster.runs(spec(), lastUpdate=UPDATE)
    said = cluster.says("explain cg orders", capsys)[1]
    assert "Last update\n  Failed, of containers/web: RestartContainer, restarting web\n" in said
    assert UPDATE["reason"] in said
    assert "correct the spec and apply it again" in said


@pytest.mark.parametrize(
    ("reason", "advice"),
    [
        ("CrashLoopBackOff", "see what it said: kubectl logs orders -n default -c web --previous"),
        ("ImagePullBackOff", "see why its image cannot be had: kubectl describe pod orders -n default"),
    ],
)
def test_advice_is_about_what_the_container_waits_for(
    reason: str, advice: str, cluster: Cluster, capsys: pytest.CaptureFixture[str]
):
    waits = {"name": "web", "state": "Waiting", "reason": reason, "ready": False, "restartCount": 1, "image": "web:1"}
    cluster.runs(spec(), containers=[waits])
    assert cluster.says("explain cg orders", capsys)[1].splitlines()[-1] == f"  {advice}"


def test_how_to_mend_what_somebody_has_changed_in_the_pod(cluster: Cluster, capsys: pytest.CaptureFixture[str]):
    says = {"type": "Ready", "status": "False", "reason": "PodDiffers", "message": "x", "lastTransitionTime": NOON}
    cluster.runs(spec(), conditions=[says])
    said = cluster.says("explain cg orders", capsys)[1]
    mend = """--type merge -p '{"spec":{"clientToken":"mend-1"}}'"""
    assert f"  mend the Pod: kubectl patch containergroup orders -n default {mend}" in said


@pytest.mark.parametrize("command", ["get cg", "get cg orders", "explain cg orders", "plan cg orders", "plan -f"])
def test_every_key_that_programs_get_is_on_the_page(command: str, cluster: Cluster, capsys: pytest.CaptureFixture[str]):
    documented = set(re.findall(r"`(\w+)`", PAGE.split("## For programs")[1]))
    cluster.runs(spec(), lastUpdate=UPDATE)
    file = cluster.written(group(spec("web:2"))) if command == "plan -f" else ""
    cluster.windlass(f"{command} {file} -o json", SUBJECTS)
    found = set(keys(json.loads(capsys.readouterr().out)))
    assert found
    assert found <= documented
