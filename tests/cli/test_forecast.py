"""What would become of a group, played forward from how it is."""

from textwrap import dedent

from tests.worlds import (
    NEXT_CONFIGURATION,
    THREE_ZONES,
    activity,
    ago,
    backoff,
    ended_records,
    fleet,
    group,
    instance,
    later,
    pending,
    span,
    view,
)
from windlass.cli.subjects.group.forecast import Change, differences, forecast, report, values
from windlass.planner.capacity.steps import Launch, Remove
from windlass.planner.capacity.view import GroupView
from windlass.simulate.start import world_of


def shown(text: str) -> list[str]:
    return dedent(text).strip().splitlines()


def launched(start: GroupView) -> list[tuple[str, float]]:
    found = forecast(start)
    steps = [(step, played.at) for played in found.passes for step in played.plan.steps]
    return [(step.name, (at - start.now).total_seconds()) for step, at in steps if isinstance(step, Launch)]


def removed(start: GroupView) -> list[tuple[str, float]]:
    found = forecast(start)
    steps = [(step, played.at) for played in found.passes for step in played.plan.steps]
    return [(step.name, (at - start.now).total_seconds()) for step, at in steps if isinstance(step, Remove)]


# ---- for people


def test_growing_names_each_instance_its_zone_and_why():
    grown = forecast(
        view(group(5, zones=THREE_ZONES), fleet(3, zones=THREE_ZONES), activity=activity(ended="1h", to=3)),
        changes=[Change("spec.desiredSize", 3, 5)],
    )
    assert report(grown) == shown(
        """
        ScalingGroup default/web: spec.desiredSize 3 → 5
          now   begin web-a2 (ScaleOut): the desired size changed from 3 to 5
                launch web-3 in zone-a: zone-a has the fewest instances (1)
                launch web-4 in zone-b: zone-b has the fewest instances (1)
          +2s   end web-a2 (ScaleOut): launched 2 instances, 2 in service
          after 2s: 5 instances in service, as desired (zone-a 2, zone-b 2, zone-c 1)
        """
    )
    assert grown.acts
    assert not grown.settled


def test_shrinking_names_who_leaves_and_why():
    older = instance("web-0", zone="zone-a", age="2d")
    shrunk = forecast(
        view(group(1), [older, *fleet(1, first=1, zones=("zone-b",))], activity=activity(ended="1h", to=2))
    )
    assert report(shrunk)[1:] == [
        "  now   begin web-a2 (ScaleIn): the desired size changed from 2 to 1",
        "        remove web-0: zone-a has the most instances (1); there, OldestConfiguration, then OldestInstance "
        "chose it",
        "  +1s   end web-a2 (ScaleIn): removed 1 instance; 1 left",
        "  after 1s: 1 instance in service, as desired",
    ]


def test_a_group_that_is_as_wanted_is_left_alone():
    quiet = forecast(view(group(2), fleet(2)))
    assert report(quiet) == shown(
        """
        ScalingGroup default/web: as it is now
          nothing would be done
          now: 2 instances in service, as desired
        """
    )
    assert quiet.settled


def test_what_is_held_up_says_by_what_and_is_not_settled():
    held = forecast(view(group(1, suspended_processes=["ScaleIn"]), fleet(3)))
    assert report(held)[1] == "  now   held up: ScaleIn is suspended: 2 instances too many, not removed"
    assert not held.acts
    assert not held.settled


def test_a_configuration_that_the_api_server_refuses_holds_launches_up():
    refused = view(group(1), revisions=(), template_problem="spec.containers[0].image: Required value")
    assert forecast(refused, exists=False).refused
    assert not forecast(view(group(1)), exists=False).refused
    said = "the API server refuses an instance made from ScalingConfiguration web: spec.containers[0].image: "
    assert report(forecast(refused, exists=False))[:2] == [
        "ScalingGroup default/web: would be created",
        f"  now   held up: {said}Required value",
    ]


def test_launches_that_are_refused_for_now_end_the_plan_at_the_first():
    found = forecast(view(group(2), revisions=()), exists=False, refusing="exceeded quota: pods")
    assert report(found) == shown(
        """
        ScalingGroup default/web: would be created
          note: the API server refuses launches for now, and the plan ends at the first: exceeded quota: pods
          now   keep its first revision: ScalingConfiguration/web is new to the group
                begin web-a1 (ScaleOut): the desired size changed from 0 to 2
                launch web-0: the group names no zones: the scheduler chooses
                launch web-1: the group names no zones: the scheduler chooses
                end web-a1 (ScaleOut): launched 0 instances, 0 in service, 1 refused, 1 not launched
                held up: launching failed once, next try at 2026-01-15T12:00:30Z: exceeded quota: pods
          now: launching failed once, next try at 2026-01-15T12:00:30Z: exceeded quota: pods
        """
    )
    assert found.refused


def test_where_nothing_is_launched_a_refusal_is_no_matter():
    found = forecast(view(group(1), fleet(2)), refusing="exceeded quota")
    assert report(found)[-1] == "  after 1s: 1 instance in service, as desired"
    assert not found.refused


