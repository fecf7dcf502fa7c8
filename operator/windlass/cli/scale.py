"""`kubectl windlass scale`: set a group's desired size, and wait for it."""

import argparse
from collections.abc import Callable

from windlass.cli.output import show
from windlass.cli.reading import with_client
from windlass.cli.subjects.group.instances import read_group
from windlass.cli.subjects.group.scale import set_size, wait_until_settled
from windlass.cluster.client import Client


def run(given: argparse.Namespace) -> int:
    """Scale, and wait if that was asked for."""
    return with_client(given, lambda client, namespace: _scale(client, namespace, given))


async def _scale(client: Client, namespace: str, given: argparse.Namespace) -> int:
    before, size = await set_size(client, namespace, given.name, given.size)
    if given.output is None:
        print(f"ScalingGroup {namespace}/{given.name}: desired size {_change(before, size)}", flush=True)
    message = None
    if given.wait:
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
