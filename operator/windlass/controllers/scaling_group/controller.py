"""Observe, plan, apply: one pass for one group."""

import asyncio
import logging
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any

from windlass.api.common import API_VERSION, Condition, to_wire
from windlass.api.scaling_group import ScalingGroupStatus
from windlass.cluster.client import Client
from windlass.cluster.errors import Conflict, Gone, Invalid, NoSuchKind, Refused, Transient
from windlass.cluster.merge_patch import merge_patch
from windlass.cluster.resources import SCALING_GROUPS
from windlass.cluster.store import Object
from windlass.controllers.scaling_group.caches import KIND, Caches
from windlass.controllers.scaling_group.observe import InMemoryState, has_another_source, observe
from windlass.controllers.scaling_group.release import release_strays
from windlass.controllers.scaling_group.steps import Steps
from windlass.engine.clock import Clock
from windlass.engine.events import EventRecorder, ObjectRef
from windlass.engine.expectations import Expectations
from windlass.engine.loop import AT_ONCE, Answer
from windlass.engine.metrics import Metrics
from windlass.engine.queue import Key
from windlass.planner.capacity.group import plan_group
from windlass.planner.capacity.reasons import PassFailed
from windlass.planner.capacity.reasons_adoption import PodReleased
from windlass.planner.capacity.view import GroupView
from windlass.planner.conditions import Readiness, conditions
from windlass.planner.plan import KeepRevision, Launch, Plan, Remove
from windlass.planner.reason import counted

logger = logging.getLogger(__name__)

STATUS_SECONDS = 1.0  # while instances arrive, their counts are written at most so often


