"""Rules whose sentences begin with an error code of the specification.

The schema's own bounds cannot do that: their sentences are the API server's, and where a string or list exceeds one, or
a required field is missing, no rule is looked at. So what a `Part` requires is not required by its schema, but by
`required`; and where the specification limits a string or a list, the schema's bound lies well above that limit: it
only says what the rules may cost. All other bounds are Kubernetes' or ours, and refuse in the API server's words.
"""

from typing import Any, get_origin

from pydantic import ConfigDict

from windlass.api.common import Model, Rule

ROOM = 16  # how many times a limit its schema's bound is
MAX_WORD = 256  # spec/container-group.md: characters of each part of a command


def _required_by_rules(schema: dict[str, Any]) -> None:
    schema.pop("required", None)


class Part(Model):
    """A part of the spec. What it requires is required by rules (`required`), whose sentences have the code."""

    model_config = ConfigDict(json_schema_extra=_required_by_rules)


def required(model: type[Model], at: str = "") -> tuple[Rule, ...]:
    """That what a part of the spec requires is given: of a list, at least one item."""
    rules = []
    for field in model.model_fields.values():
        if field.is_required():
            given = f"has(self.{field.alias})"
            if get_origin(field.annotation) is tuple:
                given += f" && self.{field.alias}.size() > 0"
            sentence = f"MissingParameter: {field.alias} must be given"
            rules.append(Rule(given, sentence, field=f".{field.alias}", at=at))
    return tuple(rules)


def one_of(choices: tuple[str, ...], what: str, at: str) -> tuple[Rule, ...]:
    """That exactly one of several fields is given."""
    given = f"[{', '.join(f'has(self.{choice})' for choice in choices)}].filter(given, given).size()"
    listed = f"{', '.join(choices[:-1])} or {choices[-1]}"
    return (
        Rule(f"{given} >= 1", f"MissingParameter: {what} needs {listed}", at=at),
        Rule(f"{given} <= 1", f"{what} may have only one of {listed}", at=at),
    )


def between(field: str, least: int, most: int, at: str) -> Rule:
    """That a number, where it is given, lies within its limits."""
    return Rule(
        f"!has(self.{field}) || (self.{field} >= {least} && self.{field} <= {most})",
        f"InvalidParameter.ValueExceeded: {field} must be {least} to {most}",
        field=f".{field}",
        at=at,
    )


def short(field: str, most: int, at: str = "") -> Rule:
    """That a string, where it is given, is short enough."""
    return Rule(
        f"!has(self.{field}) || self.{field}.size() <= {most}",
        f"InvalidParameter.LengthExceeded: {field} may have at most {most} characters",
        field=f".{field}",
        at=at,
    )


def words(field: str, most: int, at: str) -> tuple[Rule, ...]:
    """That a list of strings, where it is given, is short enough, and each of them."""
    return (
        Rule(
            f"!has(self.{field}) || self.{field}.size() <= {most}",
            f"InvalidParameter.LengthExceeded: {field} may have at most {most} items",
            field=f".{field}",
            at=at,
        ),
        Rule(
            f"!has(self.{field}) || self.{field}.all(word, word.size() <= {MAX_WORD})",
            f"InvalidParameter.LengthExceeded: each item of {field} may have at most {MAX_WORD} characters",
            field=f".{field}",
            at=at,
        ),
    )
