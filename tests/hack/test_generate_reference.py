"""What the reference pages say of a definition."""

from typing import Any

import pytest
import yaml

from hack.generate_crds import definition
from hack.generate_reference import Field, allowed, default, fields, kind_of_value, page
from windlass.api.common import Kind
from windlass.api.kinds import KINDS


@pytest.mark.parametrize(
    ("schema", "words"),
    [
        ({"type": "integer", "minimum": 0, "maximum": 9}, "0 … 9"),
        ({"type": "string", "maxLength": 9}, "at most 9 characters"),
        ({"type": "integer", "enum": [0, 60]}, "`0`, `60`"),
        ({"type": "string", "pattern": "^(a|b)$"}, "`^(a\\|b)$`"),
        (
            {"type": "array", "maxItems": 5, "items": {"type": "string", "minLength": 2}},
            "at most 5 items; each: at least 2 characters",
        ),
    ],
)
def test_bounds_are_put_into_words(schema: dict[str, Any], words: str) -> None:
    assert allowed(schema) == words


def test_a_field_is_required_or_shows_its_default_as_a_manifest_would() -> None:
    assert default(Field("tags", {"type": "array", "default": []}, required=False)) == "`[]`"
    assert default(Field("note", {"type": "string"}, required=False)) == ""
    assert default(Field("name", {"type": "string"}, required=True)) == "*required*"


def test_a_time_is_called_a_time() -> None:
    assert kind_of_value({"type": "string", "format": "date-time"}) == "time"
    assert kind_of_value({"type": "array", "items": {"type": "string"}}) == "list of strings"
    assert kind_of_value({"x-kubernetes-preserve-unknown-fields": True}) == "open object"


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.kind)
def test_a_page_has_every_field_and_every_sentence_that_refuses(kind: Kind) -> None:
    text = page(yaml.safe_load(yaml.safe_dump(definition(kind))))
    for name in kind.spec.model_json_schema()["properties"]:
        assert f"| `{name}` |" in text
    for rule in (rule for rule in kind.spec_rules if not rule.expression):
        assert f"- {rule.message}" in text
    rules = (*kind.rules, *kind.spec_rules)
    sentences = {rule.message.split("'")[1] if rule.expression else rule.message for rule in rules}
    assert text.count("\n- ") == len(sentences)


def test_a_length_that_a_rule_limits_is_not_given_as_the_schema_bounds_it() -> None:
    rule = {"message": "InvalidParameter.LengthExceeded: args may have at most 10 items", "fieldPath": ".args"}
    words = {"type": "array", "maxItems": 99, "items": {"type": "string", "maxLength": 999}}
    schema = {"properties": {"args": words, "command": words}, "x-kubernetes-validations": [rule]}
    assert {field.path: allowed(field.schema) for field in fields(schema)} == {
        "args": "",
        "command": "at most 99 items; each: at most 999 characters",
    }
