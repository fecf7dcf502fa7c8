"""N Pods to nothing while they change: what somebody else writes to a Pod just before it is removed must cost little.

`still`: nobody changes them; `changing`: annotations are written to Pods drawn at random, as many a second as asked
for. Time runs as in `scale_out`. `writes` are without those of who changes them; `pod_lists` counts the requests for a
page of Pods, `failed_passes` the passes that ended in an error or had to begin anew.
"""

import argparse
import asyncio
import random
import re
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial

from hack.bench.figures import Measurement, Ratio, ratios
from hack.bench.manifests import NAMESPACE
from hack.bench.owners import GROUP
from hack.bench.plane import Operator, Plane
from hack.bench.pod_count import PodCount
from hack.bench.program import Flags, main
from hack.bench.report import Report
from hack.bench.resizing import SLOWEST_PER_SECOND, Change, Stage, measure, quiet
from hack.bench.subjects import warm_up
from windlass.cluster.client import Client
from windlass.cluster.errors import Gone
from windlass.cluster.resources import PODS

BENCH = "changing"
STILL, CHANGING = "still", "changing"
COMPARED = ("seconds", "cpu_seconds", "peak_rss_mb", "writes")
WRITERS = 8  # who change Pods, side by side

_LISTS = re.compile(r'^windlass_api_requests_total\{(?=[^}]*resource="pods")(?=[^}]*verb="list")[^}]*\} (\S+)$', re.M)
_PASSES = re.compile(r'^windlass_reconcile_duration_seconds_count\{[^}]*result="([^"]+)"[^}]*\} (\S+)$', re.M)


@dataclass(frozen=True, slots=True)
class Told:
    """What the operator has counted so far."""

    pod_lists: float
    failed_passes: float

    @classmethod
    def read(cls, metrics: str) -> "Told":
        """From the text that Prometheus reads."""
        failed = sum(float(count) for result, count in _PASSES.findall(metrics) if result not in ("done", "gone"))
        return cls(sum(map(float, _LISTS.findall(metrics))), failed)


class Touching:
    """Writes an annotation to Pods of a group, drawn at random, so many a second at most. `made`: requests so far."""

    def __init__(self, client: Client, group: str, size: int, per_second: int) -> None:
        self.made = 0
        self._client = client
        self._left = [f"{group}-{number}" for number in range(size)]
        self._pause = WRITERS / per_second
        self._rng = random.Random(group)  # noqa: S311 - no secret

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Until the block ends."""
        writers = [asyncio.create_task(self._write()) for _ in range(WRITERS)]
        try:
            yield
        finally:
            for writer in writers:
                writer.cancel()
            await asyncio.wait(writers)

    async def _write(self) -> None:
        while self._left:
            pod = self._rng.choice(self._left)
            self.made += 1
            try:
                body = {"metadata": {"annotations": {"bench/touched": str(self.made)}}}
                await self._client.merge_patch(PODS, NAMESPACE, pod, body)
            except Gone:
                if pod in self._left:
                    self._left.remove(pod)
            await asyncio.sleep(self._pause)


def flags() -> Flags:
    made = Flags(BENCH, __doc__, repeat=4)  # an even number: what comes second finds a slower API server
    made.count("instances", "N", "how many Pods", 9000)
    made.count("touches", "T", "how many changes a second", 500)
    return made


def run(options: argparse.Namespace, report: Report) -> list[Ratio]:
    with Plane() as plane:
        plane.create_namespace(NAMESPACE)
        with PodCount(plane.administrator, NAMESPACE) as pods:
            asyncio.run(_measure_all(plane, pods, options, report))
    return [ratio for figure in COMPARED for ratio in ratios(report.measurements, figure, CHANGING, STILL)]


async def _measure_all(plane: Plane, pods: PodCount, options: argparse.Namespace, report: Report) -> None:
    async with Client(plane.administrator, user_agent="windlass-bench") as client:
        stage = Stage(plane, client, pods)
        await warm_up(stage)
        for number in range(options.repeat):
            for subject in (STILL, CHANGING) if number % 2 == 0 else (CHANGING, STILL):
                touches = options.touches if subject == CHANGING else 0
                with plane.operator() as operator:
                    figures = await _shrink(stage, operator, f"{subject}-{number}", options.instances, touches)
                report.add(Measurement(BENCH, subject, "in", options.instances, figures))


async def _shrink(stage: Stage, operator: Operator, group: str, size: int, touches: int) -> dict[str, float]:
    await GROUP.create(stage.client, NAMESPACE, group, size)
    await asyncio.to_thread(stage.pods.reached, size, 60 + size / SLOWEST_PER_SECOND)
    await quiet(stage.plane)
    before = Told.read(operator.metrics())
    touching = Touching(stage.client, group, size if touches else 0, max(1, touches))
    change = Change(partial(GROUP.resize, stage.client, NAMESPACE, group, 0), 0, own_writes=1)
    async with touching.running():
        figures = dict(await measure(stage, operator.pid, change))
    after = Told.read(operator.metrics())
    return figures | {
        "writes": figures["writes"] - touching.made,
        "touches": touching.made,
        "pod_lists": after.pod_lists - before.pod_lists,
        "failed_passes": after.failed_passes - before.failed_passes,
    }


if __name__ == "__main__":
    sys.exit(main(flags(), run))
