"""What is told of a group: the records of its activities, events, metrics, columns."""

import pytest
from prometheus_client.parser import text_string_to_metric_families

from hack.cluster import wait_until
from tests.cluster.doors import collection
from tests.cluster.groups import ZONES, Groups
from tests.cluster.operator_process import OperatorProcess

pytestmark = pytest.mark.usefixtures("running_operator")


@pytest.mark.spec("scaling-group.md", "7 activity record")
@pytest.mark.spec("scaling-group.md", "7 activity record: Successful")
def test_an_activity_is_recorded_from_its_beginning_to_its_end(groups: Groups) -> None:
    web = groups.create(desired=2)
    web.wait_until_ready(2)
    wait_until(lambda: web.records["web-a1"]["phase"] == "Successful", 10, "the record's end")
    record = groups.cluster.request("GET", f"{collection('ScalingActivity', groups.namespace)}/web-a1")
    assert record["spec"] == {"scalingGroup": "web"}
    assert record["metadata"]["labels"] == {"windlass.dev/group": "web"}
    assert [owner["kind"] for owner in record["metadata"]["ownerReferences"]] == ["ScalingGroup"]
    status = record["status"]
    assert status["type"] == "ScaleOut"
    assert status["cause"] == "the desired size changed from 0 to 2"
    assert status["description"] == "launched 2 instances, 2 in service"
    assert status["instances"] == ["web-0", "web-1"]
    assert (status["expected"], status["instanceCount"], status["capacityAfter"]) == (2, 2, 2)
    assert status["startTime"] <= status["completionTime"]


@pytest.mark.spec("scaling-group.md", "7 activity record")
def test_who_left_is_recorded(groups: Groups) -> None:
    web = groups.create(desired=3, removalPolicy=["NewestInstance"])
    web.wait_until_ready(3)
    web.scale(1)
    web.wait_until_ready(1)
    wait_until(lambda: web.records["web-a2"]["phase"] == "Successful", 10, "the record's end")
    record = web.records["web-a2"]
    assert record["type"] == "ScaleIn"
    assert sorted(record["instances"]) == sorted({"web-0", "web-1", "web-2"} - web.pods.keys())
    assert (record["expected"], record["instanceCount"], record["capacityAfter"]) == (2, 2, 1)


@pytest.mark.spec("scaling-group.md", "7 activity record")
def test_of_activities_that_ended_the_last_ones_are_kept(groups: Groups) -> None:
    web = groups.create(desired=1, historyLimit=2)
    web.wait_until_ready(1)
    for size in (2, 3, 1):
        web.scale(size)
        web.wait_until_ready(size)
    wait_until(lambda: sorted(web.records) == ["web-a3", "web-a4"], 10, "the last two")
    assert {record["phase"] for record in web.records.values()} == {"Successful"}
    assert web.status["nextActivity"] == 5


def test_events_tell_of_activities_and_of_who_leaves_for_a_reason_of_its_own(groups: Groups) -> None:
    web = groups.create(desired=1)
    web.wait_until_ready(1)
    web.grow_old("web-0")
    web.annotate("web-0", fail="true")
    web.wait_for_event("ActivitySuccessful", "web-a2 (Replace): launched 1 instance, 1 in service")
    why = "unhealthy: its Pod has ended: Failed; container web: Error: exit code 1"
    assert dict(web.events()) == {
        "ActivityStarted": f"web-a2 (Replace): replacing web-0: {why}",
        "InstanceLeaves": f"removing web-0: {why}",
        "ActivitySuccessful": "web-a2 (Replace): launched 1 instance, 1 in service",
    }
    described = groups.cluster.kubectl("--namespace", groups.namespace, "describe", "scalinggroup/web")
    assert "removing web-0: unhealthy" in described.split("Events:")[1]


def test_metrics_show_groups_and_activities_and_forget_what_is_gone(
    groups: Groups, running_operator: OperatorProcess
) -> None:
    before = samples(running_operator, "windlass_activities_total", type="ScaleOut", result="Successful")
    web = groups.create(desired=2, deletionPolicy="Force")
    web.wait_until_ready(2)
    here = {"namespace": groups.namespace, "group": "web"}
    wait_until(
        lambda: samples(running_operator, "windlass_group_instances", **here, state="in_service") == [2], 10, "2"
    )
    assert samples(running_operator, "windlass_group_instances", **here, state="pending") == [0]
    after = samples(running_operator, "windlass_activities_total", type="ScaleOut", result="Successful")
    assert sum(after) == sum(before) + 1
    created = samples(running_operator, "windlass_api_requests_total", verb="create", resource="pods", code="201")
    assert sum(created) >= 2
    assert sum(samples(running_operator, "windlass_reconcile_duration_seconds_count", result="done")) > 0
    web.delete()
    wait_until(lambda: not samples(running_operator, "windlass_group_instances", **here), 20, "no such series")


def test_columns_answer_whether_it_is_as_asked(groups: Groups) -> None:
    web = groups.create(desired=2, zones=ZONES)
    web.wait_until_ready(2)
    head, line = groups.cluster.kubectl("--namespace", groups.namespace, "get", "sg").splitlines()
    shown = dict(zip(head.split(), line.split(), strict=True))
    assert shown.items() >= {"DESIRED": "2", "INSERVICE": "2", "READY": "True", "PHASE": "Ready"}.items()
    wide = groups.cluster.kubectl("--namespace", groups.namespace, "get", "sg", "--output=wide")
    assert "2 instances in service, as desired" in wide


def samples(operator: OperatorProcess, name: str, **labels: str) -> list[float]:
    """The values of the series with this name and these labels among theirs."""
    _, text = operator.get("/metrics")
    return [
        sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.name == name and sample.labels.items() >= labels.items()
    ]
