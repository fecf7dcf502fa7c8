"""Which fields of an object are no longer as they were deployed."""

import json
import re
from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any

MOST_FIELDS = 20  # api/stack_instance.py
LONGEST_FIELD = 256  # characters, the same

# What the API server writes, and what changes in every write.
_NOT_COMPARED = frozenset(
    {"creationTimestamp", "deletionGracePeriodSeconds", "deletionTimestamp", "generation", "managedFields"}
    | {"resourceVersion", "selfLink", "uid"}
)
_WORD = re.compile(r"[A-Za-z_][-0-9A-Za-z_]*")
_ABSENT = object()


def differences(live: Mapping[str, Any], applied: Mapping[str, Any]) -> tuple[str, ...]:
    """The fields, at most 20, that differ between a live object and what an apply would make of it.

    Fields are named as in `spec.containers[0].image` and `metadata.labels["a.b/c"]`; values are never shown: they may
    be secret.
    """
    found = _different(_compared(live), _compared(applied), "")
    try:
        return tuple(_cut(path) for path in islice(found, MOST_FIELDS))
    except RecursionError:
        return ("(nested too deeply to be compared)",)


def _compared(body: Mapping[str, Any]) -> dict[str, Any]:
    compared = {key: value for key, value in body.items() if key != "status"}
    metadata = body.get("metadata")
    if isinstance(metadata, Mapping):
        compared["metadata"] = {key: value for key, value in metadata.items() if key not in _NOT_COMPARED}
    return compared


def _different(one: Any, other: Any, path: str) -> Iterator[str]:
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        for key in sorted({*one, *other}):
            yield from _different(one.get(key, _ABSENT), other.get(key, _ABSENT), f"{path}{_step(key, path)}")
    elif isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
        for index, (mine, its) in enumerate(zip(one, other, strict=True)):
            yield from _different(mine, its, f"{path}[{index}]")
    elif one != other or (isinstance(one, bool) != isinstance(other, bool)):
        yield path


def _step(key: str, path: str) -> str:
    if not _WORD.fullmatch(key):
        return f"[{json.dumps(key)}]"
    return f".{key}" if path else key


def _cut(path: str) -> str:
    return path if len(path) <= LONGEST_FIELD else f"{path[: LONGEST_FIELD - 1]}…"
