"""Values that nobody may see are found in what a target says."""

import base64
import json

import pytest

from windlass.planner.stackset.hiding import Hidden

SECRET = 'hush "a"\nline two'
LONG = "0123456789" * 10


@pytest.mark.parametrize(
    "text",
    [
        SECRET,
        f"Invalid value: {json.dumps(SECRET)}",
        'Invalid value: "line two": must be one line',
        base64.b64encode(SECRET.encode()).decode(),
        f"Invalid value: {LONG[:40]}… and more",
    ],
)
def test_a_value_is_found_as_it_may_be_quoted(text: str) -> None:
    assert Hidden([SECRET, LONG]).quoted_in(text)


def test_other_texts_are_shown() -> None:
    assert not Hidden([SECRET, LONG]).quoted_in("spec.replicas: Invalid value: -1")
    assert not Hidden([]).quoted_in("anything")


def test_a_value_that_is_in_every_other_word_hides_nothing() -> None:
    assert not Hidden(["", "a", "eu1"]).quoted_in("a message of eu1")
    assert Hidden(["eu-1"]).quoted_in("a message of eu-1")


def test_letters_of_any_script_are_found() -> None:
    assert Hidden(["geheim-ü"]).quoted_in('"geheim-ü"')
    assert Hidden(["geheim-ü"]).quoted_in(r'"geheim-\u00fc"')


@pytest.mark.parametrize(
    "text",
    [
        "no: correct horse battery staple",  # cleaned: the blanks are others
        "no: correct  horse\tbattery  staple",
        "no: correct ho…",  # cut
    ],
)
def test_a_value_is_found_whatever_became_of_its_blanks_and_where_the_text_was_cut(text: str) -> None:
    assert Hidden(["correct  horse\tbattery  staple"]).quoted_in(text)


def test_a_text_that_was_cut_elsewhere_is_shown() -> None:
    assert not Hidden(["correct  horse"]).quoted_in("no: a corn…")
