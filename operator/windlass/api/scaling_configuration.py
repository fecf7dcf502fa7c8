"""ScalingConfiguration: what a new instance looks like."""

from typing import Any

from pydantic import Field

from windlass.api.common import Column, Kind, Model

OPEN: dict[str, Any] = {"x-kubernetes-preserve-unknown-fields": True}


class PodTemplate(Model):
    """A PodTemplateSpec. What its two parts hold is open here, and checked by the API server where a Pod is made."""

    metadata: dict[str, Any] | None = Field(default=None, json_schema_extra=OPEN)
    """Labels and annotations of the Pods, and nothing else."""
    spec: dict[str, Any] = Field(json_schema_extra=OPEN)
    """The PodSpec."""


class ScalingConfigurationSpec(Model):
    """What a new instance looks like."""

    template: PodTemplate
    """A PodTemplateSpec: metadata (labels, annotations) and spec. Checked by the API server's own dry run of the
    Pod that it makes; a group whose template is refused is Stalled with the API server's words."""


KIND = Kind(
    kind="ScalingConfiguration",
    plural="scalingconfigurations",
    short_names=("scfg",),
    spec=ScalingConfigurationSpec,
    status=None,
    description="What a new instance of a ScalingGroup looks like.",
    columns=(
        Column("Images", ".spec.template.spec.containers[*].image", description="The containers' images"),
        Column("Age", ".metadata.creationTimestamp", "date"),
    ),
)
