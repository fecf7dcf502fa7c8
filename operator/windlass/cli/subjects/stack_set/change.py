"""What people do with operations: stop one, and start one again for what failed or was cancelled in it."""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from windlass.api.common import API_VERSION, MADE_BY_ANNOTATION, to_wire
from windlass.api.stack_set_operation import Action, OperationState, StackSetOperationSpec, StackSetOperationStatus
from windlass.api.stacks import (
    MAX_ACCOUNTS,
    MAX_REGIONS,
    AccountFilter,
    DeploymentTargets,
    InstancePhase,
    PermissionModel,
)
from windlass.api.task import Phase
from windlass.cli.failures import CannotError
from windlass.cli.reading import Body, read_object
from windlass.cli.subjects.group.scale import FIELD_MANAGER
from windlass.cli.subjects.stack_set import OPERATION
from windlass.cli.subjects.stack_set.objects import alone, operation_shown, said
from windlass.cli.subjects.stack_set.reading import World, read_world, with_operation
from windlass.cli.text import bar
from windlass.cli.told import Shown
from windlass.cli.waiting import Goal, wait_until
from windlass.cluster.client import Client
from windlass.cluster.resources import STACK_SET_OPERATIONS
from windlass.cluster.stacks import to_operation
from windlass.planner.reason import Reason, counted
from windlass.planner.stackset.operation import plan_operation
from windlass.planner.stackset.selection import selected, unmarked
from windlass.planner.stackset.stack_set import products
from windlass.planner.stackset.targets import Place
from windlass.planner.stackset.view import Operation, StackSet
from windlass.planner.tasks import FINAL

AGAIN = frozenset({InstancePhase.FAILED, InstancePhase.INOPERABLE, InstancePhase.CANCELLED})
LONGEST_NAME = 253
_RETRY = re.compile(r"-retry-[0-9]{1,9}$")


# ---- stop


@dataclass(frozen=True, slots=True)
class Stopped:
    """The state that was wanted before, and what was done, as words."""

    before: str
    said: str


async def stop(client: Client, namespace: str, name: str) -> Stopped:
    """Have the operation begin nothing more. CannotError for one that is over."""
    body = await read_object(client, OPERATION, namespace, name)
    before, after = str(body["spec"].get("state", OperationState.RUNNING)), OperationState.STOPPED.value
    phase = _phase(body)
    if phase in FINAL:
        raise CannotError(f"operation {name} is over, as {phase.value}: {said(body, 'operation', over=True)}")
    if before == after:
        return Stopped(before, f"is {after} already")
    fenced = {"metadata": {"uid": body["metadata"]["uid"]}, "spec": {"state": after, "stateReason": None}}
    await client.merge_patch(STACK_SET_OPERATIONS, namespace, name, fenced, field_manager=FIELD_MANAGER)
    return Stopped(before, f"{before} → {after}; what was begun is finished")


def _phase(body: Body) -> Phase:
    return Phase((body.get("status") or {}).get("phase", Phase.PENDING))


# ---- retry


async def retry(client: Client, namespace: str, name: str) -> list[Body]:
    """Create the operation that does the same again where it failed or was cancelled; several, where one cannot name
    these places alone. CannotError where there is nothing to do again, or it would be refused.
    """
    body = await read_object(client, OPERATION, namespace, name)
    world = await read_world(client, namespace, str(body["spec"]["stackSet"]))
    manifests = [_manifest(namespace, each, spec) for each, spec in retries(world, to_operation(body))]
    return [
        await client.create(STACK_SET_OPERATIONS, namespace, each, strict=True, field_manager=FIELD_MANAGER)
        for each in manifests
    ]


def _manifest(namespace: str, name: str, spec: StackSetOperationSpec) -> dict[str, Any]:
    annotations = {MADE_BY_ANNOTATION: FIELD_MANAGER}
    metadata = {"name": name, "namespace": namespace, "annotations": annotations}
    return {
        "apiVersion": API_VERSION,
        "kind": STACK_SET_OPERATIONS.kind,
        "metadata": metadata,
        "spec": to_wire(spec),
    }


def retries(world: World, old: Operation) -> list[tuple[str, StackSetOperationSpec]]:
    """The names and specs of the operations that do it again."""
    stack_set = world.view.stack_set
    if old.status.phase not in FINAL:
        stop_it = f"kubectl windlass stop operation {old.name} -n {world.namespace}"
        raise CannotError(
            f"operation {old.name} is not over ({old.status.phase}): wait until it is, or stop it: {stop_it}"
        )
    if stack_set is None:
        raise CannotError(f"operation {old.name} cannot be tried again: its StackSet {world.name} is gone")
    again = [each.place for each in world.view.instances if _to_do_again(old, each.asked_by, each.state_in(old.uid))]
    again += _never_marked(world, old)
    if not again:
        raise CannotError(f"operation {old.name} cannot be tried again: {_why_nothing(old)}")
    found = list(zip(_names(world, old.name), _specs(stack_set, old, _parts(again)), strict=False))
    for name, spec in found:
        _refuse(world, name, spec, {each for each in again if each in _meant(spec)})
    return found


