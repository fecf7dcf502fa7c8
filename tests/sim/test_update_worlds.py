"""Whole updates in random worlds: whatever happens, the bounds hold and it ends.

`WORLDS=5000` plays more of them; a world is its seed.
"""

import os
from random import Random

import pytest

from tests.sim.update_chaos import UpdateChaos
from windlass.api.task import Phase
from windlass.simulate.play import play
from windlass.simulate.start import world_of
from windlass.simulate.world import World

WORLDS = int(os.environ.get("WORLDS", "300"))
STEPS = 40


@pytest.mark.parametrize("seed", range(WORLDS))
def test_whatever_happens_the_bounds_hold_and_the_update_ends(seed: int) -> None:
    chaos = UpdateChaos(Random(seed))  # noqa: S311
    try:
        chaos.play(STEPS)
        chaos.calm()
    except Exception as error:
        story = "\n".join(chaos.log[-80:])
        raise AssertionError(f"world {seed}: {error}\n{story}") from error


def _played(world: World) -> list[tuple[str, str]]:
    return [(str(played.at), write.what) for played in play(world) for write in played.writes]


@pytest.mark.parametrize("seed", range(WORLDS))
def test_in_a_quiet_world_what_was_planned_is_what_happens(seed: int) -> None:
    chaos = UpdateChaos(Random(seed), quiet=True)  # noqa: S311
    forecast = world_of(chaos.world.view(chaos.process))
    planned = _played(forecast)

    happened = _played(chaos.world)

    assert planned == happened
    assert chaos.update is not None
    assert chaos.update.status.phase is Phase.SUCCESSFUL
    assert forecast.updates["u1"].status == chaos.update.status
