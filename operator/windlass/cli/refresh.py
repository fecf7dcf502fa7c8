"""`kubectl windlass refresh`: replace a group's instances, and wait for it."""

import argparse

from windlass.cli.output import show
from windlass.cli.reading import with_client
from windlass.cli.subjects.refresh.create import create_refresh, wait_until_over
from windlass.cluster.client import Client


def run(given: argparse.Namespace) -> int:
    """Create the refresh, and wait if that was asked for."""
    return with_client(given, lambda client, namespace: _refresh(client, namespace, given))


async def _refresh(client: Client, namespace: str, given: argparse.Namespace) -> int:
    made = await create_refresh(client, namespace, given)
    name = made["metadata"]["name"]
    say = print if given.output is None else _nothing
    say(f"InstanceRefresh {namespace}/{name}: created", flush=True)
    message = None
    if given.wait:
        message = await wait_until_over(client, made, given.timeout, tell=lambda text: say(text, flush=True))
    done = {"namespace": namespace, "name": name, "group": given.group, "message": message}
    show(given.output, lambda: done, list)
    return 0


def _nothing(text: str, *, flush: bool) -> None:
    """Where a program reads, only the end is shown."""
