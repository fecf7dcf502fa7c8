"""The command line reads a group by itself, and sees what an operator sees that has just started."""

from typing import Any

from tests.cli.bodies import body
from tests.cli.test_observing import KEPT, pod_of
from tests.cluster_client.fake_api import FakeApi
from tests.cluster_client.scenario import play
from tests.controllers.hands import no_scripts
from tests.worlds import (
    CONFIGURATION,
    GROUP,
    GROUP_UID,
    NEXT_CONFIGURATION,
    NOW,
    activity,
    fleet,
    group,
    instance,
    view,
)
from windlass.api.common import GROUP_LABEL, owner_reference, to_wire
from windlass.cli.subjects.group.observing import observe_live
from windlass.cluster.client import Client
from windlass.cluster.resources import (
    CONTROLLER_REVISIONS,
    INSTANCE_REFRESHES,
    SCALING_ACTIVITIES,
    SCALING_CONFIGURATIONS,
    SCALING_GROUPS,
)
from windlass.cluster.revisions import revision_manifest
from windlass.controllers.scaling_group.caches import Caches, group_key
from windlass.controllers.scaling_group.observe import InMemoryState, observe
from windlass.engine.clock import SystemClock
from windlass.engine.expectations import Expectations
from windlass.engine.own_stores import OwnStores
from windlass.planner.capacity.view import GroupView


def record(name: str, phase: str, *, of: str = GROUP, start: str = "2026-01-15T11:00:00Z") -> dict[str, Any]:
    metadata = {"namespace": "default", "name": name, "uid": f"uid-{name}", "labels": {GROUP_LABEL: GROUP}}
    return {"metadata": metadata, "spec": {"scalingGroup": of}, "status": {"phase": phase, "startTime": start}}


async def fill(api: FakeApi, client: Client) -> dict[str, Any]:
    """A group with an orphan, somebody else's Pod, a revision that is none, and records of all sorts."""
    seen = view(group(3), fleet(2), activity=activity(ended="1h", to=2))
    for each in seen.instances:
        await api.put("pods", pod_of(each))
    for name, owners in (("web-7", []), ("web-8", [owner_reference("ScalingGroup", GROUP, "another-uid")])):
        pod = pod_of(instance(name))
        await api.put("pods", {**pod, "metadata": {**pod["metadata"], "uid": name, "ownerReferences": owners}})
    manifest = revision_manifest(KEPT, group=GROUP, group_uid=GROUP_UID)
    await client.create(CONTROLLER_REVISIONS, "default", manifest)
    no_revision = {"namespace": "default", "name": "web-odd", "uid": "odd", "labels": {GROUP_LABEL: GROUP}}
    await api.put("controllerrevisions", {"metadata": no_revision, "revision": 2, "data": {}})
    configuration = {"namespace": "default", "name": GROUP, "uid": "c", "generation": 1}
    await api.put("scalingconfigurations", {"metadata": configuration, "spec": CONFIGURATION})
    assert seen.record is not None
    await api.put("scalingactivities", {**record("web-a1", ""), "status": to_wire(seen.record)})
    await api.put("scalingactivities", record("web-a0", "Successful"))
    await api.put("scalingactivities", record("web-a2", "Failed", start="yesterday"))
    await api.put("scalingactivities", record("web-a3", "Failed", of="another"))
    return await api.put("scalinggroups", {**body(seen), "status": to_wire(seen.status)})


async def fill_refreshes(api: FakeApi) -> None:
    """Refreshes of the group and of another, which uses the configuration that one of them names."""
    for name, of, wanted in (
        ("first", GROUP, {"scalingConfiguration": "next"}),
        ("second", GROUP, {"scalingConfiguration": "missing"}),
        ("theirs", "other", {"scalingConfiguration": "theirs"}),
    ):
        spec = {"scalingGroup": of, "desiredConfiguration": wanted}
        metadata = {"namespace": "default", "name": name, "uid": f"uid-{name}", "generation": 1}
        metadata["creationTimestamp"] = "2026-01-15T11:59:00Z"
        await api.put("instancerefreshes", {"metadata": metadata, "spec": spec})
    next_one = {"namespace": "default", "name": "next", "uid": "n", "generation": 1}
    await api.put("scalingconfigurations", {"metadata": next_one, "spec": NEXT_CONFIGURATION})
    other = body(view(group(1)))
    other["metadata"] |= {"name": "other", "uid": "other"}
    other["spec"] = {**other["spec"], "configuration": {"scalingConfiguration": "next"}}
    await api.put("scalinggroups", other)


async def as_the_operator_sees_it(client: Client, found: dict[str, Any]) -> GroupView:
    """By its caches, and with nothing in memory but that no removal is under way."""
    stores = OwnStores()
    expectations = Expectations(SystemClock())
    caches = Caches(stores, client, expectations, lambda key, at_once=False: None, None, lambda *counted: None)
    stores.observe("ScalingGroup", found, deleted=False)
    for resource in (SCALING_ACTIVITIES, INSTANCE_REFRESHES, SCALING_GROUPS):
        for each in (await client.list(resource, "default")).items:
            stores.observe(resource.kind, each, deleted=False)
    for each in (await client.list(SCALING_CONFIGURATIONS, "default")).items:
        stores.observe("ScalingConfiguration", each, deleted=False)
    key = group_key("default", GROUP)
    await caches.refresh(key, GROUP_UID)
    in_memory = InMemoryState(uid=GROUP_UID, removals_in_doubt=False)
    return await observe(client, caches, no_scripts(client), key, found, in_memory, NOW)


def test_the_views_are_the_same() -> None:
    async def scenario(api: FakeApi, client: Client) -> None:
        found = await fill(api, client)
        loaded, records, _ = await observe_live(client, found, NOW)
        assert loaded == await as_the_operator_sees_it(client, found)
        assert [each.name for each in loaded.instances] == ["web-0", "web-1"]
        assert [each.name for each in loaded.orphans] == ["web-7"]
        assert [each.name for each in loaded.revisions] == ["web-1"]
        assert loaded.configuration == CONFIGURATION
        assert loaded.record is not None
        assert [each.name for each in loaded.history] == ["web-a0", "web-a1"]
        assert records is not None
        assert len(records) == 4

    play(scenario)


def test_a_configuration_that_is_missing_is_none() -> None:
    async def scenario(api: FakeApi, client: Client) -> None:
        found = await fill(api, client)
        await api.remove("scalingconfigurations", "default", GROUP)
        loaded, _, _ = await observe_live(client, found, NOW)
        assert loaded.configuration is None
        assert loaded == await as_the_operator_sees_it(client, found)

    play(scenario)


def test_a_groups_refreshes_are_seen_with_what_they_name() -> None:
    async def scenario(api: FakeApi, client: Client) -> None:
        found = await fill(api, client)
        await fill_refreshes(api)
        loaded, _, _ = await observe_live(client, found, NOW)
        assert loaded == await as_the_operator_sees_it(client, found)
        assert [each.name for each in loaded.refreshes] == ["first", "second"]
        assert loaded.sources.configurations == {"next": NEXT_CONFIGURATION, "missing": None}
        assert loaded.sources.shared == {"next"}

    play(scenario)
