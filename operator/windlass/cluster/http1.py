"""HTTP/1.1 over asyncio: kept-alive connections, one exchange at a time on each.

aiohttp takes several times the CPU for the same exchange (docs/benchmarks.md), and requests are what a controller of
thousands of Pods spends its time on. Parsing is left to httptools (llhttp, the parser of Node.js).
"""

import asyncio
import re
import ssl
from collections import deque
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import cast
from urllib.parse import urlsplit

import httptools
from aiohappyeyeballs import start_connection

from windlass.cluster.addresses import Addresses
from windlass.cluster.connection import Connection
from windlass.cluster.transport import NoReply, Reply, Request, Stream, tls_context

CONNECT_SECONDS = 10.0  # until the name was looked up and TLS was agreed on
# The API server closes a connection after 90 s of silence (IdleTimeout in its secure_serving.go). Ours is shorter, or
# a request could be sent down a connection that is being closed.
KEEP_ALIVE_SECONDS = 60.0
HEAD_SECONDS = 30.0  # of a stream: an API server sends status and headers before it has anything to tell
MOST_HEAD_BYTES = 64 << 10
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_TARGET, _VALUE = re.compile(r"[!-~]+"), re.compile(r"[ -~]*")
_HAPPY_EYEBALLS_SECONDS = 0.25  # RFC 8305 recommends it


class Http1Transport:
    """HTTP/1.1 with kept-alive connections. How many are at work at once is the caller's business.

    `most_at_rest`: how many are kept that rest; None: all.
    """

    def __init__(
        self,
        connection: Connection,
        user_agent: str,
        *,
        connect_seconds: float = CONNECT_SECONDS,
        keep_alive_seconds: float = KEEP_ALIVE_SECONDS,
        most_at_rest: int | None = None,
    ) -> None:
        parts = urlsplit(connection.server)
        self._server = connection.server
        self._tls = tls_context(connection) if parts.scheme == "https" else None
        host = parts.hostname or ""
        port = parts.port or (443 if self._tls else 80)
        self._addresses = Addresses(host, port, local=connection.local_addresses)
        self._server_name = (connection.tls_server_name or host) if self._tls else None
        self._path = parts.path.rstrip("/")
        # Compressing costs an API server more than the network between machines of one cluster does.
        self._common = (
            f" HTTP/1.1\r\nHost: {parts.netloc}\r\nUser-Agent: {user_agent}\r\n"
            "Accept: application/json\r\nAccept-Encoding: identity\r\n"
        )
        self._idle: deque[_Exchanges] = deque()  # the one used last is at the end, and is used next
        self._connect_seconds = connect_seconds
        self._keep_alive_seconds = keep_alive_seconds
        self._most_at_rest = most_at_rest
        self._sweeping: asyncio.TimerHandle | None = None
        self._closed = False

    async def send(self, request: Request) -> Reply:
        """Exchange one request."""
        line = await self._begin(request)
        try:
            line.limit(request.seconds, self._no_reply(request.seconds))
            body = await line.whole_body()
            return Reply(line.status, line.headers if line.status >= 300 else {}, body)
        except NoReply:
            self._drop_rested_before(line.begun_at)
            raise
        finally:
            self._end(line)

    @asynccontextmanager
    async def stream(self, request: Request) -> AsyncIterator[Stream]:
        """Send a request and read the reply as it comes."""
        line = await self._begin(request)
        try:
            seconds = min(request.seconds, HEAD_SECONDS)
            line.limit(seconds, self._no_reply(seconds))
            await line.head()
            yield _Http1Stream(line, request.seconds, self._no_reply(request.seconds))
        except NoReply:
            self._drop_rested_before(line.begun_at)
            raise
        finally:
            self._end(line)

    async def close(self) -> None:
        """End the connections; those at work end with their exchange, and no other begins."""
        self._closed = True
        if self._sweeping is not None:
            self._sweeping.cancel()
        while self._idle:
            self._idle.pop().abort()

    async def _begin(self, request: Request) -> "_Exchanges":
        message = self._message(request)
        if self._closed:
            raise NoReply("the client was closed", sent=False)
        line = self._kept_alive() or await self._connected(request.seconds)
        try:
            if request.before_write is not None:
                request.before_write()
            line.begin(message, request.most_bytes)
        except BaseException:
            self._end(line)
            raise
        return line

    def _end(self, line: "_Exchanges") -> None:
        if not line.rest() or self._closed:
            line.abort()
            return
        self._idle.append(line)
        if self._most_at_rest is not None and len(self._idle) > self._most_at_rest:
            self._idle.popleft().abort()
        if self._sweeping is None:
            self._sweep()

    def _sweep(self) -> None:
        """End the connections that have rested too long, now and whenever the next one will have."""
        loop = asyncio.get_running_loop()
        self._drop_rested_before(loop.time() - self._keep_alive_seconds)
        due = self._idle[0].rests_since + self._keep_alive_seconds if self._idle else None
        self._sweeping = loop.call_at(due, self._sweep) if due is not None else None

    def _message(self, request: Request) -> bytes:
        fields = [f"{name}: {value}\r\n" for name, value in request.headers.items()]
        if request.body is not None:
            fields.append(f"Content-Length: {len(request.body)}\r\n")
        head = f"{request.method} {self._path}{request.target}{self._common}{''.join(fields)}\r\n"
        if not _plain(request):
            raise ValueError(f"the target or a header of a request holds characters that none may: {request.target!r}")
        return head.encode("ascii") + (request.body or b"")

    def _kept_alive(self) -> "_Exchanges | None":
        self._drop_rested_before(asyncio.get_running_loop().time() - self._keep_alive_seconds)
        while self._idle:
            line = self._idle.pop()
            if line.is_open:
                return line
        return None

    def _drop_rested_before(self, time: float) -> None:
        """Where one connection was lost without a word, those that rest since before may be lost as well: each of them
        would cost a request its whole time limit."""
        while self._idle and self._idle[0].rests_since <= time:
            self._idle.popleft().abort()

    async def _connected(self, seconds: float) -> "_Exchanges":
        limit = min(self._connect_seconds, seconds)
        try:
            async with asyncio.timeout(limit):
                found = await self._addresses.found()
                connected = await start_connection(found, happy_eyeballs_delay=_HAPPY_EYEBALLS_SECONDS)
                _, line = await asyncio.get_running_loop().create_connection(
                    _Exchanges, sock=connected, ssl=self._tls, server_hostname=self._server_name
                )
        except TimeoutError as error:
            raise NoReply(f"no connection to {self._server} within {limit:g} s", sent=False) from error
        except OSError as error:
            raise NoReply(f"no connection to {self._server}: {_why(error)}", sent=False) from error
        return line

    def _no_reply(self, seconds: float) -> str:
        return f"no reply from {self._server} within {seconds:g} s"


