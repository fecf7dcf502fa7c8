"""A container of each instance of a group is given another image, in place: a RollingUpdate of kind Image.

Simulated nodes (kwok): they restart a container as soon as its image is another. Beyond that, an instance counts as
changed when its container has run for ten seconds (`SETTLED`), a batch begins when the one before is over, and no more
than a fifth are out of service at once: `critical_seconds` are ten seconds for each wave. `seconds` run from the
request until the update is Successful. `pod_writes`: changes of Pods that the operator asked for, of each instance;
`own_writes`: all others.
"""

import argparse
import asyncio
import sys
import time
from collections.abc import Callable

from hack.bench import manifests
from hack.bench.figures import Measurement, Ratio
from hack.bench.manifests import NAMESPACE, Object
from hack.bench.plane import Plane
from hack.bench.program import Flags, main
from hack.bench.report import Report
from hack.bench.resizing import quiet
from hack.bench.usage import cpu_seconds, peak_rss_mb, reset_peak
from windlass.cluster.client import Client
from windlass.cluster.resources import ROLLING_UPDATES, SCALING_CONFIGURATIONS, SCALING_GROUPS, Resource
from windlass.planner.images import SETTLED
from windlass.planner.rolling_update.members import batch_sizes
from windlass.planner.rolling_update.run import FLOOR
from windlass.planner.tasks import FINAL

BENCH = "in_place"
NAME = "in-place"
NODES = 6
LIMIT_SECONDS = 900.0
POLL_SECONDS = 0.05


def flags() -> Flags:
    made = Flags(BENCH, __doc__, repeat=2)
    made.count("instances", "N", "how many", 200)
    made.count("batches", "B", "in how many batches", 5)
    return made


def run(options: argparse.Namespace, report: Report) -> list[Ratio]:
    for _ in range(options.repeat):
        with Plane(nodes=NODES) as plane:
            plane.create_namespace(NAMESPACE)
            with plane.operator() as operator:
                figures = asyncio.run(_measure(plane, operator.pid, options))
        report.add(Measurement(BENCH, "windlass", "image", options.instances, figures))
    return []


async def _measure(plane: Plane, pid: int, options: argparse.Namespace) -> dict[str, float]:
    async with Client(plane.administrator, user_agent="windlass-bench") as client:
        await _create(client, SCALING_CONFIGURATIONS, {"template": _template()})
        group = manifests.group(NAME, options.instances)
        group["spec"] |= {"configuration": {"scalingConfiguration": NAME}, "deletionPolicy": "Force"}
        await client.create(SCALING_GROUPS, NAMESPACE, group)
        await _until(client, SCALING_GROUPS, lambda status: status.get("inService") == options.instances)
        await quiet(plane)
        reset_peak(pid)
        before, cpu, started = plane.writes(), cpu_seconds(pid), time.perf_counter()
        spec = {"scalingGroup": NAME, "kind": "Image", "image": {"image": "app:2"}, "batches": options.batches}
        await _create(client, ROLLING_UPDATES, spec)
        ended = await _until(client, ROLLING_UPDATES, lambda status: status.get("phase") in FINAL)
        seconds = time.perf_counter() - started
        await quiet(plane)
        writes = plane.writes() - before
    if ended["succeeded"] != options.instances:
        raise RuntimeError(f"the update has not succeeded on all: {ended['message']}")
    critical = SETTLED.total_seconds() * waves(options.instances, options.batches)
    left_out = {"leases", "pods", "pods/status", "nodes", "nodes/status", "events"}
    return {
        "seconds": seconds,
        "critical_seconds": critical,
        "of_critical": seconds / critical,
        "cpu_seconds": cpu_seconds(pid) - cpu,
        "peak_rss_mb": peak_rss_mb(pid),
        "pod_writes": writes["pods"] / options.instances,
        "own_writes": sum(count for resource, count in writes.items() if resource not in left_out),
    }


def waves(instances: int, batches: int) -> int:
    """How often one has to wait until those that are changed run: a single batch is changed all at once."""
    most = instances if batches == 1 else max(1, instances - -(-instances * FLOOR // 100))
    return sum(-(-size // most) for size in batch_sizes(instances, batches))


def _template() -> Object:
    containers = [{"name": "app", "image": "app:1"}, {"name": "beside", "image": "beside:1"}]
    return {"metadata": {"labels": {"app": NAME}}, "spec": {"containers": containers, "tolerations": [_ANYWHERE]}}


_ANYWHERE = {"operator": "Exists"}


async def _create(client: Client, resource: Resource, spec: Object) -> None:
    kind = {"apiVersion": resource.api_version, "kind": resource.kind}
    await client.create(resource, NAMESPACE, kind | {"metadata": {"name": NAME}, "spec": spec})


async def _until(client: Client, resource: Resource, holds: Callable[[Object], bool]) -> Object:
    """The status for which this holds."""
    async with asyncio.timeout(LIMIT_SECONDS):
        while True:
            status: Object = (await client.get(resource, NAMESPACE, NAME)).get("status") or {}
            if holds(status):
                return status
            await asyncio.sleep(POLL_SECONDS)


if __name__ == "__main__":
    sys.exit(main(flags(), run))
