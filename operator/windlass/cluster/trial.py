"""Whether an API server would take an instance made from a template: its own dry run of the Pod."""

from collections.abc import Mapping
from typing import Any

from windlass.cluster.altered import Altered, Made, altered
from windlass.cluster.client import Client
from windlass.cluster.errors import AlreadyExists, Invalid, Refused
from windlass.cluster.pods import TemplateError, check_template, pod_maker
from windlass.cluster.resources import PODS
from windlass.planner.capacity.view import GroupView


async def try_template(
    client: Client, view: GroupView, template: Mapping[str, Any], revision: str, *, owner: str
) -> str | Altered | Refused | None:
    """Why it would never take the group's next instance, a sentence, or would not now; None where it would.

    Altered where it would take one that the group could not see.

    `owner`: the group's uid; empty where the group may not exist yet. ApiError where it cannot be asked.
    """
    ordinal = view.status.next_ordinal
    name = f"{view.name}-{ordinal}"
    try:
        check_template(template)
        maker = pod_maker(
            group=view.name,
            group_uid=owner,
            revision=revision,
            template=template,
            zone=view.spec.zones[0] if view.spec.zones else None,
            tags=view.spec.tags,
        )
        body = maker.make(name, ordinal)
        answer = await client.create(PODS, view.namespace, body, dry_run=True, strict=True, into=Made)
    except TemplateError as error:
        return str(error)
    except Invalid as error:
        return error.detail
    except Refused as error:
        return error
    except AlreadyExists:
        return None
    return altered(name, maker.marks, answer)
