"""What people see of our events on a real API server."""

import asyncio
from collections.abc import Callable

from hack.cluster import Cluster
from windlass.cluster import config
from windlass.cluster.client import Client
from windlass.engine.clock import SystemClock
from windlass.engine.events import EventRecorder, ObjectRef

LIMIT = 10.0


def test_kubectl_shows_a_repeated_event_once_with_its_count(
    cluster: Cluster, namespace: str, kubectl: Callable[..., str]
):
    path = f"/api/v1/namespaces/{namespace}/configmaps"
    uid = cluster.request("POST", path, {"metadata": {"name": "web"}})["metadata"]["uid"]
    web = ObjectRef("v1", "ConfigMap", namespace, "web", uid)

    async def scenario() -> None:
        async with Client(config.load(str(cluster.kubeconfig))) as client:
            recorder = EventRecorder(client, SystemClock(), instance="windlass-0")
            writer = asyncio.create_task(recorder.run())
            for number in (1, 2, 3):
                recorder.emit(web, "Warning", "LaunchFailed", f"creating instance web-{number}: quota exceeded")
                await written(client, f"creating instance web-{number}: quota exceeded")
            writer.cancel()
            assert recorder.lost == 0

    async def written(client: Client, message: str) -> None:
        async with asyncio.timeout(LIMIT):
            while message not in await asyncio.to_thread(kubectl, "get", "events"):
                await asyncio.sleep(0.01)

    asyncio.run(scenario())
    (event,) = kubectl("describe", "configmap", "web").split("Events:")[1].strip().splitlines()[2:]
    assert event.split()[:2] == ["Warning", "LaunchFailed"]
    assert "(x3 over" in event
    assert event.split(")")[1].split(maxsplit=1) == ["windlass", "creating instance web-3: quota exceeded"]


def test_an_event_with_the_longest_message_and_name_is_accepted(cluster: Cluster, namespace: str):
    longest = ("a" * 62 + ".") * 3 + "b" * 60
    regarding = ObjectRef("v1", "ConfigMap", namespace, longest, "0")
    events = f"/api/v1/namespaces/{namespace}/events"

    async def scenario() -> None:
        async with Client(config.load(str(cluster.kubeconfig))) as client:
            recorder = EventRecorder(client, SystemClock(), instance="windlass-0")
            writer = asyncio.create_task(recorder.run())
            recorder.emit(regarding, "Normal", "Launched", "ü" * 2000)
            recorder.emit(ObjectRef("v1", "Node", "", "no-such-node", "0"), "Normal", "Launched", "cluster-scoped")
            async with asyncio.timeout(LIMIT):
                while recorder.lost == 0 and not (items := cluster.request("GET", events)["items"]):
                    await asyncio.sleep(0.01)
            writer.cancel()
            assert recorder.lost == 0
            assert items[0]["message"].endswith("ü…")

    asyncio.run(scenario())
