"""A corrected configuration rescues what hangs; a fault of the configuration is not blamed on the zones."""

from dataclasses import replace
from typing import Any

import pytest

from tests.worlds import (
    NEXT_CONFIGURATION,
    THREE_ZONES,
    activity,
    after,
    ago,
    backoff,
    fleet,
    group,
    instance,
    later,
    launches,
    leaving,
    pending,
    planned,
    removals,
    revision,
    view,
)
from windlass.api.ordinals import OrdinalRange
from windlass.api.scaling_group import ZoneStatus
from windlass.planner.capacity.instance import Instance
from windlass.planner.capacity.reasons import ProcessSuspended
from windlass.planner.capacity.reasons_launches import NoZoneTakes, Superseded
from windlass.planner.capacity.steps import GroupPlan
from windlass.planner.capacity.view import LaunchPause
from windlass.planner.group import plan_group

BUSY = activity(first_ordinal=0)
DONE = activity("ScaleIn", number=2, first_ordinal=9, ended="1h")
KEPT = (revision("web-1", 1), revision("web-2", 2, NEXT_CONFIGURATION))
NO_NODE = "0/3 nodes are available"


def hanging(name: str = "web-0", zone: str | None = None, since: str = "5m", **fields: Any) -> Instance:
    return instance(name, **({"zone": zone, "age": "9m", "unschedulable": since, "problem": NO_NODE} | fields))


def corrected(*there: Instance, spec: Any = None, **fields: Any) -> GroupPlan:
    """The plan of a group whose configuration has just been changed to that of web-2."""
    wanted = {"activity": BUSY, "revisions": KEPT, "configuration": NEXT_CONFIGURATION}
    return planned(spec or group(len(there)), there, **(wanted | fields))


# ---- what is replaced


def test_what_fits_nowhere_is_replaced_when_the_configuration_changes() -> None:
    plan = corrected(hanging())

    assert [(removal.name, removal.why) for removal in removals(plan)] == [("web-0", Superseded(NO_NODE))]
    assert plan.status.launch_backoff is None


def test_by_one_of_the_new_configuration_in_the_same_activity() -> None:
    seen = view(group(1), [hanging()], activity=BUSY, revisions=KEPT, configuration=NEXT_CONFIGURATION)
    first = plan_group(seen)
    second = plan_group(after(seen, first, instances=()))

    assert [(launch.name, launch.revision) for launch in launches(second)] == [("web-1", "web-2")]
    assert second.status.activity is not None
    assert second.status.activity.name == "web-a1"


OUTDATED: dict[str, tuple[Instance, Any, bool]] = {
    "its image is not found": (pending("web-0", problem="ImagePullBackOff"), BUSY, True),
    "it has failed": (instance("web-0", age="1h", ended=True), BUSY, True),
    "it was ready, and not for long enough": (instance("web-0", age="1m", not_ready="2s"), BUSY, True),
    "it is ready, and not for long enough": (instance("web-0", age="1m", ready="2s"), BUSY, True),
    "it fits nowhere since an earlier activity": (hanging(), DONE, True),
    "its image is not found since an earlier activity": (
        replace(pending("web-0", age="1h"), ready_changed_at=ago("59m50s")),
        DONE,
        True,
    ),
    "it says nothing since an earlier activity": (pending("web-0", age="1h"), DONE, True),
    "it forgot whether it was ready": (replace(pending("web-0", age="1h"), ready_changed_at=ago("9s")), DONE, False),
    "it is in service": (instance("web-0"), BUSY, False),
    "it was in service": (
        instance("web-0", not_ready="2s"),
        BUSY.model_copy(update={"arrived": (OrdinalRange(first=0, count=1),)}),
        False,
    ),
    "it is of the new configuration": (hanging(revision="web-2"), BUSY, False),
    "it is protected": (hanging(protected=True), BUSY, False),
}


@pytest.mark.parametrize(("there", "running", "replaced"), OUTDATED.values(), ids=OUTDATED)
def test_only_what_is_outdated_and_was_never_in_service_is_replaced(
    there: Instance, running: Any, replaced: bool
) -> None:
    plan = corrected(there, spec=group(1, min_ready_seconds=30), activity=running)

    assert leaving(plan) == (["web-0"] if replaced else [])


