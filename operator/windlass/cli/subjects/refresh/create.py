"""A refresh that flags describe: created, and waited for."""

import argparse
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from windlass.api.common import API_VERSION, MADE_BY_ANNOTATION
from windlass.api.task import Phase, Wanted
from windlass.cli.failures import CannotError
from windlass.cli.reading import Body
from windlass.cli.subjects.group.instances import read_group
from windlass.cli.subjects.group.observing import read_refreshes
from windlass.cli.subjects.group.scale import FIELD_MANAGER
from windlass.cli.subjects.refresh import REFRESH
from windlass.cli.subjects.refresh.picture import Picture, counts, feed, take_picture
from windlass.cli.text import bar
from windlass.cli.waiting import Goal, wait_until
from windlass.cluster.client import Client
from windlass.cluster.resources import INSTANCE_REFRESHES

LETTERS = "bcdfghjklmnpqrstvwxz2456789"  # those of generated names in Kubernetes, which spell no words
RANDOM_LETTERS = 5
LONGEST_NAME = 253


async def create_refresh(client: Client, namespace: str, given: argparse.Namespace) -> Body:
    """Create it. CannotError where there is no such group, or where another one is active: this would end at once."""
    await read_group(client, namespace, given.group)
    for body in await read_refreshes(client, namespace, given.group):
        other = take_picture(body)
        if not other.over:
            name = other.metadata["name"]
            raise CannotError(
                f"refresh {name} of group {given.group} is active ({other.status.phase.value}): wait until it is over, "
                f"or end it: kubectl windlass cancel {name} -n {namespace}"
            )
    return await client.create(
        INSTANCE_REFRESHES, namespace, _manifest(namespace, given), strict=True, field_manager=FIELD_MANAGER
    )


def _manifest(namespace: str, given: argparse.Namespace) -> dict[str, Any]:
    name = given.name or _name(given.group)
    annotations = {MADE_BY_ANNOTATION: FIELD_MANAGER}
    return {
        "apiVersion": API_VERSION,
        "kind": INSTANCE_REFRESHES.kind,
        "metadata": {"name": name, "namespace": namespace, "annotations": annotations},
        "spec": spec_of(given),
    }


def _name(group: str) -> str:
    """Chosen here, so that a request whose answer is lost makes one refresh at most."""
    letters = "".join(secrets.choice(LETTERS) for _ in range(RANDOM_LETTERS))
    return f"{group[: LONGEST_NAME - 1 - RANDOM_LETTERS]}-{letters}"


def spec_of(given: argparse.Namespace) -> dict[str, Any]:
    """The spec that the flags describe; what no flag sets is left to the API server's defaults."""
    containers = [{"name": name, "image": image} for name, image in given.container or ()]
    template = dict(zip(("name", "version"), given.template, strict=True)) if given.template else None
    desired = {
        "image": given.image,
        "scalingConfiguration": given.configuration,
        "launchTemplate": template,
        "containers": containers,
    }
    found = {
        "scalingGroup": given.group,
        "minHealthyPercentage": given.min_healthy,
        "maxHealthyPercentage": given.max_healthy,
        "desiredConfiguration": {key: value for key, value in desired.items() if value} or None,
        "skipMatching": False if given.no_skip_matching else None,
        "checkpoints": given.checkpoints,
        "checkpointPauseMinutes": given.checkpoint_pause,
        "autoRollback": given.auto_rollback or None,
        "bakeSeconds": given.bake,
        "progressDeadlineSeconds": given.progress_deadline,
    }
    return {key: value for key, value in found.items() if value is not None}


# ---- waiting


@dataclass(frozen=True, slots=True)
class _Progress:
    """A refresh as those see it who wait: each new sentence comes with the bar."""

    picture: Picture

    @property
    def message(self) -> str:
        return f"{bar(self.picture.status.percentage)}   {self.picture.message}"

    @property
    def now(self) -> datetime:
        return self.picture.now

    @property
    def next_change(self) -> datetime | None:
        return None  # only the operator changes it


async def wait_until_over(client: Client, body: Body, limit: float | None, *, tell: Callable[[str], None]) -> str:
    """Wait until the refresh has succeeded, or was rolled back because somebody asked for it; its last sentence.

    CannotError if it ends otherwise, or if `limit` seconds pass before.
    """
    name = body["metadata"]["name"]

    def still(progress: _Progress | None) -> _Progress:
        if progress is None:
            raise CannotError(f"refresh {name} was deleted, which cancels it")
        return progress

    def reached(progress: _Progress) -> bool:
        picture = progress.picture
        phase, state = picture.status.phase, picture.spec.state
        if not picture.over:
            return False
        if phase is Phase.SUCCESSFUL or (phase is Phase.ROLLED_BACK and state is Wanted.ROLLED_BACK):
            return True
        raise CannotError(f"refresh {name} ended as {phase.value}: {picture.message}")

    goal = Goal(still, reached, lambda progress: f"{counts(progress.picture)}; {progress.picture.message}")
    return await wait_until(feed(client, body, _Progress), REFRESH, body, goal, limit, tell=tell)
