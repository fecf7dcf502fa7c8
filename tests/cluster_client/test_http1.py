"""Connections: what is kept, what is not, and what is made of a reply that is not as it should be."""

import asyncio
import gc
import weakref
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any

import pytest

from windlass.cluster.connection import Connection
from windlass.cluster.http1 import Http1Transport
from windlass.cluster.transport import NoReply, Request

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
Scenario = Callable[["Server", Http1Transport], Awaitable[None]]


class Server:
    """Says what it was told to say, one answer per request; one that has no length ends the connection."""

    def __init__(self) -> None:
        self.answers: list[bytes] = []
        self.heads: list[str] = []
        self.connections = 0
        self.ended = 0

    @asynccontextmanager
    async def running(self) -> AsyncIterator[str]:
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        async with server:
            yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            while answer := await self._answer(reader):
                writer.write(answer)
                if b"Length" not in answer and b"chunked" not in answer:
                    break
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()
            self.ended += 1

    async def _answer(self, reader: asyncio.StreamReader) -> bytes:
        self.heads.append((await reader.readuntil(b"\r\n\r\n")).decode())
        return self.answers.pop(0) if self.answers else OK


def play(scenario: Scenario, **options: Any) -> None:
    async def run() -> None:
        server = Server()
        async with server.running() as url, asyncio.timeout(10):
            transport = Http1Transport(Connection(url, "a test"), "tests", **options)
            try:
                await scenario(server, transport)
            finally:
                await transport.close()

    asyncio.run(run())


def get(target: str = "/readyz", seconds: float = 5.0) -> Request:
    return Request("GET", target, {}, seconds)


async def until(reached: Callable[[], bool]) -> None:
    while not reached():
        await asyncio.sleep(0.001)


async def all_of(transport: Http1Transport, request: Request) -> bytes:
    async with transport.stream(request) as stream:
        return b"".join([chunk async for chunk in stream.chunks()])


def test_a_connection_serves_one_request_after_the_other() -> None:
    async def scenario(server: Server, transport: Http1Transport) -> None:
        for _ in range(3):
            assert (await transport.send(get())).body == b"ok"
        assert await all_of(transport, get()) == b"ok"
        assert server.connections == 1

    play(scenario)


def test_a_connection_that_has_ended_takes_no_memory() -> None:
    async def scenario(server: Server, transport: Http1Transport) -> None:
        await transport.send(get())
        line = weakref.ref(transport._idle[0])
        await transport.close()
        await until(lambda: server.ended == 1)
        await until(lambda: line() is None)

    gc.disable()
    try:
        play(scenario)
    finally:
        gc.enable()


def test_requests_at_once_have_connections_of_their_own() -> None:
    async def scenario(server: Server, transport: Http1Transport) -> None:
        await asyncio.gather(*(transport.send(get()) for _ in range(3)))
        assert server.connections == 3
        await asyncio.gather(*(transport.send(get()) for _ in range(3)))
        assert server.connections == 3

    play(scenario)


def test_a_connection_that_has_rested_too_long_is_not_used_again() -> None:
    async def scenario(server: Server, transport: Http1Transport) -> None:
        await transport.send(get())
        await transport.send(get())
        assert server.connections == 2
        await until(lambda: server.ended == 2)

    play(scenario, keep_alive_seconds=0.0)


def test_a_connection_that_rests_is_ended_in_time_though_nobody_asks_again() -> None:
    async def scenario(server: Server, transport: Http1Transport) -> None:
        await asyncio.gather(*(transport.send(get()) for _ in range(3)))
        await until(lambda: server.ended == 3)
        assert (await transport.send(get())).body == b"ok"
        await until(lambda: server.ended == 4)

    play(scenario, keep_alive_seconds=0.02)


def test_no_more_connections_rest_than_may() -> None:
    async def scenario(server: Server, transport: Http1Transport) -> None:
        await asyncio.gather(*(transport.send(get()) for _ in range(4)))
        await until(lambda: server.ended == 2)
        await asyncio.gather(*(transport.send(get()) for _ in range(2)))
        assert server.connections == 4
        assert server.ended == 2

    play(scenario, most_at_rest=2)


