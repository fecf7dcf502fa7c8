"""The operator may do what it does, and does what it may: the audit log against the chart's rules."""

import json
from base64 import b64encode
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from hack.cluster import Cluster, wait_until
from tests.cluster.container_world import FILES, ContainerWorld, container
from tests.cluster.doors import API, MERGE_PATCH, manifest
from tests.cluster.members import Member
from tests.cluster.operator_process import Installation, Operators
from tests.cluster.stack_world import TEMPLATE, StackWorld

# Granted, and not provoked here.
RARE = {
    "patch pods": "by who takes over a removal that is not wanted any more: tests/faults/test_two_operators.py",
    **dict.fromkeys(
        (
            "update windlass.dev/scalinggroups/finalizers",
            "update windlass.dev/stacksets/finalizers",
            "update windlass.dev/containergroups/finalizers",
            "update windlass.dev/rollingupdates/finalizers",
        ),
        "never asked for as such: the admission plugin OwnerReferencesPermissionEnforcement (off here, on in OpenShift)"
        " demands it of whoever creates an object that its owner is to wait for",
    ),
    "create pods/exec": "asked for beside get, of whoever runs a command over a WebSocket, by API servers from 1.35 on",
    "get windlass.dev/containergroups": "one is read again before it acts where its status stays as it is",
    "get nodes": "while a Pod is not ready for long, or does not go: whether its node is lost",
    **dict.fromkeys(
        ("get windlass.dev/stacksetoperations", "get windlass.dev/stacktargets"),
        "one is read again where somebody else wrote to it at the same moment",
    ),
}

LIMIT = 20.0
DEPLOYER = "deployer"


