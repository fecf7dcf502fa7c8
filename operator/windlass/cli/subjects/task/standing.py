"""How a task of a group stands, whatever its kind."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Protocol

from windlass.api.instance_refresh import InstanceRefreshStatus
from windlass.api.rolling_update import RollingUpdateStatus
from windlass.planner.tasks import FINAL

Status = InstanceRefreshStatus | RollingUpdateStatus


class Wish(Protocol):
    """What every spec of a task says."""

    @property
    def scaling_group(self) -> str:
        """The name of its group."""

    @property
    def state_reason(self) -> str | None:
        """Why its state is as it is."""


class TaskPicture(Protocol):
    """A task at one moment."""

    @property
    def metadata(self) -> Mapping[str, Any]:
        """Its own."""

    @property
    def spec(self) -> Wish:
        """What is wanted."""

    @property
    def status(self) -> Status:
        """How far it is."""

    @property
    def now(self) -> datetime:
        """The moment."""

    @property
    def over(self) -> bool:
        """Whether it has ended."""

    @property
    def message(self) -> str:
        """The most useful sentence about it now."""


def is_over(status: Status) -> bool:
    """Whether it has ended."""
    return status.phase in FINAL


def message_of(word: str, metadata: Mapping[str, Any], status: Status) -> str:
    """The most useful sentence about it now, with a word of warning where it speaks of an older spec.

    `word`: what one of its kind is called.
    """
    generation, seen = metadata["generation"], status.observed_generation
    if not is_over(status) and not seen:
        return f"no operator has looked at this {word} yet"
    if not is_over(status) and seen < generation:
        return f"{status.message} (that was before the last change, which no operator has looked at yet)"
    return status.message
