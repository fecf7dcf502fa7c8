"""The API client against a real API server: what it really answers, and that we read it rightly."""

import asyncio
import json
from contextlib import aclosing
from typing import Any

import msgspec
import pytest

from hack.cluster import Cluster
from tests.cluster.api_client import LIMIT, administrator, pod, run, service_account
from windlass.cluster.client import Client
from windlass.cluster.errors import (
    AlreadyExists,
    ApiError,
    Conflict,
    Gone,
    Invalid,
    Refused,
    RefusedBy,
    Unauthorized,
)
from windlass.cluster.resources import CONTROLLER_REVISIONS, LEASES, NAMESPACES, PODS, SCALING_GROUPS, Resource

QUOTAS = Resource("", "v1", "resourcequotas", "ResourceQuota")
POLICIES = Resource(
    "admissionregistration.k8s.io", "v1", "validatingadmissionpolicies", "ValidatingAdmissionPolicy", namespaced=False
)
BINDINGS = Resource(
    "admissionregistration.k8s.io",
    "v1",
    "validatingadmissionpolicybindings",
    "ValidatingAdmissionPolicyBinding",
    namespaced=False,
)

ANOTHER_UID = "11111111-2222-3333-4444-555555555555"


class Meta(msgspec.Struct, rename="camel"):
    name: str
    uid: str
    resource_version: str
    deletion_timestamp: str | None = None


class Object(msgspec.Struct):
    metadata: Meta


def lease(name: str) -> dict[str, Any]:
    return {"metadata": {"name": name}, "spec": {"holderIdentity": "nobody"}}


def group(name: str) -> dict[str, Any]:
    return {
        "apiVersion": SCALING_GROUPS.api_version,
        "kind": SCALING_GROUPS.kind,
        "metadata": {"name": name},
        "spec": {"minSize": 0, "maxSize": 5, "desiredSize": 1, "configuration": {"scalingConfiguration": "web"}},
    }


def test_an_object_lives_from_create_to_delete(cluster: Cluster, namespace: str) -> None:
    async def scenario(client: Client) -> None:
        created = await client.create(PODS, namespace, json.dumps(pod("web-1")).encode(), into=Object)
        read = await client.get(PODS, namespace, "web-1", into=Object)
        assert read == created
        with pytest.raises(AlreadyExists, match=f'^creating Pod {namespace}/web-1: pods "web-1" already exists$'):
            await client.create(PODS, namespace, pod("web-1"))
        patched = await client.merge_patch(
            PODS, namespace, "web-1", {"metadata": {"uid": created.metadata.uid, "labels": {"a": "b"}}}, into=Object
        )
        assert int(patched.metadata.resource_version) > int(created.metadata.resource_version)
        with pytest.raises(Conflict):
            await client.delete(PODS, namespace, "web-1", uid=ANOTHER_UID)
        version = created.metadata.resource_version
        with pytest.raises(Conflict):
            await client.delete(PODS, namespace, "web-1", uid=created.metadata.uid, resource_version=version)
        version = patched.metadata.resource_version
        await client.delete(
            PODS, namespace, "web-1", uid=created.metadata.uid, resource_version=version, grace_seconds=0
        )
        with pytest.raises(Gone, match='pods "web-1" not found'):
            await client.get(PODS, namespace, "web-1")

    run(administrator(cluster), scenario)


@pytest.mark.parametrize("guard", [{"uid": ANOTHER_UID}, {"resourceVersion": "1"}])
def test_a_patch_guarded_by_uid_or_version_is_a_conflict_when_they_differ(
    cluster: Cluster, namespace: str, guard: dict[str, str]
) -> None:
    async def scenario(client: Client) -> None:
        await client.create(LEASES, namespace, lease("one"))
        with pytest.raises(Conflict):
            await client.merge_patch(LEASES, namespace, "one", {"metadata": guard, "spec": {"holderIdentity": "me"}})
        assert (await client.get(LEASES, namespace, "one"))["spec"]["holderIdentity"] == "nobody"

    run(administrator(cluster), scenario)


def test_of_a_status_patch_the_version_is_checked_and_the_uid_is_not(cluster: Cluster, namespace: str) -> None:
    async def scenario(client: Client) -> None:
        await client.create(SCALING_GROUPS, namespace, group("web"))
        patch = {"metadata": {"resourceVersion": "1"}, "status": {"phase": "Running"}}
        with pytest.raises(Conflict):
            await client.merge_patch(SCALING_GROUPS, namespace, "web", patch, subresource="status")
        patch["metadata"] = {"uid": ANOTHER_UID}
        changed = await client.merge_patch(SCALING_GROUPS, namespace, "web", patch, subresource="status")
        assert changed["metadata"]["uid"] != ANOTHER_UID

    run(administrator(cluster), scenario)


