"""A launch of three and a removal of two, with a crash before and after each write: as if nothing had happened."""

from collections.abc import Callable, Iterator
from itertools import combinations

import pytest

from tests.sim.troubles import arrive_late
from windlass.api.scaling_group import ConfigurationSource, ScalingGroupSpec
from windlass.planner.capacity.steps import Launch, Remove
from windlass.planner.group import plan_group
from windlass.simulate.play import play, run_pass
from windlass.simulate.world import PlayedOperator, World, Write

ZONES = ("zone-a", "zone-b", "zone-c")


class CrashError(Exception):
    """The operator's process ends here."""


def launch_of_three() -> World:
    """A new group of three."""
    source = ConfigurationSource(scaling_configuration="web")
    return World("web", ScalingGroupSpec(max_size=10, desired_size=3, configuration=source, zones=ZONES))


def removal_of_two() -> World:
    """A group of five of which three are wanted."""
    world = launch_of_three()
    world.change(desired_size=5)
    play_out(world)
    world.created.clear()
    world.change(desired_size=3)
    return world


SCENARIOS: dict[str, Callable[[], World]] = {"launch of three": launch_of_three, "removal of two": removal_of_two}


def play_out(world: World) -> None:
    """Play to the end with a new process: nothing is created above what is wanted."""
    for played in play(world, PlayedOperator()):
        launched = any(isinstance(write.step, Launch) for write in played.writes)
        assert not launched or len(world.alive) <= world.desired


def writes_of(world: World) -> list[Write]:
    """Every write of an undisturbed play."""
    return [write for played in play(world) for write in played.writes]


def outcome(world: World) -> dict[str, object]:
    """What must be the same, crash or no crash."""
    return {
        "created": sorted(world.created),
        "alive": sorted((i.name, i.zone, i.ready) for i in world.alive),
        "gone": sorted(world.removed_at),
        "activities": {name: (r.phase, r.description, r.instances) for name, r in world.records.items()},
        "next": (world.status.next_ordinal, world.status.next_activity),
        "message": world.status.message,
        "revisions": sorted(world.revisions),
    }


def crash_at(world: World, at: int) -> None:
    """Play with one process until it ends before its write number `at`, counted from 0."""
    done = 0

    def before(_: Write) -> None:
        nonlocal done
        if done == at:
            raise CrashError
        done += 1

    process = PlayedOperator()
    while True:
        try:
            played = run_pass(world, process, before=before)
        except CrashError:
            return
        if done == at and played is not None:
            return  # after the last write of a pass: the same as before the first one of the next
        if played is None or not played.plan.acts:
            due = world.next_change()
            if due is None:
                return  # nothing more is written: it ends at rest
            world.advance(due - world.now)


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_a_crash_before_or_after_any_write_changes_nothing_in_the_end(scenario: str) -> None:
    undisturbed = SCENARIOS[scenario]()
    count = len(writes_of(undisturbed))
    assert count >= 7

    for at in range(count + 1):
        world = SCENARIOS[scenario]()
        crash_at(world, at)
        play_out(world)
        assert outcome(world) == outcome(undisturbed), f"after a crash before write {at} of {count}"


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_two_crashes_change_nothing_in_the_end(scenario: str) -> None:
    undisturbed = SCENARIOS[scenario]()
    count = len(writes_of(undisturbed))

    for first in range(count):
        for second in range(count - first):
            world = SCENARIOS[scenario]()
            crash_at(world, first)
            crash_at(world, second)
            play_out(world)
            assert outcome(world) == outcome(undisturbed), f"after crashes before writes {first} and {first + second}"


def crashed_in_the_acting_pass(scenario: str, kind: type) -> Iterator[tuple[World, list[Write]]]:
    """The world after a crash in the pass that does this, once for each subset of its steps that had been sent.

    The steps of a pass go out side by side: a crash can come between any of them. With the steps that had not arrived.
    """
    subsets = [subset for size in range(9) for subset in combinations(range(8), size)]
    for subset in subsets:
        world, process = SCENARIOS[scenario](), PlayedOperator()
        while True:
            plan = plan_group(world.view(process))
            if any(isinstance(step, kind) for step in plan.steps):
                break
            run_pass(world, process)
        status, *steps = world.writes(plan, process)
        if any(index >= len(steps) for index in subset):
            continue
        status.do()
        for index in subset:
            steps[index].do()
        yield world, [write for index, write in enumerate(steps) if index not in subset]


@pytest.mark.parametrize(("scenario", "kind"), [("launch of three", Launch), ("removal of two", Remove)])
def test_a_crash_between_steps_that_go_out_side_by_side_changes_nothing_in_the_end(scenario: str, kind: type) -> None:
    undisturbed = SCENARIOS[scenario]()
    writes_of(undisturbed)
    worlds = [world for world, _ in crashed_in_the_acting_pass(scenario, kind)]
    assert len(worlds) == 2 ** (4 if kind is Launch else 3)

    for world in worlds:
        play_out(world)
        assert outcome(world) == outcome(undisturbed)


def test_creations_of_a_crashed_process_that_arrive_late_change_nothing_in_the_end() -> None:
    """They arrive before, between and after the writes of the process that came next."""
    undisturbed = launch_of_three()
    writes_of(undisturbed)

    for number in range(16):
        for moment in range(8):
            world, unsent = list(crashed_in_the_acting_pass("launch of three", Launch))[number]
            late = [write.step for write in unsent if isinstance(write.step, Launch)]
            crash_at(world, moment)
            for step in late:
                arrive_late(world, step)
                assert len(world.alive) <= 3
            play_out(world)
            assert outcome(world) == outcome(undisturbed)
