"""Ten thousand random steps on fresh views, and as many on old ones; a failing seed is printed and replays."""

import os
import secrets
from random import Random

import pytest

from tests.sim.chaos import Chaos
from tests.sim.old_views import OldViews

SEED = int(os.environ.get("WINDLASS_TEST_SEED") or secrets.randbelow(2**30))
PLAYS, ROUNDS, STEPS = 50, 4, 50  # 10,000 steps


@pytest.mark.parametrize("kind", [Chaos, OldViews], ids=["fresh", "old"])
@pytest.mark.parametrize("number", range(PLAYS))
@pytest.mark.spec("scaling-group.md", "kept at desired")
@pytest.mark.spec("scaling-group.md", "2 one activity")
def test_whatever_happens_the_group_stays_within_its_bounds_and_comes_to_rest(number: int, kind: type[Chaos]) -> None:
    chaos = kind(Random(SEED * 1000 + number))  # noqa: S311
    try:
        for _ in range(ROUNDS):
            chaos.play(STEPS)
            chaos.calm()
    except Exception as error:
        name = "fresh" if kind is Chaos else "old"
        story = "\n".join(chaos.log[-60:])
        again = f"WINDLASS_TEST_SEED={SEED} pytest 'tests/sim/test_random_play.py' -k 'rest[{number}-{name}]'"
        raise AssertionError(f"after {chaos.steps} steps: {error}\n{story}\nagain: {again}") from error
    assert chaos.steps == ROUNDS * STEPS