def test_all_of_them_at_once_and_before_anything_else() -> None:
    sick = instance("web-0", not_ready="1h")
    plan = corrected(sick, *(hanging(f"web-{n}") for n in range(1, 31)), activity=DONE)

    assert len(removals(plan)) == 30
    assert "web-0" not in leaving(plan)


def test_what_failed_of_the_old_configuration_does_not_hold_up_the_new_one() -> None:
    seen = view(
        group(1),
        [instance("web-0", age="1h", ended=True)],
        activity=BUSY,
        backoff=backoff(3),
        revisions=KEPT,
        configuration=NEXT_CONFIGURATION,
    )
    first = plan_group(seen)

    assert first.status.launch_backoff is None
    assert len(launches(plan_group(after(seen, first, instances=())))) == 1


# ---- when not


@pytest.mark.parametrize(
    "fields",
    [
        {"configuration": None},
        {"configuration": {"template": 7}, "template_problem": "spec.containers: Required value"},
        {"backoff": backoff(1, revision="web-2")},
    ],
    ids=["no configuration", "a configuration that is refused", "the new one fails as well"],
)
def test_nothing_is_replaced_where_nothing_better_would_come(fields: Any) -> None:
    assert not removals(corrected(hanging(), **fields))


@pytest.mark.parametrize("process", ["ScaleOut", "HealthCheck"])
def test_what_may_not_be_replaced_is_not_removed(process: Any) -> None:
    plan = corrected(hanging(), spec=group(1, suspended_processes=(process,)))

    assert not removals(plan)
    assert plan.holds[0] == ProcessSuspended(process, 1, "that hang, not replaced")


def test_who_is_too_many_is_left_to_the_rule_of_removals() -> None:
    assert not removals(corrected(hanging(), hanging("web-1"), spec=group(1, suspended_processes=("ScaleIn",))))


# ---- zones


SPEC = group(3, zones=THREE_ZONES, zone_failure_seconds=300)


def zones_of(plan: GroupPlan) -> list[tuple[Any, Any]]:
    return [(zone.failed_until, zone.next_try) for zone in plan.status.zones]


def one_in_each(since: str = "5m", **fields: Any) -> tuple[Instance, ...]:
    return tuple(hanging(f"web-{n}", zone, since, **fields) for n, zone in enumerate(THREE_ZONES))


def test_what_no_zone_takes_fails_no_zone() -> None:
    plan = planned(SPEC, one_in_each(), activity=BUSY)

    assert zones_of(plan) == [(None, later("3m"))] * 3
    assert not removals(plan)
    assert plan.status.message == str(NoZoneTakes(3, "web-0", NO_NODE))


def test_nor_does_it_when_the_others_have_waited_for_a_moment_less() -> None:
    there = (hanging("web-0", "zone-a"), hanging("web-1", "zone-b", "299s"), hanging("web-2", "zone-c", "200s"))
    plan = planned(SPEC, there, activity=BUSY)

    assert zones_of(plan) == [(None, later("3m"))] * 3
    assert not removals(plan)


def test_a_zone_has_failed_where_others_were_not_tried() -> None:
    plan = planned(SPEC, [hanging("web-0", "zone-a")], activity=BUSY)

    assert zones_of(plan) == [(later("3m"), None), (None, None), (None, None)]
    assert leaving(plan) == ["web-0"]


def test_a_zone_has_failed_where_another_took_one_of_the_same_configuration() -> None:
    there = (*one_in_each(), pending("web-3", zone="zone-b", age="1m"))
    plan = planned(SPEC, there, activity=BUSY)

    assert zones_of(plan) == [(later("3m"), None)] * 3


def test_it_turns_out_that_only_some_have_failed_when_one_takes_an_instance_at_last() -> None:
    waiting = one_in_each()
    seen = view(SPEC, waiting, activity=BUSY)
    first = plan_group(seen)
    taken = replace(waiting[1], unschedulable_since=None, scheduled_at=later("1m"), problem=None)
    second = plan_group(after(seen, first, instances=(waiting[0], taken, waiting[2]), now=later("1m")))

    assert zones_of(second) == [(later("3m"), None), (None, None), (later("3m"), None)]
    assert leaving(second) == ["web-0", "web-2"]


