"""Commands in containers over WebSocket, against a small server: who knows whether they ran, and what they wrote."""

import asyncio
import json
import ssl
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from hack.cluster import pki
from tests.cluster_client.fake_api import FakeApi, breaks, hangs, replies
from tests.cluster_client.objects import status
from tests.cluster_client.scenario import play
from windlass.cluster.client import Client
from windlass.cluster.connection import Connection, StaticToken
from windlass.cluster.container_exec import ERROR, MOST_OUTPUT, PROTOCOLS, STDERR, STDOUT, Ran, shown_output
from windlass.cluster.errors import ApiError, Gone, Invalid, NotLeading, Refused, Transient

Speak = Callable[[web.WebSocketResponse], Awaitable[None]]
SUCCESS = {"metadata": {}, "status": "Success"}


def ended(code: int) -> dict[str, Any]:
    causes = [{"reason": "ExitCode", "message": str(code)}]
    message = f"command terminated with non-zero exit code: {code}"
    return {"status": "Failure", "reason": "NonZeroExitCode", "message": message, "details": {"causes": causes}}


def internal(message: str) -> dict[str, Any]:
    return {"status": "Failure", "reason": "InternalError", "code": 500, "message": message}


def serve(api: FakeApi, *messages: tuple[int, bytes | dict[str, Any]], then: Speak | None = None) -> None:
    """The next command's server says these by their channels, and closes."""

    async def handler(request: web.Request) -> web.StreamResponse:
        socket = web.WebSocketResponse(protocols=PROTOCOLS)
        await socket.prepare(request)
        for channel, said in messages:
            content = said if isinstance(said, bytes) else json.dumps(said).encode()
            await socket.send_bytes(bytes((channel,)) + content)
        if then is not None:
            await then(socket)
        await socket.close()
        return socket

    api.fail_next(handler)


async def execute(client: Client, seconds: float = 10.0) -> Ran:
    return await client.execute("shop", "web-1", "app", ("/bin/sh", "-c", "echo 'a b' & true\n"), seconds)


async def failed(client: Client, seconds: float = 10.0) -> ApiError:
    with pytest.raises(ApiError) as caught:
        await execute(client, seconds)
    return caught.value


def test_it_is_asked_for_as_the_api_has_it_with_who_we_are() -> None:
    async def scenario(api: FakeApi, _: Client) -> None:
        connection = Connection(api.url, "a test", token=StaticToken("secret"), impersonate="somebody")
        async with Client(connection) as client:
            serve(api, (ERROR, SUCCESS))
            assert await execute(client) == Ran(0, "")
        (asked,) = api.seen
        assert asked.path == "/api/v1/namespaces/shop/pods/web-1/exec"
        assert asked.query["container"] == "app"
        assert (asked.query["stdout"], asked.query["stderr"], "stdin" in asked.query) == ("true", "true", False)
        assert (asked.headers["Authorization"], asked.headers["Impersonate-User"]) == ("Bearer secret", "somebody")
        assert asked.headers["Sec-WebSocket-Protocol"].split(",") == list(PROTOCOLS)

    play(scenario)


def test_each_part_of_the_command_arrives_as_it_is() -> None:
    async def scenario(api: FakeApi, client: Client) -> None:
        arrived: list[str] = []

        async def handler(request: web.Request) -> web.StreamResponse:
            arrived.extend(request.query.getall("command"))
            return web.Response(status=404)

        api.fail_next(handler)
        await failed(client)
        assert arrived == ["/bin/sh", "-c", "echo 'a b' & true\n"]

    play(scenario)


@pytest.mark.parametrize(("said", "code"), [(SUCCESS, 0), (ended(3), 3), (ended(124), 124)])
def test_the_last_message_says_how_it_ended(said: dict[str, Any], code: int) -> None:
    async def scenario(api: FakeApi, client: Client) -> None:
        serve(api, (STDOUT, b"one\n"), (STDERR, b"two\n"), (STDOUT, b""), (ERROR, said))
        assert await execute(client) == Ran(code, "one\ntwo")

    play(scenario)


def test_the_end_of_what_it_wrote_is_kept_whole_characters_alone() -> None:
    async def scenario(api: FakeApi, client: Client) -> None:
        letters = ("begin " + "ä" * 5000).encode()
        pieces = [(STDOUT, letters[at : at + 7]) for at in range(0, len(letters), 7)]
        serve(api, *pieces, (ERROR, SUCCESS))
        ran = await execute(client)
        assert ran.output == "ä" * (MOST_OUTPUT // 2)

    play(scenario)


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        (b"  one\r\ntwo\tthree \n", "one\ntwo     three"),
        (b"\x1b[2Jgone\rback\x00", "\ufffd[2Jgone\ufffdback\ufffd"),
        ("x\u202ey".encode(), "x\ufffdy"),
        (b"\xff" * 3 + b"ok", "\ufffd\ufffd\ufffdok"),
        (b"", ""),
    ],
)
def test_nothing_that_it_wrote_moves_a_cursor(written: bytes, shown: str) -> None:
    assert shown_output(written) == shown


def test_no_more_bytes_are_kept_than_a_mark_has_room_for() -> None:
    assert len(shown_output("€".encode() * 1000).encode()) <= MOST_OUTPUT


