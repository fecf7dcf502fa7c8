"""The update that runs over a group's instances, as it stands: its batch, and what time and people change of it."""

from dataclasses import dataclass, field, replace
from datetime import datetime

from windlass.api.rolling_update import (
    MAX_FAILURES,
    InstanceResult,
    PauseOption,
    UpdateKind,
    UpdateState,
)
from windlass.api.task import Phase
from windlass.api.update_run import UpdateRunStatus
from windlass.planner.capacity.instance import State
from windlass.planner.capacity.ordinals import merged
from windlass.planner.capacity.source import named_source, own_data
from windlass.planner.capacity.view import Census, GroupView
from windlass.planner.digest import digest
from windlass.planner.reason import Reason
from windlass.planner.rolling_update import members
from windlass.planner.rolling_update.batch import Batch, look
from windlass.planner.rolling_update.payload import (
    Command,
    NewImage,
    Payload,
    brings_own,
    earlier_of,
    package_source,
    payload_of,
)
from windlass.planner.rolling_update.reasons import (
    ConfigurationEdited,
    ImageNotWritten,
    ImageOnNobody,
    NobodyInService,
    OthersLeft,
    PackageChanged,
    SourceShared,
    UpdateBroken,
    UpdateCancelled,
    UpdateFailed,
    UpdateSuccessful,
)
from windlass.planner.rolling_update.update import Update

FLOOR = 80  # per cent of the desired size that stay in service while images are changed


@dataclass(frozen=True, slots=True)
class Run:
    """The update as it stands. `update` is None where the object is gone.

    `payload`: what is done on each instance, or why that is not known any more. `ending`: why it ends as soon as what
    was begun has ended, and as what.
    """

    status: UpdateRunStatus
    update: Update | None
    payload: Payload | Reason
    batch: Batch = field(default_factory=Batch)
    ending: tuple[Phase, Reason] | None = None

    @property
    def active(self) -> bool:
        """Whether it has not ended."""
        return self.status.outcome is None

    @property
    def total(self) -> int:
        """How many instances it is about."""
        return members.count(self.status.members)

    @property
    def done(self) -> int:
        """On how many it has succeeded, those of the running batch among them."""
        return self.status.succeeded + self.batch.count(InstanceResult.SUCCEEDED)

    @property
    def over(self) -> bool:
        """Whether nothing of the batch is left to do or to wait for, and something was begun or skipped.

        Nobody is skipped while nothing may begin: its turn may come yet.
        """
        batch = self.batch
        if batch.under_way or batch.again:
            return False
        if self.ending is not None:
            return batch.begun
        if self.status.phase != Phase.RUNNING and (batch.skipped or not batch.begun):
            return False
        return not batch.waiting and self.status.batch <= self.status.batches

    @property
    def spared(self) -> frozenset[str]:
        """The uids of instances that are not replaced because they are not ready: their containers are started anew.

        Those that failed wait for their batch's results, unless more of the batch wait for room.
        """
        if not isinstance(self.payload, NewImage):
            return frozenset()
        under_way = frozenset(each.instance.uid for each in self.batch.under_way)
        return under_way if self.batch.waiting else under_way | self.batch.failed

    @property
    def next_moment(self) -> datetime | None:
        """When time alone changes something."""
        return min((each.until for each in self.batch.under_way if each.until is not None), default=None)


def see_update(view: GroupView, census: Census) -> Run | None:
    """The run of this moment; None where none runs."""
    status = view.status.update
    if status is None:
        return None
    update = next((each for each in view.updates if each.uid == status.uid), None)
    payload = _payload(view, status, update)
    run = Run(status, update, payload)
    if not run.active:
        return run
    if status.committing:
        return _committed(view, run)
    run = replace(run, ending=_ending(run))
    kept = (status.uid, status.batch) in view.results_kept
    batch = _look(view, census, run)
    run = replace(run, batch=batch.closed if kept else batch)
    if run.over and kept:
        run = _folded(run)
        if run.ending is None:
            run = replace(run, batch=_look(view, census, run))
    return _moved_on(view, _with(run, run.status, begun=merged((), run.batch.unfinished)))


def _payload(view: GroupView, status: UpdateRunStatus, update: Update | None) -> Payload | Reason:
    if update is None:
        return UpdateCancelled(status.succeeded, members.count(status.members))
    earlier = None if brings_own(update.spec) else earlier_of(update, view.updates)
    if isinstance(earlier, Reason):
        return earlier
    payload = payload_of(update.spec, earlier, view.packages)
    if isinstance(payload, Command) and status.payload and payload.digest != status.payload:
        return PackageChanged(package_source(update.spec, earlier) or "")
    return payload


def _ending(run: Run) -> tuple[Phase, Reason] | None:
    update, status = run.update, run.status
    if update is None or update.removing or update.spec.state is UpdateState.CANCELLED:
        return Phase.CANCELLED, UpdateCancelled(run.done, run.total)
    if isinstance(run.payload, Reason):
        return Phase.FAILED, UpdateBroken(status.succeeded, run.total, str(run.payload))
    return None


# ---- the batch


def _look(view: GroupView, census: Census, run: Run) -> Batch:
    command = run.payload if isinstance(run.payload, Command) and run.ending is None else None
    return look(view, census, run.status, command)


