"""Stack sets whole: the operator at the hub, and two member clusters."""

import pytest

from hack.cluster import wait_until
from tests.cluster.stack_world import LIMIT, TEMPLATE, StackWorld

EVERYWHERE = {"regions": ["eu", "us"], "accounts": ["a"]}


def test_targets_say_which_clusters_they_are(world: StackWorld) -> None:
    def seen() -> bool:
        found = [world.get("stacktargets", name).get("status", {}) for name in ("eu-a", "us-a")]
        return [each.get("clusterUID") for each in found] == [member.uid for member in world.members]

    wait_until(seen, LIMIT, "both targets")
    status = world.get("stacktargets", "eu-a")["status"]
    assert status["phase"] == "Ready"
    assert status["message"].startswith("the cluster answers; Kubernetes v1.")


@pytest.mark.spec("stack-set.md", "stack instance")
def test_a_set_is_deployed_changed_overridden_and_deleted(world: StackWorld) -> None:
    world.stack_set()
    world.start("create", "CreateInstances", ["eu", "us"], ["a"])
    status = world.wait_for_end("create")
    assert (status["succeeded"], status["total"], status["percentage"]) == (2, 2, 100)
    assert world.held("eu", "a") == {"greeting": "hello", "region": "eu", "account": "a"}
    assert world.held("us", "a") == {"greeting": "hello", "region": "us", "account": "a"}
    world.wait_for_set(instances=2, current=2, phase="Ready")

    world.start("howdy", "UpdateInstances", ["us"], ["a"], overrides={"variables": 'greeting = "howdy"'})
    world.wait_for_end("howdy")
    assert (world.held("us", "a") or {})["greeting"] == "howdy"

    world.patch(
        "stacksets", "shop", {"variables": 'greeting = "hi"\n', "template": {"manifests": f"{TEMPLATE}  new: here\n"}}
    )
    world.wait_for_set(current=0, phase="Outdated")
    world.start("deploy", "DeploySet")
    world.wait_for_end("deploy")
    assert world.held("eu", "a") == {"greeting": "hi", "region": "eu", "account": "a", "new": "here"}
    assert (world.held("us", "a") or {})["greeting"] == "howdy"

    world.start("back", "UpdateInstances", ["us"], ["a"], overrides={"useStackSetVariables": ["greeting"]})
    world.wait_for_end("back")
    assert (world.held("us", "a") or {})["greeting"] == "hi"

    world.start("delete", "DeleteInstances", ["eu"], ["a"])
    world.wait_for_end("delete")
    assert world.held("eu", "a") is None
    assert world.lists("eu", "a") == []
    assert set(world.instances()) == {("us", "a")}

    world.delete("stacksets", "shop")
    wait_until(lambda: world.is_gone("stacksets", "shop"), LIMIT, "the set's end")
    assert world.held("us", "a") is None


def test_a_declared_set_follows_its_targets(world: StackWorld) -> None:
    world.stack_set(targets=EVERYWHERE, autoDeploy=True)
    world.wait_for_set(instances=2, current=2, phase="Ready")
    world.patch("stacksets", "shop", {"targets": {"regions": ["us"]}})
    world.wait_for_set(instances=1, phase="Ready")
    assert world.held("eu", "a") is None
    world.patch("stacksets", "shop", {"variables": 'greeting = "hi"\n'})
    world.wait_for_set(current=1, phase="Ready", operation="shop-3")
    assert (world.held("us", "a") or {})["greeting"] == "hi"


def test_retained_stacks_stay(world: StackWorld) -> None:
    world.stack_set(deletionPolicy="Retain")
    world.start("create", "CreateInstances", ["eu", "us"], ["a"])
    world.wait_for_end("create")
    world.start("forget", "DeleteInstances", ["eu"], ["a"], retainStacks=True)
    world.wait_for_end("forget")
    assert set(world.instances()) == {("us", "a")}
    world.delete("stacksets", "shop")
    wait_until(lambda: world.is_gone("stacksets", "shop"), LIMIT, "the set's end")
    assert world.held("eu", "a") is not None
    assert world.held("us", "a") is not None


@pytest.mark.spec("stack-set.md", "more failures than tolerated")
def test_a_failure_cancels_what_waits(world: StackWorld) -> None:
    world.target("us", "b", world.members[1], namespace=world.members[1].new_namespace("b"))
    world.stack_set(
        template={"manifests": TEMPLATE + "---\napiVersion: example.org/v1\nkind: Missing\nmetadata: {name: x}\n"}
    )
    preferences = {"regionOrder": ["eu", "us"]}
    world.start("create", "CreateInstances", ["eu", "us"], ["a"], preferences=preferences)
    status = world.wait_for_end("create", "Failed")
    assert world.phases() == {("eu", "a"): "OPERATION_FAILED", ("us", "a"): "CANCEL_COMPLETE"}
    assert (status["failed"], status["cancelled"]) == (1, 1)
    errors = world.instances()["eu", "a"]["status"]["errors"]
    assert "Missing" in errors[0]["object"]
    world.wait_for_set(failed=1, cancelled=1, phase="Degraded")


