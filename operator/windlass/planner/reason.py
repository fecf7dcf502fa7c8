"""Why something is done or not done: one small type per reason, one function that makes the sentence.

The class's name is the reason's code: the Event's reason, the condition's reason, the metric's label. Its `TEXT` is
the sentence, with the parameters in braces; `{missing:instance}` counts: `1 instance`, `3 instances`; and
`{failures:in a row}`: `once`, `3 times in a row`.
"""

from dataclasses import dataclass, fields
from datetime import datetime
from typing import ClassVar

from windlass.api.common import rfc3339

IN_A_ROW = "in a row"


@dataclass(frozen=True, slots=True)
class Reason:
    """Base of all reasons."""

    TEXT: ClassVar[str] = ""

    @property
    def code(self) -> str:
        """One CamelCase word for machines."""
        return type(self).__name__

    def __str__(self) -> str:
        return sentence(self)


class _Counted(int):
    def __format__(self, noun: str) -> str:
        if noun == IN_A_ROW:
            return "once" if self == 1 else f"{counted(self, 'time')} in a row"
        return counted(self, noun) if noun else str(int(self))


def sentence(reason: Reason) -> str:
    """The reason for people, in one sentence without a full stop."""
    values = {field.name: _shown(getattr(reason, field.name)) for field in fields(reason)}
    return reason.TEXT.format(**values)


def _shown(value: object) -> object:
    if isinstance(value, int):
        return _Counted(value)
    if isinstance(value, datetime):
        return rfc3339(value)
    if isinstance(value, tuple):
        return names(value)
    return str(value)


def names(values: tuple[str, ...], most: int = 3) -> str:
    """The first few of many names: `web-1, web-2, web-3 and 4 more`."""
    shown = ", ".join(values[:most])
    return f"{shown} and {len(values) - most} more" if len(values) > most else shown


def counted(number: int, noun: str) -> str:
    """`1 instance`, `3 instances`."""
    plural = f"{noun}es" if noun.endswith("ch") else f"{noun}s"
    return f"{int(number)} {noun}" if number == 1 else f"{int(number)} {plural}"
