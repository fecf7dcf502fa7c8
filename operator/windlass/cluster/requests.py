"""How one request becomes one reply or one error: who goes first, who we are, what is tried again, what is fenced."""

import asyncio
import random
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from windlass.cluster import errors
from windlass.cluster.authorization import Authorization
from windlass.cluster.connection import Connection
from windlass.cluster.errors import ApiError, Transient, Unauthorized
from windlass.cluster.http1 import Http1Transport
from windlass.cluster.limiter import Limiter
from windlass.cluster.resources import LEASES, Resource
from windlass.cluster.transport import MOST_BYTES, NoReply, Reply, Request, Stream, Transport
from windlass.cluster.wire import name_in
from windlass.planner.backoff import doubling

MOST_LIST_BYTES = 256 << 20  # of one page: 500 objects, each a hundred times as large as usual
MOST_ERROR_BYTES = 64 << 10  # of a watch that is refused
TRIES = 3
LONGEST_WAIT_SECONDS = 10.0  # for all pauses between the tries of one request
FIRST_PAUSE_SECONDS = 0.1  # then doubling; where the server names none

_GERUNDS = {
    "get": "reading",
    "list": "listing",
    "watch": "watching",
    "create": "creating",
    "delete": "deleting",
    "patch": "changing",
    "apply": "applying",
}


@dataclass(frozen=True, slots=True)
class Call:
    """A request in the API's terms."""

    verb: str
    method: str
    target: str  # path and query
    resource: Resource | None = None
    namespace: str | None = None
    name: str | None = None
    subresource: str | None = None
    body: bytes | None = None
    content_type: str | None = None
    bulk: bool = False

    @property
    def writes(self) -> bool:
        """Whether it is meant to change something."""
        return self.method != "GET"

    @property
    def doing(self) -> str:
        """Gerund and object, for messages."""
        if self.resource is None:
            return f"{_GERUNDS[self.verb]} {self.target}"
        part = f"{self.subresource} of " if self.subresource else ""
        name = self.name or (name_in(self.body) if self.body else None)
        where = "/".join(each for each in (self.namespace, name) if each)
        return f"{_GERUNDS[self.verb]} {part}{self.resource.kind} {where}".rstrip()

    @property
    def label(self) -> str:
        """The resource as RBAC writes it: "pods", "scalinggroups/status"; empty for plain paths."""
        plural = self.resource.plural if self.resource else ""
        return f"{plural}/{self.subresource}" if self.subresource else plural


