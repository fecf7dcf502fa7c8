"""Objects at the API server's door: built from a field's path, tried by dry run, refused with a sentence."""

import re
from typing import Any

import pytest

from hack.cluster import Access, RefusedError

API = "/apis/windlass.dev/v1alpha1"
PLURALS = {
    "ScalingGroup": "scalinggroups",
    "ScalingConfiguration": "scalingconfigurations",
    "LaunchTemplate": "launchtemplates",
    "ScalingActivity": "scalingactivities",
    "InstanceRefresh": "instancerefreshes",
    "RollingUpdate": "rollingupdates",
    "ContainerGroup": "containergroups",
    "StackSet": "stacksets",
    "StackSetOperation": "stacksetoperations",
    "StackInstance": "stackinstances",
    "StackTarget": "stacktargets",
}
TEMPLATE = {"spec": {"containers": [{"name": "web", "image": "web:1"}]}}
MINIMAL: dict[str, dict[str, Any]] = {
    "ScalingGroup": {"configuration": {"scalingConfiguration": "web"}, "maxSize": 10_000},
    "ScalingConfiguration": {"template": TEMPLATE},
    "LaunchTemplate": {"versions": [{"version": 1, "template": TEMPLATE}]},
    "ScalingActivity": {"scalingGroup": "web"},
    "InstanceRefresh": {"scalingGroup": "web"},
    "RollingUpdate": {"scalingGroup": "web", "kind": "Script", "invoke": "Rollback", "rollbackOf": "earlier"},
    "ContainerGroup": {
        "size": {"cpu": "2", "memory": "2Gi"},
        "containers": [{"name": "web", "image": "web:1", "resources": {"cpu": "50m", "memory": "64Mi"}}],
    },
    "StackSet": {"template": {"manifests": "kind: ConfigMap"}},
    "StackSetOperation": {"stackSet": "web", "action": "DeploySet"},
    "StackInstance": {"stackSet": "web", "region": "eu-1", "account": "shop"},
    "StackTarget": {"region": "eu-1", "account": "shop", "cluster": {"kubeconfigSecretRef": {"name": "shop"}}},
}

MERGE_PATCH = "application/merge-patch+json"

Object = dict[str, Any]


def manifest(kind: str, /, name: str = "web", **spec: Any) -> Object:
    """An object with what its kind requires, and with these fields."""
    spec = {**MINIMAL[kind], **spec}
    return {"apiVersion": "windlass.dev/v1alpha1", "kind": kind, "metadata": {"name": name}, "spec": spec}


def with_field(kind: str, path: str, value: Any, /, **beside: Any) -> Object:
    """An object with one field set: `tags[0].key` makes the list and the object on the way, where there are none."""
    parts = [int(part) if part.isdigit() else part for part in re.findall(r"[^.\[\]]+", path)]
    return manifest(kind, **_put({**MINIMAL[kind], **beside}, parts, value))


def _put(place: Any, path: list[str | int], value: Any) -> Any:
    """`place` with the value at a path below it."""
    match path:
        case []:
            return value
        case [int() as index, *rest]:
            items = list(place or [None])
            return [*items[:index], _put(items[index], rest, value), *items[index + 1 :]]
        case [name, *rest]:
            found = place or {}
            return {**found, name: _put(found.get(name), rest, value)}


def collection(kind: str, namespace: str = "default") -> str:
    return f"{API}/namespaces/{namespace}/{PLURALS[kind]}"


def accepted(cluster: Access, thing: Object) -> Object:
    """What the API server would store."""
    path = f"{collection(thing['kind'])}?dryRun=All&fieldValidation=Strict"
    stored: Object = cluster.request("POST", path, thing)
    return stored


def refusal(cluster: Access, thing: Object) -> str:
    """The sentence with which the API server refuses the object."""
    with pytest.raises(RefusedError) as refused:
        accepted(cluster, thing)
    assert refused.value.code in {400, 422}
    return str(refused.value)


def says(sentence: str) -> Any:
    """Expects a refusal with this sentence, a pattern."""
    return pytest.raises(RefusedError, match=sentence)


class Stored:
    """One stored object, tried with patches that change nothing."""

    def __init__(self, cluster: Access, namespace: str, kind: str, /, **spec: Any) -> None:
        thing = manifest(kind, **spec)
        cluster.request("POST", collection(kind, namespace), thing)
        self._cluster = cluster
        self._path = f"{collection(kind, namespace)}/{thing['metadata']['name']}"

    def patched(self, **spec: Any) -> dict[str, Any]:
        return self._try("", {"spec": spec})

    def scaled(self, replicas: int) -> dict[str, Any]:
        return self._try("/scale", {"spec": {"replicas": replicas}})

    def _try(self, subresource: str, change: dict[str, Any]) -> dict[str, Any]:
        path = f"{self._path}{subresource}?dryRun=All&fieldValidation=Strict"
        answer: dict[str, Any] = self._cluster.request("PATCH", path, change, MERGE_PATCH)
        return answer
