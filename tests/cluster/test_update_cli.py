"""Rolling updates by `kubectl windlass` as people use it: with their own rights, on a group that an operator keeps."""

import json
from collections import Counter
from pathlib import Path

import pytest
import yaml

from hack.cluster import Cluster, wait_until
from tests.cluster.doors import collection
from tests.cluster.groups import Group, Groups
from tests.cluster.people import Object, Person

pytestmark = pytest.mark.usefixtures("running_operator")

LIMIT = 60.0  # a container must run for ten seconds, and batches follow each other


@pytest.fixture
def editor(cluster: Cluster, namespace: str, tmp_path: Path) -> Person:
    return Person(cluster, namespace, "edit", tmp_path)


def images(group: Group) -> Counter[str]:
    return Counter(pod["spec"]["containers"][0]["image"] for pod in group.pods.values())


def configured(groups: Groups) -> str:
    """The image in the group's ScalingConfiguration."""
    found = groups.cluster.request("GET", f"{collection('ScalingConfiguration', groups.namespace)}/web")
    return str(found["spec"]["template"]["spec"]["containers"][0]["image"])


def written(**spec: object) -> str:
    """The manifest of an update u of group web."""
    metadata = {"name": "u"}
    kind = {"apiVersion": "windlass.dev/v1alpha1", "kind": "RollingUpdate"}
    return yaml.safe_dump({**kind, "metadata": metadata, "spec": {"scalingGroup": "web", **spec}})


def status(groups: Groups, name: str) -> Object:
    found = groups.cluster.request("GET", f"{collection('RollingUpdate', groups.namespace)}/{name}")
    return dict(found.get("status") or {})


def wait_for_phase(groups: Groups, name: str, phase: str) -> None:
    wait_until(lambda: status(groups, name).get("phase") == phase, LIMIT, f"{name} to be {phase}")


def kept(groups: Groups, name: str) -> dict[str, dict[str, str]]:
    """What the ConfigMaps of the update say of each instance, by the name of the ConfigMap."""
    found = groups.cluster.request("GET", groups.path("configmaps"))["items"]
    return {
        page["metadata"]["name"].removeprefix(f"{name}-"): {k: json.loads(v)["result"] for k, v in page["data"].items()}
        for page in found
        if (page["metadata"].get("labels") or {}).get("windlass.dev/rolling-update") == name
    }


def test_an_image_is_changed_in_place_and_waited_for_and_is_the_groups_own_then(groups: Groups, editor: Person):
    web = groups.create(desired=2)
    web.wait_until_ready(2)
    before = {name: pod["metadata"]["uid"] for name, pod in web.pods.items()}
    ran = editor.windlass("update", "image", "web", "web:2", "--wait", "--wait-timeout", "1m")
    assert (ran.returncode, ran.stderr) == (0, "")
    lines = ran.stdout.splitlines()
    name = lines[0].removesuffix(": created").rpartition("/")[2]
    assert name.startswith("web-")
    assert lines[-1].endswith("[####################] 100 %   done on 2 instances")
    assert images(web) == {"web:2": 2}
    assert {name: pod["metadata"]["uid"] for name, pod in web.pods.items()} == before
    assert configured(groups) == "web:2"
    (row,) = editor.says("get", "updates")["updates"]
    assert (row["name"], row["group"], row["phase"], row["succeeded"]) == (name, "web", "Successful", 2)
    (batch,) = editor.says("get", "update", name)["tree"]
    assert (batch["state"], batch["succeeded"]) == ("Over", 2)
    over = editor.windlass("cancel", name)
    assert (over.returncode, "is over, as Successful" in over.stderr) == (1, True)
    undone = editor.windlass("update", "rollback", name)
    assert (undone.returncode, "it has no image.rollbackImage" in undone.stderr) == (1, True)


def test_a_pause_is_shown_explained_and_approved_and_what_was_done_is_undone(groups: Groups, editor: Person):
    web = groups.create(desired=2)
    web.wait_until_ready(2)
    flags = ["--batches", "2", "--pause", "EveryBatchPause", "--rollback-image", "web:1", "--name", "u"]
    made = editor.windlass("update", "image", "web", "web:2", *flags)
    assert made.returncode == 0, made.stderr
    second = editor.windlass("refresh", "web")
    assert (second.returncode, "update u of group web is active" in second.stderr) == (1, True)
    wait_for_phase(groups, "u", "Paused")
    assert images(web) == {"web:1": 1, "web:2": 1}
    tree = " ".join(editor.windlass("get", "update", "u").stdout.split())
    for part in ("Batch/1 Over 1 instance: 1 succeeded", "Batch/2 Paused 1 instance", "kubectl windlass approve u"):
        assert part in tree
    assert "to go on: kubectl windlass approve u -n" in editor.windlass("explain", "update", "u").stdout
    assert "RollingUpdate/u" in editor.windlass("get", "group", "web").stdout
    plan = editor.windlass("plan", "update", "u")
    assert "batch 2: web-1 (1 instance)" in plan.stdout
    assert editor.windlass("approve", "u").stdout.endswith("goes on with batch 2 of 2\n")
    wait_for_phase(groups, "u", "Successful")
    assert (images(web), configured(groups)) == ({"web:2": 2}, "web:2")
    assert kept(groups, "u") == {"1": {"web-0": "Succeeded"}, "2": {"web-1": "Succeeded"}}
    back = editor.windlass("update", "rollback", "u", "--wait", "--wait-timeout", "1m")
    assert (back.returncode, back.stderr) == (0, "")
    assert (images(web), configured(groups)) == ({"web:1": 2}, "web:1")


