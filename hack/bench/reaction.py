"""An instance is killed: how soon is its replacement asked for?

Groups of one instance each, in namespaces of their own, beside ReplicaSets of one replica, one after the other; each
controller runs alone. What is killed is in service: the benchmark itself says of the Pods that they are ready. `alone`:
one kill at a time, 0.25 s apart. `loaded`: one every 30 ms while another group (ReplicaSet) launches thousands; only
kills during that launch count. Times are those at which the API server received the two requests, from its audit log.
"""

import argparse
import asyncio
import sys
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

import msgspec

from hack.bench.audit import Request, pod_requests, reactions
from hack.bench.figures import Measurement, Ratio, percentile, ratios
from hack.bench.owners import GROUP, REPLICA_SET, Owner, make_ready
from hack.bench.plane import Plane
from hack.bench.pod_count import PodCount
from hack.bench.program import Flags, main
from hack.bench.report import Report
from hack.bench.resizing import SLOWEST_PER_SECOND, quiet
from hack.bench.side_by_side import side_by_side
from windlass.cluster.client import Client
from windlass.cluster.resources import PODS

BENCH = "reaction"
LOAD = "load"
PAUSE_ALONE, PAUSE_LOADED = 0.25, 0.03  # seconds between two kills
POLL_SECONDS = 0.05
LIMIT = 120.0
COMPARED = ("p50_ms", "p99_ms")


def flags() -> Flags:
    made = Flags(BENCH, __doc__, repeat=3)
    made.count("kills", "K", "how many instances are killed in each phase", 100)
    made.count("load", "N", "how many Pods are launched meanwhile", 5000)
    return made


def run(options: argparse.Namespace, report: Report) -> list[Ratio]:
    for number in range(options.repeat):
        for owner in (GROUP, REPLICA_SET) if number % 2 == 0 else (REPLICA_SET, GROUP):
            with Plane(audit=True) as plane, owner.at_work(plane):
                asyncio.run(_measure(plane, owner, options, report))
    return [ratio for figure in COMPARED for ratio in ratios(report.measurements, figure, "windlass", "replicaset")]


async def _measure(plane: Plane, owner: Owner, options: argparse.Namespace, report: Report) -> None:
    async with Client(plane.administrator, user_agent="windlass-bench") as client:
        stage = Stage(plane, client, owner, options.kills)
        report.add(Measurement(BENCH, owner.subject, "alone", options.kills, await stage.alone()))
        report.add(Measurement(BENCH, owner.subject, "loaded", options.kills, await stage.loaded(options.load)))


class _Meta(msgspec.Struct):
    namespace: str
    name: str
    uid: str


class _Pod(msgspec.Struct):
    metadata: _Meta


class Stage:
    """One owner's part, on a control plane of its own."""

    def __init__(self, plane: Plane, client: Client, owner: Owner, kills: int) -> None:
        self._plane = plane
        self._client = client
        self._owner = owner
        self._victims = frozenset(f"victim-{number}" for number in range(kills))

    async def alone(self) -> dict[str, float]:
        """What the reactions are when nothing else goes on."""
        for namespace in (*self._victims, LOAD):
            self._plane.create_namespace(namespace)
        await side_by_side(lambda namespace: self._owner.create(self._client, namespace, "one", 1), self._victims)
        start = await self._put_in_service()
        await self._kill_all(PAUSE_ALONE)
        return _figures([took for _, took in await self._reactions(start)])

    async def loaded(self, load: int) -> dict[str, float]:
        """What they are while so many others are launched."""
        start = await self._put_in_service()
        with PodCount(self._plane.administrator, LOAD) as pods:
            await self._owner.create(self._client, LOAD, LOAD, load)
            await _until(lambda: pods.now, "the first Pod of the load")
            await self._kill_all(PAUSE_LOADED)
            await asyncio.to_thread(pods.reached, load, LIMIT + load / SLOWEST_PER_SECOND)
        found = await self._reactions(start)
        launches = [request.at for request in self._requests(start) if request.namespace == LOAD and request.creates]
        return _figures([took for at, took in found if launches[0] <= at <= launches[-1]])

    async def _put_in_service(self) -> int:
        """Until every victim has its instance in service, and everybody rests; where the audit log ends then."""
        async with asyncio.timeout(LIMIT):
            while set(await self._pods()) != self._victims:  # noqa: ASYNC110 - it happens elsewhere
                await asyncio.sleep(POLL_SECONDS)
        await make_ready(self._client, None)
        await self._owner.settled(self._client, None, 1)
        await quiet(self._plane)
        return self._plane.cluster.audit_log.stat().st_size

    async def _kill_all(self, pause: float) -> None:
        kills = []
        for pod in (await self._pods()).values():
            kills.append(asyncio.create_task(self._client.delete(PODS, pod.namespace, pod.name, uid=pod.uid)))
            await asyncio.sleep(pause)
        await asyncio.gather(*kills)

    async def _pods(self) -> dict[str, _Meta]:
        """The Pod of each victim, by namespace."""
        found = (await self._client.list(PODS, into=_Pod)).items
        return {pod.metadata.namespace: pod.metadata for pod in found if pod.metadata.namespace in self._victims}

    async def _reactions(self, start: int) -> list[tuple[datetime, timedelta]]:
        """Those to all kills since then."""

        def found() -> list[tuple[datetime, timedelta]]:
            return reactions(self._requests(start), self._victims)

        await _until(lambda: len(found()) == len(self._victims), "a replacement of every victim")
        return found()

    def _requests(self, start: int) -> list[Request]:
        return pod_requests(self._plane.cluster.audit_log, start)


async def _until(condition: Callable[[], object], what: str) -> None:
    try:
        async with asyncio.timeout(LIMIT):
            while not condition():  # noqa: ASYNC110 - it happens elsewhere
                await asyncio.sleep(POLL_SECONDS)
    except TimeoutError as error:
        raise TimeoutError(f"waiting for {what}: not so after {LIMIT:.0f} s") from error


def _figures(took: Sequence[timedelta]) -> dict[str, float]:
    if not took:
        raise TimeoutError("no kill fell into the launch of the load: kill fewer, or launch more")
    times = [each / timedelta(milliseconds=1) for each in took]
    p50, p99 = percentile(times, 50), percentile(times, 99)
    return {"p50_ms": p50, "p99_ms": p99, "max_ms": max(times), "kills": len(times)}


if __name__ == "__main__":
    sys.exit(main(flags(), run))
