"""Observe, plan, apply: one pass for one group."""

import asyncio
import logging
from collections.abc import Coroutine, Iterable
from datetime import datetime, timedelta
from typing import Any

from windlass.api.common import to_wire
from windlass.api.rollout import RolloutStatus
from windlass.api.scaling_group import ScalingGroupStatus
from windlass.api.task import Phase
from windlass.api.update_run import UpdateRunStatus
from windlass.cluster.errors import Gone, NoSuchKind, Transient
from windlass.cluster.merge_patch import merge_patch
from windlass.cluster.resources import INSTANCE_REFRESHES, ROLLING_UPDATES
from windlass.cluster.store import Object
from windlass.controllers.scaling_group.caches import KIND, Caches
from windlass.controllers.scaling_group.deletion_guard import DeletionWarning
from windlass.controllers.scaling_group.missing_records import MissingRecords
from windlass.controllers.scaling_group.observe import (
    InMemoryState,
    TaskName,
    has_another_source,
    observe,
    read_tasks_live,
)
from windlass.controllers.scaling_group.release import release_strays
from windlass.controllers.scaling_group.scripts import Scripts
from windlass.controllers.scaling_group.steps import Steps
from windlass.engine.dispatch import Controller, Runtime
from windlass.engine.loop import AT_ONCE, Answer, Gate
from windlass.engine.own_objects import OwnObjects
from windlass.engine.queue import Key
from windlass.planner.capacity.reasons_adoption import PodReleased
from windlass.planner.capacity.steps import (
    ChangeImage,
    GroupPlan,
    KeepRevision,
    Launch,
    Remove,
    ReportRefresh,
    ReportUpdate,
    RunScript,
)
from windlass.planner.capacity.view import GroupView
from windlass.planner.group import plan_group
from windlass.planner.plan import Event
from windlass.planner.reason import counted
from windlass.planner.tasks import FINAL

logger = logging.getLogger(__name__)

STATUS_SECONDS = 1.0  # while instances arrive, their counts are written at most so often


