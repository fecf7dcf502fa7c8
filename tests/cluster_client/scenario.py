"""Scenarios of a client and a small API server."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from tests.cluster_client.fake_api import FakeApi, client_of
from windlass.cluster.client import Client
from windlass.cluster.resources import PODS

Scenario = Callable[[FakeApi, Client], Awaitable[None]]


def play(scenario: Scenario, **options: Any) -> None:
    """Run a scenario with a fake API server and a client of it."""

    async def run() -> None:
        async with FakeApi().running() as api, client_of(api, **options) as client, asyncio.timeout(20):
            await scenario(api, client)

    asyncio.run(run())


async def every_write(client: Client) -> list[BaseException | object]:
    """One of each kind of write, and what came of it."""
    return await asyncio.gather(
        client.create(PODS, "default", {"metadata": {"name": "web-4"}}),
        client.delete(PODS, "default", "web-4", uid="x"),
        client.merge_patch(PODS, "default", "web-4", {}),
        client.apply(PODS, "default", "web-4", {}),
        return_exceptions=True,
    )
