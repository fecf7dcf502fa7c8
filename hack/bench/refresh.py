"""All instances of a group are exchanged for ones of another image: an InstanceRefresh beside a Deployment's rollout.

Simulated nodes (kwok), the real scheduler. New Pods take between `--start-after` and `--start-before` to start. Both
have the same budgets: at least `--min` per cent in service, at most `--max` per cent there. `seconds` run from the
request until as many Pods of the new image are ready as there should be, and no others are there. `bound_seconds`: the
least time that budgets and start times allow, had every Pod been asked for at the first moment at which there was room:
list scheduling of the start times that were seen, in the order of creation, on as many places as lie between floor and
ceiling. `own_writes` are those beside the creation and the deletion of Pods, for each exchanged instance.
"""

import argparse
import asyncio
import heapq
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AbstractContextManager, asynccontextmanager, contextmanager
from dataclasses import dataclass

from hack.bench import manifests
from hack.bench.figures import Measurement, Ratio, ratios
from hack.bench.manifests import NAMESPACE, Object
from hack.bench.plane import Plane
from hack.bench.program import Flags, main
from hack.bench.report import Report
from hack.bench.resizing import quiet
from hack.bench.usage import cpu_seconds, peak_rss_mb, reset_peak
from windlass.cluster.client import Client
from windlass.cluster.informer import Informer
from windlass.cluster.pods import Pod, to_instance
from windlass.cluster.resources import INSTANCE_REFRESHES, PODS, SCALING_CONFIGURATIONS, SCALING_GROUPS, Resource
from windlass.planner.capacity.instance import Instance
from windlass.planner.rollout.budget import Budget

BENCH = "refresh"
DEPLOYMENTS = Resource("apps", "v1", "deployments", "Deployment")
NODES = 6
LIMIT_SECONDS = 900.0
WINDLASS, DEPLOYMENT = "windlass", "deployment"


@dataclass(frozen=True, slots=True)
class Seen:
    """When a Pod was first seen, and when it was first seen ready (monotonic seconds)."""

    created: float
    ready: float | None = None


class Pods:
    """The Pods of the namespace, and when each came and was ready, as a watch told."""

    def __init__(self, client: Client) -> None:
        self.seen: dict[str, Seen] = {}
        self._changed = asyncio.Event()
        self.informer: Informer[Instance] = Informer(
            client,
            PODS,
            wire=Pod,
            record=to_instance,
            namespaces=(NAMESPACE,),
            index=lambda _: NAMESPACE,
            on_change=self._note,
        )

    def _note(self, old: Instance | None, new: Instance | None) -> None:
        if new is not None:
            now = time.perf_counter()
            before = self.seen.get(new.uid, Seen(now))
            ready = before.ready if before.ready is not None or not new.ready else now
            self.seen[new.uid] = Seen(before.created, ready)
        self._changed.set()

    def ready(self) -> dict[str, Instance]:
        """Those that are there, by uid, if all of them are ready and none is on its way out."""
        there = self.informer.by_index(NAMESPACE).values()
        return {each.uid: each for each in there} if all(each.ready and not each.removing for each in there) else {}

    async def until(self, condition: Callable[[], bool]) -> float:
        """When the condition was first seen to hold."""
        async with asyncio.timeout(LIMIT_SECONDS):
            while not condition():
                self._changed.clear()
                await self._changed.wait()
        return time.perf_counter()


@dataclass(frozen=True, slots=True)
class Subject:
    """Who exchanges: how it is created at a size, asked for another image, and removed."""

    name: str
    at_work: Callable[[Plane], AbstractContextManager[int]]
    create: Callable[[Client, argparse.Namespace], Awaitable[None]]
    exchange: Callable[[Client, argparse.Namespace], Awaitable[None]]
    remove: Callable[[Client], Awaitable[None]]


def flags() -> Flags:
    made = Flags(BENCH, __doc__, repeat=2)
    made.count("instances", "N", "how many", 200)
    made.count("min", "P", "per cent in service at least", 80)
    made.count("max", "P", "per cent there at most", 120)
    made.count("start-after", "MS", "milliseconds that a Pod takes to start at least", 2000)
    made.count("start-before", "MS", "and at most", 4000)
    return made


def run(options: argparse.Namespace, report: Report) -> list[Ratio]:
    with Plane(nodes=NODES) as plane:
        plane.create_namespace(NAMESPACE)
        asyncio.run(_measure_all(plane, options, report))
    figures = ("seconds", "cpu_seconds", "peak_rss_mb", "own_writes")
    return [each for figure in figures for each in ratios(report.measurements, figure, WINDLASS, DEPLOYMENT)]


async def _measure_all(plane: Plane, options: argparse.Namespace, report: Report) -> None:
    async with Client(plane.administrator, user_agent="windlass-bench") as client, _watching(client) as pods:
        for number in range(options.repeat):
            for subject in SUBJECTS if number % 2 == 0 else reversed(SUBJECTS):
                with subject.at_work(plane) as pid:
                    figures = await _measure(plane, client, pods, subject, pid, options)
                report.add(Measurement(BENCH, subject.name, "exchange", options.instances, figures))


@asynccontextmanager
async def _watching(client: Client) -> AsyncIterator[Pods]:
    pods = Pods(client)
    running = asyncio.create_task(pods.informer.run())
    await pods.informer.synced.wait()
    try:
        yield pods
    finally:
        running.cancel()
        await asyncio.wait([running])


