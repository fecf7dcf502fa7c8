"""StackSet: one template with variables, deployed to regions × accounts."""

from typing import Annotated, Literal

from pydantic import Field

from windlass.api.common import Column, Condition, Kind, Model, ObjectName, Observed, Rule, Sentence
from windlass.api.stacks import (
    MAX_INLINE_BYTES,
    MAX_REGIONS,
    MAX_UNITS,
    MAX_VARIABLES,
    SET,
    CallIdentity,
    DeploymentTargets,
    FileReference,
    OperationPreferences,
    PermissionModel,
    Region,
    Unit,
    VariableName,
    VariablesFile,
    order_rules,
    preference_rules,
    target_rules,
)

# Marks belong to letters: the scripts of India and Thailand write vowels with them.
DisplayName = Annotated[str, Field(min_length=1, max_length=128, pattern=r"^\p{L}[-_\p{L}\p{M}\p{Nd}]*$")]


class StackTemplate(Model):
    """The manifests that are deployed, with `${name}` where a variable's value comes in: exactly one source."""

    manifests: Annotated[str, Field(min_length=1, max_length=MAX_INLINE_BYTES)] | None = None
    """YAML documents: at most 51,200 bytes."""
    config_map_ref: FileReference | None = None
    """A key of a ConfigMap in the same namespace that holds them: at most 1 MiB."""


class StackSetSpec(Model):
    """What is deployed, with which variables, and who says where."""

    display_name: DisplayName | None = None
    """A name for people, of letters of any script, digits, `_` and `-`, the first of them a letter: 1 to 128."""
    template: StackTemplate
    """What is deployed."""
    variables: Annotated[str, Field(max_length=MAX_INLINE_BYTES)] = ""
    """The variables' values as in a tfvars file, `name = value` on each line: strings, numbers, booleans, null, lists,
    maps. At most 51,200 bytes."""
    variables_from: VariablesFile | None = None
    """A file with more of them: at most 1 MiB. A name may stand in one of both alone."""
    sensitive_variables: Annotated[
        tuple[VariableName, ...], Field(max_length=MAX_VARIABLES, json_schema_extra=SET)
    ] = ()
    """Names of variables whose values are never shown: not in a status, an event, a log or a plan."""
    permission_model: PermissionModel = PermissionModel.SELF_MANAGED
    """SELF_MANAGED: operations name accounts; SERVICE_MANAGED: they name organisational units. Cannot be changed."""
    call_identity: CallIdentity = CallIdentity.SELF
    """SELF; DELEGATED_ADMIN for SERVICE_MANAGED alone. It says on whose behalf people keep the set, and gives no
    rights: those are what RBAC allows in its namespace."""
    targets: DeploymentTargets | None = None
    """Where it is deployed, declared; needs autoDeploy. Without it, operations create and delete the instances."""
    auto_deploy: bool = False
    """Whether a change of template, variables or targets, or an account that comes into a unit, starts an operation."""
    operation_preferences: OperationPreferences = OperationPreferences()
    """Of the operations that the set starts by itself."""
    timeout_minutes: Annotated[int, Field(ge=1, le=1440)] = 30
    """How long what was deployed to one target may take to be ready: 1 to 1440 minutes."""
    depends_on: Annotated[tuple[ObjectName, ...], Field(max_length=20, json_schema_extra=SET)] = ()
    """StackSets in the same namespace whose last operation must have succeeded before one of this set begins."""
    deletion_policy: Literal["Delete", "Retain"] = "Delete"
    """What becomes of what was deployed when the set is deleted."""
    history_limit: Annotated[int, Field(ge=1, le=100)] = 20
    """How many operations that are over, and that Windlass or its command line made, are kept."""


