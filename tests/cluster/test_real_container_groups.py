"""Container groups on a real API server, with the operator as it is installed; simulated nodes are the kubelet."""

from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from hack.cluster import Cluster
from tests.cluster.container_world import FILES, SIZE, ContainerWorld, container
from tests.cluster.operator_process import OperatorProcess
from tests.cluster.people import Person


@pytest.fixture
def world(cluster: Cluster, namespace: str, running_operator: OperatorProcess) -> ContainerWorld:
    return ContainerWorld(cluster, namespace)


@pytest.fixture
def editor(cluster: Cluster, namespace: str, tmp_path: Path) -> Person:
    return Person(cluster, namespace, "edit", tmp_path)


def test_a_pod_is_made_and_goes_with_its_group(world: ContainerWorld) -> None:
    mount = {"name": "conf", "mountPath": "/etc/app"}
    world.create(container(volumeMounts=[mount]), container("side", "side:1"), volumes=[FILES])
    world.wait_until_running()
    pod = world.pod
    (volume,) = (each for each in pod["spec"]["volumes"] if each["name"] == "conf")
    assert world.cluster.request("GET", world.path("configmaps", volume["configMap"]["name"]))["binaryData"]
    assert pod["status"]["qosClass"] == "Guaranteed"
    assert [each["name"] for each in world.status["containers"]] == ["web", "side"]
    world.delete()
    world.wait(lambda: not world.cluster.request("GET", world.path("pods"))["items"], "the end of the Pod")


@pytest.mark.spec("container-group.md", "part: containers")
def test_an_image_is_changed_in_place_and_only_its_container_restarts(world: ContainerWorld) -> None:
    world.create(container(), container("side", "side:1"))
    world.wait_until_running()
    before = world.pod
    world.change(containers=[container(image="web:2"), container("side", "side:1")])
    after, update = world.pod, world.status["lastUpdate"]
    assert (after["metadata"]["uid"], after["status"]["podIP"]) == (
        before["metadata"]["uid"],
        before["status"]["podIP"],
    )
    assert world.restarts() == {"web": 1, "side": 0}
    assert (update["result"], update["disruption"], update["restartedContainers"]) == (
        "Successful",
        "RestartContainer",
        ["web"],
    )


def test_a_size_is_changed_without_a_restart(world: ContainerWorld) -> None:
    world.create(container(), container("side", "side:1"))
    world.wait_until_running()
    larger = {"cpu": "200m", "memory": "128Mi"}
    world.change(containers=[container() | {"resources": larger}, container("side", "side:1")])
    asked = {each["name"]: each["resources"]["limits"] for each in world.pod["spec"]["containers"]}
    assert asked == {"web": larger, "side": SIZE}
    assert world.restarts() == {"web": 0, "side": 0}
    assert world.status["lastUpdate"]["disruption"] == "Resize"
    assert world.status["lastUpdate"]["result"] == "Successful"


def test_what_cannot_change_in_place_makes_the_pod_anew(world: ContainerWorld) -> None:
    world.create()
    world.wait_until_running()
    before = world.pod["metadata"]["uid"]
    world.change(containers=[container(env=[{"name": "COLOUR", "value": "blue"}])])
    assert world.pod["metadata"]["uid"] != before
    assert world.status["lastUpdate"]["disruption"] == "Recreate"


def test_a_ceiling_refuses_it_as_a_whole(world: ContainerWorld) -> None:
    world.create(update={"mostDisruptiveAllowed": "RestartContainer"})
    world.wait_until_running()
    before = world.pod
    world.change(containers=[container(image="web:2", env=[{"name": "COLOUR", "value": "blue"}])])
    update = world.status["lastUpdate"]
    assert update["result"] == "Refused"
    assert "RestartContainer" in update["reason"]
    assert world.pod["spec"] == before["spec"]


