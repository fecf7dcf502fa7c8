"""Real nodes beside each other, lost and found."""

from typing import Any

from hack.cluster import Cluster, is_true, wait_until
from hack.cluster.programs import LOST_AFTER
from tests.node.pods import LIMIT, Pods, answer, container, status

ZONE = "topology.kubernetes.io/zone"


def node(cluster: Cluster, name: str) -> dict[str, Any]:
    return dict(cluster.request("GET", f"/api/v1/nodes/{name}"))


def test_two_run_side_by_side_in_zones_of_their_own(cluster: Cluster, pods: Pods) -> None:
    made = {name: pods.create_ready(container("app"), name=name, node=name) for name in ("real-1", "real-2")}
    assert {name: pod["spec"]["nodeName"] for name, pod in made.items()} == {"real-1": "real-1", "real-2": "real-2"}
    assert [answer(pod, "/version") for pod in made.values()] == ["1", "1"]
    assert [node(cluster, name)["metadata"]["labels"][ZONE] for name in made] == ["zone-a", "zone-b"]


def test_status_shows_what_a_node_takes(cluster: Cluster) -> None:
    parts = {part.name: part for part in cluster.status()}
    usage = parts["real-1"].usage
    assert usage
    assert usage.memory_mb > 50


def test_a_node_that_is_lost_is_known_to_be_and_comes_back_with_its_pods(cluster: Cluster, pods: Pods) -> None:
    pods.create_ready(container("app"), node="real-2")
    cluster.kill("real-2")
    wait_until(lambda: not is_true(node(cluster, "real-2"), "Ready"), LOST_AFTER + LIMIT, "real-2 is lost")
    assert is_true(node(cluster, "real-1"), "Ready")
    assert is_true(node(cluster, "node-1"), "Ready")
    pods.wait_until("is not ready", lambda pod: not is_true(pod, "Ready"))

    cluster.start("real-2")
    wait_until(lambda: is_true(node(cluster, "real-2"), "Ready"), LIMIT, "real-2 is back")
    pods.wait_until("runs again", lambda pod: is_true(pod, "Ready") and status(pod, "app")["restartCount"] >= 1)
