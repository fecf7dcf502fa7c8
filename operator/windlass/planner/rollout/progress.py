"""What time, the instances and people change in a rollout, before anything is done: its phase, and how it ends."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from windlass.api.processes import Process
from windlass.api.rollout import RolloutStatus
from windlass.api.task import Phase, Wanted
from windlass.planner.capacity.instance import State
from windlass.planner.capacity.source import followed, own_data
from windlass.planner.capacity.view import Census, GroupView
from windlass.planner.digest import digest
from windlass.planner.launch_template.versions import follows
from windlass.planner.reason import Reason
from windlass.planner.rollout.budget import finished
from windlass.planner.rollout.checkpoints import Progress, advance
from windlass.planner.rollout.desired import desired_data, is_own
from windlass.planner.rollout.reasons import (
    AskedFor,
    BakingFailed,
    CannotGoBack,
    NoEarlierConfiguration,
    NoProgress,
    NotCommitted,
    RefreshCancelled,
    RefreshOutrun,
    RefreshRolledBack,
    RefreshSuccessful,
    RevisionGone,
    RollbackCancelled,
    SourceChanged,
)
from windlass.planner.rollout.reasons_template import CannotGoBackToWord, VersionReplaced
from windlass.planner.rollout.refresh import Refresh
from windlass.planner.rollout.rollout import NOT_IN_SERVICE, Rollout, counted, size_there
from windlass.planner.rollout.waiting import deadline, why_waiting

STOPPED = (Phase.SUSPENDED, Phase.PAUSED)


def see_rollout(view: GroupView, census: Census, desired: int) -> Rollout | None:
    """The rollout of this moment; None where none runs. `desired`: the group's size."""
    status = view.status.rollout
    if status is None:
        return None
    refresh = next((each for each in view.refreshes if each.uid == status.uid), None)
    shrinks = not view.suspends(Process.SCALE_IN)
    if status.outcome is None:
        status = _changed(status, size=size_there(census, desired, status.size, shrinks=shrinks))
    size = desired if shrinks else max(desired, status.size)
    rollout = counted(census, size, status, refresh)
    return rollout if status.outcome is not None else _Looking(view, census, desired, size, shrinks).at(rollout)


