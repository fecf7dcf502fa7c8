"""RollingUpdates on the wire, read as decisions see them."""

from collections.abc import Iterable
from datetime import datetime

from windlass.api.common import MADE_BY_ANNOTATION
from windlass.api.rolling_update import KIND, RollingUpdateSpec, RollingUpdateStatus
from windlass.cluster.parsing import Body, parsed, tasks_parsed
from windlass.planner.rolling_update.update import Update


def parse_update(body: Body) -> Update:
    """A RollingUpdate as decisions read it.

    Invalid if it is none, which only a CRD of another version lets through: what cannot be read is not gone.
    """
    metadata = body["metadata"]
    return Update(
        name=metadata["name"],
        uid=metadata["uid"],
        generation=metadata["generation"],
        created_at=datetime.fromisoformat(metadata["creationTimestamp"]),
        spec=parsed(KIND.kind, body, RollingUpdateSpec, "spec"),
        status=parsed(KIND.kind, body, RollingUpdateStatus, "status"),
        counted=MADE_BY_ANNOTATION in (metadata.get("annotations") or {}),
        removing="deletionTimestamp" in metadata,
    )


def parse_updates(bodies: Iterable[Body]) -> tuple[Update, ...]:
    """All of them; one that is over and cannot be read is left out."""
    return tasks_parsed(bodies, parse_update)
