"""What the charts bring beside the operator's permissions: the policy on deletion, and a release's whole life."""

import json
import os
import subprocess
from collections.abc import Callable
from typing import Any

import pytest

from hack.cluster import Cluster, RefusedError, tool, wait_until
from tests.cluster.doors import collection, manifest
from tests.cluster.operator_process import CHART, Installation, Operators

LIMIT = 20.0


class MadeUpGroups:
    """MadeUpGroups whose number of instances the test makes up, and their deletion."""

    def __init__(self, cluster: Cluster, namespace: str) -> None:
        self._cluster = cluster
        self._path = collection("ScalingGroup", namespace)

    def create(self, name: str, *, instances: int, owner: dict[str, Any] | None = None, **spec: Any) -> None:
        group = manifest("ScalingGroup", name, enabled=False, **spec)
        group["metadata"]["ownerReferences"] = [owner] if owner else []
        self._cluster.request("POST", self._path, group)
        status = {"status": {"replicas": instances}}
        self._cluster.request("PATCH", f"{self._path}/{name}/status", status, "application/merge-patch+json")

    def delete(self, name: str, **options: str) -> None:
        self._cluster.request("DELETE", f"{self._path}/{name}", options)

    def refusal(self, name: str) -> str:
        """The sentence that refuses to delete the group."""
        with pytest.raises(RefusedError) as refused:
            self.delete(name)
        return str(refused.value)

    def exists(self, name: str) -> bool:
        return name in {group["metadata"]["name"] for group in self._cluster.request("GET", self._path)["items"]}

    def wait_for_the_policy(self) -> None:
        """The API server takes a moment to heed a policy that is new to it."""
        self.create("probe", instances=1)

        def refused() -> bool:
            try:
                self._cluster.request("DELETE", f"{self._path}/probe?dryRun=All")
            except RefusedError:
                return True
            return False

        wait_until(refused, LIMIT, "the policy on deletion")


@pytest.fixture
def made_up(cluster: Cluster, namespace: str, installation: Installation) -> MadeUpGroups:
    made_up = MadeUpGroups(cluster, namespace)
    made_up.wait_for_the_policy()
    return made_up


@pytest.mark.spec("scaling-group.md", "8 delete: refuse")
def test_a_group_with_instances_is_not_deleted_and_the_refusal_says_how_to_go_on(made_up: MadeUpGroups) -> None:
    made_up.create("web", instances=3)
    assert (
        "ScalingGroup web still has 3 instances, and its spec.deletionPolicy is Refuse: scale it to 0 first, "
        "or set spec.deletionPolicy to Force to delete them with it"
    ) in made_up.refusal("web")


def test_the_refusal_says_so_where_the_least_size_is_in_the_way_of_scaling_to_0(made_up: MadeUpGroups) -> None:
    made_up.create("web", instances=1, minSize=1)
    assert "still has 1 instance, " in made_up.refusal("web")
    assert "set its minSize and desiredSize to 0 first, or " in made_up.refusal("web")


def test_a_group_without_instances_can_be_deleted(made_up: MadeUpGroups) -> None:
    made_up.create("web", instances=0)
    made_up.delete("web")
    assert not made_up.exists("web")


def test_a_group_whose_policy_is_force_can_be_deleted_with_instances(made_up: MadeUpGroups) -> None:
    made_up.create("web", instances=3, deletionPolicy="Force")
    made_up.delete("web")
    assert not made_up.exists("web")


def test_a_group_goes_with_its_owner(cluster: Cluster, namespace: str, made_up: MadeUpGroups) -> None:
    path = f"/api/v1/namespaces/{namespace}/configmaps"
    uid = cluster.request("POST", path, {"metadata": {"name": "app"}})["metadata"]["uid"]
    made_up.create("web", instances=3, owner={"apiVersion": "v1", "kind": "ConfigMap", "name": "app", "uid": uid})
    cluster.request("DELETE", f"{path}/app")
    wait_until(lambda: not made_up.exists("web"), LIMIT, "the garbage collector")


