"""`kubectl windlass stop`: have an operation begin nothing more."""

import argparse

from windlass.cli.output import show
from windlass.cli.reading import with_client
from windlass.cli.subjects.stack_set.change import stop
from windlass.cluster.client import Client


def run(given: argparse.Namespace) -> int:
    """Ask for it; what comes of it is the operator's work."""
    return with_client(given, lambda client, namespace: _stop(client, namespace, given))


async def _stop(client: Client, namespace: str, given: argparse.Namespace) -> int:
    stopped = await stop(client, namespace, given.name)
    done = {"namespace": namespace, "name": given.name, "before": stopped.before, "state": "Stopped"}
    show(given.output, lambda: done, lambda: [f"{given.subject.kind} {namespace}/{given.name}: {stopped.said}"])
    return 0
