"""The budgets of a rollout: the bounds, row by row, and what each formula protects."""

from dataclasses import fields

import pytest
from hypothesis import given
from hypothesis import strategies as st

from windlass.planner.rollout.budget import Batch, Budget, Counts, exchangeable, finished, next_batch

# target, min, max, floor, ceiling
BOUNDS = [
    (0, 80, 120, 0, 0),
    (1, 80, 120, 1, 2),
    (2, 80, 120, 2, 3),
    (3, 80, 120, 3, 4),
    (4, 80, 120, 4, 5),
    (5, 80, 120, 4, 6),
    (10, 80, 120, 8, 12),
    (0, 100, 100, 0, 0),
    (1, 100, 100, 1, 2),
    (2, 100, 100, 2, 3),
    (3, 100, 100, 3, 4),
    (4, 100, 100, 4, 5),
    (200, 100, 100, 200, 201),
    (1, 80, 100, 0, 1),
    (2, 80, 100, 1, 2),
    (4, 80, 100, 3, 4),
    (5, 80, 100, 4, 5),
    (10, 80, 100, 8, 10),
    (1, 0, 100, 0, 1),
    (4, 0, 100, 0, 4),
    (4, 0, 200, 0, 8),
    (1, 100, 199, 1, 2),
    (4, 100, 124, 4, 5),
    (4, 100, 200, 4, 8),
    (7, 50, 100, 4, 7),
    (7, 99, 115, 7, 8),
]


@pytest.mark.parametrize(("target", "low", "high", "floor", "ceiling"), BOUNDS)
def test_the_bounds(target: int, low: int, high: int, floor: int, ceiling: int) -> None:
    assert Budget.of(target, low, high) == Budget(floor, target, ceiling)


@given(st.integers(0, 2000), st.integers(0, 100), st.integers(100, 200))
def test_the_bounds_enclose_the_target_and_leave_room(target: int, low: int, high: int) -> None:
    budget = Budget.of(target, low, high)

    assert 0 <= budget.floor <= target <= budget.ceiling
    assert budget.ceiling > budget.floor or target == 0
    assert 1 <= budget.spread == max(1, budget.ceiling - budget.floor)


@given(st.integers(0, 2000), st.integers(0, 100), st.integers(100, 200))
def test_only_a_single_instance_ever_goes_beyond_a_percentage(target: int, low: int, high: int) -> None:
    budget = Budget.of(target, low, high)
    below = budget.floor * 100 < target * low
    above = budget.ceiling * 100 > target * high

    assert not (below and above)
    if below or above:
        assert budget.ceiling - budget.floor == 1


# ---- counts


counts = st.builds(
    lambda never, not_ready, **rest: Counts(old_never_ready=never, old_not_ready=never + not_ready, **rest),
    st.integers(0, 5),
    st.integers(0, 20),
    **{
        field.name: st.integers(0, 20)
        for field in fields(Counts)
        if field.name not in ("old_never_ready", "old_not_ready")
    },
)
budgets = st.builds(Budget.of, st.integers(0, 40), st.integers(0, 100), st.integers(100, 200))


@given(counts)
def test_counts_add_up(c: Counts) -> None:
    assert c.alive == c.old + c.new + c.pinned
    assert c.alive - c.ready == c.old_not_ready + c.new_not_ready + c.pinned_not_ready


def test_impossible_counts_are_refused() -> None:
    with pytest.raises(ValueError, match="negative"):
        Counts(new_ready=-1)
    with pytest.raises(ValueError, match="never ready"):
        Counts(old_not_ready=1, old_never_ready=2)


# ---- every batch, whatever the counts and the goal


@given(counts, budgets, st.none() | st.integers(0, 40))
def test_no_batch_breaks_a_bound(c: Counts, budget: Budget, goal: int | None) -> None:
    batch = next_batch(c, budget, goal)
    leaves_service = batch.well + batch.surplus_ready

    assert all(getattr(batch, field.name) >= 0 for field in fields(Batch))
    assert batch.well <= c.old_ready
    assert batch.sick + batch.never_ready <= c.old_not_ready
    assert batch.surplus_ready <= c.new_ready
    assert batch.surplus_not_ready <= c.new_not_ready
    if leaves_service:
        assert c.ready - leaves_service >= budget.floor
    if batch.sick:
        hopeful = c.alive - c.new_not_ready - c.old_never_ready
        assert hopeful - batch.sick >= budget.floor
    if batch.launch:
        assert c.alive + c.waiting + batch.launch <= budget.ceiling
        assert c.pinned + c.new + batch.launch <= budget.target
        assert batch.surplus_ready == batch.surplus_not_ready == 0


