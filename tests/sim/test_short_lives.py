"""Instances that are ready, and not for long enough, against kept logs as in `test_scenarios`."""

from datetime import timedelta

from tests.sim.story import Named, Story
from windlass.simulate.kubelet import Life
from windlass.simulate.world import PlayedOperator

ENDS = Life(ends=timedelta(seconds=3))
FLAPS = Life(swings=(timedelta(seconds=5), timedelta(seconds=3)))


def test_what_is_ready_and_not_in_turn_has_failed_when_the_launch_time_out_is_over() -> None:
    story = Story(2, min_ready_seconds=15, launch_timeout_seconds=30)
    story.world.fate = Named(other=FLAPS)
    story.say("two are wanted that are ready for 5 s and then not for 3 s; in service is 15 s without a break")
    story.wait("10m")

    assert len(story.world.created) <= 12
    assert {record.phase for record in story.world.records.values()} <= {"Failed", "InProgress"}
    assert story.world.status.launch_backoff is not None
    assert "never ready for 15 s without a break in 30 s" in story.world.status.launch_backoff.reason

    story.say("and some that stay ready")
    story.world.fate = Named()
    story.settle()

    assert story.world.status.in_service == 2
    assert story.told("flapping")


def test_what_ends_right_after_it_was_ready_is_launched_more_and_more_rarely() -> None:
    """Ten that are in service for a second had made 1,662 launches in a minute."""
    story = Story(10)
    story.world.fate = Named(other=ENDS)
    story.say("ten are wanted, and each of them ends a second after it was ready")
    story.wait("1m")

    assert len(story.world.created) == 20

    story.wait("20m")

    assert len(story.world.created) <= 80
    assert story.world.status.phase == "Stalled"
    assert "ended within a minute of its launch: exited with 1" in story.message

    story.say("a configuration that works")
    story.world.fate = Named()
    story.world.configuration = {"template": {"spec": {"image": "web:2"}}}
    story.settle()

    assert story.in_service == 10
    assert story.world.status.launch_backoff is None
    assert story.told("ends_when_ready")


def test_what_ends_before_it_was_ready_for_long_enough_is_launched_more_and_more_rarely() -> None:
    story = Story(10, min_ready_seconds=30)
    story.world.fate = Named(other=ENDS)
    story.wait("30s")

    assert len(story.world.created) == 10

    story.wait("20m")

    assert len(story.world.created) <= 80
    assert story.world.status.phase == "Stalled"


def test_one_of_ten_that_ends_again_and_again_leaves_the_others_alone() -> None:
    story = Story(10)
    story.world.fate = Named({f"web-{n}": ENDS for n in range(9, 30)})
    story.say("ten are wanted; the last of them, and whatever comes in its place, ends a second after it was ready")
    story.wait("20m")

    assert {f"web-{n}" for n in range(9)} <= {i.name for i in story.world.alive}
    assert len(story.world.created) <= 18


def test_an_operator_that_starts_again_after_each_pass_is_as_patient() -> None:
    story = Story(10)
    story.world.fate = Named(other=ENDS)
    for _ in range(600):
        story.process = PlayedOperator()
        story.wait("1s")

    assert len(story.world.created) <= 60
