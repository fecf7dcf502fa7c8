"""What would become of a group: the operator's own planner, played forward from how the group is now."""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from windlass.api.common import to_wire
from windlass.api.task import Phase
from windlass.cli.text import columns, duration
from windlass.planner.capacity.reasons import (
    ActivityFailed,
    ActivityStarted,
    ActivitySuccessful,
    ActivityWarning,
    TemplateRefused,
)
from windlass.planner.capacity.source import own_data
from windlass.planner.capacity.steps import (
    Adopt,
    ChangeImage,
    ForgetRecord,
    ForgetRevision,
    GroupPlan,
    KeepResults,
    KeepRevision,
    Launch,
    Record,
    Remove,
    RunScript,
    SeedDesired,
    SwitchSource,
    WithdrawRemoval,
    WriteConfiguration,
)
from windlass.planner.capacity.view import GroupView
from windlass.planner.group import plan_group
from windlass.planner.reason import Reason, counted
from windlass.planner.rolling_update.reasons import UpdateEnded, UpdateStarts, UpdateWaits
from windlass.planner.rollout.reasons import RefreshEnded, RefreshStarts, Waits
from windlass.simulate.play import Played, play
from windlass.simulate.start import operator_of, world_of
from windlass.simulate.world import PlayedOperator, World

MOST_STEPS = 20  # of one pass are shown to people, and how many there are more
ENDS = (ActivitySuccessful, ActivityWarning, ActivityFailed)
STANDING = frozenset({Phase.PAUSED, Phase.SUSPENDED, Phase.BAKING})  # else a task waits for what is shown anyway

Acting = (
    SeedDesired
    | KeepRevision
    | ForgetRevision
    | Launch
    | Remove
    | Adopt
    | WriteConfiguration
    | SwitchSource
    | ChangeImage
    | RunScript
)


@dataclass(frozen=True, slots=True)
class Change:
    """One field of the spec that would be another."""

    field: str
    before: object
    after: object

    def __str__(self) -> str:
        return f"{self.field} {_shown(self.before)} → {_shown(self.after)}"


@dataclass(frozen=True, slots=True)
class Forecast:
    """What would become of a group. `after` and `last` are when nothing is left to do, or nothing can be done.

    `refusing`: what the API server says of launches for now; then they are when the first one was refused.
    """

    start: GroupView
    exists: bool
    changes: tuple[Change, ...]
    notes: tuple[str, ...]
    passes: tuple[Played, ...]
    after: GroupView
    last: GroupPlan
    refusing: str | None = None

    @property
    def acts(self) -> bool:
        """Whether anything would be done, bookkeeping apart."""
        return any(True for played in self.passes for _ in acting(played.plan))

    @property
    def launches(self) -> bool:
        """Whether instances would be launched."""
        return any(map(_launches, self.passes))

    @property
    def refused(self) -> bool:
        """Whether the API server refuses the instances that the configuration makes, for good or for now."""
        if self.refusing is not None and self.launches:
            return True
        return any(condition.reason == TemplateRefused.__name__ for condition in self.last.status.conditions)

    @property
    def from_kept(self) -> str | None:
        """The revision that launches are made from though the configuration cannot be used."""
        if own_data(self.start) is not None and self.start.template_problem is None:
            return None
        steps = (step for played in self.passes for step in played.plan.steps)
        return next((step.revision for step in steps if isinstance(step, Launch)), None)

    @property
    def lasts(self) -> timedelta:
        """From now until the last thing is done."""
        moments = [played.at for played in self.passes if played.plan.acts or played.plan.events]
        return max(moments, default=self.start.now) - self.start.now

    @property
    def settled(self) -> bool:
        """Whether nothing is to be done, and nothing that should be is held up."""
        return not self.acts and not self.last.holds


def forecast(
    start: GroupView,
    *,
    exists: bool = True,
    changes: Iterable[Change] = (),
    notes: Iterable[str] = (),
    refusing: str | None = None,
) -> Forecast:
    """Play the group forward. New instances are taken to come into service two seconds after their launch.

    `refusing`: what the API server says of launches for now. The forecast ends where one is refused: how long that
    lasts, nobody knows.
    """
    world, process = world_of(start), operator_of(start)
    world.refusing = refusing
    passes = tuple(_played(world, process))
    after = world.view(process)
    return Forecast(start, exists, tuple(changes), tuple(notes), passes, after, plan_group(after), refusing)


