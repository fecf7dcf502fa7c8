"""StackSets: what they say of their instances, and the operations that they start by themselves."""

import logging
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta

from windlass.api import stack_set
from windlass.api.common import MADE_BY_ANNOTATION, MANAGED_BY_LABEL, owner_reference, to_wire
from windlass.api.stacks import STACK_FINALIZER, STACK_SET_LABEL, WISH_ANNOTATION
from windlass.cluster.errors import AlreadyExists, Gone
from windlass.cluster.resources import STACK_SET_OPERATIONS, STACK_SETS
from windlass.cluster.snapshots import Snapshots
from windlass.cluster.stacks import MADE_BY_SET
from windlass.cluster.store import Object
from windlass.controllers.stack_sets.caches import Caches
from windlass.controllers.stack_sets.inputs import InputReader
from windlass.engine.dispatch import Controller, Runtime
from windlass.engine.loop import AT_ONCE, Answer
from windlass.engine.own_objects import OwnObjects
from windlass.engine.queue import Key
from windlass.planner.conditions import Readiness
from windlass.planner.reason import Reason
from windlass.planner.stackset.stack_set import DeleteOperation, Release, SetStep, StartOperation, plan_stack_set
from windlass.planner.stackset.view import Inputs, SetView, StackSet
from windlass.planner.tasks import FINAL

logger = logging.getLogger(__name__)

STATUS_SECONDS = 1.0  # between two counts of a set whose instances come and go
FILES_SECONDS = 60.0  # a ConfigMap or Secret that a set names is read again after this


@dataclass(slots=True)
class _InMemory:
    """What the process knows of a set, and may forget."""

    uid: str
    counted_at: float = float("-inf")
    generation: int = 0
    read_at: float = float("-inf")
    inputs: Inputs | Reason | None = None
    collected: str = ""


