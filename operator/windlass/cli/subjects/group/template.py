"""What the API server says of an instance made from a configuration, for people."""

from dataclasses import dataclass

from windlass.cluster.client import Client
from windlass.cluster.errors import RefusedBy
from windlass.cluster.trial import try_template
from windlass.planner.capacity.source import Data, own_data
from windlass.planner.capacity.view import GroupView


@dataclass(frozen=True, slots=True)
class Tried:
    """What came of the trial. `never`: why no such instance is ever taken. `now`: why none is for now.

    `note`: why nobody could be asked.
    """

    never: str | None = None
    now: str | None = None
    note: str | None = None


async def tried(client: Client, view: GroupView, data: Data | None = None) -> Tried:
    """Ask the API server for an instance made from this data of a revision, or else the group's own; none is made."""
    template = (data or own_data(view) or {})["configuration"]["template"]
    said = await try_template(client, view, template, f"{view.name}-0", owner="")  # the group may not exist yet
    if said is None or isinstance(said, str):
        return Tried(never=said)
    if said.by is RefusedBy.PERMISSIONS:
        return Tried(note=f"whether the API server takes such an instance was not tried: {said.detail}")
    return Tried(now=said.detail)