@pytest.mark.spec("stack-set.md", "overrides: failed deployment")
def test_a_failed_deployment_goes_back_and_keeps_its_overrides(world: StackWorld) -> None:
    world.stack_set()
    world.start("create", "CreateInstances", ["eu", "us"], ["a"])
    world.wait_for_end("create")
    service = "---\napiVersion: v1\nkind: Service\nmetadata: {name: shop}\nspec: {ports: [{port: 0}]}\n"
    broken = TEMPLATE.replace("${greeting}", "${greeting} again") + service
    world.patch("stacksets", "shop", {"template": {"manifests": broken}})
    world.start("howdy", "UpdateInstances", ["eu"], ["a"], overrides={"variables": 'greeting = "howdy"'})
    world.wait_for_end("howdy", "Failed")
    instance = world.instances()["eu", "a"]
    assert instance["status"]["rolledBack"] is True
    assert instance["spec"]["overrides"] != ""
    assert world.held("eu", "a") == {"greeting": "hello", "region": "eu", "account": "a"}
    assert world.phases()["us", "a"] == "OPERATION_COMPLETE"


def test_drift_is_found_and_put_right(world: StackWorld) -> None:
    world.stack_set()
    world.start("create", "CreateInstances", ["eu", "us"], ["a"])
    world.wait_for_end("create")
    home = world.homes[world.members[0].name]
    path = f"/api/v1/namespaces/{home}/configmaps/shop"
    world.members[0].access.request("PATCH", path, {"data": {"greeting": "mine"}}, "application/merge-patch+json")
    world.start("look", "DetectDrift")
    world.wait_for_end("look")
    found = {place: each["status"]["drift"] for place, each in world.instances().items()}
    assert found == {("eu", "a"): "Drifted", ("us", "a"): "InSync"}
    (drifted,) = world.instances()["eu", "a"]["status"]["drifted"]
    assert any("greeting" in field for field in drifted["fields"])
    world.wait_for_set(drifted=1, phase="Degraded")


def test_the_operations_of_a_set_wait_for_each_other(world: StackWorld) -> None:
    world.stack_set()
    world.start("create", "CreateInstances", ["eu", "us"], ["a"])
    world.start("again", "DeploySet")
    world.start("last", "DeleteInstances")
    for name in ("create", "again", "last"):
        world.wait_for_end(name)
    starts = [world.get("stacksetoperations", name)["status"]["startTime"] for name in ("create", "again", "last")]
    assert starts == sorted(starts)
    assert world.instances() == {}


@pytest.mark.spec("stack-set.md", "targets: only managed")
def test_what_the_set_does_not_manage_is_named(world: StackWorld) -> None:
    world.stack_set()
    world.start("create", "CreateInstances", ["eu"], ["a"])
    world.wait_for_end("create")
    world.wait_for_set(instances=1)
    world.start("deploy", "DeploySet", ["us"], ["a"])
    status = world.wait_for_end("deploy", "Failed")
    assert status["message"].startswith("400: the stack set does not manage region us")
    world.start("more", "CreateInstances", ["mars"], ["a"])
    assert "region mars" in world.wait_for_end("more", "Failed")["message"]


def test_another_cluster_behind_the_same_credentials_is_refused(world: StackWorld) -> None:
    world.stack_set()
    world.start("create", "CreateInstances", ["eu"], ["a"])
    world.wait_for_end("create")
    world.secret("eu-a", world.members[1].kubeconfig)
    world.start("deploy", "DeploySet")
    world.wait_for_end("deploy", "Failed")
    assert "another cluster answers" in world.instances()["eu", "a"]["status"]["message"]
    world.secret("eu-a", world.members[0].kubeconfig)
    world.start("again", "DeploySet")
    world.wait_for_end("again")


