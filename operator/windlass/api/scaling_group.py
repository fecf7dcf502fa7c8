"""ScalingGroup: a set of alike instances kept at a size."""

from enum import StrEnum
from typing import Annotated, Literal

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
)
from windlass.api.launch_template import LaunchTemplateReference
from windlass.api.ordinals import OrdinalRange
from windlass.api.processes import Process
from windlass.api.rollout import MAX_FINISHED, FinishedRollout, RolloutStatus
from windlass.api.update_run import UpdateRunStatus

MAX_SIZE = 10_000  # design: deliberate difference from the source's 300
MAX_GROUP_NAME = 52  # an instance is <group>-<ordinal> and its name is a host name of at most 63
MAX_REVISIONS = 64
MAX_NAMED_INSTANCES = 100  # an activity names the first hundred, and a count

Size = Annotated[int, Field(ge=0, le=MAX_SIZE)]
ZoneName = Annotated[str, Field(min_length=1, max_length=63, pattern=r"^[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?$")]


class ZonePolicy(StrEnum):
    """How instances are spread over the zones."""

    PRIORITY = "Priority"
    BALANCED = "Balanced"


class RemovalStage(StrEnum):
    """One stage of the choice of who leaves."""

    OLDEST_CONFIGURATION = "OldestConfiguration"
    OLDEST_INSTANCE = "OldestInstance"
    NEWEST_INSTANCE = "NewestInstance"


class DeletionPolicy(StrEnum):
    """What deleting the group does while it has instances."""

    REFUSE = "Refuse"
    FORCE = "Force"


class ConfigurationSource(Model):
    """What new instances are made from: exactly one of the two. May be switched; instances that exist stay as they
    are."""

    scaling_configuration: ObjectName | None = None
    """Name of a ScalingConfiguration in the group's namespace."""
    launch_template: LaunchTemplateReference | None = None
    """A version of a LaunchTemplate in the group's namespace."""


class HealthCheck(Model):
    """When an instance that is not ready any more is replaced."""

    method: Literal["Instance"] = "Instance"
    """Instance: the Pod's own Ready condition and phase."""
    interval_seconds: Literal[0, 60, 300, 900, 3600, 10800] = 300
    """How long an instance may be not ready without a break before it is unhealthy: 0 (means 10 seconds), 60, 300,
    900, 3600 or 10800."""


class Tag(Model):
    """A key and a value that every new instance carries."""

    key: Annotated[str, Field(min_length=1, max_length=36, pattern=r"^[A-Za-z0-9]([A-Za-z0-9_-]*[A-Za-z0-9])?$")]
    """Unique in the group: at most 36 letters, digits, `_` or `-`, the first and last of them no `_` or `-`."""
    value: Annotated[str, Field(max_length=43, pattern=r"^[A-Za-z0-9_.-]*$")] = ""
    """At most 43 letters, digits, `_`, `-` or `.`; may be empty."""


