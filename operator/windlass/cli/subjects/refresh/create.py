"""A refresh that flags describe, and how far it is for those who wait."""

import argparse
from typing import Any

from windlass.api.task import Phase, Wanted
from windlass.cli.live import Feed
from windlass.cli.reading import Body
from windlass.cli.subjects.refresh import REFRESH
from windlass.cli.subjects.refresh.picture import Picture, counts, feed
from windlass.cli.subjects.task.create import Progress, create_task
from windlass.cluster.client import Client

LONGEST_NAME = 253


async def create_refresh(client: Client, namespace: str, given: argparse.Namespace) -> Body:
    """Create it. CannotError where it would end at once."""
    return await create_task(client, namespace, REFRESH, spec_of(given), given.name, LONGEST_NAME)


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


def progress(client: Client, body: Body) -> Feed[Progress]:
    """How far it is, as a watch changes it."""
    return feed(client, body, _progress)


def _progress(picture: Picture) -> Progress:
    phase, state = picture.status.phase, picture.spec.state
    well = phase is Phase.SUCCESSFUL or (phase is Phase.ROLLED_BACK and state is Wanted.ROLLED_BACK)
    return Progress(
        phase=phase.value,
        as_asked=well if picture.over else None,
        percentage=picture.status.percentage,
        said=picture.message,
        stands=counts(picture),
        now=picture.now,
    )
