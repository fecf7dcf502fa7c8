"""The set's variables, and what one instance has in place of them."""

import pytest

from windlass.api.stacks import MAX_FILE_BYTES, MAX_INLINE_BYTES, MAX_VARIABLES
from windlass.planner.reason import Reason
from windlass.planner.stackset.reasons_variables import (
    NoLiteral,
    OverridesDangling,
    OverridesMissing,
    OverridesRepeated,
    OverridesUnknown,
    TogetherTooLarge,
    TooManyVariables,
    VariablesInBoth,
    VariablesTooLarge,
)
from windlass.planner.stackset.tfvars import Value
from windlass.planner.stackset.variables import merged, overridden, recorded, still_fit

NAMES = frozenset({"image", "replicas", "zone"})

# ---- what the set records


def test_a_set_may_record_none() -> None:
    assert recorded("", None) == {}


def test_the_object_s_and_the_file_s_variables_are_one() -> None:
    assert recorded("a = 1", "b = 2") == {"a": 1, "b": 2}


def test_a_name_stands_in_one_of_both() -> None:
    assert recorded("a = 1\nb = 1\nc = 1", "c = 1\na = 2") == VariablesInBoth(("a", "c"))


def test_each_text_has_its_own_limit() -> None:
    long = f'a = "{"x" * MAX_INLINE_BYTES}"'

    assert isinstance(recorded(long, None), VariablesTooLarge)
    assert isinstance(recorded("", long), dict)


def test_what_is_wrong_is_said_of_its_text() -> None:
    inline, file = recorded("a = b", "c = 1"), recorded("a = 1", "c = d")

    assert isinstance(inline, NoLiteral)
    assert isinstance(file, NoLiteral)
    assert (inline.source, file.source) == ("variables", "variablesFrom")


def test_both_have_as_many_names_as_a_set_may_record() -> None:
    half = "\n".join(f"v{i} = {i}" for i in range(MAX_VARIABLES - 1))

    assert isinstance(recorded(half, "w = 1"), dict)
    assert recorded(half, "w = 1\nx = 1") == TooManyVariables(MAX_VARIABLES)


