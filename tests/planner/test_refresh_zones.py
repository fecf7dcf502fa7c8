"""Where the new instances of a refresh go: in the end they are as evenly spread as a new group's."""

from collections import Counter
from datetime import timedelta

from tests.sim.story import Story
from tests.worlds import CONFIGURATION, THREE_ZONES
from windlass.api.instance_refresh import InstanceRefreshSpec
from windlass.planner.rollout.refresh import Refresh


def test_a_group_that_was_balanced_is_balanced_after_each_refresh() -> None:
    story = Story(3, zones=THREE_ZONES)
    story.world.configuration = CONFIGURATION
    story.settle()
    for number in range(3):
        spec = InstanceRefreshSpec.model_validate(
            {"scalingGroup": "web", "desiredConfiguration": {"image": f"web:{number + 2}"}}
        )
        name, now = f"r{number}", story.world.now
        story.world.refreshes[name] = Refresh(name, f"{name}-uid", 1, now, spec)
        story.settle()
        assert Counter(instance.zone for instance in story.world.alive) == dict.fromkeys(THREE_ZONES, 1)
        story.world.advance(timedelta(minutes=1))
