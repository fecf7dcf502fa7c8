"""How long one pass takes to plan for a group at rest, and for one that has everything still to launch or to remove.

Prints a table, or with --json one line per measurement. Nothing but the planner is measured: no cache, no API server.
"""

import argparse
import gc
import json
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "operator"))

from windlass.api.scaling_group import ConfigurationSource, ScalingGroupSpec
from windlass.planner.capacity.view import GroupView
from windlass.planner.group import plan_group
from windlass.simulate.play import play
from windlass.simulate.world import PlayedOperator, World

ZONES = ("zone-a", "zone-b", "zone-c")
AT_REST_LIMIT = 30.0  # milliseconds, for 10,000 instances: design/scaling-group.md


@dataclass(frozen=True)
class Measured:
    phase: str
    instances: int
    milliseconds: list[float]


def settled(size: int) -> World:
    source = ConfigurationSource(scaling_configuration="web")
    world = World("web", ScalingGroupSpec(max_size=10_000, desired_size=size, configuration=source, zones=ZONES))
    for _ in play(world):
        pass
    return world


def views(size: int) -> dict[str, GroupView]:
    world, process = settled(size), PlayedOperator()
    at_rest = world.view(process)
    empty = World("web", at_rest.spec, revisions=world.revisions).view(process)
    world.change(desired_size=0)
    return {"at rest": at_rest, "in": world.view(process), "out": empty}


def measure(do: Callable[[], object], rounds: int) -> list[float]:
    taken = []
    gc.disable()
    for _ in range(rounds):
        start = time.perf_counter()
        do()
        taken.append((time.perf_counter() - start) * 1000)
        gc.collect()
    gc.enable()
    return taken


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--instances", type=int, nargs="*", default=[100, 1000, 10_000])
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    found = [
        Measured(phase, size, measure(partial(plan_group, view), given.rounds))
        for size in given.instances
        for phase, view in views(size).items()
    ]
    print_as_json(found) if given.json else print_as_table(found)
    slow = [m for m in found if m.phase == "at rest" and statistics.median(m.milliseconds) > AT_REST_LIMIT]
    return 1 if slow else 0


def print_as_json(found: list[Measured]) -> None:
    for m in found:
        low, middle, high = spread(m)
        values = {"min_ms": low, "median_ms": middle, "max_ms": high}
        bench = {"bench": "planner_pass", "subject": "windlass", "phase": m.phase, "instances": m.instances}
        print(json.dumps(bench | {name: round(value, 3) for name, value in values.items()}))


def print_as_table(found: list[Measured]) -> None:
    print(f"{'phase':<8} {'instances':>9} {'min':>9} {'median':>9} {'max':>9}  (milliseconds a pass)")
    for m in found:
        print(f"{m.phase:<8} {m.instances:>9}" + "".join(f" {value:>9.2f}" for value in spread(m)))


def spread(m: Measured) -> tuple[float, float, float]:
    return min(m.milliseconds), statistics.median(m.milliseconds), max(m.milliseconds)


if __name__ == "__main__":
    sys.exit(main())