def test_a_stopped_operation_cancels_what_waits_and_ends(world: StackWorld) -> None:
    """An instance that is being worked at is finished; here it waits for a Deployment that nobody makes ready."""
    waiting = (
        "---\napiVersion: apps/v1\nkind: Deployment\nmetadata: {name: shop}\n"
        "spec:\n  selector: {matchLabels: {app: shop}}\n"
        "  template:\n    metadata: {labels: {app: shop}}\n    spec: {containers: [{name: shop, image: shop}]}\n"
    )
    world.stack_set(template={"manifests": TEMPLATE + waiting})
    world.start("create", "CreateInstances", ["eu", "us"], ["a"], preferences={"regionOrder": ["eu", "us"]})
    wait_until(lambda: world.phases().get(("eu", "a")) == "OPERATION_IN_PROGRESS", LIMIT, "the first instance")
    world.patch("stacksetoperations", "create", {"state": "Stopped", "stateReason": "enough"})
    wait_until(lambda: world.phases().get(("us", "a")) == "CANCEL_COMPLETE", LIMIT, "the second one's end")
    path = f"/apis/apps/v1/namespaces/{world.homes[world.members[0].name]}/deployments/shop"
    wait_until(lambda: world.members[0].access.request("GET", path), LIMIT, "the Deployment")
    deployed = world.members[0].access.request("GET", path)
    ready = {"observedGeneration": deployed["metadata"]["generation"]}
    ready |= {"replicas": 1, "updatedReplicas": 1, "readyReplicas": 1, "availableReplicas": 1}
    conditions = [
        {"type": "Available", "status": "True", "reason": "MinimumReplicasAvailable", "message": ""},
        {"type": "Progressing", "status": "True", "reason": "NewReplicaSetAvailable", "message": ""},
    ]
    told = {"status": {**ready, "conditions": conditions}}
    world.members[0].access.request("PATCH", f"{path}/status", told, "application/merge-patch+json")
    status = world.wait_for_end("create", "Cancelled")
    assert status["message"] == "stopped: 1 of 2 instances done, 0 failed, 1 never begun"


def test_a_set_waits_for_the_one_that_it_depends_on(world: StackWorld) -> None:
    world.stack_set("base", template={"manifests": TEMPLATE.replace("name: shop", "name: base")})
    world.stack_set(dependsOn=["base"])
    world.start("create", "CreateInstances", ["eu"], ["a"])

    def said() -> str:
        return str(world.get("stacksetoperations", "create").get("status", {}).get("message"))

    wait_until(lambda: said().startswith("waits for StackSet base"), LIMIT, "the waiting")
    world.start("base-create", "CreateInstances", ["eu"], ["a"], stackSet="base")
    world.wait_for_end("create")
    assert world.held("eu", "a", "base") is not None


def test_an_account_that_comes_into_a_unit_is_deployed_to(world: StackWorld) -> None:
    member = world.members[0]
    world.target("ap", "a", member, namespace=member.new_namespace("a"), organizationalUnit="root/shop")
    world.target("ap", "boss", member, organizationalUnit="root", managementAccount=True)
    world.stack_set(
        permissionModel="SERVICE_MANAGED",
        targets={"regions": ["ap"], "organizationalUnits": ["root"]},
        autoDeploy=True,
    )
    world.wait_for_set(instances=1, current=1, phase="Ready", organizationalUnits=["root"])
    world.target("ap", "new", member, namespace=member.new_namespace("new"), organizationalUnit="root/shop/eu")
    world.wait_for_set(instances=2, current=2, phase="Ready")
    assert set(world.instances()) == {("ap", "a"), ("ap", "new")}
    second = world.get("stacksetoperations", "shop-2")
    assert (second["spec"]["action"], second["status"]["total"]) == ("CreateInstances", 1)


def test_two_targets_of_the_same_place(world: StackWorld) -> None:
    world.create(
        "stacktargets",
        "StackTarget",
        "zweitens",
        {"region": "eu", "account": "a", "cluster": {"kubeconfigSecretRef": {"name": "eu-a"}}},
    )

    def said() -> str:
        return str(world.get("stacktargets", "zweitens").get("status", {}).get("message"))

    wait_until(lambda: said().startswith("StackTarget eu-a is of the same region and account"), LIMIT, "the sentence")


def test_an_instance_that_is_deleted_by_hand_takes_its_stack_along(world: StackWorld) -> None:
    world.stack_set()
    world.start("create", "CreateInstances", ["eu"], ["a"])
    world.wait_for_end("create")
    world.delete("stackinstances", "shop.eu.a")
    wait_until(lambda: world.is_gone("stackinstances", "shop.eu.a"), LIMIT, "the instance's end")
    assert world.held("eu", "a") is None


def test_what_waits_for_an_operation_that_is_deleted_is_cancelled(world: StackWorld) -> None:
    missing = "---\napiVersion: batch/v1\nkind: Job\nmetadata: {name: shop}\nspec:\n  template:\n    spec:\n"
    missing += "      restartPolicy: Never\n      containers: [{name: shop, image: shop}]\n"
    world.stack_set(template={"manifests": TEMPLATE + missing}, timeoutMinutes=1)
    world.start("create", "CreateInstances", ["eu", "us"], ["a"], preferences={"regionOrder": ["eu", "us"]})
    wait_until(lambda: world.phases().get(("eu", "a")) == "OPERATION_IN_PROGRESS", LIMIT, "the first instance")
    world.delete("stacksetoperations", "create")
    wait_until(lambda: world.phases().get(("us", "a")) == "CANCEL_COMPLETE", LIMIT, "the second one's end")
    assert world.instances()["us", "a"]["status"]["message"] == "cancelled before it began: create was deleted"