class Requests:
    """The requests of one client to one API server.

    Reads are tried again after connection failures and 5xx; writes only after an answer that says they were not
    carried out (429 or 503 with Retry-After), so that a write happens once per call, or the error's `lost` says that
    it may have.
    """

    def __init__(
        self,
        connection: Connection,
        *,
        user_agent: str = "windlass",
        max_in_flight: int = 64,
        timeout: float = 30.0,
        most_bytes: int = MOST_LIST_BYTES,
        connect: Callable[[Connection, str], Transport] = Http1Transport,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self.connection = connection
        self.fence: Callable[[], None] | None = None
        self.observe: Callable[[str, str, int, float], None] | None = None
        self._user_agent = user_agent
        self._timeout = timeout
        self._most_bytes = most_bytes
        self._connect = connect
        self._sleep = sleep
        self._limiter = Limiter(max_in_flight)
        self._authorization = Authorization(connection.token, connection.impersonate)
        self._transport: Transport | None = None

    async def __aenter__(self) -> Self:
        self._transport = self._connect(self.connection, self._user_agent)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._transport is not None:
            await self._transport.close()

    async def reconnect(self, connection: Connection) -> None:
        """Go on by this connection; what is under way ends on the one before. ConfigurationError if it cannot be used:
        then all stays as it is."""
        before, self._transport = self._opened, self._connect(connection, self._user_agent)
        self.connection = connection
        self._authorization = Authorization(connection.token, connection.impersonate)
        await before.close()

    async def request(self, call: Call) -> bytes:
        """The reply's body; `ApiError` if there is none or it is not a success."""
        waited = 0.0
        pause: float | None
        attempt = 1
        while True:
            token = self._authorization.token
            try:
                return (await self._send(call)).body
            except Unauthorized:
                if attempt > 1 or not await self._authorization.renewed(token):
                    raise
                pause = 0.0
            except ApiError as error:
                pause = self._pause_before_retry(call, error, attempt)
                if pause is None or attempt == TRIES or waited + pause > LONGEST_WAIT_SECONDS:
                    raise
            attempt += 1
            waited += pause
            await self._sleep(pause)

    @asynccontextmanager
    async def stream(self, call: Call, silence: float) -> AsyncIterator[Stream]:
        """A reply that goes on; Transient if it breaks off or is silent for too long. Waits for no other request."""
        request = await self._prepare(call, silence)
        started = time.monotonic()
        code = 0
        try:
            async with self._opened.stream(request) as stream:
                code = stream.status
                self._report(call, code, started)
                await self._check(call, stream)
                yield stream
        except NoReply as error:
            if not code:
                self._report(call, code, started)
            raise Transient(f"{call.doing}: {error}", detail=str(error)) from error

    @property
    def _opened(self) -> Transport:
        if self._transport is None:
            raise RuntimeError("the client is used outside of its `async with`")
        return self._transport

    def _pause_before_retry(self, call: Call, error: ApiError, attempt: int) -> float | None:
        """Seconds until this may be tried again; None if it may not."""
        if not isinstance(error, Transient):
            return None
        if error.code in (429, 503) and error.retry_after is not None:
            # Those who were sent away together must not come back together.
            return error.retry_after * (1 + 0.1 * random.random())  # noqa: S311 — no secret
        if call.writes:
            return None
        pause = doubling(FIRST_PAUSE_SECONDS, attempt, LONGEST_WAIT_SECONDS)
        return pause * (1 + random.random())  # noqa: S311 — no secret

    async def _send(self, call: Call) -> Reply:
        queued = call.resource is not LEASES
        if queued:
            await self._limiter.acquire(bulk=call.bulk)
        try:
            reply = await self._exchange(call)
        finally:
            if queued:
                self._limiter.release(bulk=call.bulk)
        if reply.status >= 300:
            raise errors.from_reply(call.doing, reply.status, reply.headers, reply.body, writes=call.writes)
        return reply

    async def _exchange(self, call: Call) -> Reply:
        request = await self._prepare(call, self._timeout)
        started = time.monotonic()
        try:
            reply = await self._opened.send(request)
        except NoReply as error:
            self._report(call, 0, started)
            lost = call.writes and error.sent
            raise Transient(f"{call.doing}: {error}", detail=str(error), lost=lost) from error
        self._report(call, reply.status, started)
        return reply

    async def _prepare(self, call: Call, seconds: float) -> Request:
        headers = await self._authorization.headers()
        if call.content_type is not None:
            headers["Content-Type"] = call.content_type
        fence = self.fence if call.writes and call.resource is not LEASES else None
        most = MOST_LIST_BYTES if call.verb == "list" else MOST_BYTES
        return Request(call.method, call.target, headers, seconds, call.body, fence, min(most, self._most_bytes))

    async def _check(self, call: Call, stream: Stream) -> None:
        if stream.status < 300:
            return
        body = b""
        with suppress(TimeoutError):  # what has come by then is told
            async with asyncio.timeout(self._timeout):
                async for chunk in stream.chunks():
                    body += chunk
                    if len(body) > MOST_ERROR_BYTES:
                        break
        if stream.status == 401:
            await self._authorization.renewed(self._authorization.token)
        raise errors.from_reply(call.doing, stream.status, stream.headers, body, writes=False)

    def _report(self, call: Call, code: int, started: float) -> None:
        if self.observe is not None:
            self.observe(call.verb, call.label, code, time.monotonic() - started)
