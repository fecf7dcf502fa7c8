"""A container group at one moment, as a tree for people and as values for programs."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any

from windlass.api.common import to_wire
from windlass.api.container_group import ContainerGroupStatus, ContainerStatus
from windlass.cli.reading import Body, now
from windlass.cli.subjects.container_group import CONTAINER_GROUP
from windlass.cli.told import Shown
from windlass.cli.tree import Row, drawn
from windlass.planner.reason import counted


@dataclass(frozen=True, slots=True)
class Picture:
    """What there is of a group."""

    body: Body
    status: ContainerGroupStatus
    now: datetime

    @property
    def looked_at(self) -> bool:
        """Whether an operator has looked at the spec as it is now."""
        return self.status.observed_generation >= int(self.body["metadata"]["generation"])

    @property
    def message(self) -> str:
        """The most useful sentence about it now."""
        if not self.status.observed_generation:
            return "no operator has looked at this group yet"
        if not self.looked_at:
            return f"{self.status.message} (that was before the last change, which no operator has looked at yet)"
        return self.status.message


def take_picture(body: Body) -> Picture:
    """The picture of a group as it was read."""
    return Picture(body, ContainerGroupStatus.model_validate(body.get("status") or {}), now())


def shown(body: Body) -> Shown:
    """The group at this moment."""
    picture = take_picture(body)
    rows = list(_rows(picture))
    return Shown(
        values=partial(values, picture),
        lines=partial(drawn, picture.message, rows, picture.now, zone="READY"),
        rows=lambda: rows,
        message=picture.message,
        now=picture.now,
        next_change=None,
    )


def values(picture: Picture) -> dict[str, Any]:
    """For programs: the row of the table, with the containers and the last update in place of their number and word."""
    status = to_wire(picture.status)
    more = {key: status.get(key) for key in ("podName", "podIP", "nodeName", "lastUpdate")}
    containers = {"containers": status.get("containers", [])}
    return CONTAINER_GROUP.summary(picture.body) | {"message": picture.message} | more | containers


def container_state(container: ContainerStatus) -> str:
    """`Running`, `Waiting: CrashLoopBackOff`."""
    return f"{container.state}: {container.reason}" if container.reason else container.state


def _rows(picture: Picture) -> Iterator[Row]:
    metadata, status = picture.body["metadata"], picture.status
    since = datetime.fromisoformat(metadata["creationTimestamp"])
    yield Row(0, f"{CONTAINER_GROUP.kind}/{metadata['name']}", str(status.phase), since=since, info=picture.message)
    if status.pod_name:
        where = ", ".join(filter(None, (status.pod_ip, status.node_name)))
        yield Row(1, f"Pod/{status.pod_name}", info=where)
    for each in status.containers:
        restarts = f", restarted {counted(each.restart_count, 'time')}" if each.restart_count else ""
        size = f", {each.cpu} CPU, {each.memory}" if each.cpu else ""
        ready = "yes" if each.ready else "no"
        yield Row(2, f"Container/{each.name}", container_state(each), ready, info=f"{each.image}{size}{restarts}")