class ScalingGroupSpec(Model):
    """What is wanted of the group."""

    display_name: Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[\p{L}\p{N}_-]+$")] | None = None
    """A name for people, in any script: letters, digits, `_` or `-`, at most 64."""
    description: Annotated[str, Field(min_length=1, max_length=256)] | None = None
    """What the group is for: 1 to 256 characters."""
    min_size: Size = 0
    """The fewest instances the group may have. At most maxSize."""
    max_size: Size = 1
    """The most instances the group may have, but for those that a refresh exchanges (its maxHealthyPercentage): at most
    10000."""
    desired_size: Size | None = None
    """How many instances are wanted, between minSize and maxSize. When minSize or maxSize moves past it, the group
    follows them and says so. Unset: seeded with minSize, or with the size that the group has been working towards.
    Autoscalers set it through the scale subresource."""
    enabled: bool = True
    """A group that is not enabled does nothing at all."""
    configuration: ConfigurationSource
    """What new instances are made from."""
    zones: Annotated[tuple[ZoneName, ...], Field(max_length=5)] = ()
    """Zones (topology.kubernetes.io/zone) in order of priority: at most 5, each once. None: the scheduler chooses."""
    zone_policy: ZonePolicy = ZonePolicy.BALANCED
    """Balanced: the zone with the fewest instances. Priority: the first zone that has not failed."""
    zone_failure_seconds: Seconds = 300
    """A zone has failed when an instance cannot be scheduled in it for this long."""
    removal_policy: Annotated[tuple[RemovalStage, ...], Field(min_length=1, max_length=2)] = (
        RemovalStage.OLDEST_CONFIGURATION,
        RemovalStage.OLDEST_INSTANCE,
    )
    """Who leaves first when the group shrinks: one stage, or two different ones of which the second decides among
    those that the first chose."""
    min_ready_seconds: Seconds = 0
    """How long an instance must be ready before it is in service."""
    health_check: HealthCheck = HealthCheck()
    """When an instance that is not ready any more is replaced."""
    launch_timeout_seconds: Annotated[int, Field(ge=1, le=86_400)] = 600
    """An instance that is scheduled and not in service after this long has failed and is replaced; one that is ready
    then gets its minReadySeconds. At least 1."""
    suspended_processes: Annotated[tuple[Process, ...], Field(max_length=3)] = ()
    """What the group must not do for now: ScaleIn, ScaleOut, HealthCheck."""
    deletion_policy: DeletionPolicy = DeletionPolicy.REFUSE
    """Refuse: the group cannot be deleted while it has instances. Force: deleting it deletes them."""
    tags: Annotated[tuple[Tag, ...], Field(max_length=10)] = ()
    """At most 10 tags that new instances carry as annotations tag.windlass.dev/<key>, and as labels."""
    history_limit: Annotated[int, Field(ge=1, le=100)] = 20
    """How many ended activities are kept: 1 to 100."""


class ActivityType(StrEnum):
    """What an activity changes."""

    SCALE_OUT = "ScaleOut"
    SCALE_IN = "ScaleIn"
    REPLACE = "Replace"


class ActivityResult(StrEnum):
    """How an activity ended; Warning: in part."""

    SUCCESSFUL = "Successful"
    WARNING = "Warning"
    FAILED = "Failed"


class RemovedInstances(Observed):
    """Instances that an activity removed for one reason."""

    because: Annotated[str, Field(max_length=300)]
    """Why they were removed."""
    instances: Annotated[tuple[ObjectName, ...], Field(max_length=MAX_NAMED_INSTANCES)]
    """Their names."""


class ActivityStatus(Observed):
    """The activity that runs, or the last one (then with `endedAt`). Written before it acts."""

    name: ObjectName
    """Name of its ScalingActivity."""
    type: ActivityType
    """What it changes."""
    cause: Sentence
    """Why it began."""
    started_at: Time
    """When it began."""
    from_: Annotated[int, Field(alias="from")]
    """How many instances counted as capacity when it began."""
    to: int
    """The size it works towards; follows the desired size while it runs."""
    first_ordinal: int
    """The ordinal of the first instance it launches: those from here on are its own."""
    launching: OrdinalRange | None = None
    """Ordinals that it reserved last and of which it is not known yet whether they were created."""
    failed: Annotated[tuple[int, ...], Field(max_length=MAX_NAMED_INSTANCES)] = ()
    """Ordinals of its launches that failed; they are tried again by a later activity."""
    skipped: Annotated[tuple[OrdinalRange, ...], Field(max_length=MAX_NAMED_INSTANCES)] = ()
    """Ordinals from firstOrdinal on that it did not launch: an activity before did, or the name is taken by a Pod that
    is not the group's."""
    arrived: Annotated[tuple[OrdinalRange, ...], Field(max_length=MAX_NAMED_INSTANCES)] = ()
    """Ordinals of its launches that have been in service; kept where minReadySeconds is not 0. The first hundred ranges
    of them."""
    leaving: Annotated[tuple[ObjectName, ...], Field(max_length=MAX_NAMED_INSTANCES)] = ()
    """The first hundred instances that a ScaleIn removed because they were too many."""
    removed: Annotated[tuple[RemovedInstances, ...], Field(max_length=MAX_NAMED_INSTANCES)] = ()
    """The first hundred instances that it removed, whatever for, by reason."""
    ended_at: Time | None = None
    """When it ended."""
    result: ActivityResult | None = None
    """How it ended."""
    description: Sentence | None = None
    """What came of it."""
    launched: int | None = None
    """How many instances it launched."""
    capacity_after: int | None = None
    """How many instances counted as capacity when it ended."""


