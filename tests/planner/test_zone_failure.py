"""What happens when a zone fails."""

from dataclasses import replace
from datetime import datetime, timedelta
from itertools import pairwise

import pytest

from tests.worlds import (
    NOW,
    THREE_ZONES,
    activity,
    after,
    failed_zone,
    fleet,
    group,
    instance,
    later,
    launches,
    leaving,
    pending,
    planned,
    removals,
    situation,
    view,
)
from windlass.api.scaling_group import ZoneStatus
from windlass.planner.capacity.instance import Instance
from windlass.planner.capacity.reasons import NoZoneLeft, ZoneFailed, ZoneUnlisted
from windlass.planner.capacity.steps import GroupPlan
from windlass.planner.capacity.zone_failure import FailedZone, Zones, pause
from windlass.planner.group import plan_group

SPEC = group(3, zones=THREE_ZONES, zone_failure_seconds=300)
BUSY = activity(first_ordinal=0)


def stuck(name: str, zone: str | None = "zone-a", since: str = "5m", **fields: object) -> Instance:
    return instance(name, zone=zone, age="9m", unschedulable=since, problem="0/2 nodes are available", **fields)  # type: ignore[arg-type]


def waiting(name: str, zone: str | None, since: datetime) -> Instance:
    fresh = instance(name, zone=zone, age="0s", scheduled=None, problem="0/2 nodes are available")
    return replace(fresh, created_at=since, unschedulable_since=since)


def zones_after(*instances: Instance, before: tuple[ZoneStatus, ...] = ()) -> Zones:
    return situation(SPEC, instances, zones=before, activity=BUSY).zones


# ---- failing


def test_a_zone_fails_when_an_instance_cannot_be_scheduled_in_it_for_zone_failure_seconds() -> None:
    assert zones_after(stuck("web-0", since="300s")).failed == {
        "zone-a": FailedZone(1, later("3m"), "0/2 nodes are available", "web-1")
    }
    assert zones_after(stuck("web-0", since="299s")).failed == {}


def test_an_instance_that_says_nothing_still_fails_its_zone() -> None:
    silent = instance("web-0", zone="zone-a", age="9m", unschedulable="5m")

    assert zones_after(silent).failed["zone-a"].reason == "it cannot be scheduled there"


def test_an_instance_without_a_zone_fails_none() -> None:
    assert zones_after(stuck("web-0", zone=None)).failed == {}


def test_an_instance_that_only_waits_for_its_turn_fails_no_zone() -> None:
    assert zones_after(instance("web-0", zone="zone-a", age="9m", scheduled=None)).failed == {}


@pytest.mark.parametrize(
    ("failures", "minutes"), [(1, 3), (2, 6), (3, 12), (4, 24), (5, 30), (6, 30), (500, 30)], ids=str
)
def test_a_zone_is_left_out_for_three_minutes_doubling_to_thirty(failures: int, minutes: int) -> None:
    assert pause(failures) == timedelta(minutes=minutes)


def test_a_zone_that_fails_again_is_left_out_for_twice_as_long() -> None:
    zones = zones_after(stuck("web-0"), before=(failed_zone("zone-a", over="1s"),))

    assert zones.failed["zone-a"] == FailedZone(2, later("6m"), "0/2 nodes are available", "web-1")


def test_a_zone_does_not_fail_again_while_it_is_left_out() -> None:
    zones = zones_after(stuck("web-0"), before=(failed_zone("zone-a", until="1s"),))

    assert zones.failed["zone-a"].failures == 1
    assert zones.failed["zone-a"].until == later("1s")


def test_many_stuck_instances_fail_their_zone_once() -> None:
    assert zones_after(stuck("web-0"), stuck("web-1"), stuck("web-2")).failed["zone-a"].failures == 1


# ---- recovering


def test_a_zone_works_again_once_an_instance_was_scheduled_in_it() -> None:
    tried = pending("web-0", zone="zone-a", age="2m", scheduled="1m")

    assert zones_after(tried, before=(failed_zone("zone-a", over="2m"),)).failed == {}


