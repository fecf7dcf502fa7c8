"""Instances that vanish, fail or are sick for too long are replaced, and people are told why."""

from collections.abc import Iterator
from datetime import datetime, timedelta

import pytest

from hack.cluster import Cluster
from tests.cluster.groups import ZONES, Group, Groups, fresh_namespace, ordinals
from tests.cluster.witness import Object, most_alive

pytestmark = pytest.mark.usefixtures("running_operator")

SHORTEST_INTERVAL = 10  # seconds; what an interval of 0 means
FIRST_PAUSE = 30  # seconds after a failed launch


@pytest.fixture(scope="module", autouse=True)
def sick(cluster: Cluster, running_operator: object) -> Iterator[tuple[Groups, Group]]:
    """A group of three of which one is not ready any more; begun with the module, because it takes 10 s."""
    with fresh_namespace(cluster, "sick") as namespace, Groups(cluster, namespace) as groups:
        web = groups.create(desired=3, zones=ZONES, healthCheck={"intervalSeconds": 0})
        web.wait_until_ready(3)
        web.annotate("web-1", not_ready="true")
        yield groups, web
        assert groups.broken_promises() == []


@pytest.fixture(scope="module", autouse=True)
def hopeless(cluster: Cluster, running_operator: object) -> Iterator[tuple[Groups, Group]]:
    """A group whose instances never come into service; begun with the module, because its pause takes 30 s."""
    with fresh_namespace(cluster, "hopeless") as namespace, Groups(cluster, namespace) as groups:
        groups.configure("web", annotations={"windlass.test/never-ready": "true"})
        yield groups, groups.create(desired=2, launchTimeoutSeconds=1)
        assert groups.broken_promises() == []


@pytest.mark.spec("scaling-group.md", "kept at desired")
def test_a_killed_instance_is_replaced_in_its_zone(groups: Groups) -> None:
    web = groups.create(desired=3, zones=ZONES)
    web.wait_until_ready(3)
    web.kill("web-1")
    groups.pods.wait_for("web-3", lambda pods: "web-3" in pods)
    web.wait_until_ready(3)
    assert ordinals(web.pods) == [0, 2, 3]
    assert web.zones == {"zone-a": 1, "zone-b": 1, "zone-c": 1}
    assert web.records["web-a2"]["cause"] == "1 instance missing of 3 desired"
    assert web.records["web-a2"]["type"] == "Replace"
    assert most_alive(groups.pods.history) == 3


@pytest.mark.spec("scaling-group.md", "4 health: replaced")
@pytest.mark.spec("scaling-group.md", "4 health: stopped from outside")
def test_an_instance_that_failed_is_removed_and_replaced(groups: Groups) -> None:
    web = groups.create(desired=2, zones=["zone-a", "zone-b"])
    web.wait_until_ready(2)
    web.grow_old("web-0")
    web.annotate("web-0", fail="true")
    groups.pods.wait_for("web-2 in its place", lambda pods: sorted(pods) == ["web-1", "web-2"])
    web.wait_until_ready(2)
    ending = "its Pod has ended: Failed; container web: Error: exit code 1"
    assert ("InstanceLeaves", f"removing web-0: unhealthy: {ending}") in web.events()


def test_of_many_instances_that_fail_at_once_a_tenth_is_replaced_at_a_time(groups: Groups) -> None:
    web = groups.create(desired=20)
    web.wait_until_ready(20)
    web.grow_old(*(f"web-{number}" for number in range(6)))
    for number in range(6):
        web.annotate(f"web-{number}", fail="true")
    groups.pods.wait_for("the last of them is gone", lambda pods: not {f"web-{n}" for n in range(6)} & pods.keys())
    web.wait_until_ready(20)
    assert most_missing(groups.pods.history, 20) <= 2


@pytest.mark.spec("scaling-group.md", "4 health: replaced")
@pytest.mark.spec("scaling-group.md", "health check interval")
@pytest.mark.spec("scaling-group.md", "health check method: instance")
def test_an_instance_not_ready_for_the_interval_is_replaced_and_no_sooner(sick: tuple[Groups, Group]) -> None:
    groups, web = sick
    web.wait_for_event("InstanceLeaves", "removing web-1: unhealthy")
    web.wait_until_ready(3)
    assert ordinals(web.pods) == [0, 2, 3]
    last = next(pod for name, pod in reversed(groups.pods.history) if name == "web-1" and pod is not None)
    (ready,) = (each for each in last["status"]["conditions"] if each["type"] == "Ready")
    grace = timedelta(seconds=last["metadata"]["deletionGracePeriodSeconds"])
    waited = moment(last["metadata"]["deletionTimestamp"]) - grace - moment(ready["lastTransitionTime"])
    assert SHORTEST_INTERVAL <= waited.total_seconds() <= SHORTEST_INTERVAL + 5
    assert any("web-1 not ready; replaced when that lasts 10 seconds" in message for message in groups.messages())


@pytest.mark.spec("scaling-group.md", "7 activity record: Failed")
def test_instances_that_do_not_come_into_service_are_removed_and_tried_again_after_a_pause(
    hopeless: tuple[Groups, Group],
) -> None:
    groups, web = hopeless
    web.wait_for_message("launching failed once, next try at")
    assert web.pods == {}
    assert web.phase == "Waiting"
    assert web.records["web-a1"]["phase"] == "Failed"
    assert web.records["web-a1"]["description"] == "launched 2 instances, 0 in service, 2 failed"
    told = "removing web-0, web-1: did not come into service: not in service in 1 s"
    assert ("InstanceLeaves", told) in web.events()
    first_end = moment(web.records["web-a1"]["completionTime"])
    web.wait_for_message("launching failed 2 times in a row", FIRST_PAUSE + 20)
    again = moment(web.records["web-a2"]["startTime"])
    assert FIRST_PAUSE - 1 <= (again - first_end).total_seconds() <= FIRST_PAUSE + 10
    cause = "trying again after launching failed once: not in service in 1 s"
    assert web.records["web-a2"]["cause"] == cause
    groups.configure("web")
    web.wait_until_ready(2)
    assert "launchBackoff" not in web.status


def test_instances_that_end_as_soon_as_they_are_ready_are_not_launched_again_at_once(groups: Groups) -> None:
    groups.configure("web", annotations={"windlass.test/fail": "true"}, restartPolicy="Never")
    web = groups.create(desired=5)
    web.wait_for_message("launching failed once, next try at")
    assert len({name for name, _ in groups.pods.history}) == 5
    ending = "its Pod has ended: Failed; container web: Error: exit code 1"
    assert web.status["launchBackoff"]["reason"] == f"ended within a minute of its launch: {ending}"
    assert "MeantToEnd" in dict(web.events())


def most_missing(history: list[tuple[str, Object | None]], size: int) -> int:
    """How many of so many were not there at once, at most, since they all were."""
    there: set[str] = set()
    most, full = 0, False
    for name, pod in history:
        there.discard(name)
        if pod is not None and "deletionTimestamp" not in pod["metadata"]:
            there.add(name)
        full = full or len(there) == size
        most = max(most, size - len(there) if full else 0)
    return most


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text)
