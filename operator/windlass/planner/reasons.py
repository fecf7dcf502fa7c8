"""Reasons that passes of every kind give."""

from dataclasses import dataclass
from typing import ClassVar

from windlass.planner.reason import Reason


@dataclass(frozen=True, slots=True)
class PassFailed(Reason):
    """The pass itself failed."""

    TEXT: ClassVar[str] = "trying again, because the last try failed: {problem}"
    problem: str
