"""Stacks on a real API server: its own apply, conflicts, dry runs, CRDs, finalizers."""

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest

from hack.cluster import Cluster
from tests.cluster.api_client import administrator, run, service_account
from windlass.cluster.client import Client
from windlass.cluster.errors import Gone
from windlass.cluster.members import Member
from windlass.cluster.resources import CONFIG_MAPS, NAMESPACES, PODS, SECRETS, Resource
from windlass.controllers.stack_sets.deployment import deploy, remove
from windlass.controllers.stack_sets.inspection import detect_drift, preview
from windlass.controllers.stack_sets.outcome import Outcome, Planned
from windlass.controllers.stack_sets.visit import Visit
from windlass.engine.clock import SystemClock
from windlass.planner.reason import Reason
from windlass.planner.stackset.ownership import Stack
from windlass.planner.stackset.reasons_deployment import InventoryTaken, NoTargetNamespace, TargetRefuses
from windlass.planner.stackset.reasons_targets import AnotherCluster
from windlass.planner.stackset.render import Manifest, render

DEFINITIONS = Resource(
    "apiextensions.k8s.io", "v1", "customresourcedefinitions", "CustomResourceDefinition", namespaced=False
)
SERVICES = Resource("", "v1", "services", "Service")

SETTINGS = """
---
apiVersion: v1
kind: ConfigMap
metadata: {name: settings}
data: {colour: blue}
"""
EXTRA = """
---
apiVersion: v1
kind: ConfigMap
metadata: {name: extra}
"""
LOGIN = """
---
apiVersion: v1
kind: Secret
metadata: {name: login}
stringData: {password: hush-hush-7}
"""
SERVICE = """
---
apiVersion: v1
kind: Service
metadata: {name: web}
spec:
  selector: {app: web}
  ports: [{port: 80}]
"""
POD = """
---
apiVersion: v1
kind: Pod
metadata: {name: web}
spec:
  schedulerName: nobody
  containers: [{name: web, image: web:1}]
"""
ROLES = """
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: web}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: web}
subjects: [{kind: ServiceAccount, name: web, namespace: default}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: web}
rules: [{apiGroups: [""], resources: [pods], verbs: [get]}]
"""
TEMPLATE = SETTINGS + LOGIN + SERVICE + ROLES


def manifests(text: str) -> tuple[Manifest, ...]:
    found = render(text, {}, {})
    assert not isinstance(found, Reason), found
    return found


class Place:
    """One stack in a namespace of a real cluster."""

    def __init__(self, client: Client, namespace: str, account: str = "acme") -> None:
        self.client = client
        self.namespace = namespace
        self.stack = Stack("shop", "web", "eu-1", account, namespace)
        self._member = Member(client)

    def visit(self, seconds: float = 40, **how: Any) -> Visit:
        return Visit(self._member, SystemClock(), within=timedelta(seconds=seconds), **how)

    async def deploy(self, text: str, previous: str | None = None, *, seconds: float = 40, **how: Any) -> Outcome:
        before = manifests(previous) if previous else None
        return await deploy(self.visit(seconds, **how), self.stack, manifests(text), before)

    async def remove(self, seconds: float = 40, **how: Any) -> Outcome:
        return await remove(self.visit(seconds, **how), self.stack)

    async def get(self, resource: Resource, name: str) -> dict[str, Any]:
        return await self.client.get(resource, self.namespace if resource.namespaced else None, name)

    async def has(self, resource: Resource, name: str) -> bool:
        try:
            await self.get(resource, name)
        except Gone:
            return False
        return True

    async def config_map(self, name: str, manager: str, data: dict[str, str]) -> None:
        """As another manager applies it."""
        body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": data}
        await self.client.apply(CONFIG_MAPS, self.namespace, name, body, field_manager=manager, force=True)

    async def config_maps(self) -> list[str]:
        found = await self.client.list(CONFIG_MAPS, self.namespace)
        return [each["metadata"]["name"] for each in found.items if each["metadata"]["name"] != "kube-root-ca.crt"]


