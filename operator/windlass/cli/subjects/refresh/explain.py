"""Why a refresh is as it is, what it waits for, and what to do."""

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from windlass.api.common import rfc3339
from windlass.api.task import Phase, Wanted
from windlass.cli.operator_sign import SeenLease, Sign, last_change, read_leases, sign_of
from windlass.cli.reading import Body, read_object
from windlass.cli.subjects.group.explain import trouble_lines
from windlass.cli.subjects.group.explanation import OPERATOR_ADVICE, Explanation, Wait, explain
from windlass.cli.subjects.group.observing import observe_live
from windlass.cli.subjects.refresh import REFRESH
from windlass.cli.subjects.refresh.picture import Picture, counts, take_picture
from windlass.cli.subjects.refresh.plan import read_group
from windlass.cli.text import bar, capitalised, columns, in_sections, moment
from windlass.cli.told import Told
from windlass.cluster.client import Client
from windlass.planner.reason import Reason
from windlass.planner.rollout.reasons import GroupMissing, Waits


@dataclass(frozen=True, slots=True)
class Explained:
    """All that can be said about a refresh. `group`: the explanation of its group, None where there is none, or where
    the refresh is over and the group tells nothing of it."""

    picture: Picture
    group: Explanation | None
    missing: bool
    sign: Sign

    @property
    def holds(self) -> tuple[Reason, ...]:
        """What the group would do and may not, while the refresh is on its way."""
        holds = self.group.holds if self.group is not None else ()
        return tuple(hold for hold in holds if not isinstance(hold, Waits))

    @property
    def waits(self) -> tuple[Wait, ...]:
        """What happens by itself: the refresh goes on, instances and zones of its group change."""
        waits, wake_at = self.group.waits if self.group is not None else (), self.picture.status.wake_at
        if wake_at is None or self.picture.over:
            return waits
        others = (wait for wait in waits if wait.until != wake_at)
        return tuple(sorted((Wait(wake_at, "it goes on by itself"), *others), key=lambda wait: wait.until))

    @property
    def message(self) -> str:
        """The most useful sentence about it."""
        if self.missing and not self.picture.over:
            return str(GroupMissing(self.picture.spec.scaling_group))
        return self.picture.message


async def explain_refresh(client: Client, namespace: str, name: str) -> Told:
    """Why this refresh is as it is."""
    body, leases = await asyncio.gather(read_object(client, REFRESH, namespace, name), read_leases(client))
    picture = take_picture(body)
    group = await read_group(client, namespace, picture.spec.scaling_group)
    explanation = None
    if group is not None and not picture.over:
        view, records, _ = await observe_live(client, group, picture.now)
        explanation = explain(view, group["metadata"], records, leases)
    explained = Explained(picture, explanation, group is None, _sign(picture, body, leases))
    return Told(values=partial(values, explained), lines=partial(lines, explained))


def _sign(picture: Picture, body: Body, leases: Sequence[SeenLease] | None) -> Sign:
    metadata = body["metadata"]
    looked_at = picture.over or picture.status.observed_generation >= metadata["generation"]
    return sign_of(leases, looked_at=looked_at, changed=last_change(metadata), now=picture.now)


# ---- for people


def lines(e: Explained) -> list[str]:
    """Section by section, the empty ones left out."""
    picture, status = e.picture, e.picture.status
    place = f"{picture.metadata['namespace']}/{picture.metadata['name']}"
    shown = [f"InstanceRefresh {place} of ScalingGroup {picture.spec.scaling_group}: {status.phase.value}"]
    shown.append(f"  {e.message}")
    if status.start_time is not None:
        shown.append(f"  {bar(status.percentage)}, {counts(picture)}")
    if picture.spec.state_reason is not None:
        shown.append(f"  ({picture.spec.state.value}: {picture.spec.state_reason})")
    sections = (
        ("Waiting for", [status.waiting_for] if status.waiting_for is not None and not picture.over else []),
        ("Held up", [str(hold) for hold in e.holds]),
        ("Waiting until", columns((moment(wait.until, picture.now), wait.what) for wait in e.waits)),
        ("Instances with a problem", trouble_lines(e.group) if e.group is not None else []),
        ("Operator", [] if picture.over else [capitalised(e.sign.message)]),
        ("What to do", list(_advice(e))),
    )
    return in_sections(shown, sections)


def _advice(e: Explained) -> Iterator[str]:
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
    if e.group is not None and e.holds:
        view = e.group.view
        yield f"see what holds the group up: kubectl windlass explain group {view.name} -n {view.namespace}"


# ---- for programs


def values(e: Explained) -> dict[str, Any]:
    """The explanation for programs; times as the API writes them."""
    picture, status, group = e.picture, e.picture.status, e.group
    return {
        "namespace": picture.metadata["namespace"],
        "name": picture.metadata["name"],
        "group": picture.spec.scaling_group,
        "phase": status.phase.value,
        "state": picture.spec.state.value,
        "message": e.message,
        "waitingFor": status.waiting_for,
        "wakeAt": rfc3339(status.wake_at) if status.wake_at is not None else None,
        "holds": [{"reason": hold.code, "message": str(hold)} for hold in e.holds],
        "waits": [{"until": rfc3339(wait.until), "message": wait.what} for wait in e.waits],
        "troubles": [
            {"name": t.name, "state": t.state.value, "problem": t.problem}
            for t in (group.troubles if group is not None else ())
        ],
        "operator": {"state": e.sign.state, "message": e.sign.message},
        "advice": list(_advice(e)),
    }
