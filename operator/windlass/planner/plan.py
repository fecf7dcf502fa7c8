"""The plan: what is to be written, as a value. Applied, printed, explained and simulated, never anything else."""

from dataclasses import dataclass
from datetime import datetime
from typing import Generic, Literal, TypeVar

from windlass.api.common import Observed
from windlass.planner.reason import Reason


@dataclass(frozen=True, slots=True)
class Event:
    """Something worth telling people: becomes a Kubernetes Event on the object.

    `apart`: it is worth an Event of its own although others of its reason were told just before.
    """

    type: Literal["Normal", "Warning"]
    reason: Reason
    apart: bool = False


S = TypeVar("S", bound=Observed)
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Plan(Generic[S, T]):
    """What brings the world one step nearer to what is wanted.

    `S` is the kind's status, `T` the closed set of its steps. `status` is written first, when it carries an intent
    (`acts`); then the steps, side by side. `why` says what this plan is about; `holds` says what it would do and may
    not, and why. `wake_at`: when to look again if nothing happens.
    """

    status: S
    why: Reason
    steps: tuple[T, ...] = ()
    holds: tuple[Reason, ...] = ()
    events: tuple[Event, ...] = ()
    wake_at: datetime | None = None

    @property
    def acts(self) -> bool:
        """Whether the plan changes anything beside the status."""
        return bool(self.steps)
