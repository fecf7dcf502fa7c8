"""Conditions, by kstatus' contract.

`Ready` is always there; on the first pass it is Unknown where there is something to do. `Reconciling` and `Stalled`
are there only while True, and never both; neither is there beside a True `Ready`, nor where something is wanted and
nothing is done about it (Idle). A transition time moves only when the status does. Tools that know nothing of us (Flux,
Helm, Argo CD, `kubectl wait`) read nothing else.
"""

from collections.abc import Iterable
from datetime import datetime
from typing import Literal

from windlass.api.common import Condition
from windlass.planner.reason import Reason

Readiness = Literal["Ready", "Reconciling", "Stalled", "Idle"]
Status = Literal["True", "False", "Unknown"]


def conditions(
    readiness: Readiness,
    reason: Reason,
    message: str,
    *,
    old: Iterable[Condition],
    generation: int,
    now: datetime,
    also: Iterable[str] = (),
) -> tuple[Condition, ...]:
    """The conditions of an object that stands so for this reason. `also`: more of them that are True."""
    before = {condition.type: condition for condition in old}
    not_ready: Status = "Unknown" if readiness == "Reconciling" and not before else "False"
    wanted: list[tuple[str, Status]] = [("Ready", "True" if readiness == "Ready" else not_ready)]
    if readiness in {"Reconciling", "Stalled"}:
        wanted.append((readiness, "True"))
    wanted += [(name, "True") for name in also]
    made = []
    for name, status in wanted:
        last = before.get(name)
        since = last.last_transition_time if last and last.status == status else now
        made.append(
            Condition.model_construct(
                type=name,
                status=status,
                reason=reason.code,
                message=message,
                last_transition_time=since,
                observed_generation=generation,
            )
        )
    return tuple(made)
