"""The Lease on a real API server, with short times."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from hack.cluster import Cluster
from tests.cluster.api_client import administrator, pod, run, until
from windlass.cluster.client import Client
from windlass.cluster.errors import Gone, NotLeading
from windlass.cluster.lease import Lease
from windlass.cluster.resources import LEASES, PODS

DURATION, DEADLINE, RETRY = 3, 2.0, 0.5


def candidate(client: Client, namespace: str, identity: str) -> Lease:
    return Lease(
        client, namespace, "windlass", identity, duration=DURATION, renew_deadline=DEADLINE, retry_period=RETRY
    )


@asynccontextmanager
async def running(lease: Lease) -> AsyncIterator[None]:
    task = asyncio.create_task(lease.run())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait([task])


async def spec_of(client: Client, namespace: str) -> dict[str, Any]:
    spec: dict[str, Any] = (await client.get(LEASES, namespace, "windlass"))["spec"]
    return spec


def test_leadership_passes_on_at_once_after_a_clean_stop(cluster: Cluster, namespace: str) -> None:
    async def scenario(client: Client) -> None:
        one, two = candidate(client, namespace, "one"), candidate(client, namespace, "two")
        async with running(one):
            await until(one.held, "one leads", 5)
            waiting = asyncio.create_task(two.run())
            await asyncio.sleep(2 * DURATION)  # longer than the Lease holds without renewal
            assert one.held()
            assert not two.held()
        began = time.monotonic()
        assert not one.held()
        await until(two.held, "two leads", 5)
        assert time.monotonic() - began < RETRY + 1
        spec = await spec_of(client, namespace)
        assert (spec["holderIdentity"], spec["leaseTransitions"]) == ("two", 1)
        waiting.cancel()
        await asyncio.wait([waiting])
        assert not (await spec_of(client, namespace)).get("holderIdentity")

    run(administrator(cluster), scenario)


def test_the_lease_of_a_leader_that_vanished_is_taken_when_it_has_run_out(cluster: Cluster, namespace: str) -> None:
    async def scenario(client: Client) -> None:
        two = candidate(client, namespace, "two")
        async with Client(client.connection) as doomed:
            one = candidate(doomed, namespace, "one")
            vanishing = asyncio.create_task(one.run())
            await until(one.held, "one leads", 5)
        # Its connections are closed: every renewal fails from here on.
        async with running(two):
            began = time.monotonic()
            await until(lambda: not one.held(), "one stops", DEADLINE + 0.5)
            assert not two.held()
            await until(two.held, "two leads", DURATION + RETRY + 2)
            assert time.monotonic() - began > DURATION - RETRY
        vanishing.cancel()
        await asyncio.wait([vanishing])

    run(administrator(cluster), scenario)


def test_the_fence_lets_writes_through_only_while_the_lease_is_held(cluster: Cluster, namespace: str) -> None:
    async def scenario(client: Client) -> None:
        lease = candidate(client, namespace, "one")
        client.fence = lease.check
        with pytest.raises(NotLeading):
            await client.create(PODS, namespace, pod("web-0"))
        async with running(lease):
            await until(lease.held, "it leads", 5)
            await client.create(PODS, namespace, pod("web-1"))
        with pytest.raises(NotLeading):
            await client.create(PODS, namespace, pod("web-2"))
        with pytest.raises(Gone):
            await client.get(PODS, namespace, "web-0")
        await client.get(PODS, namespace, "web-1")

    run(administrator(cluster), scenario)