def _never_marked(world: World, old: Operation) -> list[Place]:
    """The places of an operation that ended before all were part of it."""
    if old.status.prepared or old.status.start_time is None:
        return []
    meant = selected(world.view, old)
    return [] if isinstance(meant, Reason) else unmarked(world.view, old, meant)


def _to_do_again(old: Operation, asked_by: str, state: InstancePhase) -> bool:
    return asked_by == old.uid and state in AGAIN


def _why_nothing(old: Operation) -> str:
    status = old.status
    if status.start_time is None:
        return f"it never began ({status.message}); correct that, and create another one"
    if status.failed + status.cancelled:
        return "the instances that failed or were cancelled in it have been part of another operation since"
    return "none of its instances failed or was cancelled"


def _names(world: World, old: str) -> Iterator[str]:
    """`shop-3-retry-1` and so on, those that are taken left out."""
    taken = {each.name for each in world.view.operations}
    base = _RETRY.sub("", old)
    number = 0
    while True:
        number += 1
        end = f"-retry-{number}"
        name = base[: LONGEST_NAME - len(end)] + end
        if name not in taken:
            yield name


def _parts(again: Iterable[Place]) -> Iterator[Sequence[Place]]:
    """The places in groups that one operation can name."""
    for product in products(again):
        regions = sorted({place.region for place in product})
        accounts = sorted({place.account for place in product})
        for first in range(0, len(regions), MAX_REGIONS):
            for start in range(0, len(accounts), MAX_ACCOUNTS):
                some = accounts[start : start + MAX_ACCOUNTS]
                yield [Place(region, each) for region in regions[first : first + MAX_REGIONS] for each in some]


def _specs(stack_set: StackSet, old: Operation, parts: Iterable[Sequence[Place]]) -> Iterator[StackSetOperationSpec]:
    spec = old.spec
    for part in parts:
        targets = _targets(stack_set, part)
        order = tuple(region for region in spec.preferences.region_order if region in targets.regions)
        yield StackSetOperationSpec(
            stack_set=spec.stack_set,
            stack_set_uid=stack_set.uid,
            # Its instances are there by now, and remember the values that it gave them.
            action=Action.DEPLOY if spec.action is Action.CREATE else spec.action,
            targets=targets,
            preferences=spec.preferences.model_copy(update={"region_order": order}),
            retain_stacks=spec.retain_stacks,
        )


def _targets(stack_set: StackSet, part: Sequence[Place]) -> DeploymentTargets:
    by_units = stack_set.spec.permission_model is PermissionModel.SERVICE_MANAGED
    return DeploymentTargets(
        regions=tuple(sorted({place.region for place in part})),
        accounts=tuple(sorted({place.account for place in part})),
        organizational_units=stack_set.status.organizational_units if by_units else (),
        account_filter=AccountFilter.INTERSECTION if by_units else AccountFilter.NONE,
    )


def _meant(spec: StackSetOperationSpec) -> set[Place]:
    targets = spec.targets
    return {Place(r, a) for r in targets.regions for a in targets.accounts} if targets is not None else set()


def _refuse(world: World, name: str, spec: StackSetOperationSpec, wanted: set[Place]) -> None:
    """CannotError if the operator would refuse the operation, or do it to other instances than these."""
    operation = Operation(name, f"new/{name}", 1, world.view.now, spec, StackSetOperationStatus())
    seen = with_operation(world, operation)
    would_be = plan_operation(seen.view_of(operation)).status
    if would_be.phase in FINAL:
        raise CannotError(f"it would be refused: {would_be.message}")
    found = selected(seen.view, operation)
    if isinstance(found, Reason):
        raise CannotError(f"it would be refused: {found}")
    if set(found) != wanted:
        left = counted(len(wanted - set(found)), "instance")
        raise CannotError(
            f"{left} cannot be named without others, because they are in none of the set's units: "
            "create the operation yourself"
        )


# ---- waiting


@dataclass(frozen=True, slots=True)
class _Progress:
    """An operation as those see it who wait: each new sentence comes with the bar."""

    body: Body
    shown: Shown

    @property
    def message(self) -> str:
        percentage = (self.body.get("status") or {}).get("percentage", 0)
        return f"{bar(percentage)}   {self.shown.message}"

    @property
    def now(self) -> datetime:
        return self.shown.now

    @property
    def next_change(self) -> datetime | None:
        return None  # only the operator changes it


async def wait_until_over(client: Client, body: Body, limit: float | None, *, tell: Callable[[str], None]) -> str:
    """Wait until the operation has succeeded; its last sentence. CannotError if it ends otherwise, or not in time."""
    name = body["metadata"]["name"]

    def still(progress: _Progress | None) -> _Progress:
        if progress is None:
            raise CannotError(f"operation {name} was deleted, which cancels it")
        return progress

    def reached(progress: _Progress) -> bool:
        phase = _phase(progress.body)
        if phase in FINAL and phase is not Phase.SUCCESSFUL:
            raise CannotError(f"operation {name} ended as {phase.value}: {progress.shown.message}")
        return phase is Phase.SUCCESSFUL

    def picture(body: Body) -> _Progress:
        return _Progress(body, operation_shown(body))

    goal = Goal(still, reached, lambda progress: progress.shown.message)
    return await wait_until(alone(client, OPERATION, body, picture), OPERATION, body, goal, limit, tell=tell)
