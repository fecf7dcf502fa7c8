"""What the API server says of an instance made from a configuration, for people."""

from windlass.cluster.client import Client
from windlass.cluster.errors import RefusedBy
from windlass.cluster.trial import try_template
from windlass.planner.capacity.view import GroupView


async def template_trouble(client: Client, view: GroupView) -> tuple[str | None, str | None]:
    """Why the API server would never take an instance made from the view's configuration; and a note.

    The note says why instances would be refused for now, or why nobody could be asked.
    """
    template = (view.configuration or {})["template"]
    said = await try_template(client, view, template, f"{view.name}-0", owner="")  # the group may not exist yet
    if said is None or isinstance(said, str):
        return said, None
    if said.by is RefusedBy.PERMISSIONS:
        return None, f"whether the API server takes such an instance was not tried: {said.detail}"
    return None, f"the API server would refuse instances now, and the plan is as if it would not: {said.detail}"
