"""Nothing to N Pods, and N Pods to nothing: Windlass beside the API's own limit and a ReplicaSet.

Time runs from the change of the spec (bare: the order) until a watch that is no subject's shows the last Pod, or none.
There is neither a scheduler nor a node, so Pods stay pending and are deleted at once. Every subject works with tokens
of ServiceAccounts, alone, in a process that is begun anew for each repeat. CPU and writes (without Leases) are counted
until nothing is written any more.
"""

import argparse
import asyncio
import sys
from collections.abc import Iterator
from functools import partial

from hack.bench import subjects
from hack.bench.figures import Measurement, Ratio, ratios
from hack.bench.manifests import NAMESPACE
from hack.bench.plane import Plane
from hack.bench.pod_count import PodCount
from hack.bench.program import Flags, main
from hack.bench.report import Report
from hack.bench.resizing import Change, Stage, measure, quiet
from windlass.cluster.client import Client

BENCH = "scale_out"
PEERS = ("bare", "replicaset")
COMPARED = ("seconds", "cpu_seconds", "peak_rss_mb", "writes")


def flags() -> Flags:
    made = Flags(BENCH, __doc__, repeat=5)
    made.count("instances", "N", "how many Pods", 1000)
    return made


def run(options: argparse.Namespace, report: Report) -> list[Ratio]:
    with Plane() as plane:
        plane.create_namespace(NAMESPACE)
        with PodCount(plane.administrator, NAMESPACE) as pods:
            asyncio.run(_measure_all(plane, pods, options, report))
    pairs = [(peer, figure) for peer in PEERS for figure in COMPARED]
    return [ratio for peer, figure in pairs for ratio in ratios(report.measurements, figure, "windlass", peer)]


async def _measure_all(plane: Plane, pods: PodCount, options: argparse.Namespace, report: Report) -> None:
    async with Client(plane.administrator, user_agent="windlass-bench") as client:
        stage = Stage(plane, client, pods)
        await subjects.warm_up(stage)
        for number in range(options.repeat):
            for name in turns(list(subjects.ALL), number):
                await _measure_one(stage, name, number, options.instances, report)


async def _measure_one(stage: Stage, name: str, number: int, instances: int, report: Report) -> None:
    async with subjects.ALL[name](stage.plane, stage.client, f"{name}-{number}") as subject:
        await quiet(stage.plane)
        for phase, size in (("out", instances), ("in", 0)):
            change = Change(partial(subject.resize, size), size, subject.own_writes)
            figures = await measure(stage, subject.pid, change)
            report.add(Measurement(BENCH, name, phase, instances, figures))


def turns(names: list[str], number: int) -> Iterator[str]:
    """Another one begins in each repeat, so that nobody always finds the API server as the same other leaves it."""
    first = number % len(names)
    yield from names[first:] + names[:first]


if __name__ == "__main__":
    sys.exit(main(flags(), run))
