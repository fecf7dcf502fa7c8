"""`kubectl windlass retry`: start an operation again where it failed or was cancelled, and wait for it."""

import argparse
from collections.abc import Callable
from time import monotonic
from typing import Any

from windlass.cli.output import show
from windlass.cli.reading import Body, with_client
from windlass.cli.subjects.stack_set.change import retry, wait_until_over
from windlass.cluster.client import Client
from windlass.planner.reason import names


def run(given: argparse.Namespace) -> int:
    """Create the operations, and wait for them if that was asked for."""
    return with_client(given, lambda client, namespace: _retry(client, namespace, given))


async def _retry(client: Client, namespace: str, given: argparse.Namespace) -> int:
    made = await retry(client, namespace, given.name)
    tell = _tell(given)
    for body in made:
        targets = body["spec"]["targets"]
        where = f"{names(tuple(targets['regions']))} × {names(tuple(targets['accounts']))}"
        tell(
            f"{given.subject.kind} {namespace}/{body['metadata']['name']}: created ({body['spec']['action']}: {where})"
        )
    message = None
    if given.wait:
        ends = None if given.timeout is None else monotonic() + given.timeout
        for body in made:
            left = None if ends is None else max(0.0, ends - monotonic())
            message = await wait_until_over(client, body, left, tell=tell)
    if given.output is not None:
        made_here = [_values(body) for body in made]
        done = {"namespace": namespace, "name": given.name, "operations": made_here, "message": message}
        show(given.output, lambda: done, list)
    return 0


def _values(body: Body) -> dict[str, Any]:
    spec = body["spec"]
    targets = {"regions": spec["targets"]["regions"], "accounts": spec["targets"]["accounts"]}
    return {"name": body["metadata"]["name"], "action": spec["action"], **targets}


def _tell(given: argparse.Namespace) -> Callable[[str], None]:
    """Prints what happens on the way; nothing where a program reads."""
    return (lambda text: None) if given.output is not None else (lambda text: print(text, flush=True))
