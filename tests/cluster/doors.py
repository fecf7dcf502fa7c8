"""Objects at the API server's door: built from a field's path, tried by dry run, refused with a sentence."""

import re
from typing import Any

import pytest

from hack.cluster import Cluster, RefusedError

API = "/apis/windlass.dev/v1alpha1"
PLURALS = {
    "ScalingGroup": "scalinggroups",
    "ScalingConfiguration": "scalingconfigurations",
    "ScalingActivity": "scalingactivities",
}
MINIMAL: dict[str, dict[str, Any]] = {
    "ScalingGroup": {"configuration": {"scalingConfiguration": "web"}, "maxSize": 10_000},
    "ScalingConfiguration": {"template": {"spec": {"containers": [{"name": "web", "image": "web:1"}]}}},
    "ScalingActivity": {"scalingGroup": "web"},
}

Object = dict[str, Any]


def manifest(kind: str, name: str = "web", **spec: Any) -> Object:
    """An object with what its kind requires, and with these fields."""
    spec = {**MINIMAL[kind], **spec}
    return {"apiVersion": "windlass.dev/v1alpha1", "kind": kind, "metadata": {"name": name}, "spec": spec}


def with_field(kind: str, path: str, value: Any) -> Object:
    """An object with one field set: `tags[0].key` makes the list and the object on the way."""
    *above, last = [int(part) if part.isdigit() else part for part in re.findall(r"[^.\[\]]+", path)]
    for part in reversed([*above, last]):
        value = [value] if isinstance(part, int) else {part: value}
    return manifest(kind, **value)


def collection(kind: str, namespace: str = "default") -> str:
    return f"{API}/namespaces/{namespace}/{PLURALS[kind]}"


def accepted(cluster: Cluster, thing: Object) -> Object:
    """What the API server would store."""
    path = f"{collection(thing['kind'])}?dryRun=All&fieldValidation=Strict"
    stored: Object = cluster.request("POST", path, thing)
    return stored


def refusal(cluster: Cluster, thing: Object) -> str:
    """The sentence with which the API server refuses the object."""
    with pytest.raises(RefusedError) as refused:
        accepted(cluster, thing)
    assert refused.value.code in {400, 422}
    return str(refused.value)
