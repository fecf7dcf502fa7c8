"""Variables as a tfvars file has them: what literals mean, and what is no literal."""

from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from windlass.api.stacks import MAX_FILE_BYTES, MAX_INLINE_BYTES, MAX_VARIABLES
from windlass.planner.reason import Reason
from windlass.planner.stackset.reasons_variables import (
    NoLiteral,
    NoVariable,
    TooManyVariables,
    VariablesTooLarge,
    VariableTwice,
)
from windlass.planner.stackset.tfvars import MAX_DEPTH, Value, as_tfvars, parse

# text behind `a = `, value
LITERALS: dict[str, tuple[str, Value]] = {
    "text": ('"web"', "web"),
    "no text": ('""', ""),
    "text of any script": ('"größe 大小 🚀"', "größe 大小 🚀"),
    "escapes": (r'"a\n\t\r\"\\b"', 'a\n\t\r"\\b'),
    "escapes by code": (r'"\u00e9\U0001F680\ud7ff\ue000\U0010ffff"', "é🚀\ud7ff\ue000\U0010ffff"),
    "an escaped backslash before n": (r'"\\n"', "\\n"),
    "dollars that begin nothing": ('"$5 $(HOME) 100% $"', "$5 $(HOME) 100% $"),
    "what would be an interpolation, as text": ('"$${a} %%{if}"', "${a} %{if}"),
    "a dollar before it": ('"$$${a}"', "$${a}"),
    "a dollar by its code before a brace": (r'"\u0024{a}"', "${a}"),
    "a comment's sign in text": ('"a # b // c /* d */"', "a # b // c /* d */"),
    "a whole number": ("3", 3),
    "nothing": ("0", 0),
    "a negative number": ("-17", -17),
    "the largest": ("9223372036854775807", 2**63 - 1),
    "the smallest": ("-9223372036854775808", -(2**63)),
    "a fraction": ("0.25", 0.25),
    "an exponent": ("1.5e-7", 1.5e-7),
    "many digits": ("0." + "1" * 62, 1 / 9),
    "a whole number with a fraction": ("2.0", 2),
    "a whole number with an exponent": ("1E3", 1000),
    "true": ("true", True),
    "false": ("false", False),
    "null": ("null", None),
    "a list": ('[1, "a", true, null]', [1, "a", True, None]),
    "an empty list": ("[ ]", []),
    "a list over lines": ("[\n  1, # one\n  2,\n]", [1, 2]),
    "a map": ('{ a = 1, "b c" = 2, d : 3 }', {"a": 1, "b c": 2, "d": 3}),
    "an empty map": ("{}", {}),
    "a map over lines": ("{\n  a = 1\n\n  b = 2 # two\n  c = 3,\n}", {"a": 1, "b": 2, "c": 3}),
    "both in each other": ('[{ports = [80, {name = "x"}]}]', [{"ports": [80, {"name": "x"}]}]),
    "a comment within": ("/* so many */ 3", 3),
    "a comment behind": ("3 /* a */ // b", 3),
    "a heredoc": ("<<EOT\none\n  two\nEOT", "one\n  two\n"),
    "an empty heredoc": ("<<EOT\nEOT", ""),
    "a heredoc whose end is indented": ("<<EOT\none\n  EOT", "one\n"),
    "a heredoc without its indent": ("<<-EOT\n    one\n\n      two\n    EOT", "one\n\n  two\n"),
    "a heredoc knows no escapes": ('<<EOT\na\\n"b"\nEOT', 'a\\n"b"\n'),
    "a heredoc with an interpolation as text": ("<<EOT\n$${a}$\nEOT", "${a}$\n"),
    "a heredoc with its name within a line": ("<<EOT\nnot EOT\nEOT", "not EOT\n"),
    "a heredoc in a list": ("[<<A\n1\nA\n, 2]", ["1\n", 2]),
    "a heredoc in a map": ("{a = <<A\n1\nA\nb = 2}", {"a": "1\n", "b": 2}),
}


