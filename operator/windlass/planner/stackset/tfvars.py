"""Variables as text, in the form of a tfvars file: `name = value` on each line, literals only.

Strings with escapes, numbers, booleans, null, lists, maps and heredocs mean what they mean to Terraform. All that would
have to be evaluated is refused, and so is what Terraform itself refuses; beyond that: leading zeros, a key that stands
twice in a map, whole numbers that 64 bits do not hold, keys that are not text.

python-hcl2 8.1 was measured and is not used: it takes 16 s for 1 MiB and 0.6 s for 51,200 bytes (this: 0.3 s, 13 ms),
leaves strings as they were written, takes the last of two equal names, and ends deep nesting by a RecursionError.
"""

import json
import re
from collections.abc import Mapping
from math import isfinite
from typing import TypeAlias

from windlass.api.stacks import MAX_FILE_BYTES, MAX_VARIABLES
from windlass.planner.reason import Reason
from windlass.planner.stackset.reasons_variables import (
    NoLiteral,
    NoVariable,
    RefusedError,
    TooManyVariables,
    VariablesTooLarge,
    VariableTwice,
)

Value: TypeAlias = bool | int | float | str | list["Value"] | dict[str, "Value"] | None

MAX_DEPTH = 32  # of lists and maps in each other: Kubernetes objects have fewer than 20 levels
MAX_NAME = 128  # as in api/stacks.py
MAX_DIGITS = 64  # characters of a number: a double has 17 digits that mean something
INT64 = range(-(2**63), 2**63)  # the whole numbers that an API server keeps as such
EXACT = 2**53  # below it a double holds every whole number

_WITHIN_LINE = re.compile(r"(?:[ \t]++|/\*.*?\*/)*+", re.DOTALL)
_ACROSS_LINES = re.compile(r"(?:[ \t\n]++|\r\n|(?:#|//)[^\n]*+|/\*.*?\*/)*+", re.DOTALL)
_LINE_END = re.compile(r"\r?\n|#|//|\Z")
_NAME = re.compile(r"[A-Za-z_][-0-9A-Za-z_]*+")
_WORD = re.compile(r"[^\W\d][\w-]*+")
_NUMBER = re.compile(r"(-?)([0-9]++)((?:\.[0-9]++)?(?:[eE][-+]?[0-9]++)?)(?![\w.])")
_STRING = re.compile(r'"((?:[^"\\\n]++|\\.)*+)"')
_SPECIAL = re.compile(r"\\(u[0-9A-Fa-f]{4}|U[0-9A-Fa-f]{8}|.)|([$%])(?:\2\{|\{)")
_SIGNS = re.compile(r"([$%])(?:\1\{|\{)")
_HEREDOC = re.compile(r"<<(-?)([^\W\d][\w-]*+)\r?\n")
_SECOND = re.compile(r"[^\W\d][\w-]*+[ \t]*+=(?![=>])")
_WORDS: dict[str, bool | None] = {"true": True, "false": False, "null": None}
_ESCAPES = {"n": "\n", "r": "\r", "t": "\t", '"': '"', "\\": "\\"}

_WRITTEN = {"\n": "\\n", "\r": "\\r", "\t": "\\t", '"': '\\"', "\\": "\\\\", "$": "$$", "%": "%%"}
_TO_ESCAPE = re.compile(r'["\\\x00-\x1f\x7f]|[$%](?=\{)')


def parse(text: str, source: str = "the variables", most: int = MAX_FILE_BYTES) -> dict[str, Value] | Reason:
    """The variables in a text of at most so many bytes; at most 1,000.

    Why it cannot be read is a reason with the line and the variable's name, but never its value. `source`: what the
    reason calls the text.
    """
    try:
        return _Reader(text, source).variables(most)
    except RefusedError as refused:
        return refused.reason


def as_tfvars(values: Mapping[str, Value]) -> str:
    """The one text, as short as it can be, for these variables: sorted by name. `parse` gives them back."""
    return "".join(f"{name}={_written(value)}\n" for name, value in sorted(values.items()))


def number(text: str) -> int | float:
    """A decimal number with a fraction or an exponent. One that is whole is an int, as long as that is exact."""
    value = float(text)
    return int(value) if abs(value) < EXACT and value.is_integer() else value


