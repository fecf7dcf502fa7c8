"""What becomes of a model in a structural schema."""

import re
from enum import StrEnum
from typing import Annotated, Any, Literal

import pytest
from pydantic import Field

from hack.generate_crds import CRDS, HEADER, Translator, UnstructuralError, definition, to_yaml
from windlass.api.common import Column, Kind, Model, Rule, Time
from windlass.api.kinds import KINDS


class Colour(StrEnum):
    """A colour."""

    RED = "Red"
    BLUE = "Blue"


class Part(Model):
    """A part."""

    size: Annotated[int, Field(ge=1, le=9)] = 1
    """How big."""
    shade: Annotated[str, Field(max_length=9)] | None = None
    """How dark."""


class Thing(Model):
    """A thing."""

    name: Annotated[str, Field(max_length=9)]
    """What it
    is called."""
    note: Annotated[str, Field(max_length=9)] | None = None
    """What is said of it."""
    colour: Colour = Colour.RED
    """Its colour."""
    seconds: Literal[0, 60] = 60
    """How long."""
    count: int = 0
    """How many."""
    part: Part = Part()
    """The part that it has."""
    parts: Annotated[tuple[Part, ...], Field(max_length=3)] = ()
    """More parts."""
    since: Time | None = None
    """Since when."""


def schema(*, defaults: bool = True) -> dict[str, Any]:
    return Translator(Thing, defaults=defaults).schema()


def test_a_field_without_a_default_is_required_and_an_optional_one_is_not_nullable() -> None:
    assert schema()["required"] == ["name"]
    assert "nullable" not in schema()["properties"]["note"]
    assert "default" not in schema()["properties"]["note"]


@pytest.mark.parametrize(
    ("field", "wanted"),
    [
        ("name", {"description": "What it is called.", "type": "string", "maxLength": 9}),
        ("colour", {"description": "Its colour.", "type": "string", "default": "Red", "enum": ["Red", "Blue"]}),
        (
            "seconds",
            {"description": "How long.", "type": "integer", "format": "int32", "default": 60, "enum": [0, 60]},
        ),
        ("count", {"description": "How many.", "type": "integer", "format": "int64", "default": 0}),
        ("since", {"description": "Since when.", "type": "string", "format": "date-time"}),
    ],
)
def test_a_field_becomes_its_schema(field: str, wanted: dict[str, Any]) -> None:
    assert schema()["properties"][field] == wanted


def test_what_a_field_refers_to_stands_in_its_place_under_the_fields_own_description() -> None:
    part = schema()["properties"]["part"]
    assert part["description"] == "The part that it has."
    assert part["default"] == {"size": 1}
    assert part["properties"]["size"]["maximum"] == 9


def test_a_default_has_no_null_for_what_is_optional() -> None:
    part = schema()["properties"]["part"]
    assert "shade" in part["properties"]
    assert part["default"].keys() == {"size"}


def test_a_list_is_replaced_as_a_whole() -> None:
    parts = schema()["properties"]["parts"]
    assert parts["x-kubernetes-list-type"] == "atomic"
    assert parts["maxItems"] == 3
    assert parts["items"]["description"] == "A part."


class Empty(Model):
    """Nothing can be said of it but that it is there."""


class Whole(Model):
    """It may have an empty part."""

    part: Empty | None = None
    """The part."""


def test_a_part_without_fields_has_no_empty_properties_which_an_api_server_drops() -> None:
    schema = Translator(Whole, defaults=True).schema()
    assert schema["properties"]["part"] == {"description": "The part.", "type": "object", "maxProperties": 0}


class Versions(Model):
    """A list by number."""

    by_number: Annotated[
        tuple[Part, ...],
        Field(
            max_length=3,
            json_schema_extra={"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["size"]},
        ),
    ] = ()
    """Each size once."""


def test_a_list_may_be_one_of_different_items() -> None:
    items = Translator(Versions, defaults=True).schema()["properties"]["byNumber"]
    assert items["x-kubernetes-list-type"] == "map"
    assert items["x-kubernetes-list-map-keys"] == ["size"]


class Open(Model):
    """A thing with an open part."""

    part: dict[str, Any] | None = Field(default=None, json_schema_extra={"x-kubernetes-preserve-unknown-fields": True})
    """Whatever it is."""


def test_an_open_part_has_no_type_because_cel_compares_the_whole_of_such_a_part_alone() -> None:
    part = Translator(Open, defaults=True).schema()["properties"]["part"]
    assert part == {"description": "Whatever it is.", "x-kubernetes-preserve-unknown-fields": True}


def test_a_rule_stands_at_the_place_that_it_speaks_of() -> None:
    rules = (Rule("self.count > 0", "count"), Rule("self.size > 1", "size", at="parts[]"))
    columns = (Column("Age", ".metadata.creationTimestamp", "date"),)
    kind = Kind("Thing", "things", ("th",), Thing, None, "A thing.", columns, spec_rules=rules)
    (version,) = definition(kind)["spec"]["versions"]
    spec = version["schema"]["openAPIV3Schema"]["properties"]["spec"]
    assert [rule["message"] for rule in spec["x-kubernetes-validations"]] == ["count"]
    assert [rule["message"] for rule in spec["properties"]["parts"]["items"]["x-kubernetes-validations"]] == ["size"]


def test_a_status_has_no_defaults() -> None:
    assert "default" not in str(schema(defaults=False))


class Unbounded(Model):
    """Not to be priced."""

    name: str
    """Of any length."""


class Unlimited(Model):
    """Not to be priced either."""

    names: tuple[Literal["a"], ...] = ()
    """Any number."""


class Silent(Model):
    """Not to be explained."""

    number: int = 0


@pytest.mark.parametrize(
    ("model", "said"),
    [
        (Unbounded, ".name: this string needs an upper bound"),
        (Unlimited, ".names: this array needs an upper bound"),
        (Silent, ".number has no description"),
    ],
)
def test_a_model_that_cannot_be_priced_or_explained_is_refused(model: type[Model], said: str) -> None:
    with pytest.raises(UnstructuralError) as error:
        Translator(model, defaults=True).schema()
    assert said in str(error.value)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.kind)
def test_the_definitions_in_the_tree_are_those_of_the_models(kind: Kind) -> None:
    assert (CRDS / f"{kind.plural}.yaml").read_text() == HEADER + to_yaml(definition(kind))


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.kind)
def test_a_column_and_the_scale_subresource_show_fields_that_there_are(kind: Kind) -> None:
    (version,) = definition(kind)["spec"]["versions"]
    schema = version["schema"]["openAPIV3Schema"]
    for path in [column.path for column in kind.columns] + list((kind.scale or {}).values()):
        assert leads_somewhere(schema, path), path


def leads_somewhere(schema: dict[str, Any], path: str) -> bool:
    for name in re.sub(r"\[[^]]*\]", "", path).strip(".").split("."):
        if name == "metadata" or schema.get("x-kubernetes-preserve-unknown-fields"):
            return True
        schema = schema.get("items", schema).get("properties", {}).get(name)
        if schema is None:
            return False
    return True