async def _measure(
    plane: Plane, client: Client, pods: Pods, subject: Subject, pid: int, options: argparse.Namespace
) -> dict[str, float]:
    await subject.create(client, options)
    await pods.until(lambda: len(pods.ready()) == options.instances)
    await quiet(plane)
    old = set(pods.ready())
    reset_peak(pid)
    before, cpu = _own_writes(plane), cpu_seconds(pid)
    started = time.perf_counter()
    await subject.exchange(client, options)
    ended = await pods.until(lambda: len(found := pods.ready()) == options.instances and not found.keys() & old)
    new = [pods.seen[uid] for uid in pods.ready()]
    await quiet(plane)
    took = {
        "seconds": ended - started,
        "bound_seconds": bound(new, options),
        "cpu_seconds": cpu_seconds(pid) - cpu,
        "peak_rss_mb": peak_rss_mb(pid),
        "own_writes": (_own_writes(plane) - before) / options.instances,
    }
    await subject.remove(client)
    await pods.until(lambda: not pods.informer.by_index(NAMESPACE))
    return took | {"of_bound": took["seconds"] / took["bound_seconds"]}


def bound(new: list[Seen], options: argparse.Namespace) -> float:
    """The least time in which Pods that take so long to start can be exchanged within the budgets, in seconds."""
    budget = Budget.of(options.instances, options.min, options.max)
    places = [0.0] * min(options.instances, max(1, budget.ceiling - budget.floor))
    for each in sorted(new, key=lambda seen: seen.created):
        heapq.heappush(places, heapq.heappop(places) + ((each.ready or each.created) - each.created))
    return max(places)


def _own_writes(plane: Plane) -> int:
    """Writes but those of Leases, of Pods, of the scheduler and the simulated nodes."""
    left_out = {"leases", "pods", "pods/status", "pods/binding", "nodes", "nodes/status", "events"}
    return sum(count for resource, count in plane.writes().items() if resource not in left_out)


# ---- who exchanges


def _template(options: argparse.Namespace, image: str) -> Object:
    starts = {"windlass.test/start-after": options.start_after, "windlass.test/start-before": options.start_before}
    annotations = {name: f"{milliseconds}ms" for name, milliseconds in starts.items()}
    metadata = {"labels": {"app": BENCH}, "annotations": annotations}
    tolerations = [{"operator": "Exists"}]
    return {"metadata": metadata, "spec": {"containers": [{"name": "app", "image": image}], "tolerations": tolerations}}


async def _create_group(client: Client, options: argparse.Namespace) -> None:
    body = {"metadata": {"name": BENCH}, "spec": {"template": _template(options, "app:1")}}
    kind = {"apiVersion": SCALING_CONFIGURATIONS.api_version, "kind": SCALING_CONFIGURATIONS.kind}
    await client.create(SCALING_CONFIGURATIONS, NAMESPACE, kind | body)
    group = manifests.group(BENCH, options.instances)
    group["spec"] |= {"configuration": {"scalingConfiguration": BENCH}, "deletionPolicy": "Force"}
    await client.create(SCALING_GROUPS, NAMESPACE, group)


async def _refresh(client: Client, options: argparse.Namespace) -> None:
    spec = {
        "scalingGroup": BENCH,
        "minHealthyPercentage": options.min,
        "maxHealthyPercentage": options.max,
        "desiredConfiguration": {"image": "app:2"},
    }
    kind = {"apiVersion": INSTANCE_REFRESHES.api_version, "kind": INSTANCE_REFRESHES.kind}
    await client.create(INSTANCE_REFRESHES, NAMESPACE, kind | {"metadata": {"name": BENCH}, "spec": spec})


async def _remove_group(client: Client) -> None:
    for resource in (INSTANCE_REFRESHES, SCALING_GROUPS, SCALING_CONFIGURATIONS):
        await _delete_all(client, resource)
    await _delete_all(client, PODS)  # nobody collects garbage here


async def _delete_all(client: Client, resource: Resource) -> None:
    for each in (await client.list(resource, NAMESPACE)).items:
        metadata = each["metadata"]
        await client.delete(resource, NAMESPACE, metadata["name"], uid=metadata["uid"])


async def _create_deployment(client: Client, options: argparse.Namespace) -> None:
    budget = Budget.of(options.instances, options.min, options.max)
    rolling = {"maxSurge": budget.ceiling - budget.target, "maxUnavailable": budget.target - budget.floor}
    spec = {
        "replicas": options.instances,
        "selector": {"matchLabels": {"app": BENCH}},
        "template": _template(options, "app:1"),
        "strategy": {"type": "RollingUpdate", "rollingUpdate": rolling},
    }
    body = {"apiVersion": DEPLOYMENTS.api_version, "kind": DEPLOYMENTS.kind, "metadata": {"name": BENCH}, "spec": spec}
    await client.create(DEPLOYMENTS, NAMESPACE, body)


async def _roll_out(client: Client, options: argparse.Namespace) -> None:
    patch = {"spec": {"template": {"spec": {"containers": [{"name": "app", "image": "app:2"}]}}}}
    await client.merge_patch(DEPLOYMENTS, NAMESPACE, BENCH, patch)


async def _remove_deployment(client: Client) -> None:
    await _delete_all(client, DEPLOYMENTS)


@contextmanager
def _operator(plane: Plane) -> Iterator[int]:
    with plane.operator() as operator:
        yield operator.pid


SUBJECTS = (
    Subject(WINDLASS, _operator, _create_group, _refresh, _remove_group),
    Subject(DEPLOYMENT, Plane.controller_manager, _create_deployment, _roll_out, _remove_deployment),
)


if __name__ == "__main__":
    sys.exit(main(flags(), run))
