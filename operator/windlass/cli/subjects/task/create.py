"""A task of a group: created, and waited for."""

import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar

from windlass.api.common import API_VERSION, MADE_BY_ANNOTATION
from windlass.cli.failures import CannotError
from windlass.cli.live import Feed
from windlass.cli.reading import Body
from windlass.cli.subject import Subject
from windlass.cli.subjects.group.instances import read_group
from windlass.cli.subjects.group.observing import read_refreshes, read_updates
from windlass.cli.subjects.group.scale import FIELD_MANAGER
from windlass.cli.subjects.refresh import REFRESH
from windlass.cli.subjects.update import UPDATE
from windlass.cli.text import bar
from windlass.cli.waiting import Goal, wait_until
from windlass.cluster.client import Client
from windlass.planner.tasks import FINAL

LETTERS = "bcdfghjklmnpqrstvwxz2456789"  # those of generated names in Kubernetes, which spell no words
RANDOM_LETTERS = 5


async def create_task(
    client: Client, namespace: str, subject: Subject, spec: Mapping[str, Any], name: str | None, longest: int
) -> Body:
    """Create one with this spec; without a name, under one of its own of at most `longest` characters.

    CannotError where there is no such group, or where another task of it is active: this one would end at once.
    """
    group = spec["scalingGroup"]
    await read_group(client, namespace, group)
    await _refuse_second(client, namespace, group)
    made = {
        "apiVersion": API_VERSION,
        "kind": subject.kind,
        "metadata": {
            "name": name or _name(group, longest),
            "namespace": namespace,
            "annotations": {MADE_BY_ANNOTATION: FIELD_MANAGER},
        },
        "spec": spec,
    }
    return await client.create(subject.resource, namespace, made, strict=True, field_manager=FIELD_MANAGER)


async def _refuse_second(client: Client, namespace: str, group: str) -> None:
    for subject, read in ((REFRESH, read_refreshes), (UPDATE, read_updates)):
        for body in await read(client, namespace, group):
            name, phase = body["metadata"]["name"], (body.get("status") or {}).get("phase", "Pending")
            if phase not in FINAL:
                raise CannotError(
                    f"{subject.singular} {name} of group {group} is active ({phase}): wait until it is over, or end "
                    f"it: kubectl windlass cancel {name} -n {namespace}"
                )


def _name(group: str, longest: int) -> str:
    """Chosen here, so that a request whose answer is lost makes one task at most."""
    letters = "".join(secrets.choice(LETTERS) for _ in range(RANDOM_LETTERS))
    return f"{group[: longest - 1 - RANDOM_LETTERS].rstrip('-.')}-{letters}"


# ---- waiting


@dataclass(frozen=True, slots=True)
class Progress:
    """A task as those see it who wait: each new sentence comes with the bar.

    `phase`: where it stands, and `as_asked`: whether that is an end which somebody asked for; None: it goes on.
    `said`: its own sentence. `stands`: how far it has come.
    """

    next_change: ClassVar[datetime | None] = None  # only the operator changes it
    phase: str
    as_asked: bool | None
    percentage: int
    said: str
    stands: str
    now: datetime

    @property
    def message(self) -> str:
        """The sentence with the bar."""
        return f"{bar(self.percentage)}   {self.said}"


async def wait_until_over(
    feed: Feed[Progress], subject: Subject, body: Body, limit: float | None, *, tell: Callable[[str], None]
) -> str:
    """Wait until the task has ended as somebody asked for; its last sentence.

    CannotError if it ends otherwise, or if `limit` seconds pass before.
    """
    called = f"{subject.singular} {body['metadata']['name']}"

    def still(progress: Progress | None) -> Progress:
        if progress is None:
            raise CannotError(f"{called} was deleted, which cancels it")
        return progress

    def reached(progress: Progress) -> bool:
        if progress.as_asked is False:
            raise CannotError(f"{called} ended as {progress.phase}: {progress.said}")
        return progress.as_asked is True

    goal = Goal(still, reached, lambda progress: f"{progress.stands}; {progress.said}")
    return await wait_until(feed, subject, body, goal, limit, tell=tell)
