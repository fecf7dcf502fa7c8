"""A stack set over many targets: what an operation takes beyond the time that its instances take themselves.

`fixed`: the operator as it is, at a real API server, but what is done at a target takes `--milliseconds`, and never
fails. `critical_seconds` is the least time in which the limits of concurrency allow that, `overhead_seconds` the rest
of the time from the creation of the operation until a watch shows its end. `allowed_seconds` was promised for that: 5 %
and 2 s. `prepared_seconds`: until all instances are marked; the first ones begin before.

`members`: with `--members K` the targets lead to so many real API servers in turn, each by a client of its own, and the
operator deploys a ConfigMap of 1 KB. `target_…` is the time from the beginning of an instance to its end.

`create` makes the instances, `deploy` deploys to them again. Writes are the hub's: for each instance its own and its
status's; all of the operation's and the set's; all others but of Leases. `hub_cpu_seconds`: of API server and etcd.
`passes` are the operation's, their requests included. `pass`: what such a pass computes, see stack_pass.py.
"""

import argparse
import asyncio
import sys
import time
from collections import Counter
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass

from hack.bench.figures import Measurement, Ratio, percentile
from hack.bench.manifests import NAMESPACE
from hack.bench.operator_metrics import Passes
from hack.bench.plane import Operator, Plane
from hack.bench.program import Flags, main
from hack.bench.report import Report
from hack.bench.resizing import quiet
from hack.bench.stack_pass import measure_pass
from hack.bench.stacks import PREPARED, Course, Spread, create_set, create_targets
from hack.bench.usage import cpu_seconds, peak_rss_mb, reset_peak
from hack.cluster import StartError
from windlass.api import stack_set_operation
from windlass.api.stack_set_operation import Action
from windlass.api.stacks import InstancePhase
from windlass.api.task import Phase
from windlass.cluster.client import Client
from windlass.cluster.resources import STACK_INSTANCES, STACK_SET_OPERATIONS

BENCH = "stack_set_fanout"
OPERATION = stack_set_operation.KIND.kind
FIXED, MEMBERS = "fixed", "members"
ALLOWED_SHARE, ALLOWED_SECONDS = 0.05, 2.0
PHASES = {"create": Action.CREATE, "deploy": Action.DEPLOY}


@dataclass(frozen=True, slots=True)
class Stage:
    """What all operations have in common. `operations` and `instances`: when they came into their phases; instances are
    watched with members alone, because that costs the API server time."""

    plane: Plane
    client: Client
    spread: Spread
    operations: Course
    instances: Course


def flags() -> Flags:
    made = Flags(BENCH, __doc__, repeat=3)
    made.count("targets", "N", "how many targets; a multiple of the regions", 100)
    made.count("regions", "R", "how many regions share them", 1)
    made.count("concurrent", "P", "how many per cent of a region are worked at at once", 10)
    made.count("milliseconds", "MS", "how long it takes at a target, without members", 2000)
    made.add_argument("--sequential", action="store_true", help="one region after the other, not side by side")
    made.add_argument("--members", type=int, default=0, metavar="K", help="how many real API servers (default: none)")
    return made


