"""`kubectl windlass suspend`, `resume`, `cancel` and `rollback`: what is wanted of a refresh that is under way."""

import argparse

from windlass.cli.output import show
from windlass.cli.reading import with_client
from windlass.cli.subjects.refresh.change import ask
from windlass.cluster.client import Client


def run(given: argparse.Namespace) -> int:
    """Ask for it; what comes of it is the operator's work."""
    return with_client(given, lambda client, namespace: _ask(client, namespace, given))


async def _ask(client: Client, namespace: str, given: argparse.Namespace) -> int:
    asked = await ask(client, namespace, given.name, given.verb)
    done = {"namespace": namespace, "name": given.name, "before": asked.before, "state": asked.after}
    show(given.output, lambda: done, lambda: [f"InstanceRefresh {namespace}/{given.name}: {asked.said}"])
    return 0
