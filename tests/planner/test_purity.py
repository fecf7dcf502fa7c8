"""The planner and the simulator are pure: what they need comes in as values."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parents[2] / "operator" / "windlass"
FORBIDDEN_MODULES = {"asyncio", "logging", "os", "time", "random", "secrets", "uuid", "socket", "subprocess"}
FORBIDDEN_MODULES |= {"threading", "pathlib", "io", "sys", "kopf", "aiohttp"}
FORBIDDEN_CALLS = frozenset(
    {"datetime.now", "datetime.utcnow", "datetime.today", "date.today", "uuid4", "uuid1", "open", "input", "print"}
)
PURE = sorted((PACKAGE / "planner").rglob("*.py"))
SIMULATOR = sorted((PACKAGE / "simulate").rglob("*.py"))


def breaches(source: str) -> Iterator[str]:
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Import(names=names):
                modules = [alias.name for alias in names]
            case ast.ImportFrom(module=module):
                modules = [module or ""]
            case ast.Call(func=func):
                called = ast.unparse(func)
                modules = []
                if called in FORBIDDEN_CALLS or called.removeprefix("datetime.") in FORBIDDEN_CALLS:
                    yield f"line {node.lineno} calls {called}"
            case _:
                continue
        yield from (f"line {node.lineno} imports {m}" for m in modules if m.partition(".")[0] in FORBIDDEN_MODULES)


@pytest.mark.parametrize("path", PURE, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_the_planner_reads_no_clock_and_rolls_no_dice(path: Path) -> None:
    assert list(breaches(path.read_text())) == []


@pytest.mark.parametrize("path", SIMULATOR, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_the_simulator_takes_time_and_dice_from_whoever_plays(path: Path) -> None:
    """It may name the type of the dice that it is handed."""
    allowed = path.read_text().replace("from random import Random", "")

    assert list(breaches(allowed)) == []
    assert "Random()" not in allowed


@pytest.mark.parametrize(
    "source",
    [
        "import time",
        "import os.path",
        "from random import choice",
        "from asyncio import sleep",
        "import logging",
        "datetime.now(UTC)",
        "datetime.datetime.now()",
        "uuid4()",
    ],
)
def test_each_breach_is_found(source: str) -> None:
    assert list(breaches(source))


def test_there_is_something_to_look_at() -> None:
    assert len(PURE) > 10
    assert len(SIMULATOR) > 2


def test_the_folder_operator_is_no_package() -> None:
    """It would hide the standard library's module of that name."""
    assert not (PACKAGE.parent / "__init__.py").exists()