def test_a_pod_that_somebody_deletes_comes_back(world: ContainerWorld) -> None:
    world.create()
    world.wait_until_running()
    before = world.pod["metadata"]["uid"]
    world.cluster.request("DELETE", world.path("pods", "web"))
    world.wait(lambda: world.pod["metadata"]["uid"] != before, "another Pod")
    world.wait_until_running()


def test_credentials_of_a_registry_are_copied(world: ContainerWorld) -> None:
    world.credentials("registry", "first")
    world.create(imageRegistryCredentials=[{"secretName": "registry"}])
    world.wait_until_running()
    (named,) = world.pod["spec"]["imagePullSecrets"]
    source = world.cluster.request("GET", world.path("secrets", "registry"))
    assert world.cluster.request("GET", world.path("secrets", named["name"]))["data"] == source["data"]


def test_an_image_that_somebody_sets_in_the_pod_is_told_and_mended_by_another_client_token(
    world: ContainerWorld, kubectl: Callable[..., str]
) -> None:
    world.create()
    world.wait_until_running()
    assert not any(each.image_by_others for each in world.seen.containers), "what the operator has written is its own"
    kubectl("set", "image", "pod/web", "web=web:9")
    world.wait(lambda: "somebody has changed the Pod: containers/web (its image)" in world.status["message"], "told")
    world.change(clientToken="mend")
    update = world.status["lastUpdate"]
    assert (update["result"], update["disruption"]) == ("Successful", "RestartContainer")
    assert [(each.image, each.image_by_others) for each in world.seen.containers] == [("web:1", False)]
    world.wait_until_running()


def test_a_pull_policy_that_the_pod_has_already_needs_no_new_one(world: ContainerWorld) -> None:
    world.create()
    world.wait_until_running()
    before = world.pod["metadata"]["uid"]
    assert [each.pull_policy for each in world.seen.containers] == ["IfNotPresent"]
    world.change(containers=[container(imagePullPolicy="IfNotPresent")])
    assert world.status["lastUpdate"]["reason"].startswith("NoNeedUpdate")
    world.change(containers=[container(imagePullPolicy="Always")])
    assert world.status["lastUpdate"]["disruption"] == "Recreate"
    assert world.pod["metadata"]["uid"] != before


def test_a_refused_pod_is_told_of_once(world: ContainerWorld, kubectl: Callable[..., str]) -> None:
    kubectl("create", "quota", "none", "--hard=pods=0")
    world.create()
    world.wait(lambda: "exceeded quota" in world.status.get("message", ""), "the refusal")
    conditions = world.status["conditions"]
    assert {each["type"]: each["status"] for each in conditions} == {"Ready": "False", "Stalled": "True"}
    kubectl("delete", "quota", "none")
    world.wait_until_running()


# ---- the command line


def test_people_see_what_an_update_would_do_and_what_it_did(
    world: ContainerWorld, editor: Person, kubectl: Callable[..., str]
) -> None:
    world.create()
    world.wait_until_running()
    manifest = {
        "apiVersion": "windlass.dev/v1alpha1",
        "kind": "ContainerGroup",
        "metadata": {"name": "web"},
        "spec": {"size": {"cpu": "1", "memory": "1Gi"}, "containers": [container(image="web:2")]},
    }
    ran = editor.windlass("plan", "-f", "-", text=yaml.safe_dump(manifest))
    assert ran.returncode == 1, ran.stderr
    assert "RestartContainer" in ran.stdout
    assert world.restarts() == {"web": 0}, "nothing was done"
    world.change(containers=[container(image="web:2")])
    again = editor.windlass("plan", "-f", "-", text=yaml.safe_dump(manifest))
    assert (again.returncode, "nothing would be done" in again.stdout) == (0, True), again.stdout
    shown = editor.says("get", "containergroup", "web")
    assert shown["lastUpdate"]["result"] == "Successful"
    told = editor.windlass("explain", "cg", "web")
    assert "Successful, of containers/web" in told.stdout, told.stdout
    assert "web:2" in editor.windlass("get", "cg", "web").stdout
    assert kubectl("get", "cg", "web").splitlines()[1].startswith("web")