class StackSetController(Controller):
    """Counts, starts operations, and lets a set go when nothing of it is left."""

    kind = stack_set.KIND.kind

    def __init__(self, runtime: Runtime, caches: Caches, snapshots: Snapshots, inputs: InputReader) -> None:
        self._client = runtime.client
        self._clock = runtime.clock
        self._caches = caches
        self._snapshots = snapshots
        self._inputs = inputs
        self._sets = OwnObjects(self.kind, runtime)
        self._in_memory: dict[Key, _InMemory] = {}

    def all_keys(self) -> Iterable[Key]:
        """Those of all sets."""
        return self._sets.all_keys()

    def stop_leading(self) -> None:
        """Another leader may write meanwhile."""
        self._in_memory.clear()

    async def report(self, key: Key, error: Exception) -> None:
        """Show in its conditions that its passes fail, and why."""

        def phase(readiness: Readiness) -> str | None:
            return "Stalled" if readiness == "Stalled" else None

        await self._sets.show_failure(key, error, phase)

    async def reconcile(self, key: Key) -> Answer:
        """Count, and start what is to be started."""
        if self._sets.known(key) is None:
            self._in_memory.pop(key, None)
        body = self._sets.existing(key)
        in_memory = self._of(key, body)
        due = in_memory.counted_at + STATUS_SECONDS - self._clock.monotonic()
        if due > 0:
            return self._clock.now() + timedelta(seconds=due)
        in_memory.counted_at = self._clock.monotonic()
        if "deletionTimestamp" not in body["metadata"]:
            body = await self._hold(key, body)
        view = self._caches.view(key.namespace, key.name, self._clock.now())
        if view.stack_set is None:
            return None
        inputs = await self._read(key, view.stack_set, view, in_memory)
        plan = plan_stack_set(view, inputs, self._wishes(key))
        status = to_wire(plan.status)
        differs = status != (body.get("status") or {})
        if differs:
            await self._sets.write_status(key, body, status)
        elif plan.steps:
            await self._sets.confirm(key, body)
        self._sets.tell(key, body.uid, plan.events)
        for step in plan.steps:
            await self._do(key, view.stack_set, step)
        await self._collect(key, view, view.stack_set, inputs, in_memory)
        return AT_ONCE if plan.steps else self._wake_at(view.stack_set, in_memory, plan.wake_at)

    def _of(self, key: Key, body: Object) -> _InMemory:
        known = self._in_memory.get(key)
        if known is None or known.uid != body.uid:
            known = self._in_memory[key] = _InMemory(body.uid)
        if known.generation != body["metadata"]["generation"]:
            known.generation, known.read_at, known.counted_at = body["metadata"]["generation"], *([float("-inf")] * 2)
        return known

    async def _hold(self, key: Key, body: Object) -> Object:
        """See to it that the set stays until its instances are gone."""
        if STACK_FINALIZER in (body["metadata"].get("finalizers") or ()):
            return body
        held = [*(body["metadata"].get("finalizers") or ()), STACK_FINALIZER]
        return await self._patch_finalizers(key, body, held)

    async def _patch_finalizers(self, key: Key, body: Object, finalizers: list[str]) -> Object:
        metadata = {"uid": body.uid, "resourceVersion": body.resource_version, "finalizers": finalizers}
        written = await self._client.merge_patch(STACK_SETS, key.namespace, key.name, {"metadata": metadata})
        self._caches.sets.put(Object(written))
        return Object(written)

    async def _read(self, key: Key, stack_set: StackSet, view: SetView, in_memory: _InMemory) -> Inputs | Reason:
        now = self._clock.monotonic()
        if in_memory.inputs is None or in_memory.read_at + FILES_SECONDS <= now:
            in_memory.inputs = await self._inputs.read(key.namespace, stack_set, view.instances)
            in_memory.read_at = now
        return in_memory.inputs

    def _wishes(self, key: Key) -> dict[str, str]:
        bodies = self._caches.operations.by_index(f"{key.namespace}/{key.name}")
        found = {}
        for name, body in bodies.items():
            annotations = body["metadata"].get("annotations") or {}
            if annotations.get(MADE_BY_ANNOTATION) == MADE_BY_SET:
                found[name] = annotations.get(WISH_ANNOTATION, "")
        return found

    def _wake_at(self, stack_set: StackSet, in_memory: _InMemory, wake_at: datetime | None) -> datetime | None:
        """Files that the set names are in objects that nobody watches for us."""
        if stack_set.spec.template.config_map_ref is None and stack_set.spec.variables_from is None:
            return wake_at
        again = in_memory.read_at + FILES_SECONDS - self._clock.monotonic()
        later = self._clock.now() + timedelta(seconds=max(1.0, again))
        return later if wake_at is None else min(later, wake_at)

    async def _do(self, key: Key, stack_set: StackSet, step: SetStep) -> None:
        if isinstance(step, StartOperation):
            await self._start(key, stack_set, step)
        elif isinstance(step, DeleteOperation):
            with suppress(Gone):
                await self._client.delete(STACK_SET_OPERATIONS, key.namespace, step.name, uid=step.uid)
        elif isinstance(step, Release):
            body = self._sets.existing(key)
            left = [each for each in body["metadata"].get("finalizers") or () if each != STACK_FINALIZER]
            with suppress(Gone):
                await self._patch_finalizers(key, body, left)

    async def _start(self, key: Key, stack_set: StackSet, step: StartOperation) -> None:
        manifest = {
            "apiVersion": STACK_SET_OPERATIONS.api_version,
            "kind": STACK_SET_OPERATIONS.kind,
            "metadata": {
                "name": step.name,
                "namespace": key.namespace,
                "labels": {MANAGED_BY_LABEL: "windlass", STACK_SET_LABEL: stack_set.name},
                "annotations": {MADE_BY_ANNOTATION: MADE_BY_SET, WISH_ANNOTATION: step.wish},
                "ownerReferences": [owner_reference("StackSet", stack_set.name, stack_set.uid)],
            },
            "spec": to_wire(step.spec),
        }
        try:
            made = await self._client.create(STACK_SET_OPERATIONS, key.namespace, manifest)
        except AlreadyExists:
            made = await self._client.get(STACK_SET_OPERATIONS, key.namespace, step.name)
        self._caches.operations.put(Object(made))
        logger.info("%s", step.why, extra={"key": key})

    async def _collect(
        self, key: Key, view: SetView, stack_set: StackSet, inputs: Inputs | Reason, in_memory: _InMemory
    ) -> None:
        """After each operation, delete the snapshots that nothing names any more."""
        last = stack_set.status.operation
        busy = any(each.status.phase not in FINAL for each in view.operations)
        if busy or not last or in_memory.collected == last:
            return
        used = {name for each in view.operations for name in _named(each.status)}
        for each in view.instances:
            used |= {each.sources.template, each.sources.variables, each.sources.overrides}
            if each.deployed is not None:
                used |= {each.deployed.template, each.deployed.variables, each.deployed.overrides}
        if isinstance(inputs, Inputs):
            used |= inputs.contents.keys()
        await self._snapshots.collect(key.namespace, key.name, stack_set.uid, used, self._clock.now())
        in_memory.collected = last


def _named(status: object) -> set[str]:
    return {getattr(status, field) for field in ("template", "variables", "overrides")}