def suspected(name: str, **fields: Any) -> ZoneStatus:
    said = {"next_try": later("3m"), "failures": 1, "reason": NO_NODE, "revision": "web-1"}
    return ZoneStatus.model_validate({"name": name} | said | fields)


def test_the_last_zone_that_takes_nobody_clears_those_before_it() -> None:
    """Priority tries one zone after the other."""
    before = (ZoneStatus(name="zone-a", failed_until=later("1m"), failures=1, reason=NO_NODE, revision="web-1"),)
    spec = group(1, zones=THREE_ZONES[:2], zone_policy="Priority")
    plan = planned(spec, [hanging("web-0", "zone-b")], activity=BUSY, zones=before)

    assert zones_of(plan) == [(None, later("1m")), (None, later("3m"))]


def test_zones_that_take_nobody_are_tried_one_after_the_other_as_failed_ones_are() -> None:
    before = (suspected("zone-a"), suspected("zone-b", next_try=ago("1s")))
    spec = group(1, zones=THREE_ZONES[:2], zone_policy="Priority")
    plan = planned(spec, [hanging("web-0", "zone-a")], activity=BUSY, zones=before)

    assert leaving(plan) == ["web-0"]
    assert "has failed" not in str(removals(plan)[0].why)


def test_what_was_the_old_configuration_s_fault_is_forgotten_when_it_changes() -> None:
    plan = corrected(*one_in_each(), spec=SPEC, zones=tuple(suspected(zone) for zone in THREE_ZONES))

    assert zones_of(plan) == [(None, None)] * 3
    assert leaving(plan) == ["web-0", "web-1", "web-2"]


def test_so_it_is_where_only_some_zones_were_tried() -> None:
    before = (ZoneStatus(name="zone-a", failed_until=later("1m"), failures=1, reason=NO_NODE, revision="web-1"),)
    plan = corrected(hanging("web-0", "zone-b"), spec=group(1, zones=THREE_ZONES), zones=before)

    assert zones_of(plan) == [(None, None)] * 3


def test_a_zone_that_failed_while_others_took_instances_stays_failed() -> None:
    before = (ZoneStatus(name="zone-a", failed_until=later("1m"), failures=1, reason=NO_NODE, revision="web-1"),)
    there = (*fleet(2, zones=("zone-b",)), hanging("web-5", "zone-c", "1m"))
    first = planned(group(3, zones=THREE_ZONES), there, activity=BUSY, zones=before)

    assert first.status.zones[0].revision is None

    plan = corrected(*there, spec=group(3, zones=THREE_ZONES), zones=first.status.zones)

    assert zones_of(plan)[0] == (later("1m"), None)


def test_nothing_that_hangs_is_removed_while_launches_would_not_be_seen() -> None:
    pause = LaunchPause(1, later("5s"), "the label is off")
    seen = view(group(1), [hanging()], activity=BUSY, revisions=KEPT, configuration=NEXT_CONFIGURATION)

    assert leaving(plan_group(seen))
    assert not leaving(plan_group(replace(seen, launch_pause=pause)))


def test_what_failed_stays_while_launches_would_not_be_seen() -> None:
    late = pending("web-0", age="2h")
    seen = view(group(1), [late], activity=BUSY)

    assert leaving(plan_group(seen))
    paused = plan_group(replace(seen, launch_pause=LaunchPause(1, later("5s"), "the label is off")))
    assert not leaving(paused)
    assert [type(hold).__name__ for hold in paused.holds][:1] == ["InstancesAltered"]


def test_when_it_is_time_to_ask_again_what_failed_makes_room_for_the_question() -> None:
    """Nothing is missing before: nobody would ask, and the group would wait for ever."""
    due = LaunchPause(1, ago("1s"), "the label is off")
    failed = view(group(1), [pending("web-0", age="2h")], activity=BUSY)
    outdated = view(group(1), [hanging()], activity=BUSY, revisions=KEPT, configuration=NEXT_CONFIGURATION)

    assert leaving(plan_group(replace(failed, launch_pause=due)))
    assert leaving(plan_group(replace(outdated, launch_pause=due)))
