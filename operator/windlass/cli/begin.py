"""`kubectl windlass refresh` and `update`: change a group's instances, and wait for it."""

import argparse

from windlass.cli.output import show
from windlass.cli.reading import with_client
from windlass.cli.subject import Subject
from windlass.cli.subjects.refresh import REFRESH
from windlass.cli.subjects.refresh import create as refreshes
from windlass.cli.subjects.task.create import wait_until_over
from windlass.cli.subjects.update import UPDATE
from windlass.cli.subjects.update import create as updates
from windlass.cluster.client import Client


def run(given: argparse.Namespace) -> int:
    """Create the refresh or the update, and wait if that was asked for."""
    return with_client(given, lambda client, namespace: _begin(client, namespace, given))


async def _begin(client: Client, namespace: str, given: argparse.Namespace) -> int:
    subject: Subject
    if given.verb == "refresh":
        subject, progress = REFRESH, refreshes.progress
        made = await refreshes.create_refresh(client, namespace, given)
    else:
        subject, progress = UPDATE, updates.progress
        made = await updates.create_update(client, namespace, given)
    name = made["metadata"]["name"]
    say = print if given.output is None else _nothing
    say(f"{subject.kind} {namespace}/{name}: created", flush=True)
    message = None
    if given.wait:
        feed, limit = progress(client, made), given.wait_limit
        message = await wait_until_over(feed, subject, made, limit, tell=lambda text: say(text, flush=True))
    done = {"namespace": namespace, "name": name, "group": made["spec"]["scalingGroup"], "message": message}
    show(given.output, lambda: done, list)
    return 0


def _nothing(text: str, *, flush: bool) -> None:
    """Where a program reads, only the end is shown."""
