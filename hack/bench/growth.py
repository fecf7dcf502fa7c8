"""Whether time grows with anything but the number of instances: many groups against one that is as large as all.

From the change of the specs (of all groups at once) until a watch shows the last Pod, or none; as in `scale_out`.
"""

import argparse
import asyncio
import sys
from functools import partial

from hack.bench.figures import Measurement, Ratio, ratios
from hack.bench.manifests import NAMESPACE
from hack.bench.owners import GROUP
from hack.bench.plane import Plane
from hack.bench.pod_count import PodCount
from hack.bench.program import Flags, main
from hack.bench.report import Report
from hack.bench.resizing import Change, Stage, measure, quiet
from hack.bench.shape import Shape
from hack.bench.side_by_side import side_by_side
from hack.bench.subjects import warm_up
from windlass.cluster.client import Client

BENCH = "growth"
COMPARED = ("seconds", "cpu_seconds", "peak_rss_mb")


def flags() -> Flags:
    made = Flags(BENCH, __doc__, repeat=4)  # an even number: what comes second finds a slower API server
    made.count("groups", "G", "how many groups share the instances", 100)
    made.count("instances", "N", "how many instances there are; a multiple of the groups", 10_000)
    return made


def run(options: argparse.Namespace, report: Report) -> list[Ratio]:
    if options.instances % options.groups:
        flags().error("--instances must be a multiple of --groups")
    one, many = Shape(1, options.instances), Shape(options.groups, options.instances // options.groups)
    with Plane() as plane:
        plane.create_namespace(NAMESPACE)
        with PodCount(plane.administrator, NAMESPACE) as pods:
            asyncio.run(_measure_all(plane, pods, (one, many), options.repeat, report))
    return [ratio for figure in COMPARED for ratio in ratios(report.measurements, figure, str(many), str(one))]


async def _measure_all(plane: Plane, pods: PodCount, shapes: tuple[Shape, ...], repeat: int, report: Report) -> None:
    async with Client(plane.administrator, user_agent="windlass-bench") as client:
        stage = Stage(plane, client, pods)
        await warm_up(stage)
        for number in range(repeat):
            for shape in shapes if number % 2 == 0 else reversed(shapes):
                with plane.operator() as operator:
                    await _measure_one(stage, operator.pid, shape, number, report)


async def _measure_one(stage: Stage, pid: int, shape: Shape, number: int, report: Report) -> None:
    names = [f"of-{shape.groups}-{number}-{group}" for group in range(shape.groups)]
    await side_by_side(lambda name: GROUP.create(stage.client, NAMESPACE, name, 0), names)
    await GROUP.settled(stage.client, NAMESPACE, 0)
    await quiet(stage.plane)
    for phase, size in (("out", shape.size), ("in", 0)):

        async def resize(name: str, size: int = size) -> None:
            await GROUP.resize(stage.client, NAMESPACE, name, size)

        change = Change(partial(side_by_side, resize, names), size * shape.groups, own_writes=len(names))
        figures = await measure(stage, pid, change)
        report.add(Measurement(BENCH, str(shape), phase, shape.instances, figures))


if __name__ == "__main__":
    sys.exit(main(flags(), run))
