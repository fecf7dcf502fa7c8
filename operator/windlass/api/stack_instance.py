"""StackInstance: what a stack set has deployed to one region and account."""

from enum import StrEnum
from typing import Annotated

from pydantic import Field

from windlass.api.common import Column, Condition, Kind, Model, ObjectName, Observed, Rule, Sentence, Time
from windlass.api.stacks import Account, InstancePhase, Region

MAX_ERRORS = 10
Reference = Annotated[str, Field(max_length=253)]


class Work(StrEnum):
    """What is to be done to one instance."""

    DEPLOY = "Deploy"
    DELETE = "Delete"
    RETAIN = "Retain"
    DETECT_DRIFT = "DetectDrift"


class Drift(StrEnum):
    """Whether what was deployed is still so."""

    NOT_CHECKED = "NotChecked"
    IN_SYNC = "InSync"
    DRIFTED = "Drifted"


class StackInstanceSpec(Model):
    """Which instance this is, and what its last operation does to it. Operations write it."""

    stack_set: ObjectName
    """The StackSet."""
    region: Region
    """The region."""
    account: Account
    """The account."""
    operation: Reference = ""
    """The operation that it is, or was last, part of."""
    operation_uid: Annotated[str, Field(alias="operationUID", max_length=64)] = ""
    """The uid of that operation."""
    work: Work = Work.DEPLOY
    """What that operation does: Deploy; Delete; Retain, which leaves what was deployed; DetectDrift."""
    template: Reference = ""
    """The ConfigMap that holds the template to be deployed."""
    variables: Reference = ""
    """The Secret that holds the set's variables to be deployed with."""
    overrides: Reference = ""
    """The Secret that holds this instance's own values; empty where it has none."""
    timeout_minutes: Annotated[int, Field(ge=1, le=1440)] = 30
    """How long what was deployed may take to be ready."""


class Deployed(Observed):
    """What was deployed last and came to be ready: where a failed deployment goes back to."""

    template: Reference = ""
    """The ConfigMap that holds its template."""
    variables: Reference = ""
    """The Secret that holds the set's variables then."""
    overrides: Reference = ""
    """The Secret that holds the instance's own values then; empty where it had none."""


class ObjectError(Observed):
    """What went wrong with one object."""

    object: Annotated[str, Field(max_length=512)]
    """The object: `Deployment default/web`; empty: the instance as a whole."""
    message: Sentence
    """What went wrong."""


class DriftedObject(Observed):
    """An object that is not as it was deployed."""

    object: Annotated[str, Field(max_length=512)]
    """The object: `Deployment default/web`."""
    fields: Annotated[tuple[Annotated[str, Field(max_length=256)], ...], Field(max_length=20)] = ()
    """The fields that differ; none where the whole object is missing."""


class StackInstanceStatus(Observed):
    """How the instance stands."""

    observed_generation: int = 0
    """The generation of the spec that this status speaks of."""
    phase: InstancePhase = InstancePhase.WAITING
    """WAIT_IN_PROGRESS, OPERATION_IN_PROGRESS, then OPERATION_COMPLETE, OPERATION_FAILED or CANCEL_COMPLETE;
    INOPERABLE: what was deployed could not be deleted."""
    message: Sentence = ""
    """The most useful sentence about the instance now."""
    operation_uid: Annotated[str, Field(alias="operationUID", max_length=64)] = ""
    """The uid of the operation that phase speaks of."""
    deployed: Deployed | None = None
    """What the target holds, as far as it came to be ready."""
    rolled_back: bool = False
    """Whether a failed deployment went back to what was deployed before."""
    drift: Drift = Drift.NOT_CHECKED
    """NotChecked; InSync; Drifted: what is in the target differs from what was deployed."""
    drifted: Annotated[tuple[DriftedObject, ...], Field(max_length=MAX_ERRORS)] = ()
    """The first ten objects that differ."""
    errors: Annotated[tuple[ObjectError, ...], Field(max_length=MAX_ERRORS)] = ()
    """The first ten things that went wrong."""
    error_count: int = 0
    """How many things went wrong."""
    objects: int = 0
    """How many objects the target holds of it."""
    cluster_uid: Annotated[str, Field(alias="clusterUID", max_length=64)] = ""
    """The cluster that it was deployed to."""
    start_time: Time | None = None
    """When its last operation began with it."""
    completion_time: Time | None = None
    """When its last operation was done with it."""
    conditions: Annotated[tuple[Condition, ...], Field(max_length=8)] = ()
    """Ready; Reconciling and Stalled only while they are True."""


KIND = Kind(
    kind="StackInstance",
    plural="stackinstances",
    short_names=("sinst",),
    spec=StackInstanceSpec,
    status=StackInstanceStatus,
    description="What a StackSet has deployed to one region and account. Made by operations.",
    columns=(
        Column("StackSet", ".spec.stackSet"),
        Column("Region", ".spec.region"),
        Column("Account", ".spec.account"),
        Column("Phase", ".status.phase"),
        Column("Drift", ".status.drift"),
        Column("Ready", '.status.conditions[?(@.type=="Ready")].status', description="Whether it is as asked"),
        Column("Age", ".metadata.creationTimestamp", "date"),
        Column("Operation", ".spec.operation", wide=True),
        Column("Objects", ".status.objects", "integer", wide=True),
        Column("Message", ".status.message", wide=True),
    ),
    spec_rules=tuple(
        Rule(f"self.{name} == oldSelf.{name}", f"{name} cannot be changed", field=f".{name}")
        for name in ("stackSet", "region", "account")
    ),
)
