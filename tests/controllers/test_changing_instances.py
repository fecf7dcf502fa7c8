"""Removals of instances that change meanwhile: what went through is progress, what has changed is read again, alone."""

import asyncio
import re
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import pytest
from aiohttp import web

from tests.cluster_client.fake_api import FakeApi, client_of, replies, until
from tests.cluster_client.objects import Answer, Objects, status
from tests.cluster_client.scenario import play
from tests.controllers.hands import KEY, hands, only
from tests.controllers.runtimes import runtime
from tests.worlds import GROUP, GROUP_UID, activity, fleet, group, steps_of_kind, view
from windlass.api.common import GROUP_LABEL, owner_reference
from windlass.api.scaling_group import KIND
from windlass.cluster.client import Client
from windlass.cluster.errors import Conflict, Transient
from windlass.controllers.scaling_group.caches import Caches
from windlass.controllers.scaling_group.controller import ScalingGroupController
from windlass.controllers.scaling_group.observe import InMemoryState
from windlass.controllers.scaling_group.steps import Steps
from windlass.engine.clock import SystemClock
from windlass.engine.dispatch import Dispatch
from windlass.engine.loop import Loop
from windlass.engine.queue import Key, Queue
from windlass.planner.capacity.steps import Remove
from windlass.planner.capacity.view import GroupView
from windlass.planner.group import plan_group

SIZE = 300
HAS_CHANGED = status(409, "Conflict", "Precondition failed")


def pod_of(number: int) -> dict[str, Any]:
    metadata = {
        "namespace": "default",
        "name": f"{GROUP}-{number}",
        "uid": f"{GROUP}-{number}-uid",
        "creationTimestamp": "2026-01-14T12:00:00Z",
        "labels": {GROUP_LABEL: GROUP},
        "ownerReferences": [owner_reference("ScalingGroup", GROUP, GROUP_UID)],
    }
    return {"metadata": metadata, "spec": {}, "status": {"phase": "Pending"}}


# ---- one batch


def leaving(size: int) -> GroupView:
    return view(group(0), fleet(size), activity=activity("ScaleIn", from_=size, to=0))


@dataclass
class Batch:
    """A batch of removals, with all that carries it out; the instances are as the informer shows them."""

    api: FakeApi
    client: Client
    in_memory: InMemoryState = field(default_factory=lambda: InMemoryState(uid=GROUP_UID, look_live=False))

    async def of(self, size: int) -> tuple[Steps, Caches]:
        self.seen = leaving(size)
        for number in range(size):
            await self.api.put("pods", pod_of(number))
        steps, caches = hands(self.client, self.seen, self.in_memory)
        await caches.pods.read_again()
        self.api.seen.clear()
        self.removals = [
            Remove(step.name, step.uid, known.resource_version, step.why)
            for step in steps_of_kind(plan_group(self.seen), Remove)
            if (known := caches.pods.get("default", step.name)) is not None
        ]
        return steps, caches

    async def carry_out(self, steps: Steps) -> None:
        await steps.carry_out(only(self.seen, *self.removals))

    def asked(self) -> Counter[str]:
        return Counter(f"{each.method} {each.path.rpartition('/')[2]}" for each in self.api.seen)


def test_one_that_has_changed_is_read_again_alone_and_the_pass_has_not_failed() -> None:
    async def scenario(api: FakeApi, client: Client) -> None:
        batch = Batch(api, client)
        steps, caches = await batch.of(3)
        changed = await api.put("pods", pod_of(1))
        await batch.carry_out(steps)
        assert batch.asked() == Counter({"DELETE web-0": 1, "DELETE web-1": 1, "DELETE web-2": 1, "GET web-1": 1})
        assert not batch.in_memory.look_live
        assert steps.progressed
        known = caches.pods.get("default", "web-1")
        assert known is not None
        assert known.resource_version == changed["metadata"]["resourceVersion"]

    play(scenario)


def test_where_all_have_changed_the_pass_begins_anew_with_each_of_them_read() -> None:
    async def scenario(api: FakeApi, client: Client) -> None:
        batch = Batch(api, client)
        steps, _ = await batch.of(3)
        for number in range(3):
            await api.put("pods", pod_of(number))
        with pytest.raises(Conflict):
            await batch.carry_out(steps)
        assert batch.asked()["GET web-0"] == batch.asked()["GET web-1"] == batch.asked()["GET web-2"] == 1
        assert not batch.in_memory.look_live
        assert not steps.progressed

    play(scenario)


def test_a_conflict_that_no_change_explains_has_all_of_them_read() -> None:
    async def scenario(api: FakeApi, client: Client) -> None:
        batch = Batch(api, client)
        steps, _ = await batch.of(2)
        api.fail_next(replies(409, HAS_CHANGED), "DELETE")
        await batch.carry_out(steps)
        assert batch.in_memory.look_live

    play(scenario)


