"""`kubectl windlass scale`: set a group's desired size through its scale subresource."""

import argparse
from collections.abc import Callable, Mapping
from typing import Any

from windlass.cli.failures import CannotError
from windlass.cli.output import show
from windlass.cli.reading import Body, read_group, with_client
from windlass.cluster.client import Client
from windlass.cluster.errors import Conflict, Invalid
from windlass.cluster.resources import SCALING_GROUPS

FIELD_MANAGER = "kubectl-windlass"
TRIES = 5  # of a relative change, where somebody else changes the group meanwhile


def run(given: argparse.Namespace) -> int:
    """Scale, and wait if that was asked for."""
    return with_client(given, lambda client, namespace: _scale(client, namespace, given))


async def _scale(client: Client, namespace: str, given: argparse.Namespace) -> int:
    before, size = await set_size(client, namespace, given.name, given.size)
    if given.output is None:
        print(f"ScalingGroup {namespace}/{given.name}: desired size {_change(before, size)}", flush=True)
    message = None
    if given.wait:
        from windlass.cli.waiting import wait_until_settled

        group = await read_group(client, namespace, given.name)
        message = await wait_until_settled(client, group, size, given.timeout, tell=_tell(given))
    if given.output is not None:
        done = {"namespace": namespace, "name": given.name, "before": before, "desiredSize": size, "message": message}
        show(given.output, lambda: done, list)
    return 0


def _tell(given: argparse.Namespace) -> Callable[[str], None]:
    """Prints what happens on the way; nothing where a program reads."""
    return (lambda text: None) if given.output is not None else (lambda text: print(text, flush=True))


def _change(before: int | None, size: int) -> str:
    return f"is {size} already" if before == size else f"{'unset' if before is None else before} → {size}"


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
