"""A stack instance as the tree of its set shows it: there may be ten thousand of them."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from windlass.api.stack_instance import Drift
from windlass.api.stacks import InstancePhase
from windlass.cli.reading import Body

# Those that need a look come first.
_SEVERITY = {
    InstancePhase.FAILED: 0,
    InstancePhase.INOPERABLE: 1,
    InstancePhase.RUNNING: 2,
    InstancePhase.WAITING: 3,
    InstancePhase.CANCELLED: 4,
    InstancePhase.COMPLETE: 6,
}
_DRIFTED = 5


@dataclass(frozen=True, slots=True)
class Leaf:
    """One instance. `state`: where it stands in the operation that it is part of; `since`: when it came to that."""

    namespace: str
    name: str
    uid: str
    resource_version: str
    stack_set: str
    region: str
    account: str
    state: InstancePhase
    drift: Drift
    message: str
    since: datetime

    @property
    def drifted(self) -> bool:
        """Whether it was found to differ from what was deployed."""
        return self.drift is Drift.DRIFTED

    @property
    def complete(self) -> bool:
        """Whether nothing is to be said about it."""
        return self.state is InstancePhase.COMPLETE and not self.drifted

    @property
    def rank(self) -> tuple[int, str]:
        """Smaller: comes first."""
        return (_DRIFTED if self.drifted and self.state is InstancePhase.COMPLETE else _SEVERITY[self.state], self.name)


def to_leaf(body: Body) -> Leaf:
    """An instance as the API server has it."""
    metadata, spec, status = body["metadata"], body["spec"], body.get("status") or {}
    known = status.get("operationUID", "") == spec.get("operationUID", "")
    since = status.get("completionTime") or status.get("startTime") or metadata["creationTimestamp"]
    return Leaf(
        namespace=metadata["namespace"],
        name=metadata["name"],
        uid=metadata["uid"],
        resource_version=metadata.get("resourceVersion", ""),
        stack_set=spec["stackSet"],
        region=spec["region"],
        account=spec["account"],
        state=InstancePhase(status.get("phase", InstancePhase.WAITING)) if known else InstancePhase.WAITING,
        drift=Drift(status.get("drift", Drift.NOT_CHECKED)),
        message=status.get("message", ""),
        since=datetime.fromisoformat(since),
    )


def by_region(leaves: Iterable[Leaf]) -> dict[str, list[Leaf]]:
    """The regions by name, and in each of them first those that need a look."""
    found: dict[str, list[Leaf]] = {}
    for leaf in leaves:
        found.setdefault(leaf.region, []).append(leaf)
    return {region: sorted(those, key=lambda leaf: leaf.rank) for region, those in sorted(found.items())}


def counts(leaves: Iterable[Leaf]) -> dict[str, int]:
    """How many stand how, in the states' own order, those that nobody is in left out; and how many have drifted."""
    leaves = list(leaves)
    number = Counter(leaf.state for leaf in leaves)
    drifted = sum(leaf.drifted for leaf in leaves)
    found = {str(state): number[state] for state in InstancePhase if number[state]}
    return found | ({str(Drift.DRIFTED): drifted} if drifted else {})
