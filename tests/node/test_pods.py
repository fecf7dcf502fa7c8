"""What Windlass asks of a kubelet, done by a real one."""

import subprocess
import time

import pytest

from hack.cluster import API_SERVER, Cluster, RefusedError, is_true, tool, wait_until
from hack.cluster.access import Object
from hack.cluster.nodes.images import APP_2, FAILING
from hack.cluster.nodes.plan import KUBERNETES_SERVICE
from tests.node.pods import LIMIT, Pods, answer, condition, container, limits, probe, resources, started, status

MIB = 1 << 20
RESIZE = "/resize"


def test_a_pod_runs_and_answers_within_seconds(pods: Pods) -> None:
    began = time.monotonic()
    pod = pods.create_ready(container("app"), container("side", 8081))
    assert time.monotonic() - began < 10
    assert pod["status"]["phase"] == "Running"
    assert answer(pod, "/version") == "1"
    assert answer(pod, "/version", 8081) == "1"


def test_commands_are_run_in_it_and_its_log_is_read_by_way_of_the_api_server(pods: Pods) -> None:
    pods.create_ready(container("app"))
    assert pods.app("app", "version") == "1"
    assert pods.logs("app") == ["serving version 1"]


def test_it_reaches_the_api_server_at_the_address_of_the_service(pods: Pods) -> None:
    pods.create_ready(container("app"))
    assert pods.app("app", "get", f"https://{KUBERNETES_SERVICE}/readyz") == "200 OK\nok"


def test_readiness_follows_its_probe_and_restarts_nothing(pods: Pods) -> None:
    before = pods.create_ready(container("app"))
    pods.app("app", "ready", "off")
    pods.wait_until("is not ready", lambda pod: not is_true(pod, "Ready"))
    pods.app("app", "ready", "on")
    after = pods.wait_until("is ready again", lambda pod: is_true(pod, "Ready"))
    assert started(after) == started(before)


def test_a_container_whose_liveness_probe_fails_is_restarted_alone(pods: Pods) -> None:
    before = pods.create_ready(container("app", livenessProbe=probe("/live")), container("side", 8081))
    pods.app("app", "live", "off")
    after = pods.wait_until("restarts", lambda pod: status(pod, "app")["restartCount"] == 1 and is_true(pod, "Ready"))
    assert started(after)["side"] == started(before)["side"]


def test_a_container_that_ends_with_an_error_is_told_of(pods: Pods) -> None:
    pods.create(container("app", image=FAILING))
    pod = pods.wait_until("has failed twice", lambda pod: status(pod, "app").get("restartCount", 0) >= 1)
    assert status(pod, "app")["lastState"]["terminated"]["exitCode"] == 1


def test_an_image_that_is_not_there_is_told_of_at_once(pods: Pods) -> None:
    pods.create(container("app", image="windlass.test/app:absent"))
    refused = {"ErrImagePull", "ImagePullBackOff"}
    pods.wait_until("lacks its image", lambda pod: _waits_for(pod) in refused)


def _waits_for(pod: Object) -> object:
    return status(pod, "app").get("state", {}).get("waiting", {}).get("reason")


def test_a_changed_image_restarts_that_container_alone(pods: Pods) -> None:
    before = pods.create_ready(container("app"), container("side", 8081))
    pods.patch("app", {"image": APP_2})
    pods.wait_until("has the new image", lambda pod: status(pod, "app")["image"] == APP_2)
    after = pods.wait_until("is ready again", lambda pod: is_true(pod, "Ready"))
    assert (answer(after, "/version"), answer(after, "/version", 8081)) == ("2", "1")
    assert after["status"]["podIP"] == before["status"]["podIP"]
    assert started(after)["side"] == started(before)["side"]
    assert started(after)["app"][0] != started(before)["app"][0]
    assert status(after, "app")["restartCount"] == 1


def test_resources_grow_and_shrink_without_a_restart(pods: Pods) -> None:
    before = pods.create_ready(container("app", resources=resources("100m", "64Mi")))
    assert limits(before, "app") == (100, 64 * MIB)
    for cpu, memory in ((300, 128), (50, 32)):
        wanted = resources(f"{cpu}m", f"{memory}Mi")
        pods.patch("app", {"resources": wanted}, RESIZE)
        after = pods.wait_until(f"has {cpu}m", lambda pod, wanted=wanted: status(pod, "app")["resources"] == wanted)
        assert limits(after, "app") == (cpu, memory * MIB)
        assert started(after) == started(before)


def test_more_than_the_node_has_is_refused_at_once(pods: Pods) -> None:
    pods.create_ready(container("app", resources=resources("100m", "64Mi")))
    with pytest.raises(RefusedError, match="node didn't have enough allocatable resources: cpu") as refused:
        pods.patch("app", {"resources": resources("1000", "64Mi")}, RESIZE)
    assert refused.value.code == 403


def test_more_than_the_node_has_left_is_put_off_until_another_pod_has_gone(pods: Pods, cluster: Cluster) -> None:
    before = pods.create_ready(container("app", resources=resources("100m", "64Mi")), node="real-1")
    processors = int(cluster.request("GET", "/api/v1/nodes/real-1")["status"]["allocatable"]["cpu"])
    others = resources(f"{processors * 1000 - 500}m", "64Mi")
    pods.create_ready(container("app", resources=others), name="other", node="real-1")
    pods.patch("app", {"resources": resources("600m", "64Mi")}, RESIZE)
    after = pods.wait_until("is told", lambda pod: condition(pod, "PodResizePending").get("reason") == "Deferred")
    assert limits(after, "app") == (100, 64 * MIB)

    pods.kubectl("delete", "pod", "other", "--wait=false")
    after = pods.wait_until("grows", lambda pod: status(pod, "app")["resources"] == resources("600m", "64Mi"))
    assert limits(after, "app") == (600, 64 * MIB)
    assert started(after) == started(before)


def test_a_deleted_pod_may_end_in_its_own_time(pods: Pods, cluster: Cluster, namespace: str) -> None:
    pods.create_ready(container("app"))
    kubectl = [tool("kubernetes", "kubectl"), f"--kubeconfig={cluster.kubeconfig}", f"--namespace={namespace}"]
    with subprocess.Popen([*kubectl, "logs", "--follow", "web"], stdout=subprocess.PIPE, text=True) as log:
        assert log.stdout
        assert log.stdout.readline() == "serving version 1\n"
        pods.kubectl("delete", "pod", "web", "--wait=false")
        assert log.stdout.read() == "ending, as it was asked to\n"
    wait_until(lambda: not pods.exists(), LIMIT, "the Pod is gone")


def test_a_pod_goes_on_while_the_api_server_is_away(pods: Pods, cluster: Cluster) -> None:
    before = pods.create_ready(container("app"))
    cluster.kill(API_SERVER)
    assert answer(before, "/version") == "1"
    cluster.start(API_SERVER)
    pods.app("app", "ready", "off")
    pods.wait_until("is watched again", lambda pod: not is_true(pod, "Ready"))