def _folded(run: Run) -> Run:
    """With the batch that is over counted, and the next one before it."""
    status, batch = run.status, run.batch
    touched = merged(status.touched, batch.touched)
    status = _changed(
        status,
        batch=status.batch + 1,
        succeeded=status.succeeded + batch.count(InstanceResult.SUCCEEDED),
        failed=status.failed + batch.count(InstanceResult.FAILED),
        unknown=status.unknown + batch.count(InstanceResult.UNKNOWN),
        skipped=status.skipped + (len(batch.skipped) if run.ending is None else 0),
        touched=touched,
        begun=(),
        failures=(*status.failures, *batch.told)[:MAX_FAILURES],
        approved_at_failure=run.update.spec.approved_batches if batch.failures and run.update is not None else None,
    )
    return replace(run, status=status, batch=Batch())


# ---- going on


def _moved_on(view: GroupView, run: Run) -> Run:
    update, status = run.update, run.status
    if run.ending is not None:
        ending = _ending(run) or run.ending
        return run if run.batch.begun else ended(run, *ending)
    if update is None:
        return run
    spec = update.spec
    if status.approved_at_failure is not None and spec.approved_batches > status.approved_at_failure:
        status = _changed(status, approved_at_failure=None, accepted=status.failed + status.unknown)
    if not status.members:
        return ended(run, Phase.SUCCESSFUL, NobodyInService())
    if status.batch > status.batches:
        unaccepted = status.failed + status.unknown - status.accepted
        if unaccepted > 0:
            why = UpdateFailed(unaccepted, run.total, first_failure(status))
            return ended(replace(run, status=status), Phase.FAILED, why)
    if spec.state is UpdateState.SUSPENDED or not view.spec.enabled:
        return _with(run, status, phase=Phase.SUSPENDED.value)
    if status.batch > status.batches and status.phase == Phase.RUNNING:
        if spec.kind is UpdateKind.IMAGE and not status.succeeded:
            return ended(replace(run, status=status), Phase.FAILED, ImageOnNobody(named_source(view)))
        if spec.kind is UpdateKind.IMAGE:
            return _committed(view, _with(run, status, committing=True))
        return _successful(view, replace(run, status=status))
    paused = (
        not run.batch.begun and status.batch <= status.batches and _pauses(status, spec.pause, spec.approved_batches)
    )
    return _with(run, status, phase=(Phase.PAUSED if paused else Phase.RUNNING).value)


def _pauses(status: UpdateRunStatus, option: PauseOption, approved: int) -> bool:
    if not 1 < status.batch <= status.batches:
        return False
    if status.approved_at_failure is not None:
        return True
    asked = option is PauseOption.EVERY_BATCH_PAUSE or (option is PauseOption.FIRST_BATCH_PAUSE and status.batch == 2)
    return asked and approved < status.batch


def _committed(view: GroupView, run: Run) -> Run:
    """Whether the group's configuration has the image by now, or somebody has changed it meanwhile."""
    status = run.status
    target = next((r.data for r in view.revisions if r.name == status.to_revision and not r.removing), None)
    own = own_data(view)
    if own is not None and own == target:
        return _successful(view, run)
    if own is None or target is None or own["source"] != target["source"] or digest(own) != status.own:
        return ended(run, Phase.FAILED, ImageNotWritten(str(ConfigurationEdited(named_source(view)))))
    name = str(own["source"]["name"])
    if name in view.sources.shared:
        return ended(run, Phase.FAILED, ImageNotWritten(str(SourceShared(name))))
    return run


def _successful(view: GroupView, run: Run) -> Run:
    status = run.status
    parts = [
        f"{number} {what}"
        for number, what in ((status.failed + status.unknown, "failed"), (status.skipped, "skipped"))
        if number
    ]
    more = f" ({', '.join(parts)})" if parts else ""
    if status.to_revision:
        others = sum(not each.removing and each.revision != status.to_revision for each in view.instances)
        more += f"; {OthersLeft(others, view.name)}" if others else ""
    return ended(run, Phase.SUCCESSFUL, UpdateSuccessful(status.succeeded, more))


def first_failure(status: UpdateRunStatus) -> str:
    """The first failure that nobody has accepted, in its own words; the last that is told where that one is not."""
    told = status.failures[min(status.accepted, len(status.failures) - 1) :][:1]
    return next((f"{each.name}: {each.output or each.result}"[:300] for each in told), "an instance")


def ended(run: Run, phase: Phase, why: Reason) -> Run:
    """The update that is over; its outcome stays until its own status says so."""
    return _with(run, run.status, phase=phase.value, outcome=phase.value, message=str(why)[:1024], committing=False)


def room(census: Census, size: int, run: Run) -> tuple[int, int, int]:
    """How many more instances of a group of this size may be taken out of service now; how many serve, and the floor
    below which none goes."""
    floor = min(-(-size * FLOOR // 100), size - 1)
    busy = {each.instance.uid for each in run.batch.under_way}
    serving = sum(each.uid not in busy for each in census.by_state[State.IN_SERVICE])
    return max(0, serving - max(0, floor)), serving, max(0, floor)


def _with(run: Run, status: UpdateRunStatus, **changes: object) -> Run:
    return replace(run, status=_changed(status, **changes))


def _changed(status: UpdateRunStatus, **changes: object) -> UpdateRunStatus:
    return status.model_copy(update=changes)
