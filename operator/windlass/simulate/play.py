"""Play plans forward until nothing is left to do."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from windlass.planner.capacity.group import plan_group
from windlass.planner.plan import Plan
from windlass.simulate.world import Process, World, Write

MOST_PASSES = 10_000  # a group that is not settled by then never will be
TICK = timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class Played:
    """One pass that wrote something."""

    at: datetime
    plan: Plan
    writes: tuple[Write, ...]


def run_pass(world: World, process: Process, *, before: Callable[[Write], None] | None = None) -> Played | None:
    """Plan once and do all of it. `before` is called before each write and may raise to stop there."""
    view = world.view(process)
    process.refusals.clear()
    plan = plan_group(view)
    writes = world.writes(plan, process)
    for write in writes:
        if before is not None:
            before(write)
        write.do()
    return Played(world.now, plan, tuple(writes)) if writes else None


def play(world: World, process: Process | None = None, *, until: datetime | None = None) -> Iterator[Played]:
    """Passes and time in turn until nothing changes any more, or until a moment."""
    process = process or Process()
    for _ in range(MOST_PASSES):
        played = run_pass(world, process)
        if played is not None:
            yield played
        if played is not None and played.plan.acts:
            continue
        moments = (world.next_change(), plan_group(world.view(process)).wake_at)
        due = min((moment for moment in moments if moment is not None), default=None)
        if due is None or (until is not None and due > until):
            return
        world.advance(max(due - world.now, TICK))
