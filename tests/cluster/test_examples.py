"""Every manifest that newcomers are told to apply, at the real API server."""

import re
from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import Any

import pytest
import yaml

from hack.cluster import Cluster
from tests.cluster.operator_process import Installation, Operators

EXAMPLES = sorted((Path(__file__).parents[2] / "examples").glob("*.yaml"))
STACK_SET = next(path for path in EXAMPLES if path.stem == "stack-set")
MINE = "windlass.dev/v1alpha1"
NEED_NOTHING = {
    "ScalingConfiguration",
    "LaunchTemplate",
    "ContainerGroup",
    "StackSet",
    "Namespace",
    "ServiceAccount",
    "Role",
    "ClusterRole",
}

each_example = pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)


def objects(path: Path) -> list[dict[str, Any]]:
    """The objects of a file."""
    return list(yaml.safe_load_all(path.read_text()))


def named(path: Path) -> set[tuple[str, str]]:
    """The objects of a file by kind and name."""
    return {(thing["kind"], thing["metadata"]["name"]) for thing in objects(path)}


def templates(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """Each template that instances are made from, and the name of the object that has it."""
    for thing in objects(path):
        name = thing["metadata"]["name"]
        if thing["kind"] == "ScalingConfiguration":
            yield name, thing["spec"]["template"]
        elif thing["kind"] == "LaunchTemplate":
            yield from ((name, version["template"]) for version in thing["spec"]["versions"])


@each_example
def test_an_example_is_accepted_as_it_stands(cluster: Cluster, path: Path) -> None:
    for thing in objects(path):
        if thing["kind"] == "Namespace":  # a dry run of it makes none for what follows
            cluster.apply("/api/v1/namespaces", thing)
    answer = cluster.kubectl("apply", "--dry-run=server", "--validate=strict", f"--filename={path}")
    assert answer.count("(server dry run)") == len(objects(path))


@each_example
def test_an_examples_template_makes_a_pod(cluster: Cluster, namespace: str, path: Path) -> None:
    """The template is open in the definition: only the Pod that it makes is checked."""
    for name, template in templates(path):
        pod = {"metadata": {"name": f"{name}-0", **template["metadata"]}, "spec": template["spec"]}
        query = "dryRun=All&fieldValidation=Strict"
        assert cluster.request("POST", f"/api/v1/namespaces/{namespace}/pods?{query}", pod)


@each_example
def test_an_example_brings_what_it_refers_to(path: Path) -> None:
    found = named(path)
    for thing in objects(path):
        match thing["kind"], thing.get("spec", {}):
            case "ScalingGroup", {"configuration": {"launchTemplate": template}}:
                assert ("LaunchTemplate", template["name"]) in found
            case "ScalingGroup", {"configuration": {"scalingConfiguration": configuration}}:
                assert ("ScalingConfiguration", configuration) in found
            case "HorizontalPodAutoscaler", {"scaleTargetRef": target}:
                assert target["apiVersion"] == MINE
                assert (target["kind"], target["name"]) in found
            case "InstanceRefresh" | "RollingUpdate", {"scalingGroup": group}:
                assert ("ScalingGroup", group) in found
            case "RoleBinding" | "ClusterRoleBinding", _:
                role = thing["roleRef"]
                assert (role["kind"], role["name"]) in found | {("ClusterRole", "edit")}
                assert {(subject["kind"], subject["name"]) for subject in thing["subjects"]} <= found
            case "StackTarget", {"cluster": {"inCluster": _}, "serviceAccountName": account}:
                assert ("ServiceAccount", account) in found
            case "StackTarget", {"cluster": {"kubeconfigSecretRef": secret}}:
                assert secret["name"] in path.read_text().split("apiVersion:")[0], "its first lines say what is needed"
            case "StackSetOperation", {"stackSet": stack_set, "targets": targets}:
                assert ("StackSet", stack_set) in found
                asked = set(product(targets["regions"], targets["accounts"]))
                assert asked <= {(each["region"], each["account"]) for each in of_kind("StackTarget", path)}
            case kind, _:
                assert kind in NEED_NOTHING


def of_kind(kind: str, path: Path) -> Iterator[dict[str, Any]]:
    """The specs of one kind."""
    return (thing["spec"] for thing in objects(path) if thing["kind"] == kind)


def test_all_examples_can_be_applied_side_by_side() -> None:
    names = [
        (thing["kind"], thing["metadata"].get("namespace", "default"), thing["metadata"]["name"])
        for path in EXAMPLES
        for thing in objects(path)
    ]
    assert len(names) == len(set(names))
    places = [(each["region"], each["account"]) for path in EXAMPLES for each in of_kind("StackTarget", path)]
    assert len(places) == len(set(places))


def test_the_stack_set_of_one_cluster_is_deployed(cluster: Cluster, tmp_path: Path) -> None:
    """With the chart's values that its first lines name. That of member clusters is deployed by `make demo-stacks`."""
    path = f"--filename={STACK_SET}"
    values = re.findall(r"^#   --set '(.+)'$", STACK_SET.read_text(), re.MULTILINE)
    assert values
    installation = Installation(cluster, "windlass-examples", tmp_path, f"--set={values[0]}")
    installation.install()
    operators = Operators(installation, tmp_path)
    try:
        operators.start()
        cluster.kubectl("apply", path)
        operations = [thing["metadata"]["name"] for thing in objects(STACK_SET) if thing["kind"] == "StackSetOperation"]
        for name in operations:
            cluster.kubectl("wait", "--for=condition=Complete", f"stacksetoperation/{name}", "--timeout=30s")
        greetings = ("get", "configmaps", "shop-eu-1", "shop-us-1", "--output=jsonpath={.items[*].data.greeting}")
        assert cluster.kubectl(*greetings) == "hello howdy"
        cluster.kubectl("delete", "stackset", "shop", "--timeout=30s")
        cluster.kubectl("delete", path, "--ignore-not-found")
        assert "shop" not in cluster.kubectl("get", "configmaps", "--output=name")
    finally:
        operators.end()
        installation.remove()