class ScalingGroupController(Controller):
    """Brings every group to its desired size."""

    kind = KIND

    def __init__(self, runtime: Runtime, *, rolling_updates: bool = True) -> None:
        """`rolling_updates`: whether they are worked on; one that runs is given up where they are not."""
        self._client = runtime.client
        self._expectations = runtime.expectations
        self._recorder = runtime.recorder
        self._metrics = runtime.metrics
        self._clock = runtime.clock
        self._made_progress = runtime.made_progress
        self._in_all_namespaces = runtime.namespaces is None
        self.caches = Caches(
            runtime.stores,
            runtime.client,
            runtime.expectations,
            runtime.enqueue,
            runtime.namespaces,
            runtime.metrics.count_informer_events,
            rolling_updates=rolling_updates,
        )
        self.sources = self.caches.pods, self.caches.revisions
        self._groups = OwnObjects(KIND, runtime)
        kinds = (INSTANCE_REFRESHES.kind, ROLLING_UPDATES.kind) if rolling_updates else (INSTANCE_REFRESHES.kind,)
        self._tasks = {kind: OwnObjects(kind, runtime) for kind in kinds}
        self._scripts = Scripts(runtime.client, runtime.clock, runtime.enqueue)
        self._deletion_warning = DeletionWarning(self._client, self.caches, self._recorder, self._clock)
        self._missing_records = MissingRecords(self._client, runtime.enqueue, self._clock)
        self._in_memory: dict[Key, InMemoryState] = {}

    def all_keys(self) -> Iterable[Key]:
        """Those of all groups."""
        return self._groups.all_keys()

    def parts(self, leading: Gate) -> Iterable[Coroutine[Any, Any, None]]:
        """What runs beside the loop."""
        yield self._missing_records.run()
        if self._in_all_namespaces:  # else its rights are a namespace's: policies are the cluster's
            yield self._deletion_warning.run(leading)

    async def reconcile(self, key: Key) -> Answer:
        """One pass: when to look again, if nothing happens before.

        Gone if the group is; that something else is not there, its record's CRD for one, is a failure like others.
        """
        try:
            return await self._pass(key)
        except Gone as error:
            group = self._groups.known(key)
            if group is None or not await self._groups.still_there(key, group):
                raise
            if isinstance(error, NoSuchKind):
                self._missing_records.wait_for_kind(key)
            raise Transient(str(error), code=error.code, reason=error.reason, detail=error.detail) from error

    async def _pass(self, key: Key) -> Answer:
        if self._groups.known(key) is None:
            self._forget(key)
        group = self._groups.existing(key)
        in_memory = self._in_memory_of(key, group)
        in_memory.packages.clear()
        self._deletion_warning.notice(group)
        if not self._expectations.satisfied(key):
            if not (in_memory.look_live or self._expectations.overdue(key, self._clock.now())):
                return self._expectations.wake_at(key)
            await self._look_live(key, in_memory)
        view, plan = await self._plan(key, group, in_memory)
        if view.spec.enabled:
            await self._release(key, group)
        if plan.acts and in_memory.look_live:
            await self._look_live(key, in_memory)
            view, plan = await self._plan(key, group, in_memory)
        if judged := _judged(view, plan):
            await read_tasks_live(self._client, self.caches, key, view, judged)
            await self._look_live(key, in_memory)
            view, plan = await self._plan(key, group, in_memory)
        return await self._apply(key, group, view, plan, in_memory)

    async def _plan(self, key: Key, group: Object, in_memory: InMemoryState) -> tuple[GroupView, GroupPlan]:
        view = await observe(self._client, self.caches, self._scripts, key, group, in_memory, self._clock.now())
        return view, plan_group(view)

    async def _release(self, key: Key, group: Object) -> None:
        for name in await release_strays(self._client, self.caches, key, group.uid):
            why = PodReleased(name)
            self._groups.tell(key, group.uid, [Event("Normal", why, apart=True)])
            logger.info("%s", why, extra={"key": key})

    async def _look_live(self, key: Key, in_memory: InMemoryState) -> None:
        """Read the group's instances and revisions from the API server: the informers may be behind."""
        await self.caches.refresh(key, in_memory.uid)
        self._expectations.clear(key)
        in_memory.look_live = False

    def stop_leading(self) -> None:
        """Forget what was learnt while leading: by the next time another leader has acted."""
        for key in list(self._in_memory):
            self._expectations.clear(key)
            self._metrics.forget_group(key.namespace, key.name)
        self._in_memory.clear()
        self._scripts.cancel_all()

    async def report(self, key: Key, error: Exception) -> None:
        """Show in the group's conditions that its passes fail, and why."""
        await self._groups.show_failure(key, error, lambda ready: "Stalled" if ready == "Stalled" else "Waiting")

    # ---- apply

    async def _apply(
        self, key: Key, group: Object, view: GroupView, plan: GroupPlan, in_memory: InMemoryState
    ) -> Answer:
        differs = _differs(group, plan.status)
        if not plan.acts:
            return await self._write_counts(key, group, view, plan, in_memory, differs)
        fence = self._write_plan(key, group, plan, in_memory) if differs else self._groups.confirm(key, group)
        # Side by side, as each costs a round trip: what the write-ahead announces may wait for a later pass.
        fenced, changed = await asyncio.gather(fence, self._source_changed(key, view, plan), return_exceptions=True)
        if isinstance(fenced, BaseException):
            raise fenced
        self._tell(key, view, plan)
        if isinstance(changed, BaseException):
            raise changed
        if changed:
            # What it says holds no longer: the next pass may say so at once.
            in_memory.status_written_at = float("-inf")
            return AT_ONCE
        steps = Steps(self._client, self.caches, self._scripts, self._expectations, key, view, in_memory)
        try:
            await steps.carry_out(plan)
        finally:
            if steps.progressed:
                self._made_progress(key)
        if not self._expectations.satisfied(key):
            return self._expectations.wake_at(key)
        # A plan that repeats itself, with nothing new to write down, is no progress.
        return AT_ONCE if differs else self._clock.now()

    async def _source_changed(self, key: Key, view: GroupView, plan: GroupPlan) -> bool:
        """Whether something is to be made from the group's configuration, and that is not what the plan was made on."""
        made_from_it = any(isinstance(step, Launch | KeepRevision) for step in plan.steps)
        return made_from_it and await has_another_source(self._client, self.caches, key, view)

    async def _write_counts(
        self, key: Key, group: Object, view: GroupView, plan: GroupPlan, in_memory: InMemoryState, differs: bool
    ) -> datetime | None:
        self._metrics.show_group(key.namespace, key.name, _by_state(plan.status))
        if not differs and not plan.reports:
            return plan.wake_at
        due = in_memory.status_written_at + STATUS_SECONDS - self._clock.monotonic()
        if due > 0 and not in_memory.refusals and not _presses(view, plan):
            later = self._clock.now() + timedelta(seconds=due)
            return later if plan.wake_at is None else min(later, plan.wake_at)
        if differs:
            await self._write_plan(key, group, plan, in_memory)
            if plan.events:  # an activity has ended and its record cannot be written, or a refresh has begun
                self._tell(key, view, plan)
        else:
            in_memory.status_written_at = self._clock.monotonic()
        for report in plan.reports:
            await self._report(key, report)
        return plan.wake_at

    async def _report(self, key: Key, report: ReportRefresh | ReportUpdate) -> None:
        there = Key(report.kind, key.namespace, report.name)
        tasks = self._tasks[report.kind]
        known = tasks.known(there)
        if known is None or known.uid != report.uid:
            return
        try:
            await tasks.write_status(there, known, to_wire(report.status))
        except Gone:  # somebody deleted it meanwhile, which the next pass sees
            return

    async def _write_plan(self, key: Key, group: Object, plan: GroupPlan, in_memory: InMemoryState) -> None:
        await self._groups.write_status(key, group, to_wire(plan.status))
        in_memory.status_written_at = self._clock.monotonic()
        in_memory.refusals.clear()
        activity = plan.status.activity
        if activity is None or activity.launching is None:
            in_memory.settled.clear()
            in_memory.taken.clear()

    # ---- telling

    def _tell(self, key: Key, view: GroupView, plan: GroupPlan) -> None:
        self._groups.tell(key, view.uid, plan.events)
        logger.info("%s", _log_line(plan), extra={"key": key})
        before, after = view.status.activity, plan.status.activity
        if after is not None and after.result is not None and (before is None or before.result is None):
            self._metrics.count_activity(after.type.value, after.result.value)

    def _in_memory_of(self, key: Key, group: Object) -> InMemoryState:
        uid = group["metadata"]["uid"]
        in_memory = self._in_memory.get(key)
        if in_memory is None or in_memory.uid != uid:
            in_memory = self._in_memory[key] = InMemoryState(uid=uid, watched_since=self._clock.now())
            self._expectations.clear(key)
        return in_memory

    def _forget(self, key: Key) -> None:
        self._in_memory.pop(key, None)
        self._scripts.forget(key)
        self.caches.strays.pop(key, None)
        self._expectations.clear(key)
        self._metrics.forget_group(key.namespace, key.name)