def test_what_is_stored_has_the_limit_of_a_file() -> None:
    """A heredoc's line ends take two bytes each there."""
    heredoc = f"a = <<E\n{'x' * 9}\n" + "\n" * (MAX_FILE_BYTES // 2) + "E\n"
    size = len('a="xxxxxxxxx"\n') + 2 * (MAX_FILE_BYTES // 2 + 1)

    assert recorded("", heredoc) == TogetherTooLarge("variables and variablesFrom", size, MAX_FILE_BYTES)


# ---- what an operation overrides

# inline, file, names that have the set's value; what comes of it
OVERRIDES: dict[str, tuple[str, str | None, tuple[str, ...], dict[str, Value] | Reason]] = {
    "all inline": ('image = "a"\nreplicas = 1\nzone = "z"', None, (), {"image": "a", "replicas": 1, "zone": "z"}),
    "all from a file": ("", 'image = "a"\nreplicas = 1\nzone = "z"', (), {"image": "a", "replicas": 1, "zone": "z"}),
    "of each place one": ("replicas = 9", 'image = "b"', ("zone",), {"image": "b", "replicas": 9}),
    "all back to the set's": ("", None, ("zone", "image", "replicas"), {}),
    "null is a value": ("replicas = null", None, ("zone", "image"), {"replicas": None}),
    "one missing": ("replicas = 9", None, ("zone",), OverridesMissing(("image",))),
    "all missing": ("", None, (), OverridesMissing(("image", "replicas", "zone"))),
    "one unknown": ("replicas = 9\ncolour = 1", None, ("zone", "image"), OverridesUnknown(("colour",))),
    "unknown ones in each place": ("a = 1", "b = 1", ("c", *NAMES), OverridesUnknown(("a", "b", "c"))),
    "inline and in the file": ("zone = 1", "zone = 1", ("image", "replicas"), OverridesRepeated(("zone",))),
    "inline, and the set's": ("zone = 1", None, ("image", "replicas", "zone"), OverridesRepeated(("zone",))),
    "in the file, and the set's": ("", "zone = 1", ("image", "replicas", "zone"), OverridesRepeated(("zone",))),
    "the set's twice": ("", None, ("image", "zone", "replicas", "zone"), OverridesRepeated(("zone",))),
    "another case is another name": ("Zone = 1", None, ("image", "replicas", "zone"), OverridesUnknown(("Zone",))),
}


@pytest.mark.parametrize(("inline", "file", "use_set", "answer"), OVERRIDES.values(), ids=OVERRIDES)
@pytest.mark.spec("stack-set.md", "overrides: known names")
@pytest.mark.spec("stack-set.md", "overrides: exact")
def test_overrides_name_exactly_the_set_s_variables(
    inline: str, file: str | None, use_set: tuple[str, ...], answer: dict[str, Value] | Reason
) -> None:
    assert overridden(NAMES, inline, file, use_set) == answer


def test_a_set_without_variables_has_nothing_to_override() -> None:
    assert overridden((), "", None, ()) == {}
    assert overridden((), "a = 1", None, ()) == OverridesUnknown(("a",))


def test_overrides_are_read_as_strictly_as_variables() -> None:
    assert isinstance(overridden(NAMES, "zone = a", None, ("image", "replicas")), NoLiteral)
    assert isinstance(overridden(NAMES, "", "zone = a", ("image", "replicas")), NoLiteral)


@pytest.mark.parametrize(
    "reason",
    [
        OverridesRepeated(("a",)),
        OverridesUnknown(("a",)),
        OverridesMissing(("a",)),
        OverridesDangling(("a",), ("i",)),
        VariablesInBoth(("a",)),
        TogetherTooLarge("both", 2, 1),
    ],
)
def test_each_refusal_begins_with_the_code_of_the_source(reason: Reason) -> None:
    assert str(reason).startswith("400: ")


# ---- a set that changes


# the new names, the names that each instance overrides; what comes of it
CHANGES: dict[str, tuple[str, dict[str, str], Reason | None]] = {
    "nothing is overridden": ("a", {}, None),
    "all names stay": ("ab", {"one": "a", "two": "ab"}, None),
    "one goes that nobody overrides": ("a", {"one": "a", "two": ""}, None),
    "one goes": ("a", {"one": "a", "two": "ab"}, OverridesDangling(("b",), ("two",))),
    "more go": ("", {"two": "b", "one": "cb", "free": ""}, OverridesDangling(("b", "c"), ("one", "two"))),
}


@pytest.mark.parametrize(("names", "overrides", "answer"), CHANGES.values(), ids=CHANGES)
@pytest.mark.spec("stack-set.md", "overrides: dangling")
def test_a_set_keeps_the_names_that_its_instances_override(
    names: str, overrides: dict[str, str], answer: Reason | None
) -> None:
    own = {instance: dict.fromkeys(each, 1) for instance, each in overrides.items()}
    assert still_fit(dict.fromkeys(names, 1), own) == answer


@pytest.mark.spec("stack-set.md", "overrides: size")
def test_a_set_that_grew_does_not_become_too_large_with_the_values_of_an_instance() -> None:
    half = "x" * (MAX_FILE_BYTES // 2)
    assert still_fit({"a": "", "b": half}, {"one": {"a": "x"}, "two": {"a": half[:-100]}}) is None
    assert isinstance(still_fit({"a": "", "b": half}, {"one": {"a": "x"}, "two": {"a": half}}), TogetherTooLarge)


# ---- both together


def test_an_override_goes_before_the_set_s_value() -> None:
    assert merged({"a": 1, "b": [1, 2]}, {"b": [3]}) == {"a": 1, "b": [3]}


def test_null_overrides_too() -> None:
    assert merged({"a": 1}, {"a": None}) == {"a": None}


def text_of(size: int) -> str:
    """A value with which `a="…"` and the line's end have so many bytes."""
    return "x" * (size - len('a=""\n'))


@pytest.mark.parametrize(("inline", "most"), [(True, MAX_INLINE_BYTES), (False, MAX_FILE_BYTES)])
@pytest.mark.spec("stack-set.md", "overrides: size")
def test_both_together_obey_the_limit_of_one(inline: bool, most: int) -> None:
    rest: dict[str, Value] = {"b": 1}  # `b=1` and the line's end: 4 bytes

    assert isinstance(merged(rest, {"a": text_of(most - 4)}, inline=inline), dict)
    assert merged(rest, {"a": text_of(most - 3)}, inline=inline) == TogetherTooLarge(
        "the stack set's variables and the overrides", most + 1, most
    )


def test_a_set_s_own_variables_were_measured_as_they_were_written() -> None:
    """Written as one line each they may be longer."""
    values: dict[str, Value] = {"a": '"' * (MAX_INLINE_BYTES - 100)}

    assert merged(values, {}) == values
