"""Why there is nothing to make instances from, where the source is a LaunchTemplate."""

from dataclasses import dataclass
from typing import ClassVar

from windlass.planner.reason import Reason


@dataclass(frozen=True, slots=True)
class LaunchTemplateMissing(Reason):
    """There is no template of that name."""

    TEXT: ClassVar[str] = "LaunchTemplate {name} does not exist: create it, or name another one"
    name: str


@dataclass(frozen=True, slots=True)
class VersionMissing(Reason):
    """The template has no such version: it was removed, or was never there."""

    TEXT: ClassVar[str] = "LaunchTemplate {name} has no version {version} (it has {known}): add it, or name another one"
    name: str
    version: str
    known: tuple[str, ...]