def _played(world: World, process: PlayedOperator) -> Iterator[Played]:
    for played in play(world, process):
        yield played
        if world.refusing is not None and _launches(played):
            yield from play(world, process, until=world.now)
            return


def _launches(played: Played) -> bool:
    return any(isinstance(step, Launch) for step in played.plan.steps)


def acting(plan: GroupPlan) -> Iterator[Acting]:
    """The plan's steps but those that only keep records."""
    return (step for step in plan.steps if not isinstance(step, Record | ForgetRecord | WithdrawRemoval | KeepResults))


def differences(before: Mapping[str, Any], after: Mapping[str, Any], path: str = "spec") -> Iterator[Change]:
    """The fields in which two specs differ."""
    for key in sorted({*before, *after}):
        old, new = before.get(key), after.get(key)
        if isinstance(old, Mapping) and isinstance(new, Mapping):
            yield from differences(old, new, f"{path}.{key}")
        elif old != new:
            yield Change(f"{path}.{key}", old, new)


def _shown(value: object) -> str:
    if isinstance(value, list):
        return f"[{', '.join(map(str, value))}]"
    return "unset" if value is None else str(value)


# ---- for people


def report(f: Forecast) -> list[str]:
    """The plan for one group."""
    place = f"ScalingGroup {f.start.namespace}/{f.start.name}"
    wanted = ", ".join(map(str, f.changes)) or "as it is now"
    lines = [f"{place}: {wanted if f.exists else 'would be created'}"]
    lines += [f"  note: {note}" for note in (*f.notes, *_own_notes(f))]
    lines += columns(list(_timeline(f)), "  ") or ["  nothing would be done"]
    moment = f"after {duration(f.lasts)}" if f.lasts else "now"
    return [*lines, f"  {moment}: {f.last.status.message}{_spread(f.last)}"]


def _own_notes(f: Forecast) -> Iterator[str]:
    if f.from_kept is not None:
        yield f"launches are made from revision {f.from_kept}, the newest that is kept, not from the configuration"
    if f.refusing is not None and f.launches:
        yield f"the API server refuses launches for now, and the plan ends at the first: {f.refusing}"


def _timeline(f: Forecast) -> Iterator[tuple[str, str]]:
    """When (only where it is another time than in the line before), and what is done then."""
    held: set[str] = set()
    shown: datetime | None = None
    for played in f.passes:
        lines = [*_pass_lines(played.plan, f.exists), *_new_holds(played.plan, held)]
        for line in lines:
            offset = duration(played.at - f.start.now)
            yield "" if played.at == shown else "now" if played.at == f.start.now else f"+{offset}", line
            shown = played.at
    for line in _new_holds(f.last, held):
        yield "" if shown else "now", line


def _pass_lines(plan: GroupPlan, exists: bool) -> Iterator[str]:
    if isinstance(plan.why, RefreshEnded):
        yield f"end InstanceRefresh {plan.why.name}: {plan.why.phase}{f' ({plan.why.problem})' if exists else ''}"
    if isinstance(plan.why, UpdateEnded):
        yield f"end RollingUpdate {plan.why.name}: {plan.why.phase} ({plan.why.problem})"
    for event in plan.events:
        if isinstance(event.reason, RefreshStarts):
            starts = event.reason
            by = f" by revision {starts.revision}" if exists else ""
            yield f"start InstanceRefresh {starts.name}: {counted(starts.count, 'instance')} to be replaced{by}"
        elif isinstance(event.reason, UpdateStarts):
            update = event.reason
            what = f"{counted(update.count, 'instance')} in {counted(update.batches, 'batch')}"
            yield f"start RollingUpdate {update.name}: {what}"
        elif isinstance(event.reason, ActivityStarted):
            yield f"begin {event.reason}"
        elif isinstance(event.reason, ENDS):
            yield f"end {event.reason}"
    steps = list(acting(plan))
    yield from (step_line(step, exists) for step in steps[:MOST_STEPS])
    if len(steps) > MOST_STEPS:
        yield f"… and {_summary(steps[MOST_STEPS:])}"


def _new_holds(plan: GroupPlan, held: set[str]) -> list[str]:
    new = [hold for hold in plan.holds if str(hold) not in held and _worth_a_line(plan, hold)]
    held.update(map(str, new))
    return [str(hold) if isinstance(hold, Waits | UpdateWaits) else f"held up: {hold}" for hold in new]


