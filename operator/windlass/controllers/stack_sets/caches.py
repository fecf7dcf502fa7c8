"""What is known of stack sets without asking: their kinds, by kopf's watches."""

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any, Generic, TypeVar

from windlass.api import stack_instance, stack_set, stack_set_operation, stack_target
from windlass.api.stacks import InstancePhase
from windlass.cluster.stacks import to_operation, to_stack_instance, to_stack_set, to_target
from windlass.cluster.store import Object
from windlass.engine.dispatch import Enqueue, Runtime
from windlass.engine.own_stores import OwnStores, same_wish
from windlass.engine.queue import Key
from windlass.planner.stackset.targets import Target
from windlass.planner.stackset.view import Operation, SetView, StackInstance
from windlass.planner.tasks import FINAL

SET, OPERATION = stack_set.KIND.kind, stack_set_operation.KIND.kind
INSTANCE, TARGET = stack_instance.KIND.kind, stack_target.KIND.kind

T = TypeVar("T")


class _Read(Generic[T]):
    """Objects as decisions read them. A pass takes all of a group, of which there may be ten thousand: so each is read
    once for each of its versions, and those that have not changed are not looked at.
    """

    def __init__(self, read: Callable[[Mapping[str, Any]], T], group: Callable[[Object], str]) -> None:
        self._read = read
        self._group = group
        self._known: dict[str, dict[str, T]] = {}
        self._changed: dict[str, dict[str, Object]] = {}  # and not read yet

    def all(self, group: str) -> tuple[T, ...]:
        """Those of the group."""
        known, changed = self._known.setdefault(group, {}), self._changed.get(group, {})
        for name in tuple(changed):
            known[name] = self._read(changed[name])
            del changed[name]
        return tuple(known.values())

    def note(self, old: Object | None, new: Object | None) -> None:
        """The store has this in place of that."""
        if old is not None and (new is None or old.uid != new.uid):
            for each in (self._known, self._changed):
                of_group: dict[str, Any] = each.get(self._group(old), {})
                of_group.pop(old.name, None)
        if new is not None:
            self._changed.setdefault(self._group(new), {})[new.name] = new


