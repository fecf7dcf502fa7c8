"""The size of a group: set through its scale subresource, and waited for."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from windlass.cli.failures import CannotError
from windlass.cli.reading import Body
from windlass.cli.subjects.group import GROUP
from windlass.cli.subjects.group.instances import feed, read_group
from windlass.cli.subjects.group.picture import Picture, sizes
from windlass.cli.waiting import Goal, wait_until
from windlass.cluster.client import Client
from windlass.cluster.errors import Conflict, Invalid
from windlass.cluster.resources import SCALING_GROUPS
from windlass.planner.capacity.reasons import Disabled, OnlyProtectedLeft, ProcessSuspended

FIELD_MANAGER = "kubectl-windlass"
TRIES = 5  # of a relative change, where somebody else changes the group meanwhile
READY, STALLED = "Ready", "Stalled"
NEEDS_SOMEBODY = frozenset({ProcessSuspended.__name__, OnlyProtectedLeft.__name__, Disabled.__name__})


async def set_size(client: Client, namespace: str, name: str, change: tuple[str, int]) -> tuple[int | None, int]:
    """The size before and after. A relative change is made on the size that was read, or not at all."""
    sign, number = change
    for _ in range(TRIES):
        group = await read_group(client, namespace, name)
        before = group["spec"].get("desiredSize")
        size = number if not sign else _relative(group, number if sign == "+" else -number)
        if size == before:
            return before, size
        metadata = {"resourceVersion": group["metadata"]["resourceVersion"]} if sign else {}
        try:
            await patch(client, group, {"metadata": metadata, "spec": {"replicas": size}})
        except Conflict:
            continue
        except Invalid as error:
            wanted = {**group["spec"], "desiredSize": size}
            raise CannotError(refusal(namespace, name, wanted, error)) from error
        return before, size
    raise CannotError(
        f"changing the size of {name}: others keep changing the group; try again, or name the size itself"
    )


def _relative(group: Body, change: int) -> int:
    spec = group["spec"]
    return max(0, int(spec.get("desiredSize", spec["minSize"])) + change)


async def patch(client: Client, group: Body, body: dict[str, Any]) -> None:
    """Change the group's scale; Conflict if `metadata.resourceVersion` in the body is not the group's any more."""
    metadata = group["metadata"]
    await client.merge_patch(
        SCALING_GROUPS,
        metadata["namespace"],
        metadata["name"],
        body,
        subresource="scale",
        field_manager=FIELD_MANAGER,
    )


def refusal(namespace: str, name: str, spec: Mapping[str, Any], error: Invalid) -> str:
    """Why this spec of a group was refused; where it is for the desired size, what to do about the bounds."""
    size, least, most = spec.get("desiredSize"), spec["minSize"], spec["maxSize"]
    if size is None or least <= size <= most or least > most:
        return str(error)
    field, side = ("maxSize", "above") if size > most else ("minSize", "below")
    patch = f"""kubectl patch scalinggroup {name} -n {namespace} --type merge -p '{{"spec":{{"{field}":{size}}}}}'"""
    bound = most if size > most else least
    return f"desired size {size} is {side} {field} {bound}: choose {least} to {most}, or move the bound first: {patch}"


# ---- waiting


async def wait_until_settled(
    client: Client, group: Body, size: int, limit: float, *, tell: Callable[[str], None]
) -> str:
    """Wait until the group says that it is as desired; its sentence. `tell` gets each new sentence with its time.

    CannotError if it is stalled, gone, or given another size meanwhile, or if `limit` seconds pass before.
    """
    goal = Goal(partial(_still_there, size), _settled, stands=lambda picture: f"{sizes(picture)}; {picture.message}")
    return await wait_until(feed(client, group, lambda picture: picture), GROUP, group, goal, limit, tell=tell)


def _still_there(size: int, picture: Picture | None) -> Picture:
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
