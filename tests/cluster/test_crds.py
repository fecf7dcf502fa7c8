"""The definitions as the real API server and kubectl show them."""

import json
import subprocess
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import yaml

from hack.cluster import Cluster, is_true, tool, wait_until
from tests.cluster.doors import API, MINIMAL, PLURALS, accepted, collection, manifest

SHORT = {
    "ScalingGroup": "sg",
    "ScalingConfiguration": "scfg",
    "LaunchTemplate": "lt",
    "ScalingActivity": "sact",
    "InstanceRefresh": "ir",
    "RollingUpdate": "ru",
    "ContainerGroup": "cg",
    "StackSet": "sset",
    "StackSetOperation": "sop",
    "StackInstance": "sinst",
    "StackTarget": "starget",
}
OPENAPI = "/openapi/v3/apis/windlass.dev/v1alpha1"

each_kind = pytest.mark.parametrize("kind", PLURALS)


@each_kind
def test_the_definition_is_established(cluster: Cluster, kind: str) -> None:
    """Which also says that its rules lie within the API server's cost limits: it refuses others at the door."""
    definition = cluster.request("GET", f"/apis/apiextensions.k8s.io/v1/customresourcedefinitions/{crd(kind)}")
    assert is_true(definition, "Established")
    assert is_true(definition, "NamesAccepted")
    assert not is_true(definition, "NonStructuralSchema")


def crd(kind: str) -> str:
    return f"{PLURALS[kind]}.windlass.dev"


@each_kind
def test_kubectl_knows_the_short_name_and_the_category(cluster: Cluster, kind: str) -> None:
    resources = {found["name"]: found for found in cluster.request("GET", API)["resources"]}
    assert resources[PLURALS[kind]]["shortNames"] == [SHORT[kind]]
    assert resources[PLURALS[kind]]["categories"] == ["windlass"]


def test_kubectl_get_windlass_lists_all_kinds(cluster: Cluster, namespace: str, kubectl: Callable[..., str]) -> None:
    for kind in PLURALS:
        cluster.request("POST", collection(kind, namespace), manifest(kind))
    assert set(kubectl("get", "windlass", "--output=name").split()) == {
        f"{kind.lower()}.windlass.dev/web" for kind in PLURALS
    }


COLUMNS = [
    pytest.param(
        "ScalingGroup",
        "NAME DESIRED INSERVICE PENDING OUTDATED READY PHASE AGE",
        "MIN MAX ZONES REVISION ACTIVITY MESSAGE",
        id="ScalingGroup",
    ),
    pytest.param("ScalingConfiguration", "NAME IMAGES AGE", "", id="ScalingConfiguration"),
    pytest.param("LaunchTemplate", "NAME DEFAULT LATEST READY AGE", "WANTED VERSIONS", id="LaunchTemplate"),
    pytest.param(
        "ScalingActivity",
        "NAME GROUP TYPE PHASE EXPECTED CAPACITY AGE",
        "CAUSE DESCRIPTION",
        id="ScalingActivity",
    ),
    pytest.param(
        "InstanceRefresh",
        "NAME GROUP PHASE PERCENTAGE UPDATED TOTAL READY AGE",
        "STATE FAILED MESSAGE",
        id="InstanceRefresh",
    ),
    pytest.param(
        "RollingUpdate",
        "NAME GROUP KIND PHASE BATCH BATCHES SUCCEEDED FAILED TOTAL AGE",
        "STATE UNKNOWN SKIPPED READY MESSAGE",
        id="RollingUpdate",
    ),
    pytest.param(
        "ContainerGroup",
        "NAME PHASE READY UPDATE DISRUPTION AGE",
        "CPU MEMORY IP NODE MESSAGE",
        id="ContainerGroup",
    ),
    pytest.param(
        "StackSet",
        "NAME INSTANCES CURRENT FAILED OPERATION PHASE READY AGE",
        "CANCELLED DRIFTED MESSAGE",
        id="StackSet",
    ),
    pytest.param(
        "StackSetOperation",
        "NAME STACKSET ACTION PHASE PERCENTAGE SUCCEEDED FAILED TOTAL AGE",
        "CANCELLED STATE MESSAGE",
        id="StackSetOperation",
    ),
    pytest.param(
        "StackInstance",
        "NAME STACKSET REGION ACCOUNT PHASE DRIFT READY AGE",
        "OPERATION OBJECTS MESSAGE",
        id="StackInstance",
    ),
    pytest.param(
        "StackTarget",
        "NAME REGION ACCOUNT PHASE VERSION READY AGE",
        "UNIT NAMESPACE MESSAGE",
        id="StackTarget",
    ),
]


@pytest.mark.parametrize(("kind", "narrow", "wide"), COLUMNS)
def test_kubectl_get_shows_the_columns(
    cluster: Cluster, namespace: str, kubectl: Callable[..., str], kind: str, narrow: str, wide: str
) -> None:
    cluster.request("POST", collection(kind, namespace), manifest(kind))
    assert heading(kubectl("get", PLURALS[kind])) == narrow.split()
    assert heading(kubectl("get", PLURALS[kind], "--output=wide")) == f"{narrow} {wide}".split()


def heading(table: str) -> list[str]:
    return table.splitlines()[0].split()