class _Exchanges(asyncio.Protocol):
    """The exchanges on one connection, one after the other. httptools calls the methods that begin with `on_`."""

    def __init__(self) -> None:
        self.is_open = False
        self.rests_since = self.begun_at = 0.0
        self.status = 0
        self._loop = asyncio.get_running_loop()
        self._begun = self._head_read = self._complete = self._keep_alive = False
        self._came = self._most_bytes = 0
        self._headers: list[tuple[bytes, bytes]] = []
        self._body: list[bytes] = []
        self.on_body = self._body.append  # the parser calls it for every event of a watch
        self._parser = httptools.HttpResponseParser(self)
        self._bit_by_bit = False  # the body is read as it comes, and no faster than it is taken
        self._trouble: NoReply | None = None
        self._waiter: asyncio.Future[None] | None = None
        self._timer: asyncio.TimerHandle | None = None

    @property
    def headers(self) -> dict[str, str]:
        """The reply's, by name in title case."""
        return {name.decode("latin-1").title(): value.decode("latin-1") for name, value in self._headers}

    # ---- for the transport

    def begin(self, message: bytes, most_bytes: int) -> None:
        """Write a request; NoReply if the connection is known to be gone: then nothing was sent.

        `most_bytes`: a larger reply is given up, unless it is read bit by bit.
        """
        if not self.is_open:
            raise NoReply("the connection broke before anything was sent", sent=False)
        self._begun = True
        self._came, self._most_bytes = 0, most_bytes
        self.begun_at = self._loop.time()
        self._transport.write(message)

    def limit(self, seconds: float, message: str) -> None:
        """Give up, with this message, when so much time has passed from now."""
        self.unlimit()
        self._timer = self._loop.call_later(seconds, self._fail, message)

    def unlimit(self) -> None:
        """Take the limit away."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    async def head(self) -> None:
        """Until status and headers are here; the body is read bit by bit then."""
        self._bit_by_bit = True
        self._limit_tls_buffer(1, 0)
        while not self._head_read:
            await self._more()
        self.unlimit()

    async def whole_body(self) -> bytes:
        """The reply's body when all of it is here."""
        while not self._complete:
            await self._more()
        return b"".join(self._body)

    async def next_chunk(self) -> bytes:
        """What has come of the body since the last call, at least one byte; empty at its end."""
        while not self._body and not self._complete:
            if self.is_open:
                self._transport.resume_reading()
            await self._more()
        chunk = b"".join(self._body)
        self._body.clear()
        return chunk

    def rest(self) -> bool:
        """The exchange is over: whether another one may follow on this connection."""
        self.unlimit()
        reusable = self.is_open and (not self._begun or (self._complete and self._keep_alive))
        self._begun = self._head_read = self._complete = False
        self._headers, self._bit_by_bit = [], False
        self._body.clear()
        if reusable:
            self._limit_tls_buffer()
            self._transport.resume_reading()
        self.rests_since = self._loop.time()
        return reusable

    def abort(self) -> None:
        """End the connection at once."""
        self.unlimit()
        if self.is_open:
            self.is_open = False
            self._transport.abort()

    # ---- for asyncio

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self.is_open = True

    def data_received(self, data: bytes) -> None:
        if not self._begun or self._complete:
            self.abort()  # more than was asked for: whose reply it is, nobody knows
            return
        self._came += len(data)
        if not self._bit_by_bit and self._came > self._most_bytes:
            self._fail(f"the reply is larger than {self._most_bytes} bytes")
            return
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as error:
            self._fail(f"the reply is not HTTP: {error}")
        if self._bit_by_bit and self._body:
            self._came = 0  # what is between two pieces of a body is limited as the head is, and so is what follows it
            if self.is_open:
                self._transport.pause_reading()
                self._wake()
        elif (self._bit_by_bit or not self._head_read) and self._came > MOST_HEAD_BYTES:
            self._fail(f"the reply's headers are larger than {MOST_HEAD_BYTES} bytes")

    def connection_lost(self, error: Exception | None) -> None:
        self.is_open = False
        if self._trouble is None and self._head_read and error is None and self._ends_with_connection():
            self.on_message_complete()
        elif self._head_read:
            self._fail(f"the exchange broke: {_why(error) if error else 'the reply was cut short'}")
        else:
            self._fail("the connection broke before a reply came")
        del self._parser  # each holds the other: what a connection takes would stay until the cycle is looked for

    def _ends_with_connection(self) -> bool:
        return not {"Content-Length", "Transfer-Encoding"} & self.headers.keys()

    # ---- for the parser

    def on_message_begin(self) -> None:
        if self._complete:
            raise RuntimeError("a second reply to one request")  # makes feed_data fail

    def on_header(self, name: bytes, value: bytes) -> None:
        self._headers.append((name, value))

    def on_headers_complete(self) -> None:
        self.status = self._parser.get_status_code()
        self._head_read = self.status >= 200
        if self._bit_by_bit:
            self._wake()

    def on_message_complete(self) -> None:
        if not self._head_read:  # "100 Continue" and the like go before the reply
            self._headers = []
            return
        self._complete = True
        self._keep_alive = self._parser.should_keep_alive()
        self._wake()

    # ---- waiting

    def _limit_tls_buffer(self, *limits: int) -> None:
        """Whether TLS too leaves in the kernel what nobody reads yet: taking it record by record is half the work.

        Without numbers it buffers as usual. A connection without TLS has no buffer of its own.
        """
        set_limits = getattr(self._transport, "set_read_buffer_limits", None)
        if set_limits is not None:
            set_limits(*limits)

    async def _more(self) -> None:
        if self._trouble is not None:
            raise self._trouble
        self._waiter = self._loop.create_future()
        await self._waiter

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def _fail(self, message: str) -> None:
        if not self._complete:
            self._trouble = self._trouble or NoReply(message, sent=True)
        self.abort()
        self._wake()


class _Http1Stream:
    def __init__(self, line: _Exchanges, silence: float, message: str) -> None:
        self.status = line.status
        self.headers: Mapping[str, str] = line.headers
        self._line = line
        self._silence = silence, message

    async def chunks(self) -> AsyncIterator[bytes]:
        while True:
            self._line.limit(*self._silence)
            chunk = await self._line.next_chunk()
            self._line.unlimit()
            if not chunk:
                return
            yield chunk


def _plain(request: Request) -> bool:
    """Whether all parts hold only what RFC 9110 and 9112 let them: no end of a line above all."""
    fields = request.headers.items()
    return bool(
        _TOKEN.fullmatch(request.method)
        and _TARGET.fullmatch(request.target)
        and all(_TOKEN.fullmatch(name) and _VALUE.fullmatch(value) for name, value in fields)
    )


def _why(error: BaseException) -> str:
    if isinstance(error, ssl.SSLError):
        return str(error)
    return (error.strerror if isinstance(error, OSError) else None) or str(error) or type(error).__name__
