"""Whether the watches of our own kinds live, and what is told of it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp
import pytest

from tests.cluster_client.fake_api import FakeApi, client_of, pod, replies, until
from tests.controllers.runtimes import stores_of
from tests.engine.manual_clock import ManualClock
from windlass import own_kinds
from windlass.app import STALE_SECONDS, Operator, Settings
from windlass.cluster.client import Client
from windlass.cluster.connection import Connection, StaticToken
from windlass.own_kinds import OwnKinds

OWN = ("scalinggroups", "scalingconfigurations", "scalingactivities")
NOWHERE = Connection("http://127.0.0.1:1/base", "a test", token=StaticToken("secret"))


def watching(namespaces: tuple[str, ...] | None) -> tuple[OwnKinds, ManualClock]:
    clock, client = ManualClock(), Client(NOWHERE)
    return OwnKinds(client, stores_of(client), namespaces, clock, on_restart=lambda: None), clock


def test_a_watch_is_ended_by_the_server_before_its_silence_means_anything() -> None:
    watches = own_kinds._settings(None).watching
    assert watches.inactivity_timeout == own_kinds.WATCH_SILENCE_SECONDS
    assert str(watches.server_timeout) == str(own_kinds.WATCH_SECONDS)  # a whole number: it becomes timeoutSeconds
    assert own_kinds.WATCH_SECONDS < own_kinds.WATCH_SILENCE_SECONDS < STALE_SECONDS


@pytest.mark.parametrize("namespaces", [None, ("shop", "bank")])
def test_an_event_is_a_sign_of_life_of_its_own_watch(namespaces: tuple[str, ...] | None) -> None:
    async def scenario() -> None:
        own, clock = watching(namespaces)
        await clock.advance(60)
        for namespace in namespaces or ("anywhere",):
            assert own.lag("ScalingGroup") == 60
            body = pod("web", namespace)
            own._heard("ScalingGroup", {**body, "metadata": {**body["metadata"], "resourceVersion": "1"}}, False)
        assert own.lag("ScalingGroup") == own.idle("ScalingGroup") == 0
        assert own.lag("ScalingConfiguration") == 60

    asyncio.run(scenario())


def test_the_paths_begin_as_the_servers_address_says() -> None:
    own, _ = watching(("shop",))
    (path,) = own._paths["ScalingGroup"].values()
    assert path == "/base/apis/windlass.dev/v1alpha1/namespaces/shop/scalinggroups"


def test_the_same_token_gives_kopf_the_same_so_that_it_does_not_ask_on_and_on() -> None:
    async def scenario() -> None:
        own, _ = watching(None)
        login = own._login()
        first = login()
        assert login() == first
        assert first.aiohttp_session.headers["Authorization"] == "Bearer secret"
        await first.aiohttp_session.close()

    asyncio.run(scenario())


# ---- the probe and the metric


@asynccontextmanager
async def probed() -> AsyncIterator[tuple[Operator, aiohttp.ClientSession]]:
    async with FakeApi().running() as api, client_of(api) as client, asyncio.timeout(20):
        operator = Operator(Settings(), client.connection, client)
        async with operator._health_server() as server, aiohttp.ClientSession(f"http://127.0.0.1:{server.port}") as web:
            yield operator, web


def test_the_probe_and_the_lag_have_each_of_our_own_kinds() -> None:
    async def scenario() -> None:
        async with probed() as (operator, web):
            async with web.get("/healthz") as answer:
                told = (await answer.text()).splitlines()
            assert answer.status == 200
            assert {f"[+] {plural}: ok" for plural in OWN} <= set(told)
            registry = operator._metrics.registry
            lags = [registry.get_sample_value("windlass_informer_lag_seconds", {"resource": plural}) for plural in OWN]
            assert all(lag is not None and 0 <= lag < 20 for lag in lags)

    asyncio.run(scenario())


def test_a_watch_that_is_neither_heard_nor_tried_for_long_fails_the_probe() -> None:
    async def scenario() -> None:
        async with probed() as (operator, web):
            own = operator._own_kinds
            (path,) = own._paths["ScalingConfiguration"].values()
            own._signs._heard[path] -= STALE_SECONDS + 1
            own._signs._tried[path] -= STALE_SECONDS + 1
            async with web.get("/healthz") as answer:
                told = await answer.text()
            assert answer.status == 503
            assert "[-] scalingconfigurations: nothing heard for 18" in told
            assert "[+] scalinggroups: ok" in told

    asyncio.run(scenario())


def test_without_the_crd_of_records_the_operator_lives_and_a_new_one_begins() -> None:
    async def scenario() -> None:
        clock = ManualClock()
        async with FakeApi().running() as api, client_of(api) as client, asyncio.timeout(20):
            stores = stores_of(client)
            own = OwnKinds(client, stores, None, clock, on_restart=lambda: None)
            await api.put("scalinggroups", {**pod("web"), "spec": {"configuration": {"scalingConfiguration": "web"}}})
            missing = replies(404, "404 page not found")
            for _ in range(20):
                api.faults.append((lambda asked: asked.path.endswith("/scalingactivities"), missing))
            await own.read()
            assert stores["ScalingGroup"].store.get("default", "web") is not None

            asking = asyncio.create_task(own._ask_about_silent_kinds())
            await clock.advance(STALE_SECONDS + 200)
            await until(lambda: own.idle("ScalingActivity") == 0.0)
            assert own.idle("ScalingGroup") > STALE_SECONDS
            api.faults.clear()
            await clock.advance(200)
            await until(lambda: own.idle("ScalingActivity") > STALE_SECONDS)
            asking.cancel()

    asyncio.run(scenario())