def test_a_connection_that_the_server_has_closed_is_not_used_again() -> None:
    async def scenario(server: Server, transport: Http1Transport) -> None:
        server.answers = [OK.replace(b"Content", b"Connection: close\r\nContent"), OK]
        await transport.send(get())
        await transport.send(get())
        assert server.connections == 2

    play(scenario)


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1;a=b\r\no\r\n1\r\nk\r\n0\r\n\r\n",
        b"HTTP/1.1 100 Continue\r\n\r\n" + OK,
        b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok",
    ],
)
def test_every_form_of_a_reply_is_understood(answer: bytes) -> None:
    async def scenario(server: Server, transport: Http1Transport) -> None:
        server.answers = [answer, answer]
        reply = await transport.send(get())
        assert (reply.status, reply.body) == (200, b"ok")
        assert await all_of(transport, get()) == b"ok"

    play(scenario)


def test_a_body_without_a_length_ends_with_its_connection() -> None:
    async def scenario(server: Server, transport: Http1Transport) -> None:
        server.answers = [b"HTTP/1.0 200 OK\r\n\r\nok"] * 2
        assert (await transport.send(get())).body == b"ok"
        assert await all_of(transport, get()) == b"ok"
        assert server.connections == 2

    play(scenario)


@pytest.mark.parametrize(
    ("answer", "sentence"),
    [
        (b"", "the connection broke before a reply came"),
        (b"SSH-2.0-OpenSSH_9.2\r\n", "the reply is not HTTP: "),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nnonsense", "the reply is not HTTP: "),
        (b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: h2c\r\n\r\n", "the reply is not HTTP: "),
    ],
)
def test_what_is_no_reply_is_told_and_the_request_may_have_been_heard(answer: bytes, sentence: str) -> None:
    async def scenario(server: Server, transport: Http1Transport) -> None:
        server.answers = [answer]
        with pytest.raises(NoReply, match=sentence) as caught:
            await transport.send(get())
        assert caught.value.sent
        assert (await transport.send(get())).body == b"ok"
        assert server.connections == 2

    play(scenario)


def test_a_reply_that_stops_half_way_is_given_up_in_time() -> None:
    async def scenario(server: Server, transport: Http1Transport) -> None:
        server.answers = [b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nok"] * 2
        with pytest.raises(NoReply, match=r"no reply from http://127.0.0.1:\d+ within 0.05 s"):
            await transport.send(get(seconds=0.05))
        with pytest.raises(NoReply, match=r"within 0.05 s"):
            await all_of(transport, get(seconds=0.05))
        await until(lambda: server.ended == 2)

    play(scenario)


def test_where_one_connection_is_dead_those_that_rest_are_not_tried_one_by_one() -> None:
    async def scenario(server: Server, transport: Http1Transport) -> None:
        await asyncio.gather(*(transport.send(get()) for _ in range(3)))
        server.answers = [b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nok"]
        with pytest.raises(NoReply):
            await transport.send(get(seconds=0.05))
        await until(lambda: server.ended == 3)
        assert (await transport.send(get())).body == b"ok"
        assert server.connections == 4

    play(scenario)


def test_bytes_that_nobody_asked_for_end_the_connection() -> None:
    async def scenario(server: Server, transport: Http1Transport) -> None:
        server.answers = [OK + OK]
        assert (await transport.send(get())).body == b"ok"
        await until(lambda: server.ended == 1)
        assert (await transport.send(get())).body == b"ok"
        assert server.connections == 2

    play(scenario)


def test_a_slow_reader_of_a_stream_does_not_make_us_hold_all_of_it() -> None:
    whole = 30 * 1024 * 1024

    async def scenario(server: Server, transport: Http1Transport) -> None:
        server.answers = [b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % whole + bytes(whole)]
        longest = read = 0
        async with transport.stream(get()) as stream:
            await asyncio.sleep(0.05)
            async for chunk in stream.chunks():
                longest, read = max(longest, len(chunk)), read + len(chunk)
        assert read == whole
        assert longest < 1024 * 1024

    play(scenario)


def test_a_request_that_is_given_up_takes_its_connection_along() -> None:
    async def scenario(server: Server, transport: Http1Transport) -> None:
        server.answers = [b"HTTP/1.1 200 OK\r\nContent-Length: 5"]
        asking = asyncio.create_task(transport.send(get()))
        await until(lambda: len(server.heads) == 1)
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking
        await until(lambda: server.ended == 1)

    play(scenario)


def test_nothing_is_sent_by_a_client_that_was_closed() -> None:
    async def scenario(server: Server, transport: Http1Transport) -> None:
        server.answers = [OK]
        asking = asyncio.create_task(transport.send(get()))
        await until(lambda: len(server.heads) == 1)
        await transport.close()
        await asking
        await until(lambda: server.ended == 1)
        with pytest.raises(NoReply, match="closed"):
            await transport.send(get())
        assert len(server.heads) == 1

    play(scenario)


@pytest.mark.parametrize(
    ("target", "headers"),
    [
        ("/a b\r\nX: y", {}),
        ("/a b", {}),
        ("/é", {}),
        ("/", {"Authorization": "Bearer a\nX: y"}),
        ("/", {"Authorization": "Bearer a\rX: y"}),
        ("/", {"Authorization": "Bearer a\x00"}),
        ("/", {"X: y\r\nZ": "z"}),
        ("/", {"": "z"}),
    ],
)
def test_no_header_can_be_smuggled_in(target: str, headers: dict[str, str]) -> None:
    async def scenario(server: Server, transport: Http1Transport) -> None:
        with pytest.raises(ValueError, match="characters that none may"):
            await transport.send(Request("GET", target, headers, 5.0))
        assert server.heads == []

    play(scenario)


def test_a_path_before_the_apis_own_is_kept() -> None:
    async def scenario(server: Server, transport: Http1Transport) -> None:
        async with server.running() as url:
            behind = Http1Transport(Connection(f"{url}/k8s/clusters/c-1/", "a gateway"), "tests")
            await behind.send(get("/api/v1/pods?limit=1"))
            await behind.close()
        assert server.heads[0].startswith("GET /k8s/clusters/c-1/api/v1/pods?limit=1 HTTP/1.1\r\n")

    play(scenario)


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (b"HTTP/1.1 200 OK\r\nX: " + b"x" * 400_000, "the reply's headers are larger than 65536 bytes"),
        (b"HTTP/1.1 100 Continue\r\n\r\n" * 20_000, "the reply's headers are larger than 65536 bytes"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 999999\r\n\r\n" + bytes(999_999), "reply is larger than 500000 bytes"),
        (b"HTTP/1.1 200 OK\r\nContent-Type: x\r\n\r\n" + bytes(999_999), "the reply is larger than 500000 bytes"),
    ],
    ids=["a header without end", "heads without end", "a body", "a body of no length"],
)
def test_a_reply_that_is_too_large_is_given_up(answer: bytes, said: str) -> None:
    async def scenario(server: Server, transport: Http1Transport) -> None:
        server.answers = [answer]
        with pytest.raises(NoReply, match=said):
            await transport.send(Request("GET", "/", {}, 5.0, most_bytes=500_000))

    play(scenario)


def test_a_reply_that_drips_is_given_up_when_its_time_is_over() -> None:
    async def drip(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError):
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n")
            while True:
                writer.write(b"x")
                await writer.drain()
                await asyncio.sleep(0.005)

    async def run() -> None:
        server = await asyncio.start_server(drip, "127.0.0.1", 0)
        async with server, asyncio.timeout(10):
            url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
            transport = Http1Transport(Connection(url, "a test"), "tests")
            with pytest.raises(NoReply, match=r"within 0.1 s"):
                await transport.send(get(seconds=0.1))
            await transport.close()

    asyncio.run(run())


def test_what_follows_the_body_of_a_stream_is_limited_like_its_head() -> None:
    async def scenario(server: Server, transport: Http1Transport) -> None:
        head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n"
        server.answers = [head + b"X: " + b"x" * 400_000]
        with pytest.raises(NoReply, match="the reply's headers are larger than 65536 bytes"):
            await all_of(transport, get())

    play(scenario)


def test_a_server_that_never_speaks_tls_is_given_up_in_time() -> None:
    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    async def run() -> None:
        server = await asyncio.start_server(silent, "127.0.0.1", 0)
        async with server, asyncio.timeout(10):
            url = f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}"
            transport = Http1Transport(Connection(url, "a test"), "tests", connect_seconds=0.05)
            with pytest.raises(NoReply, match=r"no connection to https://127.0.0.1:\d+ within 0.05 s") as caught:
                await transport.send(get())
            assert not caught.value.sent
            await transport.close()

    asyncio.run(run())
