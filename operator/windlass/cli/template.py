"""Whether the API server would take an instance of a configuration: its own dry run of the Pod."""

from typing import Any

import msgspec

from windlass.cluster.client import Client
from windlass.cluster.errors import AlreadyExists, Invalid, Refusal, Refused
from windlass.cluster.pods import TemplateError, check_template, pod_maker
from windlass.cluster.resources import PODS
from windlass.planner.capacity.view import GroupView


async def template_trouble(client: Client, view: GroupView) -> tuple[str | None, str | None]:
    """Why the API server would never take an instance made from the view's configuration; and a note.

    The note says why instances would be refused for now, or why nobody could be asked.
    """
    try:
        check_template((view.configuration or {})["template"])
        await client.create(PODS, view.namespace, _pod(view), dry_run=True, strict=True)
    except TemplateError as error:
        return str(error), None
    except AlreadyExists:
        return None, None
    except Invalid as error:
        return error.detail, None
    except Refused as error:
        if error.by is Refusal.PERMISSIONS:
            return None, f"whether the API server takes such an instance was not tried: {error.detail}"
        return None, f"the API server would refuse instances now: {error.detail}"
    return None, None


def _pod(view: GroupView) -> dict[str, Any]:
    configuration = view.configuration or {}
    maker = pod_maker(
        group=view.name,
        group_uid="",
        revision=f"{view.name}-0",
        template=configuration["template"],
        zone=view.spec.zones[0] if view.spec.zones else None,
        tags=view.spec.tags,
    )
    ordinal = view.status.next_ordinal
    pod: dict[str, Any] = msgspec.json.decode(maker.make(f"{view.name}-{ordinal}", ordinal))
    del pod["metadata"]["ownerReferences"]  # the group may not exist yet
    return pod
