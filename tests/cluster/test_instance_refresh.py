"""A refresh on the real API server and simulated nodes, as a person at kubectl sees it."""

from typing import Any

import pytest

from hack.cluster import wait_until
from tests.cluster.doors import collection, manifest
from tests.cluster.groups import MERGE, Group, Groups
from tests.cluster.witness import most_alive

pytestmark = pytest.mark.usefixtures("running_operator")

NEXT_IMAGE = "web:2"


class Refreshes:
    """The refreshes of one namespace."""

    def __init__(self, groups: Groups) -> None:
        self._groups = groups
        self._path = collection("InstanceRefresh", groups.namespace)

    def create(self, name: str, **spec: Any) -> None:
        wanted = {"scalingGroup": "web", "desiredConfiguration": {"image": NEXT_IMAGE}} | spec
        self._groups.cluster.request("POST", self._path, manifest("InstanceRefresh", name, **wanted))

    def body(self, name: str) -> dict[str, Any]:
        found: dict[str, Any] = self._groups.cluster.request("GET", f"{self._path}/{name}")
        return found

    def status(self, name: str) -> dict[str, Any]:
        found: dict[str, Any] = self.body(name).get("status") or {}
        return found

    def ask(self, name: str, **spec: Any) -> None:
        self._groups.cluster.request("PATCH", f"{self._path}/{name}", {"spec": spec}, MERGE)

    def wait_for(self, name: str, phase: str) -> dict[str, Any]:
        wait_until(lambda: self.status(name).get("phase") == phase, 60, f"{name} {phase}")
        return self.status(name)


@pytest.fixture
def refreshes(groups: Groups) -> Refreshes:
    return Refreshes(groups)


def images(web: Group) -> set[str]:
    return {
        pod["spec"]["containers"][0]["image"] for pod in web.pods.values() if "deletionTimestamp" not in pod["metadata"]
    }


def conditions(status: dict[str, Any]) -> dict[str, str]:
    return {each["type"]: each["status"] for each in status["conditions"]}


def test_every_instance_gets_the_new_image_within_floor_and_ceiling_and_the_configuration_too(
    groups: Groups, refreshes: Refreshes
) -> None:
    web = groups.create(desired=5)
    web.wait_until_ready(5)
    refreshes.create("r1", minHealthyPercentage=80, maxHealthyPercentage=120)
    status = refreshes.wait_for("r1", "Successful")
    assert images(web) == {NEXT_IMAGE}
    assert (status["floor"], status["ceiling"], status["total"], status["updated"]) == (4, 6, 5, 5)
    assert (status["percentage"], status["toUpdate"]) == (100, 0)
    assert conditions(status) == {"Ready": "True", "Complete": "True"}
    web.wait_until_ready(5)
    assert web.status["outdated"] == 0
    web.wait_for("the end of its rollout", lambda status: "rollout" not in status)
    configuration = groups.cluster.request("GET", f"{collection('ScalingConfiguration', groups.namespace)}/web")
    assert configuration["spec"]["template"]["spec"]["containers"][0]["image"] == NEXT_IMAGE
    groups.pods.catch_up()
    assert most_alive(groups.pods.history) <= 6


def test_a_second_refresh_ends_at_once_with_the_name_of_the_first(groups: Groups, refreshes: Refreshes) -> None:
    web = groups.create(desired=2)
    web.wait_until_ready(2)
    refreshes.create("r1", checkpoints=[50, 100])
    refreshes.wait_for("r1", "Paused")
    refreshes.create("r2", desiredConfiguration={"image": "web:3"})
    status = refreshes.wait_for("r2", "Failed")
    assert "InstanceRefresh r1 is active" in status["message"]
    assert conditions(status) == {"Ready": "False", "Stalled": "True", "Failed": "True"}


def test_a_refresh_that_is_cancelled_leaves_what_is_new_and_the_configuration_as_it_was(
    groups: Groups, refreshes: Refreshes
) -> None:
    web = groups.create(desired=2)
    web.wait_until_ready(2)
    refreshes.create("r1", checkpoints=[50, 100])
    refreshes.wait_for("r1", "Paused")
    refreshes.ask("r1", state="Cancelled", stateReason="not now")
    refreshes.wait_for("r1", "Cancelled")
    web.wait_until_ready(2)
    assert images(web) == {"web:1", NEXT_IMAGE}
    assert web.status["outdated"] == 1


def test_a_refresh_is_rolled_back_to_what_instances_were_made_from(groups: Groups, refreshes: Refreshes) -> None:
    web = groups.create(desired=2)
    web.wait_until_ready(2)
    refreshes.create("r1", checkpoints=[50, 100])
    refreshes.wait_for("r1", "Paused")
    refreshes.ask("r1", state="RolledBack")
    refreshes.wait_for("r1", "RolledBack")
    web.wait_until_ready(2)
    assert images(web) == {"web:1"}


def test_what_the_api_server_refuses_fails_before_anything_is_touched(groups: Groups, refreshes: Refreshes) -> None:
    groups.configure("bad", restartPolicy="Sometimes")
    web = groups.create(desired=2)
    web.wait_until_ready(2)
    before = set(web.pods)
    refreshes.create("r1", desiredConfiguration={"scalingConfiguration": "bad"})
    status = refreshes.wait_for("r1", "Failed")
    assert 'spec.restartPolicy: Unsupported value: "Sometimes"' in status["message"]
    assert set(web.pods) == before
    refreshes.create("r2", desiredConfiguration={"scalingConfiguration": "nowhere"})
    assert "ScalingConfiguration nowhere does not exist" in refreshes.wait_for("r2", "Failed")["message"]


def test_another_configuration_becomes_the_groups_own(groups: Groups, refreshes: Refreshes) -> None:
    groups.configure("web-v2", terminationGracePeriodSeconds=7)
    web = groups.create(desired=2)
    web.wait_until_ready(2)
    refreshes.create("r1", desiredConfiguration={"scalingConfiguration": "web-v2"})
    refreshes.wait_for("r1", "Successful")
    web.wait_until_ready(2)
    assert web.body["spec"]["configuration"] == {"scalingConfiguration": "web-v2"}
    assert web.status["outdated"] == 0
