"""Bytes to an API server and back. The one module that knows which HTTP library does it."""

import ssl
import tempfile
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import aiohttp
from yarl import URL

from windlass.cluster.connection import ClientCertificate, Connection
from windlass.cluster.errors import ConfigurationError

CONNECT_SECONDS = 10.0
# The API server closes a connection after 90 s of silence (IdleTimeout in its secure_serving.go). Ours is shorter, or
# a request could be sent down a connection that is being closed.
KEEP_ALIVE_SECONDS = 60.0
READ_BUFFER_BYTES = 256 * 1024


@dataclass(frozen=True, slots=True)
class Request:
    """One HTTP request. `target` is path and query, escaped.

    `seconds` limits the whole exchange; for a stream, the connecting and each silence. `before_write` is called when
    the connection stands and nothing has been written; what it raises ends the request there.
    """

    method: str
    target: str
    headers: Mapping[str, str]
    seconds: float
    body: bytes | None = None
    before_write: Callable[[], None] | None = None


@dataclass(frozen=True, slots=True)
class Reply:
    """A whole reply."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Stream(Protocol):
    """A reply whose body arrives bit by bit."""

    status: int
    headers: Mapping[str, str]

    def chunks(self) -> AsyncIterator[bytes]:
        """What has arrived, as it arrives. NoReply if the connection breaks or is silent for too long."""


class NoReply(Exception):  # noqa: N818 — not always an error: whether it is, the caller knows
    """There was no whole reply; the message is a clause. `sent`: the server may have acted on the request."""

    def __init__(self, message: str, *, sent: bool) -> None:
        super().__init__(message)
        self.sent = sent


class Transport(Protocol):
    """How requests reach one API server."""

    async def send(self, request: Request) -> Reply:
        """Exchange one request; NoReply if that fails. Never sends anything twice."""

    def stream(self, request: Request) -> AbstractAsyncContextManager[Stream]:
        """Send a request and read the reply as it comes."""

    async def close(self) -> None:
        """End all connections."""


class AiohttpTransport:
    """HTTP/1.1 with kept-alive connections, by aiohttp. How many there are at once is the caller's business."""

    def __init__(self, connection: Connection, user_agent: str) -> None:
        self._server = connection.server
        self._server_name = connection.tls_server_name
        tls = tls_context(connection) if connection.server.startswith("https:") else False
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0, ssl=tls, keepalive_timeout=KEEP_ALIVE_SECONDS),
            cookie_jar=aiohttp.DummyCookieJar(),
            request_class=_OnceOnly,
            read_bufsize=READ_BUFFER_BYTES,
            # Compressing costs an API server more than the network between machines of one cluster does.
            headers={"User-Agent": user_agent, "Accept": "application/json", "Accept-Encoding": "identity"},
        )

    async def send(self, request: Request) -> Reply:
        """Exchange one request."""
        limits = aiohttp.ClientTimeout(total=request.seconds, sock_connect=min(CONNECT_SECONDS, request.seconds))
        async with self._exchange(request, limits) as response:
            return Reply(response.status, response.headers, await response.read())

    @asynccontextmanager
    async def stream(self, request: Request) -> AsyncIterator[Stream]:
        """Send a request and read the reply as it comes."""
        limits = aiohttp.ClientTimeout(sock_connect=min(CONNECT_SECONDS, request.seconds), sock_read=request.seconds)
        async with self._exchange(request, limits) as response:
            yield _AiohttpStream(response, request)

    async def close(self) -> None:
        """End all connections."""
        await self._session.close()

    @asynccontextmanager
    async def _exchange(self, request: Request, limits: aiohttp.ClientTimeout) -> AsyncIterator[aiohttp.ClientResponse]:
        attempt = _Attempt(request.before_write)
        _ATTEMPT.set(attempt)
        try:
            async with self._session.request(
                request.method,
                URL(self._server + request.target, encoded=True),
                headers=request.headers,
                data=request.body,
                timeout=limits,
                allow_redirects=False,
                server_hostname=self._server_name,
            ) as response:
                yield response
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise NoReply(_clause(error, self._server, request.seconds), sent=attempt.sent) from error


class _AiohttpStream:
    def __init__(self, response: aiohttp.ClientResponse, request: Request) -> None:
        self.status = response.status
        self.headers: Mapping[str, str] = response.headers
        self._content = response.content

    async def chunks(self) -> AsyncIterator[bytes]:
        while chunk := await self._content.readany():
            yield chunk


class _Attempt:
    """What one request's exchange has come to; shared with aiohttp's request object, which we do not make ourselves."""

    __slots__ = ("before_write", "sent")

    def __init__(self, before_write: Callable[[], None] | None) -> None:
        self.before_write = before_write
        self.sent = False


_ATTEMPT: ContextVar[_Attempt] = ContextVar("_ATTEMPT")


class _OnceOnly(aiohttp.ClientRequest):
    """A request that is written once: aiohttp by itself repeats a GET or DELETE whose connection breaks.

    A repeated DELETE would escape `before_write`, and be reported as if it had been the first.
    """

    async def send(self, conn: "aiohttp.connector.Connection") -> aiohttp.ClientResponse:
        attempt = _ATTEMPT.get()
        if attempt.sent:
            raise aiohttp.ClientPayloadError("the connection broke before a reply came")
        if attempt.before_write is not None:
            attempt.before_write()
        attempt.sent = True
        return await super().send(conn)


def tls_context(connection: Connection) -> ssl.SSLContext:
    """What to trust and what to show. ConfigurationError if the certificates cannot be used."""
    authorities = connection.ca.decode("ascii", "ignore") if connection.ca else None
    try:
        context = ssl.create_default_context(cadata=authorities)
        if connection.certificate is not None:
            _load_certificate(context, connection.certificate)
    except ssl.SSLError as error:
        raise ConfigurationError(f"loading the certificates of {connection.source}: {error}") from error
    # Python 3.13 began to refuse authorities without an Authority Key Identifier; clusters will have them for years.
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    if not connection.verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


def _load_certificate(context: ssl.SSLContext, certificate: ClientCertificate) -> None:
    # OpenSSL reads these from files only; the directory is readable by us alone and gone at once.
    with tempfile.TemporaryDirectory(prefix="windlass-") as directory:
        chain, key = Path(directory, "chain.pem"), Path(directory, "key.pem")
        chain.write_bytes(certificate.chain)
        key.write_bytes(certificate.key)
        context.load_cert_chain(chain, key)


def _clause(error: BaseException, server: str, seconds: float) -> str:
    if isinstance(error, aiohttp.ConnectionTimeoutError):
        return f"no connection to {server} within {min(CONNECT_SECONDS, seconds):g} s"
    if isinstance(error, TimeoutError):
        return f"no reply from {server} within {seconds:g} s"
    if isinstance(error, aiohttp.ClientConnectorError):
        return f"no connection to {server}: {error.os_error.strerror or error.os_error}"
    if isinstance(error, aiohttp.ServerDisconnectedError):
        return "the connection broke before a reply came"
    return f"the exchange with {server} broke: {error}"