def test_an_instance_scheduled_before_the_failure_does_not_show_that_the_zone_works() -> None:
    before = (failed_zone("zone-a", until="1m"),)  # failed two minutes ago

    assert "zone-a" in zones_after(instance("web-0", zone="zone-a", age="1h"), before=before).failed
    assert "zone-a" in zones_after(pending("web-0", zone="zone-a", age="2m"), before=before).failed
    assert "zone-a" not in zones_after(pending("web-0", zone="zone-a", age="119s"), before=before).failed


def test_a_zone_is_on_trial_from_the_moment_that_its_pause_is_over() -> None:
    left_out, tried = failed_zone("zone-a", until="1s"), failed_zone("zone-b", until="0s")
    zones = zones_after(before=(left_out, tried))

    assert (zones.on_trial("zone-a"), zones.on_trial("zone-b"), zones.on_trial("zone-c")) == (False, True, False)
    assert zones.usable() == ("zone-b", "zone-c")


def test_a_zone_that_the_group_names_no_more_is_forgotten() -> None:
    assert zones_after(before=(failed_zone("zone-x"),)).failed == {}


# ---- moving


def test_what_is_stuck_in_a_failed_zone_is_replaced_in_another() -> None:
    there = (stuck("web-0"), *fleet(2, zones=("zone-b", "zone-c"), first=1))
    first = planned(SPEC, there, activity=BUSY)
    (removal,) = removals(first)

    assert (removal.name, removal.why) == ("web-0", ZoneFailed("zone-a", "0/2 nodes are available"))
    assert first.status.zones[0].failed_until == later("3m")

    seen = after(view(SPEC, there, activity=BUSY), first, instances=there[1:])

    assert [step.pool.zone for step in launches(plan_group(seen))] == ["zone-b"]


def test_what_is_stuck_for_less_stays() -> None:
    assert not removals(planned(SPEC, (stuck("web-0", since="4m"), *fleet(2, first=1)), activity=BUSY))


def test_a_protected_instance_stays_even_where_it_cannot_run() -> None:
    there = (stuck("web-0", protected=True), *fleet(2, zones=("zone-b",), first=1))

    assert leaving(planned(SPEC, there, activity=BUSY)) == []


def test_nothing_is_moved_while_nothing_may_be_launched_instead() -> None:
    there = (stuck("web-0"), *fleet(2, zones=("zone-b",), first=1))
    spec = group(3, zones=THREE_ZONES, suspended_processes=("ScaleOut",))

    assert not removals(planned(spec, there, activity=BUSY))
    assert not removals(planned(SPEC, there, activity=BUSY, configuration=None, revisions=()))


# ---- all zones failed


def all_failed(*instances: Instance, **zones: ZoneStatus) -> GroupPlan:
    known = {"zone_a": failed_zone("zone-a"), "zone_b": failed_zone("zone-b"), "zone_c": failed_zone("zone-c")} | zones
    return planned(SPEC, instances, activity=BUSY, zones=tuple(known.values()))


def test_where_all_zones_have_failed_instances_wait_and_the_message_says_so() -> None:
    plan = all_failed(stuck("web-0"), stuck("web-1", "zone-b"), stuck("web-2", "zone-c"))

    assert not plan.steps
    assert plan.status.message == str(NoZoneLeft(3, "web-0", "0/2 nodes are available"))


def test_waiting_to_be_scheduled_is_no_launch_failure() -> None:
    plan = all_failed(stuck("web-0"), stuck("web-1", "zone-b"), stuck("web-2", "zone-c"))

    assert plan.status.launch_backoff is None
    assert plan.status.failed == 0


def test_where_all_zones_have_failed_one_of_those_that_wait_tries_the_first_whose_pause_is_over() -> None:
    waiting = (stuck("web-0", "zone-b"), stuck("web-1", "zone-b"), stuck("web-2", "zone-b"))

    assert leaving(all_failed(*waiting, zone_a=failed_zone("zone-a", over="1s"))) == ["web-0"]