def test_a_group_goes_with_its_namespace(cluster: Cluster, namespace: str, made_up: MadeUpGroups) -> None:
    ending = f"{namespace}-ending"
    cluster.request("POST", "/api/v1/namespaces", {"metadata": {"name": ending}})
    in_it = MadeUpGroups(cluster, ending)
    in_it.create("web", instances=3)
    cluster.request("DELETE", f"/api/v1/namespaces/{ending}")
    wait_until(lambda: not in_it.exists("web"), LIMIT, "the namespace's end")


@pytest.mark.spec("scaling-group.md", "8 delete: force")
@pytest.mark.parametrize("propagation", ["Background", "Foreground"])
def test_deleting_a_group_deletes_its_instances(
    cluster: Cluster, namespace: str, kubectl: Callable[..., str], operator: Operators, propagation: str
) -> None:
    process = operator.start()
    cluster.apply(collection("ScalingConfiguration", namespace), manifest("ScalingConfiguration"))
    group = manifest("ScalingGroup", desiredSize=2, deletionPolicy="Force")
    cluster.request("POST", collection("ScalingGroup", namespace), group)
    kubectl("wait", "scalinggroup/web", "--for=jsonpath={.status.inService}=2", "--timeout=30s")

    made_up = MadeUpGroups(cluster, namespace)
    made_up.delete("web", propagationPolicy=propagation)
    wait_until(lambda: not kubectl("get", "pods,controllerrevisions,scalingactivities", "-o", "name"), LIMIT, "the end")
    assert not made_up.exists("web")
    assert process.stop() == 0
    assert "launch web-2" not in process.log


def helm(cluster: Cluster, *arguments: str) -> str:
    environment = {"PATH": os.defpath, "HOME": str(cluster.folder), "KUBECONFIG": str(cluster.kubeconfig)}
    ran = subprocess.run(
        [tool("helm", "helm"), *arguments], capture_output=True, text=True, env=environment, check=False
    )
    assert ran.returncode == 0, ran.stderr
    return ran.stdout


def test_a_release_comes_up_changes_and_leaves_nothing(
    cluster: Cluster, namespace: str, request: pytest.FixtureRequest
) -> None:
    def whole_cluster() -> set[str]:
        kinds = "clusterroles,clusterrolebindings,validatingadmissionpolicies,validatingadmissionpolicybindings"
        names = cluster.kubectl("get", kinds, "--output=name").split()
        return {name.partition("/")[2].removeprefix(f"windlass-{namespace}") for name in names if namespace in name}

    release = ("windlass", str(CHART), f"--namespace={namespace}", "--wait", "--timeout=60s")
    uninstall = ("uninstall", "windlass", f"--namespace={namespace}", "--wait", "--ignore-not-found")
    request.addfinalizer(lambda: helm(cluster, *uninstall))
    notes = helm(cluster, "install", *release)
    assert (
        "keeps scaling groups at their size, runs updates over their instances, updates container groups in place, "
        "deploys stack sets in"
    ) in notes
    assert whole_cluster() == {"", "-view", "-edit", "-deletion", "-updates"}
    deployment = json.loads(cluster.kubectl("get", "deployment", "windlass", "-n", namespace, "--output=json"))
    assert deployment["status"]["readyReplicas"] == 2

    fewer = [f"--set={kind}.enabled=false" for kind in ("rollingUpdates", "stackSets", "containerGroups")]
    notes = helm(cluster, "upgrade", *release, f"--set=namespaces={{{namespace}}}", *fewer)
    assert f"keeps scaling groups at their size in the namespaces {namespace}" in notes
    assert f"role.rbac.authorization.k8s.io/windlass-{namespace}\n" in cluster.kubectl(
        "get", "roles", "-n", namespace, "--output=name"
    )

    helm(cluster, *uninstall)
    assert whole_cluster() == set()
