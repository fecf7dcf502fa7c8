"""What deployments are made from: kept once, never changed, and deleted only when nobody names it."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta

import pytest

from tests.cluster_client.objects import Body, Objects
from tests.controllers.processes import MemoryTransport
from windlass.cluster.client import Client
from windlass.cluster.connection import Connection
from windlass.cluster.errors import Gone, Invalid
from windlass.cluster.snapshots import MOST_KEPT, SPARED, Snapshots, text_in

NOON = datetime(2026, 1, 15, 12, tzinfo=UTC)
LATER = NOON + SPARED + timedelta(seconds=1)
UID = "uid-shop"


class World:
    """A namespace, who keeps snapshots there, and the time."""

    def __init__(self) -> None:
        self.now = NOON
        self.objects = Objects(now=lambda: self.now)
        self.transport = MemoryTransport(self.objects)
        self.client = Client(Connection("http://memory", "a test"), connect=lambda *_: self.transport)
        self.snapshots = Snapshots(self.client)

    async def keep(self, name: str, text: str = "text", kind: str = "ConfigMap", uid: str = UID) -> None:
        await self.snapshots.keep(kind, "default", name, text, "shop", uid)

    async def collect(self, *used: str) -> None:
        await self.snapshots.collect("default", "shop", UID, used, self.now)

    def names(self, plural: str = "configmaps") -> list[str]:
        return [body["metadata"]["name"] for body in self.objects.selected(plural)]

    def body(self, plural: str, name: str) -> Body:
        return self.objects.by_place[plural, "default", name]


def play(scenario: Callable[[World], Awaitable[None]]) -> None:
    async def run() -> None:
        world = World()
        async with world.client:
            await scenario(world)

    asyncio.run(run())


@pytest.mark.parametrize(("kind", "plural"), [("ConfigMap", "configmaps"), ("Secret", "secrets")])
def test_it_is_kept_as_it_was_and_belongs_to_its_set(kind: str, plural: str) -> None:
    async def scenario(world: World) -> None:
        await world.keep("shop-t-1", "größe = 1\n", kind)
        body = world.body(plural, "shop-t-1")
        assert body["immutable"] is True
        assert [owner["uid"] for owner in body["metadata"]["ownerReferences"]] == [UID]
        assert text_in({**body, "kind": kind}, "t") == "größe = 1\n"
        assert await Snapshots(world.client).read(kind, "default", "shop-t-1") == "größe = 1\n"

    play(scenario)


def test_it_is_kept_once() -> None:
    async def scenario(world: World) -> None:
        await world.keep("shop-t-1")
        version = world.objects.version
        await world.keep("shop-t-1")
        assert world.objects.version == version

    play(scenario)


@pytest.mark.parametrize(("text", "uid"), [("another", UID), ("text", "uid-of-a-set-before")])
def test_what_is_in_the_way_is_named_and_left_alone(text: str, uid: str) -> None:
    async def scenario(world: World) -> None:
        await world.keep("shop-t-1", text, uid=uid)
        with pytest.raises(Invalid, match="ConfigMap default/shop-t-1 is in the way: delete it"):
            await world.keep("shop-t-1")
        assert text_in(world.body("configmaps", "shop-t-1"), "t") == text

    play(scenario)


def test_what_is_not_there_is_gone() -> None:
    async def scenario(world: World) -> None:
        with pytest.raises(Gone):
            await world.snapshots.read("ConfigMap", "default", "shop-t-1")
        world.objects.put(
            "configmaps", {"metadata": {"namespace": "default", "name": "shop-t-1"}, "data": {"other": "x"}}
        )
        with pytest.raises(Gone, match="it holds no snapshot"):
            await world.snapshots.read("ConfigMap", "default", "shop-t-1")

    play(scenario)


def test_those_that_were_read_last_are_not_asked_for_again() -> None:
    async def scenario(world: World) -> None:
        for number in range(MOST_KEPT + 1):
            await world.keep(f"shop-t-{number}")
        asked = len(world.transport.asked)
        await world.snapshots.read("ConfigMap", "default", f"shop-t-{MOST_KEPT}")
        assert len(world.transport.asked) == asked
        await world.snapshots.read("ConfigMap", "default", "shop-t-0")
        assert len(world.transport.asked) == asked + 1

    play(scenario)


def test_a_digest_tells_texts_apart_and_does_not_help_to_guess_them() -> None:
    async def scenario(world: World) -> None:
        one = await world.snapshots.digest("default", "shop", UID, "hunter2")
        assert await world.snapshots.digest("default", "shop", UID, "hunter2") == one
        assert await world.snapshots.digest("default", "shop", UID, "hunter3") != one
        assert await Snapshots(world.client).digest("default", "shop", UID, "hunter2") == one, "another process"
        assert await world.snapshots.digest("default", "other", "uid-other", "hunter2") != one, "another set"

    play(scenario)


def test_a_key_of_another_set_of_that_name_is_in_the_way() -> None:
    async def scenario(world: World) -> None:
        await world.snapshots.digest("default", "shop", "uid-before", "text")
        with pytest.raises(Invalid, match="Secret default/shop-snapshots is in the way: delete it"):
            await world.snapshots.digest("default", "shop", UID, "text")

    play(scenario)


# ---- what nobody names


async def kept_before(world: World, *names: str) -> None:
    """By an operator that has ended since, long ago."""
    for name in names:
        await world.keep(name)
        await world.keep(name, kind="Secret")
    world.snapshots = Snapshots(world.client)
    world.now = LATER


def test_what_nobody_names_is_deleted() -> None:
    async def scenario(world: World) -> None:
        await world.snapshots.digest("default", "shop", UID, "text")
        await kept_before(world, "shop-t-1", "shop-t-2")
        await world.collect("shop-t-2")
        assert world.names() == ["shop-t-2"]
        assert world.names("secrets") == ["shop-snapshots", "shop-t-2"]

    play(scenario)


def test_the_youngest_are_spared_their_names_may_not_be_written_yet() -> None:
    async def scenario(world: World) -> None:
        await kept_before(world, "shop-t-1")
        world.now = NOON + SPARED - timedelta(seconds=1)
        await world.collect()
        assert world.names() == ["shop-t-1"]
        world.now = NOON + SPARED
        await world.collect()
        assert world.names() == []

    play(scenario)


def test_others_are_left_alone() -> None:
    async def scenario(world: World) -> None:
        await world.keep("shop-t-1", uid="uid-of-a-set-before")
        world.objects.put(
            "configmaps", {"metadata": {"namespace": "default", "name": "shop-t-2"}, "data": {"t": "mine"}}
        )
        await kept_before(world)
        await world.collect()
        assert world.names() == ["shop-t-1", "shop-t-2"]

    play(scenario)


def test_what_is_kept_again_is_spared_although_it_is_old() -> None:
    """An operation names it in a moment; what is collected was decided before."""

    async def scenario(world: World) -> None:
        await kept_before(world, "shop-t-1")
        await world.keep("shop-t-1")
        await world.collect()
        assert world.names() == ["shop-t-1"]
        await world.collect()
        assert world.names() == [], "spared once: by now it is named, or never will be"

    play(scenario)


def test_what_was_deleted_is_not_read_from_memory() -> None:
    async def scenario(world: World) -> None:
        await kept_before(world, "shop-t-1")
        await world.snapshots.read("ConfigMap", "default", "shop-t-1")
        await world.collect()
        with pytest.raises(Gone):
            await world.snapshots.read("ConfigMap", "default", "shop-t-1")

    play(scenario)