class LaunchBackoff(Observed):
    """Launches failed, and are not tried again before `retryAt`."""

    failures: int
    """How many activities failed in a row."""
    retry_at: Time
    """When the next try is due."""
    reason: Sentence
    """What the last failed launch said."""
    revision: Annotated[str, Field(max_length=253)]
    """The revision that failed; another one is tried at once."""
    generation: int
    """The generation of the spec that failed; another one is tried at once."""


class RevisionStatus(Observed):
    """One revision of the group's configuration."""

    name: ObjectName
    """Name of its ControllerRevision."""
    configuration: Annotated[str, Field(max_length=317)]
    """Where it came from: ScalingConfiguration/name, or LaunchTemplate/name:version."""
    added_at: Time
    """When it was added to the group; decides which configuration is the oldest."""
    instances: int = 0
    """How many instances were made from it."""


class ZoneStatus(Observed):
    """One zone of the group."""

    name: ZoneName
    """The zone."""
    instances: int = 0
    """How many instances count as capacity there."""
    failed_until: Time | None = None
    """The zone has failed and is left out until then; the first try after that is a single instance."""
    next_try: Time | None = None
    """Set in place of failedUntil while no zone takes an instance of the configuration, so that it may be at fault, and
    not the zones: one of those that wait tries this zone then."""
    failures: int = 0
    """How often in a row it failed; each time doubles how long it is left out."""
    reason: Sentence | None = None
    """What the instance that could not be scheduled said."""
    revision: Annotated[str, Field(max_length=253)] | None = None
    """Its revision, while no zone has taken one of the same; a new revision is tried as if the zone had not failed."""


class ScalingGroupStatus(Observed):
    """How the group is."""

    observed_generation: int = 0
    """The generation of the spec that this status speaks of."""
    phase: Annotated[str, Field(max_length=32)] = ""
    """One word: Ready, ScalingOut, ScalingIn, Replacing, Waiting, Stalled, Disabled or Deleting."""
    message: Sentence = ""
    """The most useful sentence about the group now."""
    replicas: int = 0
    """Instances that are not being removed."""
    selector: Annotated[str, Field(max_length=256)] = ""
    """Label selector of the instances, for autoscalers."""
    desired: int = 0
    """The size that the group works towards: desiredSize within minSize and maxSize."""
    pending: int = 0
    """Instances that have never been in service."""
    in_service: int = 0
    """Instances that are ready and take work."""
    not_ready: int = 0
    """Instances that were in service and are not ready now."""
    unhealthy: int = 0
    """Instances that wait to be replaced for their health."""
    failed: int = 0
    """Instances that did not come into service in time."""
    removing: int = 0
    """Instances that are on their way out."""
    protected: int = 0
    """Instances that are never chosen to leave (counted in the others too)."""
    outdated: int = 0
    """Instances made from an older revision."""
    current_revision: Annotated[str, Field(max_length=253)] = ""
    """The revision that new instances are made from."""
    revisions: Annotated[tuple[RevisionStatus, ...], Field(max_length=MAX_REVISIONS)] = ()
    """The revisions that are kept, the oldest first."""
    zones: Annotated[tuple[ZoneStatus, ...], Field(max_length=5)] = ()
    """The zones, in order of priority."""
    next_ordinal: int = 0
    """The ordinal of the next instance; never goes back."""
    next_activity: int = 1
    """The number of the next activity; never goes back."""
    activity: ActivityStatus | None = None
    """The activity that runs, or the last one."""
    rollout: RolloutStatus | None = None
    """Set while an InstanceRefresh exchanges the instances."""
    update: UpdateRunStatus | None = None
    """The RollingUpdate that runs over the instances now."""
    finished_rollouts: Annotated[tuple[FinishedRollout, ...], Field(max_length=MAX_FINISHED)] = ()
    """The last ones that ended, the latest last, at most historyLimit: the same one created again does nothing."""
    launch_backoff: LaunchBackoff | None = None
    """Set while failed launches wait to be tried again."""
    conditions: Annotated[tuple[Condition, ...], Field(max_length=8)] = ()
    """Ready; Reconciling and Stalled only while they are True."""