class Caches:
    """The stores of the four kinds; a change enqueues whom it concerns."""

    def __init__(self, runtime: Runtime) -> None:
        self._enqueue: Enqueue = runtime.enqueue
        stores: OwnStores = runtime.stores
        self.sets = stores.add(stack_set.KIND, self._set_changed, optional=True)
        self.operations = stores.add(stack_set_operation.KIND, self._operation_changed, index=_set_of, optional=True)
        self.instances = stores.add(stack_instance.KIND, self._instance_changed, index=_set_of, optional=True)
        self.targets = stores.add(stack_target.KIND, self._target_changed, index=_place_of, optional=True)
        self._read_operations: _Read[Operation] = _Read(to_operation, _set_of)
        self._read_instances: _Read[StackInstance] = _Read(to_stack_instance, _set_of)
        self._read_targets: _Read[Target] = _Read(to_target, lambda body: body.namespace)

    def view(self, namespace: str, name: str, now: datetime) -> SetView:
        """A set and all that belongs to it, as the stores have it."""
        body = self.sets.get(namespace, name)
        return SetView(
            now=now,
            stack_set=None if body is None else to_stack_set(body),
            operations=self.operations_of(namespace, name),
            instances=self._read_instances.all(f"{namespace}/{name}"),
            targets=self._read_targets.all(namespace),
        )

    def operations_of(self, namespace: str, name: str) -> tuple[Operation, ...]:
        """The operations of a set."""
        return self._read_operations.all(f"{namespace}/{name}")

    def depends_on(self, namespace: str, name: str) -> tuple[str, ...]:
        """The sets that a set depends on; none where there is no such set."""
        body = self.sets.get(namespace, name)
        return () if body is None else tuple(body["spec"].get("dependsOn") or ())

    def operations_by_set(self, namespace: str, names: Iterable[str]) -> dict[str, tuple[Operation, ...] | None]:
        """Those of several sets; None where there is no such set."""
        return {
            name: self.operations_of(namespace, name) if self.sets.get(namespace, name) is not None else None
            for name in names
        }

    def targets_at(self, namespace: str, region: str, account: str) -> list[Object]:
        """The StackTargets of a place: more than one is a mistake. The eldest first."""
        found = self.targets.by_index(f"{namespace}/{region}/{account}").values()
        return sorted(found, key=lambda each: (each["metadata"]["creationTimestamp"], each.name))

    # ---- what kopf's watches say

    def _set_changed(self, old: Object | None, new: Object | None) -> None:
        changed = new or old
        if changed is None or (old is not None and new is not None and same_wish(old, new)):
            return
        self._enqueue(Key(SET, changed.namespace, changed.name))
        self._enqueue_operations(changed)
        if old is None or new is None:
            self._enqueue_dependents(changed.namespace, changed.name)
        if old is not None and new is not None and old["spec"].get("dependsOn") != new["spec"].get("dependsOn"):
            for each in self.sets.within(changed.namespace):  # a circle may be open or closed now
                self._enqueue_line(changed.namespace, each.name)

    def _operation_changed(self, old: Object | None, new: Object | None) -> None:
        self._read_operations.note(old, new)
        changed = new or old
        if changed is None:
            return
        self._enqueue(Key(OPERATION, changed.namespace, changed.name))
        if old is not None and new is not None and _phase(old) == _phase(new):
            return
        name = str(changed["spec"]["stackSet"])
        self._enqueue(Key(SET, changed.namespace, name))
        if new is None or _phase(new) in FINAL:
            self._enqueue_line(changed.namespace, name)
            self._enqueue_dependents(changed.namespace, name)
        if new is None:
            for body in self.instances.by_index(f"{changed.namespace}/{name}").values():
                if body["spec"].get("operationUID") == changed.uid:
                    self._enqueue(Key(INSTANCE, body.namespace, body.name))

    def _instance_changed(self, old: Object | None, new: Object | None) -> None:
        self._read_instances.note(old, new)
        changed = new or old
        if changed is None:
            return
        key = Key(INSTANCE, changed.namespace, changed.name)
        moved = old is None or new is None or _phase(old) != _phase(new) or not same_wish(old, new)
        if not moved:
            return
        self._enqueue(key)
        name, operation = str(changed["spec"]["stackSet"]), changed["spec"].get("operation")
        if operation and self.operations.get(changed.namespace, operation) is not None:
            self._enqueue(Key(OPERATION, changed.namespace, operation))
        if new is None or not operation or self.operations.get(changed.namespace, operation) is None:
            self._enqueue_line(changed.namespace, name)  # it may wait for just this one
        if old is None or new is None or _phase(new) not in (InstancePhase.WAITING, InstancePhase.RUNNING):
            self._enqueue(Key(SET, changed.namespace, name))

    def _target_changed(self, old: Object | None, new: Object | None) -> None:
        self._read_targets.note(old, new)
        changed = new or old
        if changed is None or (old is not None and new is not None and same_wish(old, new)):
            return
        self._enqueue(Key(TARGET, changed.namespace, changed.name))
        place = f"{changed.namespace}/{changed['spec']['region']}/{changed['spec']['account']}"
        for same in self.targets.by_index(place).values():
            self._enqueue(Key(TARGET, same.namespace, same.name))
        for each in self.sets.within(changed.namespace):
            self._enqueue(Key(SET, each.namespace, each.name))
        if old is not None and (new is None or new.uid != old.uid):  # what is being done there ends
            for each in self.instances.within(changed.namespace):
                if _place_of(each) == place:
                    self._enqueue(Key(INSTANCE, each.namespace, each.name))

    def _enqueue_operations(self, of: Object) -> None:
        for name, body in self.operations.by_index(f"{of.namespace}/{of.name}").items():
            if _phase(body) not in FINAL:
                self._enqueue(Key(OPERATION, of.namespace, name))

    def _enqueue_line(self, namespace: str, name: str) -> None:
        for each, body in self.operations.by_index(f"{namespace}/{name}").items():
            if _phase(body) not in FINAL:
                self._enqueue(Key(OPERATION, namespace, each))

    def _enqueue_dependents(self, namespace: str, name: str) -> None:
        for each in self.sets.within(namespace):
            if name in self.depends_on(namespace, each.name):
                self._enqueue_line(namespace, each.name)


def _phase(body: Object) -> str:
    return str((body.get("status") or {}).get("phase", ""))


def _set_of(body: Object) -> str:
    return f"{body.namespace}/{body['spec']['stackSet']}"


def _place_of(body: Object) -> str | None:
    return f"{body.namespace}/{body['spec']['region']}/{body['spec']['account']}"
