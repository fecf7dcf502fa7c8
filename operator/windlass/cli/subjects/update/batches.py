"""The batches of an update as they are now: from what is kept of those that are over, and the marks of instances."""

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from windlass.api.common import UPDATE_LABEL
from windlass.api.rolling_update import InstanceResult, RollingUpdateSpec, RollingUpdateStatus
from windlass.api.task import Phase
from windlass.api.update_run import UpdateRunStatus
from windlass.cli.reading import Body
from windlass.cli.subjects.group.instances import scripts_running
from windlass.planner.capacity.instance import Instance
from windlass.planner.capacity.steps import InstanceOutcome
from windlass.planner.capacity.view import GroupView, take_census
from windlass.planner.rolling_update import batch as planner
from windlass.planner.rolling_update.members import batch_sizes
from windlass.planner.rolling_update.payload import Command
from windlass.planner.tasks import FINAL

RUNNING, WAITING = "Running", "Waiting"
OVER, PAUSED, NEVER = "Over", "Paused", "NotBegun"
MOST_WORDS = 200  # characters of what a script said last; programs get all that is kept
FIRST = (InstanceResult.FAILED.value, InstanceResult.UNKNOWN.value, RUNNING, WAITING, InstanceResult.SKIPPED.value)


@dataclass(frozen=True, slots=True)
class Member:
    """An instance of the batch that runs. `state`: its result, or Running or Waiting. `info`: what is to be said."""

    name: str
    state: str
    zone: str = ""
    since: datetime | None = None
    exit_code: int | None = None
    info: str = ""


@dataclass(frozen=True, slots=True)
class Batch:
    """One batch. `results`: how many of its instances ended how, None where that is not known.

    `members`: its instances, while it runs; first those that need to be looked at.
    """

    number: int
    size: int
    state: str
    results: Counter[InstanceResult] | None = None
    members: tuple[Member, ...] = ()


Results = Mapping[int, Counter[InstanceResult]]  # by batch


def kept_results(uid: str, name: str, pages: Iterable[Body]) -> Results:
    """How many instances of each batch ended how, from the ConfigMaps that the update of this uid controls."""
    found: defaultdict[int, Counter[InstanceResult]] = defaultdict(Counter)
    for page in pages:
        metadata = page["metadata"]
        owned = any(owner["uid"] == uid for owner in metadata.get("ownerReferences") or ())
        number = metadata["name"].removeprefix(f"{name}-").partition("-")[0]
        if owned and number.isdecimal():
            found[int(number)].update(_result(text) for text in (page.get("data") or {}).values())
    return found


def _result(text: str) -> InstanceResult:
    """Unknown where somebody wrote something else there."""
    try:
        return InstanceResult(json.loads(text)["result"])
    except (ValueError, KeyError, TypeError):
        return InstanceResult.UNKNOWN


def label_of(name: str) -> str:
    """The selector of the ConfigMaps with results of the update of this name."""
    return f"{UPDATE_LABEL}={name}"


def batches_of(status: RollingUpdateStatus, results: Results, running: Sequence[Member]) -> tuple[Batch, ...]:
    """All batches of an update. `running`: the instances of the one that runs; none where none does."""
    return tuple(
        _batch(number, size, status, results, running)
        for number, size in enumerate(batch_sizes(status.total, status.batches), start=1)
    )


def _batch(number: int, size: int, status: RollingUpdateStatus, results: Results, running: Sequence[Member]) -> Batch:
    over = status.phase in FINAL
    if number < status.batch or (number == status.batch and (over or not running)):
        return Batch(number, size, OVER, results.get(number))
    if number == status.batch:
        there = Counter(InstanceResult(each.state) for each in running if each.state not in {RUNNING, WAITING})
        return Batch(number, size, RUNNING, there, tuple(running))
    paused = status.phase is Phase.PAUSED and number == status.batch + 1
    return Batch(number, size, NEVER if over else PAUSED if paused else WAITING)


def members_of(view: GroupView, run: UpdateRunStatus, spec: RollingUpdateSpec) -> tuple[Member, ...]:
    """The instances of the batch that runs, none before it has begun; first those that need to be looked at.

    A script whose end nobody has noted is taken to run.
    """
    running = scripts_running(view.instances, run.uid)
    seen = planner.look(replace(view, scripts_running=running), take_census(view), run, _again(spec))
    if not seen.begun:
        return ()
    by_name = {instance.name: instance for instance in view.instances}
    found = [
        *(_ended(each, by_name.get(each.name)) for each in seen.outcomes),
        *(_member(each.instance, RUNNING, each.what) for each in seen.under_way),
        *(_member(each, RUNNING, "its script is run again") for each in seen.again),
        *(_member(each, WAITING) for each in seen.waiting),
        *(Member(name, InstanceResult.SKIPPED.value, info="gone, or not in service") for name in seen.skipped),
    ]
    places = {state: place for place, state in enumerate(FIRST)}
    return tuple(sorted(found, key=lambda each: places.get(each.state, len(places))))


def _again(spec: RollingUpdateSpec) -> Command | None:
    """What tells whether a script may run twice; None where the update that is undone says that."""
    script = spec.script or spec.package
    return Command(None, (), script.timeout_seconds, script.idempotent) if script is not None else None


def _ended(outcome: InstanceOutcome, instance: Instance | None) -> Member:
    zone = instance.zone or "" if instance is not None else ""
    said = last_words(outcome.exit_code, outcome.output)
    return Member(outcome.name, outcome.result.value, zone, outcome.started_at, outcome.exit_code, said)


def _member(instance: Instance, state: str, what: str = "") -> Member:
    mark = instance.mark
    since = mark.begun_at if mark is not None and state == RUNNING else None
    return Member(instance.name, state, instance.zone or "", since, info=what)


def last_words(exit_code: int | None, output: str) -> str:
    """`exit code 3: no space left on device`: the end of the output, on one line."""
    code = f"exit code {exit_code}" if exit_code else ""
    line = " ".join(output.split())
    cut = line if len(line) <= MOST_WORDS else f"… {line[-MOST_WORDS:]}"
    return ": ".join(filter(None, (code, cut)))
