"""How the simulated nodes (kwok) treat Pods: as a kubelet would, where that matters to the controllers."""

import json
from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest

from hack.cluster import Cluster, is_true, wait_until

Pod = dict[str, Any]
LIMIT = 20.0
GATE = "windlass.test/gate"


@pytest.fixture
def pods(cluster: Cluster, namespace: str) -> "Pods":
    return Pods(cluster, namespace)


class Pods:
    def __init__(self, cluster: Cluster, namespace: str) -> None:
        self._cluster = cluster
        self._path = f"/api/v1/namespaces/{namespace}/pods"

    def create(self, name: str = "web", spec: Pod | None = None, **annotations: str) -> None:
        marks = {f"windlass.test/{key.replace('_', '-')}": value for key, value in annotations.items()}
        containers = [{"name": "app", "image": "app:1"}, {"name": "side", "image": "side:1"}]
        manifest = {
            "metadata": {"name": name, "labels": {"app": "web"}, "annotations": marks},
            "spec": {"containers": containers, "terminationGracePeriodSeconds": 0, **(spec or {})},
        }
        self._cluster.request("POST", self._path, manifest)

    def get(self, name: str = "web") -> Pod:
        pod: Pod = self._cluster.request("GET", f"{self._path}/{name}")
        return pod

    def annotate(self, key: str, value: str | None, name: str = "web") -> None:
        self._merge(name, {"metadata": {"annotations": {f"windlass.test/{key}": value}}})

    def set_gate(self, status: str, name: str = "web") -> None:
        patch = {"status": {"conditions": [{"type": GATE, "status": status}]}}
        self._cluster.request("PATCH", f"{self._path}/{name}/status", patch, "application/strategic-merge-patch+json")

    def set_image(self, container: str, image: str, name: str = "web") -> None:
        patch = {"spec": {"containers": [{"name": container, "image": image}]}}
        self._cluster.request("PATCH", f"{self._path}/{name}", patch, "application/strategic-merge-patch+json")

    def wait(self, what: str, condition: Callable[[Pod], object], name: str = "web") -> Pod:
        wait_until(lambda: condition(self.get(name)), LIMIT, f"Pod {name} {what}")
        return self.get(name)

    def _merge(self, name: str, patch: Pod) -> None:
        self._cluster.request("PATCH", f"{self._path}/{name}", patch, "application/merge-patch+json")


def ready(pod: Pod) -> bool:
    return is_true(pod, "Ready")


def unready(pod: Pod) -> bool:
    return pod["status"]["phase"] == "Running" and not ready(pod)


def changed(pod: Pod, kind: str) -> str:
    times = {one["type"]: one["lastTransitionTime"] for one in pod["status"]["conditions"]}
    return str(times[kind])


def was_ever_ready(pod: Pod) -> bool:
    return ready(pod) or changed(pod, "Ready") > changed(pod, "Initialized")


def test_pods_are_ready_in_three_zones(cluster: Cluster, kubectl: Callable[..., str], pods: Pods) -> None:
    spread = {
        "maxSkew": 1,
        "topologyKey": "topology.kubernetes.io/zone",
        "whenUnsatisfiable": "DoNotSchedule",
        "labelSelector": {"matchLabels": {"app": "web"}},
    }
    for number in range(6):
        pods.create(f"web-{number}", {"topologySpreadConstraints": [spread]})
    kubectl("wait", "pods", "--all", "--for=condition=Ready", "--timeout=20s")

    zone_of = {
        node["metadata"]["name"]: node["metadata"]["labels"]["topology.kubernetes.io/zone"]
        for node in cluster.request("GET", "/api/v1/nodes")["items"]
    }
    listed = json.loads(kubectl("get", "pods", "-o", "json"))["items"]
    assert sorted(zone_of[pod["spec"]["nodeName"]] for pod in listed) == sorted(2 * ["zone-a", "zone-b", "zone-c"])
    assert len({pod["status"]["podIP"] for pod in listed}) == 6


@pytest.mark.parametrize("bounds", [{"start_after": "3s"}, {"start_after": "3s", "start_before": "4s"}])
def test_a_pod_starts_as_late_as_it_is_told(pods: Pods, bounds: dict[str, str]) -> None:
    pods.create("late", **bounds)
    pods.create("other")
    pods.wait("is ready", ready, "other")
    late = pods.wait("is ready", ready, "late")
    assert seconds_between(changed(late, "PodScheduled"), changed(late, "Ready")) >= 2  # API times are whole seconds


def seconds_between(before: str, after: str) -> float:
    return (datetime.fromisoformat(after) - datetime.fromisoformat(before)).total_seconds()


def test_a_pod_that_turns_not_ready_still_shows_that_it_was_ready(pods: Pods) -> None:
    pods.create()
    began = pods.wait("is ready", ready)
    pods.annotate("not-ready", "true")
    turned = pods.wait("is not ready", unready)

    assert was_ever_ready(began)
    assert was_ever_ready(turned)
    assert not is_true(turned, "ContainersReady")
    assert [one["ready"] for one in turned["status"]["containerStatuses"]] == [False, False]

    pods.annotate("not-ready", None)
    assert was_ever_ready(pods.wait("is ready again", ready))


def test_a_pod_that_is_never_ready_shows_that_too(pods: Pods) -> None:
    pods.create(never_ready="true")
    stuck = pods.wait("runs", unready)
    assert not was_ever_ready(stuck)
    assert changed(stuck, "Ready") == changed(stuck, "Initialized")

    pods.annotate("never-ready", None)
    assert was_ever_ready(pods.wait("is ready at last", ready))


def test_a_pod_that_fails_before_it_was_ready_was_never_ready(pods: Pods) -> None:
    pods.create(never_ready="true", fail="true")
    failed = pods.wait("fails", lambda pod: pod["status"]["phase"] == "Failed")
    assert not was_ever_ready(failed)


def test_a_ready_pod_can_fail(pods: Pods) -> None:
    pods.create()
    pods.wait("is ready", ready)
    pods.annotate("fail", "true")
    failed = pods.wait("fails", lambda pod: pod["status"]["phase"] == "Failed")

    assert not ready(failed)
    assert was_ever_ready(failed)
    assert [one["state"]["terminated"]["exitCode"] for one in failed["status"]["containerStatuses"]] == [1, 1]


def test_readiness_follows_the_gates(pods: Pods) -> None:
    pods.create(spec={"readinessGates": [{"conditionType": GATE}]})
    waiting = pods.wait("waits for its gate", lambda pod: is_true(pod, "ContainersReady"))
    assert not ready(waiting)
    assert not was_ever_ready(waiting)

    pods.set_gate("True")
    pods.wait("is ready", ready)
    pods.set_gate("False")
    assert was_ever_ready(pods.wait("is not ready", unready))


def test_an_image_changed_in_place_restarts_that_container_only(pods: Pods) -> None:
    pods.create()
    before = pods.wait("is ready", ready)
    pods.set_image("app", "app:2")
    after = pods.wait("runs the new image", lambda pod: pod["status"]["containerStatuses"][0]["image"] == "app:2")

    assert [one["restartCount"] for one in after["status"]["containerStatuses"]] == [1, 0]
    assert after["status"]["podIP"] == before["status"]["podIP"]
    assert ready(after)
