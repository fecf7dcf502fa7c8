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
    readiness: Readiness, reason: Reason, message: str, *, old: Iterable[Condition], generation: int, now: datetime
) -> tuple[Condition, ...]:
    """The conditions of an object that stands so for this reason."""
    before = {condition.type: condition for condition in old}
    not_ready: Status = "Unknown" if readiness == "Reconciling" and not before else "False"
    wanted: list[tuple[str, Status]] = [("Ready", "True" if readiness == "Ready" else not_ready)]
    if readiness in {"Reconciling", "Stalled"}:
        wanted.append((readiness, "True"))
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


def contract_broken(found: Iterable[Condition], generation: int) -> str | None:
    """The sentence that says how these conditions break the contract, or None. For tests."""
    by_type = {condition.type: condition for condition in found}
    if "Ready" not in by_type:
        return "there is no Ready condition"
    special = [name for name in ("Reconciling", "Stalled") if name in by_type]
    if len(special) > 1:
        return "Reconciling and Stalled are both there"
    if special and by_type[special[0]].status != "True":
        return f"{special[0]} is there and not True"
    if special and by_type["Ready"].status == "True":
        return f"Ready and {special[0]} are both True"
    ahead = [c.type for c in by_type.values() if c.observed_generation > generation]
    return f"{ahead[0]} speaks of a generation that does not exist yet" if ahead else None
