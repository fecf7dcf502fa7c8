"""What a refresh's own status says while it runs and when it is over, and what its group says meanwhile."""

from dataclasses import replace
from typing import Any

import pytest

from tests.contract import contract_broken
from tests.refreshes import in_refresh, planned_for, report_of
from tests.worlds import NOW, after, ago, backoff, fleet, instance, later, pending
from windlass.planner.capacity.instance import Instance
from windlass.planner.capacity.steps import GroupPlan
from windlass.planner.group import plan_group

NEW: dict[str, Any] = {"revision": "web-2"}
ON_THE_WAY = tuple(pending(f"web-{n}", **NEW) for n in (30, 31))
COUNTS: list[tuple[str, tuple[Instance, ...], dict[str, int]]] = [
    (
        "nothing is done",
        (*fleet(8), *ON_THE_WAY, *(pending(f"web-{n}", **NEW) for n in (32, 33))),
        {"total": 10, "to_update": 6, "updated": 0, "percentage": 0, "floor": 8, "ceiling": 12},
    ),
    (
        "some are done",
        (*fleet(6), *fleet(2, first=20, **NEW), *ON_THE_WAY),
        {"total": 10, "to_update": 6, "updated": 2, "percentage": 20},
    ),
    (
        "protected ones are none of its business",
        (*fleet(3), *fleet(3, first=10, protected=True), *fleet(2, first=20, **NEW), *ON_THE_WAY),
        {"total": 7, "to_update": 3, "updated": 2, "percentage": 28},
    ),
]


@pytest.mark.parametrize(("there", "counts"), [row[1:] for row in COUNTS], ids=[row[0] for row in COUNTS])
@pytest.mark.spec("instance-refresh.md", "7 control and progress")
def test_the_counts(there: tuple[Instance, ...], counts: dict[str, int]) -> None:
    plan = planned_for(there, remembered={"failed": 3}, group_spec={"suspended_processes": ("ScaleOut",)})
    status = report_of(plan)

    assert {name: getattr(status, name) for name in counts} == counts
    assert (status.failed, status.from_revision, status.to_revision) == (3, "web-1", "web-2")
    assert (status.start_time, status.completion_time) == (ago("1m"), None)


def true_conditions(plan: GroupPlan) -> set[str]:
    status = report_of(plan)
    assert contract_broken(status.conditions, 1) is None
    assert all(c.message == status.message for c in status.conditions)
    return {c.type for c in status.conditions if c.status == "True"}


ENDED: list[tuple[str, set[str]]] = [
    ("Successful", {"Ready", "Complete"}),
    ("RolledBack", {"Ready", "Failed"}),
    ("Cancelled", {"Ready", "Failed"}),
    ("Failed", {"Stalled", "Failed"}),
    ("RollbackFailed", {"Stalled", "Failed"}),
]


@pytest.mark.parametrize(("phase", "types"), ENDED)
@pytest.mark.spec("instance-refresh.md", "7 control and progress")
def test_conditions_when_it_is_over(phase: str, types: set[str]) -> None:
    plan = planned_for(fleet(10), remembered={"phase": phase, "outcome": phase, "message": "that is why"})
    status = report_of(plan)

    assert true_conditions(plan) == types
    assert (status.phase, status.message, status.completion_time) == (phase, "that is why", NOW)
    assert (status.waiting_for, status.wake_at) == (None, None)


def test_conditions_while_it_runs() -> None:
    assert true_conditions(planned_for((*fleet(8), *ON_THE_WAY))) == {"Reconciling"}


def test_one_that_is_over_is_never_written_again() -> None:
    seen = in_refresh(fleet(10), remembered={"phase": "Failed", "outcome": "Failed", "message": "that is why"})
    plan = plan_group(seen)
    (running,) = seen.refreshes
    told = replace(running, status=report_of(plan))

    assert plan_group(after(seen, plan, refreshes=(told,))).reports == ()


def test_the_same_again_is_not_written_again() -> None:
    seen = in_refresh(fleet(10), wanted={"state": "Suspended"})
    written: list[int] = []
    for _ in range(3):
        plan = plan_group(seen)
        written.append(len(plan.reports))
        (running,) = seen.refreshes
        told = replace(running, status=report_of(plan)) if plan.reports else running
        seen = after(seen, plan, refreshes=(told,))

    assert written == [1, 1, 0]  # a Ready that was Unknown at first is False from the second look on


# ---- what it waits for

