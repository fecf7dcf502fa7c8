"""What the API server or the scheduler does not let a group do: said, retried with patience, and never in a loop."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from hack.cluster import Cluster, wait_until
from tests.cluster import policies
from tests.cluster.doors import collection, manifest
from tests.cluster.groups import CONTAINER, Group, Groups, condition, fresh_namespace, ordinals
from tests.cluster.witness import Object, most_alive

pytestmark = pytest.mark.usefixtures("running_operator")

FIRST_PAUSE = 30  # seconds after a failed launch
MERGE = "application/merge-patch+json"
HOLD = "windlass.test/hold"


@pytest.fixture(scope="module", autouse=True)
def short_of_quota(cluster: Cluster, running_operator: object) -> Iterator[tuple[Groups, Group]]:
    """A group of four where a quota allows two Pods; begun with the module, because its pause takes 30 s."""
    with fresh_namespace(cluster, "quota") as namespace, Groups(cluster, namespace) as groups:
        allow_pods(groups, 2)
        yield groups, groups.create(desired=4)
        assert groups.broken_promises() == []


@pytest.mark.spec("capacity-and-placement.md", "Priority: scale out")
@pytest.mark.spec("scaling-group.md", "zones")
def test_a_zone_that_no_node_has_is_left_for_the_next(groups: Groups) -> None:
    web = groups.create(desired=2, zones=["zone-x", "zone-a"], zonePolicy="Priority", zoneFailureSeconds=1)
    web.wait_until_ready(2)
    assert web.zones == {"zone-a": 2}
    (failed, sound) = web.status["zones"]
    assert failed["name"] == "zone-x"
    assert failed["failures"] == 1
    assert "didn't match Pod's node affinity" in failed["reason"]
    assert sound == {"name": "zone-a", "instances": 2, "failures": 0}
    told = [message for reason, message in web.events() if reason == "InstanceLeaves"]
    assert all("zone-x has failed: 0/6 nodes are available" in message for message in told)
    assert most_alive(groups.pods.history) == 2


def test_where_every_zone_has_failed_instances_wait_and_the_group_says_so(groups: Groups) -> None:
    web = groups.create(desired=1, zones=["zone-x"], zoneFailureSeconds=0)
    web.wait_for_message("no zone takes an instance of this configuration, 1 instance waiting to be scheduled")
    assert ordinals(web.pods) == [0]
    web.change(zones=["zone-a"])
    web.wait_until_ready(1)


def test_what_the_scheduler_has_no_room_for_is_said_in_its_words(groups: Groups) -> None:
    groups.configure("web", nodeSelector={"colour": "red"})
    web = groups.create(desired=1)
    web.wait_for_message("web-0: 0/6 nodes are available")
    assert web.phase == "ScalingOut"


def test_a_pod_of_somebody_else_in_the_way_costs_a_name_and_is_not_touched(groups: Groups) -> None:
    path = groups.path("pods")
    body = {"metadata": {"name": "web-1"}, "spec": {"containers": [{"name": "other", "image": "other:1"}]}}
    foreign = groups.cluster.request("POST", path, body)["metadata"]["uid"]
    web = groups.create(desired=3)
    web.wait_until_ready(3)
    assert ordinals(web.pods) == [0, 2, 3]
    assert groups.pods.now["web-1"]["metadata"]["uid"] == foreign
    web.scale(0)
    web.wait_until_ready(0)
    assert list(groups.pods.now) == ["web-1"]


def test_a_group_created_again_under_its_name_takes_over_what_the_first_left(groups: Groups) -> None:
    first = groups.create(desired=2, deletionPolicy="Force")
    first.wait_until_ready(2)
    first.delete("Orphan")
    groups.seen.wait_for("the group's end", lambda now: "web" not in now)
    groups.pods.wait_for("orphans", lambda now: not any(pod["metadata"].get("ownerReferences") for pod in now.values()))
    second = groups.create(desired=3)
    second.wait_until_ready(3)
    assert ordinals(second.pods) == [0, 1, 2]
    assert ordinals(groups.pods.now) == [0, 1, 2]
    assert all(code < 400 for code in codes(groups, "create", "controllerrevisions"))
    second.scale(0)
    second.wait_until_ready(0)
    assert ordinals(groups.pods.now) == []


def test_a_group_created_again_while_the_first_one_s_instances_are_leaving_does_not_wait_for_them(
    groups: Groups,
) -> None:
    first = groups.create(desired=2, deletionPolicy="Force")
    first.wait_until_ready(2)
    for name in first.pods:
        groups.cluster.request("PATCH", groups.path("pods", name), {"metadata": {"finalizers": [HOLD]}}, MERGE)
    first.delete()
    groups.seen.wait_for("the group's end", lambda now: "web" not in now)
    second = groups.create(desired=3)
    second.wait_until_ready(3)
    assert ordinals(second.pods) == [2, 3, 4]
    assert codes(groups, "delete", "pods") == []
    for name in ("web-0", "web-1"):
        groups.cluster.request("PATCH", groups.path("pods", name), {"metadata": {"finalizers": None}}, MERGE)
    groups.pods.wait_for("the others alone", lambda pods: ordinals(pods) == [2, 3, 4])
    assert second.status["message"] == "3 instances in service, as desired"


def test_a_revision_of_somebody_else_in_the_way_is_said_and_not_tried_again_and_again(groups: Groups) -> None:
    web = groups.create(desired=1)
    web.wait_until_ready(1)
    (revision,) = web.revisions
    path = f"/apis/apps/v1/namespaces/{groups.namespace}/controllerrevisions/{revision}"
    groups.cluster.request("PATCH", path, {"metadata": {"ownerReferences": None}}, MERGE)
    web.wait_for_message(f"creating ControllerRevision {revision}: the name is taken by an object that")
    assert ordinals(web.pods) == [0]
    assert 3 <= codes(groups, "create", "controllerrevisions").count(409) <= 5
    groups.cluster.request("DELETE", path)
    web.change(description="try again")
    web.wait_until_ready(1)


def test_a_policy_that_refuses_instances_is_said_and_not_tried_again_at_once(groups: Groups) -> None:
    with refusing(groups, "pods", "this shop is closed"):
        web = groups.create(desired=2)
        web.wait_for_message("this shop is closed")
        assert "launching failed once, next try at" in web.status["message"]
        assert condition(web.status, "Reconciling") == "True"
        assert codes(groups, "create", "pods") == [422]
    web.change(description="open again")
    web.wait_until_ready(2)
    assert web.records["web-a1"]["phase"] == "Failed"


def test_records_that_are_refused_do_not_hold_the_group_up(groups: Groups) -> None:
    with refusing(groups, "scalingactivities", "no records here"):
        web = groups.create(desired=2)
        web.wait_until_ready(2)
        web.scale(3)
        web.wait_until_ready(3)
        wait_until(lambda: codes(groups, "create", "scalingactivities") == [422, 422], 10, "one try for each record")
        assert not any("no records here" in message for message in groups.messages())
    web.scale(1)
    web.wait_until_ready(1)
    assert list(web.records) == ["web-a3"]


def test_a_record_that_somebody_deletes_while_its_activity_runs_is_written_again(groups: Groups) -> None:
    groups.configure("web", annotations={"windlass.test/never-ready": "true"})
    web = groups.create(desired=1)
    web.wait_for("pending", lambda status: status["pending"] == 1)
    groups.cluster.request("DELETE", f"{collection('ScalingActivity', groups.namespace)}/web-a1")
    wait_until(lambda: web.records.get("web-a1", {}).get("phase") == "InProgress", 10, "the record")


def test_a_quota_that_is_used_up_is_said_waited_for_and_got_over(short_of_quota: tuple[Groups, Group]) -> None:
    groups, web = short_of_quota
    web.wait_for_message("exceeded quota: few")
    assert len(web.pods) == 2
    assert any("launching failed once, next try at" in message for message in groups.messages())
    allow_pods(groups, 4)
    web.wait_until_ready(4, FIRST_PAUSE + 50)
    tries = [record for record in web.records.values() if record["phase"] in {"Failed", "Warning"}]
    assert codes(groups, "create", "pods").count(403) <= 2 * len(tries)
    assert most_alive(groups.pods.history) == 4


def allow_pods(groups: Groups, number: int) -> None:
    quota = {"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "few"}}
    groups.cluster.apply(groups.path("resourcequotas"), quota | {"spec": {"hard": {"pods": str(number)}}})
    read = groups.path("resourcequotas", "few")

    def known(quota: Object) -> bool:
        return bool(quota.get("status", {}).get("hard") == {"pods": str(number)})

    wait_until(lambda: known(groups.cluster.request("GET", read)), 10, "the quota")


@contextmanager
def refusing(groups: Groups, resource: str, message: str) -> Iterator[None]:
    """An admission policy that lets nobody create such objects in the namespace."""
    if resource == "pods":
        path, body = groups.path("pods"), {"metadata": {"name": "try"}, "spec": {"containers": [CONTAINER]}}
    else:
        path, body = collection("ScalingActivity", groups.namespace), manifest("ScalingActivity", "try")

    def probe() -> None:
        groups.cluster.request("POST", f"{path}?dryRun=All", body)

    with policies.refusing(groups.cluster, groups.namespace, resource, message, probe):
        yield


def codes(groups: Groups, verb: str, what: str) -> list[int]:
    """The answers to the operator's requests of that kind, dry runs apart."""
    return [asked.code for asked in groups.audit.writes() if (asked.verb, asked.what) == (verb, what) and not asked.dry]