@dataclass(frozen=True, slots=True)
class _Looking:
    view: GroupView
    census: Census
    desired: int
    size: int  # of which the rollout is: larger where who is too many may not leave
    shrinks: bool

    def at(self, rollout: Rollout) -> Rollout:
        refresh = rollout.refresh
        written = own_data(self.view) == self._data(rollout.status.target)
        if rollout.status.committing and (refresh is not None or written):
            return self._committed(rollout, refresh)
        if refresh is None or refresh.removing or refresh.spec.state is Wanted.CANCELLED:
            return self._cancelled(rollout)
        if self._data(rollout.status.target) is None:
            why = RevisionGone(rollout.status.target)
            return ended(rollout, Phase.ROLLBACK_FAILED if rollout.status.back else Phase.FAILED, why)
        if refresh.spec.state is Wanted.ROLLED_BACK and not rollout.status.back:
            return self._turned_back(rollout, AskedFor())
        return self._moved_on(rollout, refresh)

    # ---- going on

    def _moved_on(self, rollout: Rollout, refresh: Refresh) -> Rollout:
        before, status = rollout.status, self._with_progress(rollout)
        if refresh.spec.state is Wanted.SUSPENDED or not self.view.spec.enabled:
            return _with(rollout, status, phase=Phase.SUSPENDED)
        if status.back:
            status = _changed(status, phase=Phase.ROLLING_BACK)
        else:
            status = self._at_checkpoint(rollout, status, refresh)
        if before.phase in STOPPED and status.phase not in STOPPED:
            status = _changed(status, progress_at=self.view.now)  # what it was stopped for is not counted
        if status.phase == Phase.PAUSED:
            return replace(rollout, status=status)
        if not finished(rollout.counts, rollout.budget, shrinks=self.shrinks):
            return self._overdue(replace(rollout, status=self._with_held_launches(rollout, status)), refresh)
        rollout = replace(rollout, status=status)
        if status.back:
            return ended(rollout, Phase.ROLLED_BACK, RefreshRolledBack(status.target, status.message))
        until = status.baking_until or self.view.now + timedelta(seconds=refresh.spec.bake_seconds)
        return _with(rollout, status, phase=Phase.BAKING, baking_until=until, committing=self.view.now >= until)

    def _with_progress(self, rollout: Rollout) -> RolloutStatus:
        """With one more in service than ever. After a change of size, than now: most may have left with it."""
        status, updated = rollout.status, rollout.counts.new_ready
        if updated > status.updated:
            return _changed(status, updated=updated, progress_at=self.view.now)
        since = self.view.watched_since
        if since is not None and since > status.progress_at:  # what nobody looked at is not counted
            status = _changed(status, progress_at=since)
        return status if self.view.status.desired == self.desired else _changed(status, updated=updated)

    def _with_held_launches(self, rollout: Rollout, status: RolloutStatus) -> RolloutStatus:
        """With whether it cannot launch: then only what is on its way could be waited for."""
        held = self.view.suspends(Process.SCALE_OUT) and not rollout.counts.new_not_ready
        if status.held and not held:
            return _changed(status, held=False, progress_at=self.view.now)
        return _changed(status, held=held)

    def _at_checkpoint(self, rollout: Rollout, status: RolloutStatus, refresh: Refresh) -> RolloutStatus:
        if status.baking_until is not None:  # every checkpoint is behind it, however the group grows
            return _changed(status, phase=Phase.BAKING)
        spec, before = refresh.spec, Progress(status.checkpoint, status.paused_until)
        pause = timedelta(minutes=spec.checkpoint_pause_minutes)
        now = advance(spec.checkpoints, before, rollout.total, rollout.counts.new_ready, self.view.now, pause)
        if now.paused_until is not None and refresh.approved >= now.reached:
            now = Progress(now.reached)
        phase = Phase.RUNNING if now.paused_until is None else Phase.PAUSED
        return _changed(status, checkpoint=now.reached, paused_until=now.paused_until, phase=phase)

    def _overdue(self, rollout: Rollout, refresh: Refresh) -> Rollout:
        if rollout.status.baking_until is not None:
            rollout = self._still_good(rollout)
        if not rollout.active or rollout.status.held or self.view.now < deadline(rollout, refresh):
            return rollout
        return self._failed(rollout, NoProgress(refresh.spec.progress_deadline_seconds, self._problem(rollout)))

    def _still_good(self, rollout: Rollout) -> Rollout:
        failed = [i for i in self.census.by_state[State.FAILED] if i.revision == rollout.status.target]
        broken = next(iter([*rollout.new[State.UNHEALTHY], *failed]), None)
        if broken is None:
            return rollout
        return self._failed(rollout, BakingFailed(broken.name, broken.problem or "it is not ready"))

    def _problem(self, rollout: Rollout) -> str:
        """What keeps new instances from coming into service, in their own words."""
        waiting = [i for state in NOT_IN_SERVICE for i in rollout.new[state]]
        backoff = self.view.status.launch_backoff
        told = next((f"{i.name}: {i.problem}" for i in (*waiting, *self.census.of(State.FAILED)) if i.problem), None)
        return told or (backoff.reason if backoff is not None else f"it waited for {why_waiting(rollout)}")

    # ---- turning and ending

    def _cancelled(self, rollout: Rollout) -> Rollout:
        if rollout.status.back:
            return ended(rollout, Phase.ROLLBACK_FAILED, RollbackCancelled(rollout.counts.old))
        return ended(rollout, Phase.CANCELLED, RefreshCancelled(rollout.counts.new_ready))

    def _failed(self, rollout: Rollout, why: Reason) -> Rollout:
        if rollout.status.back:
            return ended(rollout, Phase.ROLLBACK_FAILED, why)
        if rollout.refresh is not None and rollout.refresh.spec.auto_rollback:
            return self._turned_back(rollout, why)
        return ended(rollout, Phase.FAILED, why)

    def _turned_back(self, rollout: Rollout, why: Reason) -> Rollout:
        if rollout.status.from_revision == rollout.status.to_revision:
            return ended(rollout, Phase.ROLLBACK_FAILED, NoEarlierConfiguration(str(why)))
        if self._data(rollout.status.from_revision) is None:
            return ended(rollout, Phase.ROLLBACK_FAILED, CannotGoBack(str(RevisionGone(rollout.status.from_revision))))
        if (word := followed(self.view.spec.configuration)) is not None:
            return ended(rollout, Phase.ROLLBACK_FAILED, CannotGoBackToWord(word, str(why)))
        status = _changed(
            rollout.status,
            back=True,
            phase=Phase.ROLLING_BACK,
            paused_until=None,
            baking_until=None,
            updated=0,
            progress_at=self.view.now,
            message=str(why)[:1024],
        )
        return counted(self.census, self.size, status, rollout.refresh)

    def _committed(self, rollout: Rollout, refresh: Refresh | None) -> Rollout:
        """Whether the desired configuration is the group's own by now, or cannot become it."""
        target, own = self._data(rollout.status.to_revision), own_data(self.view)
        wanted = refresh.spec.desired_configuration if refresh is not None else None
        asked = wanted.launch_template if wanted is not None else None
        done = is_own(self.view, wanted, target)
        if wanted is None or done:
            said = RefreshSuccessful if done else RefreshOutrun
            return ended(rollout, Phase.SUCCESSFUL, said(rollout.counts.new, rollout.status.to_revision))
        found = desired_data(own, wanted, self.view.sources)
        if target is not None and found == target and not self._edited(rollout, target):
            return rollout
        if asked is not None and not isinstance(found, Reason):
            if follows(asked.version):
                return rollout  # the word is what was asked for: the group is outdated as soon as it has it
            why_replaced = VersionReplaced(f"LaunchTemplate {asked.name}:{asked.version}")
            return ended(rollout, Phase.FAILED, NotCommitted(str(why_replaced)))
        source = f"{target['source']['kind']} {target['source']['name']}" if target is not None else "its source"
        why_not = str(found) if isinstance(found, Reason) else str(SourceChanged(source))
        return ended(rollout, Phase.FAILED, NotCommitted(why_not))

    def _edited(self, rollout: Rollout, target: Mapping[str, Any]) -> bool:
        """Whether somebody changed what the refresh is to write since it started, even the image alone."""
        own = own_data(self.view)
        same = own is not None and own["source"] == target["source"]
        return same and digest(own) != rollout.status.own

    def _data(self, revision: str) -> Mapping[str, Any] | None:
        return next((r.data for r in self.view.revisions if r.name == revision and not r.removing), None)


def ended(rollout: Rollout, phase: Phase, why: Reason) -> Rollout:
    """The rollout that is over; its outcome stays until the task's own status says so."""
    return _with(rollout, rollout.status, phase=phase, outcome=phase.value, message=str(why)[:1024], paused_until=None)


def _with(rollout: Rollout, status: RolloutStatus, **changes: object) -> Rollout:
    return replace(rollout, status=_changed(status, **changes))


def _changed(status: RolloutStatus, **changes: object) -> RolloutStatus:
    return status.model_copy(update=changes)
