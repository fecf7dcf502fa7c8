"""Container groups on a real kubelet, kept by the operator as it is installed."""

from collections.abc import Iterator

import pytest

from hack.cluster import Cluster, is_true, wait_until
from hack.cluster.nodes.images import APP_1, APP_2, FAILING
from tests.cluster.container_world import ContainerWorld, container
from tests.cluster.operator_process import Installation, OperatorProcess, Operators
from tests.node.pods import LIMIT, Pods, answer, probe, started, status

PORT = {"env": [{"name": "PORT", "value": "8081"}]}


@pytest.fixture(scope="module")
def operator(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[OperatorProcess]:
    """One for the module; meanwhile the simulated node takes no Pods."""
    installation = Installation(cluster, "windlass-system", tmp_path_factory.mktemp("installation"))
    installation.install()
    operators = Operators(installation, tmp_path_factory.mktemp("operator"))
    cluster.kubectl("cordon", "node-1")
    try:
        process = operators.start()
        process.wait_until_leading()
        yield process
        assert process.stop() == 0
        assert "Traceback" not in process.log, process.log
    finally:
        operators.end()
        cluster.kubectl("uncordon", "node-1")
        installation.remove()


@pytest.fixture
def world(cluster: Cluster, namespace: str, operator: OperatorProcess) -> ContainerWorld:
    return ContainerWorld(cluster, namespace)


def app(image: str = APP_1, **more: object) -> dict[str, object]:
    return container("app", image, readinessProbe=probe("/ready"), **more)


def side() -> dict[str, object]:
    return container("side", APP_1, readinessProbe=probe("/ready", 8081), **PORT)


def test_a_changed_image_restarts_its_container_alone_and_keeps_the_address(world: ContainerWorld) -> None:
    world.create(app(), side())
    world.wait_until_running()
    before = world.pod
    world.change(containers=[app(APP_2), side()])
    after = world.pod
    assert world.status["lastUpdate"]["result"] == "Successful", world.status
    assert (answer(after, "/version"), answer(after, "/version", 8081)) == ("2", "1")
    assert after["status"]["podIP"] == before["status"]["podIP"]
    assert started(after)["side"] == started(before)["side"]
    assert world.restarts() == {"app": 1, "side": 0}


def test_sizes_go_up_and_down_without_a_restart(world: ContainerWorld) -> None:
    world.create(app(), update={"mostDisruptiveAllowed": "Resize"})
    world.wait_until_running()
    before = started(world.pod)
    for cpu, memory in (("200m", "128Mi"), ("100m", "64Mi")):
        world.change(containers=[app() | {"resources": {"cpu": cpu, "memory": memory}}])
        assert world.status["lastUpdate"]["result"] == "Successful", world.status
        assert status(world.pod, "app")["resources"]["limits"] == {"cpu": cpu, "memory": memory}
    assert started(world.pod) == before


def test_a_size_that_no_node_has_is_refused_in_its_words_and_taken_back_by_the_next_update(
    world: ContainerWorld,
) -> None:
    world.create(app(), size={"cpu": "900", "memory": "1Gi"}, update={"mostDisruptiveAllowed": "Resize"})
    world.wait_until_running()
    before = started(world.pod)
    world.change(containers=[app() | {"resources": {"cpu": "800", "memory": "64Mi"}}])
    update = world.status["lastUpdate"]
    assert update["result"] == "Failed"
    assert "allocatable" in update["reason"], update
    world.change(containers=[app() | {"resources": {"cpu": "150m", "memory": "64Mi"}}])
    assert world.status["lastUpdate"]["result"] == "Successful", world.status
    assert started(world.pod) == before


def test_an_image_that_crashes_fails_the_update_with_its_last_words(world: ContainerWorld) -> None:
    world.create(app(), side())
    world.wait_until_running()
    before = started(world.pod)
    world.change(containers=[app(FAILING), side()])
    update = world.status["lastUpdate"]
    assert update["result"] == "Failed"
    assert "container app exited with 1" in update["reason"], update
    world.change(containers=[app(APP_2), side()])
    assert world.status["lastUpdate"]["result"] == "Successful", world.status
    assert started(world.pod)["side"] == before["side"]


def test_what_cannot_change_in_place_makes_the_pod_anew(world: ContainerWorld) -> None:
    world.create(app())
    world.wait_until_running()
    before = world.pod["metadata"]["uid"]
    world.change(containers=[app(env=[{"name": "COLOUR", "value": "blue"}])])
    assert world.status["lastUpdate"]["result"] == "Successful", world.status
    assert world.pod["metadata"]["uid"] != before
    assert answer(world.pod, "/version") == "1"


def test_a_container_that_does_not_live_any_more_is_started_again_alone(world: ContainerWorld, pods: Pods) -> None:
    world.create(app(livenessProbe=probe("/live")), side())
    world.wait_until_running()
    before = started(world.pod)
    pods.app("app", "live", "off")
    world.wait(lambda: world.restarts() == {"app": 1, "side": 0}, "another start")
    assert started(world.pod)["side"] == before["side"]
    world.wait_until_running()
    assert {each["name"]: each["restartCount"] for each in world.status["containers"]} == {"app": 1, "side": 0}
    assert "lastUpdate" not in world.status


def test_a_container_that_is_not_ready_is_told_of_and_not_restarted(world: ContainerWorld, pods: Pods) -> None:
    world.create(app(), side())
    world.wait_until_running()
    pods.app("app", "ready", "off")
    world.wait(lambda: world.status["message"] == "1 of 2 containers ready", "a group that is not ready")
    assert world.seen.silent_since is None, "its kubelet says so, and answers"
    pods.app("app", "ready", "on")
    world.wait_until_running()
    assert world.restarts() == {"app": 0, "side": 0}


def test_an_update_waits_for_probes_and_fails_where_they_stay_bad(world: ContainerWorld) -> None:
    world.create(app(), side(), update={"deadlineSeconds": 15})
    world.wait_until_running()
    lost = container("app", APP_1, readinessProbe=probe("/nowhere"))
    world.change(containers=[lost, side()])
    update = world.status["lastUpdate"]
    assert (update["disruption"], update["result"]) == ("Recreate", "Failed")
    assert "container app is not ready" in update["reason"], update
    assert world.status["message"] == update["reason"]
    world.change(containers=[app(), side()])
    assert world.status["lastUpdate"]["result"] == "Successful", world.status


def test_a_new_image_begins_with_good_probes(world: ContainerWorld, pods: Pods) -> None:
    """The container's file system is new with its image: what was switched off before is on again."""
    world.create(app(livenessProbe=probe("/live")), side())
    world.wait_until_running()
    pods.app("app", "ready", "off")
    world.wait(lambda: world.status["message"] == "1 of 2 containers ready", "a group that is not ready")
    world.change(containers=[app(APP_2, livenessProbe=probe("/live")), side()])
    assert world.status["lastUpdate"]["result"] == "Successful", world.status
    assert answer(world.pod, "/version") == "2"


def test_a_container_that_has_ended_gets_its_new_image_with_a_new_pod(world: ContainerWorld) -> None:
    def job(image: str) -> dict[str, object]:
        return container("job", image, command=["/app", "version"])

    world.create(job(APP_1), app(), restartPolicy="OnFailure")
    world.wait_until_running()
    before = world.pod["metadata"]["uid"]
    world.change(containers=[job(APP_2), app()], update={"mostDisruptiveAllowed": "RestartContainer"})
    update = world.status["lastUpdate"]
    assert update["result"] == "Refused"
    assert "it has ended and is not started again) needs Recreate" in update["reason"], update
    world.change(update={"mostDisruptiveAllowed": "Recreate"})
    update = world.status["lastUpdate"]
    assert (update["result"], update["disruption"]) == ("Successful", "Recreate"), update
    assert world.pod["metadata"]["uid"] != before
    assert status(world.pod, "job")["state"]["terminated"]["exitCode"] == 0
    assert status(world.pod, "job")["image"].endswith(APP_2.rpartition("/")[2])


def test_one_that_ends_for_an_image_that_cannot_be_had_is_not_started_again(world: ContainerWorld) -> None:
    """It ends with 0 when it is asked to, and the kubelet takes that for its end."""
    world.create(app(), side(), restartPolicy="OnFailure")
    world.wait_until_running()
    before = started(world.pod)
    world.change(containers=[app("windlass.test/nowhere:1"), side()])
    update = world.status["lastUpdate"]
    assert update["result"] == "Failed"
    assert "has ended with its old image, and restartPolicy OnFailure does not start it again" in update["reason"]
    assert started(world.pod)["side"] == before["side"]
    world.change(containers=[app(APP_2), side()])
    update = world.status["lastUpdate"]
    assert (update["result"], update["disruption"]) == ("Successful", "Recreate"), update


def test_one_that_runs_gets_its_new_image_in_place_where_nothing_is_started_again(world: ContainerWorld) -> None:
    world.create(app(), side(), restartPolicy="Never")
    world.wait_until_running()
    world.change(containers=[app(APP_2), side()], update={"mostDisruptiveAllowed": "RestartContainer"})
    assert world.status["lastUpdate"]["result"] == "Successful", world.status
    assert (answer(world.pod, "/version"), world.restarts()) == ("2", {"app": 1, "side": 0})


def test_a_pod_whose_node_is_gone_comes_back_on_another(cluster: Cluster, world: ContainerWorld) -> None:
    world.create(app())
    world.wait_until_running()
    lost, before = world.pod["spec"]["nodeName"], world.pod["metadata"]["uid"]
    path = f"/api/v1/nodes/{lost}"
    cluster.kill(lost)
    try:
        wait_until(lambda: not is_true(cluster.request("GET", path), "Ready"), 90, f"{lost} is lost")
        # What an operator that may not look at nodes goes by.
        world.wait(lambda: world.seen.silent_since is not None, "the mark of the Pod")
        cluster.request("DELETE", path)
        world.wait(lambda: world.pod["metadata"]["uid"] != before, "another Pod")
        world.wait_until_running()
        assert world.pod["spec"]["nodeName"] != lost
        assert answer(world.pod, "/version") == "1"
    finally:
        cluster.start(lost)
        wait_until(lambda: is_true(cluster.request("GET", path), "Ready"), LIMIT, f"{lost} is back")
