"""The tree of a group, as people and programs see it."""

import json
from textwrap import dedent

from tests.cli.bodies import body, picture
from tests.worlds import (
    NEXT_CONFIGURATION,
    THREE_ZONES,
    activity,
    ago,
    failed_zone,
    fleet,
    group,
    instance,
    later,
    pending,
    revision,
    view,
)
from windlass.api.common import to_wire
from windlass.api.rollout import RolloutStatus
from windlass.cli.live import changes, seconds_until
from windlass.cli.subjects.group.picture import rows_of, take_picture, tree, values
from windlass.planner.capacity.view import take_census


def shown(text: str) -> list[str]:
    return dedent(text).strip().splitlines()


def test_a_quiet_group_is_its_zones_its_last_activity_and_its_instances_below_their_revision():
    quiet = view(
        group(3, zones=THREE_ZONES, min_size=1, max_size=10),
        fleet(3, zones=THREE_ZONES, age="6m"),
        activity=activity("ScaleOut", ended="5m", to=3, description="launched 3 instances"),
    )
    assert tree(picture(quiet, age=ago("7m"))) == shown(
        """
        3 instances in service, as desired

        NAME                          STATE        ZONE     AGE   INFO
        ScalingGroup/web              Ready                 7m    desired 3 (min 1, max 10): 3 in service
        ├─ Condition/Ready            True                  0s    AsDesired
        ├─ Zone/zone-a                Usable                      1 instance
        ├─ Zone/zone-b                Usable                      1 instance
        ├─ Zone/zone-c                Usable                      1 instance
        ├─ ScalingActivity/web-a1     Successful            6m    ScaleOut from 0 to 3: launched 3 instances
        └─ ControllerRevision/web-1   Current               30d   3 instances of ScalingConfiguration/web
           ├─ Pod/web-0               InService    zone-a   6m
           ├─ Pod/web-1               InService    zone-b   6m
           └─ Pod/web-2               InService    zone-c   6m
        """
    )


def test_a_troubled_group_says_of_each_part_what_is_the_matter():
    troubled = view(
        group(5, zones=("zone-a", "zone-b"), min_ready_seconds=30),
        [
            instance("web-0", zone="zone-a", revision="web-1", protected=True, cost=5),
            pending("web-1", zone="zone-b", revision="web-2", problem="container web: ImagePullBackOff"),
            instance("web-2", zone="zone-a", revision="web-2", age="40s", ready="10s"),
            instance("web-3", zone="zone-a", revision="web-2", removing=True, problem="it is of no use"),
            instance("web-4", zone="zone-a", revision="lost"),
        ],
        revisions=[revision("web-1", 1, NEXT_CONFIGURATION), revision("web-2", 2)],
        zones=[failed_zone("zone-b")],
        activity=activity("ScaleOut", to=5, first_ordinal=1, cause="somebody wanted it"),
        next_ordinal=5,
    )
    rows = {row.key: (row.state, row.zone, row.info) for row in rows_of(picture(troubled))}
    assert rows["ScalingGroup/web"][2] == "desired 5 (min 0, max 100): 2 in service, 2 pending, 1 being removed"
    assert rows["Zone/zone-b"] == ("Failed", "", "1 instance; left out until 12:03:00: 0/2 nodes are available")
    assert rows["ControllerRevision/web-1"][0] == "Outdated"
    assert rows["ControllerRevision/web-2"][2].startswith("2 instances (1 more being removed) of ")
    assert rows["ControllerRevision/lost"] == ("Unknown", "", "1 instance; the revision itself is not kept")
    assert rows["Pod/web-0"] == ("InService", "zone-a", "protected; pod-deletion-cost 5")
    assert rows["Pod/web-1"] == ("Pending", "zone-b", "container web: ImagePullBackOff")
    assert rows["Pod/web-2"] == ("Pending", "zone-a", "ready, in service at 12:00:20")
    assert rows["Pod/web-3"] == ("Removing", "zone-a", "")


def test_an_activity_that_runs_is_shown_with_its_cause():
    running = view(group(3), fleet(2), activity=activity("ScaleOut", to=3, first_ordinal=0), next_ordinal=3)
    found = take_picture(
        body(running) | {"status": {"activity": running.status.activity.model_dump(by_alias=True)}}, (), running.now
    )
    (row,) = (row for row in rows_of(found) if row.key == "ScalingActivity/web-a1")
    assert (row.state, row.info) == ("InProgress", "ScaleOut from 0 to 3: somebody wanted it")


def test_a_refresh_that_runs_is_shown_with_how_far_it_is():
    rollout = RolloutStatus(
        kind="InstanceRefresh",
        name="next",
        uid="next-uid",
        started_at=ago("1m"),
        from_revision="web-1",
        to_revision="web-2",
        first_ordinal=3,
        phase="Paused",
        updated=1,
        progress_at=ago("10s"),
    )
    refreshed = {**body(view(group(3), fleet(3))), "status": {"rollout": to_wire(rollout)}}
    rows = rows_of(take_picture(refreshed, (), view().now))
    (row,) = (row for row in rows if row.key == "InstanceRefresh/next")
    assert (row.state, row.info) == ("Paused", "to web-2, 1 updated")
    back = rollout.model_copy(update={"back": True, "message": "no image"})
    rows = rows_of(take_picture({**refreshed, "status": {"rollout": to_wire(back)}}, (), view().now))
    assert "back to web-1, 1 updated: no image" in [row.info for row in rows]


