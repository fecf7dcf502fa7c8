"""Play plans forward until nothing is left to do."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from windlass.planner.capacity.steps import GroupPlan, Launch
from windlass.planner.group import plan_group
from windlass.simulate.world import PlayedOperator, World, Write

MOST_PASSES = 10_000  # a group that is not settled by then never will be
TICK = timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class Played:
    """One pass that wrote something."""

    at: datetime
    plan: GroupPlan
    writes: tuple[Write, ...]


def run_pass(world: World, process: PlayedOperator, *, before: Callable[[Write], None] | None = None) -> Played | None:
    """Plan once and do all of it. `before` is called before each write and may raise to stop there.

    The first launch that is refused is the last one that is tried. What was refused is forgotten when the status tells
    of it: a pass that is stopped before leaves that to the next one.
    """
    view = world.view(process)
    plan, heard = plan_group(view), len(view.refusals)
    done: list[Write] = []
    for write in world.writes(plan, process):
        if isinstance(write.step, Launch) and len(process.refusals) > heard:
            continue
        if before is not None:
            before(write)
        write.do()
        done.append(write)
    del process.refusals[:heard]
    if plan.acts and plan.settles_removals:
        process.removals_in_doubt = False
        process.withdrawn.clear()
    return Played(world.now, plan, tuple(done)) if done else None


def play(world: World, process: PlayedOperator | None = None, *, until: datetime | None = None) -> Iterator[Played]:
    """Passes and time in turn until nothing changes any more, or until a moment."""
    process = process or PlayedOperator()
    for _ in range(MOST_PASSES):
        played = run_pass(world, process)
        if played is not None:
            yield played
        if played is not None and (played.plan.acts or played.plan.wake_at == played.at):
            continue
        ahead = plan_group(world.view(process))
        moments = (world.next_change(), process.next_end(), ahead.wake_at, world.now if ahead.acts else None)
        due = min((moment for moment in moments if moment is not None), default=None)
        if due is None or (until is not None and due > until):
            return
        world.advance(max(due - world.now, TICK))