# ---- it did not run


@pytest.mark.parametrize(
    ("code", "kind"),
    [(400, Invalid), (403, Refused), (404, Gone), (429, Transient), (500, Transient), (503, Transient)],
)
def test_who_is_refused_before_the_handshake_has_run_nothing_and_says_why(code: int, kind: type[ApiError]) -> None:
    async def scenario(api: FakeApi, client: Client) -> None:
        said = "container app is not valid for pod web-1"
        api.fail_next(replies(code, status(code, "NotFound" if code == 404 else "", said)))
        error = await failed(client)
        assert (type(error), error.code, error.lost) == (kind, code, False)
        assert error.detail == said
        assert str(error).startswith("running a command in container app of Pod shop/web-1: ")

    play(scenario)


def test_nobody_there_has_run_nothing() -> None:
    async def run() -> None:
        async with Client(Connection("http://127.0.0.1:1", "a test")) as client:
            error = await failed(client)
            assert isinstance(error, Transient)
            assert not error.lost

    asyncio.run(run())


def test_a_server_of_another_authority_is_not_told_what_to_run(tmp_path: Path) -> None:
    pki.create(tmp_path)
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(tmp_path / "kube-apiserver.crt", tmp_path / "kube-apiserver.key")

    async def run() -> None:
        async with FakeApi().running(tls) as api:
            other = Connection(api.url, "a test", ca=(tmp_path / "front-proxy-ca.crt").read_bytes())
            async with Client(other) as client:
                error = await failed(client)
                assert "certificate verify failed" in error.detail
                assert not error.lost
            api.url = api.url.replace("127.0.0.1", "localhost")
            named = replace(other, ca=(tmp_path / "ca.crt").read_bytes(), tls_server_name="kubernetes.default")
            serve(api, (ERROR, SUCCESS))
            async with Client(named) as client:
                assert await execute(client) == Ran(0, "")

    asyncio.run(run())


@pytest.mark.parametrize(
    "said",
    [
        'Internal error occurred: unable to upgrade connection: container not found ("app")',
        "Internal error occurred: error dialing backend: dial tcp 10.0.0.1:10250: connect: connection refused",
        "Internal error occurred: error executing command in container: failed to exec in container: failed to start "
        'exec "0a": OCI runtime exec failed: exec failed: unable to start container process: exec: "/bin/sh": stat '
        "/bin/sh: no such file or directory: unknown",
    ],
)
def test_where_the_node_says_that_it_began_nothing_nothing_has_run(said: str) -> None:
    async def scenario(api: FakeApi, client: Client) -> None:
        serve(api, (ERROR, internal(said)))
        error = await failed(client)
        assert (error.detail, error.code, error.lost) == (said, 500, False)

    play(scenario)


def test_it_is_not_asked_for_by_who_does_not_lead() -> None:
    async def scenario(api: FakeApi, client: Client) -> None:
        def fence() -> None:
            raise NotLeading("another one leads")

        client.fence = fence
        with pytest.raises(NotLeading):
            await execute(client)
        assert not api.seen

    play(scenario)


# ---- nobody knows


@pytest.mark.parametrize(
    "said",
    [
        internal("error reading from error stream: read tcp 10.0.0.1:10250: connection reset by peer"),
        {},
        b"not even JSON",
        {"status": "Failure", "details": {"causes": [{"reason": "ExitCode", "message": "?"}]}},
    ],
)
def test_an_end_that_says_nothing_of_the_command_says_nothing(said: dict[str, Any] | bytes) -> None:
    async def scenario(api: FakeApi, client: Client) -> None:
        serve(api, (STDOUT, b"begun"), (ERROR, said))
        assert (await failed(client)).lost

    play(scenario)


def test_where_the_connection_breaks_nobody_knows_to_which_end_it_ran() -> None:
    async def scenario(api: FakeApi, client: Client) -> None:
        async def broken(socket: web.WebSocketResponse) -> None:
            assert socket._req is not None
            assert socket._req.transport is not None
            socket._req.transport.abort()

        for then in (None, broken):
            serve(api, (STDOUT, b"begun"), then=then)
            error = await failed(client)
            assert isinstance(error, Transient)
            assert error.lost

    play(scenario)


def test_where_no_answer_comes_to_the_handshake_nobody_knows() -> None:
    async def scenario(api: FakeApi, client: Client) -> None:
        api.fail_next(breaks())
        assert (await failed(client)).lost
        assert len(api.seen) == 1, "it is not asked for again: it would run twice"
        api.fail_next(replies(502, "bad gateway"))
        assert (await failed(client)).lost
        api.fail_next(hangs())
        error = await failed(client, seconds=0.05)
        assert error.lost
        assert error.detail == "no word of its end within 0.05 s"

    play(scenario)


def test_after_its_time_nobody_knows() -> None:
    async def scenario(api: FakeApi, client: Client) -> None:
        async def silent(socket: web.WebSocketResponse) -> None:
            assert (await socket.receive()).type in (aiohttp.WSMsgType.CLOSE, aiohttp.WSMsgType.CLOSED)

        serve(api, (STDOUT, b"begun"), then=silent)
        error = await failed(client, seconds=0.1)
        assert error.lost

    play(scenario)
