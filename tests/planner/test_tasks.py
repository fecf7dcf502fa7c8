"""The life of tasks: the table of phases, whose turn it is, and what is kept."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.worlds import NOW, ago, later, span
from windlass.planner.tasks import (
    FINAL,
    FOLLOWERS,
    PHASES,
    AnotherFirst,
    Phase,
    SameToken,
    Task,
    Wanted,
    ahead_of,
    deletable,
    expires_at,
    first_in_line,
    may_be_wanted,
    may_become,
    next_expiry,
    same_as,
)


def task(name: str, age: str = "1h", *, ended: str | None = None, ttl: str | None = None, **fields: Any) -> Task:
    """A task created `age` ago, Pending; with `ended="5m"` one that has been over for so long."""
    if ended is not None:
        fields = {"phase": Phase.SUCCESSFUL, "started_at": ago(age), "completed_at": ago(ended)} | fields
    return Task(
        **{"kind": "Task", "name": name, "created_at": ago(age), "lasts": None if ttl is None else span(ttl)} | fields
    )


def running(name: str, age: str = "1h", **fields: Any) -> Task:
    return task(name, age, **{"phase": Phase.RUNNING, "started_at": ago("1m")} | fields)


# ---- the table


def test_every_phase_has_a_row() -> None:
    assert set(PHASES) == set(Phase)
    assert all(stage.meaning.endswith(".") for stage in PHASES.values())


def test_the_final_phases() -> None:
    assert {
        Phase.SUCCESSFUL,
        Phase.FAILED,
        Phase.CANCELLED,
        Phase.ROLLED_BACK,
        Phase.ROLLBACK_FAILED,
    } == FINAL


def test_every_phase_is_reached_from_the_first_and_leads_to_an_end() -> None:
    assert _reached({Phase.PENDING}) == set(Phase)
    for phase in Phase:
        assert _reached({phase}) & FINAL


def test_no_phase_leads_back_to_the_first() -> None:
    assert not any(Phase.PENDING in stage.then for stage in PHASES.values())


def _reached(phases: set[Phase]) -> set[Phase]:
    further = phases.union(*(PHASES[phase].then for phase in phases))
    return phases if further == phases else _reached(further)


P = Phase
TRANSITIONS: list[tuple[Phase, Phase, bool]] = [
    (P.PENDING, P.PENDING, True),
    (P.PENDING, P.RUNNING, True),
    (P.PENDING, P.SUSPENDED, True),
    (P.PENDING, P.FAILED, True),
    (P.PENDING, P.ROLLED_BACK, True),
    (P.PENDING, P.ROLLING_BACK, False),
    (P.PENDING, P.PAUSED, False),
    (P.RUNNING, P.PAUSED, True),
    (P.RUNNING, P.BAKING, True),
    (P.RUNNING, P.SUCCESSFUL, True),
    (P.RUNNING, P.ROLLED_BACK, False),
    (P.RUNNING, P.ROLLBACK_FAILED, True),
    (P.BAKING, P.ROLLBACK_FAILED, True),
    (P.SUCCESSFUL, P.ROLLBACK_FAILED, False),
    (P.PAUSED, P.SUCCESSFUL, False),
    (P.PAUSED, P.SUSPENDED, True),
    (P.PAUSED, P.BAKING, True),
    (P.SUSPENDED, P.PAUSED, True),
    (P.SUSPENDED, P.SUCCESSFUL, False),
    (P.BAKING, P.RUNNING, True),
    (P.BAKING, P.ROLLING_BACK, True),
    (P.ROLLING_BACK, P.ROLLED_BACK, True),
    (P.ROLLING_BACK, P.ROLLBACK_FAILED, True),
    (P.ROLLING_BACK, P.SUSPENDED, True),
    (P.SUSPENDED, P.ROLLING_BACK, True),
    (P.SUSPENDED, P.ROLLBACK_FAILED, True),
    (P.ROLLING_BACK, P.CANCELLED, False),
    (P.ROLLING_BACK, P.RUNNING, False),
    (P.SUCCESSFUL, P.SUCCESSFUL, True),
    (P.SUCCESSFUL, P.ROLLING_BACK, False),
    (P.CANCELLED, P.RUNNING, False),
]


@pytest.mark.parametrize(("before", "after", "legal"), TRANSITIONS)
def test_transitions(before: Phase, after: Phase, legal: bool) -> None:
    assert may_become(before, after) is legal


@pytest.mark.parametrize("phase", sorted(set(Phase) - FINAL - {P.ROLLING_BACK}))
def test_whatever_is_not_over_can_be_cancelled_and_can_fail(phase: Phase) -> None:
    assert may_become(phase, P.CANCELLED)
    assert may_become(phase, P.FAILED)


W = Wanted
WANTED: list[tuple[Wanted, Wanted, bool]] = [
    (W.RUNNING, W.SUSPENDED, True),
    (W.RUNNING, W.CANCELLED, True),
    (W.RUNNING, W.ROLLED_BACK, True),
    (W.SUSPENDED, W.RUNNING, True),
    (W.SUSPENDED, W.CANCELLED, True),
    (W.SUSPENDED, W.ROLLED_BACK, True),
    (W.CANCELLED, W.CANCELLED, True),
    (W.CANCELLED, W.RUNNING, False),
    (W.CANCELLED, W.SUSPENDED, False),
    (W.CANCELLED, W.ROLLED_BACK, False),
    (W.ROLLED_BACK, W.RUNNING, False),
    (W.ROLLED_BACK, W.SUSPENDED, False),
    (W.ROLLED_BACK, W.CANCELLED, False),
]


@pytest.mark.parametrize(("before", "after", "legal"), WANTED)
def test_what_may_be_wanted_next(before: Wanted, after: Wanted, legal: bool) -> None:
    assert may_be_wanted(before, after) is legal
    assert set(FOLLOWERS) == set(Wanted)


# ---- whose turn it is


def test_the_eldest_begins_and_the_others_are_told_its_name() -> None:
    tasks = [task("b", "1h"), task("a", "2h"), task("c", "3m")]

    assert first_in_line(tasks) == tasks[1]
    assert [ahead_of(t, tasks) for t in tasks] == [tasks[1], None, tasks[1]]
    assert str(AnotherFirst(str(tasks[1]))) == (
        "Task a is active: wait until it is over, or cancel it, and create this one again"
    )


def test_of_the_same_age_the_name_decides() -> None:
    tasks = [task("b"), task("a"), task("c")]

    assert first_in_line(tasks) == tasks[1]


def test_what_has_begun_goes_on_whatever_the_ages_say() -> None:
    tasks = [task("a", "2h"), running("b", "1h")]

    assert first_in_line(tasks) == tasks[1]
    assert ahead_of(tasks[0], tasks) == tasks[1]


def test_one_that_is_over_is_in_nobody_s_way() -> None:
    tasks = [task("a", "2h", ended="1h"), task("b")]

    assert first_in_line(tasks) == tasks[1]
    assert ahead_of(tasks[0], tasks) is None


def test_one_that_is_suspended_is_still_active() -> None:
    tasks = [task("a", "2h", phase=Phase.SUSPENDED), task("b")]

    assert ahead_of(tasks[1], tasks) == tasks[0]


def test_another_kind_is_in_the_way_as_well() -> None:
    tasks = [running("a"), task("a", "2h", kind="Other")]

    assert ahead_of(tasks[1], tasks) == tasks[0]


def test_one_that_is_deleted_before_it_has_begun_never_begins() -> None:
    tasks = [task("a", "2h", removing=True), task("b")]

    assert first_in_line(tasks) == tasks[1]


def test_one_that_is_deleted_while_it_runs_is_active_until_it_is_gone() -> None:
    tasks = [running("a", removing=True), task("b")]

    assert ahead_of(tasks[1], tasks) == tasks[0]


def test_without_tasks_it_is_nobody_s_turn() -> None:
    assert first_in_line([]) is None


# ---- the token


def test_the_same_token_takes_over_the_first_one_s_outcome() -> None:
    tasks = [task("b", client_token="t"), running("a", client_token="t")]

    assert same_as(tasks[0], tasks) == tasks[1]
    assert ahead_of(tasks[0], tasks) is None
    assert str(SameToken(str(tasks[1]))) == "Task a has the same clientToken: nothing is done, its outcome counts"


def test_also_of_one_that_is_over_and_then_it_does_not_begin() -> None:
    tasks = [task("a", "2h", ended="1h", phase=Phase.FAILED, client_token="t"), task("b", client_token="t")]

    assert same_as(tasks[1], tasks) == tasks[0]
    assert first_in_line(tasks) is None


def test_the_first_one_itself_is_like_no_other() -> None:
    tasks = [task("a", "2h", client_token="t"), task("b", client_token="t")]

    assert same_as(tasks[0], tasks) is None
    assert first_in_line(tasks) == tasks[0]


@pytest.mark.parametrize(
    "other",
    [task("a", "2h"), task("a", "2h", client_token="u"), task("a", "2h", client_token="t", kind="Other")],
    ids=["no token", "another token", "another kind"],
)
def test_what_is_no_same_token(other: Task) -> None:
    mine = task("b", client_token="t")

    assert same_as(mine, [other, mine]) is None


def test_tasks_without_a_token_are_not_the_same() -> None:
    tasks = [task("a", "2h"), task("b")]

    assert same_as(tasks[1], tasks) is None


def test_one_that_has_begun_keeps_its_own_outcome() -> None:
    tasks = [task("a", "2h", ended="1h", client_token="t"), running("b", client_token="t")]

    assert same_as(tasks[1], tasks) is None


# ---- what is kept


def test_a_task_expires_when_its_time_is_over() -> None:
    kept = task("a", ended="59s", ttl="1m")

    assert expires_at(kept) == later("1s")
    assert deletable([kept], 20, NOW) == ()
    assert deletable([kept], 20, later("1s")) == (kept,)
    assert next_expiry([kept], NOW) == later("1s")
    assert next_expiry([kept], later("1s")) is None


def test_a_time_of_zero_is_over_at_once() -> None:
    assert deletable([task("a", ended="1s", lasts=timedelta())], 20, NOW)


def test_one_that_is_not_over_does_not_expire() -> None:
    assert expires_at(running("a", ttl="1m")) is None
    assert deletable([running("a", ttl="1m", counted=True)], 0, NOW) == ()


def test_the_limit_keeps_those_that_ended_last() -> None:
    tasks = [task(f"t{n}", "9h", ended=f"{n}m", counted=True) for n in range(1, 6)]

    assert [t.name for t in deletable(tasks, 3, NOW)] == ["t5", "t4"]
    assert deletable(tasks, 5, NOW) == ()
    assert len(deletable(tasks, 0, NOW)) == 5


def test_the_limit_is_only_about_those_that_windlass_made() -> None:
    tasks = [task(f"t{n}", "9h", ended=f"{n}m") for n in range(1, 6)]
    own = task("own", "9h", ended="8h", counted=True)

    assert deletable([*tasks, own], 1, NOW) == ()
    assert deletable([*tasks, own], 0, NOW) == (own,)


def test_one_whose_outcome_is_still_to_be_taken_over_stays() -> None:
    first = task("a", "2h", ended="1h", ttl="1m", counted=True, client_token="t")
    second = task("b", client_token="t")

    assert deletable([first, second], 0, NOW) == ()
    assert deletable([first], 0, NOW) == (first,)


def test_what_is_being_deleted_is_not_deleted_again() -> None:
    gone = task("a", ended="1h", ttl="1m", removing=True)

    assert deletable([gone], 0, NOW) == ()
    assert next_expiry([gone], ago("1h")) is None


# ---- whatever the tasks

tasks_of_an_owner = st.lists(
    st.builds(
        lambda name, age, phase, begun, token, removing, counted: task(
            name,
            f"{age}m",
            phase=phase,
            started_at=ago("1m") if begun or phase not in (P.PENDING, P.SUSPENDED, *FINAL) else None,
            completed_at=ago("30s") if phase in FINAL else None,
            client_token=token,
            removing=removing,
            counted=counted,
        ),
        st.sampled_from("abcdefgh"),
        st.integers(1, 5),
        st.sampled_from(Phase),
        st.booleans(),
        st.sampled_from((None, "t", "u")),
        st.booleans(),
        st.booleans(),
    ),
    unique_by=lambda t: t.name,
    max_size=6,
)


@given(tasks_of_an_owner)
def test_each_task_has_one_fate(tasks: list[Task]) -> None:
    """It is over, or first in line, or told the first, or takes over, or is deleted before it has begun."""
    for t in tasks:
        fates = (t.final, first_in_line(tasks) == t, ahead_of(t, tasks) is not None, same_as(t, tasks) is not None)
        assert sum(fates) == 1 or (t.removing and not any(fates))


@given(tasks_of_an_owner)
def test_the_order_in_which_tasks_are_found_does_not_matter(tasks: list[Task]) -> None:
    assert first_in_line(tasks) == first_in_line(tasks[::-1])
    assert deletable(tasks, 1, NOW) == deletable(tasks[::-1], 1, NOW)


@given(tasks_of_an_owner, st.integers(0, 3))
def test_only_what_is_over_is_deleted(tasks: list[Task], limit: int) -> None:
    assert all(t.final for t in deletable(tasks, limit, NOW))


def test_what_another_is_to_undo_is_kept_until_that_one_is_over() -> None:
    earlier = task("a", ended="1h", ttl="1m")
    undoing = task("b", age="1m", undoes="a")
    assert deletable([earlier, undoing], 20, NOW) == ()
    assert deletable([earlier, replace(undoing, phase=Phase.SUCCESSFUL)], 20, NOW) == (earlier,)
    assert deletable([earlier, task("b", undoes="another")], 20, NOW) == (earlier,)