class StackSetStatus(Observed):
    """How the set's instances stand."""

    observed_generation: int = 0
    """The generation of the spec that this status speaks of."""
    phase: Annotated[str, Field(max_length=32)] = ""
    """Ready; Operating: an operation runs; Degraded: instances failed, were cancelled or have drifted; Stalled: the
    spec must be changed; Deleting."""
    message: Sentence = ""
    """The most useful sentence about the set now."""
    instances: int = 0
    """How many stack instances there are."""
    current: int = 0
    """How many of them hold the set's template and variables as they are now."""
    failed: int = 0
    """How many failed in their last operation, or cannot be deleted."""
    cancelled: int = 0
    """How many were cancelled in their last operation."""
    drifted: int = 0
    """How many were found to differ from what was deployed."""
    variables: Annotated[tuple[VariableName, ...], Field(max_length=MAX_VARIABLES)] = ()
    """The names of the variables that the set records."""
    regions: Annotated[tuple[Region, ...], Field(max_length=MAX_REGIONS)] = ()
    """The regions that the set manages."""
    organizational_units: Annotated[tuple[Unit, ...], Field(max_length=MAX_UNITS)] = ()
    """The organisational units that the set manages."""
    operation: Annotated[str, Field(max_length=253)] = ""
    """The operation that runs, or the last one."""
    wanted: Annotated[str, Field(max_length=64)] = ""
    """Tells what the set wants from what it wanted before: a SHA-256 of its template, variables and places."""
    wanted_since: int = 1
    """The number from which on operations that the set started by itself were for that. Each is started once."""
    next_operation: int = 1
    """The number of the next operation that the set starts by itself."""
    conditions: Annotated[tuple[Condition, ...], Field(max_length=8)] = ()
    """Ready; Reconciling and Stalled only while they are True."""


KIND = Kind(
    kind="StackSet",
    plural="stacksets",
    short_names=("sset",),
    spec=StackSetSpec,
    status=StackSetStatus,
    description="One template with variables, deployed to regions × accounts.",
    columns=(
        Column("Instances", ".status.instances", "integer", description="Stack instances"),
        Column("Current", ".status.current", "integer", description="Those that hold what the set says now"),
        Column("Failed", ".status.failed", "integer", description="Those that failed in their last operation"),
        Column("Operation", ".status.operation", description="The operation that runs, or the last one"),
        Column("Phase", ".status.phase"),
        Column("Ready", '.status.conditions[?(@.type=="Ready")].status', description="Whether it is as asked"),
        Column("Age", ".metadata.creationTimestamp", "date"),
        Column("Cancelled", ".status.cancelled", "integer", wide=True),
        Column("Drifted", ".status.drifted", "integer", wide=True),
        Column("Message", ".status.message", wide=True),
    ),
    rules=(
        Rule(
            "self.metadata.name.size() <= 63",
            "metadata.name must have at most 63 characters: it is the value of a label",
        ),
        Rule(
            "!has(self.spec.dependsOn) || !(self.metadata.name in self.spec.dependsOn)",
            "spec.dependsOn names the set itself: it would wait for ever",
            field=".spec.dependsOn",
        ),
    ),
    spec_rules=(
        Rule(
            "has(self.manifests) != has(self.configMapRef)",
            "400: template must have either manifests or configMapRef",
            at="template",
        ),
        Rule(
            "!has(self.manifests) || bytes(self.manifests).size() <= 51200",
            "400: manifests must have at most 51200 bytes: keep larger ones in a ConfigMap",
            field=".manifests",
            at="template",
        ),
        Rule(
            "bytes(self.variables).size() <= 51200",
            "400: variables must have at most 51200 bytes: keep more in variablesFrom",
            field=".variables",
        ),
        Rule(
            "has(self.configMapRef) != has(self.secretRef)",
            "400: variablesFrom must have either configMapRef or secretRef",
            at="variablesFrom",
        ),
        Rule(
            "self.permissionModel == oldSelf.permissionModel",
            "400: permissionModel cannot be changed: create another StackSet",
            field=".permissionModel",
        ),
        Rule(
            "self.callIdentity == 'SELF' || self.permissionModel == 'SERVICE_MANAGED'",
            "400: callIdentity DELEGATED_ADMIN is for SERVICE_MANAGED sets alone",
            field=".callIdentity",
        ),
        Rule(
            "!has(self.targets) || "
            "(self.targets.organizationalUnits.size() > 0) == (self.permissionModel == 'SERVICE_MANAGED')",
            "400: targets must have organizationalUnits where permissionModel is SERVICE_MANAGED, and nowhere else",
            field=".targets",
        ),
        Rule(
            "!has(self.targets) || self.autoDeploy",
            "targets need autoDeploy: without it nothing would follow them; leave targets out and start operations",
            field=".autoDeploy",
        ),
        Rule(
            "has(self.targets) == has(oldSelf.targets)",
            "targets cannot be added or taken away: who owns the membership of a set stays the same",
            field=".targets",
        ),
        *order_rules("operationPreferences"),
        *target_rules("targets"),
        *preference_rules("operationPreferences"),
    ),
)
