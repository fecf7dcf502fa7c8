"""An update that flags describe, and how far it is for those who wait."""

import argparse
from typing import Any

from windlass.api.rolling_update import MAX_NAME, Invocation, PackageAction, RollingUpdateSpec, UpdateKind
from windlass.api.task import Phase
from windlass.cli.failures import CannotError
from windlass.cli.live import Feed
from windlass.cli.reading import Body, read_object
from windlass.cli.subjects.task.create import Progress, create_task
from windlass.cli.subjects.update import UPDATE
from windlass.cli.subjects.update.instances import feed
from windlass.cli.subjects.update.picture import Picture, counts
from windlass.cluster.client import Client
from windlass.cluster.updates import parse_update
from windlass.planner.rolling_update.payload import payload_of
from windlass.planner.rolling_update.reasons import EarlierNotOver, NothingToGoBackTo


async def create_update(client: Client, namespace: str, given: argparse.Namespace) -> Body:
    """Create it. CannotError where it would end at once."""
    if given.change == "rollback":
        spec = _rollback_of(await read_object(client, UPDATE, namespace, given.update), given)
    else:
        spec = spec_of(given)
    return await create_task(client, namespace, UPDATE, spec, given.name, MAX_NAME)


def spec_of(given: argparse.Namespace) -> dict[str, Any]:
    """The spec that the flags describe; what no flag sets is left to the API server's defaults."""
    kind, payload = _change(given)
    wanted = {key: value for key, value in payload.items() if value is not None}
    return {"scalingGroup": given.group, "kind": kind.value, kind.value.lower(): wanted, **_course(given)}


def _change(given: argparse.Namespace) -> tuple[UpdateKind, dict[str, Any]]:
    if given.change == "image":
        named = {"image": given.image, "rollbackImage": given.rollback_image}
        return UpdateKind.IMAGE, {"container": given.container, **named}
    how = {
        "container": given.container,
        "timeoutSeconds": None if given.timeout is None else int(given.timeout),
        "idempotent": given.idempotent or None,
    }
    if given.change == "script":
        return UpdateKind.SCRIPT, {"run": given.run, "rollback": given.rollback, **how}
    action = PackageAction.UNINSTALL.value if given.uninstall else None
    package = {"name": given.package, "version": given.version, "action": action, "source": given.source}
    return UpdateKind.PACKAGE, {**package, **how}


def _course(given: argparse.Namespace) -> dict[str, Any]:
    found = {"batches": given.batches, "pause": given.pause}
    return {key: value for key, value in found.items() if value is not None}


def _rollback_of(body: Body, given: argparse.Namespace) -> dict[str, Any]:
    """What undoes the update that was read. CannotError where that has not ended, or says nothing of how."""
    earlier = parse_update(body)
    if not earlier.task.final:
        raise CannotError(str(EarlierNotOver(earlier.name)))
    spec: dict[str, Any] = {
        "scalingGroup": earlier.spec.scaling_group,
        "kind": earlier.spec.kind.value,
        "invoke": Invocation.ROLLBACK.value,
        "rollbackOf": earlier.name,
        **_course(given),
    }
    # The scripts of a package are read by the operator alone.
    found = payload_of(RollingUpdateSpec.model_validate(spec), earlier, {})
    if isinstance(found, NothingToGoBackTo):
        raise CannotError(f"{found} (a manifest with invoke: Rollback)")
    return spec


def progress(client: Client, body: Body) -> Feed[Progress]:
    """How far it is, as watches change it."""
    return feed(client, body, _progress)


def _progress(picture: Picture) -> Progress:
    phase = picture.status.phase
    return Progress(
        phase=phase.value,
        as_asked=phase is Phase.SUCCESSFUL if picture.over else None,
        percentage=picture.percentage,
        said=picture.message,
        stands=counts(picture),
        now=picture.now,
    )
