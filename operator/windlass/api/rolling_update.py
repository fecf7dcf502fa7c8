"""RollingUpdate: a change is run over a group's instances in service, batch by batch."""

from enum import StrEnum
from typing import Annotated

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
    in_cel,
    unchanging,
)
from windlass.api.instance_refresh import MAX_COMMAND, ContainerName, Image, Part
from windlass.api.ordinals import OrdinalRange
from windlass.api.processes import Process
from windlass.api.task import Phase

MAX_NAME = 63  # the value of a label of the ConfigMaps with its results
MAX_BATCHES = 1000
MAX_APPROVED = 10_000  # more than batches: it is raised once more for each that failed
MAX_SCRIPT = 16_384  # characters of a script in a spec, bytes of one in a ConfigMap: as of user data
MAX_FAILURES = 10  # told in the status; all others are in the results' ConfigMaps
MAX_OUTPUT = 1024
MAX_RANGES = 10_000  # of ordinals: as many as a group has instances

Script = Annotated[str, Field(min_length=1, max_length=MAX_SCRIPT)]
TimeLimit = Annotated[int, Field(ge=1, le=86_400)]


class UpdateState(StrEnum):
    """What people want of an update: `spec.state`."""

    RUNNING = "Running"
    SUSPENDED = "Suspended"
    CANCELLED = "Cancelled"


class UpdateKind(StrEnum):
    """What an update changes."""

    IMAGE = "Image"
    SCRIPT = "Script"
    PACKAGE = "Package"


class Invocation(StrEnum):
    """Whether an update is done, or an earlier one undone."""

    INVOKE = "Invoke"
    ROLLBACK = "Rollback"


class PackageAction(StrEnum):
    """What is done with a package."""

    INSTALL = "Install"
    UNINSTALL = "Uninstall"


class PauseOption(StrEnum):
    """After which batches an update waits for a person."""

    AUTOMATIC = "Automatic"
    FIRST_BATCH_PAUSE = "FirstBatchPause"
    EVERY_BATCH_PAUSE = "EveryBatchPause"


class ImageUpdate(Model):
    """The image of one container."""

    container: ContainerName | None = None
    """Name of the container; without it the main one: that which the annotation kubectl.kubernetes.io/default-container
    names, or else the first."""
    image: Image
    """The image that it is to run."""
    rollback_image: Image | None = None
    """The image that a Rollback of this update gives it. Without it this update cannot be rolled back."""


class ScriptUpdate(Model):
    """A script that is run in one container. The container's image must have /bin/sh, sleep and /proc."""

    container: ContainerName | None = None
    """Name of the container; without it the main one: that which the annotation kubectl.kubernetes.io/default-container
    names, or else the first."""
    command: Annotated[tuple[Part, ...], Field(min_length=1, max_length=MAX_COMMAND)] = ("/bin/sh", "-c")
    """What the script is given to, as its last argument: 1 to 20 parts of at most 256 characters."""
    run: Script
    """The script: at most 16384 characters."""
    rollback: Script | None = None
    """The script that a Rollback of this update runs. Without it this update cannot be rolled back."""
    timeout_seconds: TimeLimit = 600
    """The script and all that it has started are killed in the container after this long: 1 to 86400 seconds."""
    idempotent: bool = False
    """Whether it may run twice on an instance. Else one of which nobody knows whether it ran (Windlass was killed
    meanwhile) ends as Unknown, and is not run again."""


class PackageUpdate(Model):
    """A version of a package that is installed or uninstalled by a script of a ConfigMap. The container's image must
    have /bin/sh, sleep and /proc."""

    name: Annotated[str, Field(min_length=1, max_length=128, pattern=r"^[A-Za-z0-9@][A-Za-z0-9@/+._-]*$")]
    """Name of the package: the script finds it in PACKAGE_NAME."""
    version: Annotated[str, Field(min_length=1, max_length=128, pattern=r"^[A-Za-z0-9][A-Za-z0-9:~^+._-]*$")]
    """Its version: the script finds it in PACKAGE_VERSION."""
    action: PackageAction = PackageAction.INSTALL
    """Install or Uninstall. A Rollback of this update does the other."""
    source: ObjectName
    """Name of a ConfigMap in the same namespace with a shell script `install` and one `uninstall`, each at most 16384
    bytes. What it holds when the update starts is what is run."""
    container: ContainerName | None = None
    """Name of the container in which the script runs; without it the main one: that which the annotation
    kubectl.kubernetes.io/default-container names, or else the first."""
    timeout_seconds: TimeLimit = 600
    """The script and all that it has started are killed in the container after this long: 1 to 86400 seconds."""
    idempotent: bool = False
    """Whether the script may run twice on an instance; as of a script."""


