"""Why launches fail whose instances were ready, and why launches are replaced that have not failed."""

from dataclasses import dataclass
from typing import ClassVar

from windlass.planner.reason import Reason


@dataclass(frozen=True, slots=True)
class NeverSteady(Reason):
    """It was ready now and then, and never for long enough to be in service."""

    TEXT: ClassVar[str] = "never ready for {steady} s without a break in {seconds} s: {problem}"
    steady: int
    seconds: int
    problem: str
