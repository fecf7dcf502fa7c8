"""The list of all objects that a stack may have in its target. It lies there, in somebody else's cluster: hostile.

It is written before anything is applied, so an object of it may not be there yet, but none is there that it lacks. That
an object is listed is not enough to delete it: it must also say itself that it belongs to the stack (ownership.py).
"""

import json
import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Any

from windlass.planner.reason import Reason
from windlass.planner.stackset.reasons_deployment import InventoryUnreadable, TooManyListed

MAX_ENTRIES = 3000  # the 1,000 objects of a template and those of the last two, should neither have come to be ready
MAX_BYTES = 1_000_000  # a ConfigMap may have 1 MiB

_GROUP = re.compile(r"([a-z0-9]([-.a-z0-9]{0,251}[a-z0-9])?)?")
_VERSION = re.compile(r"[a-z][a-z0-9]{0,62}")
_KIND = re.compile(r"[A-Za-z][A-Za-z0-9]{0,62}")
_NAMESPACE = re.compile(r"([a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?)?")
_NAME = re.compile(r"(?!\.{1,2}\Z)[^/%\s\x00-\x1f\x7f]{1,253}")
_PATTERNS = (_GROUP, _VERSION, _KIND, _NAMESPACE, _NAME)


@dataclass(frozen=True, slots=True, order=True)
class Entry:
    """One object. `group` is empty for the core group, `namespace` for kinds that are in none."""

    group: str
    version: str
    kind: str
    namespace: str
    name: str

    @property
    def api_version(self) -> str:
        """As an object has it."""
        return f"{self.group}/{self.version}" if self.group else self.version

    @property
    def label(self) -> str:
        """For people: `Deployment shop/web`."""
        return f"{self.kind} {self.namespace}/{self.name}" if self.namespace else f"{self.kind} {self.name}"

    @property
    def identity(self) -> tuple[str, str, str, str]:
        """What makes it the same object as another: its version does not."""
        return (self.group, self.kind, self.namespace, self.name)


def union(old: Iterable[Entry], new: Iterable[Entry]) -> tuple[Entry, ...]:
    """All of both, each object once, in the version that is asked for now."""
    return tuple(sorted({each.identity: each for each in (*old, *new)}.values()))


def without(listed: Iterable[Entry], gone: Iterable[Entry]) -> tuple[Entry, ...]:
    """Those that are listed and not gone; also what is to be pruned: listed, and not among the new ones."""
    identities = {each.identity for each in gone}
    return tuple(each for each in listed if each.identity not in identities)


def written(entries: Collection[Entry]) -> str | Reason:
    """The text that a ConfigMap keeps."""
    text = json.dumps(
        [[each.group, each.version, each.kind, each.namespace, each.name] for each in sorted(entries)],
        separators=(",", ":"),
    )
    size = len(text.encode())
    if len(entries) > MAX_ENTRIES or size > MAX_BYTES:
        return TooManyListed(len(entries), size, MAX_ENTRIES, MAX_BYTES)
    return text


def read(text: object, name: str) -> tuple[Entry, ...] | Reason:
    """What the text in the ConfigMap of this name lists; a reason for all that was not written by `written`."""
    if not isinstance(text, str):
        return InventoryUnreadable(name, "it lists nothing")
    if len(text) > MAX_BYTES:
        return InventoryUnreadable(name, "it is too long")
    try:
        rows = json.loads(text)
    except (ValueError, RecursionError):
        return InventoryUnreadable(name, "it is no JSON")
    if not isinstance(rows, list) or len(rows) > MAX_ENTRIES:
        return InventoryUnreadable(name, f"it is no list of at most {MAX_ENTRIES} objects")
    entries: list[Entry] = []
    for number, row in enumerate(rows, 1):
        if not _is_entry(row):
            return InventoryUnreadable(name, f"its object number {number} is none")
        entries.append(Entry(*row))
    return union((), entries)


def _is_entry(row: Any) -> bool:
    return (
        isinstance(row, list)
        and len(row) == len(_PATTERNS)
        and all(isinstance(part, str) and pattern.fullmatch(part) for part, pattern in zip(row, _PATTERNS, strict=True))
    )