def test_the_others_do_not_follow_it_before_it_was_launched_there() -> None:
    plan = all_failed(stuck("web-1", "zone-b"), stuck("web-2", "zone-b"), zone_a=failed_zone("zone-a", over="1s"))

    assert not removals(plan)
    assert [launch.pool.zone for launch in launches(plan)] == ["zone-a"]


def test_a_zone_that_is_tried_by_one_that_waits_in_it_is_not_tried_by_another() -> None:
    waiting = stuck("web-0", "zone-a", since="1m")
    plan = all_failed(waiting, stuck("web-1", "zone-b"), zone_a=failed_zone("zone-a", over="1m"))

    assert not removals(plan)


def test_a_single_instance_that_waits_tries_the_zones_one_after_the_other_and_ever_less_often() -> None:
    there, zones = stuck("web-0", "zone-b"), (failed_zone("zone-a"), failed_zone("zone-b"))
    spec, now, moves = group(1, zones=("zone-a", "zone-b")), NOW, list[datetime]()
    seen = view(spec, [there], activity=BUSY, zones=zones)
    for _ in range(40):
        plan = plan_group(seen)
        if removals(plan):
            (launch,) = launches(plan_group(after(seen, plan, instances=(), now=now)))
            moves.append(now)
            there = waiting(launch.name, launch.pool.zone, now)
        else:
            assert plan.wake_at is not None
            now = plan.wake_at
        seen = after(seen, plan, instances=(there,), now=now)

    gaps = [second - first for first, second in pairwise(moves)]
    assert len(gaps) > 5
    assert gaps[-1] >= timedelta(minutes=15)


# ---- zones that the group names no more


def test_what_is_stuck_in_a_zone_that_the_group_names_no_more_is_replaced_in_one_that_it_names() -> None:
    there = (stuck("web-0", "zone-x"), *fleet(2, zones=("zone-b",), first=1))
    (removal,) = removals(planned(SPEC, there, activity=BUSY))

    assert (removal.name, removal.why) == ("web-0", ZoneUnlisted("zone-x", "0/2 nodes are available"))


def test_what_is_stuck_in_a_zone_is_replaced_where_the_group_names_no_zones_any_more() -> None:
    there = (stuck("web-0", "zone-x"), *fleet(2, zones=("zone-b",), first=1))

    assert leaving(planned(group(3), there, activity=BUSY)) == ["web-0"]


def test_what_waits_anywhere_in_a_group_without_zones_stays() -> None:
    assert not removals(planned(group(3), (stuck("web-0", None), *fleet(2, first=1)), activity=BUSY))


# ---- waking up


def test_the_wake_up_is_the_moment_at_which_the_zone_fails() -> None:
    plan = planned(SPEC, (stuck("web-0", since="4m"), *fleet(2, zones=THREE_ZONES, first=1)), activity=BUSY)

    assert plan.wake_at == later("1m")


def test_the_wake_up_is_the_moment_at_which_the_zone_may_be_tried_again() -> None:
    plan = all_failed(
        stuck("web-0"), stuck("web-1", "zone-b"), stuck("web-2", "zone-c"), zone_b=failed_zone("zone-b", until="40s")
    )

    assert plan.wake_at == later("40s")


# ---- what is shown


def test_the_status_lists_the_zones_in_order_of_priority_with_what_is_known_of_them() -> None:
    there = (*fleet(3, zones=("zone-b", "zone-c", "zone-b")),)
    plan = planned(SPEC, there, zones=(failed_zone("zone-c", until="2m", failures=2),))

    assert [(z.name, z.instances, z.failed_until, z.failures, z.reason) for z in plan.status.zones] == [
        ("zone-a", 0, None, 0, None),
        ("zone-b", 2, None, 0, None),
        ("zone-c", 1, later("2m"), 2, "0/2 nodes are available"),
    ]
