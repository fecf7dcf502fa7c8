"""Member clusters: a client for each, with limits of its own, so that none can hold up another."""

import re
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import replace
from functools import partial
from typing import TypeAlias

import msgspec

from windlass.cluster.client import Client
from windlass.cluster.connection import Connection
from windlass.cluster.discovery import Discovery
from windlass.cluster.errors import Transient
from windlass.cluster.http1 import Http1Transport
from windlass.cluster.resources import NAMESPACES
from windlass.cluster.wire import decode

Key: TypeAlias = tuple[str, str]  # namespace and name of the StackTarget

MOST_IN_FLIGHT = 8
REQUEST_SECONDS = 30.0
CONNECT_SECONDS = 5.0
# A connection with TLS takes 300 KiB, most of it the buffer that asyncio reads into: those that rest are few. Whoever
# waits for objects to become ready asks at least every 5 s, by one that is still there.
KEEP_ALIVE_SECONDS = 10.0
MOST_AT_REST = 2
MOST_BYTES = 4 << 20  # of a reply: an object of a template has at most 1 MiB, which as JSON may be twice as long

_UID = re.compile(r"[-0-9A-Za-z]{1,64}")
_VERSION = re.compile(r"v[-+.0-9A-Za-z]{1,63}")


class _Metadata(msgspec.Struct, frozen=True, gc=False):
    uid: str


class _Named(msgspec.Struct, frozen=True, gc=False):
    metadata: _Metadata


class _Version(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    git_version: str


class Member:
    """One member cluster."""

    def __init__(self, client: Client) -> None:
        self.client = client
        self.discovery = Discovery(client)

    async def cluster_uid(self) -> str:
        """Which cluster it is: the uid of its namespace kube-system."""
        found = await self.client.get(NAMESPACES, None, "kube-system", into=_Named)
        return _fitting(_UID, found.metadata.uid, "reading Namespace kube-system", "uid")

    async def version(self) -> str:
        """Its API server's version: v1.34.1."""
        doing = "reading /version"
        try:
            found = decode(await self.client.get_raw("/version"), _Version)
        except msgspec.MsgspecError as error:
            raise _nonsense(doing, "version") from error
        return _fitting(_VERSION, found.git_version, doing, "version")


class Members:
    """The member clusters that are in use. Each client gets this `fence` and this `observe`.

    `allow_local`: kubeconfigs may lead to addresses of this machine.
    """

    def __init__(
        self,
        *,
        fence: Callable[[], None] | None = None,
        observe: Callable[[str, str, int, float], None] | None = None,
        allow_local: bool = False,
        user_agent: str = "windlass",
    ) -> None:
        self.allow_local = allow_local
        self._fence = fence
        self._observe = observe
        self._user_agent = user_agent
        self._members: dict[Key, tuple[Member, AsyncExitStack]] = {}

    async def member(self, key: Key, connection: Connection) -> Member:
        """The cluster of this StackTarget, by this connection. ConfigurationError if it cannot be used.

        Where only the credentials have changed, whoever has the member goes on by the new ones. Where anything else has
        changed it may be another cluster, and so it is another member: who has the old one ends his work there, and
        its connections end when they have rested for long enough.
        """
        if key in self._members:
            known, _ = self._members[key]
            if _place(known.client.connection) == _place(connection):
                if known.client.connection != connection:
                    await known.client.reconnect(connection)
                return known
        stack = AsyncExitStack()
        member = Member(await stack.enter_async_context(self._client(connection)))
        self._members[key] = member, stack
        return member

    async def forget(self, key: Key) -> None:
        """Close its client: what is under way ends by itself, and nothing else begins."""
        if key in self._members:
            _, stack = self._members.pop(key)
            await stack.aclose()

    async def close(self) -> None:
        """Close all clients."""
        for key in tuple(self._members):
            await self.forget(key)

    def _client(self, connection: Connection) -> Client:
        client = Client(
            connection,
            user_agent=self._user_agent,
            max_in_flight=MOST_IN_FLIGHT,
            timeout=REQUEST_SECONDS,
            most_bytes=MOST_BYTES,
            connect=partial(
                Http1Transport,
                connect_seconds=CONNECT_SECONDS,
                keep_alive_seconds=KEEP_ALIVE_SECONDS,
                most_at_rest=MOST_AT_REST,
            ),
        )
        client.fence = self._fence
        client.observe = self._observe
        return client


def _place(connection: Connection) -> Connection:
    """The connection without its credentials."""
    return replace(connection, source="", token=None, certificate=None)


def _fitting(pattern: re.Pattern[str], value: str, doing: str, what: str) -> str:
    if not pattern.fullmatch(value):
        raise _nonsense(doing, what)
    return value


def _nonsense(doing: str, what: str) -> Transient:
    detail = f"the reply makes no sense: it has no {what}"
    return Transient(f"{doing}: {detail}", code=200, detail=detail)