def test_a_stack_lives_from_its_deployment_to_its_removal(cluster: Cluster, namespace: str) -> None:
    async def scenario(client: Client) -> None:
        place = Place(client, namespace)

        assert await place.deploy(TEMPLATE + EXTRA) == Outcome(objects=6)
        settings, login = await place.get(CONFIG_MAPS, "settings"), await place.get(SECRETS, "login")
        assert settings["metadata"]["labels"] == {"windlass.dev/stack-set": "web"}
        assert settings["metadata"]["annotations"] == {"windlass.dev/stack": "shop/web eu-1/acme"}
        assert [each["manager"] for each in settings["metadata"]["managedFields"]] == ["windlass"]

        assert await place.deploy(TEMPLATE + EXTRA) == Outcome(objects=6), "again"
        assert await place.get(CONFIG_MAPS, "settings") == settings
        assert await place.get(SECRETS, "login") == login

        assert await place.deploy(TEMPLATE.replace("blue", "green")) == Outcome(objects=5)
        assert (await place.get(CONFIG_MAPS, "settings"))["data"] == {"colour": "green"}
        assert not await place.has(CONFIG_MAPS, "extra")

        assert await place.remove() == Outcome(objects=0)
        assert await place.config_maps() == []
        assert not await place.has(SECRETS, "login")
        assert not await place.has(SERVICES, "web")
        assert await place.remove() == Outcome(objects=0), "again"

    run(administrator(cluster), scenario)


def test_what_is_to_be_kept_is_nobody_s_from_then_on(cluster: Cluster, namespace: str) -> None:
    async def scenario(client: Client) -> None:
        place = Place(client, namespace)
        await place.deploy(SETTINGS + EXTRA.replace("extra", "extra, annotations: {windlass.dev/prune: keep}"))

        assert await place.deploy(SETTINGS) == Outcome(objects=1)

        metadata = (await place.get(CONFIG_MAPS, "extra"))["metadata"]
        assert metadata["annotations"] == {"windlass.dev/prune": "keep"}
        assert "labels" not in metadata
        other = Place(client, namespace, "other")
        assert await other.deploy(EXTRA) == Outcome(objects=1), "another stack may take it on"
        assert await other.remove() == Outcome(objects=0)
        assert await place.has(CONFIG_MAPS, "extra"), "and does not delete it"

    run(administrator(cluster), scenario)


def test_a_conflict_names_the_other_manager(cluster: Cluster, namespace: str) -> None:
    async def scenario(client: Client) -> None:
        place = Place(client, namespace)
        await place.config_map("settings", "kubectl-edit", {"colour": "red"})

        outcome = await place.deploy(SETTINGS)

        assert [each.object for each in outcome.errors] == [f"ConfigMap {namespace}/settings"]
        assert outcome.errors[0].message.startswith(
            'Apply failed with 1 conflict: conflict with "kubectl-edit": .data.colour; '
        )
        assert (await place.get(CONFIG_MAPS, "settings"))["data"] == {"colour": "red"}

    run(administrator(cluster), scenario)


def test_a_stack_does_not_take_what_is_another_s(cluster: Cluster, namespace: str) -> None:
    async def scenario(client: Client) -> None:
        place, other = Place(client, namespace), Place(client, namespace, "other")
        await other.deploy(SETTINGS)

        (error,) = (await place.deploy(SETTINGS)).errors

        assert "it belongs to the stack shop/web eu-1/other" in error.message
        assert await place.remove() == Outcome(objects=0)
        assert await place.has(CONFIG_MAPS, "settings")

    run(administrator(cluster), scenario)


def definition(group: str, versions: Sequence[str], stored: str) -> dict[str, Any]:
    schema = {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}}
    served = [{"name": v, "served": True, "storage": v == stored, "schema": schema} for v in versions]
    names = {"kind": "Thing", "plural": "things", "singular": "thing", "listKind": "ThingList"}
    return {
        "apiVersion": DEFINITIONS.api_version,
        "kind": DEFINITIONS.kind,
        "metadata": {"name": f"things.{group}"},
        "spec": {"group": group, "scope": "Namespaced", "names": names, "versions": served},
    }


def as_template(*bodies: dict[str, Any]) -> str:
    import yaml

    return yaml.safe_dump_all(bodies)


def thing(group: str, version: str, **metadata: Any) -> dict[str, Any]:
    return {"apiVersion": f"{group}/{version}", "kind": "Thing", "metadata": {"name": "one", **metadata}}


