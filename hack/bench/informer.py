"""How fast Pods are read, and what 10,000 of them take.

`informer`: windlass.cluster.informer.Informer, with the operator's client and the records of scaling groups, on a local
server that sends prepared events over plain HTTP, each in a chunk of its own (an API server would be the slower of the
two). `list`: until all Pods are known. `watch`: so many changes to them. `decoder`: the same lines without transport,
through the decoder and into the indexed store alone. Its `memory` is what Python's allocator holds for the records and
their indexes; nothing else of the process.
"""

import argparse
import asyncio
import gc
import sys
import time
import tracemalloc
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from itertools import islice

from hack.bench import pod_server
from hack.bench.figures import Measurement, Ratio
from hack.bench.plane import ROOT
from hack.bench.pod_events import Events
from hack.bench.program import Flags, main
from hack.bench.report import Report
from windlass.cluster.client import Client
from windlass.cluster.connection import Connection
from windlass.cluster.decoding import Change, RecordDecoder
from windlass.cluster.informer import Informer
from windlass.cluster.pods import Pod, to_instance
from windlass.cluster.resources import PODS
from windlass.cluster.store import Store
from windlass.planner.capacity.instance import Instance

BENCH = "informer"
LIMIT = 120.0
BATCH = 5000  # events that are made, outside of the time that counts, before they are read


def flags() -> Flags:
    made = Flags(BENCH, __doc__, repeat=5)
    made.count("instances", "N", "how many Pods", 10_000)
    made.count("changes", "C", "how many changes to them", 100_000)
    return made


def run(options: argparse.Namespace, report: Report) -> list[Ratio]:
    pods, changes = options.instances, options.changes
    for _ in range(options.repeat):
        for phase, figures in asyncio.run(_informer(pods, changes)).items():
            report.add(Measurement(BENCH, "informer", phase, pods, figures))
        for phase, figures in _decoder(pods, changes).items():
            report.add(Measurement(BENCH, "decoder", phase, pods, figures))
        report.add(Measurement(BENCH, "decoder", "memory", pods, {"records_mb": _records_mb(pods)}))
    return []


class Stopwatch:
    """Adds up the time of its `with` blocks, and this process's processor time in them."""

    def __init__(self) -> None:
        self._seconds = self._cpu = 0.0

    def __enter__(self) -> None:
        self._seconds -= time.perf_counter()
        self._cpu -= time.process_time()

    def __exit__(self, *_: object) -> None:
        self._seconds += time.perf_counter()
        self._cpu += time.process_time()

    def figures(self, events: int) -> dict[str, float]:
        """What so many events took."""
        return {
            "seconds": self._seconds,
            "cpu_seconds": self._cpu,
            "events_per_second": int(events / self._seconds),
            "cpu_us_per_event": 1e6 * self._cpu / events,
        }


class Reading:
    """What an informer does with lines, without the connection that they come from."""

    def __init__(self) -> None:
        self.store: Store[Instance] = Store(_group, None)
        self._decode = RecordDecoder("Pod", Pod, to_instance, lambda what, number: None).line

    def take(self, lines: Iterable[bytes]) -> None:
        """Decode and keep."""
        for line in lines:
            event = self._decode(line)
            if isinstance(event, Change):
                self.store.put(event.record)


async def _informer(pods: int, changes: int) -> dict[str, dict[str, float]]:
    seen, done = 0, asyncio.Event()

    def count(what: str, number: int) -> None:
        nonlocal seen
        seen += number if what == "change" else 0
        if seen >= changes:
            done.set()

    async with _server(pods, changes) as connection, Client(connection) as client, asyncio.timeout(LIMIT):
        informer = Informer(client, PODS, Pod, to_instance, index=_group, count=count)
        listing, watching = Stopwatch(), Stopwatch()
        with listing:
            running = asyncio.create_task(informer.run())
            await informer.synced.wait()
        with watching:
            await done.wait()
        running.cancel()
        if len(informer) != pods:
            raise ConnectionError(f"reading {pods} Pods: the informer knows {len(informer)}")
    return {"list": listing.figures(pods), "watch": watching.figures(changes)}


@asynccontextmanager
async def _server(pods: int, changes: int) -> AsyncIterator[Connection]:
    pipe = asyncio.subprocess.PIPE
    command = [sys.executable, "-m", pod_server.__name__, str(pods), str(changes)]
    process = await asyncio.create_subprocess_exec(*command, stdin=pipe, stdout=pipe, cwd=ROOT, start_new_session=True)
    try:
        port = int(await process.stdout.readline()) if process.stdout else 0
        yield Connection(f"http://127.0.0.1:{port}", "a benchmark")
    finally:
        process.kill()
        await process.wait()


def _decoder(pods: int, changes: int) -> dict[str, dict[str, float]]:
    events, reading = Events(), Reading()
    found = {}
    for phase, kind, number in (("list", "ADDED", pods), ("watch", "MODIFIED", changes)):
        stopwatch, lines = Stopwatch(), events.lines(kind, pods, number)
        while batch := list(islice(lines, BATCH)):
            with stopwatch:
                reading.take(batch)
        found[phase] = stopwatch.figures(number)
    return found


def _records_mb(pods: int) -> float:
    reading, lines = Reading(), Events().lines("ADDED", pods, pods)
    reading.take(islice(lines, 1))  # what is made once is no record
    gc.collect()
    tracemalloc.start()
    try:
        reading.take(lines)
        gc.collect()
        return tracemalloc.get_traced_memory()[0] / 1e6
    finally:
        tracemalloc.stop()


def _group(instance: Instance) -> str:
    return instance.group


if __name__ == "__main__":
    sys.exit(main(flags(), run))
