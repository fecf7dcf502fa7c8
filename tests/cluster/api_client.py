"""Our API client of the test's cluster, and how to wait with it."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from hack.cluster import Cluster
from windlass.cluster.client import Client
from windlass.cluster.config import load
from windlass.cluster.connection import Connection, StaticToken

LIMIT = 30.0


def administrator(cluster: Cluster) -> Connection:
    return load(str(cluster.kubeconfig))


def service_account(cluster: Cluster, namespace: str, name: str = "default") -> Connection:
    return Connection(
        cluster.url, "a test", namespace, cluster.ca.read_bytes(), token=StaticToken(cluster.token(namespace, name))
    )


def run(connection: Connection, scenario: Callable[[Client], Coroutine[Any, Any, None]]) -> None:
    """Run a scenario with a client; it has 60 s."""

    async def begin() -> None:
        async with Client(connection) as client, asyncio.timeout(60):
            await scenario(client)

    asyncio.run(begin())


async def until(condition: Callable[[], bool], what: str, limit: float = LIMIT) -> None:
    """Wait for something that other tasks bring about."""
    try:
        async with asyncio.timeout(limit):
            while not condition():
                await asyncio.sleep(0.01)
    except TimeoutError:
        raise AssertionError(f"not within {limit:g} s: {what}") from None


def pod(name: str, **labels: str) -> dict[str, Any]:
    """A Pod that the API server accepts; where it runs is nobody's concern."""
    return {
        "metadata": {"name": name, "labels": labels},
        "spec": {"containers": [{"name": "app", "image": "app:1"}], "schedulerName": "nobody"},
    }
