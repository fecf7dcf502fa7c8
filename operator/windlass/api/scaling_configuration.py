"""ScalingConfiguration: what a new instance looks like."""

from typing import Any

from pydantic import Field

from windlass.api.common import Column, Kind, Model


class ScalingConfigurationSpec(Model):
    """What a new instance looks like."""

    template: dict[str, Any] = Field(json_schema_extra={"x-kubernetes-preserve-unknown-fields": True})
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
