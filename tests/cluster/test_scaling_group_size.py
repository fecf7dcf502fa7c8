"""A group is kept at the size that is wanted of it, whoever wants it."""

import json

import pytest

from hack.cluster import wait_until
from tests.cluster.groups import ZONES, Groups, condition, ordinals
from tests.cluster.witness import most_alive

pytestmark = pytest.mark.usefixtures("running_operator")


@pytest.mark.spec("scaling-group.md", "kept at desired")
@pytest.mark.spec("capacity-and-placement.md", "Balanced: scale out")
@pytest.mark.spec("capacity-and-placement.md", "unweighted")
def test_a_new_group_is_launched_evenly_over_its_zones(groups: Groups) -> None:
    web = groups.create(desired=6, zones=ZONES)
    web.wait_until_ready(6)
    assert web.zones == {"zone-a": 2, "zone-b": 2, "zone-c": 2}
    assert ordinals(web.pods) == [0, 1, 2, 3, 4, 5]
    status = web.status
    assert status["phase"] == "Ready"
    assert status["message"] == "6 instances in service, as desired"
    assert (status["replicas"], status["desired"], status["pending"]) == (6, 6, 0)
    assert [(zone["name"], zone["instances"]) for zone in status["zones"]] == [(zone, 2) for zone in ZONES]
    assert most_alive(groups.pods.history) == 6


@pytest.mark.spec("capacity-and-placement.md", "Priority: scale out")
def test_by_priority_all_instances_go_to_the_first_zone(groups: Groups) -> None:
    web = groups.create(zones=["zone-b", "zone-a"], zonePolicy="Priority")
    web.wait_until_ready(3)
    assert web.zones == {"zone-b": 3}


@pytest.mark.spec("scaling-group.md", "tags")
@pytest.mark.spec("scaling-group.md", "project")
@pytest.mark.spec("scaling-configuration.md", "tags and identity")
def test_instances_carry_the_template_and_what_tools_find_them_by(groups: Groups) -> None:
    web = groups.create(desired=1, zones=["zone-c"], tags=[{"key": "team", "value": "shop"}])
    web.wait_until_ready(1)
    (pod,) = web.pods.values()
    group = web.body
    assert pod["metadata"]["name"] == "web-0"
    assert (
        pod["metadata"]["labels"].items()
        >= {
            "app": "web",
            "app.kubernetes.io/managed-by": "windlass",
            "team": "shop",
            "windlass.dev/group": "web",
            "windlass.dev/revision": group["status"]["currentRevision"],
            "windlass.dev/zone": "zone-c",
        }.items()
    )
    assert pod["metadata"]["annotations"]["windlass.dev/ordinal"] == "0"
    assert pod["metadata"]["annotations"]["tag.windlass.dev/team"] == "shop"
    (owner,) = pod["metadata"]["ownerReferences"]
    assert (owner["kind"], owner["name"], owner["uid"]) == ("ScalingGroup", "web", group["metadata"]["uid"])
    assert (owner["controller"], owner["blockOwnerDeletion"]) == (True, True)


@pytest.mark.spec("scaling-group.md", "kept at desired")
@pytest.mark.spec("scaling-group.md", "1 cooldown: manual")
def test_kubectl_scale_makes_a_group_grow_and_shrink(groups: Groups) -> None:
    web = groups.create(desired=2, zones=ZONES)
    web.wait_until_ready(2)
    web.scale(5)
    web.wait_until_ready(5)
    assert web.zones == {"zone-a": 2, "zone-b": 2, "zone-c": 1}
    web.scale(1)
    web.wait_until_ready(1)
    assert most_alive(groups.pods.history) == 5
    wanted = [("ScaleOut", "Successful", 2), ("ScaleOut", "Successful", 3), ("ScaleIn", "Successful", 4)]

    def recorded() -> list[tuple[str, str, int]]:
        return [(each["type"], each["phase"], each["expected"]) for each in web.records.values()]

    wait_until(lambda: recorded() == wanted, 10, "three closed records")


def test_applying_a_changed_manifest_changes_the_size(groups: Groups) -> None:
    web = groups.create(desired=1)
    web.wait_until_ready(1)
    changed = web.body | {"spec": web.body["spec"] | {"desiredSize": 3}}
    del changed["status"], changed["metadata"]["managedFields"]
    groups.cluster.kubectl("apply", "--namespace", groups.namespace, "--filename=-", input=json.dumps(changed))
    web.wait_until_ready(3)


