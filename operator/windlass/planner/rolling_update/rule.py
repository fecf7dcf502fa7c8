"""The rule that runs an update over a group's instances: it starts, goes on batch by batch, and is committed."""

from collections.abc import Callable
from dataclasses import replace

from windlass.api.ordinals import OrdinalRange
from windlass.api.rolling_update import InstanceResult
from windlass.api.rollout import FinishedRollout
from windlass.api.task import Phase
from windlass.api.update_run import UpdateRunStatus
from windlass.planner.capacity.instance import Instance, State
from windlass.planner.capacity.ordinals import merged
from windlass.planner.capacity.revisions import new_revision
from windlass.planner.capacity.situation import Decision, Hold, Situation
from windlass.planner.capacity.source import own_data
from windlass.planner.capacity.steps import ChangeImage, InstanceOutcome, KeepResults, RunScript, WriteConfiguration
from windlass.planner.digest import digest
from windlass.planner.plan import Event
from windlass.planner.reason import Reason
from windlass.planner.rolling_update import members
from windlass.planner.rolling_update.line import next_update
from windlass.planner.rolling_update.payload import Command, NewImage, container_of
from windlass.planner.rolling_update.reasons import (
    ImageChanges,
    NewForUpdate,
    ResultsKept,
    ScriptRuns,
    UpdateBatch,
    UpdateEnded,
    UpdateStarts,
    UpdateWaits,
    WritingImage,
)
from windlass.planner.rolling_update.run import Run
from windlass.planner.rolling_update.waiting import room_left, why_waiting
from windlass.planner.tasks import FINAL, WELL

MOST_AT_ONCE = 256  # instances that one pass begins with


def update_instances(s: Situation) -> Decision | Hold | None:
    """The rule: instances are changed as a RollingUpdate asks for."""
    run = s.update
    if run is None:
        return _start(s)
    if not run.active:
        return _close(s, run)
    if run.status.committing:
        return _commit(s, run)
    if run.over:
        return _keep_results(s, run)
    if run.status.batch > run.status.batches and run.status.phase == Phase.RUNNING:
        return Decision(s.memory, UpdateWaits(run.status.name, str(why_waiting(s, run))))  # the next pass ends it
    return _next(s, run)


# ---- its beginning and its end


def _start(s: Situation) -> Decision | None:
    """The first in line starts, once what an image makes of the instances is kept."""
    if s.memory.rollout is not None:
        return None
    found = next_update(s.view)
    if found is None:
        return None
    update, beginning = found
    kept = ""
    if beginning.data is not None:
        revision = next((r for r in s.view.revisions if r.data == beginning.data and not r.removing), None)
        if revision is None:
            why = NewForUpdate(update.name)
            return Decision(s.memory, why, (new_revision(s.view, beginning.data, why, update.uid),))
        kept = revision.name
    chosen = _members(s, beginning.among)
    own = own_data(s.view)
    status = UpdateRunStatus(
        name=update.name,
        uid=update.uid,
        digest=update.digest,
        started_at=s.now,
        members=chosen,
        batches=len(members.batch_sizes(members.count(chosen), update.spec.batches or 1)),
        payload=beginning.payload.digest if isinstance(beginning.payload, Command) else "",
        from_revision=s.revision.name if s.revision is not None and kept else "",
        to_revision=kept,
        own=digest(own) if own is not None and kept else "",
    )
    starts = UpdateStarts(update.name, members.count(chosen), status.batches)
    return Decision(replace(s.memory, update=status), starts, events=(Event("Normal", starts),))


def _members(s: Situation, among: tuple[OrdinalRange, ...] | None) -> tuple[OrdinalRange, ...]:
    """The ordinals of those in service; `among`: of these alone."""
    serving = {each.ordinal for each in s.census.by_state[State.IN_SERVICE] if each.ordinal >= 0}
    return merged((), serving if among is None else members.within(among, serving))