POINTS = {"checkpoints": (20, 100)}
PAUSED = {"phase": "Paused", "checkpoint": 20, "paused_until": later("9m"), "updated": 2}
TWO_NEW = (*fleet(8), *fleet(2, first=20, **NEW))
SICK_OLD = tuple(instance(f"web-{n}", not_ready="1s", protected=True) for n in range(10, 13))
WAITS: list[tuple[str, tuple[Instance, ...], dict[str, Any], str, Any]] = [
    (
        "new ones",
        (*fleet(8), *ON_THE_WAY, *(pending(f"web-{n}", **NEW) for n in (32, 33))),
        {},
        "4 new instances to come into service (8 in service, at least 8)",
        None,
    ),
    ("a pause", TWO_NEW, {"wanted": POINTS, "remembered": PAUSED}, "the pause at checkpoint 20 % to end", later("9m")),
    ("people", fleet(10), {"wanted": {"state": "Suspended"}}, "spec.state to be Running again", None),
    (
        "the next try",
        fleet(10),
        {"backoff": backoff(2, revision="web-2")},
        "launching failed 2 times in a row, next try",
        later("30s"),
    ),
    (
        "a process",
        fleet(10),
        {"group_spec": {"suspended_processes": ("ScaleOut",)}},
        "ScaleOut is suspended",
        None,
    ),
    (
        "time",
        fleet(10, **NEW),
        {
            "wanted": {"bake_seconds": 600},
            "remembered": {"phase": "Baking", "baking_until": later("5m"), "updated": 10},
        },
        "the new instances to stay in service until",
        later("5m"),
    ),
    ("the group", fleet(10), {"group_spec": {"enabled": False}}, "the group to be enabled again", None),
    (
        "the floor",
        (*fleet(7), *SICK_OLD, *fleet(1, first=20, **NEW)),
        {"wanted": {"max_healthy_percentage": 100}},
        "instances to be in service again: 8 are, and none may leave below 8",
        None,
    ),
]


@pytest.mark.parametrize(
    ("there", "fields", "waiting_for", "wake_at"), [row[1:] for row in WAITS], ids=[row[0] for row in WAITS]
)
@pytest.mark.spec("instance-refresh.md", "7 control and progress")
def test_what_it_waits_for_and_until_when(
    there: tuple[Instance, ...], fields: dict[str, Any], waiting_for: str, wake_at: Any
) -> None:
    plan = planned_for(there, **fields)
    status = report_of(plan)

    assert waiting_for in (status.waiting_for or "")
    assert status.waiting_for in status.message
    assert status.wake_at == wake_at
    assert not plan.acts


CHECKPOINTS = [((), 0, None, None), ((20, 100), 0, None, 20), ((20, 100), 20, "9m", 20), ((20, 100), 20, None, 100)]


@pytest.mark.parametrize(("points", "reached", "pause", "shown"), CHECKPOINTS)
def test_which_checkpoint_is_shown(points: tuple[int, ...], reached: int, pause: str | None, shown: int | None) -> None:
    new = 2 if reached else 0
    there = (*fleet(10 - new), *fleet(new, first=20, **NEW))
    plan = planned_for(
        there,
        wanted={"checkpoints": points},
        remembered={"checkpoint": reached, "updated": new, "paused_until": later(pause) if pause else None},
        group_spec={"suspended_processes": ("ScaleOut",)},
    )

    assert report_of(plan).checkpoint == shown


# ---- what the group says

GROUP_SAYS: list[tuple[str, tuple[Instance, ...], dict[str, Any], str, str]] = [
    (
        "between two batches",
        (*fleet(8), *ON_THE_WAY, *(pending(f"web-{n}", **NEW) for n in (32, 33))),
        {},
        "Reconciling",
        "InstanceRefresh r1: 0 of 10 updated, waits for 4 new instances",
    ),
    (
        "paused and as desired",
        TWO_NEW,
        {"wanted": POINTS, "remembered": PAUSED},
        "Ready",
        "10 instances in service, as desired; InstanceRefresh r1: 2 of 10 updated, waits for the pause",
    ),
    (
        "paused and one is away",
        (*fleet(7), *fleet(1, first=9, not_ready="1s"), *fleet(2, first=20, **NEW)),
        {"wanted": POINTS, "remembered": PAUSED},
        "Reconciling",
        "InstanceRefresh r1: 2 of 10 updated",
    ),
    (
        "suspended and as desired",
        fleet(10),
        {"wanted": {"state": "Suspended"}},
        "Ready",
        "10 instances in service, as desired; InstanceRefresh r1: 0 of 10 updated, waits for spec.state",
    ),
    (
        "watched",
        fleet(10, **NEW),
        {"wanted": {"bake_seconds": 600}, "remembered": {"phase": "Baking", "baking_until": later("5m")}},
        "Reconciling",
        "InstanceRefresh r1: 10 of 10 updated, waits for the new instances to stay in service",
    ),
    (
        "launches fail",
        fleet(10),
        {"backoff": backoff(2, revision="web-2")},
        "Reconciling",
        "launching failed 2 times in a row",
    ),
    (
        "launches fail for long",
        fleet(10),
        {"backoff": backoff(6, revision="web-2")},
        "Stalled",
        "launching failed 6 times in a row",
    ),
]


@pytest.mark.parametrize(
    ("there", "fields", "true", "said"), [row[1:] for row in GROUP_SAYS], ids=[row[0] for row in GROUP_SAYS]
)
def test_what_the_group_says_meanwhile(
    there: tuple[Instance, ...], fields: dict[str, Any], true: str, said: str
) -> None:
    status = planned_for(there, **fields).status

    assert {c.type for c in status.conditions if c.status == "True"} == {true}
    assert said in status.message
    assert contract_broken(status.conditions, 1) is None
