"""The bounds of fields as rows of a table: how a row is written, and what has to have one."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from tests.cluster.doors import Object, with_field

CRDS = Path(__file__).parents[2] / "crds"
KEYWORDS = ("minimum", "maximum", "minLength", "maxLength", "minItems", "maxItems", "enum", "pattern")
OBJECT_NAME = "^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$"


@dataclass(frozen=True, slots=True)
class Bound:
    """One bound: the last value that is accepted, the first that is not, and how the refusal says what is allowed."""

    keyword: str
    field: str
    at: Any
    past: Any
    allowed: str
    kind: str = "ScalingGroup"
    beside: dict[str, Any] = field(default_factory=dict)

    def thing(self, value: Any) -> Object:
        """An object with this value, and with the fields of the spec that it needs beside it."""
        return with_field(self.kind, self.field, value, **self.beside)


def at_least(field: str, bound: int, **of: Any) -> Bound:
    return Bound("minimum", field, bound, bound - 1, f"should be greater than or equal to {bound}", **of)


def at_most(field: str, bound: int, **of: Any) -> Bound:
    return Bound("maximum", field, bound, bound + 1, f"should be less than or equal to {bound}", **of)


def shortest(field: str, bound: int, **of: Any) -> Bound:
    says = f"should be at least {bound} chars long"
    return Bound("minLength", field, "a" * bound, "a" * (bound - 1), says, **of)


def longest(field: str, bound: int, **of: Any) -> Bound:
    return Bound("maxLength", field, "a" * bound, "a" * (bound + 1), f"may not be more than {bound} bytes", **of)


def fewest(field: str, values: list[Any], **of: Any) -> Bound:
    return Bound("minItems", field, values, values[:-1], f"should have at least {len(values)} items", **of)


def most(field: str, values: list[Any], one_more: Any, **of: Any) -> Bound:
    return Bound("maxItems", field, values, [*values, one_more], f"must have at most {len(values)} items", **of)


def shape(field: str, good: str, bad: str, pattern: str, **of: Any) -> Bound:
    return Bound("pattern", field, good, bad, f"should match '{pattern}'", **of)


def one_of(field: str, *choices: Any, not_: Any, **of: Any) -> list[Bound]:
    listed = ", ".join(f'"{choice}"' for choice in choices)
    return [Bound("enum", field, choice, not_, f"supported values: {listed}", **of) for choice in choices]


def name_of(bound: Bound) -> str:
    value = f" {bound.at}" if bound.keyword in {"enum", "minimum", "maximum"} else ""
    return f"{bound.kind}.{bound.field} {bound.keyword}{value}"


def tried(cases: Iterable[Any]) -> set[tuple[str, str, str]]:
    """Kind, field and keyword of each row."""
    return {(bound.kind, bound.field.replace("[0]", "[]"), bound.keyword) for bound in map(_bare, cases)}


def bounds_of_all_kinds() -> Iterator[tuple[str, str, str]]:
    """Kind, field and keyword of each bound that there is."""
    for path in CRDS.glob("*.yaml"):
        yield from bounds_of(yaml.safe_load(path.read_text()))


def bounds_of(definition: dict[str, Any]) -> Iterator[tuple[str, str, str]]:
    """Kind, field and keyword of each bound that a definition has for its spec."""
    spec = definition["spec"]
    schema = spec["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"]
    yield from ((spec["names"]["kind"], field, keyword) for field, keyword in _bounds_below(schema, ""))


def _bounds_below(schema: dict[str, Any], path: str) -> Iterator[tuple[str, str]]:
    yield from ((path, keyword) for keyword in KEYWORDS if keyword in schema)
    for name, part in schema.get("properties", {}).items():
        yield from _bounds_below(part, f"{path}.{name}".lstrip("."))
    if "items" in schema:
        yield from _bounds_below(schema["items"], f"{path}[]")


def _bare(case: Any) -> Bound:
    bound = case if isinstance(case, Bound) else case.values[0]
    assert isinstance(bound, Bound)
    return bound
