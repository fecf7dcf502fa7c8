"""Groups that rely in vain on deletionPolicy are warned, once."""

import asyncio
import logging
from typing import Any

import pytest

from tests.cluster_client.fake_api import FakeApi, replies, status
from tests.cluster_client.scenario import play
from tests.cluster_client.test_deletion_guard import binding, policy
from tests.controllers.runtimes import nobody_waits
from tests.engine.manual_clock import ManualClock, settle
from windlass.api.scaling_group import KIND
from windlass.cluster.client import Client
from windlass.controllers.scaling_group.caches import Caches
from windlass.controllers.scaling_group.deletion_guard import LOOK_EVERY_SECONDS, DeletionWarning
from windlass.engine.clock import SystemClock
from windlass.engine.expectations import Expectations
from windlass.engine.own_stores import OwnStores


class Told:
    """Stands where events are recorded."""

    def __init__(self) -> None:
        self.events: list[tuple[str, str]] = []

    def emit(self, regarding: Any, type_: str, reason: str, message: str) -> None:
        assert type_ == "Warning"
        self.events.append((regarding.name, reason))


def group(name: str, policy: str = "Refuse") -> dict[str, Any]:
    metadata = {"namespace": "default", "name": name, "uid": f"{name}-uid", "generation": 1, "resourceVersion": "1"}
    return {"metadata": metadata, "spec": {"minSize": 0, "maxSize": 3, "deletionPolicy": policy}}


class Scene:
    """The warning, with what it is told and what it tells."""

    def __init__(self, client: Client, clock: Any = None) -> None:
        self.told = Told()
        self.stores = OwnStores()
        expectations = Expectations(SystemClock())
        self.caches = Caches(self.stores, client, expectations, nobody_waits, None, lambda *counted: None)
        recorder: Any = self.told
        self.warning = DeletionWarning(client, self.caches, recorder, clock or SystemClock())

    def add(self, body: dict[str, Any]) -> None:
        self.stores.observe(KIND.kind, body, deleted=False)


async def install(api: FakeApi) -> None:
    await api.put("validatingadmissionpolicies", policy())
    await api.put("validatingadmissionpolicybindings", binding())


def test_each_group_that_asks_for_it_is_warned_once(caplog: pytest.LogCaptureFixture) -> None:
    async def scenario(api: FakeApi, client: Client) -> None:
        scene = Scene(client)
        scene.add(group("web"))
        scene.add(group("batch", "Force"))
        await scene.warning.look()
        await scene.warning.look()
        assert scene.told.events == [("web", "DeletionUnguarded")]

    with caplog.at_level(logging.WARNING, "windlass"):
        play(scenario)
    (said,) = [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]
    assert said.startswith("default/web: its deletionPolicy Refuse has no effect")


def test_a_group_that_comes_later_is_warned_when_it_is_looked_at() -> None:
    async def scenario(api: FakeApi, client: Client) -> None:
        scene = Scene(client)
        scene.add(group("web"))
        web = scene.caches.groups.get("default", "web")
        assert web is not None
        scene.warning.notice(web)
        assert scene.told.events == [], "what guards it is not known yet"
        scene.caches.groups.drop(web)
        await scene.warning.look()
        scene.warning.notice(web)
        scene.warning.notice(web)
        assert scene.told.events == [("web", "DeletionUnguarded")]

    play(scenario)


def test_where_the_policy_is_nobody_is_warned_until_it_is_taken_away() -> None:
    async def scenario(api: FakeApi, client: Client) -> None:
        scene = Scene(client)
        scene.add(group("web"))
        await install(api)
        await scene.warning.look()
        assert scene.told.events == []
        await api.remove("validatingadmissionpolicybindings", "", "b")
        await scene.warning.look()
        await install(api)
        await scene.warning.look()
        await api.remove("validatingadmissionpolicies", "", "mine")
        await scene.warning.look()
        assert scene.told.events == [("web", "DeletionUnguarded")] * 2

    play(scenario)


def test_it_looks_while_it_leads_and_goes_on_where_it_may_not_look() -> None:
    async def scenario(api: FakeApi, client: Client) -> None:
        clock = ManualClock()
        scene = Scene(client, clock)
        scene.add(group("web"))
        may_work = asyncio.Event()
        running = asyncio.create_task(scene.warning.run(may_work))
        await settle()
        assert api.seen == []
        for _ in range(2):
            api.fail_next(replies(403, status(403, "Forbidden", "User ann cannot list resource")))
        may_work.set()
        async with asyncio.timeout(10):
            while len(api.seen) < 2 or not clock.armed:
                await asyncio.sleep(0.01)
            assert scene.told.events == []
            while not scene.told.events:
                await clock.advance(LOOK_EVERY_SECONDS)
                await asyncio.sleep(0.01)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)

    play(scenario)
