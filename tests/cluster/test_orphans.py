"""`kubectl delete sg web --cascade=orphan`, and the group created again: its Pods are its instances again."""

import pytest

from hack.cluster import wait_until
from tests.cluster.groups import Groups
from tests.cluster.witness import most_alive
from windlass.api.common import GROUP_LABEL

pytestmark = pytest.mark.usefixtures("running_operator")


def test_orphans_are_adopted_by_a_group_of_the_same_name(groups: Groups) -> None:
    web = groups.create(desired=3, deletionPolicy="Force")
    web.wait_until_ready(3)
    before = set(web.pods)
    web.delete("Orphan")
    groups.seen.wait_for("its end", lambda now: "web" not in now)
    assert set(groups.pods.now) == before
    web = groups.create(desired=3)
    wait_until(lambda: web.status.get("phase") == "Ready" and set(web.pods) == before, 30, "the adoption")
    groups.pods.catch_up()
    assert set(groups.pods.now) == before
    assert most_alive(groups.pods.history) == 3
    web.wait_for_event("PodsAdopted", "adopting web-0, web-1, web-2")
    web.scale(4)
    web.wait_until_ready(4)


def test_a_pod_whose_label_is_taken_off_is_released_and_outlives_its_group(groups: Groups) -> None:
    web = groups.create(desired=2, deletionPolicy="Force")
    web.wait_until_ready(2)
    path = groups.path("pods", "web-0")
    merge = "application/merge-patch+json"
    groups.cluster.request("PATCH", path, {"metadata": {"labels": {GROUP_LABEL: None}}}, merge)
    web.wait_for_event("PodReleased", "released web-0")
    assert "ownerReferences" not in groups.cluster.request("GET", path)["metadata"]
    groups.pods.wait_for("web-2", lambda pods: "web-2" in pods)
    web.delete()
    groups.pods.wait_for("the end of the others", lambda pods: set(pods) == {"web-0"})
