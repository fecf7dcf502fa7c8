"""Every reason that the status of a LaunchTemplate gives."""

from dataclasses import dataclass
from typing import ClassVar

from windlass.planner.reason import Reason


@dataclass(frozen=True, slots=True)
class VersionsKnown(Reason):
    """The words have a meaning."""

    TEXT: ClassVar[str] = "{count:version}: Default is {default}, Latest is {latest}"
    count: int
    default: str
    latest: str


@dataclass(frozen=True, slots=True)
class DefaultMissing(Reason):
    """The default is none of the versions, which only a definition of another version lets through."""

    TEXT: ClassVar[str] = "spec.defaultVersion {version} is none of the versions: add it, or name another one"
    version: str
