"""Which instance leaves when the group shrinks.

In this order: who takes no work (failed, then pending, then not ready or unhealthy); lower pod-deletion-cost; the zone
policy (Balanced: the zone with the most instances, CostOptimized: the highest unit price); one or two removal stages,
of which the second decides among those that the first chose; then more siblings on the same node, younger, name.
Protected instances are never chosen.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from windlass.api.scaling_group import RemovalStage
from windlass.planner.capacity.instance import Instance, State
from windlass.planner.capacity.reasons import (
    FullestZone,
    HighestPrice,
    LowestDeletionCost,
    NotInService,
    RemovalPolicy,
)
from windlass.planner.capacity.view import Census
from windlass.planner.reason import Reason

SortKey = tuple[Any, ...]

LEAVING_ORDER = ((State.FAILED,), (State.PENDING,), (State.NOT_READY, State.UNHEALTHY), (State.IN_SERVICE,))


@dataclass(frozen=True, slots=True)
class Choice:
    """One instance that leaves."""

    instance: Instance
    why: Reason


@dataclass(frozen=True, slots=True)
class RemovalRules:
    """What decides between instances that take work.

    `added_at`: when each revision was added to the group, in the order of adding, which decides between equal times;
    one that is not there counts as the oldest. `prices`: unit price by instance name, given where the zone policy is
    CostOptimized.
    """

    stages: Sequence[RemovalStage]
    balanced: bool
    added_at: Mapping[str, datetime]
    prices: Mapping[str, Decimal] | None = None

    @property
    def policy(self) -> str:
        """The removal policy by its name."""
        return ", then ".join(stage.value for stage in self.stages)


def choose_leaving(census: Census, count: int, rules: RemovalRules) -> list[Choice]:
    """The `count` instances that leave (fewer where the others are protected), the first to leave first."""
    key = _stage_key(census, rules)
    left_in_zone = Counter(census.per_zone)
    chosen: list[Choice] = []
    for states in LEAVING_ORDER:
        by_cost: defaultdict[int, list[Instance]] = defaultdict(list)
        for instance in census.of(*states):
            if not instance.protected:
                by_cost[instance.deletion_cost].append(instance)
        for cost in sorted(by_cost):
            wanted = count - len(chosen)
            if not wanted:
                return chosen
            cheaper = cost != max(by_cost)
            picked = _pick(by_cost[cost], wanted, rules, key, left_in_zone)
            chosen += [Choice(choice.instance, _first_reason(states[0], choice, cheaper)) for choice in picked]
    return chosen


def _first_reason(state: State, choice: Choice, cheaper: bool) -> Reason:
    if state is not State.IN_SERVICE:
        return NotInService(state.value)
    return LowestDeletionCost(choice.instance.deletion_cost) if cheaper else choice.why


def _pick(
    candidates: list[Instance],
    count: int,
    rules: RemovalRules,
    key: Callable[[Instance], SortKey],
    left_in_zone: Counter[str | None],
) -> Iterable[Choice]:
    keys = {instance.name: key(instance) for instance in candidates}
    ordered = sorted(candidates, key=lambda instance: keys[instance.name], reverse=True)
    if rules.balanced and len(left_in_zone) > 1:
        yield from _from_fullest_zones(ordered, count, rules, keys, left_in_zone)
        return
    for _ in range(min(count, len(ordered))):
        instance = ordered.pop()
        yield Choice(instance, _policy_reason(instance, rules))


def _policy_reason(instance: Instance, rules: RemovalRules) -> Reason:
    if rules.prices is None:
        return RemovalPolicy(rules.policy)
    return HighestPrice(str(rules.prices[instance.name]), rules.policy)


def _from_fullest_zones(
    ordered: list[Instance],
    count: int,
    rules: RemovalRules,
    keys: Mapping[str, SortKey],
    left_in_zone: Counter[str | None],
) -> Iterable[Choice]:
    """One by one from the zone that has the most instances then; tied zones compete by the removal stages."""
    by_zone: defaultdict[str | None, list[Instance]] = defaultdict(list)
    for instance in ordered:
        by_zone[instance.zone].append(instance)
    for _ in range(min(count, len(ordered))):
        most = max(left_in_zone[zone] for zone in by_zone)
        fullest = [zone for zone in by_zone if left_in_zone[zone] == most]
        zone = min(fullest, key=lambda name: keys[by_zone[name][-1].name])
        instance = by_zone[zone].pop()
        if not by_zone[zone]:
            del by_zone[zone]
        left_in_zone[zone] -= 1
        yield Choice(instance, FullestZone(zone or "no zone", most, rules.policy))


def _stage_key(census: Census, rules: RemovalRules) -> Callable[[Instance], SortKey]:
    """The smallest key leaves first."""
    siblings: Counter[str | None] = Counter(i.node for states in LEAVING_ORDER for i in census.of(*states))
    by_age = sorted(rules.added_at, key=lambda name: rules.added_at[name])
    rank = {name: position for position, name in enumerate(by_age)}
    prices = rules.prices

    def rank_of(instance: Instance) -> float:
        return rank.get(instance.revision, -1)

    def age(instance: Instance) -> float:
        return instance.created_at.timestamp()

    def youth(instance: Instance) -> float:
        return -instance.created_at.timestamp()

    by_stage = {
        RemovalStage.OLDEST_CONFIGURATION: rank_of,
        RemovalStage.OLDEST_INSTANCE: age,
        RemovalStage.NEWEST_INSTANCE: youth,
    }
    stages = [by_stage[stage] for stage in rules.stages]

    def key(instance: Instance) -> SortKey:
        price = -prices[instance.name] if prices is not None else 0
        decided = [stage(instance) for stage in stages]
        return (price, *decided, -siblings[instance.node], youth(instance), -instance.ordinal, instance.name)

    return key