def test_a_kind_and_an_object_of_it_come_and_go_together(cluster: Cluster, namespace: str) -> None:
    async def scenario(client: Client) -> None:
        place, group = Place(client, namespace), f"{namespace}.example"
        held = thing(group, "v1", finalizers=["acme.example/hold"])
        things = Resource(group, "v1", "things", "Thing")
        template = as_template(held, definition(group, ["v1"], "v1"))

        assert await place.deploy(template) == Outcome(objects=2)
        assert await place.deploy(template) == Outcome(objects=2), "again"

        removing = asyncio.create_task(place.remove())
        while "deletionTimestamp" not in (await place.get(things, "one"))["metadata"]:
            await asyncio.sleep(0.05)
        assert await place.has(DEFINITIONS, f"things.{group}")
        await client.merge_patch(things, namespace, "one", {"metadata": {"finalizers": []}})
        assert await removing == Outcome(objects=0)
        assert not await place.has(DEFINITIONS, f"things.{group}")
        assert await place.config_maps() == []

    run(administrator(cluster), scenario)


def test_what_does_not_go_is_told_with_what_holds_it(cluster: Cluster, namespace: str) -> None:
    async def scenario(client: Client) -> None:
        place = Place(client, namespace)
        await place.deploy(SETTINGS + EXTRA.replace("extra", "extra, finalizers: [acme.example/hold]"))

        outcome = await place.remove(seconds=2)

        assert [each.object for each in outcome.errors] == [f"ConfigMap {namespace}/extra"]
        assert outcome.errors[0].message.endswith("held by acme.example/hold")
        assert outcome.objects == 1
        await client.merge_patch(CONFIG_MAPS, namespace, "extra", {"metadata": {"finalizers": []}})
        assert await place.remove() == Outcome(objects=0)

    run(administrator(cluster), scenario)


def test_an_object_is_pruned_in_whichever_version_is_served(cluster: Cluster, namespace: str) -> None:
    async def scenario(client: Client) -> None:
        place, group = Place(client, namespace), f"{namespace}.example"
        await place.deploy(as_template(thing(group, "v1"), definition(group, ["v1", "v2"], "v2")))
        things = Resource(group, "v2", "things", "Thing")
        assert await place.has(things, "one")

        assert await Place(client, namespace).deploy(as_template(definition(group, ["v2"], "v2"))) == Outcome(objects=1)

        assert not await place.has(things, "one")
        assert await place.remove() == Outcome(objects=0)

    run(administrator(cluster), scenario)


def test_objects_of_a_kind_that_is_gone_are_gone(cluster: Cluster, namespace: str) -> None:
    async def scenario(client: Client) -> None:
        place, group = Place(client, namespace), f"{namespace}.example"
        await place.deploy(as_template(thing(group, "v1"), definition(group, ["v1"], "v1")))
        crd = await place.get(DEFINITIONS, f"things.{group}")
        await client.delete(DEFINITIONS, None, f"things.{group}", uid=crd["metadata"]["uid"])
        while await place.has(DEFINITIONS, f"things.{group}"):
            await asyncio.sleep(0.05)

        (error,) = (await Place(client, namespace).deploy(as_template(thing(group, "v1")))).errors
        assert error.message.startswith(f"the target does not serve Thing of {group}/v1")
        assert await Place(client, namespace).remove() == Outcome(objects=0)
        assert await place.config_maps() == []

    run(administrator(cluster), scenario)


def test_a_namespace_and_what_is_in_it_come_and_go_together(cluster: Cluster, namespace: str) -> None:
    async def scenario(client: Client) -> None:
        place, inner = Place(client, namespace), f"{namespace}-in"
        shop = f"\n---\napiVersion: v1\nkind: Namespace\nmetadata: {{name: {inner}}}\n"

        inside = POD.replace("name: web}", f"name: web, namespace: {inner}}}")
        task = asyncio.create_task(place.deploy(inside + shop))
        await made_ready(client, inner)
        assert await task == Outcome(objects=2), "the namespace's account comes a moment later"
        assert await place.remove() == Outcome(objects=0)
        assert not await place.has(NAMESPACES, inner)

    run(administrator(cluster), scenario)


def test_a_namespace_that_was_there_is_not_deleted(cluster: Cluster, namespace: str) -> None:
    async def scenario(client: Client) -> None:
        place = Place(client, namespace)
        shop = f"\n---\napiVersion: v1\nkind: Namespace\nmetadata: {{name: {namespace}}}\n"

        assert await place.deploy(SETTINGS + shop) == Outcome(objects=2)
        assert await place.deploy(SETTINGS + shop) == Outcome(objects=2), "again"
        assert await place.remove() == Outcome(objects=0)

        metadata = (await place.get(NAMESPACES, namespace))["metadata"]
        assert "deletionTimestamp" not in metadata
        assert "annotations" not in metadata

    run(administrator(cluster), scenario)


