"""What people want of a refresh that is under way: its state, and that it goes on from a checkpoint."""

from dataclasses import dataclass
from typing import Any

from windlass.api.common import APPROVED_ANNOTATION
from windlass.api.task import Phase, Wanted
from windlass.cli.failures import CannotError
from windlass.cli.reading import read_object
from windlass.cli.subjects.group.scale import FIELD_MANAGER
from windlass.cli.subjects.refresh import REFRESH
from windlass.cli.subjects.refresh.picture import Picture, take_picture
from windlass.cluster.client import Client
from windlass.cluster.errors import Gone
from windlass.cluster.resources import INSTANCE_REFRESHES, SCALING_GROUPS
from windlass.controllers.scaling_group.written import parse_spec
from windlass.planner.capacity.source import followed

WANTED = {
    "suspend": Wanted.SUSPENDED,
    "resume": Wanted.RUNNING,
    "cancel": Wanted.CANCELLED,
    "rollback": Wanted.ROLLED_BACK,
}


@dataclass(frozen=True, slots=True)
class Asked:
    """The state that was wanted before and is now, and what was done, as words."""

    before: str
    after: str
    said: str


async def ask(client: Client, namespace: str, name: str, verb: str) -> Asked:
    """Ask for what the verb stands for. CannotError for a refresh that is over: it does not run again."""
    picture = take_picture(await read_object(client, REFRESH, namespace, name))
    before, after = picture.spec.state, WANTED[verb]
    if picture.over:
        raise CannotError(f"refresh {name} is over, as {picture.status.phase.value}: {picture.message}")
    if after is Wanted.ROLLED_BACK:
        await _refuse_no_way_back(client, namespace, picture)
    if before is not after:
        # The reason is that of the state before.
        await _patch(client, picture, {"spec": {"state": after.value, "stateReason": None}})
        return Asked(before.value, after.value, f"{before.value} → {after.value}")
    checkpoint = picture.status.checkpoint
    if verb == "resume" and picture.status.phase is Phase.PAUSED and checkpoint is not None:
        await _patch(client, picture, {"metadata": {"annotations": {APPROVED_ANNOTATION: str(checkpoint)}}})
        return Asked(before.value, after.value, f"goes on from checkpoint {checkpoint} %")
    return Asked(before.value, after.value, f"is {after.value} already")


async def _refuse_no_way_back(client: Client, namespace: str, picture: Picture) -> None:
    """CannotError where before and after are the same, or the group asks for Default or Latest: what that was before,
    nobody can ask for."""
    cannot, status = f"refresh {picture.metadata['name']} cannot be rolled back", picture.status
    if status.from_revision and status.from_revision == status.to_revision:
        raise CannotError(
            f"{cannot}: its instances are made from the group's own configuration; cancel it, change that back, and "
            "refresh again"
        )
    try:
        group = await client.get(SCALING_GROUPS, namespace, picture.spec.scaling_group)
    except Gone:
        return
    word = followed(parse_spec(group).configuration)
    if word is not None:
        raise CannotError(
            f"{cannot}: its group asks for {word}, which follows the template; cancel it, and refresh to a version by "
            "its number"
        )


async def _patch(client: Client, picture: Picture, body: dict[str, Any]) -> None:
    """Conflict if the refresh is another one of this name by now."""
    metadata = picture.metadata
    fenced = {**body, "metadata": {**body.get("metadata", {}), "uid": metadata["uid"]}}
    await client.merge_patch(
        INSTANCE_REFRESHES, metadata["namespace"], metadata["name"], fenced, field_manager=FIELD_MANAGER
    )
