"""Random plays of the real controller on an API in memory; a failing seed is printed and replays."""

import os
import secrets

import pytest

from tests.sim.real_chaos import played

SEED = int(os.environ.get("WINDLASS_TEST_SEED") or secrets.randbelow(2**30))
PLAYS, ROUNDS, STEPS = 40, 3, 40  # 4,800 steps


@pytest.mark.parametrize("number", range(PLAYS))
def test_whatever_happens_the_group_stays_within_its_bounds_and_comes_to_rest(number: int) -> None:
    try:
        played(SEED * 1000 + number, ROUNDS, STEPS)
    except AssertionError as error:
        again = f"WINDLASS_TEST_SEED={SEED} pytest 'tests/sim/test_random_controller.py' -k 'rest[{number}]'"
        raise AssertionError(f"{error}\nagain: {again}") from error
