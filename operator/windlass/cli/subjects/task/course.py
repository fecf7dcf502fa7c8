"""What would become of one task, whatever its kind."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, ClassVar, Generic, TypeVar

from windlass.api.task import Phase
from windlass.cli.text import duration
from windlass.planner.rolling_update.update import Update
from windlass.planner.rollout.refresh import Refresh
from windlass.planner.tasks import FINAL

T = TypeVar("T", Refresh, Update)

CHANGES = {"Created": "would be created", "Changed": "would be changed", "Unchanged": "as it is now"}


@dataclass(frozen=True, slots=True)
class Course(ABC, Generic[T]):
    """What would become of one task. `before` and `after` are how it is now and in the end.

    `change`: what applying its manifest does. `start`: now.
    """

    kind: ClassVar[str]
    namespace: str
    before: T
    after: T
    change: str
    start: datetime

    @property
    def forbidden(self) -> str | None:
        """Why it would end without having begun, if so."""
        never = self.after.status.phase is Phase.FAILED and self.after.status.start_time is None
        return self.after.status.message if never and not self.was_over else None

    @property
    def was_over(self) -> bool:
        """Whether it has ended already."""
        return self.before.status.phase in FINAL

    @property
    def lasts(self) -> timedelta | None:
        """From now until its end, at least; None where it would not end."""
        end = self.after.status.completion_time  # in whole seconds, as the API has it
        return None if end is None else max(timedelta(), end - self.start.replace(microsecond=0))

    @property
    @abstractmethod
    def acts(self) -> bool:
        """Whether it would change an instance."""

    @abstractmethod
    def told(self) -> list[str]:
        """What it would do, if it begins."""

    @abstractmethod
    def own_values(self) -> dict[str, Any]:
        """The same for programs."""

    def lines(self) -> list[str]:
        """What would become of it, for people."""
        status = self.after.status
        lines: list[str] = [f"{self.kind} {self.namespace}/{self.before.name}: {CHANGES[self.change]}"]
        if self.was_over:
            return [*lines, f"  it is over: {status.phase.value}: {status.message}"]
        if self.forbidden is not None:
            return [*lines, f"  it would end at once as {status.phase.value}: {self.forbidden}"]
        lines += (f"  {line}" for line in self.told())
        if self.lasts is None:
            return [*lines, f"  it would not end by itself: {status.message}"]
        why = "" if status.phase is Phase.SUCCESSFUL else f": {status.message}"
        return [*lines, f"  {status.phase.value} after {duration(self.lasts)} at least{why}"]

    def values(self) -> dict[str, Any]:
        """What would become of it, for programs."""
        status = self.after.status
        return {
            "name": self.before.name,
            "change": self.change,
            "phase": status.phase.value,
            "message": status.message,
            "forbidden": self.forbidden,
            **self.own_values(),
            "after": None if self.lasts is None else self.lasts.total_seconds(),
        }