class World:
    """One namespace as an administrator sees it."""

    def __init__(self, cluster: Cluster, namespace: str) -> None:
        self.cluster = cluster
        self.groups = f"{API}/namespaces/{namespace}/scalinggroups"
        self.configurations = f"{API}/namespaces/{namespace}/scalingconfigurations"
        self.templates = f"{API}/namespaces/{namespace}/launchtemplates"
        self.refreshes = f"{API}/namespaces/{namespace}/instancerefreshes"
        self.updates = f"{API}/namespaces/{namespace}/rollingupdates"
        self.activities = f"{API}/namespaces/{namespace}/scalingactivities"
        self.revisions = f"/apis/apps/v1/namespaces/{namespace}/controllerrevisions"
        self.pods = f"/api/v1/namespaces/{namespace}/pods"

    def change_group(self, **spec: Any) -> None:
        self.cluster.request("PATCH", f"{self.groups}/web", {"spec": spec}, MERGE_PATCH)

    def wait_for_group(self, **status: Any) -> None:
        def reached() -> bool:
            shown = self.cluster.request("GET", f"{self.groups}/web").get("status", {})
            return all(shown.get(field) == value for field, value in status.items())

        wait_until(reached, LIMIT, f"a group with {status}")

    def configure(self, image: str) -> None:
        """Make or change the configuration, and wait until the group has a revision of it."""
        template = {"spec": {"containers": [{"name": "web", "image": image}]}}
        self.cluster.apply(self.configurations, manifest("ScalingConfiguration", template=template))

        def known() -> bool:
            revisions = self.cluster.request("GET", self.revisions)
            return any(image in json.dumps(revision["data"]) for revision in revisions["items"])

        wait_until(known, LIMIT, f"a revision with {image}")

    def instances(self) -> set[str]:
        found = self.cluster.request("GET", f"{self.pods}?labelSelector=windlass.dev/group%3Dweb")["items"]
        return {pod["metadata"]["name"] for pod in found if "deletionTimestamp" not in pod["metadata"]}

    def stranger(self, name: str) -> None:
        """A Pod of somebody else, under a name that the group would take."""
        spec = {"containers": [{"name": "mine", "image": "mine:1"}]}
        self.cluster.request("POST", self.pods, {"metadata": {"name": name}, "spec": spec})

    def take_a_template(self) -> None:
        """Have the group's instances made from a launch template, and wait until that says what its words mean."""
        self.cluster.request("POST", self.templates, manifest("LaunchTemplate"))
        self.change_group(configuration={"scalingConfiguration": None, "launchTemplate": {"name": "web"}})

        def said() -> bool:
            return "latestVersion" in self.cluster.request("GET", f"{self.templates}/web").get("status", {})

        wait_until(said, LIMIT, "a template with a status")
        self.wait_for_group(outdated=1)

    def refresh(self, **desired: Any) -> None:
        """Have the instances replaced, until the refresh has succeeded and its time is over."""
        spec = {"scalingGroup": "web", "desiredConfiguration": desired, "ttlSecondsAfterFinished": 1}
        self.cluster.request("POST", self.refreshes, manifest("InstanceRefresh", "r1", **spec))
        wait_until(lambda: not self.cluster.request("GET", self.refreshes)["items"], LIMIT, f"the end of {desired}")
        group = self.cluster.request("GET", f"{self.groups}/web")
        assert group["status"]["outdated"] == 0, group["status"]

    def update(self, name: str, outcome: str, **spec: Any) -> None:
        """Have something done on the instances, until the update has ended so and its time is over."""
        whole = {"scalingGroup": "web", "invoke": "Invoke", "ttlSecondsAfterFinished": 1, **spec}
        update = {"apiVersion": "windlass.dev/v1alpha1", "kind": "RollingUpdate", "metadata": {"name": name}}
        self.cluster.request("POST", self.updates, update | {"spec": whole})
        wait_until(lambda: name in self._ended(), 3 * LIMIT, f"the end of {name}")
        assert self._ended()[name] == outcome
        wait_until(lambda: not self.cluster.request("GET", self.updates)["items"], LIMIT, f"the end of {name}'s time")

    def _ended(self) -> dict[str, str]:
        group = self.cluster.request("GET", f"{self.groups}/web")
        return {each["name"]: each["outcome"] for each in group["status"].get("finishedRollouts", ())}

    def whole_job(self) -> None:
        """All that a group is there for, in about the order of its life."""
        self.stranger("web-1")
        self.cluster.request("POST", self.groups, manifest("ScalingGroup", minSize=1, maxSize=5, historyLimit=1))
        self.wait_for_group(phase="Stalled")
        self.configure("web:1")
        self.wait_for_group(inService=1, phase="Ready")
        self.change_group(desiredSize=3)
        self.wait_for_group(inService=3, phase="Ready")
        self.cluster.request("DELETE", f"{self.pods}/web-0")
        wait_until(lambda: self.instances() == {"web-2", "web-3", "web-4"}, LIMIT, "web-0's replacement")
        for number in (2, 3, 4):
            self.configure(f"web:{number}")
        self.change_group(desiredSize=1)
        self.wait_for_group(inService=1, replicas=1, phase="Ready")
        wait_until(lambda: len(self.cluster.request("GET", self.activities)["items"]) == 1, LIMIT, "trimming")
        self.refresh(image="web:5")
        template = {"spec": {"containers": [{"name": "web", "image": "web:6"}]}}
        self.cluster.request("POST", self.configurations, manifest("ScalingConfiguration", "other", template=template))
        self.refresh(scalingConfiguration="other")
        self.take_a_template()
        self.change_group(deletionPolicy="Force")
        self.cluster.request("DELETE", f"{self.groups}/web")
        wait_until(lambda: not self.instances(), LIMIT, "the instances' end")


