"""Every manifest that newcomers are told to apply, at the real API server."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from hack.cluster import Cluster

EXAMPLES = sorted((Path(__file__).parents[2] / "examples").glob("*.yaml"))
MINE = "windlass.dev/v1alpha1"

each_example = pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)


def objects(path: Path) -> dict[tuple[str, str], dict[str, Any]]:
    """The objects of a file by kind and name."""
    return {(thing["kind"], thing["metadata"]["name"]): thing for thing in yaml.safe_load_all(path.read_text())}


def templates(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """Each template that instances are made from, and the name of the object that has it."""
    for (kind, name), thing in objects(path).items():
        if kind == "ScalingConfiguration":
            yield name, thing["spec"]["template"]
        elif kind == "LaunchTemplate":
            yield from ((name, version["template"]) for version in thing["spec"]["versions"])


@each_example
def test_an_example_is_accepted_as_it_stands(kubectl: Callable[..., str], path: Path) -> None:
    answer = kubectl("apply", "--dry-run=server", "--validate=strict", f"--filename={path}")
    assert answer.count("created (server dry run)") == len(objects(path))


@each_example
def test_an_examples_template_makes_a_pod(cluster: Cluster, namespace: str, path: Path) -> None:
    """The template is open in the definition: only the Pod that it makes is checked."""
    for name, template in templates(path):
        pod = {"metadata": {"name": f"{name}-0", **template["metadata"]}, "spec": template["spec"]}
        query = "dryRun=All&fieldValidation=Strict"
        assert cluster.request("POST", f"/api/v1/namespaces/{namespace}/pods?{query}", pod)


@each_example
def test_an_example_brings_what_it_refers_to(path: Path) -> None:
    found = objects(path)
    for (kind, _), thing in found.items():
        match kind:
            case "ScalingGroup":
                named = thing["spec"]["configuration"]
                if "launchTemplate" in named:
                    assert ("LaunchTemplate", named["launchTemplate"]["name"]) in found
                else:
                    assert ("ScalingConfiguration", named["scalingConfiguration"]) in found
            case "HorizontalPodAutoscaler":
                target = thing["spec"]["scaleTargetRef"]
                assert target["apiVersion"] == MINE
                assert (target["kind"], target["name"]) in found
            case "InstanceRefresh":
                assert ("ScalingGroup", thing["spec"]["scalingGroup"]) in found
            case _:
                assert kind in {"ScalingConfiguration", "LaunchTemplate"}


def test_all_examples_can_be_applied_side_by_side() -> None:
    names = [name for path in EXAMPLES for name in objects(path)]
    assert len(names) == len(set(names))
