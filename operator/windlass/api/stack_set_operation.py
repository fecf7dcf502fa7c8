"""StackSetOperation: one change of a stack set's instances, with its own order, concurrency and tolerance."""

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
    unchanging,
)
from windlass.api.stacks import (
    MAX_INLINE_BYTES,
    MAX_REGIONS,
    MAX_VARIABLES,
    SET,
    DeploymentTargets,
    OperationPreferences,
    Region,
    VariableName,
    VariablesFile,
    order_rules,
    preference_rules,
    target_rules,
)
from windlass.api.task import Phase


class Action(StrEnum):
    """What an operation does to each instance that it is about."""

    CREATE = "CreateInstances"
    DEPLOY = "DeploySet"
    UPDATE = "UpdateInstances"
    DELETE = "DeleteInstances"
    DETECT_DRIFT = "DetectDrift"


class OperationState(StrEnum):
    """What people want of an operation: `spec.state`."""

    RUNNING = "Running"
    STOPPED = "Stopped"


class Overrides(Model):
    """Values in place of the set's, for the instances of the operation. They replace all that were given before.

    The names in all three fields together are exactly those of the set's variables, each once.
    """

    variables: Annotated[str, Field(max_length=MAX_INLINE_BYTES)] = ""
    """Values as in a tfvars file: at most 51,200 bytes."""
    variables_from: VariablesFile | None = None
    """A file with more of them: at most 1 MiB."""
    use_stack_set_variables: Annotated[
        tuple[VariableName, ...], Field(max_length=MAX_VARIABLES, json_schema_extra=SET)
    ] = ()
    """Names of variables that keep, or go back to, the set's own value."""


class StackSetOperationSpec(Model):
    """What is done where, and how carefully. Only state and stateReason can be changed."""

    stack_set: ObjectName
    """Name of the StackSet in the same namespace. Its operations run one at a time, the eldest first."""
    stack_set_uid: Annotated[str, Field(alias="stackSetUID", max_length=64)] = ""
    """The uid that the set must have: another set of that name is left alone."""
    action: Action
    """CreateInstances makes instances and deploys to them; DeploySet deploys the set as it is now to instances that
    there are; UpdateInstances gives them overrides, and deploys; DeleteInstances removes them; DetectDrift looks
    whether they are still as they were deployed."""
    state: OperationState = OperationState.RUNNING
    """Running; Stopped, which is final: nothing more is begun, what was begun is finished."""
    state_reason: Annotated[str, Field(max_length=256)] | None = None
    """Why the state is as it is, for people: at most 256 characters."""
    client_token: Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[ -~]+$")] | None = None
    """Names the request: a second operation of the set with the same token does nothing and ends as the first one does.
    At most 64 printable ASCII characters."""
    targets: DeploymentTargets | None = None
    """The regions × accounts. Without it all instances that the set has: not for CreateInstances and
    UpdateInstances."""
    overrides: Overrides | None = None
    """Values in place of the set's. Without it those that an instance was given before stay. For UpdateInstances, and
    for CreateInstances."""
    preferences: OperationPreferences = OperationPreferences()
    """Order, concurrency and tolerance."""
    retain_stacks: bool = False
    """DeleteInstances leaves what was deployed where it is."""
    ttl_seconds_after_finished: Seconds | None = None
    """The object is deleted this long after its end. Not for objects that are kept in Git, which would create it again.
    Unset: it is kept; one that Windlass or its command line made, as long as the set's historyLimit allows."""


class RegionProgress(Observed):
    """How far an operation is in one region."""

    region: Region
    """The region."""
    total: int
    """How many instances of it the operation is about."""
    tolerance: int
    """How many of them may fail."""
    concurrency: int
    """How many are worked at at once, at most."""
    succeeded: int = 0
    """How many are done."""
    failed: int = 0
    """How many failed."""
    cancelled: int = 0
    """How many were cancelled before they began."""
    running: int = 0
    """How many are being worked at."""


