"""InstanceRefresh: a group's instances are replaced so that they match a desired configuration."""

from typing import Annotated, Any

from pydantic import Field

from windlass.api.common import (
    Column,
    Condition,
    Kind,
    Model,
    ObjectName,
    Observed,
    Rule,
    Seconds,
    Sentence,
    Time,
    unchanging,
)
from windlass.api.launch_template import LaunchTemplateReference
from windlass.api.task import Phase, Wanted

MAX_CONTAINERS = 20
MAX_COMMAND = 20  # parts of a command, as the source has it
MAX_ARGUMENTS = 100  # deliberately more than the source's 10
MAX_VARIABLES = 100

Image = Annotated[str, Field(min_length=1, max_length=512, pattern=r"^\S+$")]
ContainerName = Annotated[str, Field(min_length=1, max_length=63, pattern=r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$")]
Part = Annotated[str, Field(max_length=256)]
Argument = Annotated[str, Field(max_length=1024)]


def _map_by(key: str) -> dict[str, Any]:
    """A list that has each value of `key` once."""
    return {"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": [key]}


FINAL_STATES = (Wanted.CANCELLED, Wanted.ROLLED_BACK)


class EnvironmentVariable(Model):
    """An environment variable of a container."""

    key: Annotated[str, Field(min_length=1, max_length=128, pattern=r"^[A-Za-z_][0-9A-Za-z_]*$")]
    """Unique in the container: 1 to 128 letters, digits or `_`, the first of them no digit."""
    value: Annotated[str, Field(max_length=256)] = ""
    """At most 256 characters; may be empty."""


class DesiredContainer(Model):
    """What is to be changed of one container; what is not named stays as it is."""

    name: ContainerName
    """Name of a container that the configuration has."""
    image: Image | None = None
    """The image in place of the configuration's."""
    command: Annotated[tuple[Part, ...], Field(max_length=MAX_COMMAND)] | None = None
    """The command in place of the configuration's: at most 20 parts of at most 256 characters. An empty one means the
    image's own."""
    args: Annotated[tuple[Argument, ...], Field(max_length=MAX_ARGUMENTS)] | None = None
    """The arguments in place of the configuration's: at most 100 of at most 1024 characters. An empty list means the
    image's own."""
    environment: Annotated[
        tuple[EnvironmentVariable, ...], Field(max_length=MAX_VARIABLES, json_schema_extra=_map_by("key"))
    ] = ()
    """Environment variables to be set: at most 100. Those that the configuration has beside them stay."""


class DesiredConfiguration(Model):
    """What the instances are to be made from. On success it becomes the group's own."""

    image: Image | None = None
    """The image of the main container: the one that the annotation kubectl.kubernetes.io/default-container names, or
    else the first. Not together with launchTemplate."""
    scaling_configuration: ObjectName | None = None
    """Name of a ScalingConfiguration in the same namespace; without it and launchTemplate, the group's own
    configuration is what image and containers change."""
    launch_template: LaunchTemplateReference | None = None
    """A version of a LaunchTemplate in the same namespace, as it is: nothing else can be set beside it."""
    containers: Annotated[
        tuple[DesiredContainer, ...], Field(max_length=MAX_CONTAINERS, json_schema_extra=_map_by("name"))
    ] = ()
    """Changes of single containers, at most 20. Not together with launchTemplate."""


class InstanceRefreshSpec(Model):
    """Which instances are replaced, by what, and how carefully. Only state and stateReason can be changed."""

    scaling_group: ObjectName
    """Name of the ScalingGroup in the same namespace. One refresh of a group runs at a time."""
    state: Wanted = Wanted.RUNNING
    """Running; Suspended: nothing new begins until it is Running again. Cancelled (new instances stay) and RolledBack
    (instances go back to the configuration that they came from) are final."""
    state_reason: Annotated[str, Field(max_length=256)] | None = None
    """Why the state is as it is, for people: at most 256 characters."""
    client_token: Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[ -~]+$")] | None = None
    """Names the request: a second refresh of the group with the same token does nothing and ends as the first one does.
    At most 64 printable ASCII characters."""
    min_healthy_percentage: Annotated[int, Field(ge=0, le=100)] = 80
    """The share of the group's desired size that stays in service, rounded up: 0 to 100. Where this and
    maxHealthyPercentage leave no room, one more instance is allowed, or, with 100 there and less here, one less."""
    max_healthy_percentage: Annotated[int, Field(ge=100, le=200)] = 120
    """How many instances there may be meanwhile, as a share of the desired size, rounded down: 100 to 200. Where
    this and minHealthyPercentage are 100, one instance is replaced at a time, and there is one more meanwhile."""
    desired_configuration: DesiredConfiguration | None = None
    """What the instances are to be made from. Without it, from the group's own configuration."""
    skip_matching: bool = True
    """Instances that are made from the desired configuration already are left alone. False: all are replaced."""
    checkpoints: Annotated[tuple[Annotated[int, Field(ge=1, le=100)], ...], Field(max_length=100)] = ()
    """Percentages of new instances at which the refresh pauses: 1 to 100, ascending, the last of them 100."""
    checkpoint_pause_minutes: Annotated[int, Field(ge=1, le=2880)] = 60
    """How long it pauses at a checkpoint before it goes on by itself: 1 to 2880 minutes."""
    auto_rollback: bool = False
    """A refresh that fails by progressDeadlineSeconds or within bakeSeconds is rolled back by itself."""
    progress_deadline_seconds: Annotated[int, Field(ge=1, le=86_400)] = 3600
    """The refresh has failed when no instance of it came into service for this long. At least 1."""
    bake_seconds: Seconds = 0
    """How long the new instances are watched after the last batch before the refresh has succeeded."""
    ttl_seconds_after_finished: Seconds | None = None
    """The object is deleted this long after its end. Not for objects that are kept in Git, which would create it again.
    Unset: it is kept; one that `kubectl windlass refresh` made, as long as the group's historyLimit allows."""


class InstanceRefreshStatus(Observed):
    """How far the refresh is."""

    observed_generation: int = 0
    """The generation of the spec that this status speaks of."""
    phase: Phase = Phase.PENDING
    """Pending: not begun; Running: batch after batch is replaced; Paused: stopped by itself at a checkpoint; Suspended:
    stopped by a person, or because its group is disabled; Baking: all is replaced and is watched for a while;
    RollingBack: instances go back to where they came from. It has ended in Successful; Failed: refused, or given up;
    Cancelled: by a person, new instances stay; RolledBack; RollbackFailed: given up on the way back."""
    message: Sentence = ""
    """The most useful sentence about the refresh now."""
    from_revision: Annotated[str, Field(max_length=253)] = ""
    """The revision that the group's instances were to be made from when it started."""
    to_revision: Annotated[str, Field(max_length=253)] = ""
    """The revision of the desired configuration."""
    floor: int = 0
    """How many instances at least stay in service now."""
    ceiling: int = 0
    """How many instances there may be now."""
    total: int = 0
    """How many instances the refresh is about."""
    to_update: int = 0
    """How many of them are still to be replaced."""
    updated: int = 0
    """How many new ones are in service."""
    failed: int = 0
    """How many new ones did not come into service."""
    percentage: int = 0
    """The share of new ones: 0 to 100."""
    checkpoint: int | None = None
    """The checkpoint, as a percentage, at which it pauses, or which is next."""
    waiting_for: Sentence | None = None
    """What it waits for."""
    wake_at: Time | None = None
    """When it goes on by itself, if it waits for a time."""
    start_time: Time | None = None
    """When it started. One that has started is never started again."""
    completion_time: Time | None = None
    """When it ended."""
    conditions: Annotated[tuple[Condition, ...], Field(max_length=8)] = ()
    """Ready; Reconciling and Stalled only while they are True; Complete or Failed once it has ended."""


_DESIRED_RULES = (
    Rule(
        "has(self.image) || has(self.scalingConfiguration) || has(self.launchTemplate) || self.containers.size() > 0",
        "desiredConfiguration must have image, scalingConfiguration, launchTemplate or containers; leave it out to "
        "replace instances with the group's own configuration",
        at="desiredConfiguration",
    ),
    Rule(
        "!has(self.scalingConfiguration) || !has(self.launchTemplate)",
        "desiredConfiguration may have scalingConfiguration or launchTemplate, not both",
        at="desiredConfiguration",
    ),
    Rule(
        "!has(self.image) || !has(self.launchTemplate)",
        "image cannot be set together with launchTemplate: add a version with that image to the template",
        field=".image",
        at="desiredConfiguration",
    ),
    Rule(
        "self.containers.size() == 0 || !has(self.launchTemplate)",
        "containers cannot be set together with launchTemplate: add a version with those changes to the template",
        field=".containers",
        at="desiredConfiguration",
    ),
    Rule(
        "has(self.image) || has(self.command) || has(self.args) || self.environment.size() > 0",
        "'container %s must have image, command, args or environment'.format([self.name])",
        expression=True,
        at="desiredConfiguration.containers[]",
    ),
)

KIND = Kind(
    kind="InstanceRefresh",
    plural="instancerefreshes",
    short_names=("ir",),
    spec=InstanceRefreshSpec,
    status=InstanceRefreshStatus,
    description="The replacement of a ScalingGroup's instances, in batches, to match a desired configuration.",
    columns=(
        Column("Group", ".spec.scalingGroup"),
        Column("Phase", ".status.phase"),
        Column("Percentage", ".status.percentage", "integer", description="The share of new instances"),
        Column("Updated", ".status.updated", "integer", description="New instances in service"),
        Column("Total", ".status.total", "integer", description="Instances that it is about"),
        Column("Ready", '.status.conditions[?(@.type=="Ready")].status', description="Whether it is as asked"),
        Column("Age", ".metadata.creationTimestamp", "date"),
        Column("State", ".spec.state", wide=True, description="What is wanted of it"),
        Column("Failed", ".status.failed", "integer", wide=True, description="New instances that failed"),
        Column("Message", ".status.message", wide=True),
    ),
    spec_rules=(
        *unchanging(InstanceRefreshSpec, "start another InstanceRefresh", but=frozenset({"state", "state_reason"})),
        Rule(
            f"self.state == oldSelf.state || !(oldSelf.state in {[str(state) for state in FINAL_STATES]})",
            "'state %s is final: it cannot become %s'.format([oldSelf.state, self.state])",
            expression=True,
            field=".state",
        ),
        Rule(
            "self.checkpoints.isSorted() && self.checkpoints.all(c, self.checkpoints.exists_one(o, o == c))",
            "checkpoints must ascend",
            field=".checkpoints",
        ),
        Rule(
            "self.checkpoints.size() == 0 || self.checkpoints[self.checkpoints.size() - 1] == 100",
            "'the last of checkpoints must be 100, not %d'.format([self.checkpoints[self.checkpoints.size() - 1]])",
            expression=True,
            field=".checkpoints",
        ),
        *_DESIRED_RULES,
    ),
)
