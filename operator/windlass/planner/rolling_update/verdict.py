"""What has become of an update on one instance: from its mark, and what its Pod shows since."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from windlass.api.rolling_update import InstanceResult
from windlass.planner.capacity.instance import Instance, State
from windlass.planner.capacity.steps import InstanceOutcome
from windlass.planner.images import SETTLED, same_image
from windlass.planner.rolling_update.mark import Mark
from windlass.planner.rolling_update.payload import Command

SPARE = timedelta(seconds=10)  # after its time limit a script is certainly dead
MOST_OUTPUT = 1024  # characters


@dataclass(frozen=True, slots=True)
class UnderWay:
    """It was begun on the instance and has not ended. `until`: when time alone changes that."""

    instance: Instance
    what: str
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Again:
    """Its script may have run, and is run again now."""

    instance: Instance


Verdict = InstanceOutcome | UnderWay | Again


def of_image(
    instance: Instance, state: State, mark: Mark, now: datetime, timeout: timedelta, *, settled: bool = False
) -> Verdict:
    """Of an instance whose image was changed. `timeout`: how long a container may take to run and be in service.
    `settled`: it has succeeded before, which only a container that crashes since can change.

    Done is what the kubelet reports: that the container runs the image, or was started again since, and goes on for
    ten seconds, in service.
    """
    if mark.result is InstanceResult.FAILED:
        return _ended(instance, mark, mark.result, mark.ended_at or now, mark.output)
    image = mark.image or ""
    new = mark.observed and (same_image(mark.shown_image, image) or mark.shown_restarts > mark.restarts)
    # Where the container ran this image minutes ago, the kubelet holds it back as if it had crashed.
    if mark.crashes and new:
        return _ended(instance, mark, InstanceResult.FAILED, now, mark.trouble or "the container crashes")
    if settled:
        return _ended(instance, mark, InstanceResult.SUCCEEDED, now)
    if new and state is State.IN_SERVICE and mark.running_since is not None:
        certain = mark.running_since + SETTLED
        if now >= certain:
            return _ended(instance, mark, InstanceResult.SUCCEEDED, now)
        return UnderWay(instance, "its container runs; waits whether it goes on", certain)
    lacks = mark.trouble or instance.problem or (f"{image} does not run yet" if not new else "it is not in service")
    due = mark.begun_at + timeout
    if instance.ended or now >= due:
        return _ended(instance, mark, InstanceResult.FAILED, now, lacks)
    return UnderWay(instance, lacks, due)


def of_script(instance: Instance, mark: Mark, command: Command, now: datetime, *, running: bool) -> Verdict:
    """Of an instance in which a script was begun. `running`: this process runs it, or is about to.

    One of which nobody knows whether it ran is not run again, unless it may run twice; then once it is certainly dead.
    """
    if running:
        return UnderWay(instance, f"its script runs since {mark.begun_at:%H:%M:%S}")
    if mark.result in (InstanceResult.SUCCEEDED, InstanceResult.FAILED):
        return _ended(instance, mark, mark.result, mark.ended_at or now, mark.output)
    if not command.again:
        said = mark.output or "Windlass ended while it ran: it may have run to its end, in part, or not at all"
        return _ended(instance, mark, InstanceResult.UNKNOWN, mark.ended_at or now, said)
    dead = mark.begun_at + timedelta(seconds=command.seconds) + SPARE
    return Again(instance) if now >= dead else UnderWay(instance, "the time limit of an earlier try to be over", dead)


def _ended(
    instance: Instance, mark: Mark, result: InstanceResult, ended_at: datetime, output: str = ""
) -> InstanceOutcome:
    kept = "" if result is InstanceResult.SUCCEEDED else output[-MOST_OUTPUT:]
    return InstanceOutcome(instance.name, result, mark.exit_code, kept, mark.begun_at, ended_at)
