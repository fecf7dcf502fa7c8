"""Instances that are ready, and not for long enough, against kept logs as in `test_scenarios`."""

from datetime import timedelta

from tests.sim.story import Named, Story
from windlass.simulate.kubelet import Life

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