@given(counts, budgets)
def test_all_that_exceeds_the_ceiling_leaves_unless_the_floor_needs_it(c: Counts, budget: Budget) -> None:
    batch = next_batch(c, budget)
    leaving = batch.never_ready + batch.sick + batch.well + batch.surplus_not_ready + batch.surplus_ready
    ready = c.ready - batch.well - batch.surplus_ready

    if c.old + c.new > leaving and c.alive - leaving > budget.ceiling:
        assert ready <= budget.floor


@given(counts, budgets, st.integers(0, 40))
def test_where_nothing_can_be_done_something_is_waited_for_or_it_is_over(c: Counts, budget: Budget, goal: int) -> None:
    """Pinned instances or new ones that come into service, or what waits to leave and takes up the room."""
    if next_batch(c, budget).empty and not (c.new_not_ready or c.pinned_not_ready or c.waiting):
        assert finished(c, budget)


# ---- what each formula protects


def test_new_ones_are_launched_while_old_ones_leave() -> None:
    batch = next_batch(Counts(old_ready=10), Budget.of(10, 80, 120))

    assert batch == Batch(launch=2, well=2)


def test_the_whole_room_between_floor_and_ceiling_is_used() -> None:
    """With 8 to be kept and 12 allowed, 4 are on their way at once, as in a Deployment."""
    batch = next_batch(Counts(old_ready=8, new_not_ready=2), Budget.of(10, 80, 120))

    assert batch == Batch(launch=2)


def test_a_version_that_never_comes_into_service_gets_no_further_than_the_spread() -> None:
    assert next_batch(Counts(old_ready=8, new_not_ready=4), Budget.of(10, 80, 120)).empty


def test_many_old_ones_out_of_service_do_not_let_a_bad_version_spread() -> None:
    c = Counts(old_ready=1, old_not_ready=7, new_not_ready=2)

    assert next_batch(c, Budget.of(10, 80, 100)).empty


def test_sick_ones_leave_before_well_ones_and_only_down_to_the_floor_in_numbers() -> None:
    c = Counts(old_ready=3, old_not_ready=7)

    assert next_batch(c, Budget.of(10, 80, 100)) == Batch(sick=2)


def test_new_ones_that_are_not_in_service_are_no_reason_to_let_sick_ones_go() -> None:
    """They may never come; the sick may come back."""
    assert next_batch(Counts(old_ready=5, old_not_ready=3, new_not_ready=2), Budget.of(10, 80, 100)).empty


def test_a_scale_out_in_the_middle_is_met_with_new_ones_at_once() -> None:
    c = Counts(old_ready=8, new_ready=2)

    assert next_batch(c, Budget.of(50, 80, 100), goal=10) == Batch(launch=40)


def test_a_scale_in_takes_old_ones_first() -> None:
    c = Counts(old_ready=6, new_ready=4)

    assert next_batch(c, Budget.of(5, 80, 120)) == Batch(well=6)


def test_what_exceeds_the_ceiling_leaves_also_while_old_ones_remain() -> None:
    c = Counts(old_ready=1, old_not_ready=4, new_ready=3, new_not_ready=4)

    assert next_batch(c, Budget.of(5, 80, 120)) == Batch(sick=4, surplus_not_ready=2)


def test_without_old_ones_what_exceeds_the_target_leaves_not_ready_ones_first() -> None:
    c = Counts(new_ready=7, new_not_ready=1)

    assert next_batch(c, Budget.of(6, 80, 120)) == Batch(surplus_not_ready=1, surplus_ready=1)


def test_what_is_too_many_stays_while_the_floor_needs_it() -> None:
    c = Counts(new_ready=5, pinned_not_ready=5)

    assert next_batch(c, Budget.of(5, 100, 100)).empty