_DESIRED_IN_RANGE = (
    "!has(self.desiredSize) || (self.minSize <= self.desiredSize && self.desiredSize <= self.maxSize)"
    " || (oldSelf.hasValue() && has(oldSelf.value().desiredSize)"
    " && oldSelf.value().desiredSize == self.desiredSize)"
)

KIND = Kind(
    kind="ScalingGroup",
    plural="scalinggroups",
    short_names=("sg",),
    spec=ScalingGroupSpec,
    status=ScalingGroupStatus,
    description="A set of alike instances (Pods) kept at a size across zones.",
    scale={
        "specReplicasPath": ".spec.desiredSize",
        "statusReplicasPath": ".status.replicas",
        "labelSelectorPath": ".status.selector",
    },
    columns=(
        Column("Desired", ".status.desired", "integer", description="Instances wanted"),
        Column("InService", ".status.inService", "integer", description="Instances that take work"),
        Column("Pending", ".status.pending", "integer", description="Instances on their way into service"),
        Column("Outdated", ".status.outdated", "integer", description="Instances of older revisions"),
        Column("Ready", '.status.conditions[?(@.type=="Ready")].status', description="Whether it is as asked"),
        Column("Phase", ".status.phase", description="What it is doing"),
        Column("Age", ".metadata.creationTimestamp", "date"),
        Column("Min", ".spec.minSize", "integer", wide=True),
        Column("Max", ".spec.maxSize", "integer", wide=True),
        Column("Zones", ".spec.zones", wide=True),
        Column("Revision", ".status.currentRevision", wide=True),
        Column("Activity", ".status.activity.name", wide=True, description="The activity that runs, or the last one"),
        Column("Message", ".status.message", wide=True),
    ),
    rules=(
        Rule(
            f"self.metadata.name.size() <= {MAX_GROUP_NAME} && !self.metadata.name.contains('.')",
            f"a group's name may have at most {MAX_GROUP_NAME} lower-case letters, digits or '-', because its "
            "instances are called <name>-<number> and that is their host name",
            field=".metadata.name",
        ),
    ),
    spec_rules=(
        Rule(
            "self.minSize <= self.maxSize",
            "'minSize %d is above maxSize %d'.format([self.minSize, self.maxSize])",
            expression=True,
            field=".minSize",
        ),
        Rule(
            _DESIRED_IN_RANGE,
            "'desiredSize %d must lie between minSize %d and maxSize %d'"
            ".format([self.desiredSize, self.minSize, self.maxSize])",
            expression=True,
            field=".desiredSize",
            optional_old_self=True,
        ),
        Rule(
            "has(self.scalingConfiguration) != has(self.launchTemplate)",
            "configuration must have either scalingConfiguration or launchTemplate",
            at="configuration",
        ),
        Rule(
            "self.zones.all(z, self.zones.exists_one(o, o == z))",
            "zones may name each zone once",
            field=".zones",
        ),
        Rule(
            "self.removalPolicy.all(s, self.removalPolicy.exists_one(o, o == s))",
            "removalPolicy must have one stage, or two different ones",
            field=".removalPolicy",
        ),
        Rule(
            "self.suspendedProcesses.all(p, self.suspendedProcesses.exists_one(o, o == p))",
            "suspendedProcesses may name each process once",
            field=".suspendedProcesses",
        ),
        Rule(
            "self.tags.all(t, self.tags.exists_one(o, o.key == t.key))",
            "tags may have each key once",
            field=".tags",
        ),
    ),
)