def test_launches_beside_a_refused_configuration_say_which_revision_they_are_made_from():
    seen = view(group(3), fleet(2), template_problem="spec.image: Required value", activity=activity(ended="1h", to=2))
    assert report(forecast(seen))[1] == (
        "  note: launches are made from revision web-1, the newest that is kept, not from the configuration"
    )


def test_of_a_large_launch_the_first_twenty_are_named_and_the_rest_counted_by_zone():
    lines = report(forecast(view(group(60, zones=THREE_ZONES))))
    assert sum(line.lstrip(" now").startswith("launch web-") for line in lines) == 20
    assert "        … and 40 more launches (zone-a 13, zone-b 13, zone-c 14)" in lines


def test_an_instance_is_launched_without_a_zone_where_the_group_names_none():
    assert "        launch web-0: the group names no zones: the scheduler chooses" in report(forecast(view(group(1))))


def test_a_new_configuration_is_kept_and_replaces_nothing():
    changed = view(group(2), fleet(2), configuration=NEXT_CONFIGURATION, activity=activity(ended="1h", to=2))
    lines = report(forecast(changed))
    assert lines[1].startswith("  now   keep revision web-")
    assert "2 instances made from an older configuration" in lines[-1]
    assert len(lines) == 3


# ---- for programs


def test_programs_get_every_step_with_its_reason():
    found = values(forecast(view(group(1, zones=("zone-a",)), activity=activity(ended="1h", to=0)), notes=["a note"]))
    assert found["acts"]
    assert found["notes"] == ["a note"]
    launching, ending = found["passes"]
    assert launching["after"] == 0.0
    assert launching["steps"] == [
        {
            "step": "Launch",
            "reason": "FewestInZone",
            "message": "zone-a has the fewest instances (0)",
            "name": "web-0",
            "zone": "zone-a",
            "revision": "web-1",
        }
    ]
    assert [event["reason"] for event in ending["events"]] == ["ActivitySuccessful"]
    assert found["final"]["after"] == 2.0
    assert found["final"]["status"]["inService"] == 1
    assert found["final"]["holds"] == []


def test_specs_differ_in_the_fields_whose_values_do():
    before = {"minSize": 1, "zones": ["a"], "healthCheck": {"intervalSeconds": 300, "method": "Instance"}}
    after = {"minSize": 1, "zones": ["a", "b"], "healthCheck": {"intervalSeconds": 60, "method": "Instance"}, "x": 1}
    assert list(map(str, differences(before, after))) == [
        "spec.healthCheck.intervalSeconds 300 → 60",
        "spec.x unset → 1",
        "spec.zones [a] → [a, b]",
    ]


def test_the_revisions_of_a_group_that_does_not_exist_have_no_names_yet():
    new = forecast(view(group(1), revisions=()), exists=False)
    assert report(new)[1] == "  now   keep its first revision: ScalingConfiguration/web is new to the group"
    found = values(new)
    kept, launched = (step for played in found["passes"] for step in played["steps"])
    assert kept["name"] is None
    assert launched["revision"] is None
    assert not {"currentRevision", "revisions"} & set(found["final"]["status"])


# ---- the world that it begins in


def test_a_pass_in_the_world_of_a_view_sees_that_view():
    seen = view(group(3), fleet(2), activity=activity(to=3, first_ordinal=0), next_ordinal=3, backoff=backoff())
    world = world_of(seen)
    assert (world.now, world.uid) == (seen.now, seen.uid)
    assert list(world.instances.values()) == list(seen.instances)
    assert (world.status, world.spec, world.generation) == (seen.status, seen.spec, seen.generation)
    assert world.records["web-a1"] == seen.record


def test_instances_on_their_way_arrive():
    unscheduled = instance("web-1", age="5s", scheduled=None)
    assert launched(view(group(2), [pending("web-0"), unscheduled])) == []


def test_an_instance_that_does_not_come_up_is_replaced_when_its_time_is_over():
    stuck = pending("web-0", age="100s", scheduled="100s", problem="container web: ImagePullBackOff")
    assert removed(view(group(1), [stuck])) == [("web-0", 500.0)]


def test_an_instance_that_is_not_ready_stays_so_and_is_replaced_when_its_time_is_over():
    sick = instance("web-1", not_ready="100s")
    assert removed(view(group(2), [*fleet(1), sick])) == [("web-1", 200.0)]


def test_a_launch_that_backs_off_comes_when_it_is_due():
    waiting = view(group(1), backoff=backoff(retry="30s"), activity=activity(ended="1m", result="Failed", to=1))
    assert launched(waiting) == [("web-0", 30.0)]


def test_who_is_on_the_way_out_goes():
    leaving = world_of(view(group(1), [*fleet(1), instance("web-1", removing=True)]))
    leaving.advance(span("1s"))
    assert list(leaving.instances) == ["web-0"]


def test_an_instance_ready_for_too_short_a_time_comes_into_service_by_time_alone():
    young = view(group(1, min_ready_seconds=30), [instance("web-0", age="40s", ready="10s")])
    found = forecast(young)
    assert found.after.now >= later("20s")
    assert found.last.status.in_service == 1
    assert not found.acts


def test_records_that_are_known_by_their_beginning_alone_are_counted():
    full = world_of(view(group(0, history_limit=1), history=ended_records(3)))
    assert {name: record.start_time for name, record in full.records.items()}["web-a1"] == ago("1h")
