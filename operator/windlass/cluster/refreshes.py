"""InstanceRefreshes on the wire, read as decisions see them."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from pydantic import ValidationError

from windlass.api.common import APPROVED_ANNOTATION, MADE_BY_ANNOTATION
from windlass.api.instance_refresh import InstanceRefreshSpec, InstanceRefreshStatus
from windlass.cluster.errors import Invalid
from windlass.planner.rollout.refresh import Refresh
from windlass.planner.tasks import FINAL


def parse_refresh(body: Mapping[str, Any]) -> Refresh:
    """An InstanceRefresh as decisions read it.

    Invalid if it is none, which only a CRD of another version lets through: what cannot be read is not gone.
    """
    metadata = body["metadata"]
    annotations = metadata.get("annotations") or {}
    try:
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
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        problem = f"reading InstanceRefresh {metadata['name']}: {where}: {first['msg']}"
        raise Invalid(problem, code=422, reason="Invalid") from error


def parse_refreshes(bodies: Iterable[Mapping[str, Any]]) -> tuple[Refresh, ...]:
    """All of them; one that is over and cannot be read is left out."""
    found = []
    for body in bodies:
        try:
            found.append(parse_refresh(body))
        except Invalid:
            if (body.get("status") or {}).get("phase") not in FINAL:
                raise
    return tuple(found)


def _percentage(text: str) -> int:
    return int(text) if text.isdecimal() and len(text) < 4 else 0
