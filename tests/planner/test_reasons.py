"""Every reason makes a sentence; the prose is kept here once, all other tests speak of codes and parameters.

To accept changed prose: `WINDLASS_GOLDEN=write pytest tests/planner/test_reasons.py`.
"""

import importlib
import pkgutil
import string
from dataclasses import fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, get_type_hints

import pytest

from tests.golden import matches_golden
from windlass.planner import capacity, containergroup, stackset, tasks
from windlass.planner import reasons as shared
from windlass.planner.capacity import reasons
from windlass.planner.reason import Reason, counted, names, sentence
from windlass.planner.rollout import reasons as of_rollouts

MODULES = [shared, tasks, of_rollouts] + [
    importlib.import_module(f"{package.__name__}.{module.name}")
    for package in (capacity, stackset, containergroup)
    for module in pkgutil.iter_modules(package.__path__)
    if module.name.startswith("reasons")
]
KINDS: list[type[Reason]] = sorted(
    (
        kind
        for module in MODULES
        for kind in vars(module).values()
        if isinstance(kind, type) and issubclass(kind, Reason) and kind.__module__ == module.__name__
    ),
    key=lambda kind: kind.__name__,
)
SAMPLES: dict[str, Any] = {
    "int": 3,
    "str": "text",
    "datetime": datetime(2026, 1, 15, 12, 0, 0, tzinfo=UTC),
    "tuple[str, ...]": ("web-1", "web-2", "web-3", "web-4", "web-5"),
}
TEXTS = {"zone": "zone-a", "name": "web-1", "state": "Pending", "policy": "OldestConfiguration, then OldestInstance"}
TEXTS |= {"process": "ScaleOut", "left_alone": "missing, not launched", "side": "above", "bound": "maxSize 2"}
TEXTS |= {"problem": "exited with 1", "because": "exited with 1", "type": "ScaleOut", "price": "0.174125"}
TEXTS |= {"cause": "the desired size changed from 0 to 3", "description": "launched 3 instances, 3 in service"}
TEXTS |= {"source": "ScalingConfiguration/web", "value": "ja"}


def sample(kind: type[Reason]) -> Reason:
    hints = get_type_hints(kind)
    return kind(**{f.name: TEXTS.get(f.name, SAMPLES.get(_type_name(hints[f.name]))) for f in fields(kind)})


def _type_name(hint: Any) -> str:
    return hint.__name__ if isinstance(hint, type) else str(hint)


def test_the_prose_of_every_reason() -> None:
    lines = [f"{kind.__name__}: {sentence(sample(kind))}" for kind in KINDS]

    assert matches_golden(Path(__file__).parent / "golden" / "reasons.txt", lines)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_a_reason_s_text_uses_all_of_its_parameters_and_no_others(kind: type[Reason]) -> None:
    used = {name for _, name, _, _ in string.Formatter().parse(kind.TEXT) if name}

    assert kind.TEXT
    assert used == {field.name for field in fields(kind)}


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_a_reason_is_one_sentence_without_a_full_stop(kind: type[Reason]) -> None:
    text = sentence(sample(kind))

    assert text == text.strip()
    assert not text.endswith((".", "!", "\n"))
    assert "\n" not in text
    assert "{" not in text


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_a_reason_s_code_is_one_word_that_kubernetes_accepts(kind: type[Reason]) -> None:
    assert sample(kind).code == kind.__name__
    assert kind.__name__.isalnum()
    assert kind.__name__[0].isupper()


def test_reasons_with_the_same_parameters_are_equal() -> None:
    assert reasons.AsDesired(3) == reasons.AsDesired(3)
    assert reasons.AsDesired(3) != reasons.AsDesired(4)


def test_braces_in_what_others_said_are_left_as_they_are() -> None:
    assert str(reasons.Unhealthy('{"code": 1}')) == 'unhealthy: {"code": 1}'


@pytest.mark.parametrize(("number", "said"), [(0, "0 instances"), (1, "1 instance"), (2, "2 instances")])
def test_numbers_are_counted(number: int, said: str) -> None:
    assert counted(number, "instance") == said


def test_many_names_are_cut() -> None:
    assert names(("a", "b", "c")) == "a, b, c"
    assert names(("a", "b", "c", "d", "e")) == "a, b, c and 2 more"
    assert names(()) == ""
