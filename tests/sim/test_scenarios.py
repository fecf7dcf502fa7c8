"""Whole stories, against kept logs. `WINDLASS_GOLDEN=write pytest tests/sim` accepts what is told now."""

from collections import Counter
from dataclasses import replace
from datetime import timedelta

import pytest

from tests.sim.story import Named, Story
from tests.sim.troubles import repair_zone
from windlass.simulate.kubelet import AllGoesWell, Life

ZONES = ("zone-a", "zone-b", "zone-c")
CRASHES = Life(ready=None, ends=timedelta(seconds=4))
HANGS = Life(scheduled=None, ready=None)


@pytest.mark.spec("scaling-group.md", "kept at desired")
def test_a_day_of_a_group_launch_scale_out_a_killed_instance_scale_in() -> None:
    story = Story(6, zones=ZONES)
    story.say("six are wanted in three zones")
    story.settle()
    story.wait("10m")
    story.say("eight are wanted")
    story.world.change(desired_size=8)
    story.settle()
    story.wait("10m")
    story.say("somebody deletes web-3")
    story.world.kill("web-3")
    story.settle()
    story.wait("10m")
    story.say("four are wanted")
    story.world.change(desired_size=4)
    story.settle()

    assert story.in_service == 4
    assert story.told("day")


@pytest.mark.parametrize("policy", ["Balanced", "Priority"])
def test_a_zone_fails_and_recovers(policy: str) -> None:
    story = Story(3, zones=ZONES, zone_policy=policy)
    story.world.broken = {"zone-a"}
    story.say("three are wanted, and zone-a takes nobody")
    story.settle("20m")
    story.say("six are wanted")
    story.world.change(desired_size=6)
    story.settle("20m")
    story.say("zone-a works again, and nine are wanted")
    repair_zone(story.world, "zone-a")
    story.world.change(desired_size=9)
    story.settle()

    assert story.in_service == 9
    assert not [zone for zone in story.world.status.zones if zone.failed_until]
    assert story.told(f"zone_failure_{policy.lower()}")


def test_all_zones_fail_and_one_recovers() -> None:
    story = Story(2, zones=ZONES[:2], zone_failure_seconds=60)
    story.world.broken = set(ZONES[:2])
    story.say("two are wanted, and no zone takes anybody")
    story.settle("40m")
    story.say("zone-b works again")
    repair_zone(story.world, "zone-b")
    story.settle()

    assert Counter(i.zone for i in story.world.alive if i.ready) == {"zone-b": 2}
    assert story.told("all_zones_fail")


def test_launches_fail_until_the_group_is_stalled_and_a_new_configuration_helps() -> None:
    story = Story(3)
    story.world.fate = Named(other=CRASHES)
    story.say("three are wanted, and each of them ends at once")
    story.settle("30m")

    assert story.world.status.phase == "Stalled"
    assert "exited with 1" in story.message

    story.say("a configuration that works")
    story.world.fate = AllGoesWell()
    story.world.configuration = {"template": {"spec": {"image": "web:2"}}}
    story.settle()

    assert story.in_service == 3
    assert story.world.status.launch_backoff is None
    assert story.told("launch_failures")


def test_one_launch_of_three_fails_and_is_tried_again() -> None:
    story = Story(3)
    story.world.fate = Named({"web-1": CRASHES})
    story.say("three are wanted, and web-1 ends at once")
    story.settle()

    assert {i.name for i in story.world.alive} == {"web-0", "web-2", "web-3"}
    assert story.told("one_failure")


def test_a_quota_refuses_and_is_raised() -> None:
    story = Story(3)
    story.world.refusing = 'pods "web-0" is forbidden: exceeded quota'
    story.say("three are wanted, and the quota allows none")
    story.settle("5m")
    story.say("the quota is raised")
    story.world.refusing = None
    story.settle()

    assert story.in_service == 3
    assert story.told("quota")


def test_a_mass_failure_is_met_step_by_step() -> None:
    story = Story(20)
    story.settle()
    story.wait("10m")
    story.lines.clear()
    story.say("eight of twenty are not ready any more")
    for name in [f"web-{n}" for n in range(8)]:
        age = story.world.now - story.world.instances[name].created_at
        story.world.lives[name] = replace(story.world.lives[name], wavers=age)
    story.world.advance(timedelta())
    story.settle()

    assert story.in_service == 20
    assert story.told("mass_failure")


def test_the_wish_changes_up_and_down_while_instances_launch() -> None:
    story = Story(3)
    story.world.fate = Named(other=Life(ready=timedelta(seconds=30)))
    story.say("three are wanted, and take half a minute")
    story.wait("10s")
    story.say("five are wanted")
    story.world.change(desired_size=5)
    story.wait("10s")
    story.say("two are wanted")
    story.world.change(desired_size=2)
    story.wait("10s")
    story.say("four are wanted")
    story.world.change(desired_size=4)
    story.settle()

    assert story.in_service == 4
    assert story.told("retarget")


def test_a_group_is_disabled_while_it_launches_and_enabled_again() -> None:
    story = Story(3)
    story.settle("1s")
    story.say("the group is disabled")
    story.world.change(enabled=False)
    story.settle()
    story.say("two are deleted, and nothing happens")
    story.world.kill("web-0")
    story.world.kill("web-2")
    story.settle()
    story.wait("1h")
    story.say("the group is enabled again")
    story.world.change(enabled=True)
    story.settle()

    assert story.in_service == 3
    assert story.told("disabled")


def test_a_configuration_is_missing_and_then_created() -> None:
    story = Story(2)
    story.world.configuration = None
    story.say("two are wanted, and there is nothing to make them from")
    story.settle()
    story.wait("1h")
    story.say("the configuration is created")
    story.world.configuration = {"template": {"spec": {}}}
    story.settle()

    assert story.in_service == 2
    assert story.told("configuration_missing")


def test_what_waits_to_be_scheduled_does_not_keep_what_failed_from_being_tried_again() -> None:
    story = Story(3)
    story.world.fate = Named({"web-0": HANGS, "web-1": CRASHES})
    story.say("web-0 fits nowhere, web-1 ends at once")
    story.settle("10m")

    assert story.in_service == 2
    assert story.message == "1 instance on the way into service; web-0: 0/1 nodes are available"
    assert story.told("hangs_and_fails")


def test_a_desired_size_that_is_unset_is_seeded() -> None:
    story = Story(0, min_size=2)
    story.world.spec = story.world.spec.model_copy(update={"desired_size": None})
    story.say("nobody says how many")
    story.settle()

    assert story.in_service == 2
    assert story.told("seeded")


def test_processes_are_suspended_and_resumed() -> None:
    story = Story(3)
    story.settle()
    story.wait("10m")
    story.say("ScaleIn is suspended, and one is wanted")
    story.world.change(suspended_processes=["ScaleIn"], desired_size=1)
    story.settle()
    story.say("ScaleOut is suspended instead, and five are wanted")
    story.world.change(suspended_processes=["ScaleOut"], desired_size=5)
    story.settle()
    story.say("nothing is suspended any more")
    story.world.change(suspended_processes=[])
    story.settle()

    assert story.in_service == 5
    assert story.told("suspended")
