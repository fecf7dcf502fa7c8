"""Our own kinds, read anew beside kopf's watches."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from tests.cluster_client.fake_api import FakeApi, client_of, pod, replies, until
from tests.controllers.runtimes import stores_of
from windlass import own_kinds
from windlass.cluster.store import Object
from windlass.engine.clock import SystemClock
from windlass.engine.own_stores import OwnStores
from windlass.own_kinds import OwnKinds

Scenario = Callable[[FakeApi, OwnKinds, OwnStores], Awaitable[None]]


def group(name: str, spec: object = None) -> dict[str, Any]:
    return {**pod(name), "spec": spec or {"configuration": {"scalingConfiguration": "web"}}}


def play(scenario: Scenario) -> None:
    async def run() -> None:
        clock = SystemClock()
        async with FakeApi().running() as api, client_of(api) as client, asyncio.timeout(20):
            stores = stores_of(client)
            await scenario(api, OwnKinds(client, stores, None, clock, on_restart=lambda: None), stores)

    asyncio.run(run())


def names(stores: OwnStores) -> set[str]:
    return {found.name for found in stores["ScalingGroup"].store.within(None)}


def test_a_list_whose_version_went_back_is_believed_in_everything() -> None:
    async def scenario(api: FakeApi, own: OwnKinds, stores: OwnStores) -> None:
        for name in ("web", "ghost"):
            await api.put("scalinggroups", group(name))
        await own.read_again()
        newest = api.version
        await api.silently_remove("scalinggroups", "default", "ghost")
        api.version = 50
        restored = await api.put("scalinggroups", group("web"))
        await own.read_again()
        assert names(stores) == {"web"}
        assert stores["ScalingGroup"].store.get("default", "web") == Object(restored)
        assert api.version < newest

    play(scenario)


def test_versions_went_back_also_if_only_the_watch_had_shown_newer_ones() -> None:
    async def scenario(api: FakeApi, own: OwnKinds, stores: OwnStores) -> None:
        await api.put("scalinggroups", group("web"))
        await own.read_again()
        seen = group("web")
        seen["metadata"]["resourceVersion"] = "900"
        stores.observe("ScalingGroup", seen, deleted=False)
        await own.read_again()
        there = api.object("scalinggroups", "default", "web")
        assert stores["ScalingGroup"].store.get("default", "web") == Object(there)

    play(scenario)


def test_the_watches_begin_anew_when_versions_went_back(monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[str] = []

    async def for_ever(_: object, *, name: str) -> None:
        started.append(name)
        await asyncio.Event().wait()

    async def scenario(api: FakeApi, own: OwnKinds, stores: OwnStores) -> None:
        await api.put("scalinggroups", group("web"))
        await own.read_again()
        running = asyncio.create_task(own.run())
        await until(lambda: len(started) == 1)
        await own.read_again()
        api.version = 50
        await own.read_again()
        await until(lambda: len(started) == 2)
        running.cancel()
        await asyncio.wait([running])

    monkeypatch.setattr(own_kinds, "in_own_loop", for_ever)
    play(scenario)


@pytest.mark.parametrize("spec", [None, "none", {"configuration": "web"}, {"configuration": None}])
def test_an_object_of_an_odd_shape_is_kept_and_spares_the_others(spec: object) -> None:
    async def scenario(api: FakeApi, own: OwnKinds, stores: OwnStores) -> None:
        await api.put("scalinggroups", {**pod("odd"), "spec": spec})
        await api.put("scalingactivities", {**pod("odd"), "spec": spec})
        await api.put("scalinggroups", group("web"))
        await own.read_again()
        assert names(stores) == {"odd", "web"}
        assert len(stores["ScalingActivity"].store) == 1

    play(scenario)


def test_an_object_without_an_identity_is_left_out(caplog: pytest.LogCaptureFixture) -> None:
    async def scenario(api: FakeApi, own: OwnKinds, stores: OwnStores) -> None:
        known = await api.put("scalinggroups", group("web"))
        listed = {"metadata": {"resourceVersion": "900"}, "items": [{"spec": {}}, known]}
        api.fail_next(replies(200, listed), "GET")
        await own.read_again()
        assert names(stores) == {"web"}

    play(scenario)
    assert "reading an object of kind ScalingGroup: it is left out" in caplog.text