def test_pinned_instances_are_part_of_the_target() -> None:
    c = Counts(pinned_ready=3, old_ready=1, new_ready=1)

    assert exchangeable(c, Budget.of(5, 80, 100)) == 2
    assert next_batch(c, Budget.of(5, 80, 100)) == Batch(well=1)
    assert next_batch(Counts(pinned_ready=3, new_ready=1), Budget.of(5, 80, 100)) == Batch(launch=1)


def test_more_pinned_instances_than_wanted_let_all_others_go() -> None:
    c = Counts(pinned_ready=6, old_ready=1, new_not_ready=1)

    assert exchangeable(c, Budget.of(5, 80, 100)) == 0
    assert next_batch(c, Budget.of(5, 80, 100)) == Batch(well=1, surplus_not_ready=1)


def test_what_waits_to_leave_takes_up_room() -> None:
    assert next_batch(Counts(old_ready=8, waiting=2), Budget.of(10, 80, 100)).empty


def test_a_group_of_nothing_lets_everything_go() -> None:
    c = Counts(old_ready=2, old_not_ready=1, new_not_ready=1)

    assert next_batch(c, Budget.of(0, 80, 120)) == Batch(sick=1, well=2, surplus_not_ready=1)


@pytest.mark.parametrize(("low", "high", "batch"), [(100, 100, Batch(launch=1)), (80, 100, Batch(well=1))])
def test_a_group_of_one_exchanges_it(low: int, high: int, batch: Batch) -> None:
    assert next_batch(Counts(old_ready=1), Budget.of(1, low, high)) == batch


def test_on_a_way_back_what_never_came_into_service_leaves_first_and_at_once() -> None:
    c = Counts(old_not_ready=3, old_never_ready=3, new_ready=1, new_not_ready=7)

    assert next_batch(c, Budget.of(10, 80, 100)) == Batch(never_ready=3)


def test_what_leaves_first_is_not_counted_on_for_the_floor() -> None:
    c = Counts(old_ready=6, old_not_ready=4, old_never_ready=2)

    assert next_batch(c, Budget.of(10, 80, 100)) == Batch(never_ready=2)


# ---- checkpoints


def test_a_goal_stops_launches_and_keeps_the_old_ones_that_the_next_batch_is_made_of() -> None:
    budget = Budget.of(10, 80, 100)

    assert next_batch(Counts(old_ready=6, new_ready=4), budget, goal=5) == Batch(well=1)
    assert next_batch(Counts(old_ready=5, new_ready=4), budget, goal=5) == Batch(launch=1)
    assert next_batch(Counts(old_ready=5, new_ready=5), budget, goal=5).empty


def test_sick_old_ones_are_the_first_of_a_batch() -> None:
    assert next_batch(Counts(old_ready=9, old_not_ready=1), Budget.of(10, 80, 100), goal=1) == Batch(sick=1)


def test_a_goal_is_no_reason_to_leave_missing_ones_missing() -> None:
    assert next_batch(Counts(old_ready=5, new_ready=2), Budget.of(10, 80, 100), goal=2) == Batch(launch=3)


def test_new_ones_beyond_the_goal_take_the_place_of_old_ones_after_a_scale_in() -> None:
    """Else a new one would have to leave, and an old one later too."""
    c = Counts(old_ready=8, new_ready=2)

    assert next_batch(c, Budget.of(5, 60, 100), goal=1) == Batch(well=5)


# ---- the end

FINISHED: dict[str, tuple[Counts, bool]] = {
    "all new and in service": (Counts(new_ready=5), True),
    "an old one is there": (Counts(new_ready=4, old_ready=1), False),
    "one is on its way": (Counts(new_ready=4, new_not_ready=1), False),
    "one is missing": (Counts(new_ready=4), False),
    "one is too many": (Counts(new_ready=6), False),
    "protected ones are not waited for": (Counts(new_ready=4, pinned_not_ready=1), True),
}


@pytest.mark.parametrize(("c", "over"), FINISHED.values(), ids=FINISHED)
def test_when_it_is_over(c: Counts, over: bool) -> None:
    assert finished(c, Budget.of(5, 80, 120)) is over
