"""What came of working at one stack."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from windlass.api.stack_instance import MAX_ERRORS, DriftedObject, ObjectError
from windlass.planner.reason import Reason


@dataclass(frozen=True, slots=True)
class Outcome:
    """What was done and found. `stopped_by`: the kind of trouble, if it ended where nothing more could be done there.

    `objects`: how many objects the target may have of it now; None where that was not found out. `drifted`: those that
    are not as they were deployed, where that was asked.
    """

    errors: tuple[ObjectError, ...] = ()
    error_count: int = 0
    objects: int | None = None
    rolled_back: bool = False
    drifted: tuple[DriftedObject, ...] = ()
    stopped_by: type[Reason] | None = None


def failed(errors: Sequence[ObjectError], objects: int | None) -> Outcome:
    """It failed in all these ways, of which the first ten are told."""
    return Outcome(errors=tuple(errors[:MAX_ERRORS]), error_count=len(errors), objects=objects)


What = Literal["Created", "Changed", "Unchanged", "Pruned", "Kept", "Refused"]


@dataclass(frozen=True, slots=True)
class Planned:
    """What a deployment would do to one object. `fields`: what changes, at most 20; `why`: why it would be refused."""

    object: str
    what: What
    fields: tuple[str, ...] = ()
    why: str = ""
