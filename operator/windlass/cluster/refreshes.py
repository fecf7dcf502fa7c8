"""InstanceRefreshes on the wire, read as decisions see them."""

from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime
from typing import Any

from pydantic import ValidationError

from windlass.api.common import APPROVED_ANNOTATION, MADE_BY_ANNOTATION
from windlass.api.instance_refresh import InstanceRefreshSpec, InstanceRefreshStatus
from windlass.planner.rollout.refresh import Refresh


def read_refresh(body: Mapping[str, Any]) -> Refresh | None:
    """An InstanceRefresh as decisions read it; None where it is none: only a CRD of another version lets it through."""
    metadata = body["metadata"]
    annotations = metadata.get("annotations") or {}
    with suppress(ValidationError):
        return Refresh(
            name=metadata["name"],
            uid=metadata["uid"],
            generation=metadata["generation"],
            created_at=datetime.fromisoformat(metadata["creationTimestamp"]),
            spec=InstanceRefreshSpec.model_validate(body["spec"]),
            status=InstanceRefreshStatus.model_validate(body.get("status") or {}),
            approved=_percentage(annotations.get(APPROVED_ANNOTATION, "")),
            counted=MADE_BY_ANNOTATION in annotations,
            removing="deletionTimestamp" in metadata,
        )
    return None


def _percentage(text: str) -> int:
    return int(text) if text.isdecimal() and len(text) < 4 else 0
