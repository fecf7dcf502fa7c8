"""What would become of the groups that are made from a launch template."""

from collections.abc import Sequence
from typing import Any

from windlass.cli.failures import CannotError
from windlass.cli.manifests import Document, Proposed
from windlass.cli.reading import Body, read_object
from windlass.cli.subjects.group.plan import plan_proposed
from windlass.cli.subjects.launch_template import TEMPLATE
from windlass.cli.subjects.launch_template.picture import stands
from windlass.cli.told import Outlook
from windlass.cluster.client import Client
from windlass.cluster.errors import Invalid, Refused, RefusedBy
from windlass.cluster.resources import LAUNCH_TEMPLATES


async def plan_template(client: Client, namespace: str, name: str, wanted: Body) -> Outlook:
    """What would become of them with these fields of its spec set otherwise."""
    body = await read_object(client, TEMPLATE, namespace, name)
    note = await _ask(client, namespace, name, wanted) if wanted else None
    spec = {**body["spec"], **wanted}
    proposed = Proposed(Document(TEMPLATE.kind, namespace, name, spec, "the command line"), body, spec)
    return _together({**body, "spec": spec}, await plan_proposed(client, [proposed]), note)


async def _ask(client: Client, namespace: str, name: str, wanted: Body) -> str | None:
    """Let the API server refuse the change; a note where it may not be asked."""
    try:
        await client.merge_patch(LAUNCH_TEMPLATES, namespace, name, {"spec": dict(wanted)}, dry_run=True)
    except Invalid as error:
        raise CannotError(str(error)) from error
    except Refused as error:
        if error.by is not RefusedBy.PERMISSIONS:
            raise
        return f"the change was not checked by the API server: {error.detail}"
    return None


def _together(body: Body, groups: Sequence[Outlook], note: str | None) -> Outlook:
    """The outlooks of its groups, below what the words of the template mean then."""
    metadata, meant = body["metadata"], stands(body)

    def values() -> dict[str, Any]:
        return {
            "namespace": metadata["namespace"],
            "name": metadata["name"],
            "default": meant.default_version,
            "latest": meant.latest_version,
            "notes": [note] if note else [],
            "groups": [each.values() for each in groups],
        }

    def lines() -> list[str]:
        said = [f"note: {note}"] if note else []
        said.append(f"{TEMPLATE.kind} {metadata['namespace']}/{metadata['name']}: {meant.message}")
        for each in groups:
            said += ["", *each.lines()]
        return said if groups else [*said, "  no group asks for it: nothing would be done"]

    return Outlook(
        values=values,
        lines=lines,
        acts=any(each.acts for each in groups),
        settled=all(each.settled for each in groups),
        refused=any(each.refused for each in groups),
        assumption=next((each.assumption for each in groups if each.assumption), None),
    )