def whole_job_of_updates(cluster: Cluster, namespace: str) -> None:
    """All that rolling updates are there for. Simulated nodes run no script: each fails, by the API server's word."""
    world = World(cluster, namespace)
    body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "packages"}, "data": {"install": "true"}}
    cluster.apply(f"/api/v1/namespaces/{namespace}/configmaps", body)
    cluster.apply(world.configurations, manifest("ScalingConfiguration"))
    cluster.request("POST", world.groups, manifest("ScalingGroup", minSize=1, deletionPolicy="Force"))
    world.wait_for_group(inService=1, phase="Ready")
    package = {"name": "nginx", "version": "1", "source": "packages", "timeoutSeconds": 1}
    world.update("image", "Successful", kind="Image", image={"image": "web:2"})
    world.update("script", "Failed", kind="Script", script={"run": "true", "timeoutSeconds": 1})
    world.update("package", "Failed", kind="Package", package=package)
    cluster.request("DELETE", f"{world.groups}/web")
    wait_until(lambda: not world.instances(), LIMIT, "the instances' end")


def whole_job_of_container_groups(world: ContainerWorld) -> None:
    """All that container groups are there for, in about the order of their lives."""
    mount = {"name": "conf", "mountPath": "/etc/app"}
    world.credentials("registry", "first")
    credentials = {"imageRegistryCredentials": [{"secretName": "registry"}]}
    world.create(container(volumeMounts=[mount]), volumes=[FILES], **credentials)
    world.wait_until_running()
    world.credentials("registry", "second")
    larger = {"cpu": "200m", "memory": "128Mi"}
    world.change(containers=[container(image="web:2", volumeMounts=[mount]) | {"resources": larger}])
    other = {"name": "conf", "configFile": {"files": [{"path": "app.ini", "content": "eD0y"}]}}
    world.change(volumes=[other])
    world.change(containers=[container(image="web:2")], volumes=[], imageRegistryCredentials=[])
    world.wait_until_running()
    world.wait(lambda: not _of_the_group(world, "configmaps", "secrets"), "the end of what nothing uses any more")
    world.delete()
    world.wait(lambda: not _of_the_group(world, "pods"), "the end of the Pod")


def _of_the_group(world: ContainerWorld, *plurals: str) -> list[str]:
    selector = "labelSelector=windlass.dev/container-group%3Dweb"
    found = (world.cluster.request("GET", f"{world.path(each)}?{selector}") for each in plurals)
    return [each["metadata"]["name"] for listing in found for each in listing["items"]]


def whole_job_of_stack_sets(world: StackWorld) -> None:
    """All that stack sets are there for, in about the order of their lives. The namespace has a target eu/a."""
    files = {"template": TEMPLATE, "variables": 'greeting = "hello"'}
    for path, kind in (("configmaps", "ConfigMap"), ("secrets", "Secret")):
        data = files if kind == "ConfigMap" else {key: b64encode(text.encode()).decode() for key, text in files.items()}
        body = {"apiVersion": "v1", "kind": kind, "metadata": {"name": "files"}, "data": data}
        world.cluster.apply(world.path(path, group="/api/v1"), body)
    template = {"configMapRef": {"name": "files", "key": "template"}}
    variables = {"secretRef": {"name": "files", "key": "variables"}}
    world.stack_set(template=template, variables="", variablesFrom=variables)
    world.start("create", "CreateInstances", ["eu"], ["a"])
    world.wait_for_end("create")
    world.start("howdy", "UpdateInstances", ["eu"], ["a"], overrides={"variables": 'greeting = "howdy"'})
    world.wait_for_end("howdy")
    world.start("look", "DetectDrift", ttlSecondsAfterFinished=2)
    wait_until(lambda: world.is_gone("stacksetoperations", "look"), LIMIT, "the end of look's time")
    world.delete("stacksets", "shop")
    wait_until(lambda: world.is_gone("stacksets", "shop"), LIMIT, "the set's end")


class Requests:
    """What a user asked of the API server from here on, by its audit log."""

    def __init__(self, cluster: Cluster, user: str) -> None:
        self._log = cluster.audit_log
        self._user = user
        self._from = self._log.stat().st_size

    def __iter__(self) -> Iterator[dict[str, Any]]:
        with self._log.open("rb") as log:
            log.seek(self._from)
            yield from (entry for entry in map(json.loads, log) if entry["user"]["username"] == self._user)

    def refused(self) -> list[str]:
        """But for what is made where a namespace ends: of a group of another test, which is still known."""
        answers = [(f"{e['verb']} {e['requestURI']}", e.get("responseStatus", {})) for e in self]
        ending = "is being terminated"
        return [asked for asked, said in answers if said.get("code") == 403 and ending not in said.get("message", "")]

    def permissions(self) -> set[str]:
        """The permissions they took, written as in RARE; discovery needs none of ours."""
        return {_permission_for(entry) for entry in self if "resource" in entry.get("objectRef", {})}


