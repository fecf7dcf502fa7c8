"""Refreshes played from beginning to end; each golden log shows them write by write, with the reasons.

To accept a changed log: `WINDLASS_GOLDEN=write pytest tests/sim/test_refresh_stories.py`.
"""

from typing import Any

import pytest

from tests.refreshes import image_refresh
from tests.sim.story import Named, Story
from tests.sim.troubles import repair_zone
from tests.worlds import CONFIGURATION, NEXT_CONFIGURATION, span
from windlass.api.instance_refresh import InstanceRefreshStatus
from windlass.api.task import Wanted
from windlass.simulate.kubelet import Life

ZONES = ("zone-a", "zone-b", "zone-c")
SLOW = Life(ready=span("10s"))


def begun(desired: int = 4, *, zones: tuple[str, ...] = (), **wanted: Any) -> Story:
    """A group at rest whose refresh to web:2 has just been created."""
    story = Story(desired, zones=zones)
    story.world.configuration = CONFIGURATION
    story.settle()
    story.lines.clear()
    story.world.fate = Named(other=SLOW)
    story.world.refreshes["r1"] = image_refresh(**wanted)
    story.say(f"InstanceRefresh r1 asks for web:2, {desired} instances are in service")
    return story


def status_of(story: Story) -> InstanceRefreshStatus:
    return story.world.refreshes["r1"].status


def batches(story: Story) -> list[int]:
    """How many instances were launched at a time."""
    found: list[int] = []
    last = ""
    for line in story.lines:
        when, what = line.split(" ", 1)
        if what.startswith("launch "):
            found = [*found[:-1], found[-1] + 1] if when == last else [*found, 1]
            last = when
    return found


@pytest.mark.spec("instance-refresh.md", "checkpoints")
@pytest.mark.spec("instance-refresh.md", "checkpoint pause")
@pytest.mark.spec("instance-refresh.md", "min healthy percentage")
def test_the_published_example_two_wait_two_one_wait_the_rest() -> None:
    story = begun(10, min_healthy_percentage=80, max_healthy_percentage=100, checkpoints=(20, 50, 100))

    story.settle()

    status = status_of(story)
    assert (status.phase, status.updated, status.failed) == ("Successful", 10, 0)
    assert batches(story) == [2, 2, 1, 2, 2, 1]
    assert story.world.configuration == NEXT_CONFIGURATION
    assert story.told("refresh_checkpoints")


@pytest.mark.spec("instance-refresh.md", "6 rollback")
@pytest.mark.spec("instance-refresh.md", "8 never below")
def test_a_bad_image_rolls_itself_back() -> None:
    story = begun(auto_rollback=True, progress_deadline_seconds=300)
    story.world.fate = Named(other=Life(ready=None, ends=span("3s")))
    story.wait("301s")
    story.world.fate = Named(other=SLOW)
    story.settle()

    status = status_of(story)
    assert status.phase == "RolledBack"
    assert status.failed > 0
    assert "exited with 1" in status.message
    assert story.world.configuration == CONFIGURATION
    assert {i.revision for i in story.world.alive} == {status.from_revision}
    assert story.told("refresh_bad_image")


@pytest.mark.spec("instance-refresh.md", "3 scaling goes on")
def test_the_group_grows_in_the_middle() -> None:
    story = begun(5, min_healthy_percentage=80, max_healthy_percentage=100)
    story.wait("15s")
    story.say("somebody sets desiredSize to 8")
    story.world.change(desired_size=8)
    story.settle()

    assert (status_of(story).phase, status_of(story).total) == ("Successful", 8)
    assert story.in_service == 8
    assert story.told("refresh_grows")


@pytest.mark.spec("instance-refresh.md", "3 scaling goes on")
def test_the_group_shrinks_in_the_middle() -> None:
    story = begun(6)
    story.wait("15s")
    story.say("somebody sets desiredSize to 3")
    story.world.change(desired_size=3)
    story.settle()

    assert (status_of(story).phase, status_of(story).total) == ("Successful", 3)
    assert story.in_service == 3
    assert story.told("refresh_shrinks")


def test_a_zone_fails_in_the_middle() -> None:
    story = begun(6, zones=ZONES)
    story.wait("5s")
    story.say("nothing is scheduled in zone-b any more")
    story.world.broken.add("zone-b")
    story.wait("20m")
    story.say("zone-b works again")
    repair_zone(story.world, "zone-b")
    story.settle()

    assert status_of(story).phase == "Successful"
    assert story.in_service == 6
    assert story.told("refresh_zone_fails")


@pytest.mark.spec("instance-refresh.md", "7 control and progress")
def test_it_is_cancelled_and_new_instances_stay() -> None:
    story = begun()
    story.wait("12s")
    story.say("somebody sets state to Cancelled")
    story.world.ask("r1", state=Wanted.CANCELLED)
    story.settle()

    assert status_of(story).phase == "Cancelled"
    assert len({i.revision for i in story.world.alive}) == 2
    assert story.world.configuration == CONFIGURATION
    assert "made from an older configuration" in story.message
    assert story.told("refresh_cancelled")


@pytest.mark.spec("instance-refresh.md", "7 control and progress")
def test_it_is_suspended_and_resumed() -> None:
    story = begun()
    story.wait("12s")
    story.say("somebody sets state to Suspended")
    story.world.ask("r1", state=Wanted.SUSPENDED)
    story.wait("2h")
    assert (status_of(story).phase, story.world.status.phase) == ("Suspended", "Ready")
    story.say("somebody sets state to Running")
    story.world.ask("r1", state=Wanted.RUNNING)
    story.settle()

    assert status_of(story).phase == "Successful"
    assert story.told("refresh_suspended")


@pytest.mark.spec("instance-refresh.md", "6 rollback")
def test_people_roll_it_back() -> None:
    story = begun()
    story.wait("12s")
    story.say("somebody sets state to RolledBack")
    story.world.ask("r1", state=Wanted.ROLLED_BACK)
    story.settle()

    assert status_of(story).phase == "RolledBack"
    assert {i.revision for i in story.world.alive} == {status_of(story).from_revision}
    assert story.told("refresh_rolled_back")