Processes = Annotated[
    tuple[Process, ...], Field(max_length=len(Process), json_schema_extra={"x-kubernetes-list-type": "set"})
]


class RollingUpdateSpec(Model):
    """What is changed on which instances, and how carefully. Only state, stateReason and approvedBatches can change."""

    scaling_group: ObjectName
    """Name of the ScalingGroup in the same namespace. One update or refresh of a group runs at a time."""
    state: UpdateState = UpdateState.RUNNING
    """Running; Suspended: nothing new begins until it is Running again. Cancelled is final: what was changed stays."""
    state_reason: Annotated[str, Field(max_length=256)] | None = None
    """Why the state is as it is, for people: at most 256 characters."""
    client_token: Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[ -~]+$")] | None = None
    """Names the request: a second update of the group with the same token does nothing and ends as the first one does.
    At most 64 printable ASCII characters."""
    kind: UpdateKind
    """Image: another image for a container, in place. Script: run in a container. Package: installed or uninstalled."""
    invoke: Invocation = Invocation.INVOKE
    """Invoke; or Rollback of the earlier update that rollbackOf names, on the instances that it has touched and that
    are in service still."""
    rollback_of: ObjectName | None = None
    """Name of an earlier RollingUpdate of the same group and kind that has ended. Only with invoke Rollback."""
    image: ImageUpdate | None = None
    """What kind Image changes. With invoke Rollback: in place of what the earlier update would go back to."""
    script: ScriptUpdate | None = None
    """What kind Script runs. With invoke Rollback: in place of the earlier update's rollback script."""
    package: PackageUpdate | None = None
    """What kind Package does. With invoke Rollback: in place of the opposite of what the earlier update did."""
    batches: Annotated[int, Field(ge=1, le=MAX_BATCHES)] | None = None
    """Into how many batches the instances are dealt: 1 to 1000, whose sizes differ by at most one. Of fewer instances
    each is a batch. Without it there is one. While an Image is changed four fifths of the desired size stay in service,
    unless 1 is asked for: then all containers are restarted at once."""
    pause: PauseOption = PauseOption.AUTOMATIC
    """Automatic: batch after batch. FirstBatchPause: a person is waited for after the first batch. EveryBatchPause:
    after each. A batch with a failure is always paused after."""
    approved_batches: Annotated[int, Field(ge=1, le=MAX_APPROVED)] = 1
    """Batches up to this number may begin although there is a pause before them: 1 to 10000. After a failure it must
    be raised for the next batch to begin, whatever it is."""
    enter_processes: Processes = ()
    """Processes of the group that are suspended while the update runs, each once."""
    exit_processes: Processes | None = None
    """Those of enterProcesses that go on when the update has ended, however it ends; without it all of them. The others
    stay suspended as long as this object exists."""
    ttl_seconds_after_finished: Seconds | None = None
    """The object is deleted this long after its end. Not for objects that are kept in Git, which would create it again.
    Unset: it is kept; one that `kubectl windlass update` made, as long as the group's historyLimit allows."""


class InstanceResult(StrEnum):
    """How an update went on one instance."""

    SUCCEEDED = "Succeeded"
    FAILED = "Failed"
    UNKNOWN = "Unknown"
    SKIPPED = "Skipped"


class FailedInstance(Observed):
    """An instance on which the update failed, or may have."""

    name: ObjectName
    """Its name."""
    result: InstanceResult
    """Failed; or Unknown: its script may have run."""
    exit_code: int | None = None
    """The script's exit code; 124 where it was killed after its time."""
    output: Annotated[str, Field(max_length=MAX_OUTPUT)] = ""
    """What was wrong: the last 1024 characters of the script's output, or what the container said."""


