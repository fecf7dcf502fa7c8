"""What groups cost that are as they should be: writes, CPU and memory while nothing happens, and the time of a pass.

Three set-ups, each on a control plane of its own: no group at all, many groups of one instance, and one group of many.
There are no nodes: the benchmark itself says of every Pod that it runs and is ready, so that each group is Ready.
`idle`: nothing happens for a minute; writes are all that anybody made but Leases. `touched`: every 0.2 s the benchmark
changes an annotation of one Pod, which decisions do not read, so that its group is looked at; pass_ms is the mean time
of these passes and longest_pass_ms the bound that the operator's histogram gives for the longest.
"""

import argparse
import asyncio
import sys

from hack.bench.figures import Measurement, Ratio
from hack.bench.manifests import NAMESPACE
from hack.bench.operator_metrics import Passes
from hack.bench.owners import GROUP, make_ready
from hack.bench.plane import Operator, Plane
from hack.bench.pod_count import PodCount
from hack.bench.program import Flags, main
from hack.bench.report import Report
from hack.bench.resizing import SLOWEST_PER_SECOND, quiet, writes
from hack.bench.shape import Shape
from hack.bench.side_by_side import side_by_side
from hack.bench.usage import cpu_seconds, rss_mb
from windlass.cluster.client import Client
from windlass.cluster.resources import PODS

BENCH = "steady_state"
TOUCHES = 50
TOUCH_SECONDS = 0.2


def flags() -> Flags:
    made = Flags(BENCH, __doc__, repeat=1)
    made.count("groups", "G", "how many groups of one instance", 1000)
    made.count("instances", "N", "how many instances in the one group", 10_000)
    made.count("seconds", "S", "how long nothing happens", 60)
    return made


def run(options: argparse.Namespace, report: Report) -> list[Ratio]:
    for _ in range(options.repeat):
        for groups, size in ((0, 1), (options.groups, 1), (1, options.instances)):
            with Plane() as plane, plane.operator() as operator:
                plane.create_namespace(NAMESPACE)
                asyncio.run(_measure(plane, operator, Shape(groups, size), options.seconds, report))
    return []


async def _measure(plane: Plane, operator: Operator, shape: Shape, seconds: int, report: Report) -> None:
    async with Client(plane.administrator, user_agent="windlass-bench") as client:
        await _put_in_service(plane, client, shape)
        idle = await _idle(plane, operator, seconds)
        report.add(Measurement(BENCH, str(shape), "idle", shape.instances, idle))
        if shape.groups:
            touched = await _touched(plane, client, operator, shape)
            report.add(Measurement(BENCH, str(shape), "touched", shape.instances, touched))


async def _put_in_service(plane: Plane, client: Client, shape: Shape) -> None:
    limit = 60 + shape.instances / SLOWEST_PER_SECOND
    with PodCount(plane.administrator, NAMESPACE) as pods:
        names = [f"group-{number}" for number in range(shape.groups)]
        await side_by_side(lambda name: GROUP.create(client, NAMESPACE, name, shape.size), names)
        await asyncio.to_thread(pods.reached, shape.instances, limit)
    await make_ready(client, NAMESPACE)
    await GROUP.settled(client, NAMESPACE, shape.size, limit)
    await quiet(plane)


async def _idle(plane: Plane, operator: Operator, seconds: int) -> dict[str, float]:
    before, cpu, passes = writes(plane), cpu_seconds(operator.pid), Passes.of(operator)
    await asyncio.sleep(seconds)
    return {
        "writes": writes(plane) - before,
        "cpu_percent": 100 * (cpu_seconds(operator.pid) - cpu) / seconds,
        "rss_mb": rss_mb(operator.pid),
        "passes": Passes.of(operator).since(passes).count,
    }


async def _touched(plane: Plane, client: Client, operator: Operator, shape: Shape) -> dict[str, float]:
    before, cpu, passes = writes(plane), cpu_seconds(operator.pid), Passes.of(operator)
    for number in range(TOUCHES):
        pod = f"group-{number % shape.groups}-0"
        body = {"metadata": {"annotations": {"bench/touched": str(number)}}}
        await client.merge_patch(PODS, NAMESPACE, pod, body)
        await asyncio.sleep(TOUCH_SECONDS)
    made = Passes.of(operator).since(passes)
    return {
        "writes": writes(plane) - before - TOUCHES,
        "cpu_percent": 100 * (cpu_seconds(operator.pid) - cpu) / (TOUCHES * TOUCH_SECONDS),
        "rss_mb": rss_mb(operator.pid),
        "passes": made.count,
        "pass_ms": made.mean_ms,
        "longest_pass_ms": made.longest_ms,
    }


if __name__ == "__main__":
    sys.exit(main(flags(), run))
