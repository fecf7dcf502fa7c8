"""What people want of a refresh that is under way: its state, and that it goes on from a checkpoint."""

from windlass.api.common import APPROVED_ANNOTATION
from windlass.api.task import Phase
from windlass.cli.failures import CannotError
from windlass.cli.reading import Body
from windlass.cli.subjects.refresh import REFRESH
from windlass.cli.subjects.refresh.picture import Picture, take_picture
from windlass.cli.subjects.task.change import Approval, Asked, Standing, ask
from windlass.cluster.client import Client
from windlass.cluster.errors import Gone
from windlass.cluster.resources import SCALING_GROUPS
from windlass.controllers.scaling_group.written import parse_spec
from windlass.planner.capacity.source import followed


async def ask_refresh(client: Client, body: Body, verb: str) -> Asked:
    """Ask for what the verb stands for. CannotError where that cannot be."""
    picture = take_picture(body)
    if verb == "rollback" and not picture.over:
        await _refuse_no_way_back(client, picture)
    standing = Standing(picture.spec.state, picture.status.phase, picture.message, _approval(picture))
    return await ask(client, REFRESH, body, standing, verb)


def _approval(picture: Picture) -> Approval | None:
    checkpoint = picture.status.checkpoint
    if picture.status.phase is not Phase.PAUSED or checkpoint is None:
        return None
    patch = {"metadata": {"annotations": {APPROVED_ANNOTATION: str(checkpoint)}}}
    return Approval(f"goes on from checkpoint {checkpoint} %", patch)


async def _refuse_no_way_back(client: Client, picture: Picture) -> None:
    """CannotError where before and after are the same, or the group asks for Default or Latest: what that was before,
    nobody can ask for."""
    cannot, status = f"refresh {picture.metadata['name']} cannot be rolled back", picture.status
    if status.from_revision and status.from_revision == status.to_revision:
        raise CannotError(
            f"{cannot}: its instances are made from the group's own configuration; cancel it, change that back, and "
            "refresh again"
        )
    try:
        group = await client.get(SCALING_GROUPS, picture.metadata["namespace"], picture.spec.scaling_group)
    except Gone:
        return
    word = followed(parse_spec(group).configuration)
    if word is not None:
        raise CannotError(
            f"{cannot}: its group asks for {word}, which follows the template; cancel it, and refresh to a version by "
            "its number"
        )
