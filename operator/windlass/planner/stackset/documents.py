"""A template as YAML documents: read as kubectl reads them, with limits on what hostile ones can cost.

Scalars stay as they were written, and say whether they were plain: a variable's value comes into a scalar that has been
read, so no value can add structure. `resolved` says what a plain scalar is, by the rules of YAML 1.1 as Kubernetes' own
reader has them: yes, no, on, off, y and n are booleans, 0777 is octal, timestamps and 1:30 are text.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TypeAlias

import yaml

from windlass.api.stacks import MAX_FILE_BYTES
from windlass.planner.reason import Reason
from windlass.planner.stackset.reasons_variables import (
    RefusedError,
    TemplateExpandsTooFar,
    TemplateTooDeep,
    TemplateTooLarge,
    TemplateUnreadable,
)
from windlass.planner.stackset.tfvars import INT64, number

MAX_DEPTH = 100
MAX_NODES = 100_000  # with all aliases resolved: a template of 1,000 objects with 100 values each

Plain: TypeAlias = bool | int | float | str | None

_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_TEXT_TAGS = ("!", "tag:yaml.org,2002:str")
_ITEMS_TAGS = (None, "!", "tag:yaml.org,2002:seq")
_ENTRIES_TAGS = (None, "!", "tag:yaml.org,2002:map")

_WORDS: dict[str, Plain] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL"), None),
    **dict.fromkeys(("y", "Y", "yes", "Yes", "YES", "true", "True", "TRUE", "on", "On", "ON"), True),
    **dict.fromkeys(("n", "N", "no", "No", "NO", "false", "False", "FALSE", "off", "Off", "OFF"), False),
    **dict.fromkeys((".nan", ".NaN", ".NAN"), float("nan")),
    **dict.fromkeys((".inf", ".Inf", ".INF", "+.inf", "+.Inf", "+.INF"), float("inf")),
    **dict.fromkeys(("-.inf", "-.Inf", "-.INF"), float("-inf")),
}
_WHOLE = {
    10: re.compile(r"[-+]?(?:0|[1-9][0-9]*+)"),
    8: re.compile(r"[-+]?0[oO]?[0-7]++"),
    16: re.compile(r"[-+]?0[xX][0-9a-fA-F]++"),
    2: re.compile(r"[-+]?0[bB][01]++"),
}
_FRACTION = re.compile(r"[-+]?(?:\.[0-9]++|[0-9]++(?:\.[0-9]*+)?)(?:[eE][-+]?[0-9]++)?")
_NUMBERS = frozenset("+-.0123456789")
_MAX_DIGITS = 300  # a longer number is none that a double holds
_DOUBLE_BITS = 1024


@dataclass(frozen=True, slots=True)
class Scalar:
    """Text. `plain`: it stands without quotes and tag, so it may be something else than text."""

    text: str
    plain: bool
    line: int
    size: int = 1
    height: int = 0


@dataclass(frozen=True, slots=True)
class Items:
    """A sequence. `size` counts the nodes in it, `height` its levels, as in all nodes."""

    items: tuple["Node", ...]
    line: int
    size: int
    height: int


@dataclass(frozen=True, slots=True)
class Entries:
    """A mapping. A key may stand twice: variables in keys decide which are the same."""

    entries: tuple[tuple[Scalar, "Node"], ...]
    line: int
    size: int
    height: int


Node: TypeAlias = Scalar | Items | Entries


@dataclass(frozen=True, slots=True)
class Document:
    """One document of a template, and which it is, from 1."""

    number: int
    root: Node


def read(template: str) -> tuple[Document, ...] | Reason:
    """The documents of a template of at most 1 MiB, without the empty ones."""
    try:
        size = len(template.encode())
    except UnicodeEncodeError as error:
        return TemplateUnreadable(
            template.count("\n", 0, error.start) + 1, "there is half a character: only whole ones can be stored"
        )
    if size > MAX_FILE_BYTES:
        return TemplateTooLarge(size, MAX_FILE_BYTES)
    composer = _Composer(yaml.parse(template, Loader=_LOADER))
    try:
        return tuple(document for document in composer.documents() if not _is_empty(document.root))
    except RefusedError as refused:
        return refused.reason
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        return _no_yaml(template, mark.line if mark else 0, error.problem or "")
    except yaml.YAMLError:
        return TemplateUnreadable(composer.line, "it is no YAML: there is a character that YAML does not allow")


def resolved(text: str) -> Plain:
    """What a plain scalar is: null, a boolean, a number (perhaps one that JSON does not have), or text."""
    if text in _WORDS:
        return _WORDS[text]
    if text[0] not in _NUMBERS:
        return text
    digits = text if text[0] == "." else text.replace("_", "")
    if len(digits) > _MAX_DIGITS:
        return text
    for base, pattern in _WHOLE.items():
        if pattern.fullmatch(digits):
            whole = int(digits.lower().replace("0o", "0"), base)
            return _as_stored(whole, text)
    if _FRACTION.fullmatch(digits):
        value = number(digits)
        return value if abs(value) != float("inf") else text
    return text


def _as_stored(whole: int, text: str) -> Plain:
    """As an API server keeps it: beyond 64 bits as a double, and beyond those as text."""
    if whole in INT64:
        return whole
    return float(whole) if whole.bit_length() < _DOUBLE_BITS else text


def walk(node: Node) -> Iterator[Scalar]:
    """All scalars in it, keys and values."""
    match node:
        case Scalar():
            yield node
        case Items(items=items):
            for item in items:
                yield from walk(item)
        case Entries(entries=entries):
            for key, value in entries:
                yield key
                yield from walk(value)


def _no_yaml(template: str, line: int, problem: str) -> Reason:
    """`line` counts from 0."""
    in_line = template.split("\n", line + 1)[line : line + 1]
    hint = "; within [ ] and { }, ${…} must stand in quotes" if any("${" in each for each in in_line) else ""
    return TemplateUnreadable(line + 1, f"it is no YAML: {problem}{hint}")


def _is_empty(root: Node) -> bool:
    return isinstance(root, Scalar) and root.plain and resolved(root.text) is None


def _is_merge(key: Scalar) -> bool:
    return key.plain and key.text == "<<"


class _Composer:
    """Makes nodes of a parser's events, one by one: nothing is built beyond the limits. Raises RefusedError."""

    def __init__(self, events: Iterable[yaml.Event]) -> None:
        self._events = iter(events)
        self._anchors: dict[str, Node] = {}
        self._nodes = 0
        self.line = 1

    def documents(self) -> Iterator[Document]:
        count = 0
        for event in self._events:
            if isinstance(event, yaml.DocumentStartEvent):
                count += 1
                self._anchors = {}
                yield Document(count, self._node(next(self._events), 0))

    def _node(self, event: yaml.Event, depth: int) -> Node:
        self.line = event.start_mark.line + 1 if event.start_mark else self.line
        if depth > MAX_DEPTH:
            raise RefusedError(TemplateTooDeep(self.line, MAX_DEPTH))
        if isinstance(event, yaml.AliasEvent):
            return self._alias(event.anchor, depth)
        self._count(1)
        line = self.line
        node: Node
        match event:
            case yaml.ScalarEvent():
                node = Scalar(event.value, self._is_plain(event), line)
            case yaml.SequenceStartEvent():
                self._check(event.tag, _ITEMS_TAGS)
                items = tuple(self._node(below, depth + 1) for below in self._until(yaml.SequenceEndEvent))
                node = Items(items, line, *_measures(items))
            case yaml.MappingStartEvent():
                self._check(event.tag, _ENTRIES_TAGS)
                entries = self._merged(list(self._entries(depth)))
                node = Entries(entries, line, *_measures([part for entry in entries for part in entry]))
            case _:
                raise self._no_yaml("it is no YAML that a template can have")
        if event.anchor is not None:
            self._anchors[event.anchor] = node
        return node

    def _alias(self, anchor: str | None, depth: int) -> Node:
        node = self._anchors.get(anchor or "")
        if node is None:
            raise self._no_yaml("an alias stands before what it stands for, or in it")
        self._count(node.size)
        if depth + node.height > MAX_DEPTH:
            raise RefusedError(TemplateTooDeep(self.line, MAX_DEPTH))
        return node

    def _entries(self, depth: int) -> Iterator[tuple[Scalar, Node]]:
        for event in self._until(yaml.MappingEndEvent):
            key = self._node(event, depth + 1)
            if not isinstance(key, Scalar):
                raise self._no_yaml("a key is a sequence or a mapping: keys are text")
            yield key, self._node(next(self._events), depth + 1)

    def _merged(self, entries: list[tuple[Scalar, Node]]) -> tuple[tuple[Scalar, Node], ...]:
        """With what `<<` brings in: keys that stand in the mapping itself, or were brought in before, go first."""
        own = [(key, value) for key, value in entries if not _is_merge(key)]
        there = {key.text for key, _ in own}
        for merge in (value for key, value in entries if _is_merge(key)):
            for source in merge.items if isinstance(merge, Items) else (merge,):
                if not isinstance(source, Entries):
                    raise self._no_yaml("<< brings in something that is no mapping")
                brought = [(key, value) for key, value in source.entries if key.text not in there]
                there.update(key.text for key, _ in brought)
                own += brought
        return tuple(own)

    def _is_plain(self, event: yaml.ScalarEvent) -> bool:
        if event.tag is None:
            return not event.style
        self._check(event.tag, _TEXT_TAGS)
        return False

    def _check(self, tag: str | None, known: tuple[str | None, ...]) -> None:
        if tag not in known:
            raise self._no_yaml("there is a tag: leave it out, only !!str, !!seq and !!map are known")

    def _until(self, end: type[yaml.Event]) -> Iterator[yaml.Event]:
        for event in self._events:
            if isinstance(event, end):
                return
            yield event

    def _count(self, nodes: int) -> None:
        self._nodes += nodes
        if self._nodes > MAX_NODES:
            raise RefusedError(TemplateExpandsTooFar(self.line, MAX_NODES))

    def _no_yaml(self, problem: str) -> RefusedError:
        return RefusedError(TemplateUnreadable(self.line, problem))


def _measures(below: Iterable[Node]) -> tuple[int, int]:
    """Size and height of what these stand in."""
    size, height = 1, 0
    for node in below:
        size += node.size
        height = max(height, node.height + 1)
    return size, height
