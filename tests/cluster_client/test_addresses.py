"""Where a host is, and where no member cluster may be."""

import asyncio
import socket
import threading
from collections.abc import Callable, Coroutine
from ipaddress import ip_address
from typing import Any

import pytest

from windlass.cluster.addresses import Addresses, why_no_member
from windlass.cluster.connection import Connection
from windlass.cluster.http1 import Http1Transport
from windlass.cluster.transport import NoReply, Request

NAME = "member.example.test"


def named(*addresses: str) -> Callable[..., list[Any]]:
    """Stands in for the system's look-up: the name is at these addresses."""

    def look_up(host: str, port: int, **_: Any) -> list[Any]:
        assert host == NAME
        return [(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", (each, port)) for each in addresses]

    return look_up


def run(scenario: Callable[[], Coroutine[Any, Any, None]]) -> None:
    async def limited() -> None:
        async with asyncio.timeout(10):
            await scenario()

    asyncio.run(limited())


@pytest.mark.parametrize(
    ("address", "what"),
    [
        ("127.0.0.1", "a loopback address"),
        ("127.255.255.254", "a loopback address"),
        ("::1", "a loopback address"),
        ("::ffff:127.0.0.1", "a loopback address"),
        ("::7f00:1", "a loopback address"),
        ("2002:7f00:1::1", "a loopback address"),
        ("64:ff9b::7f00:1", "a loopback address"),
        ("0.0.0.0", "an unspecified address"),  # noqa: S104 — nothing is bound
        ("0.255.255.255", "an unspecified address"),
        ("::", "an unspecified address"),
        ("::ffff:0.0.0.0", "an unspecified address"),
        ("169.254.0.1", "a link-local address"),
        ("fe80::1", "a link-local address"),
        ("febf::1", "a link-local address"),
        ("169.254.169.254", "the address of a cloud's metadata"),
        ("::ffff:169.254.169.254", "the address of a cloud's metadata"),
        ("fd00:ec2::254", "the address of a cloud's metadata"),
        ("224.0.0.1", "a multicast address"),
        ("ff02::1", "a multicast address"),
        ("240.0.0.1", "a reserved address"),
        ("255.255.255.255", "a reserved address"),
    ],
)
def test_no_member_may_be_where_only_this_machine_reaches(address: str, what: str) -> None:
    assert why_no_member(ip_address(address)) == what


@pytest.mark.parametrize(
    "address",
    [
        "10.0.0.1",
        "172.16.0.1",
        "192.168.1.1",
        "100.64.0.1",
        "8.8.8.8",
        "fd00::1",
        "2001:db8::1",
        "::ffff:10.0.0.1",
        "64:ff9b::a00:1",
    ],
)
def test_members_may_be_anywhere_else(address: str) -> None:
    assert why_no_member(ip_address(address)) is None


@pytest.mark.parametrize("addresses", [["127.0.0.1"], ["10.0.0.1", "169.254.169.254"], ["::1"], ["fe80::1%lo"]])
def test_a_name_that_leads_to_this_machine_is_found_out_when_it_is_connected_to(
    monkeypatch: pytest.MonkeyPatch, addresses: list[str]
) -> None:
    monkeypatch.setattr(socket, "getaddrinfo", named(*addresses))

    async def scenario() -> None:
        transport = Http1Transport(Connection(f"https://{NAME}", "a test", local_addresses=False), "tests")
        with pytest.raises(
            NoReply, match=f"no connection to https://{NAME}: it is at .*no member cluster may"
        ) as caught:
            await transport.send(Request("GET", "/", {}, 5.0))
        assert not caught.value.sent

    run(scenario)


def test_a_name_is_looked_up_for_each_connection_so_that_it_cannot_lead_elsewhere_later(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def scenario() -> None:
        addresses = Addresses(NAME, 443, local=False)
        monkeypatch.setattr(socket, "getaddrinfo", named("10.0.0.1"))
        assert [place for *_, place in await addresses.found()] == [("10.0.0.1", 443)]
        monkeypatch.setattr(socket, "getaddrinfo", named("127.0.0.1"))
        with pytest.raises(OSError, match=r"it is at 127.0.0.1, a loopback address: no member cluster may be there"):
            await addresses.found()

    run(scenario)


def test_an_address_is_checked_too_and_needs_no_look_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "getaddrinfo", named())

    async def scenario() -> None:
        assert [place for *_, place in await Addresses("::1", 443, local=True).found()] == [("::1", 443)]
        with pytest.raises(OSError, match="it is at ::1, a loopback address"):
            await Addresses("::1", 443, local=False).found()

    run(scenario)


def test_a_name_that_nobody_answers_for_takes_one_thread_however_often_it_is_asked_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    answered = threading.Event()
    asked: list[str] = []

    def look_up(host: str, port: int, **_: Any) -> list[Any]:
        asked.append(host)
        answered.wait(10)
        return named("10.0.0.1")(host, port)

    monkeypatch.setattr(socket, "getaddrinfo", look_up)

    async def scenario() -> None:
        addresses = Addresses(NAME, 443, local=False)
        for _ in range(3):
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.01):
                    await addresses.found()
        assert asked == [NAME]
        answered.set()
        assert len(await addresses.found()) == 1

    run(scenario)


def test_a_name_that_is_not_known_is_told() -> None:
    async def scenario() -> None:
        with pytest.raises(OSError, match="it is no name that a host can have"):
            await Addresses("a" * 64 + ".example", 443, local=True).found()

    run(scenario)
