"""Why a container group is as it is, what it waits for, and what to do."""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

from windlass.api.common import to_wire
from windlass.api.container_group import ContainerStatus, Disruption, Phase, UpdateResult, UpdateStatus
from windlass.cli.operator_sign import Sign, last_change, read_leases, sign_of
from windlass.cli.reading import read_object
from windlass.cli.subjects.container_group import CONTAINER_GROUP
from windlass.cli.subjects.container_group.picture import Picture, container_state, take_picture
from windlass.cli.subjects.group.explanation import OPERATOR_ADVICE
from windlass.cli.text import capitalised, columns, in_sections, moment
from windlass.cli.told import Told
from windlass.cluster.client import Client
from windlass.planner.containergroup.reasons import PodDiffers

_NO_IMAGE = frozenset({"ErrImagePull", "ImagePullBackOff", "InvalidImageName", "ErrImageNeverPull"})


@dataclass(frozen=True, slots=True)
class Explained:
    """All that can be said about a group."""

    picture: Picture
    sign: Sign

    @property
    def update(self) -> UpdateStatus | None:
        """The update that runs, or the last one."""
        return self.picture.status.last_update

    @property
    def troubled(self) -> list[ContainerStatus]:
        """The containers that are not ready."""
        wanted = {each["name"] for each in self.picture.body["spec"].get("containers") or ()}
        return [each for each in self.picture.status.containers if each.name in wanted and not each.ready]


async def explain_group(client: Client, namespace: str, name: str) -> Told:
    """Why this group is as it is."""
    body, leases = await asyncio.gather(read_object(client, CONTAINER_GROUP, namespace, name), read_leases(client))
    picture = take_picture(body)
    sign = sign_of(leases, looked_at=picture.looked_at, changed=last_change(body["metadata"]), now=picture.now)
    explained = Explained(picture, sign)
    return Told(values=partial(values, explained), lines=partial(lines, explained))


def lines(e: Explained) -> list[str]:
    """Section by section, the empty ones left out."""
    metadata, status = e.picture.body["metadata"], e.picture.status
    head = [
        f"{CONTAINER_GROUP.kind} {metadata['namespace']}/{metadata['name']}: {status.phase}",
        f"  {e.picture.message}",
    ]
    containers = columns(
        (each.name, container_state(each), "ready" if each.ready else "not ready", each.image)
        for each in status.containers
    )
    sections = (
        ("Containers", containers),
        ("Update" if _runs(e.update) else "Last update", _update_lines(e)),
        ("Operator", [capitalised(e.sign.message)]),
        ("What to do", list(_advice(e))),
    )
    return in_sections(head, sections)


def _runs(update: UpdateStatus | None) -> bool:
    return update is not None and update.result is None


def _update_lines(e: Explained) -> list[str]:
    update = e.update
    if update is None:
        return []
    what = f"of {', '.join(update.parts)}" if update.parts else "that changes nothing"
    how = f": {update.disruption}" if update.disruption is not None else ""
    restarts = f", restarting {', '.join(update.restarted_containers)}" if update.restarted_containers else ""
    told = [f"{update.result or 'Running'}, {what}{how}{restarts}", f"began {moment(update.start_time, e.picture.now)}"]
    if update.end_time is not None:
        told.append(f"ended {moment(update.end_time, e.picture.now)}")
    return [*told, update.reason] if update.reason else told


def _advice(e: Explained) -> Iterator[str]:
    metadata, status, update = e.picture.body["metadata"], e.picture.status, e.update
    where = f"-n {metadata['namespace']}"
    if e.sign.state == "Absent":
        yield OPERATOR_ADVICE
    if update is not None and update.result is UpdateResult.FAILED:
        yield "correct the spec and apply it again: the next update begins from what there is now"
    if update is not None and update.result is UpdateResult.REFUSED and update.disruption is not None:
        allowed = e.picture.body["spec"].get("update", {}).get("mostDisruptiveAllowed", Disruption.RECREATE)
        if allowed != update.disruption:
            yield f"change less, or allow it: update.mostDisruptiveAllowed: {update.disruption}"
    if any(each.reason == PodDiffers.__name__ for each in status.conditions):
        mend = """--type merge -p '{"spec":{"clientToken":"mend-1"}}'"""
        yield f"mend the Pod: kubectl patch containergroup {metadata['name']} {where} {mend}"
    if status.phase in {Phase.SUCCEEDED, Phase.FAILED}:
        yield "it is over: delete it, and create it again to run it once more"
    for each in e.troubled:
        if each.reason in _NO_IMAGE:
            yield f"see why its image cannot be had: kubectl describe pod {status.pod_name} {where}"
        elif each.restart_count or each.state == "Terminated":
            before = "" if each.state == "Terminated" else " --previous"
            yield f"see what it said: kubectl logs {status.pod_name} {where} -c {each.name}{before}"


def values(e: Explained) -> dict[str, Any]:
    """The explanation for programs."""
    metadata, status = e.picture.body["metadata"], to_wire(e.picture.status)
    return {
        "namespace": metadata["namespace"],
        "name": metadata["name"],
        "phase": status["phase"],
        "message": e.picture.message,
        "containers": status.get("containers", []),
        "lastUpdate": status.get("lastUpdate"),
        "operator": {"state": e.sign.state, "message": e.sign.message},
        "advice": list(_advice(e)),
    }
