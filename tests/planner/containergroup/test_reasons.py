"""Every reason of a container group makes a sentence; the prose is kept here once.

To accept changed prose: `WINDLASS_GOLDEN=write pytest tests/planner/containergroup/test_reasons.py`.
"""

from pathlib import Path

from tests.golden import matches_golden
from tests.planner.test_reasons import sample
from windlass.planner.containergroup import reasons
from windlass.planner.reason import Reason, sentence

KINDS = [
    kind
    for _, kind in sorted(vars(reasons).items())
    if isinstance(kind, type) and issubclass(kind, Reason) and kind.__module__ == reasons.__name__
]


def test_the_prose_of_every_reason() -> None:
    lines = [f"{kind.__name__}: {sentence(sample(kind))}" for kind in KINDS]
    assert matches_golden(Path(__file__).parent / "golden" / "reasons.txt", lines)