def _permission_for(entry: dict[str, Any]) -> str:
    if "impersonatedUser" in entry:
        return permission("impersonate", "", "serviceaccounts")
    about = entry["objectRef"]
    subresource = f"/{about['subresource']}" if "subresource" in about else ""
    return permission(entry["verb"], about.get("apiGroup", ""), about["resource"] + subresource)


def permission(verb: str, group: str, resource: str) -> str:
    return f"{verb} {group}/{resource}" if group else f"{verb} {resource}"


def granted(installation: Installation) -> set[str]:
    """What the roles allow that are bound to the operator."""
    bindings = [thing for thing in installation.manifests if thing["kind"] in {"ClusterRoleBinding", "RoleBinding"}]
    bound = {(thing["roleRef"]["kind"], thing["roleRef"]["name"]) for thing in bindings}
    return {
        permission(verb, group, resource)
        for role in installation.manifests
        if (role["kind"], role["metadata"]["name"]) in bound
        for rule in role["rules"]
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
    }


def test_nothing_is_refused_and_nothing_is_granted_in_vain(
    cluster: Cluster,
    namespace: str,
    members: tuple[Member, ...],
    installation: Installation,
    operator: Operators,
) -> None:
    requests = Requests(cluster, installation.user)
    process = operator.start("--allow-local-targets=on")
    World(cluster, namespace).whole_job()
    whole_job_of_updates(cluster, namespace)
    whole_job_of_container_groups(ContainerWorld(cluster, namespace))
    stacks = StackWorld(cluster, namespace, members[:1])
    stacks.target("eu", "a", members[0])
    whole_job_of_stack_sets(stacks)
    assert process.stop() == 0
    assert requests.refused() == []
    assert requests.permissions() | RARE.keys() == granted(installation)


def test_what_is_rarely_used_is_granted(installation: Installation) -> None:
    assert RARE.keys() <= granted(installation)


@pytest.fixture
def in_one_namespace(cluster: Cluster, namespace: str, tmp_path: Path) -> Iterator[Operators]:
    """Operators that may work in the test's namespace alone, and there as `deployer` too; their own is another one."""
    deployer = (
        f"--set-json=stackTargets.impersonate={json.dumps([{'namespace': namespace, 'serviceAccount': DEPLOYER}])}"
    )
    with installed(cluster, namespace, tmp_path, deployer) as operators:
        yield operators


@contextmanager
def installed(cluster: Cluster, namespace: str, folder: Path, *values: str) -> Iterator[Operators]:
    installation = Installation(cluster, f"{namespace}-op", folder, f"--set=namespaces={{{namespace}}}", *values)
    installation.install()
    operators = Operators(installation, folder)
    yield operators
    operators.end()
    installation.remove()


@pytest.fixture
def deployer(cluster: Cluster, namespace: str, kubectl: Callable[..., str]) -> Iterator[str]:
    """A ServiceAccount of the test's namespace that may be deployed as there."""
    subject = f"--serviceaccount={namespace}:{DEPLOYER}"
    kubectl("create", "serviceaccount", DEPLOYER)
    kubectl("create", "rolebinding", DEPLOYER, "--clusterrole=edit", subject)
    which = ("--verb=get", "--resource=namespaces", "--resource-name=kube-system")
    cluster.kubectl("create", "role", namespace, "--namespace=kube-system", *which)
    cluster.kubectl("create", "rolebinding", namespace, "--namespace=kube-system", f"--role={namespace}", subject)
    yield DEPLOYER
    cluster.kubectl("delete", "role,rolebinding", namespace, "--namespace=kube-system")


