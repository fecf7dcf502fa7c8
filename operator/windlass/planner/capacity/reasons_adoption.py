"""Why Pods become a group's instances that it has not launched."""

from dataclasses import dataclass
from typing import ClassVar

from windlass.planner.reason import Reason


@dataclass(frozen=True, slots=True)
class PodsAdopted(Reason):
    """Pods of the group's labels and names had no owner."""

    TEXT: ClassVar[str] = "adopting {instances}: they bear the group's label and name, and nobody owned them"
    instances: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class OrphanLeft(Reason):
    """A Pod bears the group's label and may not be made its instance."""

    TEXT: ClassVar[str] = "Pod {name} bears the group's label and cannot be adopted: {because}"
    name: str
    because: str


@dataclass(frozen=True, slots=True)
class PodReleased(Reason):
    """Somebody took the group's label off one of its instances: it is the group's no more."""

    TEXT: ClassVar[str] = "released {name}: its label windlass.dev/group does not name this group any more"
    name: str