class _Reader:
    """Reads one text from its beginning to its end; raises RefusedError at the first thing that is not allowed."""

    def __init__(self, text: str, source: str) -> None:
        self._text = text
        self._source = source
        self._at = 0
        self._name = ""

    def variables(self, most: int) -> dict[str, Value]:
        self._measure(most)
        found: dict[str, Value] = {}
        while True:
            self._skip(_ACROSS_LINES)
            if self._at == len(self._text):
                return found
            name = self._variable()
            if name in found:
                raise RefusedError(VariableTwice(self._source, self._line, name))
            if len(found) == MAX_VARIABLES:
                raise RefusedError(TooManyVariables(MAX_VARIABLES))
            self._name = name
            found[name] = self._value(0)
            self._end_line()

    def _measure(self, most: int) -> None:
        try:
            size = len(self._text.encode())
        except UnicodeEncodeError as error:
            self._at = error.start
            raise self._no_variable("there is half a character: only whole ones can be stored") from None
        if size > most:
            raise RefusedError(VariablesTooLarge(self._source, size, most))

    # ---- lines

    def _variable(self) -> str:
        """The name, up to the `=` and the space behind it."""
        word = _WORD.match(self._text, self._at)
        if word is None:
            if self._next('"'):
                raise self._no_variable("a variable's name stands without quotes")
            raise self._no_variable("there is no variable here: write one on each line, as in replicas = 3")
        name = word[0]
        if not _NAME.fullmatch(name) or len(name) > MAX_NAME:
            raise self._no_variable(
                f"a variable's name has letters a to z, digits, _ and -, begins with a letter or _, and is not longer "
                f"than {MAX_NAME}"
            )
        behind = _WITHIN_LINE.match(self._text, word.end())
        end = behind.end() if behind else word.end()
        if self._text.startswith(("{", '"'), end) or _WORD.match(self._text, end):
            raise self._no_variable(f"{name} begins a block: there are variables alone, each with = and a literal")
        if not self._text.startswith("=", end) or self._text.startswith(("==", "=>"), end):
            raise self._no_variable(f"{name} must be followed by = and a literal")
        self._at = end + 1
        self._skip(_WITHIN_LINE)
        return name

    def _end_line(self) -> None:
        self._skip(_WITHIN_LINE)
        if _LINE_END.match(self._text, self._at):
            return
        if _SECOND.match(self._text, self._at):
            raise self._no_literal("is followed by a second variable: each stands on a line of its own")
        raise self._no_literal("is followed by something else: a literal stands alone, expressions are not evaluated")

    # ---- values

    def _value(self, depth: int) -> Value:
        if self._next('"'):
            return self._string()
        if self._next("["):
            return self._list(self._deeper(depth))
        if self._next("{"):
            return self._map(self._deeper(depth))
        if self._next("<<"):
            return self._heredoc()
        if self._next("-", *"0123456789"):
            return self._number()
        word = _WORD.match(self._text, self._at)
        if word and word[0] in _WORDS:
            self._at = word.end()
            return _WORDS[word[0]]
        if word and self._text.startswith("(", word.end()):
            raise self._no_literal("calls a function: only literals are allowed")
        if word:
            raise self._no_literal("has a word without quotes: put text in double quotes; references are not allowed")
        if _LINE_END.match(self._text, self._at):
            raise self._no_literal("is not there, or ends too early")
        raise self._no_literal(
            "has something that is no literal: only strings, numbers, true, false, null, lists and maps"
        )

    def _deeper(self, depth: int) -> int:
        if depth == MAX_DEPTH:
            raise self._no_literal(f"has more than {MAX_DEPTH} lists and maps in each other")
        self._at += 1
        return depth + 1

    def _list(self, depth: int) -> list[Value]:
        values: list[Value] = []
        while True:
            self._skip(_ACROSS_LINES)
            if self._took("]"):
                return values
            values.append(self._value(depth))
            self._skip(_ACROSS_LINES)
            if not self._took(",") and not self._next("]"):
                raise self._no_literal("has a list that lacks a comma or its ]")

    def _map(self, depth: int) -> dict[str, Value]:
        values: dict[str, Value] = {}
        while True:
            self._skip(_ACROSS_LINES)
            if self._took("}"):
                return values
            key = self._key()
            if key in values:
                raise self._no_literal("has a map with the same key twice")
            self._skip(_WITHIN_LINE)
            if not self._took("=") and not self._took(":"):
                raise self._no_literal("has a map in which = does not follow a key")
            self._skip(_WITHIN_LINE)
            values[key] = self._value(depth)
            self._skip(_WITHIN_LINE)
            if not self._took(",") and not self._next("}") and not _LINE_END.match(self._text, self._at):
                raise self._no_literal("has a map that lacks a comma, a line end or its } between two keys")

    def _key(self) -> str:
        if self._next('"'):
            return self._string()
        word = _WORD.match(self._text, self._at)
        if word is None:
            raise self._no_literal("has a map with a key that is no word and no string, or without its }")
        self._at = word.end()
        return word[0]

    def _number(self) -> int | float:
        found = _NUMBER.match(self._text, self._at)
        if found is None:
            raise self._no_literal("is no number: put text in double quotes")
        sign, whole, rest = found.groups()
        if len(found[0]) > MAX_DIGITS:
            raise self._no_literal(f"has a number of more than {MAX_DIGITS} characters")
        if len(whole) > 1 and whole.startswith("0"):
            raise self._no_literal("has a number with leading zeros: leave them out, or put it in double quotes")
        value = number(found[0]) if rest else int(sign + whole)
        if isinstance(value, int) and value not in INT64:
            raise self._no_literal("has a whole number of more than 64 bits: put it in double quotes")
        if not isfinite(value):
            raise self._no_literal("has a number that is too large")
        self._at = found.end()
        return value

    def _string(self) -> str:
        found = _STRING.match(self._text, self._at)
        if found is None:
            raise self._no_literal("has a string that does not end on its line: use \\n, or a heredoc")
        text = _SPECIAL.sub(self._unescaped, found[1])
        self._at = found.end()
        return text

    def _heredoc(self) -> str:
        found = _HEREDOC.match(self._text, self._at)
        if found is None:
            raise self._no_literal("has a heredoc without a name and a line end behind its <<")
        lines: list[str] = []
        start, marker = found.end(), found[2]
        while start < len(self._text):
            end = self._text.find("\n", start) + 1 or len(self._text)
            line = self._text[start:end]
            if line.strip() == marker:
                text = _SIGNS.sub(self._sign, "".join(_without_indent(lines) if found[1] else lines))
                self._at = start + len(line.rstrip("\r\n"))
                return text
            lines.append(line)
            start = end
        raise self._no_literal("has a heredoc that does not end: its name stands alone on the last line")

    def _unescaped(self, found: re.Match[str]) -> str:
        escape = found[1]
        if escape is None:
            return self._sign(found)
        if escape in _ESCAPES:
            return _ESCAPES[escape]
        code = int(escape[1:], 16) if len(escape) > 1 else -1
        if code < 0:
            raise self._no_literal('has an unknown escape: \\n, \\r, \\t, \\", \\\\, \\uXXXX and \\UXXXXXXXX are known')
        if code > 0x10FFFF or 0xD800 <= code < 0xE000:
            raise self._no_literal("has an escape that is no character: write those beyond \\uFFFF as \\UXXXXXXXX")
        return chr(code)

    def _sign(self, found: re.Match[str]) -> str:
        """`$${` and `%%{` are what `${` and `%{` would be if they were text."""
        if len(found[0]) == 2:
            raise self._no_literal(
                f"has {found[0]} in a string: nothing is evaluated there; {found[0][0] + found[0]} is text"
            )
        return found[0][1:]

    # ---- the text

    @property
    def _line(self) -> int:
        return self._text.count("\n", 0, self._at) + 1

    def _skip(self, what: re.Pattern[str]) -> None:
        found = what.match(self._text, self._at)
        self._at = found.end() if found else self._at

    def _next(self, *what: str) -> bool:
        return self._text.startswith(what, self._at)

    def _took(self, what: str) -> bool:
        took = self._text.startswith(what, self._at)
        self._at += len(what) if took else 0
        return took

    def _no_variable(self, problem: str) -> RefusedError:
        return RefusedError(NoVariable(self._source, self._line, problem))

    def _no_literal(self, problem: str) -> RefusedError:
        return RefusedError(NoLiteral(self._source, self._line, self._name, problem))


def _without_indent(lines: list[str]) -> list[str]:
    """Without the space that all lines begin with; blank ones stay as they are and do not count."""
    indent = min((len(line) - len(line.lstrip()) for line in lines if line.strip()), default=0)
    return [line[indent:] if line.strip() else line for line in lines]


def _written(value: Value) -> str:
    if isinstance(value, str):
        return f'"{_TO_ESCAPE.sub(_escaped, value)}"'
    if isinstance(value, list):
        return f"[{','.join(map(_written, value))}]"
    if isinstance(value, dict):
        return f"{{{','.join(f'{_written(key)}={_written(below)}' for key, below in sorted(value.items()))}}}"
    return json.dumps(value)


def _escaped(found: re.Match[str]) -> str:
    return _WRITTEN.get(found[0]) or f"\\u{ord(found[0]):04x}"