def run(options: argparse.Namespace, report: Report) -> list[Ratio]:
    if options.targets % options.regions:
        flags().error("--targets must be a multiple of --regions")
    spread = Spread(options.regions, options.targets // options.regions, options.concurrent, options.sequential)
    with Plane(members=options.members) as plane:
        plane.create_namespace(NAMESPACE)
        asyncio.run(_measure_all(plane, spread, options, report))
    report.add(Measurement(BENCH, "windlass", "pass", spread.targets, measure_pass(spread)))
    return []


async def _measure_all(plane: Plane, spread: Spread, options: argparse.Namespace, report: Report) -> None:
    subject = MEMBERS if options.members else FIXED
    async with Client(plane.administrator, user_agent="windlass-bench") as client:
        operations, instances = Course(client, STACK_SET_OPERATIONS), Course(client, STACK_INSTANCES)
        await create_targets(client, spread, plane.cluster.members)
        async with operations.watched(), instances.watched() if options.members else nullcontext():
            stage = Stage(plane, client, spread, operations, instances)
            for number in range(options.repeat):
                with _operator(plane, options) as operator:
                    await quiet(plane)
                    await create_set(client, f"set-{number}")
                    await quiet(plane)
                    for phase in PHASES:
                        figures = await _operate(stage, operator, f"set-{number}", phase, options)
                        report.add(Measurement(BENCH, subject, phase, spread.targets, figures))


def _operator(plane: Plane, options: argparse.Namespace) -> AbstractContextManager[Operator]:
    if options.members:
        return plane.operator("--allow-local-targets=on")
    return plane.operator(f"--fixed-seconds={options.milliseconds / 1000}", module="hack.bench.fixed_time")


async def _operate(
    stage: Stage, operator: Operator, stack_set: str, phase: str, options: argparse.Namespace
) -> dict[str, float]:
    name, targets = f"{stack_set}-{phase}", stage.spread.targets
    critical = stage.spread.critical_seconds(options.milliseconds / 1000)
    stage.instances.seen.clear()
    reset_peak(operator.pid)
    before, passes = stage.plane.writes(), Passes.of(operator, OPERATION)
    cpu, hub = cpu_seconds(operator.pid), stage.plane.cpu_seconds()
    started = time.perf_counter()
    await stage.client.create(STACK_SET_OPERATIONS, NAMESPACE, stage.spread.operation(name, stack_set, PHASES[phase]))
    seen = await stage.operations.until_over(name, 120 + targets / 10 + 3 * critical)
    if Phase.SUCCESSFUL not in seen:
        raise StartError(f"{name} has ended as {', '.join(seen)}")
    seconds, prepared = seen[Phase.SUCCESSFUL] - started, seen[PREPARED] - started
    await quiet(stage.plane)
    made = Passes.of(operator, OPERATION).since(passes)
    measured = (
        at_targets(stage.instances.between(InstancePhase.RUNNING, InstancePhase.COMPLETE))
        if options.members
        else overhead(seconds, critical)
    )
    return {
        "seconds": seconds,
        **measured,
        "prepared_seconds": prepared,
        **shared_out(stage.plane.writes() - before, targets),
        "cpu_seconds": cpu_seconds(operator.pid) - cpu,
        "hub_cpu_seconds": stage.plane.cpu_seconds() - hub,
        "peak_rss_mb": peak_rss_mb(operator.pid),
        "passes": made.count,
        "pass_ms": made.mean_ms,
        "longest_pass_ms": made.longest_ms,
    }


def overhead(seconds: float, critical: float) -> dict[str, float]:
    """What an operation took beyond the least that it can take, beside what was promised."""
    return {
        "critical_seconds": critical,
        "overhead_seconds": seconds - critical,
        "allowed_seconds": ALLOWED_SECONDS + ALLOWED_SHARE * critical,
    }


def at_targets(seconds: list[float]) -> dict[str, float]:
    """How long instances took."""
    return {f"target_p{percent}_seconds": percentile(seconds, percent) for percent in (50, 90, 100)}


def shared_out(writes: Counter[str], targets: int) -> dict[str, float]:
    """The writes: of each instance, of the operation and its set, and the rest but Leases'. The one that creates the
    operation is the benchmark's."""
    instances, statuses = writes["stackinstances"], writes["stackinstances/status"]
    operation, of_set = writes["stacksetoperations/status"], writes["stacksets"] + writes["stacksets/status"]
    told = instances + statuses + operation + of_set + writes["stacksetoperations"] + writes["leases"]
    return {
        "instance_writes": instances / targets,
        "status_writes": statuses / targets,
        "operation_writes": operation,
        "set_writes": of_set,
        "other_writes": writes.total() - told,
    }


if __name__ == "__main__":
    sys.exit(main(flags(), run))
