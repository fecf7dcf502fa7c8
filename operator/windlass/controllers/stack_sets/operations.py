"""StackSetOperations: marks the instances they are about, and begins as many as may be worked at."""

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import Any

from windlass.api import stack_set_operation
from windlass.api.common import MANAGED_BY_LABEL, Condition, owner_reference, rfc3339, to_wire
from windlass.api.stacks import STACK_FINALIZER, STACK_SET_LABEL, InstancePhase
from windlass.cluster.errors import AlreadyExists, Conflict, Gone
from windlass.cluster.resources import STACK_INSTANCES, STACK_SETS, STACK_TARGETS
from windlass.cluster.snapshots import Snapshots
from windlass.cluster.store import Object, as_number
from windlass.controllers.stack_sets.caches import INSTANCE, Caches
from windlass.controllers.stack_sets.inputs import InputReader
from windlass.engine.dispatch import Controller, Runtime
from windlass.engine.loop import AT_ONCE, Answer
from windlass.engine.own_objects import OwnObjects
from windlass.engine.queue import Key
from windlass.engine.slow_start import MOST_IN_FLIGHT, slow_start
from windlass.planner.conditions import conditions
from windlass.planner.reason import Reason
from windlass.planner.stackset.dependencies import circles
from windlass.planner.stackset.naming import instance_name
from windlass.planner.stackset.operation import plan_operation
from windlass.planner.stackset.reasons import ReadsInputs
from windlass.planner.stackset.steps import Begin, Cancel, Create, Keep, Mark, OperationPlan, Step, Wait
from windlass.planner.stackset.view import OperationView, StackSet
from windlass.planner.tasks import FINAL

logger = logging.getLogger(__name__)

TOLD_SECONDS = 1.0  # between two writes of what is only told: counts, and who waits
_COUNTS = frozenset({"message", "conditions", "regions", "succeeded", "failed", "cancelled", "percentage"})


