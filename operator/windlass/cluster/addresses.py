"""Where a host is: its name looked up, and the addresses at which no member cluster may be."""

import asyncio
import socket
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import TypeAlias

from aiohappyeyeballs import AddrInfoType

Address: TypeAlias = IPv4Address | IPv6Address

_THIS_NETWORK = IPv4Network("0.0.0.0/8")
_COMPATIBLE = IPv6Network("::/96")  # IPv4 addresses in IPv6 ones, as nobody writes them any more
_TRANSLATED = IPv6Network("64:ff9b::/96")  # RFC 6052: what a NAT64 gateway turns into an IPv4 address
_METADATA = frozenset(
    map(
        ip_address,
        (
            "169.254.169.254",  # most clouds
            "fd00:ec2::254",  # AWS
            "fd20:ce::254",  # Google Cloud
            "100.100.100.200",  # Alibaba Cloud
            "192.0.0.192",  # Oracle Cloud
            "168.63.129.16",  # Azure
        ),
    )
)


def why_no_member(address: Address) -> str | None:
    """What is at this address, if no member cluster may be there: "a loopback address"; else None."""
    within = _within(address)
    if within is not None:
        return why_no_member(within)
    kinds = {
        "the address of a cloud's metadata": address in _METADATA,
        "an unspecified address": address.is_unspecified or address in _THIS_NETWORK,
        "a loopback address": address.is_loopback,
        "a link-local address": address.is_link_local,
        "a multicast address": address.is_multicast,
        "a reserved address": address.is_reserved,
    }
    return next((kind for kind, it_is in kinds.items() if it_is), None)


def _within(address: Address) -> IPv4Address | None:
    """The IPv4 address that an IPv6 address stands for, by any way in which it may."""
    if isinstance(address, IPv4Address):
        return None
    translated = address in _TRANSLATED or (address in _COMPATIBLE and int(address) > 1)
    return IPv4Address(int(address) & 0xFFFFFFFF) if translated else address.ipv4_mapped or address.sixtofour


def literal(host: str) -> Address | None:
    """The address that a host is written as; None for a name."""
    try:
        return ip_address(host)
    except ValueError:
        return None


class Addresses:
    """The addresses of one host and port.

    `local`: whether it may be where no member cluster may be. One lookup at a time, in a thread of its own: a name that
    nobody answers for must not hold up the threads in which all others work.
    """

    def __init__(self, host: str, port: int, *, local: bool) -> None:
        self._host = host
        self._port = port
        self._local = local
        self._lookup: asyncio.Future[Sequence[AddrInfoType]] | None = None

    async def found(self) -> Sequence[AddrInfoType]:
        """All of them, looked up anew; OSError where there are none, or one at which it may not be."""
        address = literal(self._host)
        if address is None:
            if self._lookup is None or self._lookup.done():
                self._lookup = _looked_up(self._host, self._port)
            found = await asyncio.shield(self._lookup)
        else:
            family = socket.AF_INET if isinstance(address, IPv4Address) else socket.AF_INET6
            found = [(family, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", (self._host, self._port))]
        if not self._local:
            for *_, place in found:
                _check(str(place[0]))
        return found


def _check(written: str) -> None:
    address = literal(written)
    problem = "no IP address" if address is None else why_no_member(address)
    if problem is not None:
        raise OSError(f"it is at {written}, {problem}: no member cluster may be there")


def _looked_up(host: str, port: int) -> "asyncio.Future[Sequence[AddrInfoType]]":
    loop = asyncio.get_running_loop()
    answer: asyncio.Future[Sequence[AddrInfoType]] = loop.create_future()
    answer.add_done_callback(lambda done: done.cancelled() or done.exception())  # nobody may wait for it any more

    def run() -> None:
        try:
            found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
            tell: Callable[[], None] = partial(answer.set_result, found)
        except OSError as error:
            tell = partial(answer.set_exception, error)
        except UnicodeError:
            tell = partial(answer.set_exception, OSError("it is no name that a host can have"))
        with suppress(RuntimeError):  # the loop has ended meanwhile
            loop.call_soon_threadsafe(tell)

    threading.Thread(target=run, name="name lookup", daemon=True).start()
    return answer
