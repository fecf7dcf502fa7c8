"""Which stack sets wait for each other."""

import pytest

from windlass.planner.stackset.dependencies import circles

SETS = {
    "shop": ("base", "logs"),
    "base": ("net",),
    "net": ("shop", "dns"),
    "logs": (),
    "loop": ("a",),
    "a": ("b",),
    "b": ("a",),
}


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("shop", {"base": ("base", "net", "shop")}),
        ("base", {"net": ("net", "shop", "base")}),
        ("logs", {}),
        ("loop", {}),  # it waits for a circle, and is in none
        ("a", {"b": ("b", "a")}),
        ("gone", {}),
    ],
)
def test_who_depends_on_one_that_depends_on_it(name: str, found: dict[str, tuple[str, ...]]) -> None:
    assert circles(name, lambda each: SETS.get(each, ())) == found
