"""ScalingActivity: the record of one change of a group's size."""

from typing import Annotated, Literal

from pydantic import Field

from windlass.api.common import Column, Kind, Model, ObjectName, Observed, Rule, Sentence, Time
from windlass.api.scaling_group import MAX_NAMED_INSTANCES, ActivityType, RemovedInstances

FINAL_PHASES = frozenset({"Successful", "Warning", "Failed"})


class ScalingActivitySpec(Model):
    """What the activity belongs to. Cannot be changed."""

    scaling_group: ObjectName
    """Name of the ScalingGroup in the same namespace."""


class ScalingActivityStatus(Observed):
    """What the activity was for, and what came of it."""

    phase: Literal["InProgress", "Successful", "Warning", "Failed"] = "InProgress"
    """InProgress, then Successful, Warning (in part) or Failed (nothing came of it)."""
    type: ActivityType
    """ScaleOut, ScaleIn or Replace."""
    cause: Sentence
    """Why it began."""
    description: Sentence = ""
    """What came of it."""
    start_time: Time
    """When it began."""
    completion_time: Time | None = None
    """When it ended."""
    expected: int = 0
    """How many instances it set out to launch or to remove."""
    instances: Annotated[tuple[ObjectName, ...], Field(max_length=MAX_NAMED_INSTANCES)] = ()
    """The first hundred instances that it launched or removed."""
    removed: Annotated[tuple[RemovedInstances, ...], Field(max_length=MAX_NAMED_INSTANCES)] = ()
    """The first hundred instances that it removed, with why; also those that a Replace or a ScaleOut removed."""
    instance_count: int = 0
    """How many instances it launched or removed."""
    capacity_after: int | None = None
    """How many instances counted as capacity when it ended."""


KIND = Kind(
    kind="ScalingActivity",
    plural="scalingactivities",
    short_names=("sact",),
    spec=ScalingActivitySpec,
    status=ScalingActivityStatus,
    description="The record of one change of a ScalingGroup's size.",
    columns=(
        Column("Group", ".spec.scalingGroup"),
        Column("Type", ".status.type"),
        Column("Phase", ".status.phase"),
        Column("Expected", ".status.expected", "integer", description="Instances to launch or to remove"),
        Column("Capacity", ".status.capacityAfter", "integer", description="Instances afterwards"),
        Column("Age", ".metadata.creationTimestamp", "date"),
        Column("Cause", ".status.cause", wide=True),
        Column("Description", ".status.description", wide=True),
    ),
    spec_rules=(Rule("self == oldSelf", "an activity is a record: its spec cannot be changed"),),
)
