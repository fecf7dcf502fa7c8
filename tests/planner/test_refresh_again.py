"""A refresh that is created again under its name, as Git does with what was deleted, does not run a second time."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from tests.sim.story import Story
from tests.worlds import CONFIGURATION
from windlass.api.instance_refresh import InstanceRefreshSpec
from windlass.planner.rollout.refresh import Refresh


def refreshed(**spec: Any) -> Story:
    """Two instances, and refresh r1 to another image, which is over."""
    story = Story(2, **spec)
    story.world.configuration = CONFIGURATION
    story.settle()
    create(story, "r1", "web:2", uid="first")
    story.settle()
    return story


def create(story: Story, name: str, image: str, *, uid: str, **fields: Any) -> None:
    spec = InstanceRefreshSpec.model_validate(
        {"scalingGroup": "web", "desiredConfiguration": {"image": image}} | fields
    )
    story.world.advance(timedelta(seconds=1))
    story.world.refreshes[name] = Refresh(name, uid, 1, story.world.now, spec)


def names(story: Story) -> list[str]:
    return sorted(instance.name for instance in story.world.alive)


def test_the_same_one_again_takes_over_the_outcome_and_touches_nothing() -> None:
    story = refreshed()
    before = names(story)
    del story.world.refreshes["r1"]
    story.settle()
    story.world.configuration = CONFIGURATION  # as Git has it too: the group is outdated, and stays so
    create(story, "r1", "web:2", uid="second")
    story.settle()
    status = story.world.refreshes["r1"].status
    assert status.phase == "Successful"
    assert status.start_time is None
    assert "ended before as Successful: nothing is done" in status.message
    assert names(story) == before


@pytest.mark.parametrize(("name", "image"), [("r1", "web:3"), ("r2", "web:2")], ids=["another image", "another name"])
def test_one_that_asks_for_something_else_or_has_another_name_runs(name: str, image: str) -> None:
    story = refreshed()
    before = names(story)
    story.world.refreshes.clear()
    story.settle()
    create(story, name, image, uid="second", skipMatching=False)
    story.settle()
    assert story.world.refreshes[name].status.phase == "Successful"
    assert not set(names(story)) & set(before)


def test_a_state_is_no_other_wish() -> None:
    story = refreshed()
    del story.world.refreshes["r1"]
    create(story, "r1", "web:2", uid="second", state="Suspended")
    story.settle()
    assert story.world.refreshes["r1"].status.phase == "Successful"


def test_as_many_are_remembered_as_the_history_limit_says() -> None:
    story = refreshed(history_limit=2)
    for number in (2, 3, 4):
        create(story, f"r{number}", f"web:{number + 1}", uid=f"uid-{number}")
        story.settle()
    assert [each.name for each in story.world.status.finished_rollouts] == ["r3", "r4"]


def test_what_ran_is_told_by_its_uid_not_to_have_run_again() -> None:
    story = refreshed()
    status = story.world.refreshes["r1"].status
    story.world.refreshes["r1"] = replace(story.world.refreshes["r1"], generation=2)
    story.settle()
    assert story.world.refreshes["r1"].status == status


def test_each_wish_under_a_name_is_remembered_by_itself() -> None:
    story = refreshed()
    for number, image in enumerate(("web:3", "web:2", "web:3")):
        del story.world.refreshes["r1"]
        create(story, "r1", image, uid=f"uid-{number}", skipMatching=False)
        story.settle()
    assert "ended before as Successful" in story.world.refreshes["r1"].status.message


def test_a_status_that_was_wiped_by_hand_does_not_make_it_run_again() -> None:
    story = refreshed()
    before = names(story)
    there = story.world.refreshes["r1"]
    story.world.refreshes["r1"] = Refresh("r1", there.uid, 1, there.created_at, there.spec)
    story.settle()
    assert story.world.refreshes["r1"].status.phase == "Successful"
    assert names(story) == before


def test_one_that_is_deleted_while_it_runs_does_not_begin_again_when_git_creates_it() -> None:
    story = refreshed()
    create(story, "r2", "web:3", uid="third", checkpoints=[50, 100])
    story.settle("10m")
    assert story.world.refreshes["r2"].status.phase == "Paused"
    del story.world.refreshes["r2"]
    story.settle("1m")
    create(story, "r2", "web:3", uid="fourth", checkpoints=[50, 100])
    story.settle()
    assert story.world.refreshes["r2"].status.phase == "Cancelled"


def test_defaults_make_no_other_wish() -> None:
    spec = InstanceRefreshSpec.model_validate({"scalingGroup": "web"})
    said = InstanceRefreshSpec.model_validate({"scalingGroup": "web", "minHealthyPercentage": 80, "skipMatching": True})
    now = refreshed().world.now
    assert Refresh("r1", "1", 1, now, spec).digest == Refresh("r1", "1", 1, now, said).digest
