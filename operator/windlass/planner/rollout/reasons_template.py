"""What a refresh says of LaunchTemplates."""

from dataclasses import dataclass
from typing import ClassVar

from windlass.planner.reason import Reason


@dataclass(frozen=True, slots=True)
class TemplateNotChanged(Reason):
    """An image or containers are desired, and the versions of a template do not change."""

    TEXT: ClassVar[str] = (
        "the group is made from LaunchTemplate {name}, whose versions do not change: add a version, and name that in "
        "desiredConfiguration.launchTemplate in place of image and containers"
    )
    name: str


@dataclass(frozen=True, slots=True)
class CannotGoBackToWord(Reason):
    """What the group asks for may be another version by the time that it goes back."""

    TEXT: ClassVar[str] = (
        "it cannot be rolled back, because the group asks for {source}, which follows the template: a group that asks "
        "for a number can go back ({problem})"
    )
    source: str
    problem: str


@dataclass(frozen=True, slots=True)
class AutoRollbackToWord(Reason):
    """The same is known before anything begins."""

    TEXT: ClassVar[str] = (
        "autoRollback is not possible, because the group asks for {source}, which follows the template: leave it out, "
        "or have the group ask for a number"
    )
    source: str


@dataclass(frozen=True, slots=True)
class VersionReplaced(Reason):
    """A version was removed, and another one added under its number."""

    TEXT: ClassVar[str] = "{source} was replaced by another version of that number since the refresh started"
    source: str


@dataclass(frozen=True, slots=True)
class Switching(Reason):
    """Another source becomes the group's own."""

    TEXT: ClassVar[str] = "InstanceRefresh {name} is done: {source} becomes the group's own"
    name: str
    source: str
