"""What the verbs show, of whatever kind it is: made as values or as lines when it is shown."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from windlass.cli.tree import Row


@dataclass(frozen=True, slots=True)
class Told:
    """Something to show: `values` for programs, `lines` for people."""

    values: Callable[[], Mapping[str, Any]]
    lines: Callable[[], list[str]]


@dataclass(frozen=True, slots=True)
class Shown(Told):
    """An object at one moment. `rows` is its tree, `message` the most useful sentence about it.

    `next_change`: when it changes next by time alone.
    """

    rows: Callable[[], list[Row]]
    message: str
    now: datetime
    next_change: datetime | None


@dataclass(frozen=True, slots=True)
class Outlook(Told):
    """What would become of an object. `acts`: something would be done.

    `settled`: nothing is to be done, and nothing that should be is held up. `refused`: the API server refuses what
    would be made. `assumption`: what was taken for granted, as a sentence; None if nothing was. `summary`: the lines
    with what is alike folded; None where nothing is.
    """

    acts: bool
    settled: bool
    refused: bool
    assumption: str | None = None
    summary: Callable[[], list[str]] | None = None
