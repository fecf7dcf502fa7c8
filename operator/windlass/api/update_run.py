"""What a group remembers of the rolling update that runs over its instances."""

from typing import Annotated

from pydantic import Field

from windlass.api.common import ObjectName, Observed, Sentence, Time
from windlass.api.ordinals import OrdinalRange
from windlass.api.rolling_update import MAX_FAILURES, MAX_RANGES, FailedInstance


class UpdateRunStatus(Observed):
    """The RollingUpdate that runs over the group's instances now."""

    name: ObjectName
    """Its name."""
    uid: Annotated[str, Field(max_length=64)]
    """Its uid."""
    digest: Annotated[str, Field(max_length=64)] = ""
    """Tells what it asks for from anything else."""
    started_at: Time
    """When it started."""
    members: Annotated[tuple[OrdinalRange, ...], Field(max_length=MAX_RANGES)] = ()
    """The instances that it is about, in their order: those that were in service when it started."""
    batches: int
    """Into how many batches they are dealt."""
    batch: int = 1
    """The batch that runs or waits to begin: from 1; one more than there are when all are over."""
    begun: Annotated[tuple[OrdinalRange, ...], Field(max_length=MAX_RANGES)] = ()
    """The instances of this batch on which something is begun, or was and has not succeeded yet."""
    phase: Annotated[str, Field(max_length=32)] = "Running"
    """Where the update is, as its own status says a moment later."""
    payload: Annotated[str, Field(max_length=64)] = ""
    """Tells the script that a Package runs from any other: a SHA-256."""
    from_revision: Annotated[str, Field(max_length=253)] = ""
    """Of an Image: the revision that the group's instances were made from."""
    to_revision: Annotated[str, Field(max_length=253)] = ""
    """Of an Image: the revision with the new image."""
    own: Annotated[str, Field(max_length=64)] = ""
    """Of an Image: tells the group's own configuration when it started from any other: a SHA-256."""
    succeeded: int = 0
    """On how many instances of the batches that are over it has succeeded."""
    failed: int = 0
    """On how many of them it has failed."""
    unknown: int = 0
    """On how many of them nobody knows whether their script ran."""
    skipped: int = 0
    """How many of them were gone, or not in service any more, when their turn came."""
    accepted: int = 0
    """How many failures a person has let it go on after."""
    approved_at_failure: int | None = None
    """What approvedBatches was when a batch ended with a failure: it goes on when it is raised."""
    touched: Annotated[tuple[OrdinalRange, ...], Field(max_length=MAX_RANGES)] = ()
    """The instances of the batches that are over on which something was begun."""
    failures: Annotated[tuple[FailedInstance, ...], Field(max_length=MAX_FAILURES)] = ()
    """The first of those on which it failed, or may have."""
    committing: bool = False
    """Whether the new image is being written into the group's configuration."""
    outcome: Annotated[str, Field(max_length=32)] | None = None
    """How it ended; kept until the update's own status says so."""
    message: Sentence = ""
    """Why it ended so."""