@pytest.mark.spec("scaling-group.md", "desired size")
def test_an_unset_desired_size_is_seeded_with_the_least(groups: Groups) -> None:
    web = groups.create(desired=None, minSize=2)
    web.wait_until_ready(2)
    assert web.body["spec"]["desiredSize"] == 2
    (written,) = [asked for asked in groups.audit.writes() if asked.what == "scalinggroups/scale"]
    assert "fieldManager=windlass-seed" in written.uri


@pytest.mark.spec("scaling-group.md", "min size")
def test_a_least_size_raised_above_the_desired_one_is_followed_and_said(groups: Groups) -> None:
    web = groups.create(desired=1)
    web.wait_until_ready(1)
    web.change(minSize=3)
    web.wait_until_ready(3)
    assert web.body["spec"]["desiredSize"] == 1
    assert "desiredSize 1 is below minSize 3: the group works towards 3" in web.status["message"]
    web.change(minSize=0)
    web.wait_until_ready(1)
    assert web.status["message"] == "1 instance in service, as desired"


@pytest.mark.spec("scaling-group.md", "enabled")
def test_a_group_that_is_not_enabled_does_nothing_until_it_is(groups: Groups) -> None:
    web = groups.create(desired=2, enabled=False)
    web.wait_for_phase("Disabled")
    assert condition(web.status, "Ready") == "False"
    assert {(asked.verb, asked.what) for asked in groups.audit.writes()} == {("patch", "scalinggroups/status")}
    web.change(enabled=True)
    web.wait_until_ready(2)
    web.change(enabled=False)
    web.wait_for_phase("Disabled")
    assert condition(web.status, "Ready") == "True"
    web.kill("web-0")
    web.wait_for("counting one", lambda status: status["replicas"] == 1)
    assert condition(web.status, "Ready") == "False"
    assert ordinals(web.pods) == [1]


@pytest.mark.spec("scaling-group.md", "6 suspend ScaleIn")
@pytest.mark.spec("scaling-group.md", "6 suspend ScaleOut")
@pytest.mark.spec("scaling-group.md", "6 suspend HealthCheck")
def test_suspended_processes_are_left_undone_and_named(groups: Groups) -> None:
    web = groups.create(desired=2, suspendedProcesses=["ScaleOut"])
    web.wait_for_message("ScaleOut is suspended: 2 instances missing, not launched")
    assert web.pods == {}
    web.change(suspendedProcesses=["ScaleIn"])
    web.wait_until_ready(2)
    web.scale(1)
    web.wait_for_message("ScaleIn is suspended: 1 instance too many, not removed")
    assert len(web.pods) == 2
    web.change(suspendedProcesses=["HealthCheck"])
    web.wait_until_ready(1)
    (pod,) = web.pods
    web.grow_old(pod)
    web.annotate(pod, fail="true")
    web.wait_for_message("HealthCheck is suspended: 1 instance unhealthy, not replaced")
    web.change(suspendedProcesses=[])
    web.wait_until_ready(1)
    assert list(web.pods) != [pod]


@pytest.mark.spec("scaling-group.md", "2 one activity")
@pytest.mark.spec("scaling-group.md", "7 activity record: Warning")
def test_a_size_changed_while_instances_launch_retargets_the_activity(groups: Groups) -> None:
    groups.configure("web", annotations={"windlass.test/never-ready": "true"})
    web = groups.create(desired=2)
    web.wait_for("2 pending", lambda status: status["pending"] == 2)
    web.scale(4)
    web.wait_for("4 pending", lambda status: status["pending"] == 4)
    assert web.status["activity"]["name"] == "web-a1"
    assert web.status["activity"]["to"] == 4
    web.scale(1)
    web.wait_for("1 pending", lambda status: status["replicas"] == 1 and status["removing"] == 0)
    (first, second) = list(web.records.values())[:2]
    assert (first["type"], first["phase"]) == ("ScaleOut", "Warning")
    assert second["type"] == "ScaleIn"


@pytest.mark.parametrize("desired", [3, 0, None], ids=str)
def test_the_first_status_says_that_nobody_knows_yet_whether_it_is_ready(groups: Groups, desired: int | None) -> None:
    web = groups.create(desired=desired)
    web.wait_until_ready(desired or 0)
    told = [group["status"] for _, group in groups.seen.history if group and group.get("status")]
    assert (condition(told[0], "Ready"), condition(told[0], "Reconciling")) == ("Unknown", "True")
    assert told[0]["observedGeneration"] >= 1
