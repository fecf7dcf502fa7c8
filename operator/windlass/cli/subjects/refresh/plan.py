"""What would become of the refreshes of a group."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from windlass.cli.subjects.group.forecast import Forecast
from windlass.cli.subjects.refresh import REFRESH
from windlass.cli.subjects.task.course import Course
from windlass.planner.reason import counted
from windlass.planner.rollout.reasons import RefreshBatch, RefreshStarts
from windlass.planner.rollout.refresh import Refresh


@dataclass(frozen=True, slots=True)
class RefreshCourse(Course[Refresh]):
    """What would become of one refresh.

    `batches`: at how many moments instances would be launched for it. `replaced`: how many would go from now on.
    """

    kind: ClassVar[str] = REFRESH.kind
    batches: int
    replaced: int

    @property
    def acts(self) -> bool:
        """Whether it would launch instances."""
        return self.batches > 0

    def told(self) -> list[str]:
        """Counts, bounds and checkpoints."""
        status, spec = self.after.status, self.after.spec
        lines = []
        if status.start_time is not None:
            what = f"{counted(self.replaced, 'instance')} to be replaced in {counted(self.batches, 'batch')}"
            lines.append(f"{what}; at least {status.floor} in service, at most {status.ceiling} there")
        pauses = [f"{each} %" for each in spec.checkpoints if each < 100]
        if pauses:
            lines.append(f"checkpoints: {', '.join(pauses)}; a pause of {spec.checkpoint_pause_minutes} min at each")
        return lines

    def own_values(self) -> dict[str, Any]:
        """The same for programs."""
        status = self.after.status
        return {
            "replaced": self.replaced,
            "batches": self.batches,
            "floor": status.floor,
            "ceiling": status.ceiling,
            "checkpoints": list(self.after.spec.checkpoints),
        }


def refresh_courses(plan: Forecast, mine: Mapping[str, str]) -> list[RefreshCourse]:
    """What would become of these refreshes; `mine`: what applying does to each, by name."""
    after = {refresh.name: refresh for refresh in plan.after.refreshes}
    told = [(played.at, event.reason) for played in plan.passes for event in played.plan.events]
    found = []
    for refresh in plan.start.refreshes:
        if refresh.name not in mine:
            continue
        started = [r.count for _, r in told if isinstance(r, RefreshStarts) and r.name == refresh.name]
        batches = {at for at, r in told if isinstance(r, RefreshBatch) and r.name == refresh.name and r.launch}
        replaced = sum(started) if started or refresh.task.final else refresh.status.to_update
        found.append(
            RefreshCourse(
                namespace=plan.start.namespace,
                before=refresh,
                after=after[refresh.name],
                change=mine[refresh.name],
                start=plan.start.now,
                batches=len(batches),
                replaced=replaced,
            )
        )
    return found
