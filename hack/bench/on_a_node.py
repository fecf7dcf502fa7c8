"""A real kubelet: another image for a container in place, beside a Deployment that replaces the same Pod; and sizes.

One ContainerGroup and one Deployment of one replica with the same container, changed in turn; `--changes` such pairs.
`seconds`: from the patch until the container runs the new image, as the kubelet reports it; `ready_seconds`: until it
is ready as well, which a probe asks once a second. `resize`: a group of twenty containers gets other sizes; until the
kubelet reports all of them; no container is started again.
"""

import argparse
import asyncio
import sys
import time
from collections.abc import Callable
from typing import Any

from hack.bench.figures import Measurement, Ratio, ratios
from hack.bench.manifests import NAMESPACE, Object
from hack.bench.plane import Plane
from hack.bench.program import Flags, main
from hack.bench.refresh import DEPLOYMENTS
from hack.bench.report import Report
from hack.cluster.nodes import missing
from hack.cluster.nodes.images import APP_1, APP_2
from windlass.cluster.client import Client
from windlass.cluster.resources import CONTAINER_GROUPS, PODS, Resource

BENCH = "on_a_node"
WINDLASS, DEPLOYMENT = "windlass", "deployment"
MANY = 20  # containers whose sizes change
LIMIT_SECONDS = 120.0
POLL_SECONDS = 0.01
REST_SECONDS = 3.0  # until the kubelet has looked again at what it has just started: it acts on no change before


def flags() -> Flags:
    made = Flags(BENCH, __doc__, repeat=1)
    made.count("changes", "N", "how often each is changed", 10)
    return made


def run(options: argparse.Namespace, report: Report) -> list[Ratio]:
    if lacks := missing():
        raise RuntimeError(f"a real node cannot be had: this machine lacks {', '.join(lacks)}")
    with Plane(real_nodes=1) as plane:
        plane.create_namespace(NAMESPACE)
        with plane.operator():
            for _ in range(options.repeat):
                asyncio.run(_measure(plane, options, report))
    return ratios(report.measurements, "seconds", WINDLASS, DEPLOYMENT)


async def _measure(plane: Plane, options: argparse.Namespace, report: Report) -> None:
    async with Client(plane.administrator, user_agent="windlass-bench") as client:
        for number in range(-1, options.changes):  # the first is not counted: images are unpacked then
            in_place, replaced = await _change_both(client)
            if number >= 0:
                report.add(Measurement(BENCH, WINDLASS, "image", 1, in_place))
                report.add(Measurement(BENCH, DEPLOYMENT, "image", 1, replaced))
        await _resize(client, report)


async def _change_both(client: Client) -> tuple[dict[str, float], dict[str, float]]:
    """Both made anew: the kubelet holds a container back that goes on to an image which it ran minutes ago."""
    await _create(client, CONTAINER_GROUPS, "app", {"containers": [_sized(_app(APP_1), "100m")], "size": _SIZE})
    selector = {"app": "beside"}
    template = {"metadata": {"labels": selector}, "spec": {"containers": [_app(APP_1)]}}
    await _create(client, DEPLOYMENTS, "beside", {"selector": {"matchLabels": selector}, "template": template})
    await _until(client, lambda pods: sum(_runs(pod, APP_1, ready=True) for pod in pods) == 2)
    await asyncio.sleep(REST_SECONDS)
    in_place = await _change(client, CONTAINER_GROUPS, "app", _group_change(APP_2), APP_2, _is_of_group)
    replaced = await _change(client, DEPLOYMENTS, "beside", _deployment_change(APP_2), APP_2, _is_beside)
    for resource, name in ((CONTAINER_GROUPS, "app"), (DEPLOYMENTS, "beside")):
        found = await client.get(resource, NAMESPACE, name)
        await client.delete(resource, NAMESPACE, name, uid=found["metadata"]["uid"])
    await _until(client, lambda pods: not pods)
    return in_place, replaced