async def made_ready(client: Client, namespace: str, **status: Any) -> None:
    """What a kubelet would say of the Pod."""
    given = {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}], **status}
    while True:
        try:
            await client.merge_patch(PODS, namespace, "web", {"status": given}, subresource="status")
        except Gone:
            await asyncio.sleep(0.05)
        else:
            return


def test_a_deployment_waits_until_all_is_ready(cluster: Cluster, namespace: str) -> None:
    async def scenario(client: Client) -> None:
        place = Place(client, namespace)
        deploying = asyncio.create_task(place.deploy(POD + SETTINGS))
        done, _ = await asyncio.wait([deploying], timeout=1.5)
        assert not done
        assert await place.has(CONFIG_MAPS, "settings")
        await made_ready(client, namespace)
        assert await deploying == Outcome(objects=2)

    run(administrator(cluster), scenario)


def test_what_crashes_is_not_waited_for_and_the_stack_goes_back(cluster: Cluster, namespace: str) -> None:
    async def scenario(client: Client) -> None:
        place = Place(client, namespace)
        await place.deploy(SETTINGS + EXTRA)
        deploying = asyncio.create_task(place.deploy(SETTINGS.replace("blue", "green") + POD, SETTINGS + EXTRA))
        state = {"waiting": {"reason": "CrashLoopBackOff"}}
        crashing = {"name": "web", "ready": False, "restartCount": 3, "image": "", "imageID": "", "state": state}
        await made_ready(client, namespace, conditions=[], containerStatuses=[crashing])
        pod = await place.get(PODS, "web")
        while "deletionTimestamp" not in pod["metadata"]:  # no kubelet ends it
            await asyncio.sleep(0.05)
            try:
                pod = await place.get(PODS, "web")
            except Gone:
                break
        else:
            await client.delete(PODS, namespace, "web", uid=pod["metadata"]["uid"], grace_seconds=0)

        outcome = await deploying

        assert [(each.object, each.message) for each in outcome.errors] == [
            (f"Pod {namespace}/web", "containers crash again and again: web")
        ]
        assert (outcome.rolled_back, outcome.objects) == (True, 2)
        assert (await place.get(CONFIG_MAPS, "settings"))["data"] == {"colour": "blue"}
        assert await place.has(CONFIG_MAPS, "extra")

    run(administrator(cluster), scenario)


def test_what_the_api_server_refuses_is_told_and_the_stack_goes_back(cluster: Cluster, namespace: str) -> None:
    async def scenario(client: Client) -> None:
        place = Place(client, namespace)
        await place.deploy(SETTINGS)
        bad = SETTINGS.replace("blue", "green") + SERVICE.replace("port: 80", "port: 99999")

        outcome = await place.deploy(bad, SETTINGS)

        (error,) = outcome.errors
        assert error.object == f"Service {namespace}/web"
        assert "spec.ports[0].port: Invalid value: 99999" in error.message
        assert outcome.rolled_back
        assert (await place.get(CONFIG_MAPS, "settings"))["data"] == {"colour": "blue"}
        assert await place.config_maps() == ["settings", place.stack.inventory]

    run(administrator(cluster), scenario)


@pytest.mark.parametrize(
    "template",
    [
        LOGIN.replace("stringData: {password", "type: hush-hush-7\nimmutable: hush-hush-7\ndata: {password"),
        SERVICE.replace("port: 80", "port: 80, name: hush-hush-7-is-longer-than-a-name-of-a-port-may-be-x-y-z-0-1-2-3"),
    ],
    ids=["of a Secret", "of a Service"],
)
def test_a_refusal_does_not_quote_what_is_secret(cluster: Cluster, namespace: str, template: str) -> None:
    async def scenario(client: Client) -> None:
        (error,) = (await Place(client, namespace).deploy(template, sensitive={"hush-hush-7"})).errors

        assert "hush" not in error.message
        assert error.message.startswith("(hidden)")

    run(administrator(cluster), scenario)


