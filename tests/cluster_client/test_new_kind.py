"""A kind that is new to the operator takes its own module and one more controller in the list, and nothing else."""

import asyncio
from collections.abc import Iterable
from contextlib import suppress
from typing import Any

import aiohttp

from tests.cluster_client.fake_api import FakeApi, client_of, pod
from windlass.api.common import Condition, Kind, Model, Observed, to_wire
from windlass.app import Operator, Settings
from windlass.cluster.errors import Invalid
from windlass.engine.dispatch import Controller, Runtime
from windlass.engine.loop import Answer
from windlass.engine.own_objects import OwnObjects
from windlass.engine.queue import Key
from windlass.planner.conditions import conditions
from windlass.planner.plan import Event
from windlass.planner.reason import Reason
from windlass.registry import controllers


class KettleSpec(Model):
    litres: int


class KettleStatus(Observed):
    phase: str | None = None
    conditions: tuple[Condition, ...] = ()


KETTLE = Kind("Kettle", "kettles", ("ket",), KettleSpec, KettleStatus, "Boils water.", ())


class Boiled(Reason):
    TEXT = "the water boils"


class Kettles(Controller):
    """The controller of kettles: boils each once."""

    kind = KETTLE.kind

    def __init__(self, runtime: Runtime) -> None:
        self._clock = runtime.clock
        runtime.stores.add(KETTLE, lambda old, new: runtime.enqueue(self._key(new or old)))
        self._kettles = OwnObjects(self.kind, runtime)

    def _key(self, kettle: Any) -> Key:
        return Key(self.kind, kettle.namespace, kettle.name)

    async def reconcile(self, key: Key) -> Answer:
        kettle = self._kettles.known(key)
        if kettle is None or kettle.get("status"):
            return None
        if kettle["spec"]["litres"] > 2:
            raise Invalid("spec.litres: a kettle holds 2", code=422, reason="Invalid")
        made = conditions("Ready", Boiled(), "", old=(), generation=1, now=self._clock.now())
        status = to_wire(KettleStatus(phase="Hot", conditions=made))
        await self._kettles.write_status(key, kettle, status)
        self._kettles.tell(key, kettle.uid, [Event("Normal", Boiled())])
        return None

    async def report(self, key: Key, error: Exception) -> None:
        await self._kettles.show_failure(key, error, lambda readiness: "Cold")

    def all_keys(self) -> Iterable[Key]:
        return self._kettles.all_keys()


def with_kettles(runtime: Runtime) -> Iterable[Controller]:
    return (*controllers(runtime), Kettles(runtime))


def kettle(name: str, litres: int) -> dict[str, Any]:
    body = pod(name)
    return {**body, "metadata": {**body["metadata"], "generation": 1}, "spec": {"litres": litres}}


def test_it_is_read_reconciled_watched_over_and_shown() -> None:
    async def scenario() -> None:
        async with FakeApi().running() as api, client_of(api) as client, asyncio.timeout(20):
            await api.put("kettles", kettle("good", 1))
            await api.put("kettles", kettle("huge", 9))
            settings = Settings(lease=False)
            operator = Operator(settings, client.connection, client, controllers=with_kettles)
            running = asyncio.create_task(operator.run())
            while not all(api.object("kettles", "default", name).get("status") for name in ("good", "huge")):
                assert not running.done() or running.result()
                await asyncio.sleep(0.02)
            good, huge = (api.object("kettles", "default", name)["status"] for name in ("good", "huge"))
            assert (good["phase"], good["conditions"][0]["status"]) == ("Hot", "True")
            assert huge["phase"] == "Cold"
            assert {each["type"]: each["reason"] for each in huge["conditions"]}["Stalled"] == "PassFailed"
            while not any(each.path.endswith("/events") and each.body["reason"] == "Boiled" for each in api.seen):
                await asyncio.sleep(0.02)
            running.cancel()
            with suppress(asyncio.CancelledError):
                await running

    asyncio.run(scenario())


def test_its_watch_is_among_the_probes_and_the_metrics() -> None:
    async def scenario() -> None:
        async with FakeApi().running() as api, client_of(api) as client, asyncio.timeout(20):
            operator = Operator(Settings(), client.connection, client, controllers=with_kettles)
            async with (
                operator._health_server() as server,
                aiohttp.ClientSession(f"http://127.0.0.1:{server.port}") as web,
                web.get("/healthz") as answer,
            ):
                assert "[+] kettles: ok" in await answer.text()

    asyncio.run(scenario())
