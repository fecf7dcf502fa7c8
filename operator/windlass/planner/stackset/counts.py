"""How far an operation is: its instances by region and phase, and the counts that its status tells."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import Enum

from windlass.api.stack_set_operation import RegionProgress, StackSetOperationStatus
from windlass.api.stacks import InstancePhase
from windlass.planner.stackset.dispatch import RegionCount
from windlass.planner.stackset.view import StackInstance

_FAILED = frozenset({InstancePhase.FAILED, InstancePhase.INOPERABLE})


class Missing(Enum):
    """What has become of the instances of a region that are not part of the operation: fewer are than it is about."""

    NOT_MARKED = "they are still to be marked"
    DELETED = "they are not there any more, or never will be: what was to be done with them is cancelled"
    REMOVED = "they are not there any more, which is what the operation is about"


@dataclass(frozen=True, slots=True)
class Region:
    """One region: what the operation's status says of it, and its marked instances by their phase in the operation."""

    progress: RegionProgress
    instances: Mapping[InstancePhase, list[StackInstance]]

    @property
    def waiting(self) -> list[StackInstance]:
        """Those whose turn has not come."""
        return self.instances.get(InstancePhase.WAITING, [])

    @property
    def count(self) -> RegionCount:
        """What `turn` reads of it."""
        return RegionCount(
            tolerance=self.progress.tolerance,
            concurrency=self.progress.concurrency,
            waiting=self._number(InstancePhase.WAITING),
            running=self._number(InstancePhase.RUNNING),
            failed=self._failed,
        )

    def counted(self, missing: Missing) -> RegionProgress:
        """What the status says of it now."""
        succeeded, cancelled = self._number(InstancePhase.COMPLETE), self._number(InstancePhase.CANCELLED)
        running, failed = self._number(InstancePhase.RUNNING), self._failed
        absent = max(0, self.progress.total - failed - cancelled - running - len(self.waiting) - succeeded)
        if missing is Missing.REMOVED:
            succeeded += absent
        elif missing is Missing.DELETED:
            cancelled += absent
        return self.progress.model_copy(
            update={"succeeded": succeeded, "failed": failed, "cancelled": cancelled, "running": running}
        )

    @property
    def _failed(self) -> int:
        """One that failed and was deleted since has failed all the same."""
        return max(self.progress.failed, self._number(*_FAILED))

    def _number(self, *phases: InstancePhase) -> int:
        return sum(len(self.instances.get(phase, ())) for phase in phases)


def by_region(status: StackSetOperationStatus, marked: Iterable[StackInstance], operation: str) -> tuple[Region, ...]:
    """The regions of the status, with the instances that are part of the operation of this uid."""
    found: dict[str, dict[InstancePhase, list[StackInstance]]] = {each.region: {} for each in status.regions}
    for each in marked:
        if each.place.region in found:
            found[each.place.region].setdefault(each.state_in(operation), []).append(each)
    return tuple(Region(each, found[each.region]) for each in status.regions)


def with_counts(
    status: StackSetOperationStatus, regions: Iterable[Region], missing: Missing
) -> StackSetOperationStatus:
    """The status with what is counted now."""
    told = tuple(region.counted(missing) for region in regions)
    succeeded, failed = sum(each.succeeded for each in told), sum(each.failed for each in told)
    cancelled = sum(each.cancelled for each in told)
    over = succeeded + failed + cancelled
    return status.model_copy(
        update={
            "regions": told,
            "succeeded": succeeded,
            "failed": failed,
            "cancelled": cancelled,
            "percentage": min(100, 100 * over // status.total) if status.total else 100,
        }
    )