def test_drift_is_found_and_named(cluster: Cluster, namespace: str) -> None:
    async def scenario(client: Client) -> None:
        place = Place(client, namespace)
        await place.deploy(TEMPLATE + EXTRA)

        async def drift() -> Outcome:
            return await detect_drift(place.visit(), place.stack, manifests(TEMPLATE + EXTRA))

        assert await drift() == Outcome(objects=6)
        await place.config_map("settings", "kubectl-edit", {"colour": "red", "size": "9"})
        await client.merge_patch(SERVICES, namespace, "web", {"spec": {"selector": {"app": "api"}}})
        await client.merge_patch(SECRETS, namespace, "login", {"data": {"password": "b3RoZXI="}})
        extra = await place.get(CONFIG_MAPS, "extra")
        await client.delete(CONFIG_MAPS, namespace, "extra", uid=extra["metadata"]["uid"])

        outcome = await drift()

        assert {each.object: each.fields for each in outcome.drifted} == {
            f"ConfigMap {namespace}/settings": ("data.colour",),
            f"ConfigMap {namespace}/extra": (),
            f"Secret {namespace}/login": ("data.password",),
            f"Service {namespace}/web": ("spec.selector.app",),
        }
        assert (await place.get(CONFIG_MAPS, "settings"))["data"]["colour"] == "red", "nothing was put right"

    run(administrator(cluster), scenario)


def test_a_preview_tells_and_does_nothing(cluster: Cluster, namespace: str) -> None:
    async def scenario(client: Client) -> None:
        place, group = Place(client, namespace), f"{namespace}.example"
        await place.deploy(SETTINGS + SERVICE + EXTRA)
        new = SETTINGS.replace("blue", "green") + SERVICE + LOGIN + POD.replace("web:1", "web:1, ports: 7")
        new += "\n---\n" + as_template(thing(group, "v1"), definition(group, ["v1"], "v1"))
        before = (await client.list(CONFIG_MAPS, namespace)).items

        found = await preview(place.visit(), place.stack, manifests(new))

        assert isinstance(found, tuple)
        assert [(each.object, each.what) for each in found] == [
            (f"CustomResourceDefinition things.{group}", "Created"),
            (f"ConfigMap {namespace}/settings", "Changed"),
            (f"Secret {namespace}/login", "Created"),
            (f"Service {namespace}/web", "Unchanged"),
            (f"Pod {namespace}/web", "Refused"),
            (f"Thing {namespace}/one", "Created"),
            (f"ConfigMap {namespace}/extra", "Pruned"),
        ]
        assert "failed to create typed patch object" in found[4].why
        assert found[1] == Planned(f"ConfigMap {namespace}/settings", "Changed", ("data.colour",))
        assert (await client.list(CONFIG_MAPS, namespace)).items == before
        assert not await place.has(SECRETS, "login")

    run(administrator(cluster), scenario)


def test_a_list_of_somebody_else_is_not_touched(cluster: Cluster, namespace: str) -> None:
    async def scenario(client: Client) -> None:
        place = Place(client, namespace)
        await place.config_map(place.stack.inventory, "somebody", {"objects": "[]"})

        for outcome in (await place.deploy(SETTINGS), await place.remove()):
            assert outcome.stopped_by is InventoryTaken
        assert await place.config_maps() == [place.stack.inventory]

    run(administrator(cluster), scenario)


def test_another_cluster_is_left_alone(cluster: Cluster, namespace: str) -> None:
    async def scenario(client: Client) -> None:
        place = Place(client, namespace)
        uid = await Member(client).cluster_uid()

        assert (await place.deploy(SETTINGS, expected_uid="other")).stopped_by is AnotherCluster
        assert await place.config_maps() == []
        assert await place.deploy(SETTINGS, expected_uid=uid) == Outcome(objects=1)
        assert (await place.remove(expected_uid="other")).stopped_by is AnotherCluster
        assert await place.has(CONFIG_MAPS, "settings")

    run(administrator(cluster), scenario)


def test_a_namespace_that_is_not_there_is_said(cluster: Cluster, namespace: str) -> None:
    async def scenario(client: Client) -> None:
        outcome = await Place(client, f"{namespace}-not").deploy(SETTINGS)

        assert outcome.stopped_by is NoTargetNamespace

    run(administrator(cluster), scenario)


def test_who_may_do_nothing_is_told_so(cluster: Cluster, namespace: str) -> None:
    async def scenario(client: Client) -> None:
        outcome = await Place(client, namespace).deploy(SETTINGS)

        assert outcome.stopped_by is TargetRefuses
        assert "cannot get resource" in outcome.errors[0].message

    run(service_account(cluster, namespace), scenario)