async def _change(
    client: Client, resource: Resource, name: str, patch: Object, image: str, ours: Callable[[Object], bool]
) -> dict[str, float]:
    """Seconds until a Pod of it runs the image, and is ready."""
    started = time.perf_counter()
    await client.merge_patch(resource, NAMESPACE, name, patch)
    await _until(client, lambda pods: any(ours(pod) and _runs(pod, image) for pod in pods))
    runs = time.perf_counter() - started
    await _until(client, lambda pods: any(ours(pod) and _runs(pod, image, ready=True) for pod in pods))
    return {"seconds": runs, "ready_seconds": time.perf_counter() - started}


async def _resize(client: Client, report: Report) -> None:
    containers = [_app(APP_1, f"app-{number}", 9000 + number) for number in range(MANY)]
    before = [_sized(each, "20m") for each in containers]
    await _create(client, CONTAINER_GROUPS, "many", {"containers": before, "size": _SIZE})
    await _until(client, lambda pods: any(_has(pod, "20m") for pod in pods))
    started = time.perf_counter()
    after = [_sized(each, "40m") for each in containers]
    await client.merge_patch(CONTAINER_GROUPS, NAMESPACE, "many", {"spec": {"containers": after}})
    pods = await _until(client, lambda pods: any(_has(pod, "40m") for pod in pods))
    seconds = time.perf_counter() - started
    restarts = sum(each["restartCount"] for pod in pods for each in _statuses(pod) if _has(pod, "40m"))
    report.add(Measurement(BENCH, WINDLASS, "resize", MANY, {"seconds": seconds, "restarts": restarts}))


# ---- what is asked for, and what is seen

_SIZE = {"cpu": "1", "memory": "2Gi"}


def _app(image: str, name: str = "app", port: int = 8080) -> Object:
    probe = {"httpGet": {"path": "/ready", "port": port}, "periodSeconds": 1}
    return {"name": name, "image": image, "env": [{"name": "PORT", "value": str(port)}], "readinessProbe": probe}


def _sized(container: Object, cpu: str) -> Object:
    return container | {"resources": {"cpu": cpu, "memory": "32Mi"}}


def _group_change(image: str) -> Object:
    return {"spec": {"containers": [_sized(_app(image), "100m")]}}


def _deployment_change(image: str) -> Object:
    return {"spec": {"template": {"spec": {"containers": [_app(image)]}}}}


async def _create(client: Client, resource: Resource, name: str, spec: Object) -> None:
    kind = {"apiVersion": resource.api_version, "kind": resource.kind}
    await client.create(resource, NAMESPACE, kind | {"metadata": {"name": name}, "spec": spec})


async def _until(client: Client, holds: Callable[[list[Object]], bool]) -> list[Object]:
    """The namespace's Pods for which this holds."""
    async with asyncio.timeout(LIMIT_SECONDS):
        while True:
            pods: list[Object] = (await client.list(PODS, NAMESPACE)).items
            if holds(pods):
                return pods
            await asyncio.sleep(POLL_SECONDS)


def _is_beside(pod: Object) -> bool:
    return (pod["metadata"].get("labels") or {}).get("app") == "beside"


def _is_of_group(pod: Object) -> bool:
    return bool(pod["metadata"]["name"] == "app")


def _statuses(pod: Object) -> list[dict[str, Any]]:
    return list(pod["status"].get("containerStatuses") or ())


def _runs(pod: Object, image: str, *, ready: bool = False) -> bool:
    those = (each for each in _statuses(pod) if each["image"] == image and "running" in each["state"])
    return any(each["ready"] or not ready for each in those)


def _has(pod: Object, cpu: str) -> bool:
    found = [(each.get("resources") or {}).get("limits", {}).get("cpu") for each in _statuses(pod)]
    return len(found) == MANY and set(found) == {cpu}


if __name__ == "__main__":
    sys.exit(main(flags(), run))