def test_in_given_namespaces_roles_suffice(
    cluster: Cluster, namespace: str, deployer: str, in_one_namespace: Operators
) -> None:
    installation = in_one_namespace.installation
    requests = Requests(cluster, installation.user)
    process = in_one_namespace.start()
    World(cluster, namespace).whole_job()
    whole_job_of_updates(cluster, namespace)
    whole_job_of_container_groups(ContainerWorld(cluster, namespace))
    stacks = StackWorld(cluster, namespace, ())
    here = {"cluster": {"inCluster": {}}, "serviceAccountName": deployer, "namespace": namespace}
    stacks.create("stacktargets", "StackTarget", "eu-a", {"region": "eu", "account": "a", **here})
    whole_job_of_stack_sets(stacks)
    assert process.stop() == 0
    assert requests.refused() == []
    allowed = granted(installation)
    assert requests.permissions() | (RARE.keys() & allowed) == allowed
    assert "ClusterRoleBinding" not in {thing["kind"] for thing in installation.manifests}


@pytest.mark.parametrize("updates", [True, False], ids=["with updates", "without updates"])
def test_for_scaling_groups_alone_it_needs_no_right_to_secrets(
    cluster: Cluster, namespace: str, tmp_path: Path, updates: bool
) -> None:
    off = ("stackSets", "containerGroups") if updates else ("stackSets", "containerGroups", "rollingUpdates")
    with installed(cluster, namespace, tmp_path, *(f"--set={kind}.enabled=false" for kind in off)) as operators:
        requests = Requests(cluster, operators.installation.user)
        process = operators.start()
        World(cluster, namespace).whole_job()
        if updates:
            whole_job_of_updates(cluster, namespace)
        assert process.stop() == 0
        allowed = granted(operators.installation)
        assert requests.refused() == []
        assert requests.permissions() | (RARE.keys() & allowed) == allowed
        others = ("secrets", "stack", "containergroups")
        if not updates:
            others += ("configmaps", "exec", "rollingupdates")
        assert not {each for each in allowed if any(other in each for other in others)}


@pytest.mark.parametrize("role", ["view", "edit", "admin"])
def test_people_have_for_our_kinds_what_they_have_for_others(
    cluster: Cluster, namespace: str, kubectl: Callable[..., str], installation: Installation, role: str
) -> None:
    kubectl("create", "rolebinding", role, f"--clusterrole={role}", "--user=ann")

    def may(verb: str, resource: str) -> bool:
        review = {"user": "ann", "resourceAttributes": attributes(verb, resource)}
        path = "/apis/authorization.k8s.io/v1/subjectaccessreviews"
        return bool(cluster.request("POST", path, {"spec": review})["status"]["allowed"])

    def attributes(verb: str, resource: str) -> dict[str, str]:
        resource, _, subresource = resource.partition("/")
        named = {"group": "windlass.dev", "resource": resource, "subresource": subresource}
        return named | {"namespace": namespace, "verb": verb}

    written = (
        "scalinggroups",
        "scalingconfigurations",
        "launchtemplates",
        "instancerefreshes",
        "rollingupdates",
        "stacksets",
        "stacksetoperations",
        "stacktargets",
        "containergroups",
    )
    records = ("scalingactivities", "stackinstances")
    kinds = (*written, *records)
    wait_until(lambda: may("list", kinds[-1]), 30, "the aggregation of roles")
    assert all(may(verb, kind) for verb in ("get", "list", "watch") for kind in (*kinds, "scalinggroups/scale"))
    changes = {may(verb, kind) for verb in ("create", "update", "patch", "delete") for kind in written}
    changes |= {may("delete", record) for record in records} | {may("patch", "scalinggroups/scale")}
    assert changes == {role != "view"}
    assert not any(may(verb, f"{kind}/status") for verb in ("update", "patch") for kind in kinds)
    assert not any(may("create", record) for record in records)
