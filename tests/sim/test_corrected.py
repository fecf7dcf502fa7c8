"""A configuration is at fault, and then corrected; against kept logs as in `test_scenarios`."""

from datetime import timedelta

import pytest

from tests.sim.story import Named, Story
from windlass.simulate.kubelet import Life

ZONES = ("zone-a", "zone-b", "zone-c")
FITS_NOWHERE = Life(scheduled=None, ready=None)
NO_IMAGE = Life(ready=None)
CORRECTED = {"template": {"spec": {"image": "web:2"}}}


def correct(story: Story) -> None:
    story.say("the configuration is corrected")
    story.world.fate = Named()
    story.world.configuration = CORRECTED


@pytest.mark.parametrize(("desired", "policy"), [(6, "Balanced"), (2, "Balanced"), (3, "Priority")])
def test_a_template_that_fits_nowhere_fails_no_zone_and_is_rescued_at_once(desired: int, policy: str) -> None:
    story = Story(desired, zones=ZONES, zone_policy=policy)
    story.world.fate = Named(other=FITS_NOWHERE)
    story.say(f"{desired} are wanted, and no zone takes any of them")
    story.wait("40m")

    assert not [zone.name for zone in story.world.status.zones if zone.failed_until]
    assert "no zone takes an instance of this configuration" in story.message

    correct(story)
    story.wait("5s")

    assert story.in_service == desired
    assert not [zone.name for zone in story.world.status.zones if zone.failures]
    if policy == "Balanced":
        assert max(zone.instances for zone in story.world.status.zones) == max(1, desired // 3)
    assert story.told(f"fits_nowhere_{policy.lower()}_{desired}")


def test_an_image_that_is_not_found_is_rescued_at_once() -> None:
    story = Story(3)
    story.world.fate = Named(other=NO_IMAGE)
    story.say("three are wanted, and their image is not found")
    story.wait("1m")
    correct(story)
    story.wait("5s")

    assert story.in_service == 3
    assert story.world.status.launch_backoff is None
    assert story.told("image_not_found")


def test_it_is_so_though_the_size_was_changed_before() -> None:
    story = Story(3)
    story.world.fate = Named(other=NO_IMAGE)
    story.wait("1m")
    story.world.change(desired_size=1)
    story.wait("1m")
    correct(story)
    story.wait("5s")

    assert story.in_service == 1


def test_those_in_service_stay_when_an_update_that_hangs_is_corrected() -> None:
    story = Story(3, zones=ZONES)
    story.settle()
    old = {i.name for i in story.world.alive}
    story.world.fate = Named(other=FITS_NOWHERE)
    story.world.configuration = {"template": {"spec": {"image": "web:1", "nodeSelector": {"disk": "sdd"}}}}
    story.world.change(desired_size=6)
    story.wait("20m")
    correct(story)
    story.wait("5s")

    assert story.in_service == 6
    assert old <= {i.name for i in story.world.alive}


def test_a_zone_that_has_failed_is_still_found_out_when_the_first_configuration_meets_it() -> None:
    story = Story(3, zones=ZONES, zone_failure_seconds=60)
    story.world.broken = {"zone-b"}
    story.wait("10m")

    assert story.in_service == 3
    assert [zone.name for zone in story.world.status.zones if zone.failed_until] == ["zone-b"]
    assert story.world.now - story.world.instances["web-0"].created_at > timedelta(minutes=9)
