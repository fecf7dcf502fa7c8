"""LaunchTemplate: what a new instance looks like, in numbered versions that do not change."""

from typing import Annotated

from pydantic import Field

from windlass.api.common import Column, Condition, Kind, Model, ObjectName, Observed, Rule, Sentence
from windlass.api.scaling_configuration import ScalingConfigurationSpec

MAX_VERSIONS = 100  # kept at a time; deliberately fewer than the source's, because all of them are one object
MAX_VERSION_DIGITS = 9
MAX_VERSION_NUMBER = 10**MAX_VERSION_DIGITS - 1
LATEST = "Latest"
DEFAULT = "Default"


class LaunchTemplateReference(Model):
    """One version of a LaunchTemplate."""

    name: ObjectName
    """Name of a LaunchTemplate in the same namespace."""
    version: Annotated[str, Field(max_length=MAX_VERSION_DIGITS, pattern=rf"^({DEFAULT}|{LATEST}|[1-9][0-9]*)$")] = (
        DEFAULT
    )
    """The number of a version, in quotes; or Default, the one that the template has as its default; or Latest, the
    highest."""


class LaunchTemplateVersion(ScalingConfigurationSpec):
    """What a new instance looks like, under a number. Cannot be changed."""

    version: Annotated[int, Field(ge=1, le=MAX_VERSION_NUMBER)]
    """The number, unique in the template: 1 to 999999999."""
    description: Annotated[str, Field(min_length=1, max_length=256)] | None = None
    """What is special about this version: 1 to 256 characters."""


class LaunchTemplateSpec(Model):
    """The versions that there are, and the one that is meant by Default."""

    default_version: Annotated[str, Field(max_length=MAX_VERSION_DIGITS, pattern=rf"^({LATEST}|[1-9][0-9]*)$")] = LATEST
    """What Default stands for where a version of this template is asked for: the number of a version, in quotes, or
    Latest, which is the highest number that there is."""
    versions: Annotated[
        tuple[LaunchTemplateVersion, ...],
        Field(
            min_length=1,
            max_length=MAX_VERSIONS,
            json_schema_extra={"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["version"]},
        ),
    ]
    """The versions: 1 to 100, each number once. One can be added and removed, but not changed."""


class LaunchTemplateStatus(Observed):
    """What the words Default and Latest stand for now."""

    observed_generation: int = 0
    """The generation of the spec that this status speaks of."""
    phase: Annotated[str, Field(max_length=32)] = ""
    """Ready; Stalled: what is meant by Default is not there."""
    message: Sentence = ""
    """What the words stand for, in one sentence."""
    default_version: int | None = None
    """The number of the version that Default stands for."""
    latest_version: int | None = None
    """The highest number of a version."""
    conditions: Annotated[tuple[Condition, ...], Field(max_length=8)] = ()
    """Ready; Reconciling and Stalled only while they are True."""


KIND = Kind(
    kind="LaunchTemplate",
    plural="launchtemplates",
    short_names=("lt",),
    spec=LaunchTemplateSpec,
    status=LaunchTemplateStatus,
    description="What a new instance of a ScalingGroup looks like, in numbered versions that do not change.",
    columns=(
        Column("Default", ".status.defaultVersion", "integer", description="The version that Default stands for"),
        Column("Latest", ".status.latestVersion", "integer", description="The highest version"),
        Column("Ready", '.status.conditions[?(@.type=="Ready")].status', description="Whether the status is current"),
        Column("Age", ".metadata.creationTimestamp", "date"),
        Column("Wanted", ".spec.defaultVersion", wide=True, description="What is asked for as the default"),
        Column("Versions", ".spec.versions[*].version", wide=True, description="The versions that there are"),
    ),
    spec_rules=(
        Rule(
            f"self.defaultVersion == '{LATEST}' || self.versions.exists(v, string(v.version) == self.defaultVersion)",
            "'defaultVersion %s is none of the versions'.format([self.defaultVersion])",
            expression=True,
            field=".defaultVersion",
        ),
        Rule(
            "self == oldSelf",
            "'version %d cannot be changed: add a version with another number'.format([self.version])",
            expression=True,
            at="versions[]",
        ),
    ),
)