def test_what_a_plan_says_of_an_update_is_what_it_does(groups: Groups, editor: Person):
    web = groups.create(desired=3)
    web.wait_until_ready(3)
    wanted = written(kind="Image", image={"image": "web:2"}, batches=2)
    (plan,) = editor.says("plan", "-f", "-", text=wanted)["plans"]
    (course,) = plan["updates"]
    assert (course["phase"], course["change"], course["floor"]) == ("Successful", "Created", 2)
    assert images(web) == {"web:1": 3}
    groups.cluster.kubectl("apply", "-n", groups.namespace, "-f", "-", input=wanted)
    wait_for_phase(groups, "u", "Successful")
    done = kept(groups, "u")
    assert [sorted(done[str(number)]) for number in (1, 2)] == course["dealt"]


def test_whoever_waits_hears_what_is_waited_for(groups: Groups, editor: Person):
    groups.create(desired=1).wait_until_ready(1)
    ran = editor.windlass("update", "image", "web", "web:2", "--name", "u", "--wait", "--wait-timeout", "1m")
    assert ran.returncode == 0, ran.stderr
    said = [line.split("   ", 1)[1] for line in ran.stdout.splitlines()[1:]]
    assert any("1 instance of batch 1 to run the image for a while (web-0: " in line for line in said)


def test_one_that_is_suspended_and_cancelled_changes_nobody_else(groups: Groups, editor: Person):
    web = groups.create(desired=2)
    web.wait_until_ready(2)
    flags = ["--batches", "2", "--pause", "FirstBatchPause", "--name", "u"]
    assert editor.windlass("update", "image", "web", "web:2", *flags).returncode == 0
    wait_for_phase(groups, "u", "Paused")
    assert editor.windlass("suspend", "u").stdout.endswith("Running → Suspended\n")
    wait_for_phase(groups, "u", "Suspended")
    assert "kubectl windlass resume u -n" in editor.windlass("get", "update", "u").stdout
    assert editor.windlass("cancel", "u").returncode == 0
    wait_for_phase(groups, "u", "Cancelled")
    assert (images(web), configured(groups)) == ({"web:1": 1, "web:2": 1}, "web:1")


def test_a_script_that_cannot_be_run_is_told_with_why(groups: Groups, editor: Person):
    """Simulated nodes run no commands."""
    groups.create(desired=1).wait_until_ready(1)
    ran = editor.windlass("update", "script", "web", "--run", "true", "--name", "u", "--wait", "--wait-timeout", "1m")
    assert ran.returncode == 1
    assert "update u ended as Failed: it failed on 1 of 1 instance, first on web-0: " in ran.stderr
    (failure,) = editor.says("explain", "update", "u")["failures"]
    assert (failure["name"], bool(failure["output"])) == ("web-0", True)
    assert "Failure/web-0" in editor.windlass("get", "update", "u").stdout


def test_who_may_run_no_commands_is_told_so_by_a_plan_too(groups: Groups, cluster: Cluster, tmp_path: Path):
    groups.create(desired=0)
    viewer = Person(cluster, groups.namespace, "view", tmp_path)
    may = {"apiGroups": ["windlass.dev"], "resources": ["rollingupdates"], "verbs": ["*"]}
    role = {"metadata": {"name": "updates"}, "rules": [may]}
    rbac = f"/apis/rbac.authorization.k8s.io/v1/namespaces/{groups.namespace}"
    cluster.request("POST", f"{rbac}/roles", role)
    account = {"kind": "ServiceAccount", "name": "somebody-who-may-view", "namespace": groups.namespace}
    reference = {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "updates"}
    cluster.request(
        "POST",
        f"{rbac}/rolebindings",
        {"metadata": {"name": "updates"}, "roleRef": reference, "subjects": [account]},
    )
    made = viewer.windlass("update", "script", "web", "--run", "true")
    assert made.returncode == 1
    assert "ask for the right to create pods/exec there" in made.stderr
    assert made.stderr.count("\n") == 1
    plan = viewer.windlass("plan", "-f", "-", text=written(kind="Script", script={"run": "true"}))
    assert plan.returncode == 2
    assert "ask for the right to create pods/exec there" in plan.stdout + plan.stderr


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["image", "web", "web:2", "--batches", "0"], "spec.batches"),
        (["package", "web", "-htop", "3.2", "--source", "packages"], "NAME"),
        (["script", "web", "--run", "true", "--timeout", "48h"], "spec.script.timeoutSeconds"),
    ],
)
def test_a_refusal_is_one_sentence(arguments: list[str], said: str, groups: Groups, editor: Person):
    groups.create(desired=0)
    ran = editor.windlass("update", *arguments)
    assert ran.returncode in {1, 2}
    assert said in ran.stderr


def test_a_plan_says_what_would_forbid_an_update(groups: Groups, editor: Person):
    groups.create(desired=0)
    groups.create("other", desired=0)
    shared = editor.windlass("plan", "-f", "-", text=written(kind="Image", image={"image": "web:2"}))
    assert shared.returncode == 2
    assert "it would end at once as Failed: ScalingConfiguration web is used by other groups too" in shared.stdout
