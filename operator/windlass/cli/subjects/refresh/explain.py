"""Why a refresh is as it is, what it waits for, and what to do."""

from collections.abc import Iterator
from functools import partial
from typing import Any

from windlass.api.common import rfc3339
from windlass.api.task import Phase, Wanted
from windlass.cli.reading import read_object
from windlass.cli.subjects.group.explanation import OPERATOR_ADVICE, Wait
from windlass.cli.subjects.refresh import REFRESH
from windlass.cli.subjects.refresh.picture import Picture, counts, take_picture
from windlass.cli.subjects.task.explain import Explained, explain_task, in_lines, see_group
from windlass.cli.subjects.task.explain import values as common
from windlass.cli.text import bar
from windlass.cli.told import Told
from windlass.cluster.client import Client
from windlass.planner.rollout.reasons import GroupMissing


async def explain_refresh(client: Client, namespace: str, name: str) -> Told:
    """Why this refresh is as it is."""
    body = await read_object(client, REFRESH, namespace, name)
    explained = await explain_task(client, body, take_picture(body), GroupMissing)
    return Told(values=partial(values, explained), lines=partial(lines, explained))


def _waits(e: Explained[Picture]) -> tuple[Wait, ...]:
    """What happens by itself: the refresh goes on, instances and zones of its group change."""
    wake_at = e.picture.status.wake_at
    if wake_at is None or e.picture.over:
        return e.waits
    others = (wait for wait in e.waits if wait.until != wake_at)
    return tuple(sorted((Wait(wake_at, "it goes on by itself"), *others), key=lambda wait: wait.until))


# ---- for people


def lines(e: Explained[Picture]) -> list[str]:
    """Section by section, the empty ones left out."""
    picture, status = e.picture, e.picture.status
    place = f"{picture.metadata['namespace']}/{picture.metadata['name']}"
    shown = [f"InstanceRefresh {place} of ScalingGroup {picture.spec.scaling_group}: {status.phase.value}"]
    shown.append(f"  {e.message}")
    if status.start_time is not None:
        shown.append(f"  {bar(status.percentage)}, {counts(picture)}")
    if picture.spec.state_reason is not None:
        shown.append(f"  ({picture.spec.state.value}: {picture.spec.state_reason})")
    return in_lines(e, shown, _waits(e), _advice(e))


def _advice(e: Explained[Picture]) -> Iterator[str]:
    picture, status = e.picture, e.picture.status
    target = f"{picture.metadata['name']} -n {picture.metadata['namespace']}"
    again = f"kubectl windlass refresh {picture.spec.scaling_group} -n {picture.metadata['namespace']}"
    if not picture.over and e.sign.state == "Absent":
        yield OPERATOR_ADVICE
    match status.phase:
        case Phase.PAUSED:
            yield f"look at the new instances; to go on before the time: kubectl windlass resume {target}"
        case Phase.SUSPENDED | Phase.PENDING if picture.spec.state is Wanted.SUSPENDED:
            yield f"let it go on: kubectl windlass resume {target}"
        case Phase.FAILED if status.start_time is None:
            yield "correct that, and create another refresh: this one does not run again"
        case Phase.FAILED | Phase.CANCELLED | Phase.ROLLBACK_FAILED if status.start_time is not None:
            yield f"put all instances back to the group's own configuration: {again}"
        case Phase.RUNNING | Phase.BAKING if e.group is not None and e.group.troubles:
            yield f"put the old instances back: kubectl windlass rollback {target}"
            yield f"or end it, and keep what is new: kubectl windlass cancel {target}"
    yield from see_group(e)


# ---- for programs


def values(e: Explained[Picture]) -> dict[str, Any]:
    """The explanation for programs; times as the API writes them."""
    wake_at = e.picture.status.wake_at
    found = common(e, e.picture.spec.state.value, _waits(e), _advice(e))
    return {**found, "wakeAt": rfc3339(wake_at) if wake_at is not None else None}
