"""Informers of a real API server: Pods as instances, through restarts and forgotten versions."""

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from hack.cluster import Cluster
from tests.cluster.api_client import administrator, pod, run, until
from windlass.api.common import GROUP_LABEL
from windlass.cluster.client import Client
from windlass.cluster.informer import Informer
from windlass.cluster.pods import Pod, to_instance
from windlass.cluster.resources import PODS
from windlass.planner.capacity.instance import Instance


def instance(name: str, group: str = "web") -> dict[str, Any]:
    """A Pod as a group makes it, but for the owner: nobody looks after it."""
    manifest = pod(name, **{GROUP_LABEL: group})
    manifest["metadata"]["annotations"] = {"windlass.dev/ordinal": name.rpartition("-")[2]}
    return manifest


def informer_of(client: Client, namespace: str, **options: Any) -> tuple[Informer[Instance], Counter[str]]:
    counts: Counter[str] = Counter()
    return (
        Informer(
            client,
            PODS,
            Pod,
            to_instance,
            namespaces=(namespace,),
            label_selector=GROUP_LABEL,
            index=lambda found: found.namespace,
            count=lambda what, number: counts.update({what: number}),
            **options,
        ),
        counts,
    )


@asynccontextmanager
async def running(informer: Informer[Instance]) -> AsyncIterator[None]:
    task = asyncio.create_task(informer.run())
    try:
        async with asyncio.timeout(20):
            await informer.synced.wait()
        yield
    finally:
        task.cancel()
        await asyncio.wait([task])


async def create(client: Client, namespace: str, *names: str) -> None:
    async with asyncio.TaskGroup() as tasks:
        for name in names:
            tasks.create_task(client.create(PODS, namespace, json.dumps(instance(name)).encode()))


async def delete(client: Client, informer: Informer[Instance], namespace: str, name: str) -> None:
    known = informer.get(namespace, name)
    assert known is not None
    await client.delete(PODS, namespace, name, uid=known.uid, grace_seconds=0)


def test_what_exists_and_what_changes_is_known(cluster: Cluster, namespace: str) -> None:
    async def scenario(client: Client) -> None:
        await create(client, namespace, "web-0", "web-1")
        await client.create(PODS, namespace, pod("other"))
        informer, counts = informer_of(client, namespace)
        async with running(informer):
            assert set(informer.by_index(namespace)) == {"web-0", "web-1"}
            await create(client, namespace, "web-2")
            await until(lambda: "web-2" in informer.by_index(namespace), "web-2 known")
            annotation = {"metadata": {"annotations": {"windlass.dev/protect": "true"}}}
            await client.merge_patch(PODS, namespace, "web-0", annotation)
            await until(lambda: informer.by_index(namespace)["web-0"].protected, "web-0 protected")
            await client.merge_patch(PODS, namespace, "web-0", {"metadata": {"labels": {GROUP_LABEL: None}}})
            await until(lambda: "web-0" not in informer.by_index(namespace), "web-0 out of the selector")
            await delete(client, informer, namespace, "web-1")
            await until(lambda: set(informer.by_index(namespace)) == {"web-2"}, "web-1 gone")
            assert counts["failure"] == counts["left_out"] == counts["relist"] == 0

    run(administrator(cluster), scenario)


def test_a_list_and_a_watch_give_the_same_as_a_watch_alone(cluster: Cluster, namespace: str) -> None:
    async def scenario(client: Client) -> None:
        await create(client, namespace, *(f"web-{number}" for number in range(12)))
        streaming, _ = informer_of(client, namespace)
        listing, _ = informer_of(client, namespace)
        for reflection in listing._reflections:
            reflection._streams_lists = False
        async with running(streaming), running(listing):
            assert dict(streaming.by_index(namespace)) == dict(listing.by_index(namespace))
            await create(client, namespace, "web-99")
            for informer in (streaming, listing):
                await until(lambda informer=informer: len(informer) == 13, "the thirteenth known")

    run(administrator(cluster), scenario)


def test_a_version_from_the_future_makes_it_read_everything(cluster: Cluster, namespace: str) -> None:
    async def scenario(client: Client) -> None:
        await create(client, namespace, "web-0")
        informer, counts = informer_of(client, namespace, silence=3.0)
        async with running(informer):
            pass
        await create(client, namespace, "web-1")
        (reflection,) = informer._reflections
        reflection._version = str(10**15)  # as after a backup was restored
        async with running(informer):
            await until(lambda: set(informer.by_index(namespace)) == {"web-0", "web-1"}, "web-1 known")
            assert counts["relist"] == 1

    run(administrator(cluster), scenario)


def test_a_refresh_shows_a_write_at_once(cluster: Cluster, namespace: str) -> None:
    async def scenario(client: Client) -> None:
        await create(client, namespace, "web-0")
        informer, _ = informer_of(client, namespace)
        async with running(informer):
            pass  # from here on it hears nothing
        await delete(client, informer, namespace, "web-0")
        await create(client, namespace, "web-1")
        await informer.refresh(namespace, namespace, f"{GROUP_LABEL}=web")
        assert set(informer.by_index(namespace)) == {"web-1"}

    run(administrator(cluster), scenario)


def test_an_api_server_that_comes_back_is_followed_without_a_gap(cluster: Cluster, namespace: str) -> None:
    async def scenario(client: Client) -> None:
        await create(client, namespace, "web-0", "web-1")
        informer, counts = informer_of(client, namespace)
        async with running(informer):
            cluster.kill("kube-apiserver")
            await until(lambda: counts["failure"] > 0, "the outage noticed")
            assert len(informer) == 2
            cluster.start("kube-apiserver")
            await create(client, namespace, "web-2")
            await delete(client, informer, namespace, "web-0")
            await until(lambda: set(informer.by_index(namespace)) == {"web-1", "web-2"}, "web-0 gone, web-2 known")

    run(administrator(cluster), scenario)


def test_a_version_the_server_has_forgotten_makes_it_read_everything(cluster: Cluster, namespace: str) -> None:
    async def scenario(client: Client) -> None:
        await create(client, namespace, "web-0", "web-1")
        informer, counts = informer_of(client, namespace)
        async with running(informer):
            doomed = informer.by_index(namespace)["web-0"]
        await client.delete(PODS, namespace, "web-0", uid=doomed.uid, grace_seconds=0)
        cluster.kill("kube-apiserver")  # which remembers nothing of before its start
        cluster.start("kube-apiserver")
        (reflection,) = informer._reflections
        reflection._version = "1"
        async with running(informer):
            await until(lambda: set(informer.by_index(namespace)) == {"web-1"}, "web-0 gone")
            assert counts["relist"] == 1

    run(administrator(cluster), scenario)
