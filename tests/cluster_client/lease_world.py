"""One Lease on an API server in memory, and candidates for it whose machines and networks misbehave as told."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

from tests.cluster_client.virtual_time import now
from windlass.cluster.client import Client
from windlass.cluster.connection import Connection
from windlass.cluster.lease import Lease
from windlass.cluster.transport import NoReply, Reply, Request, Stream


class LeaseApi:
    """The API server's side: one object, changed under its resourceVersion."""

    def __init__(self) -> None:
        self.record: dict[str, Any] | None = None
        self.version = 100
        self.writes = 0
        self.annotations: list[dict[str, Any]] = []  # as they were sent

    @property
    def spec(self) -> dict[str, Any]:
        assert self.record is not None
        spec: dict[str, Any] = self.record["spec"]
        return spec

    def touch(self) -> None:
        """Something else changes the object, as an annotation would."""
        assert self.record is not None
        self._store(self.record["spec"])

    def answer(self, request: Request) -> Reply:
        body = json.loads(request.body or b"{}")
        if request.method == "POST":
            if self.record is not None:
                return _reply(409, {"reason": "AlreadyExists", "message": "it exists"})
            return _reply(201, self._store(body["spec"]))
        if self.record is None:
            return _reply(404, {"reason": "NotFound", "message": "there is none"})
        if request.method == "PATCH":
            if body["metadata"]["resourceVersion"] != self.record["metadata"]["resourceVersion"]:
                return _reply(409, {"reason": "Conflict", "message": "it has been modified"})
            if "annotations" in body["metadata"]:
                self.annotations.append(body["metadata"]["annotations"])
            return _reply(200, self._store({**self.record["spec"], **body["spec"]}))
        return _reply(200, self.record)

    def _store(self, spec: dict[str, Any]) -> dict[str, Any]:
        self.version += 1
        self.writes += 1
        self.record = {"metadata": {"name": "windlass", "resourceVersion": str(self.version)}, "spec": spec}
        return self.record


def _reply(code: int, body: Any) -> Reply:
    return Reply(code, {}, json.dumps(body).encode())


class Network:
    """A candidate's way to the API server. `there` and `back`: seconds a request and its reply take; None: lost."""

    def __init__(self, api: LeaseApi) -> None:
        self._api = api
        self.there: Callable[[], float | None] = lambda: 0.01
        self.back: Callable[[], float | None] = lambda: 0.01

    def cut(self) -> None:
        self.there = self.back = lambda: None

    def mend(self) -> None:
        self.there = self.back = lambda: 0.01

    async def send(self, request: Request) -> Reply:
        there, back = self.there(), self.back()
        await asyncio.sleep(3600 if there is None else there)
        # What has arrived is carried out, whether or not the one who sent it still waits.
        reply = self._api.answer(request)
        if back is None:
            await asyncio.sleep(request.seconds)
            raise NoReply("lost", sent=True)
        await asyncio.sleep(back)
        return reply

    @asynccontextmanager
    async def _no_stream(self) -> AsyncIterator[Stream]:
        raise NotImplementedError
        yield

    def stream(self, request: Request) -> AbstractAsyncContextManager[Stream]:
        return self._no_stream()

    async def close(self) -> None:
        pass


class Candidate:
    """One process. `stall`: seconds by which its sleeps last too long, as when its machine is overloaded."""

    def __init__(self, api: LeaseApi, identity: str, *, clock_offset: float = 0.0, **options: Any) -> None:
        self.network = Network(api)
        self.stall: Callable[[], float] = lambda: 0.0
        self.told: list[str] = []
        self._client = Client(Connection("https://nowhere", "a test"), connect=lambda *_: self.network)
        self.lease = Lease(
            self._client,
            "windlass-system",
            "windlass",
            identity,
            started=lambda: self.told.append("started"),
            stopped=lambda: self.told.append("stopped"),
            clock=lambda: now() + clock_offset,
            sleep=self._sleep,
            **options,
        )
        self._task: asyncio.Task[None] | None = None

    def start(self) -> "Candidate":
        self._task = asyncio.create_task(self._run())
        return self

    async def stop(self) -> None:
        """A clean end."""
        assert self._task is not None
        self._task.cancel()
        await asyncio.wait([self._task])

    async def kill(self) -> None:
        """No chance to say anything."""
        self.network.cut()
        await self.stop()

    async def _run(self) -> None:
        async with self._client:
            await self.lease.run()

    async def _sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds + self.stall())
