"""What all kinds share: the base model, bounded field types, times, conditions."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, PlainSerializer
from pydantic.alias_generators import to_camel

GROUP = "windlass.dev"
VERSION = "v1alpha1"
API_VERSION = f"{GROUP}/{VERSION}"

GROUP_LABEL = f"{GROUP}/group"
REVISION_LABEL = f"{GROUP}/revision"
ZONE_LABEL = f"{GROUP}/zone"
MANAGED_BY_LABEL = "app.kubernetes.io/managed-by"
ORDINAL_ANNOTATION = f"{GROUP}/ordinal"
LEASE_NAME = "windlass-operator"  # whose holder leads
TROUBLE_ANNOTATION = f"{GROUP}/trouble"  # on the Lease: why its holder does not hear of changes
PROTECT_ANNOTATION = f"{GROUP}/protect"
APPROVED_ANNOTATION = f"{GROUP}/approved-checkpoint"  # of a refresh: it does not pause there, nor before
MADE_BY_ANNOTATION = f"{GROUP}/made-by"  # of a task: the command line, so that a history limit may delete it
UPDATE_ANNOTATION = f"{GROUP}/rolling-update"  # of an instance: what was begun on it, and how that ended, as JSON
UPDATE_LABEL = f"{GROUP}/rolling-update"  # of a ConfigMap with results: the name of the RollingUpdate
WITHDRAWN_ANNOTATION = f"{GROUP}/removal-withdrawn"
TAG_PREFIX = f"tag.{GROUP}/"
DELETION_COST_ANNOTATION = "controller.kubernetes.io/pod-deletion-cost"
NODE_ZONE_LABEL = "topology.kubernetes.io/zone"

MAX_SECONDS = 86_400  # spec/scaling-group.md: cooldown and grace period, 0…86 400 s; ours for every …Seconds field


class Model(BaseModel):
    """A part of a resource: immutable, camelCase on the wire, no unknown fields."""

    model_config = ConfigDict(
        alias_generator=to_camel,
        populate_by_name=True,
        frozen=True,
        extra="forbid",
        use_attribute_docstrings=True,
    )


class Observed(Model):
    """A part of a status. What a newer operator wrote there and this one does not know is dropped, not refused."""

    model_config = ConfigDict(extra="ignore")


def rfc3339(time: datetime) -> str:
    """The API's form of a time: UTC, whole seconds (rounded down), `Z`."""
    return time.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


Time = Annotated[datetime, PlainSerializer(rfc3339, return_type=str, when_used="json")]
"""A moment, kept to the second as all of Kubernetes' times are."""

Seconds = Annotated[int, Field(ge=0, le=MAX_SECONDS)]
Sentence = Annotated[str, Field(max_length=1024)]
ObjectName = Annotated[str, Field(min_length=1, max_length=253, pattern=r"^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$")]


class Condition(Observed):
    """One condition of an object, as Kubernetes' own kinds have them."""

    type: Annotated[str, Field(max_length=64)]
    """What is said to be so: Ready, Reconciling, Stalled; of a task also Complete or Failed, once it has ended."""
    status: Literal["True", "False", "Unknown"]
    """Whether it is."""
    reason: Annotated[str, Field(max_length=128)]
    """One CamelCase word for machines."""
    message: Sentence = ""
    """One sentence for people."""
    last_transition_time: Time
    """When `status` last changed."""
    observed_generation: int = 0
    """The generation of the spec that this was said about."""


@dataclass(frozen=True, slots=True)
class Column:
    """One column of `kubectl get`; `wide` ones show with `-o wide` alone."""

    name: str
    path: str
    type: Literal["integer", "string", "date"] = "string"
    wide: bool = False
    description: str = ""


@dataclass(frozen=True, slots=True)
class Rule:
    """One CEL rule of a CRD: what must hold, and the sentence that refuses what does not.

    `message` may be a CEL expression (`expression=True`) so that it can name the values. `field` is the path below
    the place that the rule stands at, to which the refusal points. A rule stands at the object or its spec, or at the
    path `at` below it (`versions[]`: at each item).
    """

    rule: str
    message: str
    expression: bool = False
    field: str | None = None
    optional_old_self: bool = False
    at: str = ""


# https://kubernetes.io/docs/reference/using-api/cel/#escaping; its words that may be the name of a field.
CEL_WORDS = frozenset({"as", "const", "continue", "for", "function", "if", "import", "in", "namespace", "package"})


@dataclass(frozen=True, slots=True)
class Kind:
    """All of a CRD that is not a field: names, columns, cross-field rules."""

    kind: str
    plural: str
    short_names: tuple[str, ...]
    spec: type[Model]
    status: type[Model] | None
    description: str
    columns: tuple[Column, ...]
    rules: tuple[Rule, ...] = ()
    """Rules on the whole object (it may read `self.metadata.name`)."""
    spec_rules: tuple[Rule, ...] = ()
    scale: Mapping[str, str] | None = None

    @property
    def singular(self) -> str:
        """The lower-case name of one."""
        return self.kind.lower()


def unchanging(spec: type[Model], instead: str, *, but: frozenset[str]) -> tuple[Rule, ...]:
    """A rule for each field of a spec but those named (as in Python), which refuses its change and says what to do
    `instead`."""
    names = [str(field.alias) for name, field in spec.model_fields.items() if name not in but]
    return tuple(
        Rule(
            f"has(self.{cel}) == has(oldSelf.{cel}) && (!has(self.{cel}) || self.{cel} == oldSelf.{cel})",
            f"{name} cannot be changed: {instead}",
            field=f".{name}",
        )
        for name, cel in ((name, in_cel(name)) for name in names)
    )


def in_cel(field: str) -> str:
    """The field's name as a rule has to write it: CEL has words of its own, which Kubernetes escapes."""
    return f"__{field}__" if field in CEL_WORDS else field


def owner_reference(kind: str, name: str, uid: str) -> dict[str, Any]:
    """What makes an object of ours the controller of another one; foreground deletion waits for that one."""
    return {
        "apiVersion": API_VERSION,
        "kind": kind,
        "name": name,
        "uid": uid,
        "controller": True,
        "blockOwnerDeletion": True,
    }


def to_wire(model: Model) -> dict[str, Any]:
    """The model as it stands in a manifest: camelCase keys, nothing where there is nothing."""
    return model.model_dump(mode="json", by_alias=True, exclude_none=True)