def _close(s: Situation, run: Run) -> Decision | None:
    """It is forgotten once its own status says how it ended; the end is told when it comes."""
    status = run.status
    outcome = Phase(status.outcome or Phase.FAILED)
    if run.update is not None and run.update.status.phase not in FINAL:
        return None
    ends = UpdateEnded(status.name, outcome.value, status.message)
    over = FinishedRollout(name=status.name, uid=status.uid, digest=status.digest, outcome=outcome.value)
    finished = (*s.memory.finished_rollouts, over)[-s.spec.history_limit :]
    told = Event("Normal" if outcome in WELL else "Warning", ends)
    return Decision(replace(s.memory, update=None, finished_rollouts=finished), ends, events=(told,))


# ---- its course


def _next(s: Situation, run: Run) -> Decision | Hold:
    status = run.status
    chosen = _to_begin(s, run)
    if not chosen or run.update is None:
        return Hold(UpdateWaits(status.name, str(why_waiting(s, run))))
    payload = run.payload
    steps: tuple[ChangeImage | RunScript, ...] = ()
    if isinstance(payload, NewImage):
        how = f"to run {payload.image}"
        container = _containers(s, payload)(run.status.to_revision)
        steps = tuple(_change(run, payload, instance, container) for instance in chosen)
    elif isinstance(payload, Command):
        how = "to run the script"
        container_in = _containers(s, payload)
        steps = tuple(_script(run, payload, instance, container_in(instance.revision)) for instance in chosen)
    else:
        return Hold(UpdateWaits(status.name, str(payload)))
    cause = UpdateBatch(status.name, status.batch, status.batches, len(chosen), how)
    begun = run.status.model_copy(update={"begun": merged(run.status.begun, [each.ordinal for each in chosen])})
    return Decision(replace(s.memory, update=begun), cause, steps, (Event("Normal", cause, apart=True),))


def _to_begin(s: Situation, run: Run) -> tuple[Instance, ...]:
    if run.status.phase != Phase.RUNNING or run.ending is not None or run.update is None:
        return ()
    waiting = run.batch.waiting
    if isinstance(run.payload, NewImage) and run.update.spec.batches != 1:
        free, _, _ = room_left(s, run)
        waiting = waiting[:free]
    return (*run.batch.again, *waiting)[:MOST_AT_ONCE]


def _containers(s: Situation, payload: NewImage | Command) -> Callable[[str], str]:
    """Tells the name of the container that it is about in instances made from a revision; empty where nothing tells."""
    known = {r.name: container_of(payload, r.data["configuration"]) for r in s.view.revisions}
    usual = known.get(s.revision.name) if s.revision is not None else payload.container
    return lambda revision: known.get(revision) or usual or ""


def _change(run: Run, payload: NewImage, instance: Instance, container: str) -> ChangeImage:
    why = ImageChanges(run.status.name, container, payload.image)
    same = instance.revision in (run.status.from_revision, run.status.to_revision)
    revision = run.status.to_revision if same else None
    return ChangeImage(instance.name, instance.uid, container, payload.image, run.status.uid, revision, why)


def _script(run: Run, payload: Command, instance: Instance, container: str) -> RunScript:
    mark = instance.mark
    return RunScript(
        name=instance.name,
        uid=instance.uid,
        container=container,
        command=payload.arguments,
        environment=payload.environment,
        seconds=payload.seconds,
        update=run.status.uid,
        instead_of=mark.run if mark is not None and mark.update == run.status.uid else "",
        why=ScriptRuns(run.status.name, container),
    )


def _keep_results(s: Situation, run: Run) -> Decision:
    """The results of the batch, each once; counted by a later pass, when they are kept."""
    status, batch = run.status, run.batch
    skipped = () if run.ending is not None else batch.skipped
    outcomes = (*batch.outcomes, *(InstanceOutcome(name, InstanceResult.SKIPPED) for name in skipped))
    why = ResultsKept(status.name, status.batch)
    return Decision(s.memory, why, (KeepResults(status.name, status.uid, status.batch, outcomes, why),))


def _commit(s: Situation, run: Run) -> Decision | None:
    """The image is written into the group's own configuration."""
    target = next((r.data for r in s.view.revisions if r.name == run.status.to_revision), None)
    own = own_data(s.view)
    if target is None or own is None:
        return None
    name = str(target["source"]["name"])
    why: Reason = WritingImage(run.status.name, name)
    return Decision(s.memory, why, (WriteConfiguration(name, own["configuration"], target["configuration"], why),))