class RollingUpdateStatus(Observed):
    """How far the update is."""

    observed_generation: int = 0
    """The generation of the spec that this status speaks of."""
    phase: Phase = Phase.PENDING
    """Pending: not begun; Running: batch after batch is changed; Paused: a person is waited for; Suspended: stopped by
    a person, or because its group is disabled. It has ended in Successful; Failed: refused, or given up; Cancelled: by
    a person."""
    message: Sentence = ""
    """The most useful sentence about the update now."""
    batch: int = 0
    """The batch that runs, or was run last: from 1; 0 before the first."""
    batches: int = 0
    """How many there are."""
    total: int = 0
    """How many instances it is about."""
    succeeded: int = 0
    """On how many it has succeeded."""
    failed: int = 0
    """On how many it has failed."""
    unknown: int = 0
    """On how many nobody knows whether their script ran."""
    skipped: int = 0
    """How many were gone, or not in service any more, when their turn came."""
    from_revision: Annotated[str, Field(max_length=253)] = ""
    """Of an Image: the revision that the group's instances were made from when it started."""
    to_revision: Annotated[str, Field(max_length=253)] = ""
    """Of an Image: the revision with the new image, which becomes the group's own when the update succeeds."""
    touched: Annotated[tuple[OrdinalRange, ...], Field(max_length=MAX_RANGES)] = ()
    """The instances on which something was begun: what a Rollback is about."""
    failures: Annotated[tuple[FailedInstance, ...], Field(max_length=MAX_FAILURES)] = ()
    """The first ten instances on which it failed, or may have. All results are in the ConfigMaps that it controls."""
    waiting_for: Sentence | None = None
    """What it waits for."""
    start_time: Time | None = None
    """When it started. One that has started is never started again."""
    completion_time: Time | None = None
    """When it ended."""
    conditions: Annotated[tuple[Condition, ...], Field(max_length=8)] = ()
    """Ready; Reconciling and Stalled only while they are True; Complete or Failed once it has ended."""


_PAYLOADS = {UpdateKind.IMAGE: "image", UpdateKind.SCRIPT: "script", UpdateKind.PACKAGE: "package"}


def _payload_rules() -> tuple[Rule, ...]:
    rules: list[Rule] = []
    for kind, name in _PAYLOADS.items():
        cel = in_cel(name)
        rules += (
            Rule(
                f"!has(self.{cel}) || self.kind == '{kind}'",
                f"{name} goes with kind {kind} alone",
                field=f".{name}",
            ),
            Rule(
                f"self.kind != '{kind}' || self.invoke == 'Rollback' || has(self.{cel})",
                f"kind {kind} needs {name}",
                field=f".{name}",
            ),
        )
    return tuple(rules)


KIND = Kind(
    kind="RollingUpdate",
    plural="rollingupdates",
    short_names=("ru",),
    spec=RollingUpdateSpec,
    status=RollingUpdateStatus,
    description="A change of image, script or package that is run over a ScalingGroup's instances batch by batch.",
    columns=(
        Column("Group", ".spec.scalingGroup"),
        Column("Kind", ".spec.kind", description="What is changed: Image, Script or Package"),
        Column("Phase", ".status.phase"),
        Column("Batch", ".status.batch", "integer", description="The batch that runs, or ran last"),
        Column("Batches", ".status.batches", "integer", description="How many batches there are"),
        Column("Succeeded", ".status.succeeded", "integer", description="Instances that are changed"),
        Column("Failed", ".status.failed", "integer", description="Instances on which it failed"),
        Column("Total", ".status.total", "integer", description="Instances that it is about"),
        Column("Age", ".metadata.creationTimestamp", "date"),
        Column("State", ".spec.state", wide=True, description="What is wanted of it"),
        Column("Unknown", ".status.unknown", "integer", wide=True, description="Instances of which nobody knows"),
        Column("Skipped", ".status.skipped", "integer", wide=True, description="Instances that were gone"),
        Column(
            "Ready", '.status.conditions[?(@.type=="Ready")].status', wide=True, description="Whether it is as asked"
        ),
        Column("Message", ".status.message", wide=True),
    ),
    rules=(
        Rule(
            f"self.metadata.name.size() <= {MAX_NAME}",
            f"metadata.name must have at most {MAX_NAME} characters: it is the value of a label",
        ),
        Rule(
            "!has(self.spec.rollbackOf) || self.spec.rollbackOf != self.metadata.name",
            "rollbackOf must name an earlier update, not this one",
            field=".spec.rollbackOf",
        ),
    ),
    spec_rules=(
        *unchanging(
            RollingUpdateSpec,
            "start another RollingUpdate",
            but=frozenset({"state", "state_reason", "approved_batches"}),
        ),
        Rule(
            "self.state == oldSelf.state || oldSelf.state != 'Cancelled'",
            "'state Cancelled is final: it cannot become %s'.format([self.state])",
            expression=True,
            field=".state",
        ),
        *_payload_rules(),
        Rule(
            "has(self.rollbackOf) == (self.invoke == 'Rollback')",
            "invoke Rollback needs rollbackOf, the name of the earlier update; and rollbackOf goes with Rollback alone",
            field=".rollbackOf",
        ),
        Rule(
            "!has(self.exitProcesses) || self.exitProcesses.all(p, p in self.enterProcesses)",
            "exitProcesses may name processes of enterProcesses alone: what the group's own spec.suspendedProcesses "
            "suspends stays so",
            field=".exitProcesses",
        ),
    ),
)


def payload_name(kind: UpdateKind) -> str:
    """The field of a spec that holds what this kind does."""
    return _PAYLOADS[kind]