def _worth_a_line(plan: GroupPlan, hold: Reason) -> bool:
    task = plan.status.update if isinstance(hold, UpdateWaits) else plan.status.rollout
    return not isinstance(hold, Waits | UpdateWaits) or (task is not None and task.phase in STANDING)


def step_line(step: Acting, exists: bool = True) -> str:
    """What the step does, and why. A group that does not exist has no uid, which the names of its revisions hang on."""
    match step:
        case SeedDesired():
            return f"set desiredSize to {step.size}: {step.why}"
        case KeepRevision():
            return f"keep {f'revision {step.name}' if exists else 'its first revision'}: {step.why}"
        case ForgetRevision():
            return f"delete revision {step.name}: {step.why}"
        case Launch():
            return f"launch {step.name}{f' in {step.pool.zone}' if step.pool.zone else ''}: {step.why}"
        case Remove():
            return f"remove {step.name}: {step.why}"
        case Adopt():
            return f"adopt {step.name}: {step.why}"
        case WriteConfiguration():
            return f"write ScalingConfiguration {step.name}: {step.why}"
        case SwitchSource():
            return f"make {step.source} the group's own: {step.why}"
        case ChangeImage():
            return f"change {step.name} in place: {step.why}"
        case RunScript():
            return f"run in {step.name}: {step.why}"


def _summary(steps: Collection[Acting]) -> str:
    """`980 launches (zone-a 327, zone-b 327, zone-c 326)`."""
    places = Counter(step.pool.zone or "" for step in steps if isinstance(step, Launch))
    removals = sum(isinstance(step, Remove) for step in steps)
    adopted = sum(isinstance(step, Adopt) for step in steps)
    parts = []
    if places:
        zones = ", ".join(f"{zone} {count}" for zone, count in sorted(places.items()) if zone)
        parts.append(f"{places.total()} more launches" + (f" ({zones})" if zones else ""))
    if removals:
        parts.append(f"{removals} more removals")
    if adopted:
        parts.append(f"{adopted} more adopted")
    if changed := sum(isinstance(step, ChangeImage | RunScript) for step in steps):
        parts.append(f"{changed} more changed in place")
    return ", ".join(parts)


def _spread(plan: GroupPlan) -> str:
    zones = ", ".join(f"{zone.name} {zone.instances}" for zone in plan.status.zones)
    return f" ({zones})" if zones else ""


# ---- for programs


def values(f: Forecast) -> dict[str, Any]:
    """The forecast for programs. `after` is in seconds from now."""
    return {
        "namespace": f.start.namespace,
        "name": f.start.name,
        "exists": f.exists,
        "acts": f.acts,
        "changes": [{"field": c.field, "before": c.before, "after": c.after} for c in f.changes],
        "notes": [*f.notes, *_own_notes(f)],
        "passes": list(_passes(f)),
        "final": {
            "after": f.lasts.total_seconds(),
            "message": f.last.status.message,
            "holds": _reasons(f.last.holds),
            "status": _status(f),
        },
    }


def _status(f: Forecast) -> dict[str, Any]:
    status = to_wire(f.last.status)
    if not f.exists:  # its uid is in the names of its revisions
        del status["currentRevision"], status["revisions"]
    return status


def _passes(f: Forecast) -> Iterator[dict[str, Any]]:
    for played in f.passes:
        steps = [_step_values(step, f.exists) for step in acting(played.plan)]
        events = [event.reason for event in played.plan.events]
        if steps or events or played.plan.holds:
            yield {
                "after": (played.at - f.start.now).total_seconds(),
                "why": _reason(played.plan.why),
                "steps": steps,
                "events": _reasons(events),
                "holds": _reasons(played.plan.holds),
            }


def _step_values(step: Acting, exists: bool) -> dict[str, Any]:
    found: dict[str, Any] = {"step": type(step).__name__, **_reason(step.why)}
    match step:
        case SeedDesired():
            found["size"] = step.size
        case Launch():
            revision = step.revision if exists else None
            found |= {"name": step.name, "zone": step.pool.zone, "revision": revision}
        case KeepRevision():
            found["name"] = step.name if exists else None
        case _:
            found["name"] = step.name
    return found


def _reason(reason: Reason) -> dict[str, str]:
    return {"reason": reason.code, "message": str(reason)}


def _reasons(reasons: Iterable[Reason]) -> list[dict[str, str]]:
    return [_reason(reason) for reason in reasons]