def test_a_zone_whose_time_is_over_is_tried_again():
    found = picture(
        view(group(1, zones=("zone-a",)), fleet(1, zones=("zone-a",)), zones=[failed_zone("zone-a", over="2m")])
    )
    failed = take_picture({**body(view(group(1))), "status": {"zones": [_zone_over()]}}, (), found.now)
    (row,) = (row for row in rows_of(failed) if row.key == "Zone/zone-a")
    assert row.info == "0 instances; one instance tries it again: it takes no instances"


def test_a_zone_that_takes_nobody_as_no_other_does_is_not_shown_as_failed():
    said = {
        "name": "zone-a",
        "nextTry": "2026-01-15T12:03:00Z",
        "failures": 1,
        "revision": "web-1",
        "reason": "no node",
    }
    found = take_picture({**body(view(group(1))), "status": {"zones": [said]}}, (), view().now)
    (row,) = (row for row in rows_of(found) if row.key == "Zone/zone-a")
    assert row.state == "Waiting"
    assert row.info.startswith("0 instances; no zone takes instances of this configuration; tried again at ")
    assert row.info.endswith(": no node")


def _zone_over() -> dict[str, object]:
    return {"name": "zone-a", "failedUntil": "2026-01-15T11:58:00Z", "failures": 1}


def test_a_group_that_nobody_has_looked_at_says_so():
    new = take_picture({**body(view(group(3))), "status": {}}, (), view().now)
    assert new.message == "no operator has looked at this group yet"
    assert tree(new)[3].split() == [
        "ScalingGroup/web",
        "0s",
        "desired",
        "3",
        "(min",
        "0,",
        "max",
        "100):",
        "no",
        "instances",
    ]


def test_a_status_of_before_the_last_change_is_not_passed_off_as_of_now():
    changed = body(view(group(3), fleet(3)))
    changed["metadata"]["generation"] = 2
    said = take_picture(changed, (), view().now).message
    assert said == (
        "3 instances in service, as desired (that was before the last change, which no operator has looked at yet)"
    )


def test_the_picture_knows_when_it_changes_by_time_alone():
    waiting = view(group(2, min_ready_seconds=30), [instance("web-0", age="40s", ready="10s"), pending("web-1")])
    assert picture(waiting).next_change == later("20s")
    assert picture(view(group(1), fleet(1))).next_change is None


def test_programs_get_all_of_it_in_plain_values():
    found = values(picture(view(group(2, zones=("zone-a",)), fleet(2, zones=("zone-a",)))))
    assert json.loads(json.dumps(found)) == found
    assert found["counts"] == {
        "Pending": 0,
        "InService": 2,
        "NotReady": 0,
        "Unhealthy": 0,
        "Failed": 0,
        "Removing": 0,
    }
    assert found["instances"][1] == {
        "name": "web-1",
        "state": "InService",
        "changesAt": None,
        "zone": "zone-a",
        "node": "node-of-web-1",
        "revision": "web-1",
        "createdAt": "2026-01-14T12:00:00Z",
        "protected": False,
        "deletionCost": 0,
        "problem": None,
    }
    assert [r["current"] for r in found["revisions"]] == [True]


# ---- watching


def test_a_watch_that_is_no_terminal_says_what_came_changed_and_went():
    before = {"Pod/web-0": "InService", "Pod/web-1": "Pending", "ScalingActivity/web-a1": "Successful"}
    after = {"Pod/web-1": "InService", "Pod/web-2": "Pending", "ScalingActivity/web-a2": "InProgress"}
    assert changes(before, after, view().now) == [
        "12:00:00   Pod/web-1   InService",
        "12:00:00   Pod/web-2   Pending",
        "12:00:00   ScalingActivity/web-a2   InProgress",
        "12:00:00   Pod/web-0   gone",
    ]


def test_a_watch_wakes_when_the_picture_changes_by_time_and_not_before():
    assert seconds_until(later("20s"), view().now) == 20.0
    assert seconds_until(ago("1s"), view().now) == 0.0
    assert seconds_until(None, view().now) is None


def test_instances_are_in_the_states_that_the_operator_counts():
    running = view(
        group(2, launch_timeout_seconds=30),
        [instance("web-0", age="2m", not_ready="10s"), instance("web-1", age="2m", ready=None)],
        activity=activity("ScaleOut", to=2, first_ordinal=0),
        next_ordinal=2,
    )
    states = {one.instance.name: one.state for one in picture(running).instances}
    census = take_census(running)
    assert states == {i.name: state for state, there in census.by_state.items() for i in there}
