"""A proxy between an operator and its API server that does to a chosen request what networks and machines do.

Requests come in on loopback, as plain HTTP or by TLS, and go on by TLS as they are, the operator's token among their
headers. What happens to a request is a fault: a coroutine that is given the request and a way to pass it on, and gives
the reply or raises `Cut`. Faults are small functions, so that a new one costs a few lines.
"""

import asyncio
import json
import ssl
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlsplit

import yaml

from hack.cluster import Access

LONGEST_HEAD = 256 * 1024  # bytes; also of what is passed on at once


@dataclass(frozen=True, slots=True)
class Request:
    """One request of the operator's, whole. `target` is path and query; header names are in lower case."""

    method: str
    target: str
    headers: Mapping[str, str]
    raw: bytes
    body: bytes

    @property
    def path(self) -> str:
        return self.target.partition("?")[0]

    @property
    def writes(self) -> bool:
        return self.method != "GET"

    @property
    def content(self) -> dict[str, Any]:
        """The body, decoded; empty where there is none."""
        return dict(json.loads(self.body)) if self.body else {}


@dataclass(frozen=True, slots=True)
class Reply:
    """The API server's answer as it is on the wire; the body comes as it comes."""

    status: int
    head: bytes
    body: AsyncIterator[bytes]


class Cut(Exception):  # noqa: N818 - it is what happens to the connection
    """The connection to the operator ends without an answer, or in the midst of one."""


Forward = Callable[[], Awaitable[Reply]]
Fault = Callable[[Request, Forward], Awaitable[Reply]]
Matches = Callable[[Request], bool]


def kill_before(kill: Callable[[], object]) -> Fault:
    """The operator dies before its request leaves the machine."""

    async def fault(_: Request, __: Forward) -> Reply:
        kill()
        raise Cut

    return fault


def kill_after(kill: Callable[[], object]) -> Fault:
    """The operator dies when its request was carried out, and never hears of it."""

    async def fault(_: Request, forward: Forward) -> Reply:
        await forward()
        kill()
        raise Cut

    return fault


def delayed(seconds: float) -> Fault:
    """The request takes its time on the way."""

    async def fault(_: Request, forward: Forward) -> Reply:
        await asyncio.sleep(seconds)
        return await forward()

    return fault


def read_through(read: Callable[[AsyncIterator[bytes]], AsyncIterator[bytes]]) -> Fault:
    """It is carried out, and the answer's body comes through as `read` makes it of the API server's."""

    async def fault(_: Request, forward: Forward) -> Reply:
        reply = await forward()
        return replace(reply, body=read(reply.body))

    return fault


