"""Groups made from versions of a launch template, at the real API server."""

from typing import Any

import pytest

from hack.cluster import Cluster, wait_until
from tests.cluster.doors import MERGE_PATCH, collection, manifest
from tests.cluster.groups import Group, Groups, condition, ordinals

pytestmark = pytest.mark.usefixtures("running_operator")

LIMIT = 20.0


def version(number: int) -> dict[str, Any]:
    return {"version": number, "template": {"spec": {"containers": [{"name": "web", "image": f"web:{number}"}]}}}


class Template:
    """The LaunchTemplate `app` of the groups' namespace."""

    def __init__(self, groups: Groups) -> None:
        self._cluster: Cluster = groups.cluster
        self._collection = collection("LaunchTemplate", groups.namespace)
        body = manifest("LaunchTemplate", "app", versions=[version(1)])
        self._cluster.request("POST", self._collection, body)

    def have(self, *numbers: int, default: str = "Latest") -> None:
        spec = {"defaultVersion": default, "versions": [version(number) for number in numbers]}
        self._cluster.request("PATCH", f"{self._collection}/app", {"spec": spec}, MERGE_PATCH)

    def wait_for(self, **status: Any) -> None:
        def said() -> bool:
            shown = self._cluster.request("GET", f"{self._collection}/app").get("status", {})
            return all(shown.get(field) == value for field, value in status.items())

        wait_until(said, LIMIT, f"a template with {status}")


def asks_for(asked: str) -> dict[str, Any]:
    return {"launchTemplate": {"name": "app", "version": asked}}


def images(group: Group) -> set[str]:
    return {pod["spec"]["containers"][0]["image"] for pod in group.pods.values()}


def sources(group: Group) -> list[str]:
    return [each["configuration"] for each in group.status["revisions"]]


@pytest.mark.spec("scaling-group.md", "configuration: launch template")
def test_latest_moves_on_the_group_is_outdated_and_then_switched(groups: Groups) -> None:
    template = Template(groups)
    web = groups.create(desired=2, configuration=asks_for("Latest"))
    web.wait_until_ready(2)
    template.wait_for(defaultVersion=1, latestVersion=1, phase="Ready", observedGeneration=1)
    assert sources(web) == ["LaunchTemplate/app:1"]
    template.have(1, 2)
    template.wait_for(defaultVersion=2, latestVersion=2, observedGeneration=2)
    web.wait_for("two outdated", lambda status: status["outdated"] == 2)
    assert ordinals(web.pods) == [0, 1]
    web.scale(3)
    web.wait_until_ready(3)
    images = {name: pod["spec"]["containers"][0]["image"] for name, pod in web.pods.items()}
    assert images == {"web-0": "web:1", "web-1": "web:1", "web-2": "web:2"}
    groups.configure("web")
    web.change(configuration={"launchTemplate": None, "scalingConfiguration": "web"})
    web.wait_for("three outdated", lambda status: status["outdated"] == 3)
    web.change(configuration={**asks_for("1"), "scalingConfiguration": None})
    web.wait_for("one outdated", lambda status: status["outdated"] == 1)
    assert sources(web) == ["LaunchTemplate/app:1", "LaunchTemplate/app:2", "ScalingConfiguration/web"]


def test_a_removed_version_stalls_its_group_which_heals_from_what_it_keeps(groups: Groups) -> None:
    template = Template(groups)
    web = groups.create(desired=2, configuration=asks_for("1"))
    web.wait_until_ready(2)
    template.have(2)
    web.wait_for_message("LaunchTemplate app has no version 1 (it has 2): add it, or name another one")
    assert web.phase == "Stalled"
    assert condition(web.status, "Stalled") == "True"
    web.kill("web-0")
    groups.pods.wait_for("web-2 in its place", lambda pods: sorted(pods) == ["web-1", "web-2"])
    assert web.pods["web-2"]["spec"]["containers"][0]["image"] == "web:1"
    web.change(configuration=asks_for("Latest"))
    web.wait_until_ready(2)
    assert condition(web.status, "Stalled") is None


def test_a_refresh_switches_the_group_to_a_version_and_cannot_go_back_from_a_word(groups: Groups) -> None:
    template = Template(groups)
    web = groups.create(desired=2)
    web.wait_until_ready(2)
    path = collection("InstanceRefresh", groups.namespace)

    def phase(name: str) -> Any:
        return groups.cluster.request("GET", f"{path}/{name}").get("status", {}).get("phase")

    wanted = {"desiredConfiguration": asks_for("Latest"), "minHealthyPercentage": 50}
    groups.cluster.request("POST", path, manifest("InstanceRefresh", "r1", **wanted))
    wait_until(lambda: phase("r1") == "Successful", LIMIT, "the first refresh")
    assert (images(web), web.body["spec"]["configuration"]) == ({"web:1"}, asks_for("Latest"))
    assert sources(web)[-1] == "LaunchTemplate/app:1"
    template.have(1, 2)
    wanted = {"desiredConfiguration": asks_for("2"), "autoRollback": True}
    groups.cluster.request("POST", path, manifest("InstanceRefresh", "r2", **wanted))
    wait_until(lambda: phase("r2") == "Failed", LIMIT, "the second refresh")
    said = groups.cluster.request("GET", f"{path}/r2")["status"]["message"]
    assert "autoRollback is not possible, because the group asks for LaunchTemplate app:Latest" in said
    assert images(web) == {"web:1"}