def test_our_own_kinds_are_written_through_their_status_and_scale(cluster: Cluster, namespace: str) -> None:
    async def scenario(client: Client) -> None:
        created = await client.create(SCALING_GROUPS, namespace, group("web"))
        changed = await client.merge_patch(
            SCALING_GROUPS, namespace, "web", {"spec": {"replicas": 3}}, subresource="scale"
        )
        assert (changed["kind"], changed["spec"]) == ("Scale", {"replicas": 3})
        patch = {"metadata": {"uid": created["metadata"]["uid"]}, "status": {"phase": "Pending"}}
        changed = await client.merge_patch(SCALING_GROUPS, namespace, "web", patch, subresource="status")
        assert (changed["status"]["phase"], changed["spec"]["desiredSize"]) == ("Pending", 3)
        managers = {entry["manager"] for entry in changed["metadata"]["managedFields"]}
        assert managers == {"windlass"}

    run(administrator(cluster), scenario)


def test_server_side_apply_takes_fields_from_others_only_by_force(cluster: Cluster, namespace: str) -> None:
    async def scenario(client: Client) -> None:
        body = {"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", **lease("one")}
        await client.apply(LEASES, namespace, "one", body, field_manager="another")
        body["spec"] = {"holderIdentity": "me"}
        with pytest.raises(Conflict, match="conflict with"):
            await client.apply(LEASES, namespace, "one", body)
        assert (await client.apply(LEASES, namespace, "one", body, force=True))["spec"]["holderIdentity"] == "me"

    run(administrator(cluster), scenario)


def test_a_dry_run_checks_and_leaves_nothing(cluster: Cluster, namespace: str) -> None:
    async def scenario(client: Client) -> None:
        assert (await client.create(PODS, namespace, pod("web-1"), dry_run=True))["metadata"]["uid"]
        with pytest.raises(Gone):
            await client.get(PODS, namespace, "web-1")
        with pytest.raises(Invalid):
            await client.create(PODS, namespace, {"metadata": {"name": "Web!"}, "spec": {}}, dry_run=True)

    run(administrator(cluster), scenario)


def test_a_list_is_the_same_in_pages(cluster: Cluster, namespace: str) -> None:
    async def scenario(client: Client) -> None:
        async with asyncio.TaskGroup() as tasks:
            for number in range(25):
                tasks.create_task(client.create(LEASES, namespace, lease(f"lease-{number}")))
        listing = await client.list(LEASES, namespace, limit=10, into=Object)
        assert {item.metadata.name for item in listing.items} == {f"lease-{number}" for number in range(25)}
        assert int(listing.resource_version) >= max(int(item.metadata.resource_version) for item in listing.items)

    run(administrator(cluster), scenario)


def test_plain_paths_can_be_read(cluster: Cluster) -> None:
    async def scenario(client: Client) -> None:
        assert await client.get_raw("/readyz") == b"ok"
        assert b'"windlass.dev"' in await client.get_raw("/apis")

    run(administrator(cluster), scenario)


# ---- refusals, in the words of the real thing


async def refusal(client: Client, namespace: str) -> Refused:
    """What creating a Pod is refused with, once it is refused: the API server learns of new rules with a delay."""
    async with asyncio.timeout(LIMIT):
        while True:
            try:
                await client.create(PODS, namespace, pod("web-1"), dry_run=True)
            except Refused as refused:
                return refused
            await asyncio.sleep(0.05)


def test_missing_permissions_are_a_refusal(cluster: Cluster, namespace: str) -> None:
    async def scenario(client: Client) -> None:
        refused = await refusal(client, namespace)
        assert refused.by == RefusedBy.PERMISSIONS
        assert str(refused).startswith(
            f'creating Pod {namespace}/web-1: pods is forbidden: User "system:serviceaccount:'
        )

    run(service_account(cluster, namespace), scenario)


def test_a_quota_is_a_refusal(cluster: Cluster, namespace: str) -> None:
    async def scenario(client: Client) -> None:
        await client.create(QUOTAS, namespace, {"metadata": {"name": "none"}, "spec": {"hard": {"pods": "0"}}})
        assert (await refusal(client, namespace)).by == RefusedBy.QUOTA  # while its status is unknown, too

    run(administrator(cluster), scenario)


def test_pod_security_is_a_refusal_by_policy(cluster: Cluster, namespace: str) -> None:
    async def scenario(client: Client) -> None:
        labels = {"pod-security.kubernetes.io/enforce": "restricted"}
        await client.merge_patch(NAMESPACES, None, namespace, {"metadata": {"labels": labels}})
        assert (await refusal(client, namespace)).by == RefusedBy.POLICY

    run(administrator(cluster), scenario)


