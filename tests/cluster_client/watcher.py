"""An informer of Pods and what it told."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec

from tests.cluster_client.fake_api import (
    FakeApi,
    Pauses,
    client_of,
    pod,
    until,
)
from windlass.cluster.client import Client
from windlass.cluster.informer import Informer
from windlass.cluster.resources import PODS


class Meta(msgspec.Struct, frozen=True, rename="camel"):
    namespace: str
    name: str
    uid: str
    resource_version: str
    labels: dict[str, str] = {}


class Pod(msgspec.Struct, frozen=True):
    metadata: Meta
    spec: dict[str, list[int]] = {}  # a bookmark's {"containers": null} does not fit


class Thing(msgspec.Struct, frozen=True):
    namespace: str
    name: str
    uid: str
    resource_version: str
    group: str | None


def to_thing(found: Pod) -> Thing:
    meta = found.metadata
    if odd := meta.labels.get("odd"):
        raise (LookupError if odd == "yes" else msgspec.ValidationError)(f"this one is odd: {odd}")
    return Thing(meta.namespace, meta.name, meta.uid, meta.resource_version, meta.labels.get("group"))


class Watcher:
    """An informer of Pods and what it told."""

    def __init__(self, client: Client, **options: Any) -> None:
        self.changes: list[tuple[Thing | None, Thing | None]] = []
        self.counts: Counter[str] = Counter()
        self.informer: Informer[Thing] = Informer(
            client,
            PODS,
            Pod,
            to_thing,
            index=lambda thing: thing.group,
            on_change=lambda old, new: self.changes.append((old, new)),
            count=lambda what, number: self.counts.update({what: number}),
            **{"sleep": Pauses(), **options},
        )

    def names(self, namespace: str = "default") -> set[str]:
        return {new.name for _, new in self.changes if new and self.informer.get(namespace, new.name)}

    def version(self, name: str) -> str | None:
        known = self.informer.get("default", name)
        return known.resource_version if known else None

    async def knows(self, *names: str) -> None:
        await until(lambda: self.names() == set(names), f"{names} known")


Scenario = Callable[[FakeApi, Watcher], Awaitable[None]]


def play(scenario: Scenario, *, existing: tuple[str, ...] = ("web-1", "web-2"), **options: Any) -> None:
    """An API server with some Pods, and an informer of it that is not running yet."""

    async def run() -> None:
        async with FakeApi().running() as api, client_of(api, sleep=Pauses()) as client, asyncio.timeout(20):
            for name in existing:
                await api.put("pods", pod(name, group="web"))
            await scenario(api, Watcher(client, **options))

    asyncio.run(run())


class running:  # noqa: N801 — reads as a statement
    """Run the informer in the background."""

    def __init__(self, watcher: Watcher, *, synced: bool = True) -> None:
        self._watcher = watcher
        self._wait = synced

    async def __aenter__(self) -> None:
        self._task = asyncio.create_task(self._watcher.informer.run())
        if self._wait:
            await self._watcher.informer.synced.wait()

    async def __aexit__(self, *_: object) -> None:
        self._task.cancel()
        await asyncio.wait([self._task])
        assert self._task.cancelled()


def watches(api: FakeApi) -> list[dict[str, str]]:
    return [dict(seen.query) for seen in api.seen if seen.query.get("watch")]


def initial_watches(api: FakeApi) -> int:
    return sum("sendInitialEvents" in query for query in watches(api))
