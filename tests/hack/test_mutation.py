"""What a mutation run changes, and what it leaves alone."""

import ast
from pathlib import Path

import pytest

from hack import mutation
from hack.mutation import PACKAGE, chosen, mutants_of

SOURCE = '''"""A module."""
LIMIT: int = 3


@cache(maxsize=8)
def grows(there: int | None, wanted: int) -> bool:
    """Whether it grows."""
    if there is None or wanted < 0:
        raise ValueError(f"no {there + 1}")
    logger.info("asked")
    tell(there)
    return max(there, LIMIT) < wanted
'''


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(mutation, "PACKAGE", tmp_path)
    path = tmp_path / "grows.py"
    path.write_text(SOURCE)
    return path


def test_each_mutant_is_one_change_of_what_runs(module: Path) -> None:
    told = [str(mutant).removeprefix("grows.py:") for mutant in mutants_of(module)]
    assert told == [
        "2: 3  =>  (4)",
        '8: if there is None or wanted < 0: raise ValueError(f"no {there + 1}")  =>  '
        "if False: raise ValueError(f'no {there + 1}')",
        '8: if there is None or wanted < 0: raise ValueError(f"no {there + 1}")  =>  '
        "if True: raise ValueError(f'no {there + 1}')",
        "8: there is None  =>  (there is not None)",
        "8: there is None or wanted < 0  =>  (there is None and wanted < 0)",
        "8: wanted < 0  =>  (wanted <= 0)",
        "8: 0  =>  (1)",
        '9: raise ValueError(f"no {there + 1}")  =>  pass',
        "11: tell(there)  =>  pass",
        "12: return max(there, LIMIT) < wanted  =>  return None",
        "12: max(there, LIMIT)  =>  (min(there, LIMIT))",
        "12: max(there, LIMIT) < wanted  =>  (max(there, LIMIT) <= wanted)",
    ]


def test_mutants_of_the_planner_and_the_controllers_are_modules() -> None:
    mutants = chosen("", 300, 1)
    assert len(mutants) == 300
    for mutant in mutants:
        changed = mutant.source()
        ast.parse(changed)
        assert changed != mutant.path.read_bytes()


def test_a_sample_is_the_same_for_the_same_seed() -> None:
    assert chosen("controllers", 10, 7) == chosen("controllers", 10, 7)
    assert chosen("controllers", 10, 7) != chosen("controllers", 10, 8)
    assert all((PACKAGE / "controllers") in mutant.path.parents for mutant in chosen("controllers", 10, 7))
