"""Faults that somebody found by playing refreshes; each would come back unnoticed."""

from dataclasses import replace
from typing import Any

import pytest

from tests.refreshes import REVISIONS, image_refresh, in_refresh
from tests.worlds import CONFIGURATION, fleet, group, revision, rollout, view
from windlass.planner.capacity.view import GroupView
from windlass.planner.group import plan_group
from windlass.planner.rollout.refresh import Sources

NEW: dict[str, Any] = {"revision": "web-2"}
OTHER = {"template": {"spec": {"containers": [{"name": "web", "image": "other:1"}]}}}
FROM_OTHER = replace(
    revision("web-2", 2),
    data={"source": {"kind": "ScalingConfiguration", "name": "other"}, "configuration": OTHER},
)

# ---- the group's own configuration is refused or missing

UNUSABLE: list[dict[str, Any]] = [{"configuration": None}, {"template_problem": "image: Invalid value"}]


def asks_for_other(last: str, **fields: Any) -> GroupView:
    """A group whose instances were last made from this revision, and what a refresh desires was just kept."""
    wanted = image_refresh(desired_configuration={"scaling_configuration": "other"})
    given = {"refreshes": (wanted,), "sources": Sources({"other": OTHER}), "revisions": (REVISIONS[0], FROM_OTHER)}
    seen = view(group(3), fleet(3), **(given | fields))
    return replace(seen, status=seen.status.model_copy(update={"current_revision": last}))


@pytest.mark.parametrize("own", UNUSABLE, ids=["missing", "refused"])
def test_what_is_kept_for_a_refresh_is_not_what_instances_came_from(own: dict[str, Any]) -> None:
    begun = plan_group(asks_for_other("web-1", **own)).status.rollout

    assert begun is not None
    assert (begun.from_revision, begun.to_revision) == ("web-1", "web-2")


@pytest.mark.parametrize("own", UNUSABLE, ids=["missing", "refused"])
def test_where_nothing_was_ever_made_there_is_nothing_to_go_back_to(own: dict[str, Any]) -> None:
    begun = plan_group(asks_for_other("", revisions=(FROM_OTHER,), **own)).status.rollout

    assert begun is not None
    assert (begun.from_revision, begun.to_revision) == ("", "web-2")


@pytest.mark.parametrize("own", UNUSABLE, ids=["missing", "refused"])
def test_a_group_that_was_healed_from_what_the_refresh_desires_came_from_it(own: dict[str, Any]) -> None:
    begun = plan_group(asks_for_other("web-2", **own)).status.rollout

    assert begun is not None
    assert (begun.from_revision, begun.to_revision) == ("web-2", "web-2")


ENDS: list[tuple[str, dict[str, Any], dict[str, Any], str]] = [
    ("it ends now", {"state": "Cancelled"}, {}, "web-1"),
    ("it ended before", {}, {"phase": "Failed", "outcome": "Failed"}, "web-1"),
]


@pytest.mark.parametrize("own", UNUSABLE, ids=["missing", "refused"])
@pytest.mark.parametrize(("wanted", "remembered", "last"), [row[1:] for row in ENDS], ids=[row[0] for row in ENDS])
def test_after_a_refresh_that_was_not_committed_the_group_is_healed_as_before(
    wanted: dict[str, Any], remembered: dict[str, Any], last: str, own: dict[str, Any]
) -> None:
    seen = in_refresh(fleet(9), wanted=wanted, remembered=remembered, **own)
    known = "web-1" if remembered else "web-2"  # while it runs, the group says what it is made from
    seen = replace(seen, status=seen.status.model_copy(update={"current_revision": known}))

    assert plan_group(seen).status.current_revision == last


def test_after_one_that_was_committed_it_is_healed_from_what_was_desired() -> None:
    seen = in_refresh(
        fleet(10, **NEW),
        wanted={"desired_configuration": None},
        remembered={"phase": "Baking", "committing": True, "updated": 10},
        template_problem="image: Invalid value",
        configuration={"template": {"spec": {}}},
    )
    plan = plan_group(seen)

    assert plan.status.rollout is not None
    assert (plan.status.rollout.outcome, plan.status.current_revision) == ("Successful", "web-2")