def gated(gate: threading.Event) -> Fault:
    """Nothing of the answer comes through while the gate is cleared; then all of it."""

    async def read(body: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        async for part in body:
            while not gate.is_set():
                await asyncio.sleep(0.01)
            yield part

    return read_through(read)


@dataclass(slots=True)
class _Rule:
    matches: Matches
    fault: Fault
    times: int | None
    met: threading.Event = field(default_factory=threading.Event)


class Proxy:
    """Stands before one API server. Use it as a context manager; it runs in a thread of its own.

    `tls`: it is asked by TLS and shows the API server's certificate; what a client's certificate says is lost.

    `seen` holds every request in the order in which they arrived, also those that were not passed on.
    """

    def __init__(self, server: Access, *, tls: bool = False) -> None:
        self.seen: list[Request] = []
        self.url = ""
        self._port = 0
        self._upstream = urlsplit(server.url)
        self._tls = ssl.create_default_context(cafile=str(server.ca))
        self._shown = _shown_by(server) if tls else None
        self._rules: list[_Rule] = []
        self._connections: set[asyncio.Task[None]] = set()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True, name="proxy")

    def __enter__(self) -> Self:
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self._open(), self._loop).result(10)
        return self

    def __exit__(self, *_: object) -> None:
        asyncio.run_coroutine_threadsafe(self._close(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    def inject(self, fault: Fault, matches: Matches, times: int | None = 1) -> threading.Event:
        """Have this happen to the next requests that match (`times` None: to all). The event tells of the first."""
        rule = _Rule(matches, fault, times)
        self._rules.append(rule)
        return rule.met

    def refuse(self) -> None:
        """Refuse connections, and end those that there are, until `accept`."""
        asyncio.run_coroutine_threadsafe(self._close(), self._loop).result(10)

    def accept(self) -> None:
        """Accept connections again."""
        asyncio.run_coroutine_threadsafe(self._open(), self._loop).result(10)

    def heal(self) -> None:
        """As it was at first: nothing more happens to requests, none was seen, nobody is connected."""
        self.refuse()
        self._rules.clear()
        self.seen.clear()
        self.accept()

    def kubeconfig(self, original: Path, folder: Path) -> Path:
        """The same kubeconfig, by way of this proxy."""
        config = yaml.safe_load(original.read_text())
        for each in config["clusters"]:
            trusted = each["cluster"] if self._shown else {}
            each["cluster"] = trusted | {"server": self.url}
        path = folder / "proxied.kubeconfig"
        path.touch(mode=0o600)
        path.write_text(json.dumps(config))
        return path

    async def _open(self) -> None:
        self._server = await asyncio.start_server(
            self._accept, "127.0.0.1", self._port, limit=LONGEST_HEAD, ssl=self._shown
        )
        self._port = self._server.sockets[0].getsockname()[1]
        self.url = f"{'https' if self._shown else 'http'}://127.0.0.1:{self._port}"

    async def _close(self) -> None:
        self._server.close()
        for connection in self._connections:
            connection.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection = self._loop.create_task(self._serve(reader, writer))
        self._connections.add(connection)
        connection.add_done_callback(self._connections.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection of the operator's, and ours to the API server that belongs to it."""
        onward = _Onward(self._upstream.hostname or "", self._upstream.port or 443, self._tls)
        try:
            with suppress(Cut, OSError, asyncio.IncompleteReadError):
                while request := await _read_request(reader):
                    self.seen.append(request)
                    reply = await self._meet(request, onward)
                    writer.write(reply.head)
                    async for part in reply.body:
                        writer.write(part)
                        await writer.drain()
        finally:
            writer.transport.abort()
            onward.abort()

    async def _meet(self, request: Request, onward: "_Onward") -> Reply:
        async def forward() -> Reply:
            return await onward.ask(request)

        for rule in self._rules:
            if rule.times != 0 and rule.matches(request):
                if rule.times is not None:
                    rule.times -= 1
                rule.met.set()
                return await rule.fault(request, forward)
        return await forward()


class _Onward:
    """A connection to the API server, opened when it is needed and kept."""

    def __init__(self, host: str, port: int, tls: ssl.SSLContext) -> None:
        self._address = (host, port)
        self._tls = tls
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def ask(self, request: Request) -> Reply:
        if self._streams is None:
            self._streams = await asyncio.open_connection(*self._address, ssl=self._tls, limit=LONGEST_HEAD)
        reader, writer = self._streams
        writer.write(request.raw)
        head = await reader.readuntil(b"\r\n\r\n")
        first, headers = _parse_head(head)
        return Reply(int(first.split()[1]), head, _body(reader, headers))

    def abort(self) -> None:
        if self._streams is not None:
            self._streams[1].transport.abort()


def _shown_by(server: Access) -> ssl.SSLContext:
    """Whoever trusts the API server trusts what shows the certificate of it."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(server.pki / "kube-apiserver.crt", server.pki / "kube-apiserver.key")
    return context


async def _read_request(reader: asyncio.StreamReader) -> Request | None:
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError:
        return None  # the operator has closed the connection
    first, headers = _parse_head(head)
    method, target, _ = first.split()
    body = await reader.readexactly(int(headers.get("content-length", "0")))
    return Request(method, target, headers, head + body, body)


def _parse_head(head: bytes) -> tuple[str, dict[str, str]]:
    first, *lines = head.decode("latin-1").rstrip().split("\r\n")
    pairs = (line.partition(":") for line in lines)
    return first, {name.lower(): value.strip() for name, _, value in pairs}


async def _body(reader: asyncio.StreamReader, headers: Mapping[str, str]) -> AsyncIterator[bytes]:
    """The body's bytes as they are on the wire, part by part, to its end."""
    if headers.get("transfer-encoding") == "chunked":
        size = -1
        while size:
            line = await reader.readline()
            if not line:
                raise Cut  # the API server has ended
            size = int(line.partition(b";")[0], 16)
            yield line + await reader.readexactly(size + len(b"\r\n"))
        return
    left = int(headers.get("content-length", "0"))
    while left:
        part = await reader.readexactly(min(left, LONGEST_HEAD))
        left -= len(part)
        yield part
