"""What is said of the annotation that protects an instance."""

from dataclasses import dataclass
from typing import ClassVar

from windlass.planner.reason import Reason


@dataclass(frozen=True, slots=True)
class ProtectionUnclear(Reason):
    """An instance's annotation holds what is no boolean; it is not protected."""

    TEXT: ClassVar[str] = (
        "{name} is not protected: its annotation windlass.dev/protect is neither true nor false: {value}"
    )
    name: str
    value: str
