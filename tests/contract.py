"""The contract of conditions: what kstatus, and whoever waits for a condition, rely on."""

from collections.abc import Iterable

from windlass.api.common import Condition


def contract_broken(found: Iterable[Condition], generation: int) -> str | None:
    """The sentence that says how these conditions break the contract, or None."""
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
