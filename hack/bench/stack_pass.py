"""What a pass of an operation computes: its view, its plan, the status that would be written; all from its caches."""

import gc
import time
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any, cast

from hack.bench.figures import percentile
from hack.bench.manifests import NAMESPACE
from hack.bench.stacks import TEMPLATE, Spread
from windlass.api.common import to_wire
from windlass.api.stacks import InstancePhase
from windlass.cluster.store import Object
from windlass.controllers.stack_sets.caches import Caches
from windlass.engine.dispatch import Runtime
from windlass.engine.own_stores import OwnStores
from windlass.planner.stackset.naming import instance_name
from windlass.planner.stackset.operation import plan_operation
from windlass.planner.stackset.view import OperationView

ROUNDS = 20
SET, OPERATION = "bench", "create"


def measure_pass(spread: Spread) -> dict[str, float]:
    """Milliseconds of such passes: `marking`, when all instances are there and the last of them is to be marked, and
    `running`, when of each region half are done and as many run as may."""
    half, at_once = spread.accounts // 2, spread.at_once
    phases = [InstancePhase.COMPLETE] * half + [InstancePhase.RUNNING] * at_once
    phases += [InstancePhase.WAITING] * (spread.accounts - len(phases))
    counts = {"total": spread.accounts, "tolerance": spread.accounts, "concurrency": at_once}
    regions = [{"region": region, **counts} for region in spread.region_names]
    prepared = {"prepared": True, "total": spread.targets, "regions": regions}
    marked = [InstancePhase.WAITING] * (spread.accounts - 1) + [InstancePhase.COMPLETE]
    return _measure("marking", _caches(spread, {}, marked)) | _measure("running", _caches(spread, prepared, phases))


def _measure(name: str, caches: Caches) -> dict[str, float]:
    taken = []
    _pass(caches)
    gc.disable()
    for _ in range(ROUNDS):
        started = time.perf_counter()
        _pass(caches)
        taken.append((time.perf_counter() - started) * 1000)
        gc.collect()
    gc.enable()
    return {f"{name}_p50_ms": percentile(taken, 50), f"{name}_max_ms": max(taken)}


def _pass(caches: Caches) -> None:
    world = caches.view(NAMESPACE, SET, datetime.now(UTC))
    (operation,) = world.operations
    to_wire(plan_operation(OperationView(world, operation)).status)


def _caches(spread: Spread, status: dict[str, Any], phases: list[InstancePhase]) -> Caches:
    """The set, its operation with this status, and the instances of each region in these phases, with their targets."""
    caches = Caches(cast("Runtime", SimpleNamespace(enqueue=lambda *_: None, stores=OwnStores())))
    began = {"phase": "Running", "startTime": "2026-01-15T12:00:00Z", "position": 1}
    caches.sets.put(_object(SET, {"template": {"manifests": TEMPLATE}}, {}))
    spec = spread.operation(OPERATION, SET, "CreateInstances")["spec"]
    caches.operations.put(_object(OPERATION, spec, began | status))
    for number, place in enumerate(spread.places):
        where = {"region": place.region, "account": place.account}
        caches.targets.put(_object("-".join(place), where, {}))
        part = where | {"stackSet": SET, "operation": OPERATION, "operationUID": OPERATION}
        phase = phases[number % spread.accounts]
        is_marked = phase is not InstancePhase.COMPLETE or "prepared" in status
        caches.instances.put(
            _object(instance_name(SET, place), part, {"phase": phase, "operationUID": OPERATION if is_marked else ""})
        )
    return caches


def _object(name: str, spec: dict[str, Any], status: dict[str, Any]) -> Object:
    metadata = {
        "namespace": NAMESPACE,
        "name": name,
        "uid": name,
        "resourceVersion": "1",
        "generation": 1,
        "creationTimestamp": "2026-01-15T12:00:00Z",
    }
    return Object({"metadata": metadata, "spec": spec, "status": status})
