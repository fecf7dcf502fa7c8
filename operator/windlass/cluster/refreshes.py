"""InstanceRefreshes on the wire, read as decisions see them."""

from collections.abc import Iterable
from datetime import datetime

from windlass.api.common import APPROVED_ANNOTATION, MADE_BY_ANNOTATION
from windlass.api.instance_refresh import KIND, InstanceRefreshSpec, InstanceRefreshStatus
from windlass.cluster.parsing import Body, parsed, tasks_parsed
from windlass.planner.rollout.refresh import Refresh


def parse_refresh(body: Body) -> Refresh:
    """An InstanceRefresh as decisions read it.

    Invalid if it is none, which only a CRD of another version lets through: what cannot be read is not gone.
    """
    metadata = body["metadata"]
    annotations = metadata.get("annotations") or {}
    return Refresh(
        name=metadata["name"],
        uid=metadata["uid"],
        generation=metadata["generation"],
        created_at=datetime.fromisoformat(metadata["creationTimestamp"]),
        spec=parsed(KIND.kind, body, InstanceRefreshSpec, "spec"),
        status=parsed(KIND.kind, body, InstanceRefreshStatus, "status"),
        approved=_percentage(annotations.get(APPROVED_ANNOTATION, "")),
        counted=MADE_BY_ANNOTATION in annotations,
        removing="deletionTimestamp" in metadata,
    )


def parse_refreshes(bodies: Iterable[Body]) -> tuple[Refresh, ...]:
    """All of them; one that is over and cannot be read is left out."""
    return tasks_parsed(bodies, parse_refresh)


def _percentage(text: str) -> int:
    return int(text) if text.isdecimal() and len(text) < 4 else 0