def test_an_admission_policy_is_a_refusal_by_policy_although_its_code_is_422(cluster: Cluster, namespace: str) -> None:
    policy = {
        "metadata": {"name": namespace},
        "spec": {
            "matchConstraints": {
                "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": namespace}},
                "resourceRules": [
                    {"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["pods"]}
                ],
            },
            "validations": [{"expression": "false", "message": "not on a Friday"}],
        },
    }
    binding = {"metadata": {"name": namespace}, "spec": {"policyName": namespace, "validationActions": ["Deny"]}}

    async def scenario(client: Client) -> None:
        made = await client.create(POLICIES, None, policy)
        bound = await client.create(BINDINGS, None, binding)
        try:
            refused = await refusal(client, namespace)
        finally:
            await client.delete(BINDINGS, None, namespace, uid=bound["metadata"]["uid"])
            await client.delete(POLICIES, None, namespace, uid=made["metadata"]["uid"])
        assert (refused.by, refused.code) == (RefusedBy.POLICY, 422)
        assert refused.detail.endswith("not on a Friday")

    run(administrator(cluster), scenario)


def test_a_namespace_that_is_being_terminated_is_a_refusal_of_its_own(cluster: Cluster, namespace: str) -> None:
    own = f"{namespace}-2"

    async def scenario(client: Client) -> None:
        made = await client.create(NAMESPACES, None, {"metadata": {"name": own}})
        held = lease("held")
        held["metadata"]["finalizers"] = ["example.test/hold"]
        await client.create(LEASES, own, held)
        await client.delete(NAMESPACES, None, own, uid=made["metadata"]["uid"])
        try:
            assert (await refusal(client, own)).by == RefusedBy.NAMESPACE
        finally:
            await client.merge_patch(LEASES, own, "held", {"metadata": {"finalizers": None}})

    run(administrator(cluster), scenario)


@pytest.mark.parametrize(
    ("resource", "body", "kind"),
    [
        (PODS, b'{"metadata": {"name": "Web!"}, "spec": {"containers": []}}', Invalid),
        (PODS, b"this is no JSON", Invalid),
        (Resource("windlass.dev", "v1alpha1", "nosuchthings", "NoSuchThing"), b"{}", Gone),
        (CONTROLLER_REVISIONS, b'{"apiVersion": "v1", "kind": "Pod"}', Invalid),
    ],
)
def test_what_can_never_work_is_told_from_what_may(
    cluster: Cluster, namespace: str, resource: Resource, body: bytes, kind: type[ApiError]
) -> None:
    async def scenario(client: Client) -> None:
        with pytest.raises(kind):
            await client.create(resource, namespace, body)

    run(administrator(cluster), scenario)


def test_a_namespace_that_does_not_exist_is_gone(cluster: Cluster) -> None:
    async def scenario(client: Client) -> None:
        with pytest.raises(Gone, match='namespaces "no-such-place" not found'):
            await client.create(PODS, "no-such-place", pod("web-1"))

    run(administrator(cluster), scenario)


def test_a_token_of_somebody_else_is_unauthorized(cluster: Cluster, namespace: str) -> None:
    connection = service_account(cluster, namespace)
    assert connection.token is not None
    object.__setattr__(connection.token, "value", "not.a.token")

    async def scenario(client: Client) -> None:
        with pytest.raises(Unauthorized):
            await client.get(PODS, namespace, "web-1")

    run(connection, scenario)


# ---- watches


def test_a_watch_begins_with_all_there_is_and_goes_on_with_changes(cluster: Cluster, namespace: str) -> None:
    async def scenario(client: Client) -> None:
        await client.create(LEASES, namespace, lease("before"))
        seen: list[tuple[str, str]] = []
        watch = client.watch(LEASES, namespace, send_initial_events=True)
        async with aclosing(watch), asyncio.timeout(20):
            while ("BOOKMARK", "true") not in seen:
                seen += map(summary, await anext(watch))
            await client.create(LEASES, namespace, lease("after"))
            while ("ADDED", "after") not in seen:
                seen += map(summary, await anext(watch))
        seen = [each for each in seen if each != ("BOOKMARK", "")]  # the server may send one whenever it likes
        assert seen == [("ADDED", "before"), ("BOOKMARK", "true"), ("ADDED", "after")]

    run(administrator(cluster), scenario)


def summary(line: bytes) -> tuple[str, str]:
    event = json.loads(line)
    meta = event["object"]["metadata"]
    marks = meta.get("annotations", {})
    return event["type"], meta.get("name") or marks.get("k8s.io/initial-events-end", "")


def test_a_watch_ends_when_its_time_is_over(cluster: Cluster, namespace: str) -> None:
    async def scenario(client: Client) -> None:
        async with aclosing(client.watch(LEASES, namespace, send_initial_events=True, seconds=1)) as watch:
            lines = [summary(line) async for batch in watch for line in batch]
        assert ("BOOKMARK", "true") in lines

    run(administrator(cluster), scenario)
