"""Before something is made from a configuration, it is read live: its deletion may have gone unheard."""

import asyncio
import json
from typing import Any

import pytest
from aiohttp import web

from tests.cluster_client.fake_api import FakeApi, replies
from tests.cluster_client.scenario import play
from tests.controllers.hands import KEY
from tests.controllers.runtimes import runtime
from windlass.api.scaling_group import KIND
from windlass.cluster.client import Client
from windlass.cluster.errors import Transient
from windlass.cluster.revisions import revision_manifest
from windlass.controllers.scaling_group.controller import ScalingGroupController
from windlass.planner.capacity.reasons import AsDesired
from windlass.planner.capacity.steps import KeepRevision

SPEC = {"template": {"spec": {"containers": [{"name": "web", "image": "web:1"}]}}}
NEXT_SPEC = {"template": {"spec": {"containers": [{"name": "web", "image": "web:2"}]}}}
CONFIGURATION = {"metadata": {"namespace": "default", "name": "web", "uid": "c-uid", "generation": 1}, "spec": SPEC}
SOURCE = {"kind": "ScalingConfiguration", "name": "web"}
KEPT: dict[str, Any] = json.loads(
    revision_manifest(
        KeepRevision("web-kept", 1, {"source": SOURCE, "configuration": SPEC}, AsDesired(1)),
        group="web",
        group_uid="web-uid",
    )
)
WHERE = ("scalingconfigurations", "default", "web")
PATH = "/scalingconfigurations/web"


class Passes:
    """A controller whose caches know the configuration, and an API server; its passes, one by one."""

    def __init__(self, api: FakeApi, client: Client) -> None:
        self.api = api
        works_with = runtime(client)
        self.stores, self.expectations = works_with.stores, works_with.expectations
        self.controller = ScalingGroupController(works_with)
        self.caches = self.controller.caches

    async def begin(self, *, desired: int = 2, kept: bool = True) -> None:
        if kept:
            metadata = {"namespace": "default", "uid": "kept-uid", **KEPT["metadata"]}
            await self.api.put("controllerrevisions", {**KEPT, "metadata": metadata})
        known = await self.api.put("scalingconfigurations", CONFIGURATION)
        self.stores.observe("ScalingConfiguration", known, deleted=False)
        spec = {"minSize": 0, "maxSize": 9, "desiredSize": desired, "configuration": {"scalingConfiguration": "web"}}
        metadata = {"namespace": "default", "name": "web", "uid": "web-uid", "generation": 1}
        group = await self.api.put("scalinggroups", {"metadata": metadata, "spec": spec})
        self.stores.observe(KIND.kind, group, deleted=False)

    async def run(self) -> list[str]:
        """The requests of one pass, dry runs apart."""
        self.api.seen.clear()
        self.expectations.clear(KEY)
        await self.controller.reconcile(KEY)
        return [
            f"{each.method} {each.path.rpartition('/default')[2]}"
            for each in self.api.seen
            if "dryRun" not in each.query
        ]

    async def until_it_launches(self) -> list[list[str]]:
        """The requests of each pass up to the one that launches, or of four that do not."""
        passes: list[list[str]] = []
        while len(passes) < 4 and not (passes and launches(passes[-1])):
            passes.append(await self.run())
        return passes

    @property
    def message(self) -> str:
        return str(self.api.object("scalinggroups", "default", "web")["status"]["message"])


def launches(requests: list[str]) -> bool:
    return "POST /pods" in requests


def revisions_made(api: FakeApi) -> list[Any]:
    return [each.body for each in api.seen if each.method == "POST" and each.path.endswith("/controllerrevisions")]


def test_nothing_is_made_from_a_configuration_whose_deletion_went_unheard() -> None:
    async def scenario(api: FakeApi, client: Client) -> None:
        passes = Passes(api, client)
        await passes.begin(kept=False)
        await api.silently_remove("scalingconfigurations", "default", "web")
        requests = await passes.until_it_launches()
        assert not [asked for each in requests for asked in each if asked.startswith("POST")]
        assert passes.caches.configurations.get("default", "web") is None
        assert passes.message.startswith("ScalingConfiguration web does not exist")

    play(scenario)