def test_one_that_cannot_be_read_again_has_all_of_them_read() -> None:
    async def scenario(api: FakeApi, client: Client) -> None:
        batch = Batch(api, client)
        steps, _ = await batch.of(2)
        await api.put("pods", pod_of(0))
        for _ in range(3):
            api.fail_next(replies(500), "GET")
        with pytest.raises(Transient):
            await batch.carry_out(steps)
        assert batch.in_memory.look_live

    play(scenario)


def test_one_that_goes_while_it_is_read_again_does_not_come_back() -> None:
    async def scenario(api: FakeApi, client: Client) -> None:
        _, caches = await Batch(api, client).of(1)
        old = await api.put("pods", pod_of(0))

        async def answer_late(_: web.Request) -> web.StreamResponse:
            known = caches.pods.get("default", "web-0")
            assert known is not None
            caches.pods._store.drop(known)  # the watch is quicker
            return web.json_response(old)

        api.fail_next(answer_late, "GET")
        await caches.pods.read_one("default", "web-0")
        assert caches.pods.get("default", "web-0") is None

    play(scenario)


# ---- a whole shrinking


class RestlessPods(Objects):
    """Each tenth Pod changes just before it is to be deleted, the first two times; `failing` deletions fail outright,
    one after each fifty."""

    def __init__(self, failing: int) -> None:
        super().__init__()
        self.tries: Counter[str] = Counter()
        self.failing = failing
        self.since = 0

    def _delete(self, plural: str, found: dict[str, Any], options: dict[str, Any]) -> Answer:
        name = found["metadata"]["name"]
        self.tries[name] += 1
        self.since += 1
        if self.since > 50 and self.failing:
            self.since, self.failing = 0, self.failing - 1
            return 500, status(500, "InternalError", "etcdserver: no leader")
        if name.endswith("0") and self.tries[name] <= 2:
            metadata = found["metadata"]
            annotated = {**metadata, "annotations": {"touched": str(self.tries[name])}}
            found = self.put(plural, {**found, "metadata": annotated})
        return super()._delete(plural, found, options)


def restless(failing: int = 0) -> FakeApi:
    api = FakeApi()
    api.objects = RestlessPods(failing)
    return api


class PatientQueue(Queue):
    """Notes each back-off and does not wait for it."""

    def __init__(self) -> None:
        super().__init__(SystemClock())
        self.backed_off: list[int] = []

    def add_rate_limited(self, key: Key, *, at_least: float = 0.0) -> float:
        super().add_rate_limited(key, at_least=at_least)
        self.backed_off.append(self.failures(key))
        self.add_after(key, 0.01)
        return 0.01


@dataclass
class Shrinking:
    """What a group that is to have no instance took: the back-offs (how many failures in a row), the reports."""

    backed_off: list[int]
    reported: list[str]
    lists: int


def shrink(api: FakeApi) -> Shrinking:
    taken = Shrinking([], [], 0)

    async def run() -> None:
        async with api.running(), client_of(api) as client, asyncio.timeout(30):
            clock, queue = SystemClock(), PatientQueue()
            controllers, leading = Dispatch(), asyncio.Event()
            leading.set()

            async def report(_: Key, error: Exception) -> None:
                taken.reported.append(str(error))

            loop = Loop(queue, controllers.reconcile, clock, may_work=leading, on_failure=report, workers=1)
            works_with = runtime(client, clock, queue.add, made_progress=loop.made_progress)
            controller = ScalingGroupController(works_with)
            controllers.add(controller)
            caches, expectations = controller.caches, works_with.expectations
            for number in range(SIZE):
                await api.put("pods", pod_of(number))
            running = [asyncio.create_task(part) for part in (caches.pods.run(), caches.revisions.run())]
            await asyncio.gather(caches.pods.synced.wait(), caches.revisions.synced.wait())
            spec = {"minSize": 0, "maxSize": SIZE, "desiredSize": 0, "configuration": {"scalingConfiguration": GROUP}}
            metadata = {"namespace": "default", "name": GROUP, "uid": GROUP_UID, "generation": 1}
            made = await api.put("scalinggroups", {"metadata": metadata, "spec": spec})
            works_with.stores.observe(KIND.kind, made, deleted=False)
            running.append(asyncio.create_task(loop.run()))
            await until(lambda: not caches.pods.by_index(GROUP_UID) and expectations.satisfied(KEY), limit=25)
            for task in running:
                task.cancel()
            await asyncio.wait(running)
            taken.backed_off = queue.backed_off
            taken.lists = sum(
                1 for each in api.seen if re.fullmatch(r"/api/v1/.*pods", each.path) and "watch" not in each.query
            )

    asyncio.run(run())
    return taken


def test_shrinking_a_group_whose_pods_change_meanwhile_is_no_failure() -> None:
    taken = shrink(restless())
    assert taken == Shrinking(backed_off=[], reported=[], lists=1)


def test_failures_between_which_instances_went_do_not_add_up() -> None:
    taken = shrink(restless(failing=4))
    assert taken.backed_off
    assert set(taken.backed_off) == {1}
    assert taken.reported == []
