"""Which instances an operation is about."""

from collections.abc import Iterable, Iterator

from windlass.api.stack_set_operation import Action
from windlass.api.stacks import MAX_REGIONS, PermissionModel
from windlass.planner.reason import Reason
from windlass.planner.stackset.reasons import NoSuchStackSet, NothingSelected, TooManyRegions
from windlass.planner.stackset.targets import Place, Target, chosen, managed
from windlass.planner.stackset.view import Operation, SetView, StackSet


def leaving(world: SetView) -> dict[Place, str]:
    """The instances that are being deleted, by place: another one can be there only when they are gone."""
    return {each.place: each.name for each in world.instances if each.removing}


def selected(world: SetView, operation: Operation) -> tuple[Place, ...] | Reason:
    """The places that the operation is about, or why there are none."""
    stack_set, spec = world.stack_set, operation.spec
    if stack_set is None:
        return NoSuchStackSet(spec.stack_set)
    there = {each.place for each in world.instances if not each.removing}
    if spec.action is Action.CREATE and spec.targets is not None:
        found = chosen(spec.targets, world.targets, stack_set.spec.permission_model)
        if isinstance(found, Reason):
            return found
        part = {each.place for each in world.instances if each.asked_by == operation.uid}
        new = tuple(place for place in found if place not in there or place in part)
        if len({place.region for place in (*new, *there)}) > MAX_REGIONS:
            return TooManyRegions(MAX_REGIONS)
        return new or NothingSelected("all of these exist already; DeploySet deploys to them")
    if spec.targets is None:
        return tuple(sorted(there)) or NothingSelected("the set has no instances")
    permission = stack_set.spec.permission_model
    if operation.by_set:  # it names accounts that may have left the set's units
        permission = PermissionModel.SELF_MANAGED
    regions = {place.region for place in there}
    meant = managed(spec.targets, there, regions, managed_units(world, stack_set), world.targets, permission)
    if isinstance(meant, Reason):
        return meant
    return meant or NothingSelected("the set has no instance in these regions and accounts")


def unmarked(world: SetView, operation: Operation, places: Iterable[Place]) -> list[Place]:
    """Those of the selected places that are still to be marked as part of the operation."""
    known = {each.place: each for each in world.instances if not each.removing}
    left = [place for place in places if place not in known or known[place].asked_by != operation.uid]
    if operation.spec.action is not Action.CREATE:
        return [place for place in left if place in known]
    going = leaving(world)
    return [place for place in left if place not in going]


def managed_units(world: SetView, stack_set: StackSet) -> frozenset[str]:
    """The units that the set manages: those that operations were given, as long as it has instances in them."""
    asked = set(stack_set.status.organizational_units)
    for each in world.operations:
        if each.spec.action is Action.CREATE and each.status.start_time is not None and each.spec.targets is not None:
            asked |= set(each.spec.targets.organizational_units)
    if not asked:
        return frozenset()
    there = {each.place for each in world.instances}
    held = {each.unit for each in world.targets if each.unit and not each.management and _place(each) in there}
    return frozenset(asked & {above for unit in held for above in _and_above(unit)})


def _place(target: Target) -> Place:
    return Place(target.region, target.account)


def _and_above(unit: str) -> Iterator[str]:
    """A unit and those that it is in: `root/eu/shop`, `root/eu`, `root`."""
    yield unit
    while "/" in unit:
        unit = unit.rpartition("/")[0]
        yield unit
