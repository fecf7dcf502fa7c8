"""One short round of `hack/soak` from a fixed seed, so that it cannot rot."""

from pathlib import Path
from random import Random

from tests.cluster.operator_process import Installation
from tests.faults.faults import FAULTS
from tests.soak.rounds import Soak
from tests.soak.weather import Weather

SEED = 1
# Those that have the operator wait for its time limits would make the round long.
QUICK = tuple(name for name in sorted(FAULTS) if "swallowed" not in name)


def test_a_short_round_comes_to_rest(installation: Installation, tmp_path: Path) -> None:
    installation.forget_lease()
    with Soak(installation, 2, tmp_path, Weather(Random(), QUICK)) as soak:  # noqa: S311
        told = soak.play(SEED, 5.0)
    assert told.deeds > 0
    assert told.pods > 0
    assert told.faults > 0
