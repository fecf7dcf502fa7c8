"""The bare limit of the API: the operator's own client creates and deletes Pods, and nothing decides anything.

Reads its order as one line of JSON, then a size per line: it creates what is missing, or deletes what is too many, 64
requests at once. Says "ready" when it has begun. Ends with its input.
"""

import asyncio
import sys

import msgspec

from hack.bench.manifests import bare_maker
from hack.bench.side_by_side import AT_ONCE, side_by_side
from windlass.cluster.client import Client
from windlass.cluster.connection import Connection, StaticToken
from windlass.cluster.pods import PodMaker
from windlass.cluster.resources import PODS


class Order(msgspec.Struct):
    """Where to, as whom, and what the Pods are called."""

    server: str
    ca: str  # PEM
    token: str
    namespace: str
    name: str


class _Meta(msgspec.Struct, rename="camel"):
    uid: str
    resource_version: str


class _Created(msgspec.Struct):
    metadata: _Meta


class Bare:
    """Pods <name>-0, <name>-1, … as many as were asked for last."""

    def __init__(self, client: Client, namespace: str, name: str, maker: PodMaker) -> None:
        self._client = client
        self._namespace = namespace
        self._name = name
        self._maker = maker
        self._pods: list[tuple[str, _Meta]] = []
        self._next = 0

    async def resize(self, size: int) -> None:
        """Create or delete until there are so many; what is deleted last was created last."""
        missing, surplus = max(0, size - len(self._pods)), self._pods[size:]
        del self._pods[size:]
        await side_by_side(self._create, range(self._next, self._next + missing))
        self._next += missing
        await side_by_side(self._delete, surplus)

    async def _create(self, ordinal: int) -> None:
        name = f"{self._name}-{ordinal}"
        created = await self._client.create(PODS, self._namespace, self._maker.make(name, ordinal), into=_Created)
        self._pods.append((name, created.metadata))

    async def _delete(self, pod: tuple[str, _Meta]) -> None:
        name, meta = pod
        version = meta.resource_version
        await self._client.delete(PODS, self._namespace, name, uid=meta.uid, resource_version=version)


async def main() -> None:
    order = msgspec.json.decode(sys.stdin.readline(), type=Order)
    token = StaticToken(order.token)
    connection = Connection(order.server, "a benchmark", ca=order.ca.encode(), token=token)
    async with Client(connection, user_agent="windlass-bench", max_in_flight=AT_ONCE) as client:
        bare = Bare(client, order.namespace, order.name, bare_maker(order.name))
        print("ready", flush=True)
        while line := await asyncio.to_thread(sys.stdin.readline):
            await bare.resize(int(line))


if __name__ == "__main__":
    asyncio.run(main())
