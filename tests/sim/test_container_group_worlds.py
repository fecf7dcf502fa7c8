"""Container groups in random worlds: whatever happens, what must hold holds, and every update ends.

`WORLDS=5000` plays more of them; a world is its seed.
"""

import os
from random import Random

import pytest

from tests.sim.container_group_chaos import Chaos

WORLDS = int(os.environ.get("WORLDS", "100"))
STEPS = 40


@pytest.mark.parametrize("seed", range(WORLDS))
def test_whatever_happens_every_update_ends_and_the_next_one_can_correct_it(seed: int) -> None:
    chaos = Chaos(Random(seed))  # noqa: S311
    try:
        chaos.play(STEPS)
        chaos.calm()
    except Exception as error:
        story = "\n".join(chaos.log[-80:])
        raise AssertionError(f"world {seed}: {error}\n{story}") from error
