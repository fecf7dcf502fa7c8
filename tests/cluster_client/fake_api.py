"""A small API server on a real socket: objects in memory, versions, watches; and whatever a test wants to go wrong."""

import asyncio
import json
import ssl
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from tests.cluster_client.objects import Objects, matches, place, status
from windlass.cluster.client import Client
from windlass.cluster.connection import Connection

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass(frozen=True)
class Seen:
    """One request that came in."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: Any


def pod(name: str, namespace: str = "default", uid: str = "", **labels: str) -> dict[str, Any]:
    return {"metadata": {"name": name, "namespace": namespace, "uid": uid or f"uid-{name}", "labels": labels}}


class FakeApi:
    """Serves any resource under any namespace. `faults` come first: each is used for one request it takes."""

    def __init__(self) -> None:
        self.seen: list[Seen] = []
        self.faults: deque[tuple[Callable[[web.Request], bool], Handler]] = deque()
        self.watch_list = True
        self.bookmarks_after_start = True
        self.compacted_before = 0
        self.url = ""
        self.objects = Objects()
        self._changed = asyncio.Condition()
        self._ending = False

    @asynccontextmanager
    async def running(self, tls: ssl.SSLContext | None = None) -> AsyncIterator["FakeApi"]:
        app = web.Application(client_max_size=64 * 1024 * 1024)
        app.router.add_route("*", "/{path:.*}", self._handle)
        runner = web.AppRunner(app, shutdown_timeout=0.1)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls)
        await site.start()
        host, port = runner.addresses[0][:2]
        self.url = f"{'https' if tls else 'http'}://{host}:{port}"
        try:
            yield self
        finally:
            self._ending = True
            async with self._changed:
                self._changed.notify_all()
            await runner.cleanup()

    def fail_next(self, handler: Handler, verb: str = "") -> None:
        """Answer the next request of this verb (method, or WATCH; empty: any) by `handler`."""

        def wanted(request: web.Request) -> bool:
            watch = request.query.get("watch") == "true"
            return verb in ("", "WATCH" if watch else request.method)

        self.faults.append((wanted, handler))

    # ---- what tests do behind the client's back

    @property
    def version(self) -> int:
        """The newest version of all."""
        return self.objects.version

    @version.setter
    def version(self, version: int) -> None:
        self.objects.version = version

    async def put(self, plural: str, body: dict[str, Any]) -> dict[str, Any]:
        stored = self.objects.put(plural, body)
        await self._tell()
        return stored

    async def remove(self, plural: str, namespace: str, name: str) -> None:
        self.objects.remove(plural, namespace, name)
        await self._tell()

    async def silently_remove(self, plural: str, namespace: str, name: str) -> None:
        """As if the event had been missed: nobody who watches is told."""
        self.objects.silently_remove(plural, namespace, name)

    def object(self, plural: str, namespace: str, name: str) -> dict[str, Any]:
        return self.objects.by_place[plural, namespace, name]

    async def _tell(self) -> None:
        async with self._changed:
            self._changed.notify_all()

    # ---- the API

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        body = await request.read()
        self.seen.append(
            Seen(request.method, request.path, dict(request.query), dict(request.headers), json.loads(body or b"null"))
        )
        for fault in self.faults:
            if fault[0](request):
                self.faults.remove(fault)
                return await fault[1](request)
        where = place(request.path)
        if where is not None and request.method == "GET" and request.query.get("watch") == "true":
            return await self._watch(request, where.plural, where.namespace)
        before = self.version
        code, reply = self.objects.answer(request.method, request.path, request.query, json.loads(body or b"null"))
        if self.version != before:
            await self._tell()
        return web.json_response(reply, status=code)

    async def _watch(self, request: web.Request, plural: str, namespace: str | None) -> web.StreamResponse:
        query = request.query
        selector = query.get("labelSelector", "")
        initial = query.get("sendInitialEvents") == "true"
        if initial and not self.watch_list:
            message = "sendInitialEvents is forbidden for watch unless the WatchList feature gate is enabled"
            return web.json_response(status(422, "Invalid", message), status=422)
        version = int(query.get("resourceVersion") or self.version)
        if version < self.compacted_before:
            return web.json_response(status(410, "Expired", "too old resource version"), status=410)
        response = web.StreamResponse(headers={"Content-Type": "application/json"})
        await response.prepare(request)
        if initial:
            for body in self.objects.selected(plural, namespace, selector):
                await response.write(line("ADDED", body))
            await response.write(bookmark(self.version, complete=True))
        async with asyncio.timeout(float(query["timeoutSeconds"])):
            await self._send_changes(response, plural, namespace, selector, version)
        return response

    async def _send_changes(
        self, response: web.StreamResponse, plural: str, namespace: str | None, selector: str, version: int
    ) -> None:
        while not self._ending:
            for at, kind, what, body in list(self.objects.history):
                if at <= version:
                    continue
                version = at
                if kind == plural and namespace in (None, body["metadata"]["namespace"]) and matches(body, selector):
                    await response.write(line(what, body))
            async with self._changed:
                # A change may have come while the lines before it were being written.
                if not self._ending and (not self.objects.history or self.objects.history[-1].version <= version):
                    await self._changed.wait()


def line(kind: str, body: Mapping[str, Any]) -> bytes:
    return json.dumps({"type": kind, "object": body}, separators=(",", ":")).encode() + b"\n"


def bookmark(version: int, *, complete: bool = False) -> bytes:
    # An API server's bookmark is an empty object of the kind, with nulls where the kind has lists.
    meta: dict[str, Any] = {"resourceVersion": str(version), "creationTimestamp": None}
    if complete:
        meta["annotations"] = {"k8s.io/initial-events-end": "true"}
    return line("BOOKMARK", {"kind": "Pod", "apiVersion": "v1", "metadata": meta, "spec": {"containers": None}})


# ---- faults


def replies(code: int, body: Any = None, headers: Mapping[str, str] | None = None) -> Handler:
    """Answers with this."""

    async def handler(request: web.Request) -> web.StreamResponse:
        if isinstance(body, (str, bytes)):
            content = body.encode() if isinstance(body, str) else body
            return web.Response(status=code, body=content, headers=headers)
        return web.json_response(body if body is not None else status(code), status=code, headers=headers)

    return handler


def streams(*pieces: bytes, then: str = "end") -> Handler:
    """Sends these pieces, each a packet of its own; then ends, hangs or breaks the connection."""

    async def handler(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "application/json"})
        await response.prepare(request)
        for piece in pieces:
            await response.write(piece)
            await asyncio.sleep(0.002)
        if then == "hang":
            await asyncio.sleep(60)
        if then == "break" and request.transport is not None:
            request.transport.abort()
        return response

    return handler


def breaks() -> Handler:
    """Closes the connection without a word."""

    async def handler(request: web.Request) -> web.StreamResponse:
        if request.transport is not None:
            request.transport.abort()
        return web.Response()

    return handler


def hangs() -> Handler:
    """Never answers."""

    async def handler(request: web.Request) -> web.StreamResponse:
        await asyncio.sleep(60)
        return web.Response()

    return handler


@dataclass
class Pauses:
    """Stands in for asyncio.sleep: notes how long, and does not wait."""

    seconds: list[float] = field(default_factory=list)

    async def __call__(self, seconds: float) -> None:
        self.seconds.append(seconds)
        await asyncio.sleep(0)


def client_of(api: FakeApi, **options: Any) -> Client:
    return Client(Connection(api.url, "a test"), **options)


async def until(condition: Callable[[], bool], what: str = "the condition", limit: float = 10.0) -> None:
    """Wait until the condition holds."""
    async with asyncio.timeout(limit):
        while not condition():
            await asyncio.sleep(0.005)
    assert condition(), what
