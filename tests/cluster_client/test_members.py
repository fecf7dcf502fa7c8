"""Member clusters: whose client is whose, and what becomes of it when credentials change."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

import pytest
from aiohttp import web

from tests.cluster_client.fake_api import FakeApi, replies, until
from tests.cluster_client.scenario import every_write
from windlass.cluster.connection import ClientCertificate, Connection, StaticToken
from windlass.cluster.errors import ConfigurationError, NotLeading, Transient
from windlass.cluster.members import MOST_BYTES, MOST_IN_FLIGHT, Members
from windlass.cluster.resources import PODS

KEY, OTHER = ("shop", "eu-1"), ("shop", "eu-2")
Scenario = Callable[[FakeApi, Members], Awaitable[None]]


def play(scenario: Scenario, **options: Any) -> None:
    async def run() -> None:
        members = Members(**options)
        async with FakeApi().running() as api, asyncio.timeout(20):
            await scenario(api, members)
            await members.close()

    asyncio.run(run())


def by(api: FakeApi, token: str = "first") -> Connection:  # noqa: S107 — of nobody
    return Connection(api.url, "a kubeconfig", token=StaticToken(token))


class Held:
    """Answers as soon as it is let go; how many wait."""

    def __init__(self) -> None:
        self.waiting = 0
        self.let_go = asyncio.Event()

    async def __call__(self, request: web.Request) -> web.StreamResponse:
        self.waiting += 1
        await self.let_go.wait()
        return web.json_response({})


def test_a_client_is_kept_while_its_connection_is_the_same() -> None:
    async def scenario(api: FakeApi, members: Members) -> None:
        member = await members.member(KEY, by(api))
        assert await members.member(KEY, by(api)) is member
        assert await members.member(OTHER, by(api)) is not member

    play(scenario)


def test_who_is_at_work_goes_on_by_rotated_credentials() -> None:
    async def scenario(api: FakeApi, members: Members) -> None:
        held = Held()
        member = await members.member(KEY, by(api, "first"))
        api.fail_next(held)
        asking = asyncio.create_task(member.client.get_raw("/first"))
        await until(lambda: held.waiting == 1)
        assert await members.member(KEY, replace(by(api, "second"), source="another Secret")) is member
        held.let_go.set()
        await asking
        await member.client.get_raw("/api/v1/pods")
        assert [seen.headers["Authorization"] for seen in api.seen] == ["Bearer first", "Bearer second"]

    play(scenario)


def test_a_request_that_was_refused_while_credentials_were_rotated_is_sent_again_with_the_new_ones() -> None:
    async def scenario(api: FakeApi, members: Members) -> None:
        member = await members.member(KEY, by(api, "first"))

        async def rotated(request: web.Request) -> web.StreamResponse:
            await members.member(KEY, by(api, "second"))
            return await replies(401)(request)

        api.fail_next(rotated)
        await member.client.get_raw("/api/v1/pods")
        assert [seen.headers["Authorization"] for seen in api.seen] == ["Bearer first", "Bearer second"]

    play(scenario)


@pytest.mark.parametrize("change", [{"ca": None}, {"impersonate": "eve"}, {"tls_server_name": "a"}, {"server": ""}])
def test_another_address_or_identity_is_another_member_and_who_is_at_work_ends_where_he_began(
    change: dict[str, Any],
) -> None:
    async def scenario(api: FakeApi, members: Members) -> None:
        held = Held()
        before = replace(by(api), ca=b"unused without TLS")
        member = await members.member(KEY, before)
        api.fail_next(held)
        asking = asyncio.create_task(member.client.get_raw("/first"))
        await until(lambda: held.waiting == 1)
        other = await members.member(KEY, replace(before, **change))
        assert other is not member
        assert other.discovery is not member.discovery
        held.let_go.set()
        await asking
        await member.client.get_raw("/api/v1/pods")
        assert "Impersonate-User" not in api.seen[-1].headers

    play(scenario)


def test_credentials_that_cannot_be_used_are_told_and_the_ones_before_stay() -> None:
    async def scenario(api: FakeApi, members: Members) -> None:
        before = Connection("https://127.0.0.1:1", "a kubeconfig", token=StaticToken("first"))
        member = await members.member(KEY, before)
        with pytest.raises(ConfigurationError):
            await members.member(KEY, replace(before, certificate=ClientCertificate(b"none", b"none")))
        assert await members.member(KEY, before) is member

    play(scenario)


def test_a_member_that_is_forgotten_is_asked_for_nothing_more() -> None:
    async def scenario(api: FakeApi, members: Members) -> None:
        held = Held()
        member, other = await members.member(KEY, by(api)), await members.member(OTHER, by(api))
        api.fail_next(held)
        asking = asyncio.create_task(member.client.get_raw("/first"))
        await until(lambda: held.waiting == 1)
        await members.forget(KEY)
        await members.forget(KEY)
        held.let_go.set()
        await asking
        with pytest.raises(Transient, match="the client was closed"):
            await member.client.create(PODS, "default", {})
        await other.client.get_raw("/api/v1/pods")
        assert await members.member(KEY, by(api)) is not member

    play(scenario)


def test_all_are_closed_at_the_end() -> None:
    async def scenario(api: FakeApi, members: Members) -> None:
        found = [await members.member(key, by(api)) for key in (KEY, OTHER)]
        await members.close()
        for member in found:
            with pytest.raises(Transient, match="the client was closed"):
                await member.client.create(PODS, "default", {})

    play(scenario)


def test_nothing_is_written_to_a_member_while_another_may_lead() -> None:
    def fence() -> None:
        raise NotLeading("another replica may lead")

    async def scenario(api: FakeApi, members: Members) -> None:
        member = await members.member(KEY, by(api))
        for outcome in await every_write(member.client):
            assert isinstance(outcome, NotLeading)
        assert api.seen == []

    play(scenario, fence=fence)


def test_requests_are_observed() -> None:
    seen: list[tuple[str, str, int]] = []

    async def scenario(api: FakeApi, members: Members) -> None:
        await (await members.member(KEY, by(api))).client.get_raw("/api/v1/pods")

    play(scenario, observe=lambda verb, resource, code, _: seen.append((verb, resource, code)))
    assert seen == [("get", "", 200)]


def test_a_member_that_does_not_answer_is_asked_for_eight_things_at_once_and_holds_up_no_other() -> None:
    async def scenario(api: FakeApi, members: Members) -> None:
        held = Held()
        slow, quick = await members.member(KEY, by(api)), await members.member(OTHER, by(api))
        asking = []
        for _ in range(MOST_IN_FLIGHT + 3):
            api.fail_next(held)
            asking.append(asyncio.create_task(slow.client.get_raw("/slow")))
        await until(lambda: held.waiting == MOST_IN_FLIGHT)
        api.faults.clear()
        await quick.client.get_raw("/api/v1/pods")
        assert held.waiting == MOST_IN_FLIGHT
        held.let_go.set()
        await asyncio.gather(*asking, return_exceptions=True)

    play(scenario)


def test_a_member_cannot_fill_our_memory() -> None:
    async def scenario(api: FakeApi, members: Members) -> None:
        member = await members.member(KEY, by(api))
        api.fail_next(replies(200, b" " * (MOST_BYTES + 1)), "PATCH")
        with pytest.raises(Transient, match=f"the reply is larger than {MOST_BYTES} bytes"):
            await member.client.merge_patch(PODS, "default", "web-1", {})

    play(scenario)


def test_a_member_at_an_address_of_this_machine_is_not_connected_to_unless_it_may_be() -> None:
    async def scenario(api: FakeApi, members: Members) -> None:
        member = await members.member(KEY, replace(by(api), local_addresses=False))
        with pytest.raises(Transient, match=r"it is at 127.0.0.1, a loopback address: no member cluster may be there"):
            await member.client.merge_patch(PODS, "default", "web-1", {})
        assert api.seen == []

    play(scenario)


# ---- which cluster it is


def test_a_cluster_is_known_by_its_namespace_kube_system() -> None:
    async def scenario(api: FakeApi, members: Members) -> None:
        member = await members.member(KEY, by(api))
        api.fail_next(replies(200, {"metadata": {"name": "kube-system", "uid": "0a1b-2c"}}))
        assert await member.cluster_uid() == "0a1b-2c"
        assert api.seen[0].path == "/api/v1/namespaces/kube-system"

    play(scenario)


def test_a_cluster_says_its_version() -> None:
    async def scenario(api: FakeApi, members: Members) -> None:
        member = await members.member(KEY, by(api))
        api.fail_next(replies(200, {"major": "1", "gitVersion": "v1.36.0-rc.1+k3s1"}))
        assert await member.version() == "v1.36.0-rc.1+k3s1"
        assert api.seen[0].path == "/version"

    play(scenario)


@pytest.mark.parametrize(
    "body",
    [
        {},
        [],
        "<html>",
        {"metadata": {}, "gitVersion": 5},
        {"metadata": {"uid": ""}, "gitVersion": ""},
        {"metadata": {"uid": 5}, "gitVersion": None},
        {"metadata": {"uid": "a\n"}, "gitVersion": "v1\n"},
        {"metadata": {"uid": "../x"}, "gitVersion": "v1/../x"},
        {"metadata": {"uid": "\x1b[2J"}, "gitVersion": "v\x1b[2J"},
        {"metadata": {"uid": "a" * 65}, "gitVersion": "v" + "1" * 64},
    ],
    ids=str,
)
def test_a_reply_that_makes_no_sense_is_told_and_is_never_another_cluster(body: Any) -> None:
    async def scenario(api: FakeApi, members: Members) -> None:
        member = await members.member(KEY, by(api))
        for ask in (member.cluster_uid, member.version):
            api.fail_next(replies(200, body))
            with pytest.raises(Transient, match="the reply makes no sense: ") as caught:
                await ask()
            assert str(caught.value).isprintable()

    play(scenario)
