"""`kubectl windlass explain`: why an object is as it is, what it waits for, and what to do."""

import argparse

from windlass.cli.output import show
from windlass.cli.reading import with_client


def run(given: argparse.Namespace) -> int:
    """Show the explanation."""
    told = with_client(given, lambda client, namespace: given.subject.explained(client, namespace, given.name))
    show(given.output, told.values, told.lines)
    return 0
