"""Somebody takes the group's label off an instance."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from tests.controllers.processes import KEY, Process
from tests.controllers.small_cluster import SmallCluster
from tests.worlds import GROUP_UID
from windlass.api.common import GROUP_LABEL
from windlass.controllers.scaling_group import caches


def take_off(small: SmallCluster, name: str, **metadata: Any) -> None:
    pod = small.objects.by_place["pods", "default", name]
    labels = {key: value for key, value in pod["metadata"]["labels"].items() if key != GROUP_LABEL}
    small.objects.put("pods", {**pod, "metadata": pod["metadata"] | {"labels": labels} | metadata})


def owners(small: SmallCluster, name: str) -> list[str]:
    meta = small.objects.by_place["pods", "default", name]["metadata"]
    return [owner["uid"] for owner in meta.get("ownerReferences", ())]


@asynccontextmanager
async def led(size: int) -> AsyncIterator[tuple[SmallCluster, Process]]:
    """A group at rest, of so many instances, and the process that leads."""
    small = SmallCluster(size)
    async with Process(small.objects, small.clock) as process:
        process.start()
        await small.settle(process)
        yield small, process


@asynccontextmanager
async def standing_by(size: int) -> AsyncIterator[tuple[SmallCluster, Process]]:
    """The leader of such a group is gone, and a process that stands by has seen the label taken off web-0."""
    async with led(size) as (small, _):
        pass
    async with Process(small.objects, small.clock) as standby:
        standby.show_all()
        take_off(small, "web-0")
        standby.show_all()
        yield small, standby


def test_it_is_released_and_another_is_launched_in_its_place() -> None:
    async def run() -> None:
        async with led(2) as (small, process):
            other = {"apiVersion": "v1", "kind": "Other", "name": "x", "uid": "x"}
            meta = small.objects.by_place["pods", "default", "web-0"]["metadata"]
            take_off(small, "web-0", ownerReferences=[*meta["ownerReferences"], other])
            await small.settle(process)
            assert owners(small, "web-0") == ["x"]
            assert owners(small, "web-1") == [GROUP_UID]
            assert sorted(pod["metadata"]["name"] for pod in small.alive) == ["web-1", "web-2"]
            assert process.told.reasons.count("PodReleased") == 1

    asyncio.run(run())


def test_what_is_gone_or_was_asked_to_go_is_not_patched() -> None:
    async def run() -> None:
        async with led(3) as (small, process):
            process.transport.asked.clear()
            small.objects.remove("pods", "default", "web-0")
            small.change(desiredSize=2)
            await small.settle(process)
            patched = [a for a in process.transport.asked if a.method == "PATCH" and "/pods/" in a.path]
            assert patched == []
            assert process.caches.strays == {}

    asyncio.run(run())


def test_what_a_process_saw_while_it_stood_by_is_released_when_it_leads() -> None:
    async def run() -> None:
        async with standing_by(2) as (small, standby):
            standby.start()
            standby.queue.add(KEY)
            await small.settle(standby)
            assert owners(small, "web-0") == []

    asyncio.run(run())


def test_a_disabled_group_releases_nobody() -> None:
    async def run() -> None:
        async with led(2) as (small, process):
            small.change(enabled=False)
            await process.live(5)
            take_off(small, "web-0")
            await process.live(5)
            assert owners(small, "web-0") == [GROUP_UID]

    asyncio.run(run())


def test_strays_of_a_group_that_goes_are_forgotten_while_standing_by() -> None:
    async def run() -> None:
        async with standing_by(2) as (small, standby):
            assert standby.caches.strays
            small.objects.remove("scalinggroups", "default", "web")
            standby.show_all()
            assert standby.caches.strays == {}

    asyncio.run(run())


def test_a_process_that_stands_by_remembers_no_more_than_a_group_can_have(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(caches, "MOST_STRAYS", 100)

    async def run() -> None:
        small = SmallCluster(0)
        async with Process(small.objects, small.clock) as process:
            labels = {GROUP_LABEL: "web"}
            owner = {"uid": GROUP_UID, "controller": True}
            for number in range(150):
                meta = {"namespace": "default", "name": f"web-{number}", "uid": f"{number}", "labels": labels}
                made = meta | {"creationTimestamp": "2026-07-01T12:00:00Z", "ownerReferences": [owner]}
                small.objects.put("pods", {"metadata": made})
                process.show_all()
                small.objects.remove("pods", "default", f"web-{number}")
            process.show_all()
            (strays,) = process.caches.strays.values()
            assert len(strays) == 100
            assert "web-149" in strays
            process.start()
            await process.live(1.0)
            assert process.caches.strays == {}

    asyncio.run(run())
