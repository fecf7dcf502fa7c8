"""Rollouts played to their end on counts alone, in random worlds: the bounds hold after every single step.

`WORLDS=20000` plays more of them; a world is its seed.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from random import Random

import pytest

from tests.worlds import NOW
from windlass.planner.rollout.budget import Batch, Budget, Counts, exchangeable, finished, next_batch
from windlass.planner.rollout.checkpoints import Progress, advance, begin, goal

WORLDS = int(os.environ.get("WORLDS", "300"))
TICK = timedelta(minutes=1)
LONGEST = 2000  # ticks that a rollout may take once all is quiet
CHECKPOINTS = ((), (), (100,), (20, 50, 100), (1, 2, 99, 100), (34, 67, 100))


@dataclass(eq=False)
class Instance:
    """`comes_in`: ticks until it is in service, None: never again; `leaves_in`: ticks that it waits to leave."""

    version: str
    ready: bool = False
    was_ready: bool = False
    pinned: bool = False
    comes_in: int | None = None
    leaves_in: int | None = None


@dataclass
class World:
    """A group whose instances go from version "a" to "b"; with dice that decide all that the planner does not."""

    dice: Random
    target: int
    low: int
    high: int
    checkpoints: tuple[int, ...] = ()
    pause: timedelta = TICK
    hooks: int = 0
    wanted: str = "b"
    back: bool = False
    instances: list[Instance] = field(default_factory=list)
    progress: Progress = field(default_factory=Progress)
    tick: int = 0
    launched: int = 0
    trimmed: int = 0
    stops: list[int] = field(default_factory=list)

    @property
    def alive(self) -> list[Instance]:
        return [i for i in self.instances if i.leaves_in is None]

    @property
    def budget(self) -> Budget:
        return Budget.of(self.target, self.low, self.high)

    def of(self, kind: str) -> list[Instance]:
        return [i for i in self.alive if self._kind(i) == kind]

    def _kind(self, i: Instance) -> str:
        ready = "ready" if i.ready else "not_ready"
        if i.pinned:
            return f"pinned_{ready}"
        if i.version == self.wanted:
            return f"new_{ready}"
        never = self.back and not i.ready and not i.was_ready and i.version == "b"
        return "old_never_ready" if never else f"old_{ready}"

    def counts(self) -> Counts:
        kinds = [self._kind(i) for i in self.alive]
        known = {name: kinds.count(name) for name in Counts.__dataclass_fields__}
        known["old_not_ready"] += known["old_never_ready"]
        known["waiting"] = len(self.instances) - len(kinds)
        return Counts(**known)

    def begin(self) -> None:
        c = self.counts()
        self.progress = begin(self.checkpoints, exchangeable(c, self.budget), c.new_ready)

    def time_passes(self) -> None:
        self.tick += 1
        for i in list(self.instances):
            if i.leaves_in is not None:
                i.leaves_in -= 1
                if i.leaves_in <= 0:
                    self.instances.remove(i)
            elif i.comes_in is not None:
                i.comes_in -= 1
                if i.comes_in <= 0:
                    i.ready, i.was_ready, i.comes_in = True, True, None

    def decide(self) -> Batch:
        """A pass of the planner, with what must hold of it."""
        c, budget, before = self.counts(), self.budget, self.progress
        total, now = exchangeable(c, budget), NOW + self.tick * TICK
        most = None
        if not self.back:
            self.progress = advance(self.checkpoints, before, total, c.new_ready, now, self.pause)
            most = goal(self.checkpoints, self.progress, total)
            if self.progress.paused_until != before.paused_until and self.progress.paused_until is not None:
                self.stops.append(c.new)
        batch = next_batch(c, budget, most)
        if batch.launch and most is not None:
            assert c.new + batch.launch <= most or batch.launch <= budget.target - c.alive
        if batch.sick + batch.well and most is not None:
            left = c.old - batch.never_ready - batch.sick - batch.well
            assert left >= total - max(most, c.new)
        return batch

    def carry_out(self, batch: Batch, *, faithful: bool) -> None:
        """The steps of a batch in any order; unless `faithful`, some are refused."""
        steps = ["launch"] * batch.launch
        for kind, number in _removals(batch):
            steps += [kind] * number
        self.dice.shuffle(steps)
        for step in steps:
            if not faithful and self.dice.random() < 0.1:
                continue
            if step == "launch":
                self.launch()
            else:
                self.remove(step)

    def launch(self) -> None:
        c = self.counts()
        assert len(self.instances) < self.budget.ceiling, "launched above the ceiling"
        assert c.new + c.pinned < self.target, "launched needlessly"
        self.instances.append(Instance(self.wanted, comes_in=self.dice.randint(1, 4)))
        self.launched += 1

    def remove(self, kind: str) -> None:
        gone = self.dice.choice(self.of(kind))
        assert not gone.pinned, "removed a protected instance"
        gone.leaves_in = self.dice.randint(0, self.hooks)
        if not gone.leaves_in:
            self.instances.remove(gone)
        self.trimmed += kind.startswith("new")
        c, floor = self.counts(), self.budget.floor
        if kind.endswith("_ready") and not kind.endswith(("not_ready", "never_ready")):
            assert c.ready >= floor, "removed below the floor"
        if kind == "old_not_ready":
            hopeful = c.alive - c.new_not_ready - c.old_never_ready
            assert hopeful >= floor, "gave up what may come back, below the floor"


def _removals(batch: Batch) -> Iterator[tuple[str, int]]:
    yield "old_never_ready", batch.never_ready
    yield "old_not_ready", batch.sick
    yield "old_ready", batch.well
    yield "new_not_ready", batch.surplus_not_ready
    yield "new_ready", batch.surplus_ready


@contextmanager
def _naming(seed: int) -> Iterator[None]:
    """Adds the seed to what goes wrong."""
    try:
        yield
    except BaseException as error:
        error.add_note(f"world {seed}")
        raise


def a_world(seed: int, *, quiet: bool) -> World:
    dice = Random(seed)  # noqa: S311
    small = dice.random() < 0.4
    target = dice.randint(0, 4) if small else dice.randint(5, 40)
    low = dice.choice((0, 50, 80, 80, 99, 100, dice.randint(0, 100)))
    high = dice.choice((100, 100, 120, 120, 150, 200, dice.randint(100, 200)))
    world = World(dice, target, low, high, dice.choice(CHECKPOINTS), dice.randint(1, 20) * TICK)
    world.hooks = dice.choice((0, 0, 3))
    for _ in range(target):
        pinned = dice.random() < 0.1
        version = "b" if dice.random() < 0.05 else "a"
        world.instances.append(Instance(version, ready=True, was_ready=True, pinned=pinned))
    if not quiet:
        for i in world.instances:
            if dice.random() < dice.choice((0.0, 0.2, 0.9)):
                i.ready, i.comes_in = False, dice.choice((None, 3, 9))
        del world.instances[: dice.choice((0, 0, 1, 5))]
        for _ in range(dice.choice((0, 0, 3))):
            world.instances.append(Instance("a", ready=True, was_ready=True))
    world.begin()
    return world


def something_happens(world: World) -> None:
    """What neither the planner nor time does: scaling, failures, people."""
    dice, alive = world.dice, world.alive
    match dice.randint(0, 9):
        case 0:
            world.target = max(0, world.target + dice.randint(-10, 10))
        case 1 if alive:  # people, or a node
            world.instances.remove(dice.choice(alive))
        case 2 if alive:
            chosen = dice.choice(alive)
            chosen.pinned = not chosen.pinned
        case 3 | 4:  # not ready for a while, or for ever
            for i in alive:
                if i.ready and dice.random() < 0.2:
                    i.ready, i.comes_in = False, dice.choice((None, 2, 5))
        case 5 | 6:  # launches that fail
            for i in alive:
                if not i.was_ready and dice.random() < 0.5:
                    world.instances.remove(i)
        case 7:  # launches that hang until they fail
            for i in alive:
                if not i.was_ready:
                    i.comes_in = (i.comes_in or 0) + 5
        case _:
            pass


def all_is_quiet(world: World) -> None:
    """From now on instances come into service: all but old ones that are sick for good."""
    for i in world.alive:
        if not i.ready and i.comes_in is None and (i.pinned or i.version == world.wanted):
            i.comes_in = world.dice.randint(1, 5)


def play(world: World, *, surprises: int = 0, back_at: int | None = None, faithful: bool = True) -> None:
    """Until the rollout is over; `back_at`: the tick at which it is rolled back."""
    quiet_since = max(1, surprises, back_at or 0)
    while world.tick <= quiet_since or not finished(world.counts(), world.budget):
        assert world.tick < quiet_since + LONGEST, f"it does not end: {world.counts()} {world.budget}"
        world.time_passes()
        if world.tick <= surprises:
            something_happens(world)
        if world.tick == back_at:
            world.wanted, world.back = "a", True
        if world.tick == quiet_since:
            all_is_quiet(world)
        world.carry_out(world.decide(), faithful=faithful)
    assert {i.version for i in world.alive if not i.pinned} <= {world.wanted}
    c = world.counts()
    assert c.alive == world.target or c.pinned > world.target or c.pinned_not_ready


@pytest.mark.timeout(3600)
def test_no_world_breaks_a_bound_and_every_rollout_ends() -> None:
    for seed in range(WORLDS):
        world = a_world(seed, quiet=False)
        with _naming(seed):
            play(world, surprises=world.dice.randint(0, 60), faithful=False)


@pytest.mark.timeout(3600)
def test_no_way_back_breaks_a_bound_and_every_one_ends() -> None:
    for seed in range(WORLDS):
        world = a_world(seed, quiet=False)
        with _naming(seed):
            at = world.dice.randint(1, 40)
            play(world, surprises=at + world.dice.randint(0, 30), back_at=at, faithful=False)


@pytest.mark.timeout(3600)
def test_where_nothing_unexpected_happens_each_is_exchanged_once_and_checkpoints_stop_just_there() -> None:
    for seed in range(WORLDS):
        world = a_world(seed, quiet=True)
        with _naming(seed):
            c = world.counts()
            play(world)
            assert world.launched == c.old
            assert world.trimmed == 0
            total, start = c.old + c.new, c.new
            ahead = [n for n in (-(-total * p // 100) for p in world.checkpoints) if start < n < total]
            assert world.stops == list(dict.fromkeys(ahead))


def test_on_a_way_back_what_never_came_into_service_leaves_at_once() -> None:
    dice = Random(1)  # noqa: S311
    world = World(dice, 10, 80, 120, instances=[Instance("a", True, True) for _ in range(8)])
    world.instances += [Instance("b") for _ in range(4)]
    world.wanted, world.back = "a", True

    world.carry_out(world.decide(), faithful=True)

    assert {i.version for i in world.instances} == {"a"}
