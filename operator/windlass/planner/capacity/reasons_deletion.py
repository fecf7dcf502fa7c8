"""The reasons that concern a group's deletion."""

from dataclasses import dataclass
from typing import ClassVar

from windlass.planner.reason import Reason


@dataclass(frozen=True, slots=True)
class DeletionUnguarded(Reason):
    """Nothing in the cluster enforces the group's deletionPolicy."""

    TEXT: ClassVar[str] = (
        "its deletionPolicy Refuse has no effect: no ValidatingAdmissionPolicy in this cluster refuses the deletion of "
        "scaling groups; install the one that comes with Windlass' chart"
    )
