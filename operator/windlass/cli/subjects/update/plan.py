"""What would become of the updates of a group: which instances in which batch, and how many at once."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar

from windlass.api.ordinals import OrdinalRange
from windlass.api.rolling_update import PauseOption, UpdateKind
from windlass.api.update_run import UpdateRunStatus
from windlass.cli.subjects.group.forecast import Forecast
from windlass.cli.subjects.task.course import Course
from windlass.cli.subjects.update import UPDATE
from windlass.cli.subjects.update.picture import change_of
from windlass.planner.capacity.ordinals import merged
from windlass.planner.group import see
from windlass.planner.reason import counted
from windlass.planner.rolling_update import members
from windlass.planner.rolling_update.run import room
from windlass.planner.rolling_update.update import Update

MOST_BATCHES = 10  # are told by their instances
MOST_RANGES = 5  # of names in one batch


@dataclass(frozen=True, slots=True)
class UpdateCourse(Course[Update]):
    """What would become of one update. `dealt`: the ordinals of each batch, in their order.

    `floor`: how many instances stay in service meanwhile; None: as many as there are, or nobody looks.
    """

    kind: ClassVar[str] = UPDATE.kind
    group: str
    dealt: tuple[tuple[OrdinalRange, ...], ...]
    floor: int | None

    @property
    def acts(self) -> bool:
        """Whether it would change an instance."""
        return bool(self.dealt) and not self.was_over

    @property
    def pauses(self) -> list[int]:
        """The batches before which it waits for a person, whatever comes of those before."""
        spec = self.after.spec
        last = {PauseOption.AUTOMATIC: 1, PauseOption.FIRST_BATCH_PAUSE: 2}.get(spec.pause, len(self.dealt))
        return [number for number in range(2, min(last, len(self.dealt)) + 1) if number > spec.approved_batches]

    def told(self) -> list[str]:
        """What is done in which batches, and where it waits for a person."""
        spec, total = self.after.spec, sum(map(members.count, self.dealt))
        bound = "" if self.floor is None else f"; at least {self.floor} in service"
        lines = []
        if self.after.status.start_time is not None:
            what = f"{counted(total, 'instance')} in {counted(len(self.dealt), 'batch')}"
            lines.append(f"{spec.kind.value} ({change_of(spec)}): {what}{bound}")
        for number, batch in enumerate(self.dealt[:MOST_BATCHES], start=1):
            lines.append(f"batch {number}: {named(self.group, batch)}")
        if len(self.dealt) > MOST_BATCHES:
            lines.append(f"… and {counted(len(self.dealt) - MOST_BATCHES, 'more batch')}")
        if self.pauses:
            way = f"kubectl windlass approve {self.before.name} -n {self.namespace}"
            lines.append(f"it waits for a person before batch {_numbers(self.pauses)}: {way}")
        return lines

    def own_values(self) -> dict[str, Any]:
        """The same for programs."""
        return {
            "kind": self.after.spec.kind.value,
            "total": sum(map(members.count, self.dealt)),
            "batches": len(self.dealt),
            "dealt": [list(_names(self.group, batch)) for batch in self.dealt],
            "pauses": self.pauses,
            "floor": self.floor,
        }


def update_courses(plan: Forecast, mine: Mapping[str, str]) -> list[UpdateCourse]:
    """What would become of these updates; `mine`: what applying does to each, by name."""
    after = {update.name: update for update in plan.after.updates}
    return [
        _course(plan, update, after[update.name], mine[update.name])
        for update in plan.start.updates
        if update.name in mine
    ]


def _course(plan: Forecast, before: Update, after: Update, change: str) -> UpdateCourse:
    run = _run(plan, before)
    dealt: tuple[tuple[OrdinalRange, ...], ...] = ()
    if run is not None:
        ordinals = (tuple(members.batch(run.members, run.batches, n)) for n in range(1, run.batches + 1))
        dealt = tuple(merged((), batch) for batch in ordinals)
    return UpdateCourse(
        namespace=plan.start.namespace,
        before=before,
        after=after,
        change=change,
        start=plan.start.now,
        group=plan.start.name,
        dealt=dealt,
        floor=_floor(plan, before, run),
    )


def _run(plan: Forecast, update: Update) -> UpdateRunStatus | None:
    """What the group remembers of it while it runs; None where it would not begin."""
    statuses = (plan.start.status, *(played.plan.status for played in plan.passes))
    return next((s.update for s in statuses if s.update is not None and s.update.uid == update.uid), None)


def _floor(plan: Forecast, update: Update, run: UpdateRunStatus | None) -> int | None:
    if run is None or update.spec.kind is not UpdateKind.IMAGE or update.spec.batches == 1:
        return None
    situation = see(replace(plan.start, status=plan.start.status.model_copy(update={"update": run})))
    if situation.update is None:
        return None
    _, _, floor = room(situation.census, situation.desired, situation.update)
    return floor


def named(group: str, ordinals: Sequence[OrdinalRange]) -> str:
    """`web-0 to web-4, web-7 (6 instances)`."""
    parts = [_part(group, each) for each in ordinals[:MOST_RANGES]]
    more = f" and {len(ordinals) - MOST_RANGES} more ranges" if len(ordinals) > MOST_RANGES else ""
    return f"{', '.join(parts)}{more} ({counted(members.count(ordinals), 'instance')})"


def _part(group: str, part: OrdinalRange) -> str:
    first, last = f"{group}-{part.first}", f"{group}-{part.first + part.count - 1}"
    return first if part.count == 1 else f"{first}, {last}" if part.count == 2 else f"{first} to {last}"


def _names(group: str, ordinals: Iterable[OrdinalRange]) -> Iterator[str]:
    return (f"{group}-{number}" for part in ordinals for number in range(part.first, part.first + part.count))


def _numbers(numbers: Sequence[int]) -> str:
    """`2`, `2 and 3`, `2 to 5`: they follow each other."""
    if len(numbers) == 1:
        return str(numbers[0])
    return f"{numbers[0]} {'and' if len(numbers) == 2 else 'to'} {numbers[-1]}"
