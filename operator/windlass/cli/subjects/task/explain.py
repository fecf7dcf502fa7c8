"""Why a task of a group is as it is: what every kind of task has in common."""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from windlass.api.common import rfc3339
from windlass.cli.operator_sign import Sign, last_change, read_leases, sign_of
from windlass.cli.reading import Body
from windlass.cli.subjects.group.explain import trouble_lines
from windlass.cli.subjects.group.explanation import Explanation, Wait, explain
from windlass.cli.subjects.group.instances import find_group
from windlass.cli.subjects.group.observing import observe_live
from windlass.cli.subjects.task.standing import TaskPicture
from windlass.cli.text import capitalised, columns, in_sections, moment
from windlass.cluster.client import Client
from windlass.planner.reason import Reason
from windlass.planner.rolling_update.reasons import UpdateWaits
from windlass.planner.rollout.reasons import Waits

P = TypeVar("P", bound=TaskPicture)


@dataclass(frozen=True, slots=True)
class Explained(Generic[P]):
    """All that can be said about a task. `group`: the explanation of its group, None where there is none, or where the
    task is over and the group tells nothing of it. `missing`: that there is no group, where there is none."""

    picture: P
    group: Explanation | None
    missing: Reason | None
    sign: Sign

    @property
    def holds(self) -> tuple[Reason, ...]:
        """What the group would do and may not, while the task is on its way."""
        holds = self.group.holds if self.group is not None else ()
        return tuple(hold for hold in holds if not isinstance(hold, Waits | UpdateWaits))

    @property
    def waits(self) -> tuple[Wait, ...]:
        """What happens to its group by itself."""
        return self.group.waits if self.group is not None and not self.picture.over else ()

    @property
    def message(self) -> str:
        """The most useful sentence about it."""
        return self.picture.message if self.missing is None or self.picture.over else str(self.missing)


async def explain_task(client: Client, body: Body, picture: P, missing: Callable[[str], Reason]) -> Explained[P]:
    """Explain the task that was read so; `picture` is made of it. `missing`: what is said where it has no group."""
    metadata = body["metadata"]
    leases, group = await asyncio.gather(
        read_leases(client), find_group(client, metadata["namespace"], picture.spec.scaling_group)
    )
    explanation = None
    if group is not None and not picture.over:
        view, records, _ = await observe_live(client, group, picture.now)
        explanation = explain(view, group["metadata"], records, leases)
    looked_at = picture.over or picture.status.observed_generation >= metadata["generation"]
    sign = sign_of(leases, looked_at=looked_at, changed=last_change(metadata), now=picture.now)
    return Explained(picture, explanation, missing(picture.spec.scaling_group) if group is None else None, sign)


# ---- for people


def in_lines(
    e: Explained[P],
    head: Sequence[str],
    waits: Iterable[Wait],
    advice: Iterable[str],
    more: Iterable[tuple[str, Sequence[str]]] = (),
) -> list[str]:
    """The head, and section by section what is to be said; `more`: sections of this kind of task alone."""
    picture = e.picture
    status = picture.status
    sections = (
        ("Waiting for", [status.waiting_for] if status.waiting_for is not None and not picture.over else []),
        ("Held up", [str(hold) for hold in e.holds]),
        ("Waiting until", columns((moment(wait.until, picture.now), wait.what) for wait in waits)),
        *more,
        ("Instances with a problem", trouble_lines(e.group) if e.group is not None else []),
        ("Operator", [] if picture.over else [capitalised(e.sign.message)]),
        ("What to do", list(advice)),
    )
    return in_sections(head, sections)


def see_group(e: Explained[P]) -> list[str]:
    """Where to look for what holds the group up, if anything does."""
    if e.group is None or not e.holds:
        return []
    view = e.group.view
    return [f"see what holds the group up: kubectl windlass explain group {view.name} -n {view.namespace}"]


# ---- for programs


def values(e: Explained[P], state: str, waits: Iterable[Wait], advice: Iterable[str]) -> dict[str, Any]:
    """What is the same for every kind of task; times as the API writes them. `state`: what is wanted of it."""
    picture, group = e.picture, e.group
    return {
        "namespace": picture.metadata["namespace"],
        "name": picture.metadata["name"],
        "group": picture.spec.scaling_group,
        "phase": picture.status.phase.value,
        "state": state,
        "message": e.message,
        "waitingFor": picture.status.waiting_for,
        "holds": [{"reason": hold.code, "message": str(hold)} for hold in e.holds],
        "waits": [{"until": rfc3339(wait.until), "message": wait.what} for wait in waits],
        "troubles": [
            {"name": t.name, "state": t.state.value, "problem": t.problem}
            for t in (group.troubles if group is not None else ())
        ],
        "operator": {"state": e.sign.state, "message": e.sign.message},
        "advice": list(advice),
    }
