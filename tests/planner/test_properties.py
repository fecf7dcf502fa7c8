"""What holds for every world that can be: no plan breaks a bound, and none depends on luck."""

from collections import Counter
from dataclasses import replace
from decimal import Decimal
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from tests.contract import contract_broken
from tests.planner.many_views import instances, views
from tests.worlds import (
    THREE_ZONES,
    fleet,
    group,
    instance,
    launches,
    leaving,
    on_wire,
    planned,
    removals,
    view,
)
from windlass.api.scaling_group import RemovalStage
from windlass.planner.capacity.instance import Instance, State
from windlass.planner.capacity.removal_order import RemovalRules, choose_leaving
from windlass.planner.capacity.situation import LAUNCHING, effective_desired
from windlass.planner.capacity.view import GroupView, take_census
from windlass.planner.group import plan_group, see
from windlass.planner.rollout.budget import Budget


def bounds(seen: GroupView) -> Budget:
    """How many in service stay, and how many there may be: both the desired size where nothing is exchanged."""
    rollout, desired = see(seen).rollout, effective_desired(seen.spec)
    return rollout.budget if rollout is not None and rollout.active else Budget(desired, desired, desired)


# ---- sizes and names


@given(views())
def test_no_plan_goes_above_the_effective_desired_size(seen: GroupView) -> None:
    plan, there = plan_group(seen), take_census(seen).capacity

    assert there + len(launches(plan)) <= max(bounds(seen).ceiling, there)


@given(views())
def test_no_plan_creates_a_name_that_is_in_use_or_twice(seen: GroupView) -> None:
    created = [step.ordinal for step in launches(plan_group(seen))]

    assert len(set(created)) == len(created)
    assert not {i.ordinal for i in seen.instances}.intersection(created)


@given(views())
def test_names_are_new_or_were_reserved_and_are_in_doubt(seen: GroupView) -> None:
    reserved = seen.status.activity.launching if seen.status.activity else None
    for step in launches(plan_group(seen)):
        doubtful = reserved is not None and reserved.first <= step.ordinal < reserved.first + reserved.count
        assert step.ordinal >= seen.status.next_ordinal or (doubtful and step.ordinal not in seen.settled)


@given(views())
def test_every_name_that_is_created_is_written_down_before(seen: GroupView) -> None:
    plan = plan_group(seen)
    for step in launches(plan):
        running = plan.status.activity
        assert running is not None
        assert running.launching is not None
        assert running.ended_at is None
        assert running.type in LAUNCHING
        assert running.launching.first <= step.ordinal < running.launching.first + running.launching.count
        assert step.ordinal < plan.status.next_ordinal


@given(views())
def test_counters_never_go_back(seen: GroupView) -> None:
    plan = plan_group(seen)

    assert plan.status.next_ordinal >= seen.status.next_ordinal
    assert plan.status.next_activity >= seen.status.next_activity


@given(views())
def test_an_activity_gives_way_to_another_only_when_it_has_ended(seen: GroupView) -> None:
    before, now = seen.status.activity, plan_group(seen).status.activity
    if before is not None:
        assert now is not None
        assert now.name == before.name or before.ended_at is not None


# ---- who leaves


@given(views())
def test_nobody_leaves_who_is_protected_or_leaving_already_and_nobody_twice(seen: GroupView) -> None:
    by_name = {i.name: i for i in seen.instances}
    names = leaving(plan_group(seen))

    assert len(set(names)) == len(names)
    assert not any(by_name[name].protected or by_name[name].removing for name in names)


@given(views())
def test_who_is_in_service_leaves_only_where_there_are_too_many(seen: GroupView) -> None:
    census = take_census(seen)
    if see(seen).active_rollout is not None:
        return
    working = {i.name for i in census.of(State.IN_SERVICE, State.NOT_READY)}
    gone = working.intersection(leaving(plan_group(seen)))

    assert len(gone) <= max(0, census.capacity - effective_desired(seen.spec))


@given(views())
def test_nobody_in_service_leaves_below_the_floor_of_a_rollout(seen: GroupView) -> None:
    serving = {i.name for i in take_census(seen).of(State.IN_SERVICE)}
    gone = serving.intersection(leaving(plan_group(seen)))

    assert see(seen).active_rollout is None or not gone or len(serving) - len(gone) >= bounds(seen).floor


@given(views())
def test_no_plan_shrinks_below_the_effective_desired_size_by_taking_what_works(seen: GroupView) -> None:
    census, plan = take_census(seen), plan_group(seen)
    unfit = {i.name for i in census.of(State.FAILED, State.UNHEALTHY, State.PENDING)}
    fit_leaving = [name for name in leaving(plan) if name not in unfit]

    assert not fit_leaving or census.capacity - len(leaving(plan)) >= bounds(seen).floor