class StackSetOperationStatus(Observed):
    """How far the operation is."""

    observed_generation: int = 0
    """The generation of the spec that this status speaks of."""
    phase: Phase = Phase.PENDING
    """Pending: it waits for its turn; Running. It has ended in Successful, Failed (more failures than are borne, or it
    was refused) or Cancelled (stopped)."""
    message: Sentence = ""
    """The most useful sentence about the operation now."""
    position: int = 0
    """Its place in line among operations that were created in the same second."""
    prepared: bool = False
    """Whether all its instances are marked. The first are worked at before that, but none is removed."""
    refusal: Sentence = ""
    """Why it was given up while its instances were marked; what had begun is finished."""
    template: Annotated[str, Field(max_length=253)] = ""
    """The ConfigMap that holds the template as it was when the operation started."""
    variables: Annotated[str, Field(max_length=253)] = ""
    """The Secret that holds the set's variables as they were when the operation started."""
    overrides: Annotated[str, Field(max_length=253)] = ""
    """The Secret that holds the operation's overrides; empty where it gives none."""
    order: Annotated[tuple[Region, ...], Field(max_length=MAX_REGIONS)] = ()
    """The regions in the order in which they are gone through, with SEQUENTIAL."""
    regions: Annotated[tuple[RegionProgress, ...], Field(max_length=MAX_REGIONS)] = ()
    """How far it is in each region."""
    total: int = 0
    """How many instances it is about."""
    succeeded: int = 0
    """How many are done."""
    failed: int = 0
    """How many failed."""
    cancelled: int = 0
    """How many were cancelled before they began."""
    percentage: int = 0
    """The share of instances that are done, failed or cancelled: 0 to 100."""
    start_time: Time | None = None
    """When it started. One that has started is never started again."""
    completion_time: Time | None = None
    """When it ended."""
    conditions: Annotated[tuple[Condition, ...], Field(max_length=8)] = ()
    """Ready; Reconciling and Stalled only while they are True; Complete or Failed once it has ended."""


_ABOUT_OVERRIDES = "400: overrides are for UpdateInstances and CreateInstances"

KIND = Kind(
    kind="StackSetOperation",
    plural="stacksetoperations",
    short_names=("sop",),
    spec=StackSetOperationSpec,
    status=StackSetOperationStatus,
    description="One change of a StackSet's instances.",
    columns=(
        Column("StackSet", ".spec.stackSet"),
        Column("Action", ".spec.action"),
        Column("Phase", ".status.phase"),
        Column("Percentage", ".status.percentage", "integer", description="The share that is over"),
        Column("Succeeded", ".status.succeeded", "integer"),
        Column("Failed", ".status.failed", "integer"),
        Column("Total", ".status.total", "integer", description="Instances that it is about"),
        Column("Age", ".metadata.creationTimestamp", "date"),
        Column("Cancelled", ".status.cancelled", "integer", wide=True),
        Column("State", ".spec.state", wide=True, description="What is wanted of it"),
        Column("Message", ".status.message", wide=True),
    ),
    spec_rules=(
        *unchanging(StackSetOperationSpec, "start another operation", but=frozenset({"state", "state_reason"})),
        Rule(
            f"self.state == oldSelf.state || oldSelf.state != '{OperationState.STOPPED}'",
            "state Stopped is final: start another operation",
            field=".state",
        ),
        Rule(
            f"has(self.targets) || !(self.action in ['{Action.CREATE}', '{Action.UPDATE}'])",
            "'400: %s needs targets'.format([self.action])",
            expression=True,
            field=".targets",
        ),
        Rule(
            f"!has(self.overrides) || self.action in ['{Action.CREATE}', '{Action.UPDATE}']",
            _ABOUT_OVERRIDES,
            field=".overrides",
        ),
        Rule(
            f"!self.retainStacks || self.action == '{Action.DELETE}'",
            "400: retainStacks is for DeleteInstances alone",
            field=".retainStacks",
        ),
        Rule(
            "bytes(self.variables).size() <= 51200",
            "400: variables must have at most 51200 bytes: keep more in variablesFrom",
            field=".variables",
            at="overrides",
        ),
        Rule(
            "has(self.configMapRef) != has(self.secretRef)",
            "400: variablesFrom must have either configMapRef or secretRef",
            at="overrides.variablesFrom",
        ),
        *order_rules("preferences"),
        *target_rules("targets"),
        *preference_rules("preferences"),
    ),
)