@pytest.mark.parametrize(("text", "value"), LITERALS.values(), ids=LITERALS)
def test_literals(text: str, value: Value) -> None:
    found = parse(f"a = {text}\nb = 1\n")

    assert found == {"a": value, "b": 1}
    assert isinstance(found, dict)
    assert type(found["a"]) is type(value)


def test_lines_may_be_empty_or_comments_and_end_in_two_ways() -> None:
    assert parse("\n# one\r\n// two\n/* three\n */ a=1\r\n\r\n\tb =\t2") == {"a": 1, "b": 2}


@pytest.mark.parametrize("text", ["", " \n\n", "# nothing", "/* nothing */"])
def test_there_may_be_none(text: str) -> None:
    assert parse(text) == {}


@pytest.mark.parametrize("name", ["a", "_", "web-2_X", "true", "n" * 128])
def test_names(name: str) -> None:
    assert parse(f"{name} = 1") == {name: 1}


# text, line, what is said
NO_VARIABLES: dict[str, tuple[str, int, str]] = {
    "a name in quotes": ('"a" = 1', 1, "without quotes"),
    "a name that begins with a digit": ("a = 1\n1a = 1", 2, "there is no variable here"),
    "a name of other letters": ("größe = 1", 1, "a to z"),
    "a name that is too long": (f"{'n' * 129} = 1", 1, "not longer than 128"),
    "a block": ("a = 1\n\nb {\n}", 3, "b begins a block"),
    "a block with labels": ('resource "x" "y" {}', 1, "resource begins a block"),
    "no equals sign": ("a 1", 1, "a must be followed by ="),
    "a colon": ("a: 1", 1, "a must be followed by ="),
    "a comparison": ("a == 1", 1, "a must be followed by ="),
    "a path": ("a.b = 1", 1, "a must be followed by ="),
    "a name alone": ("a", 1, "a must be followed by ="),
    "an open comment": ("a = 1\n/* b = 2", 2, "there is no variable here"),
    "half a character": ("a = 1\nb = '\ud800'", 2, "half a character"),
}


@pytest.mark.parametrize(("text", "line", "said"), NO_VARIABLES.values(), ids=NO_VARIABLES)
def test_what_is_no_variable(text: str, line: int, said: str) -> None:
    found = parse(text)

    assert isinstance(found, NoVariable)
    assert found.line == line
    assert said in found.problem


