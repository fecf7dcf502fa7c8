"""What admission does to instances beyond refusing them."""

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

from windlass.planner.reason import Reason


@dataclass(frozen=True, slots=True)
class InstancesAltered(Reason):
    """Instances are changed as they are created, so that the group would not see them: none is launched."""

    TEXT: ClassVar[str] = (
        "nothing is launched: a mutating policy or webhook changes each instance so that its group would not know it: "
        "{problem}; next try at {retry_at}"
    )
    problem: str
    retry_at: datetime
