"""How a refresh begins, and why one ends at once without having touched anything."""

from typing import Any

import pytest

from tests.contract import contract_broken
from tests.refreshes import IMAGE, REVISIONS, image_refresh, report_of
from tests.worlds import (
    CONFIGURATION,
    NEXT_CONFIGURATION,
    NOW,
    fleet,
    group,
    planned,
    refresh,
    revision,
    steps_of_kind,
)
from windlass.planner.capacity.steps import KeepRevision
from windlass.planner.rollout.refresh import Refresh, Sources

OTHER = {"scaling_configuration": "other"}
NO_CONTAINERS = {"template": {"spec": {}}}
THERE = Sources({"other": CONFIGURATION})

REFUSED: list[tuple[str, dict[str, Any], dict[str, Any], str]] = [
    (
        "the group's own configuration is missing",
        {"configuration": None},
        {},
        "the group's own configuration does not exist",
    ),
    (
        "so there is nothing that an image could change",
        {"configuration": None},
        {"desired_configuration": IMAGE},
        "the group's own configuration does not exist",
    ),
    (
        "the one that it names is missing",
        {"sources": Sources({"other": None})},
        {"desired_configuration": OTHER},
        "ScalingConfiguration other does not exist",
    ),
    (
        "it names a container that is not there",
        {},
        {"desired_configuration": {"containers": [{"name": "sidecar", "image": "s:2"}]}},
        "there is no container sidecar",
    ),
    (
        "there are no containers",
        {"configuration": NO_CONTAINERS},
        {"desired_configuration": IMAGE},
        "no containers",
    ),
    (
        "the configuration that would be written is another group's too",
        {"sources": Sources(shared=frozenset({"web"}))},
        {"desired_configuration": IMAGE},
        "is used by other groups too",
    ),
    (
        "so is the other one, which would be written",
        {"sources": Sources({"other": CONFIGURATION}, frozenset({"other"}))},
        {"desired_configuration": OTHER | IMAGE},
        "is used by other groups too",
    ),
    (
        "the API server refuses what would be made",
        {"refresh_problems": {"r1-uid": "spec.containers[0].image: Required value"}},
        {"desired_configuration": IMAGE},
        "spec.containers[0].image: Required value",
    ),
    (
        "it had started, and the group does not know of it",
        {},
        {"desired_configuration": IMAGE, "status": {"start_time": NOW, "phase": "Running"}},
        "it had started",
    ),
]


@pytest.mark.parametrize(("fields", "wanted", "said"), [row[1:] for row in REFUSED], ids=[row[0] for row in REFUSED])
def test_a_refresh_that_cannot_be_fails_at_once_and_nothing_is_touched(
    fields: dict[str, Any], wanted: dict[str, Any], said: str
) -> None:
    plan = planned(group(3), fleet(3), refreshes=(refresh(**wanted),), **fields)

    status = report_of(plan)
    assert (status.phase, status.completion_time) == ("Failed", NOW)
    assert said in status.message
    assert {c.type for c in status.conditions if c.status == "True"} == {"Failed", "Stalled"}
    assert contract_broken(status.conditions, 1) is None
    assert plan.status.rollout is None
    assert [step for step in plan.steps if not isinstance(step, KeepRevision)] == []


NOT_REFUSED: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
    ("no desired configuration", {}, {}),
    ("a shared one that is not written", {"sources": Sources(shared=frozenset({"web"}))}, {}),
    (
        "another one that others use too, as it is",
        {"sources": Sources({"other": CONFIGURATION}, frozenset({"other"}))},
        {"desired_configuration": OTHER},
    ),
    ("a problem of another refresh", {"refresh_problems": {"r0-uid": "refused"}}, {"desired_configuration": IMAGE}),
]


@pytest.mark.parametrize(("fields", "wanted"), [row[1:] for row in NOT_REFUSED], ids=[row[0] for row in NOT_REFUSED])
def test_what_may_begin(fields: dict[str, Any], wanted: dict[str, Any]) -> None:
    plan = planned(group(3), fleet(3), refreshes=(refresh(**wanted),), **fields)

    assert plan.status.rollout is not None or steps_of_kind(plan, KeepRevision)
    assert all(report.status.phase == "Pending" for report in plan.reports)


