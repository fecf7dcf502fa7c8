"""A refresh at one moment, as a tree for people and as values for programs."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any, TypeVar

from windlass.api.common import to_wire
from windlass.api.instance_refresh import InstanceRefreshSpec, InstanceRefreshStatus
from windlass.api.task import Phase
from windlass.cli.live import Feed, Moment
from windlass.cli.reading import Body, now
from windlass.cli.subjects.refresh import REFRESH
from windlass.cli.subjects.task.standing import is_over, message_of
from windlass.cli.text import bar, moment
from windlass.cli.told import Shown
from windlass.cli.tree import Row, drawn
from windlass.cluster.client import Client

P = TypeVar("P", bound=Moment)


@dataclass(frozen=True, slots=True)
class Picture:
    """What there is of a refresh. `metadata` is its own."""

    metadata: Mapping[str, Any]
    spec: InstanceRefreshSpec
    status: InstanceRefreshStatus
    now: datetime

    @property
    def over(self) -> bool:
        """Whether it has ended."""
        return is_over(self.status)

    @property
    def message(self) -> str:
        """The most useful sentence about it now."""
        return message_of(REFRESH.singular, self.metadata, self.status)

    @property
    def next_change(self) -> datetime | None:
        """When it goes on by time alone."""
        return self.status.wake_at


def take_picture(body: Body) -> Picture:
    """The picture of a refresh as it was read."""
    spec = InstanceRefreshSpec.model_validate(body["spec"])
    status = InstanceRefreshStatus.model_validate(body.get("status") or {})
    return Picture(body["metadata"], spec, status, now())


def feed(client: Client, body: Body, made_of: Callable[[Picture], P]) -> Feed[P]:
    """What is made of the refresh's picture, as a watch changes it."""

    def picture(body: Body) -> P:
        return made_of(take_picture(body))

    return Feed(client, REFRESH.resource, body, asyncio.Event(), beside=(), picture=picture)


def shown(picture: Picture) -> Shown:
    """The picture as `get` shows it."""
    return Shown(
        values=partial(values, picture),
        lines=lambda: drawn(picture.message, rows_of(picture), picture.now),
        rows=partial(rows_of, picture),
        message=picture.message,
        now=picture.now,
        next_change=picture.next_change,
    )


def counts(picture: Picture) -> str:
    """`4 of 10 updated, 6 to be replaced, 1 failed`."""
    status = picture.status
    failed = f", {status.failed} failed" if status.failed else ""
    return f"{status.updated} of {status.total} updated, {status.to_update} to be replaced{failed}"


def rows_of(picture: Picture) -> list[Row]:
    """The refresh, and below it its revisions, bounds, checkpoint, what it waits for, and its conditions."""
    status, spec, metadata = picture.status, picture.spec, picture.metadata
    created = datetime.fromisoformat(metadata["creationTimestamp"])
    info = f"{bar(status.percentage)} of ScalingGroup/{spec.scaling_group}"
    rows = [Row(0, f"InstanceRefresh/{metadata['name']}", status.phase.value, "", created, info)]
    if status.start_time is not None:
        rows += [
            Row(
                1, f"ControllerRevision/{status.from_revision or 'none'}", "From", info="what instances were made from"
            ),
            Row(1, f"ControllerRevision/{status.to_revision}", "To", info="what the new ones are made from"),
            Row(1, "Instances", info=counts(picture)),
            Row(1, "Bounds", info=f"at least {status.floor} in service, at most {status.ceiling} there"),
        ]
    if status.checkpoint is not None:
        state = "Paused" if status.phase is Phase.PAUSED else "Next"
        rows.append(Row(1, f"Checkpoint/{status.checkpoint}", state, info=_checkpoints(picture)))
    if status.waiting_for is not None:
        until = f"; goes on {moment(status.wake_at, picture.now)}" if status.wake_at is not None else ""
        rows.append(Row(1, "Waiting", info=f"for {status.waiting_for}{until}"))
    for condition in status.conditions:
        key = f"Condition/{condition.type}"
        rows.append(Row(1, key, condition.status, "", condition.last_transition_time, condition.reason))
    return rows


def _checkpoints(picture: Picture) -> str:
    spec = picture.spec
    return f"of {', '.join(map(str, spec.checkpoints))} per cent; each pauses {spec.checkpoint_pause_minutes} min"


def values(picture: Picture) -> dict[str, Any]:
    """The picture for programs: the status, with what names the refresh; times as the API writes them."""
    metadata, spec, wire = picture.metadata, picture.spec, to_wire(picture.status)
    optional = dict.fromkeys(("checkpoint", "waitingFor", "wakeAt", "startTime", "completionTime"))
    return {
        "namespace": metadata["namespace"],
        "name": metadata["name"],
        "createdAt": metadata["creationTimestamp"],
        "generation": metadata["generation"],
        "group": spec.scaling_group,
        "state": spec.state.value,
        "checkpoints": list(spec.checkpoints),
        **optional,
        **wire,
        "message": picture.message,
    }
