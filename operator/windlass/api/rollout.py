"""What a group remembers of the task that exchanges its instances."""

from typing import Annotated

from pydantic import Field

from windlass.api.common import ObjectName, Observed, Sentence, Time

MAX_FINISHED = 100  # as many as the largest historyLimit


class FinishedRollout(Observed):
    """A task that has exchanged the group's instances, or has tried to."""

    name: ObjectName
    """Its name."""
    uid: Annotated[str, Field(max_length=64)]
    """Its uid."""
    digest: Annotated[str, Field(max_length=64)]
    """Tells what it asked for from anything else: the SHA-256 of its spec, but for the state."""
    outcome: Annotated[str, Field(max_length=32)]
    """How it ended."""


class RolloutStatus(Observed):
    """The task that exchanges the group's instances now."""

    kind: Annotated[str, Field(max_length=63)]
    """Kind of the task: InstanceRefresh."""
    name: ObjectName
    """Its name."""
    uid: Annotated[str, Field(max_length=64)]
    """Its uid."""
    digest: Annotated[str, Field(max_length=64)] = ""
    """Tells what it asks for from anything else."""
    started_at: Time
    """When it started."""
    from_revision: Annotated[str, Field(max_length=253)] = ""
    """The revision that the group's instances were to be made from before; empty where there was none."""
    to_revision: Annotated[str, Field(max_length=253)]
    """The revision of the desired configuration."""
    own: Annotated[str, Field(max_length=64)] = ""
    """Tells the group's own configuration when it started from any other, refused or not: a SHA-256; empty where there
    was none."""
    first_ordinal: int
    """The ordinal of the first instance that was launched since it started."""
    phase: Annotated[str, Field(max_length=32)] = "Running"
    """Where the task is, as its own status says a moment later."""
    back: bool = False
    """Whether it is rolled back: fromRevision is what instances are made from then."""
    checkpoint: int = 0
    """The last checkpoint that was reached, as a percentage."""
    paused_until: Time | None = None
    """Until when it pauses at that checkpoint."""
    updated: int = 0
    """The most new instances that were in service at once."""
    failed: int = 0
    """How many new instances did not come into service."""
    progress_at: Time
    """When a new instance last came into service, or when nothing was to be waited for."""
    held: bool = False
    """Whether a suspended process holds its launches up: its clock stands still meanwhile."""
    size: int = 0
    """The group's size, or as many instances above it as were there and have not left since: these stay while ScaleIn
    is suspended."""
    baking_until: Time | None = None
    """Until when the new instances are watched after the last batch."""
    committing: bool = False
    """Whether the desired configuration is being made the group's own."""
    outcome: Annotated[str, Field(max_length=32)] | None = None
    """How it ended; kept until the task's own status says so."""
    message: Sentence = ""
    """Why it ended so."""

    @property
    def target(self) -> str:
        """The revision that instances are made from now."""
        return self.from_revision if self.back else self.to_revision
