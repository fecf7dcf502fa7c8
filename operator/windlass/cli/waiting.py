"""`scale --wait`: until a group has its size in service."""

import asyncio
from collections.abc import Callable
from datetime import timedelta

from windlass.cli.failures import CannotError
from windlass.cli.live import Feed, seconds_until
from windlass.cli.picture import Picture, sizes
from windlass.cli.reading import Body
from windlass.cli.text import duration
from windlass.cluster.client import Client
from windlass.planner.capacity.reasons import Disabled, OnlyProtectedLeft, ProcessSuspended

READY, STALLED = "Ready", "Stalled"
NEEDS_SOMEBODY = frozenset({ProcessSuspended.__name__, OnlyProtectedLeft.__name__, Disabled.__name__})


async def wait_until_settled(
    client: Client, group: Body, size: int, limit: float, *, tell: Callable[[str], None]
) -> str:
    """Wait until the group says that it is as desired; its sentence. `tell` gets each new sentence with its time.

    CannotError if it is stalled, gone, or given another size meanwhile, or if `limit` seconds pass before.
    """
    picture: Picture | None = None
    said = ""
    try:
        async with asyncio.timeout(limit), Feed(client, group).running() as feed:
            while True:
                picture = _still_there(feed.picture(), size)
                if picture.message != said:
                    said = picture.message
                    tell(f"{picture.now.astimezone():%H:%M:%S}   {said}")
                if _settled(picture):
                    return said
                await feed.next_picture(seconds_until(picture.next_change, picture.now))
    except TimeoutError:
        metadata, span = group["metadata"], duration(timedelta(seconds=limit))
        stands = f"{sizes(picture)}; {picture.message}" if picture else "nothing was heard of it"
        more = f"`kubectl windlass explain group {metadata['name']} -n {metadata['namespace']}` says more"
        raise CannotError(f"{metadata['name']} is not settled after {span}: {stands}; {more}") from None


def _still_there(picture: Picture | None, size: int) -> Picture:
    if picture is None:
        raise CannotError("the group was deleted meanwhile")
    if picture.spec.desired_size != size:
        raise CannotError(f"somebody else set the desired size to {picture.spec.desired_size} meanwhile")
    return picture


def _settled(picture: Picture) -> bool:
    """Whether the group is as desired; CannotError where it will not be before somebody does something."""
    status = picture.status
    if status.observed_generation < picture.metadata["generation"]:
        return False
    conditions = {condition.type: condition for condition in status.conditions}
    if STALLED in conditions:
        raise CannotError(f"the group is stalled: {status.message}")
    ready = conditions.get(READY)
    if ready is None:
        return False
    if ready.reason in NEEDS_SOMEBODY:
        raise CannotError(f"the group waits for somebody: {status.message}")
    return ready.status == "True"