# text behind `a = `, what is said
NO_LITERALS: dict[str, tuple[str, str]] = {
    "nothing": ("", "is not there"),
    "a comment alone": ("# 1", "is not there"),
    "a value on the next line": ("\n1", "is not there"),
    "a reference": ("var.web", "references"),
    "a word": ("web", "in double quotes"),
    "a function": ('file("x")', "calls a function"),
    "an interpolation": ('"x${var.web}"', "has ${ in a string"),
    "a directive": ('"%{if true}"', "has %{ in a string"),
    "an interpolation in a heredoc": ("<<EOT\n${a}\nEOT", "has ${ in a string"),
    "an interpolation in a key": ('{"${a}" = 1}', "has ${ in a string"),
    "a sum": ("1 + 2", "expressions are not evaluated"),
    "a condition": ("true ? 1 : 2", "expressions are not evaluated"),
    "parentheses": ("(1)", "no literal"),
    "a negation": ("!true", "no literal"),
    "an element": ("[1][0]", "expressions are not evaluated"),
    "single quotes": ("'a'", "no literal"),
    "two on one line": ("1 b = 2", "second variable"),
    "two with a comma": ("1, b = 2", "something else"),
    "text behind text": ('"a" "b"', "something else"),
    "a comment over two lines between two": ("1 /* \n */ b = 2", "second variable"),
    "an open string": ('"a', "does not end on its line"),
    "a string over lines": ('"a\nb"', "does not end on its line"),
    "an unknown escape": (r'"\q"', "unknown escape"),
    "half an escape": (r'"\u12"', "unknown escape"),
    "the first half of a character": (r'"\ud800"', "no character"),
    "the second half of a character": (r'"\udfff"', "no character"),
    "beyond all characters": (r'"\U00110000"', "no character"),
    "an open list": ("[1, 2", "lacks a comma or its ]"),
    "a list that ends too early": ("[1,", "ends too early"),
    "a list without commas": ("[1 2]", "lacks a comma or its ]"),
    "a list with nothing between commas": ("[1,,2]", "no literal"),
    "an expression for a list": ("[for x in y : x]", "without quotes"),
    "an open map": ("{a = 1", "or without its }"),
    "a map without commas": ("{a = 1 b = 2}", "lacks a comma"),
    "a map with a key alone": ("{a}", "= does not follow a key"),
    "a map with a number as key": ("{1 = 2}", "a key that is no word"),
    "a map with an expression as key": ("{(a) = 2}", "a key that is no word"),
    "a map with an arrow": ("{a => 1}", "no literal"),
    "a map with the same key twice": ('{a = 1, "a" = 2}', "the same key twice"),
    "an expression for a map": ("{for k, v in y : k => v}", "= does not follow a key"),
    "an open heredoc": ("<<EOT\na\n", "does not end"),
    "a heredoc without a name": ("<<\na\n", "without a name"),
    "a heredoc with something behind its end": ("<<EOT\na\nEOT b\n", "does not end"),
    "leading zeros": ("0755", "leading zeros"),
    "a number and letters": ("12ab", "is no number"),
    "two dots": ("1.2.3", "is no number"),
    "a hexadecimal number": ("0x1f", "is no number"),
    "a sign alone": ("-", "is no number"),
    "a whole number too large": ("9223372036854775808", "more than 64 bits"),
    "a whole number too small": ("-9223372036854775809", "more than 64 bits"),
    "more than a double": ("1e999", "too large"),
    "too many digits": ("0." + "1" * 63, "more than 64 characters"),
    "too deep": ("[" * 33 + "]" * 33, "more than 32"),
}


@pytest.mark.parametrize(("text", "said"), NO_LITERALS.values(), ids=NO_LITERALS)
def test_what_is_no_literal(text: str, said: str) -> None:
    found = parse(f"before = 1\na = {text}\n")

    assert isinstance(found, NoLiteral)
    assert found.name == "a"
    assert found.line >= 2
    assert said in found.problem


def test_the_line_is_that_of_the_problem() -> None:
    found = parse("a = [\n  1,\n  b,\n]", "variablesFrom")
    assert isinstance(found, NoLiteral)
    assert (found.source, found.line) == ("variablesFrom", 3)


def test_a_name_stands_once() -> None:
    assert parse("a = 1\nb = 2\na = 1") == VariableTwice("the variables", 3, "a")


def test_as_deep_as_allowed() -> None:
    assert isinstance(parse(f"a = {'[' * MAX_DEPTH}{']' * MAX_DEPTH}"), dict)
    assert isinstance(parse(f"a = {'{a = ' * MAX_DEPTH}1{'}' * MAX_DEPTH}"), dict)


def test_as_many_as_allowed() -> None:
    lines = [f"v{i} = {i}" for i in range(MAX_VARIABLES)]

    found = parse("\n".join(lines))

    assert isinstance(found, dict)
    assert len(found) == MAX_VARIABLES
    assert parse("\n".join([*lines, "more = 1"])) == TooManyVariables(MAX_VARIABLES)


