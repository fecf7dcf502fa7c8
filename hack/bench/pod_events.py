"""Events of a watch of Pods, as an API server sends them of instances that run on a node: about 5 KB each."""

import json
from collections.abc import Iterator
from typing import Any

from hack.bench.manifests import bare_maker
from windlass.cluster.decoding import INITIAL_EVENTS_END

GROUP = "bench"
NAMESPACE = "bench"
_FIRST_VERSION = 1_000_000  # from here on all have the same number of digits, as all events have the same length
_SINCE = "2026-01-01T00:00:00Z"
_ORDINAL, _VERSION = 97979, "8686868"  # stand in the pattern for those of each event


class Events:
    """Events about Pods <group>-0, <group>-1, …; each has a newer resourceVersion than the one before."""

    def __init__(self) -> None:
        pod = json.dumps(_pod(), separators=(",", ":")).encode()
        pattern = pod.replace(b"%", b"%%").replace(str(_ORDINAL).encode(), b"%(ordinal)d")
        self._pod = pattern.replace(_VERSION.encode(), b"%(version)d")
        self._version = _FIRST_VERSION

    def lines(self, kind: str, pods: int, number: int) -> Iterator[bytes]:
        """So many events of one kind ("ADDED"), about each of so many Pods in turn."""
        for index in range(number):
            self._version += 1
            pod = self._pod % {b"ordinal": index % pods, b"version": self._version}
            yield b'{"type":"%b","object":%b}\n' % (kind.encode(), pod)

    def end_of_list(self) -> bytes:
        """The bookmark after all that existed when a watch began."""
        metadata = {"resourceVersion": str(self._version), "annotations": {INITIAL_EVENTS_END: "true"}}
        bookmark = {"type": "BOOKMARK", "object": {"kind": "Pod", "apiVersion": "v1", "metadata": metadata}}
        return json.dumps(bookmark, separators=(",", ":")).encode() + b"\n"


def _pod() -> dict[str, Any]:
    """A group's Pod with what the API server, a scheduler and a kubelet add to it."""
    pod: dict[str, Any] = json.loads(bare_maker(GROUP).make(f"{GROUP}-{_ORDINAL}", _ORDINAL))
    pod["metadata"] |= {
        "namespace": NAMESPACE,
        "uid": f"00000000-0000-4000-8000-0000000{_ORDINAL}",
        "resourceVersion": _VERSION,
        "generation": 1,
        "creationTimestamp": _SINCE,
        "managedFields": [_managed("windlass", "Update", ""), _managed("kubelet", "Update", "status")],
    }
    pod["spec"] |= {
        "nodeName": "node-1",
        "schedulerName": "default-scheduler",
        "restartPolicy": "Always",
        "terminationGracePeriodSeconds": 30,
        "dnsPolicy": "ClusterFirst",
        "serviceAccountName": "default",
        "tolerations": [
            {"key": f"node.kubernetes.io/{key}", "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 300}
            for key in ("not-ready", "unreachable")
        ],
        "volumes": [{"name": "kube-api-access-abcde", "projected": {"defaultMode": 420, "sources": _sources()}}],
    }
    pod["status"] = _status()
    return pod


def _sources() -> list[dict[str, Any]]:
    return [
        {"serviceAccountToken": {"expirationSeconds": 3607, "path": "token"}},
        {"configMap": {"name": "kube-root-ca.crt", "items": [{"key": "ca.crt", "path": "ca.crt"}]}},
        {"downwardAPI": {"items": [{"path": "namespace", "fieldRef": {"fieldPath": "metadata.namespace"}}]}},
    ]


def _status() -> dict[str, Any]:
    kinds = ("PodReadyToStartContainers", "Initialized", "Ready", "ContainersReady", "PodScheduled")
    conditions = [
        {"type": kind, "status": "True", "observedGeneration": 1, "lastProbeTime": None, "lastTransitionTime": _SINCE}
        for kind in kinds
    ]
    container = {
        "name": "app",
        "image": "app:1",
        "imageID": f"app@sha256:{'0123456789abcdef' * 4}",
        "containerID": f"containerd://{'0123456789abcdef' * 4}",
        "ready": True,
        "started": True,
        "restartCount": 0,
        "state": {"running": {"startedAt": _SINCE}},
        "lastState": {},
    }
    return {
        "phase": "Running",
        "conditions": conditions,
        "hostIP": "10.0.0.1",
        "podIP": "10.1.0.1",
        "podIPs": [{"ip": "10.1.0.1"}],
        "startTime": _SINCE,
        "containerStatuses": [container],
        "qosClass": "BestEffort",
    }


def _managed(manager: str, operation: str, subresource: str) -> dict[str, Any]:
    """Who set which fields: about 1 KB."""
    fields: dict[str, Any] = {
        f'k:{{"type":"Condition{number}"}}': {".": {}, "f:status": {}, "f:type": {}} for number in range(16)
    }
    return {
        "manager": manager,
        "operation": operation,
        "apiVersion": "v1",
        "time": _SINCE,
        "fieldsType": "FieldsV1",
        "fieldsV1": {"f:status": {"f:conditions": fields}},
        "subresource": subresource,
    }