def test_what_it_desires_is_kept_before_it_starts() -> None:
    plan = planned(group(3), fleet(3), refreshes=(image_refresh(),))

    (step,) = plan.steps
    assert isinstance(step, KeepRevision)
    assert step.data["configuration"] == NEXT_CONFIGURATION
    assert step.refresh == "r1-uid"
    assert plan.status.rollout is None


@pytest.mark.spec("instance-refresh.md", "desired configuration")
def test_it_starts_with_what_instances_came_from_and_what_they_become() -> None:
    plan = planned(group(3), fleet(3), refreshes=(image_refresh(),), revisions=REVISIONS)

    rollout = plan.status.rollout
    assert rollout is not None
    assert (rollout.uid, rollout.from_revision, rollout.to_revision) == ("r1-uid", "web-1", "web-2")
    assert (rollout.first_ordinal, rollout.checkpoint, rollout.started_at) == (3, 0, NOW)
    assert plan.wake_at == NOW  # what was decided is done by the next pass
    assert [event.reason.code for event in plan.events] == ["RefreshStarts"]
    assert not plan.steps


DESIRED: list[tuple[dict[str, Any] | None, str, Any]] = [
    (None, "web", CONFIGURATION),
    (IMAGE, "web", NEXT_CONFIGURATION),
    (OTHER, "other", CONFIGURATION),
    (OTHER | IMAGE, "other", NEXT_CONFIGURATION),
    ({"containers": [{"name": "web", "image": "web:2"}]}, "web", NEXT_CONFIGURATION),
]


@pytest.mark.parametrize(("desired", "source", "configuration"), DESIRED)
@pytest.mark.spec("instance-refresh.md", "desired configuration")
def test_what_instances_are_made_from(desired: dict[str, Any] | None, source: str, configuration: Any) -> None:
    wanted = refresh(desired_configuration=desired)
    plan = planned(group(3), fleet(3), refreshes=(wanted,), sources=THERE)
    keeps = [step.data for step in steps_of_kind(plan, KeepRevision)]
    data = {"source": {"kind": "ScalingConfiguration", "name": source}, "configuration": configuration}

    assert keeps == ([] if data == revision("", 0, CONFIGURATION).data else [data])


BEFORE_IT_STARTED: list[tuple[Refresh, str | None]] = [
    (image_refresh(state="Cancelled"), "Cancelled"),
    (image_refresh(state="RolledBack"), "Cancelled"),
    (image_refresh(state="Suspended"), "Pending"),
]


@pytest.mark.parametrize(("wanted", "phase"), BEFORE_IT_STARTED)
def test_what_people_want_before_it_has_started(wanted: Refresh, phase: str) -> None:
    plan = planned(group(3), fleet(3), refreshes=(wanted,), revisions=REVISIONS)

    assert report_of(plan).phase == phase
    assert plan.status.rollout is None
    assert not plan.steps


def test_one_that_is_deleted_before_it_has_started_does_not_start() -> None:
    plan = planned(group(3), fleet(3), refreshes=(image_refresh(removing=True),), revisions=REVISIONS)

    assert plan.status.rollout is None
    assert not plan.steps


STARTS_AT = [(0, 0), (1, 0), (2, 20), (5, 50), (9, 50)]


@pytest.mark.parametrize(("matching", "checkpoint"), STARTS_AT)
@pytest.mark.spec("instance-refresh.md", "checkpoints")
def test_checkpoints_that_are_reached_before_it_starts_are_no_reason_to_pause(matching: int, checkpoint: int) -> None:
    there = (*fleet(matching, revision="web-2"), *fleet(10 - matching, first=matching))
    wanted = image_refresh(checkpoints=(20, 50, 100))
    plan = planned(group(10), there, refreshes=(wanted,), revisions=REVISIONS)

    assert plan.status.rollout is not None
    assert (plan.status.rollout.checkpoint, plan.status.rollout.paused_until) == (checkpoint, None)
