"""What is created: the same Pod for every subject, as a group makes it, a ReplicaSet makes it, or nobody's."""

import json
from typing import Any

from windlass.api.common import API_VERSION
from windlass.cluster.pods import PodMaker, pod_maker

Object = dict[str, Any]

NAMESPACE = "bench"
CONFIGURATION = "bench"

_TEMPLATE: Object = {
    "metadata": {"labels": {"app": "bench"}},
    "spec": {"containers": [{"name": "app", "image": "app:1"}]},
}
_NOBODY = "00000000-0000-4000-8000-000000000000"  # the uid of no group


def configuration() -> Object:
    return _object(API_VERSION, "ScalingConfiguration", CONFIGURATION) | {"spec": {"template": _TEMPLATE}}


def group(name: str, size: int) -> Object:
    spec = {"maxSize": 10_000, "desiredSize": size, "configuration": {"scalingConfiguration": CONFIGURATION}}
    return _object(API_VERSION, "ScalingGroup", name) | {"spec": spec}


def replica_set(name: str, size: int) -> Object:
    """A ReplicaSet whose Pods have the labels and annotations that a group's have."""
    pod = json.loads(bare_maker(name).make(f"{name}-0", 0))
    labels, annotations = pod["metadata"]["labels"], pod["metadata"]["annotations"]
    template = {"metadata": {"labels": labels, "annotations": annotations}, "spec": pod["spec"]}
    spec = {"replicas": size, "selector": {"matchLabels": labels}, "template": template}
    return _object("apps/v1", "ReplicaSet", name) | {"spec": spec}


def bare_maker(name: str) -> PodMaker:
    """Makes the Pods that a group of this name would create."""
    revision = f"{name}-0123456789"
    return pod_maker(group=name, group_uid=_NOBODY, revision=revision, template=_TEMPLATE, zone=None, tags=())


def _object(version: str, kind: str, name: str) -> Object:
    return {"apiVersion": version, "kind": kind, "metadata": {"name": name}}