@pytest.mark.parametrize("most", [MAX_INLINE_BYTES, MAX_FILE_BYTES])
@pytest.mark.spec("stack-set.md", "stack set: variables")
def test_as_long_as_allowed(most: int) -> None:
    """Bytes are counted, not characters."""
    text = "é" * ((most - len('a=""')) // 2)

    assert parse(f'a="{text}"', "variables", most) == {"a": text}
    assert parse(f'a="{text}é"', "variables", most) == VariablesTooLarge("variables", most + 2, most)


# each of them 1 MiB
HOSTILE: dict[str, str] = {
    "open lists": "a = " + "[" * MAX_FILE_BYTES,
    "open maps": "a = " + "{a=" * (MAX_FILE_BYTES // 3),
    "a long list": "a = [" + "1," * (MAX_FILE_BYTES // 2 - 8) + "]",
    "dollars": 'a = "' + "$" * (MAX_FILE_BYTES - 16) + '"',
    "dollars and braces": 'a = "' + "$${" * (MAX_FILE_BYTES // 3 - 16) + '"',
    "backslashes": 'a = "' + "\\" * (MAX_FILE_BYTES - 17) + '"',
    "an open string": 'a = "' + "x" * (MAX_FILE_BYTES - 16),
    "an open comment": "/*" * (MAX_FILE_BYTES // 2),
    "many comments": "/**/" * (MAX_FILE_BYTES // 4),
    "stars in comments": "/" + "*" * (MAX_FILE_BYTES - 1),
    "spaces": " " * MAX_FILE_BYTES,
    "line ends": "\n" * MAX_FILE_BYTES,
    "digits": "a = " + "9" * (MAX_FILE_BYTES - 8),
    "a long name": "a" * MAX_FILE_BYTES,
    "an open heredoc": "a = <<E\n" + " \n" * (MAX_FILE_BYTES // 2 - 8),
    "heredocs in heredocs": "a = <<E\n" + "<<E\n" * (MAX_FILE_BYTES // 4 - 8),
    "words": "a = " + "a " * (MAX_FILE_BYTES // 2 - 8),
}


@pytest.mark.timeout(20)
@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_hostile_text_is_read_or_refused_in_no_time(text: str) -> None:
    found = parse(text[:MAX_FILE_BYTES])

    assert isinstance(found, (dict, Reason))
    assert not isinstance(found, VariablesTooLarge)


def plain() -> st.SearchStrategy[Any]:
    numbers = st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False, allow_infinity=False)
    return st.none() | st.booleans() | numbers | st.text() | st.sampled_from(["${a}", "$${", "%%%{", '"\\'])


def values() -> st.SearchStrategy[Any]:
    return st.recursive(plain(), lambda below: st.lists(below) | st.dictionaries(st.text(), below), max_leaves=12)


def variables() -> st.SearchStrategy[dict[str, Any]]:
    return st.dictionaries(st.from_regex(r"[A-Za-z_][-0-9A-Za-z_]{0,9}", fullmatch=True), values(), max_size=5)


@given(variables())
@example({"a": 1e22, "b": -1.5e-7, "c": 2.0})
def test_what_is_written_is_read_again(given_values: dict[str, Any]) -> None:
    assert parse(as_tfvars(given_values)) == given_values


@given(variables())
def test_the_order_of_names_and_keys_changes_no_text(given_values: dict[str, Any]) -> None:
    assert as_tfvars(dict(reversed(given_values.items()))) == as_tfvars(given_values)


def test_the_text_is_short() -> None:
    assert as_tfvars({"b": [1, True], "a": {"y": None, "x": 'say "${hi}"\n'}}) == (
        'a={"x"="say \\"$${hi}\\"\\n","y"=null}\nb=[1,true]\n'
    )


@given(st.text() | st.text(alphabet='ab=1."\\${}%[],:#/*<-\n \ud800').map("a = ".__add__))
def test_no_text_breaks_the_reader(text: str) -> None:
    assert isinstance(parse(text), (dict, Reason))


SECRET = "hunter2"
LEAKS = [
    f'a = "{SECRET}',
    f'a = "{SECRET}" {SECRET}',
    f'a = "{SECRET}${{x}}"',
    f'a = "{SECRET}\\q"',
    f"a = {SECRET}",
    f"a = {SECRET}()",
    f'a = ["{SECRET}" 1]',
    f'a = {{{SECRET} = 1, "{SECRET}" = 2}}',
    f"a = <<E\n{SECRET}",
    f'a = "x"\na = "{SECRET}"',
    f"a = 1{SECRET}",
]


@pytest.mark.parametrize("text", LEAKS)
def test_no_reason_says_a_value(text: str) -> None:
    found = parse(text)

    assert isinstance(found, Reason)
    assert SECRET not in str(found)
    assert SECRET not in repr(found)
