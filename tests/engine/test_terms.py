"""Terms of leading: a replica that stands by queues nothing, and whoever begins to lead looks at everything."""

import asyncio
from typing import Any

from tests.engine.manual_clock import ManualClock, seeded, settle
from windlass.api.scaling_group import KIND
from windlass.app import Operator, Settings
from windlass.cluster.client import Client
from windlass.cluster.connection import Connection
from windlass.engine.queue import GATHER_SECONDS, Key, Queue

WEB, API = Key("ScalingGroup", "shop", "web"), Key("ScalingGroup", "shop", "api")
NOWHERE = Connection("http://127.0.0.1:1", "a test")


def group(name: str, version: int) -> dict[str, Any]:
    metadata = {
        "namespace": "shop",
        "name": name,
        "uid": f"{name}-uid",
        "resourceVersion": str(version),
        "generation": version,
    }
    return {"metadata": metadata, "spec": {"configuration": {"scalingConfiguration": "web"}}}


# ---- the operator's own


def operator() -> Operator:
    return Operator(Settings(), NOWHERE, Client(NOWHERE))


def churn(standing_by: Operator, rounds: int = 20) -> None:
    for version in range(1, 1 + rounds):
        for name in ("web", "api"):
            standing_by._stores.observe(KIND.kind, group(name, version), deleted=False)


def test_a_standby_queues_nothing_whatever_changes() -> None:
    async def scenario() -> None:
        standing_by = operator()
        churn(standing_by)
        assert standing_by._queue.depth == 0
        assert standing_by._metrics.registry.get_sample_value("windlass_queue_depth") == 0

    asyncio.run(scenario())


def test_each_term_begins_with_every_group() -> None:
    async def scenario() -> None:
        leader = operator()
        churn(leader)
        for _ in range(2):
            leader._start_leading()
            assert {await leader._queue.get(), await leader._queue.get()} == {WEB, API}
            for key in (WEB, API):
                leader._queue.done(key)
            assert leader._queue.depth == 0
            leader._stop_leading()

    asyncio.run(scenario())


def test_what_is_queued_when_the_lead_is_lost_is_dropped() -> None:
    async def scenario() -> None:
        leader = operator()
        leader._start_leading()
        churn(leader)
        assert leader._queue.depth == 2
        leader._stop_leading()
        churn(leader, 40)
        assert leader._queue.depth == 0

    asyncio.run(scenario())


# ---- the queue


def test_a_closed_queue_wakes_nobody_later() -> None:
    async def scenario() -> None:
        clock = ManualClock()
        queue = Queue(clock, rng=seeded())
        queue.add_after(WEB, 5)
        queue.close()
        queue.add_after(WEB, 5)
        queue.add_rate_limited(API)
        queue.add(API, at_once=True)
        await clock.advance(1000)
        assert queue.depth == 0
        queue.open()
        await clock.advance(1000)
        assert queue.depth == 0
        queue.add_after(WEB, 5)
        await clock.advance(5)
        assert queue.depth == 1

    asyncio.run(scenario())


def test_a_pass_that_ends_while_the_queue_is_closed_is_not_repeated() -> None:
    async def scenario() -> None:
        clock = ManualClock()
        queue = Queue(clock, rng=seeded())
        queue.add(WEB)
        assert await queue.get() == WEB
        queue.add(WEB)
        queue.close()
        queue.done(WEB, again=True)
        await clock.advance(1)
        assert queue.depth == 0

    asyncio.run(scenario())


def test_a_pass_that_outlives_the_lead_is_followed_by_another_in_the_next_term() -> None:
    async def scenario() -> None:
        clock = ManualClock()
        queue = Queue(clock, rng=seeded())
        queue.add(WEB)
        assert await queue.get() == WEB
        queue.close()
        queue.open()
        queue.add(WEB)
        assert queue.depth == 0
        queue.done(WEB)
        await clock.advance(GATHER_SECONDS)
        assert queue.depth == 1

    asyncio.run(scenario())


def test_a_worker_that_was_woken_as_the_queue_closed_waits_on() -> None:
    async def scenario() -> None:
        queue = Queue(ManualClock(), rng=seeded())
        worker = asyncio.create_task(queue.get())
        await settle()
        queue.add(WEB)
        queue.close()
        await settle()
        assert not worker.done()
        queue.open()
        queue.add(API)
        assert await worker == API

    asyncio.run(scenario())


def test_back_offs_start_afresh_with_the_term() -> None:
    queue = Queue(ManualClock(), rng=seeded())
    for _ in range(5):
        queue.add_rate_limited(WEB)
    queue.close()
    queue.open()
    assert queue.failures(WEB) == 0
