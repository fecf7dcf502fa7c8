"""One change of size, measured: how long until all Pods are there or gone, and what it took."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from hack.bench.plane import Plane
from hack.bench.pod_count import PodCount
from hack.bench.usage import cpu_seconds, peak_rss_mb, reset_peak
from windlass.cluster.client import Client

QUIET_SECONDS = 1.5  # the operator writes the counts of a group once a second at most, so the last ones may be late
QUIET_LIMIT_SECONDS = 120.0
SLOWEST_PER_SECOND = 20  # Pods; what is slower has come to a halt


@dataclass(frozen=True, slots=True)
class Stage:
    """A control plane, a client of its administrator, and the count of the Pods in the namespace that is used."""

    plane: Plane
    client: Client
    pods: PodCount


@dataclass(frozen=True, slots=True)
class Change:
    """What is asked for: `ask()` makes `own_writes` requests that count as nobody's; then `size` Pods are there."""

    ask: Callable[[], Awaitable[None]]
    size: int
    own_writes: int


async def measure(stage: Stage, pid: int, change: Change) -> Mapping[str, float]:
    """Seconds from the asking to the last Pod; CPU, peak memory and writes of the process until it rests again.

    It must rest before too: see `quiet`.
    """
    reset_peak(pid)
    before, cpu, instances = writes(stage.plane), cpu_seconds(pid), abs(change.size - stage.pods.now)
    started = time.perf_counter()
    await change.ask()
    limit = 60 + instances / SLOWEST_PER_SECOND
    ended = await asyncio.to_thread(stage.pods.reached, change.size, limit)
    after = await quiet(stage.plane)
    cpu = cpu_seconds(pid) - cpu
    return {
        "seconds": ended - started,
        "cpu_seconds": cpu,
        "cpu_ms_per_instance": 1000 * cpu / instances,
        "peak_rss_mb": peak_rss_mb(pid),
        "writes": after - before - change.own_writes,
    }


async def quiet(plane: Plane) -> int:
    """Wait until nothing has been written for a while; how many writes there were so far, Leases apart."""
    async with asyncio.timeout(QUIET_LIMIT_SECONDS):
        before = writes(plane)
        while True:
            await asyncio.sleep(QUIET_SECONDS)
            now = writes(plane)
            if now == before:
                return now
            before = now


def writes(plane: Plane) -> int:
    """All writes so far but those of Leases, by which processes say that they live."""
    return sum(count for resource, count in plane.writes().items() if resource != "leases")
