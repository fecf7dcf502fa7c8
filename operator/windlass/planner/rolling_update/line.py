"""Which update of a group has its turn, and why others end before they begin."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from windlass.api.ordinals import OrdinalRange
from windlass.api.rolling_update import UpdateState
from windlass.api.task import Phase
from windlass.planner.capacity.source import TEMPLATE, own_data
from windlass.planner.capacity.view import GroupView
from windlass.planner.reason import Reason
from windlass.planner.rolling_update.payload import NewImage, Payload, container_of, earlier_of, payload_of
from windlass.planner.rolling_update.reasons import (
    ImageRefused,
    NoSource,
    SourceIsTemplate,
    SourceShared,
    UpdateCancelled,
    UpdateInterrupted,
    UpdateRanBefore,
)
from windlass.planner.rolling_update.update import Update
from windlass.planner.rollout.line import EndsAtOnce
from windlass.planner.rollout.resolve import resolve
from windlass.planner.tasks import AnotherFirst, ahead_of, first_in_line


@dataclass(frozen=True, slots=True)
class Change:
    """An image for a container, as `resolve` reads it."""

    name: str
    image: str | None
    command: None = None
    args: None = None
    environment: None = None


@dataclass(frozen=True, slots=True)
class Beginning:
    """How an update begins: what is done on each instance; the data of the revision that an image makes of them, None
    for a script; and among which instances, None: all."""

    payload: Payload
    data: Mapping[str, Any] | None
    among: tuple[OrdinalRange, ...] | None


def next_update(view: GroupView) -> tuple[Update, Beginning] | None:
    """The update that may start now, and how."""
    if not view.updates:
        return None
    first = first_in_line(view.tasks)
    update = next((each for each in view.updates if first is not None and each.task == first), None)
    if update is None or update.spec.state is not UpdateState.RUNNING:
        return None
    found = beginning(view, update)
    return None if isinstance(found, EndsAtOnce) else (update, found)


def beginning(view: GroupView, update: Update) -> EndsAtOnce | Beginning:
    """How an update that has not begun would begin, or how it ends instead."""
    ahead = ahead_of(update.task, view.tasks)
    if ahead is not None:
        return EndsAtOnce(Phase.FAILED, AnotherFirst(str(ahead)))
    asked = update.name, update.digest
    before = next((each for each in view.status.finished_rollouts if (each.name, each.digest) == asked), None)
    if before is not None:
        return EndsAtOnce(Phase(before.outcome), UpdateRanBefore(update.name, before.outcome))
    if update.status.start_time is not None:
        return EndsAtOnce(Phase.FAILED, UpdateInterrupted())
    if update.spec.state is UpdateState.CANCELLED:
        return EndsAtOnce(Phase.CANCELLED, UpdateCancelled(0, 0))
    found = _beginning(view, update)
    return EndsAtOnce(Phase.FAILED, found) if isinstance(found, Reason) else found


def _beginning(view: GroupView, update: Update) -> Beginning | Reason:
    earlier = earlier_of(update, view.updates)
    if isinstance(earlier, Reason):
        return earlier
    payload = payload_of(update.spec, earlier, view.packages)
    if isinstance(payload, Reason):
        return payload
    among = earlier.status.touched if earlier is not None else None
    if not isinstance(payload, NewImage):
        return Beginning(payload, None, among)  # each instance says for itself whether it has the container
    own = own_data(view)
    if own is None:
        return NoSource()
    source = own["source"]
    if source["kind"] == TEMPLATE:
        return SourceIsTemplate(str(source["name"]))
    if source["name"] in view.sources.shared:
        return SourceShared(str(source["name"]))
    problem = view.refresh_problems.get(update.uid)
    if problem is not None:
        return ImageRefused(problem)
    container = container_of(payload, own["configuration"])
    changed = resolve(own["configuration"], None, (Change(container or "", payload.image),))
    if isinstance(changed, Reason):
        return changed
    return Beginning(payload, {**own, "configuration": changed}, among)
