"""Refreshes by `kubectl windlass` as people use it: with their own rights, on a group that an operator keeps."""

from collections import Counter
from pathlib import Path

import pytest
import yaml

from hack.cluster import Cluster, wait_until
from tests.cluster.doors import collection, manifest
from tests.cluster.groups import CONTAINER, MERGE, Group, Groups
from tests.cluster.people import Object, Person

pytestmark = pytest.mark.usefixtures("running_operator")

LIMIT = 30.0


@pytest.fixture
def editor(cluster: Cluster, namespace: str, tmp_path: Path) -> Person:
    return Person(cluster, namespace, "edit", tmp_path)


def images(group: Group) -> Counter[str]:
    return Counter(pod["spec"]["containers"][0]["image"] for pod in group.pods.values())


def configured(groups: Groups) -> str:
    """The image in the group's ScalingConfiguration."""
    found = groups.cluster.request("GET", f"{collection('ScalingConfiguration', groups.namespace)}/web")
    return str(found["spec"]["template"]["spec"]["containers"][0]["image"])


def status(groups: Groups, name: str) -> Object:
    found = groups.cluster.request("GET", f"{collection('InstanceRefresh', groups.namespace)}/{name}")
    return dict(found.get("status") or {})


def wait_for_phase(groups: Groups, name: str, phase: str) -> None:
    wait_until(lambda: status(groups, name).get("phase") == phase, LIMIT, f"{name} to be {phase}")


def test_a_refresh_is_made_and_waited_for_and_its_image_is_the_groups_own_then(groups: Groups, editor: Person):
    web = groups.create(desired=3)
    web.wait_until_ready(3)
    ran = editor.windlass("refresh", "web", "--image", "web:2", "--wait")
    assert (ran.returncode, ran.stderr) == (0, "")
    lines = ran.stdout.splitlines()
    name = lines[0].removesuffix(": created").rpartition("/")[2]
    assert name.startswith("web-")
    assert "[####################] 100 %   3 instances made from revision web-" in lines[-1]
    web.wait_until_ready(3)
    assert images(web) == {"web:2": 3}
    assert configured(groups) == "web:2"
    (row,) = editor.says("get", "refreshes")["refreshes"]
    assert (row["name"], row["group"], row["phase"], row["updated"]) == (name, "web", "Successful", 3)
    over = editor.windlass("rollback", name)
    assert (over.returncode, "is over, as Successful" in over.stderr) == (1, True)


def test_a_pause_is_shown_explained_and_ended_and_what_was_done_is_rolled_back(groups: Groups, editor: Person):
    web = groups.create(desired=4)
    web.wait_until_ready(4)
    made = editor.windlass("refresh", "web", "--image", "web:2", "--name", "r", "--checkpoints", "25,50,100")
    assert made.returncode == 0, made.stderr
    second = editor.windlass("refresh", "web")
    assert (second.returncode, "refresh r of group web is active" in second.stderr) == (1, True)
    wait_for_phase(groups, "r", "Paused")
    assert images(web)["web:2"] == 1
    assert "kubectl windlass resume r" in editor.windlass("explain", "refresh", "r").stdout
    tree = editor.windlass("get", "refresh", "r").stdout
    assert "1 of 4 updated, 3 to be replaced" in tree
    assert editor.windlass("plan", "refresh", "r").returncode == 1
    assert editor.windlass("resume", "r").stdout.endswith("goes on from checkpoint 25 %\n")
    wait_until(lambda: status(groups, "r").get("updated") == 2, LIMIT, "the next checkpoint")
    assert editor.windlass("rollback", "r").returncode == 0
    wait_for_phase(groups, "r", "RolledBack")
    web.wait_until_ready(4)
    assert images(web) == {"web:1": 4}
    assert configured(groups) == "web:1"


def test_what_a_plan_says_of_a_refresh_is_what_it_does(groups: Groups, editor: Person):
    web = groups.create(desired=3)
    web.wait_until_ready(3)
    wanted = manifest("InstanceRefresh", "r", scalingGroup="web", desiredConfiguration={"image": "web:2"})
    (plan,) = editor.says("plan", "-f", "-", text=yaml.safe_dump(wanted))["plans"]
    (course,) = plan["refreshes"]
    assert (course["phase"], course["change"], course["replaced"]) == ("Successful", "Created", 3)
    steps = [step for played in plan["passes"] for step in played["steps"]]
    launched = {step["name"] for step in steps if step["step"] == "Launch"}
    assert images(web) == {"web:1": 3}
    groups.cluster.kubectl("apply", "-n", groups.namespace, "-f", "-", input=yaml.safe_dump(wanted))
    wait_for_phase(groups, "r", "Successful")
    web.wait_until_ready(3)
    assert set(web.pods) == launched


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--checkpoints", "50"], "the last of checkpoints must be 100, not 50"),
        (["--min-healthy", "101"], "spec.minHealthyPercentage"),
    ],
)
def test_a_refusal_is_one_sentence(arguments: list[str], said: str, groups: Groups, editor: Person):
    groups.create(desired=0)
    ran = editor.windlass("refresh", "web", *arguments)
    assert ran.returncode == 1
    assert said in ran.stderr
    assert ran.stderr.count("\n") == 1


def test_a_plan_says_what_would_forbid_a_refresh(groups: Groups, editor: Person):
    groups.create(desired=0)
    groups.create("other", desired=0)
    wanted = manifest("InstanceRefresh", "r", scalingGroup="web", desiredConfiguration={"image": "web:2"})
    shared = editor.windlass("plan", "-f", "-", text=yaml.safe_dump(wanted))
    assert shared.returncode == 2
    assert "it would end at once as Failed: ScalingConfiguration web is used by other groups too" in shared.stdout


def test_who_puts_the_old_image_back_is_shown(groups: Groups, editor: Person):
    """As Git does at its next sync; nothing is replaced by it."""
    web = groups.create(desired=2)
    web.wait_until_ready(2)
    assert editor.windlass("refresh", "web", "--image", "web:2", "--wait").returncode == 0
    web.wait_until_ready(2)
    patch = {"spec": {"template": {"spec": {"containers": [CONTAINER]}}}}
    path = f"{collection('ScalingConfiguration', groups.namespace)}/web?fieldManager=argocd-controller"
    groups.cluster.request("PATCH", path, patch, MERGE)
    wait_until(lambda: web.status.get("outdated") == 2, LIMIT, "the group to be outdated")
    told = editor.windlass("explain", "group", "web").stdout
    assert "2 instances made from an older configuration; ScalingConfiguration web was last changed " in told
    assert "ago, by argocd-controller" in told
    assert images(web) == {"web:2": 2}