def _judged(view: GroupView, plan: GroupPlan) -> set[TaskName]:
    """The tasks of which this plan says something that is for good: that they start, or end without success.

    While a plan acts, what it says of others is not written.
    """
    told = plan.reports if not plan.acts else ()
    running = {run.uid for run in (plan.status.rollout, plan.status.update) if run is not None}
    judged = {
        (report.kind, report.name) for report in told if report.status.phase in FINAL and report.uid not in running
    }
    runs = (
        (INSTANCE_REFRESHES.kind, view.status.rollout, plan.status.rollout),
        (ROLLING_UPDATES.kind, view.status.update, plan.status.update),
    )
    for kind, before, after in runs:
        if after is not None and _judges(before, after):
            judged.add((kind, after.name))
    return judged


def _judges(before: RolloutStatus | UpdateRunStatus | None, after: RolloutStatus | UpdateRunStatus) -> bool:
    if before is None:
        return True
    return after.outcome != before.outcome and after.outcome not in (Phase.SUCCESSFUL, Phase.ROLLED_BACK)


def _presses(view: GroupView, plan: GroupPlan) -> bool:
    """Whether the status must not wait: the next pass builds on it, or a task begins, pauses or ends."""
    before, after = view.status, plan.status
    stands = [(_phase(status.rollout), _phase(status.update)) for status in (before, after)]
    batches = [status.update.batch if status.update is not None else 0 for status in (before, after)]
    return stands[0] != stands[1] or batches[0] != batches[1] or (plan.wake_at is not None and plan.wake_at <= view.now)


def _phase(run: RolloutStatus | UpdateRunStatus | None) -> str:
    return run.phase if run is not None else ""


def _differs(group: Object, status: ScalingGroupStatus) -> bool:
    return bool(merge_patch(group.get("status") or {}, to_wire(status)))


def _by_state(status: ScalingGroupStatus) -> dict[str, int]:
    return {
        "pending": status.pending,
        "in_service": status.in_service,
        "not_ready": status.not_ready,
        "unhealthy": status.unhealthy,
        "failed": status.failed,
        "removing": status.removing,
    }


MOST_STEPS_LOGGED = 10
VERBS = {Launch: "launch", Remove: "remove", ChangeImage: "change", RunScript: "run a script in"}


def _log_line(plan: GroupPlan) -> str:
    """One line for one plan: what it is about, and each step with its reason."""
    steps = [step for step in plan.steps if isinstance(step, Launch | Remove | ChangeImage | RunScript)]
    shown = [f"{VERBS[type(step)]} {step.name} ({step.why})" for step in steps[:MOST_STEPS_LOGGED]]
    if len(steps) > len(shown):
        shown.append(f"and {counted(len(steps) - len(shown), 'step')} more like these")
    return "; ".join([str(plan.why), *shown])
