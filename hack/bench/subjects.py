"""What `scale_out` compares. Each is a process of its own, begun anew for each repeat, alone, at no Pods."""

import asyncio
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from functools import partial

import msgspec

from hack.bench import bare_client, manifests
from hack.bench.owners import GROUP, REPLICA_SET, Owner
from hack.bench.plane import ROOT, Plane
from hack.bench.resizing import Stage
from windlass.cluster.client import Client

WARM_UP = 200  # Pods
_STOP_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Subject:
    """Ready to be asked for a size, with connections and caches as after any start.

    `own_writes`: how many requests of `resize` itself change something; they are not the subject's.
    """

    name: str
    pid: int
    resize: Callable[[int], Awaitable[None]]
    own_writes: int


Begin = Callable[[Plane, Client, str], AbstractAsyncContextManager[Subject]]


@asynccontextmanager
async def bare(plane: Plane, client: Client, name: str) -> AsyncIterator[Subject]:
    """The API's own limit: see bare_client.py."""
    command = [sys.executable, "-m", bare_client.__name__]
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(*command, stdin=pipe, stdout=pipe, cwd=ROOT, start_new_session=True)
    if process.stdin is None or process.stdout is None:
        raise RuntimeError("the bare client was started without pipes")
    stdin = process.stdin
    identity = plane.service_account()

    async def say(line: bytes) -> None:
        stdin.write(line + b"\n")
        await stdin.drain()

    try:
        token = identity.token.value if identity.token else ""
        order = bare_client.Order(plane.cluster.url, plane.cluster.ca.read_text(), token, manifests.NAMESPACE, name)
        await say(msgspec.json.encode(order))
        if await process.stdout.readline() != b"ready\n":
            raise RuntimeError("the bare client has ended; what it says is above")
        yield Subject("bare", process.pid, lambda size: say(str(size).encode()), own_writes=0)
    finally:
        stdin.close()
        try:
            await asyncio.wait_for(process.wait(), _STOP_SECONDS)
        except TimeoutError:
            process.kill()
            await process.wait()


@asynccontextmanager
async def owned(owner: Owner, plane: Plane, client: Client, name: str) -> AsyncIterator[Subject]:
    """A group or a ReplicaSet of its own, made before and at size 0."""
    with owner.at_work(plane) as pid:
        await owner.create(client, manifests.NAMESPACE, name, 0)
        await owner.settled(client, manifests.NAMESPACE, 0)
        yield Subject(owner.subject, pid, partial(owner.resize, client, manifests.NAMESPACE, name), own_writes=1)


ALL: Mapping[str, Begin] = {
    "bare": bare,
    REPLICA_SET.subject: partial(owned, REPLICA_SET),
    GROUP.subject: partial(owned, GROUP),
}


async def warm_up(stage: Stage) -> None:
    """An API server that has just been started is slow at first; whoever comes first must not pay for that."""
    async with bare(stage.plane, stage.client, "warm-up") as subject:
        for size in (WARM_UP, 0):
            await subject.resize(size)
            await asyncio.to_thread(stage.pods.reached, size, 60.0)