class ScalingGroupController:
    """Brings every group to its desired size."""

    def __init__(
        self,
        client: Client,
        caches: Caches,
        expectations: Expectations,
        recorder: EventRecorder,
        metrics: Metrics,
        clock: Clock,
    ) -> None:
        self._client = client
        self._caches = caches
        self._expectations = expectations
        self._recorder = recorder
        self._metrics = metrics
        self._clock = clock
        self._in_memory: dict[Key, InMemoryState] = {}
        self.forget_key: Callable[[Key], None] = lambda _: None
        self.kind_missing: Callable[[Key], None] = lambda _: None
        self.notice: Callable[[Object], None] = lambda _: None  # told of the group of each pass
        self.made_progress: Callable[[Key], None] = lambda _: None

    async def reconcile(self, key: Key) -> Answer:
        """One pass: when to look again, if nothing happens before.

        Gone if the group is; that something else is not there, its record's CRD for one, is a failure like others.
        """
        try:
            return await self._pass(key)
        except Gone as error:
            group = self._caches.groups.get(key.namespace, key.name)
            if group is None or not await self._still_there(key, group):
                raise
            if isinstance(error, NoSuchKind):
                self.kind_missing(key)
            raise Transient(str(error), code=error.code, reason=error.reason, detail=error.detail) from error

    async def _still_there(self, key: Key, group: Object) -> bool:
        await self._read_again(key, group)
        now = self._caches.groups.get(key.namespace, key.name)
        return now is not None and now.uid == group.uid and "deletionTimestamp" not in now["metadata"]

    async def _pass(self, key: Key) -> Answer:
        group = self._caches.groups.get(key.namespace, key.name)
        if group is None:
            self._forget(key)
            raise Gone(f"reading {key}: it is gone", code=404, reason="NotFound")
        in_memory = self._in_memory_of(key, group)
        self.notice(group)
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
        return await self._apply(key, group, view, plan, in_memory)

    async def _plan(self, key: Key, group: Object, in_memory: InMemoryState) -> tuple[GroupView, Plan]:
        view = await observe(self._client, self._caches, key, group, in_memory, self._clock.now())
        return view, plan_group(view)

    async def _release(self, key: Key, group: Object) -> None:
        for name in await release_strays(self._client, self._caches, key, group.uid):
            regarding = ObjectRef(API_VERSION, KIND, key.namespace, key.name, group.uid)
            why = PodReleased(name)
            self._recorder.emit(regarding, "Normal", why.code, str(why), apart=True)
            logger.info("%s", why, extra={"key": key})

    async def _look_live(self, key: Key, in_memory: InMemoryState) -> None:
        """Read the group's instances and revisions from the API server: the informers may be behind."""
        await self._caches.refresh(key, in_memory.uid)
        self._expectations.clear(key)
        in_memory.look_live = False

    def stop_leading(self) -> None:
        """Forget what was learnt while leading: by the next time another leader has acted."""
        for key in list(self._in_memory):
            self._expectations.clear(key)
            self._metrics.forget_group(key.namespace, key.name)
        self._in_memory.clear()

    async def report(self, key: Key, error: Exception) -> None:
        """Show in the group's conditions that its passes fail, and why."""
        group = self._caches.groups.get(key.namespace, key.name)
        if group is None:
            return
        before, generation = group.get("status") or {}, group["metadata"]["generation"]
        why = PassFailed(str(error)[:900])
        readiness: Readiness = "Stalled" if isinstance(error, Invalid) else "Reconciling"
        old = [Condition.model_validate(condition) for condition in before.get("conditions", ())]
        made = conditions(readiness, why, str(why), old=old, generation=generation, now=self._clock.now())
        shown = {
            "observedGeneration": generation,
            "phase": "Stalled" if readiness == "Stalled" else "Waiting",
            "message": str(why),
            "conditions": [to_wire(condition) for condition in made],
        }
        if merge_patch(before, {**before, **shown}):
            try:
                await self._write_status(key, group, {**before, **shown})
            except Refused:  # then an event is all that people can see
                regarding = ObjectRef(API_VERSION, KIND, key.namespace, key.name, group["metadata"]["uid"])
                self._recorder.emit(regarding, "Warning", why.code, str(why))
                raise

    # ---- apply

    async def _apply(self, key: Key, group: Object, view: GroupView, plan: Plan, in_memory: InMemoryState) -> Answer:
        differs = _differs(group, plan.status)
        if not plan.acts:
            return await self._write_counts(key, group, view, plan, in_memory, differs)
        fence = self._write_plan(key, group, plan, in_memory) if differs else self._confirm(key, group)
        # Side by side, as each costs a round trip: what the write-ahead announces may wait for a later pass.
        fenced, changed = await asyncio.gather(fence, self._source_changed(key, view, plan), return_exceptions=True)
        if isinstance(fenced, BaseException):
            raise fenced
        self._tell(key, view, plan)
        if isinstance(changed, BaseException):
            raise changed
        if changed:
            in_memory.status_written_at = float(
                "-inf"
            )  # what it says holds no longer: the next pass may say so at once
            return AT_ONCE
        steps = Steps(self._client, self._caches, self._expectations, key, view, in_memory)
        try:
            await steps.carry_out(plan)
        finally:
            if steps.progressed:
                self.made_progress(key)
        if not self._expectations.satisfied(key):
            return self._expectations.wake_at(key)
        # A plan that repeats itself, with nothing new to write down, is no progress.
        return AT_ONCE if differs else self._clock.now()

    async def _source_changed(self, key: Key, view: GroupView, plan: Plan) -> bool:
        """Whether something is to be made from the group's configuration, and that is not what the plan was made on."""
        made_from_it = any(isinstance(step, Launch | KeepRevision) for step in plan.steps)
        return made_from_it and await has_another_source(self._client, self._caches, key, view)

    async def _write_counts(
        self, key: Key, group: Object, view: GroupView, plan: Plan, in_memory: InMemoryState, differs: bool
    ) -> datetime | None:
        self._metrics.show_group(key.namespace, key.name, _by_state(plan.status))
        if not differs:
            return plan.wake_at
        due = in_memory.status_written_at + STATUS_SECONDS - self._clock.monotonic()
        if due > 0 and not in_memory.refusals:
            later = self._clock.now() + timedelta(seconds=due)
            return later if plan.wake_at is None else min(later, plan.wake_at)
        await self._write_plan(key, group, plan, in_memory)
        if plan.events:  # an activity has ended, and its record cannot be written
            self._tell(key, view, plan)
        return plan.wake_at

    async def _write_plan(self, key: Key, group: Object, plan: Plan, in_memory: InMemoryState) -> None:
        await self._write_status(key, group, to_wire(plan.status))
        in_memory.status_written_at = self._clock.monotonic()
        in_memory.refusals.clear()
        activity = plan.status.activity
        if activity is None or activity.launching is None:
            in_memory.settled.clear()
            in_memory.taken.clear()

    async def _write_status(self, key: Key, group: Object, status: Mapping[str, Any]) -> None:
        """Write the status, provided that the group is what it was when it was read: the write-ahead, and the fence."""
        metadata = group["metadata"]
        patch = {
            "metadata": {"uid": metadata["uid"], "resourceVersion": metadata["resourceVersion"]},
            "status": merge_patch(group.get("status") or {}, status),
        }
        try:
            written = await self._client.merge_patch(
                SCALING_GROUPS, key.namespace, key.name, patch, subresource="status"
            )
        except (Conflict, Gone):
            await self._read_again(key, group)
            raise
        self._caches.groups.put(Object(written))

    async def _confirm(self, key: Key, group: Object) -> None:
        """Before acting without a write-ahead: the group must still be what it was when it was read."""
        await self._read_again(key, group)
        now = self._caches.groups.get(key.namespace, key.name)
        if now is None or now["metadata"]["resourceVersion"] != group["metadata"]["resourceVersion"]:
            raise Conflict(f"reading {key}: it has changed", code=409, reason="Conflict")

    async def _read_again(self, key: Key, group: Object) -> None:
        try:
            found = await self._client.get(SCALING_GROUPS, key.namespace, key.name)
        except Gone:
            self._caches.groups.drop(group)
            raise
        self._caches.observe(KIND, found, deleted=False)

    # ---- telling

    def _tell(self, key: Key, view: GroupView, plan: Plan) -> None:
        regarding = ObjectRef(API_VERSION, KIND, key.namespace, key.name, view.uid)
        for event in plan.events:
            self._recorder.emit(regarding, event.type, event.reason.code, str(event.reason), apart=event.apart)
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
        self._caches.strays.pop(key, None)
        self.forget_key(key)
        self._expectations.clear(key)
        self._metrics.forget_group(key.namespace, key.name)


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


def _log_line(plan: Plan) -> str:
    """One line for one plan: what it is about, and each step with its reason."""
    steps = [step for step in plan.steps if isinstance(step, Launch | Remove)]
    shown = [f"{type(step).__name__.lower()} {step.name} ({step.why})" for step in steps[:MOST_STEPS_LOGGED]]
    if len(steps) > len(shown):
        shown.append(f"and {counted(len(steps) - len(shown), 'step')} more like these")
    return "; ".join([str(plan.why), *shown])