@given(instances(), st.integers(0, 20), st.booleans(), st.booleans())
def test_as_many_leave_as_are_asked_for_or_may(
    there: tuple[Instance, ...], count: int, balanced: bool, priced: bool
) -> None:
    census = take_census(view(group(3), there))
    rules = RemovalRules(
        (RemovalStage.OLDEST_CONFIGURATION, RemovalStage.NEWEST_INSTANCE),
        balanced=balanced,
        added_at={},
        prices={i.name: Decimal(i.ordinal % 3) for i in there} if priced else None,
    )
    chosen = [choice.instance for choice in choose_leaving(census, count, rules)]
    may = [i for i in there if not i.protected and not i.removing]

    assert len(chosen) == len({i.name for i in chosen}) == min(count, len(may))
    assert all(i in may for i in chosen)


@given(st.lists(st.integers(0, 9), min_size=3, max_size=3), st.integers(0, 20))
def test_balanced_leaves_the_zones_as_even_as_it_can(sizes: list[int], count: int) -> None:
    there: tuple[Instance, ...] = ()
    for zone, size in zip(THREE_ZONES, sizes, strict=True):
        there += fleet(size, zones=(zone,), first=len(there))
    count = min(count, len(there))
    spec = group(len(there) - count, zones=THREE_ZONES)
    gone = set(leaving(planned(spec, there)))
    left = Counter(dict.fromkeys(THREE_ZONES, 0)) + Counter(str(i.zone) for i in there if i.name not in gone)
    touched = {str(i.zone) for i in there if i.name in gone}

    for zone in touched:
        assert max(left.values(), default=0) - left[zone] <= 1


@given(st.integers(0, 60), st.integers(1, 60))
def test_a_group_that_was_launched_balanced_is_balanced(first: int, more: int) -> None:
    spec = group(first, zones=THREE_ZONES)
    there = tuple(instance(step.name, zone=step.pool.zone) for step in launches(planned(spec)))
    grown = planned(group(min(100, first + more), zones=THREE_ZONES), there)
    spread = Counter(i.zone for i in there) + Counter(step.pool.zone for step in launches(grown))

    assert max(spread.values()) - min(spread[zone] for zone in THREE_ZONES) <= 1


# ---- no luck


@given(views(), st.integers())
def test_a_plan_does_not_depend_on_the_order_in_which_things_were_found(seen: GroupView, seed: int) -> None:
    shuffled = list(seen.instances)
    Random(seed).shuffle(shuffled)  # noqa: S311

    assert plan_group(replace(seen, instances=tuple(shuffled))) == plan_group(seen)


@given(views())
def test_planning_twice_gives_the_same_plan(seen: GroupView) -> None:
    assert plan_group(seen) == plan_group(seen)


# ---- what is shown


@given(views())
def test_the_status_fits_into_its_bounds_and_keeps_the_contract(seen: GroupView) -> None:
    status = on_wire(plan_group(seen).status)

    assert contract_broken(status.conditions, seen.generation) is None


@given(views())
def test_a_group_is_ready_only_when_it_is_as_desired(seen: GroupView) -> None:
    status = plan_group(seen).status
    if status.phase == "Ready":
        assert status.in_service == status.replicas == status.desired


@given(views())
def test_a_wake_up_lies_in_the_future_or_is_now_where_something_was_only_decided(seen: GroupView) -> None:
    plan = plan_group(seen)
    decided = not plan.acts and plan.status != seen.status

    assert plan.wake_at is None or plan.wake_at > seen.now or (plan.wake_at == seen.now and decided)


@given(views())
def test_everything_that_is_removed_is_told_why(seen: GroupView) -> None:
    assert all(str(step.why) for step in removals(plan_group(seen)))


@given(views())
def test_a_pass_that_does_nothing_has_settled_or_says_what_it_waits_for(seen: GroupView) -> None:
    """Written twice and still without a step: then it is as desired, held, wakes up, or waits for an instance."""
    plan = plan_group(seen)
    again = replace(seen, status=on_wire(plan.status), refusals=())
    second = plan_group(again)
    if plan.acts or second.acts or not seen.spec.enabled or seen.deleting or seen.record_refused:
        return
    census = take_census(again)
    settled = second.status.phase in {"Ready", "Stalled"}
    waits = census.by_state[State.PENDING] or census.by_state[State.REMOVING] or census.protected

    assert settled or second.holds or second.wake_at or waits, second.status.message
