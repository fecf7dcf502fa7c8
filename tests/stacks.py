"""Stack sets and what belongs to them, as values, in tests."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from windlass.api.stack_instance import Work
from windlass.api.stack_set import StackSetSpec, StackSetStatus
from windlass.api.stack_set_operation import StackSetOperationSpec, StackSetOperationStatus
from windlass.api.stacks import InstancePhase
from windlass.planner.stackset.targets import Place, Target
from windlass.planner.stackset.view import Inputs, Operation, SetView, Sources, StackInstance, StackSet

NOON = datetime(2026, 1, 15, 12, tzinfo=UTC)
TEMPLATE = "kind: ConfigMap"
INPUTS = Inputs(Sources("shop-t-1", "shop-v-1"), frozenset({"replicas", "image"}), {"shop-t-1": "…", "shop-v-1": "…"})


def stack_set(name: str = "shop", *, removing: bool = False, status: Any = None, **spec: Any) -> StackSet:
    made = StackSetSpec.model_validate({"template": {"manifests": TEMPLATE}, **spec})
    return StackSet(name, f"uid-{name}", 1, made, StackSetStatus.model_validate(status or {}), removing)


def operation(
    name: str = "first",
    action: str = "DeploySet",
    *,
    minute: int = 0,
    status: Mapping[str, Any] | None = None,
    by_set: bool = False,
    removing: bool = False,
    **spec: Any,
) -> Operation:
    return Operation(
        name=name,
        uid=f"uid-{name}",
        generation=1,
        created_at=NOON + timedelta(minutes=minute),
        spec=StackSetOperationSpec.model_validate({"stackSet": "shop", "action": action, **spec}),
        status=StackSetOperationStatus.model_validate(status or {}),
        by_set=by_set,
        counted=by_set,
        removing=removing,
    )


def targets(regions: Iterable[str], accounts: Iterable[str], unit: str | None = None) -> tuple[Target, ...]:
    names = list(accounts)
    return tuple(Target(f"{r}-{a}", r, a, unit, management=False) for r in regions for a in names)


def instance(
    region: str,
    account: str,
    *,
    asked_by: str = "",
    phase: InstancePhase = InstancePhase.COMPLETE,
    done_for: str | None = None,
    work: Work = Work.DEPLOY,
    sources: Sources = INPUTS.sources,
    deployed: Sources | None = INPUTS.sources,
    removing: bool = False,
) -> StackInstance:
    name = f"shop.{region}.{account}"
    return StackInstance(
        name=name,
        uid=f"uid-{name}",
        place=Place(region, account),
        asked_by=asked_by,
        done_for=asked_by if done_for is None else done_for,
        phase=phase,
        work=work,
        sources=sources,
        deployed=deployed,
        removing=removing,
    )


def world(
    of: StackSet | None = None,
    operations: Iterable[Operation] = (),
    instances: Iterable[StackInstance] = (),
    known: Iterable[Target] = (),
    now: datetime = NOON,
) -> SetView:
    return SetView(now, of, tuple(operations), tuple(instances), tuple(known))