def test_the_columns_show_what_the_status_says(cluster: Cluster, namespace: str, kubectl: Callable[..., str]) -> None:
    path = collection("ScalingGroup", namespace)
    cluster.request("POST", path, manifest("ScalingGroup", zones=["zone-a"]))
    status = {"desired": 4, "inService": 3, "pending": 1, "outdated": 2, "phase": "ScalingOut", "message": "launching"}
    ready = {"type": "Ready", "status": "False", "reason": "ScalingOut", "lastTransitionTime": "2026-01-01T00:00:00Z"}
    patch = {"status": {**status, "conditions": [ready]}}
    cluster.request("PATCH", f"{path}/web/status", patch, "application/merge-patch+json")
    row = kubectl("get", "sg", "web", "--output=wide", "--no-headers").split()
    assert row[:7] == ["web", "4", "3", "1", "2", "False", "ScalingOut"]
    assert row[8:] == ["0", "10000", '["zone-a"]', "launching"]


GROUP_DEFAULTS = {
    "minSize": 0,
    "maxSize": 1,
    "enabled": True,
    "configuration": {"scalingConfiguration": "web"},
    "zones": [],
    "zonePolicy": "Balanced",
    "zoneFailureSeconds": 300,
    "removalPolicy": ["OldestConfiguration", "OldestInstance"],
    "minReadySeconds": 0,
    "healthCheck": {"method": "Instance", "intervalSeconds": 300},
    "launchTimeoutSeconds": 600,
    "suspendedProcesses": [],
    "deletionPolicy": "Refuse",
    "tags": [],
    "historyLimit": 20,
}


@pytest.mark.spec("scaling-group.md", "min size")
@pytest.mark.spec("scaling-group.md", "max size")
@pytest.mark.spec("scaling-group.md", "zone policy")
@pytest.mark.spec("scaling-group.md", "health check method: instance")
@pytest.mark.spec("scaling-group.md", "health check interval")
@pytest.mark.spec("scaling-group.md", "instance removal policy")
def test_defaults_show_in_what_kubectl_prints(kubectl: Callable[..., str]) -> None:
    group = manifest("ScalingGroup")
    del group["spec"]["maxSize"]
    kubectl("create", "--filename=-", input=json.dumps(group))
    assert yaml.safe_load(kubectl("get", "sg", "web", "--output=yaml"))["spec"] == GROUP_DEFAULTS


def test_parts_of_an_object_that_has_defaults_are_filled_in(cluster: Cluster) -> None:
    stored = accepted(cluster, manifest("ScalingGroup", healthCheck={"intervalSeconds": 60}, tags=[{"key": "team"}]))
    assert stored["spec"]["healthCheck"] == {"method": "Instance", "intervalSeconds": 60}
    assert stored["spec"]["tags"] == [{"key": "team", "value": ""}]


def test_an_unknown_field_is_dropped_with_a_warning(cluster: Cluster, namespace: str) -> None:
    ran = subprocess.run(
        [tool("kubernetes", "kubectl"), "create", f"--namespace={namespace}", "--validate=warn", "--filename=-"],
        input=json.dumps(manifest("ScalingGroup", colour="red")),
        env={"KUBECONFIG": str(cluster.kubeconfig), "HOME": str(cluster.folder)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert 'Warning: unknown field "spec.colour"' in ran.stderr
    assert "colour" not in cluster.request("GET", f"{collection('ScalingGroup', namespace)}/web")["spec"]


def test_a_template_is_stored_as_it_is_written(cluster: Cluster) -> None:
    template = {
        "metadata": {"labels": {"app": "web"}},
        "spec": {"containers": [{"name": "web", "image": "web:1", "resources": {"requests": {"cpu": "10m"}}}]},
    }
    assert accepted(cluster, manifest("ScalingConfiguration", template=template))["spec"]["template"] == template


@each_kind
def test_every_field_explains_itself(cluster: Cluster, kind: str) -> None:
    """kubectl explain reads this document, which follows the definitions within moments."""
    schema = openapi(cluster, kind)
    silent = [path for path, part in fields(schema, kind.lower()) if not part.get("description")]
    assert not silent
    assert schema["description"]


def openapi(cluster: Cluster, kind: str) -> dict[str, Any]:
    found: list[dict[str, Any]] = []

    def published() -> bool:
        schemas = cluster.request("GET", OPENAPI)["components"]["schemas"].values()
        found[:] = [schema for schema in schemas if is_of(schema, kind)]
        return bool(found)

    wait_until(published, 30, f"the published schema of {kind}")
    return found[0]


def is_of(schema: dict[str, Any], kind: str) -> bool:
    return any(named["kind"] == kind for named in schema.get("x-kubernetes-group-version-kind", ()))


def fields(schema: dict[str, Any], path: str) -> Iterator[tuple[str, dict[str, Any]]]:
    for name, part in schema.get("properties", {}).items():
        yield f"{path}.{name}", part
        yield from fields(part.get("items", part), f"{path}.{name}")


@pytest.mark.parametrize(
    ("path", "text"),
    [
        pytest.param("sg.spec.tags.key", "at most 36 letters", id="inside a list"),
        pytest.param("sg.spec.healthCheck.intervalSeconds", "0 (means 10", id="inside an object"),
        pytest.param("sg.status.activity.cause", "Why it began", id="in the status"),
        pytest.param("scfg.spec.template", "PodTemplateSpec", id="template"),
        pytest.param("scfg.spec.template.spec", "The PodSpec", id="open part of a template"),
    ],
)
def test_kubectl_explains_a_field_wherever_it_stands(kubectl: Callable[..., str], path: str, text: str) -> None:
    assert text in kubectl("explain", path)


@each_kind
def test_the_smallest_object_of_a_kind_is_accepted(cluster: Cluster, kind: str) -> None:
    assert accepted(cluster, manifest(kind))["spec"].keys() >= MINIMAL[kind].keys()