class StackSetOperationController(Controller):
    """Brings each operation to its end."""

    kind = stack_set_operation.KIND.kind

    def __init__(self, runtime: Runtime, caches: Caches, snapshots: Snapshots, inputs: InputReader) -> None:
        self._client = runtime.client
        self._clock = runtime.clock
        self._caches = caches
        self._snapshots = snapshots
        self._inputs = inputs
        self._operations = OwnObjects(self.kind, runtime)
        self._instances = OwnObjects(INSTANCE, runtime)
        self._looked: set[str] = set()  # uids of operations whose instances were read live in this term
        self._next_told: dict[Key, float] = {}  # when something may be told again

    def all_keys(self) -> Iterable[Key]:
        """Those of all operations."""
        return self._operations.all_keys()

    def stop_leading(self) -> None:
        """What another leader writes meanwhile is not known here."""
        self._looked.clear()

    async def report(self, key: Key, error: Exception) -> None:
        """Show in its conditions that its passes fail, and why."""
        await self._operations.show_failure(key, error, lambda readiness: None)

    async def reconcile(self, key: Key) -> Answer:
        """The next step of the operation."""
        known = self._operations.known(key)
        if known is None or (known.get("status") or {}).get("phase") in FINAL:
            self._next_told.pop(key, None)
        body = self._operations.existing(key)
        if (body.get("status") or {}).get("phase") in FINAL:
            return None
        await self._look_live(key, body)
        view = self._view(key, body)
        plan = plan_operation(view)
        if view.operation.status.start_time is None and (plan.status.phase in FINAL or _is_about_to_start(plan)):
            # What is said now is for good, or stays what the instances are made from: the watches may be behind.
            await self._look_at_set(key, str(body["spec"]["stackSet"]))
            view = self._view(key, body)
            plan = plan_operation(view)
        if isinstance(plan.why, ReadsInputs) and view.world.stack_set is not None:
            read = await self._inputs.read(
                key.namespace, view.world.stack_set, view.world.instances, view.operation.spec.overrides
            )
            plan = plan_operation(replace(self._view(key, body), inputs=read))
        return await self._apply(key, body, view.world.stack_set, plan)

    async def _look_live(self, key: Key, body: Object) -> None:
        """Read the set's instances from the API server once in a term: the watch may be behind what an earlier leader
        began."""
        if body.uid in self._looked:
            return
        store, name = self._caches.instances, str(body["spec"]["stackSet"])
        with store.listing() as gone:
            listing = await self._client.list(
                STACK_INSTANCES, key.namespace, label_selector=f"{STACK_SET_LABEL}={name}"
            )
            found = [Object(each) for each in listing.items]
            before = list(store.by_index(f"{key.namespace}/{name}").values())
            store.replace(before, found, as_number(listing.resource_version), gone)
        self._looked.add(body.uid)

    async def _look_at_set(self, key: Key, name: str) -> None:
        """Read the set and the targets from the API server."""
        known = self._caches.sets.get(key.namespace, name)
        try:
            self._caches.sets.put(Object(await self._client.get(STACK_SETS, key.namespace, name)))
        except Gone:
            if known is not None:
                self._caches.sets.drop(known)
        store = self._caches.targets
        with store.listing() as gone:
            listing = await self._client.list(STACK_TARGETS, key.namespace)
            found = [Object(each) for each in listing.items]
            store.replace(store.within(key.namespace), found, as_number(listing.resource_version), gone)

    def _view(self, key: Key, body: Object) -> OperationView:
        self._operations.existing(key)  # it may have gone while something was read
        name = str(body["spec"]["stackSet"])
        world = self._caches.view(key.namespace, name, self._clock.now())
        operation = next(each for each in world.operations if each.name == key.name)
        depends = self._caches.depends_on(key.namespace, name)
        begun = operation.status.start_time is not None
        return OperationView(
            world,
            operation,
            None,
            self._caches.operations_by_set(key.namespace, depends),
            {} if begun else circles(name, partial(self._caches.depends_on, key.namespace)),
        )

    async def _apply(self, key: Key, body: Object, stack_set: StackSet | None, plan: OperationPlan) -> Answer:
        status, before, now = to_wire(plan.status), body.get("status") or {}, self._clock.monotonic()
        too_early = max(0.0, self._next_told.get(key, now) - now)
        differs, only_counts = status != before, _same_but_for_counts(status, before)
        tells = any(isinstance(step, Wait) for step in plan.steps)
        steps = [step for step in plan.steps if not isinstance(step, (Keep, Wait) if too_early else Keep)]
        for step in plan.steps:
            if isinstance(step, Keep) and stack_set is not None:
                await self._snapshots.keep(
                    step.kind, key.namespace, step.name, step.text, stack_set.name, stack_set.uid
                )
        if not too_early and (differs or tells):
            self._next_told[key] = now + TOLD_SECONDS
        if differs and not (too_early and only_counts):
            await self._operations.write_status(key, body, status)
            self._operations.tell(key, body.uid, plan.events)
            for event in plan.events:
                logger.info("%s", event.reason, extra={"key": key})
        elif steps:
            await self._operations.confirm(key, body)
        if steps:
            await self._carry_out(key, body, stack_set, steps)
            return AT_ONCE
        if plan.status.phase in FINAL or not (differs or tells):
            return plan.wake_at
        return self._clock.now() + timedelta(seconds=too_early) if too_early and only_counts else AT_ONCE

    async def _carry_out(self, key: Key, body: Object, stack_set: StackSet | None, steps: Sequence[Step]) -> None:
        jobs = [lambda step=step: self._do(key, body, stack_set, step) for step in steps]
        results = await slow_start(jobs, limit=MOST_IN_FLIGHT, initial=MOST_IN_FLIGHT // 4)
        for error in results.failed.values():
            raise error

    async def _do(self, key: Key, body: Object, stack_set: StackSet | None, step: Step) -> None:
        if isinstance(step, Create):
            if stack_set is not None:
                await self._create(key, body, stack_set, step)
            return
        if isinstance(step, Keep):
            return
        there = Key(INSTANCE, key.namespace, step.name)
        known = self._instances.known(there)
        if known is None or known.uid != step.uid:
            return  # gone meanwhile, which the next pass sees
        try:
            if isinstance(step, Mark):
                await self._mark(there, known, key, body, step)
            else:
                await self._tell(there, known, body, step)
        except Gone:
            return

    async def _tell(self, there: Key, known: Object, body: Object, step: Wait | Begin | Cancel) -> None:
        times: dict[str, str | None]
        if isinstance(step, Wait):
            phase = InstancePhase.WAITING
            times = {"startTime": None, "completionTime": None}
        elif isinstance(step, Begin):
            phase = InstancePhase.RUNNING
            times = {"startTime": rfc3339(self._clock.now()), "completionTime": None}
        else:
            phase = InstancePhase.CANCELLED
            times = {"completionTime": rfc3339(self._clock.now())}
        before: Mapping[str, Any] = known.get("status") or {}
        changed = {
            **before,
            **times,
            **self._said(known, step.why, over=phase is InstancePhase.CANCELLED),
            "phase": str(phase),
            "operationUID": body.uid,
        }
        await self._instances.write_status(there, known, {k: v for k, v in changed.items() if v is not None})

    def _said(self, known: Object, why: Reason, *, over: bool) -> dict[str, Any]:
        old = [Condition.model_validate(each) for each in (known.get("status") or {}).get("conditions") or ()]
        generation = known["metadata"]["generation"]
        made = conditions(
            "Stalled" if over else "Reconciling",
            why,
            str(why),
            old=old,
            generation=generation,
            now=self._clock.now(),
        )
        return {
            "message": str(why),
            "observedGeneration": generation,
            "conditions": [to_wire(condition) for condition in made],
        }

    async def _mark(self, there: Key, known: Object, key: Key, body: Object, step: Mark) -> None:
        spec = _part_in(key, body, step)
        metadata = {"uid": known.uid, "resourceVersion": known.resource_version}
        try:
            written = await self._client.merge_patch(
                STACK_INSTANCES, there.namespace, there.name, {"metadata": metadata, "spec": spec}
            )
        except (Conflict, Gone):
            await self._instances.read_again(there, known)
            raise
        self._caches.instances.put(Object(written))

    async def _create(self, key: Key, body: Object, stack_set: StackSet, step: Create) -> None:
        name = instance_name(stack_set.name, step.place)
        manifest = {
            "apiVersion": STACK_INSTANCES.api_version,
            "kind": STACK_INSTANCES.kind,
            "metadata": {
                "name": name,
                "namespace": key.namespace,
                "labels": {MANAGED_BY_LABEL: "windlass", STACK_SET_LABEL: stack_set.name},
                "finalizers": [STACK_FINALIZER],
                "ownerReferences": [owner_reference("StackSet", stack_set.name, stack_set.uid)],
            },
            "spec": {
                "stackSet": stack_set.name,
                "region": step.place.region,
                "account": step.place.account,
                **_part_in(key, body, step),
            },
        }
        try:
            made = await self._client.create(STACK_INSTANCES, key.namespace, manifest)
        except AlreadyExists:
            made = await self._client.get(STACK_INSTANCES, key.namespace, name)
        self._caches.instances.put(Object(made))


def _part_in(key: Key, body: Object, step: Create | Mark) -> dict[str, Any]:
    """What an instance's spec says of its part in this operation."""
    return {
        "operation": key.name,
        "operationUID": body.uid,
        "work": str(step.work),
        "template": step.sources.template,
        "variables": step.sources.variables,
        "overrides": step.sources.overrides,
        "timeoutMinutes": step.timeout_minutes,
    }


def _same_but_for_counts(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    return all(one.get(field) == other.get(field) for field in {*one, *other} - _COUNTS)


def _is_about_to_start(plan: OperationPlan) -> bool:
    return isinstance(plan.why, ReadsInputs) or plan.status.start_time is not None