def test_where_a_revision_is_kept_the_group_heals_from_it_and_says_that_the_configuration_is_gone() -> None:
    async def scenario(api: FakeApi, client: Client) -> None:
        passes = Passes(api, client)
        await passes.begin()
        changed = await api.put("scalingconfigurations", {**CONFIGURATION, "spec": NEXT_SPEC})
        passes.stores.observe("ScalingConfiguration", changed, deleted=False)
        await api.silently_remove("scalingconfigurations", "default", "web")
        *_, last = await passes.until_it_launches()
        assert launches(last)
        pod = next(each.body for each in api.seen if each.method == "POST" and each.path.endswith("/pods"))
        assert pod["spec"]["containers"][0]["image"] == "web:1"
        assert passes.message.startswith("ScalingConfiguration web does not exist")

    play(scenario)


def test_a_change_that_went_unheard_is_what_is_made_from() -> None:
    async def scenario(api: FakeApi, client: Client) -> None:
        passes = Passes(api, client)
        await passes.begin()
        await api.put("scalingconfigurations", {**CONFIGURATION, "spec": NEXT_SPEC})
        while not (made := revisions_made(api)):
            assert not launches(await passes.run())
        assert made[0]["data"]["configuration"] == NEXT_SPEC

    play(scenario)


def test_a_pass_reads_it_once_if_it_launches_and_else_not_at_all() -> None:
    async def scenario(api: FakeApi, client: Client) -> None:
        passes = Passes(api, client)
        await passes.begin()
        requests = await passes.until_it_launches()
        requests += [await passes.run() for _ in range(2)]
        assert any(map(launches, requests))
        assert [each.count(f"GET {PATH}") for each in requests] == [int(launches(each)) for each in requests]

    play(scenario)


def test_it_is_read_beside_the_write_ahead_and_costs_no_round_trip_of_its_own() -> None:
    async def scenario(api: FakeApi, client: Client) -> None:
        passes = Passes(api, client)
        await passes.begin()

        async def answer_when_the_write_ahead_is_there(request: web.Request) -> web.StreamResponse:
            async with asyncio.timeout(5):
                while not any(each.method == "PATCH" for each in api.seen):
                    await asyncio.sleep(0.01)
            return await replies(200, api.object(*WHERE))(request)

        api.faults.append((reads_it, answer_when_the_write_ahead_is_there))
        assert launches((await passes.until_it_launches())[-1])

    play(scenario)


def test_where_it_cannot_be_read_nothing_is_launched_and_the_pass_is_tried_again() -> None:
    async def scenario(api: FakeApi, client: Client) -> None:
        passes = Passes(api, client)
        await passes.begin()
        for _ in range(3):
            api.faults.append((reads_it, replies(500)))
        with pytest.raises(Transient):
            await passes.until_it_launches()
        assert not [each for each in api.seen if each.method == "POST" and each.path.endswith("/pods")]

    play(scenario)


def test_a_deletion_that_is_heard_while_it_is_read_stays_heard() -> None:
    async def scenario(api: FakeApi, client: Client) -> None:
        passes = Passes(api, client)
        await passes.begin(kept=False)
        known = api.object(*WHERE)

        async def answer_late(request: web.Request) -> web.StreamResponse:
            await api.silently_remove(*WHERE)
            passes.stores.observe("ScalingConfiguration", known, deleted=True)
            return await replies(200, known)(request)

        api.faults.append((reads_it, answer_late))
        requests = await passes.until_it_launches()
        assert not [asked for each in requests for asked in each if asked.startswith("POST")]
        assert passes.caches.configurations.get("default", "web") is None

    play(scenario)


def reads_it(request: web.Request) -> bool:
    return request.method == "GET" and request.path.endswith(PATH)
