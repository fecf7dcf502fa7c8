"""`kubectl windlass` as people use it: with their own rights, on groups that an operator keeps."""

import fcntl
import os
import resource
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from hack.cluster import Cluster, RefusedError, tool, wait_until
from tests.cluster.doors import manifest
from tests.cluster.groups import ZONES, Groups
from tests.cluster.people import Person

pytestmark = pytest.mark.usefixtures("running_operator")

LIMIT = 20.0
FIRST_OUTPUT_SECONDS = 0.6


@pytest.fixture
def editor(cluster: Cluster, namespace: str, tmp_path: Path) -> Person:
    return Person(cluster, namespace, "edit", tmp_path)


@pytest.fixture
def viewer(cluster: Cluster, namespace: str, tmp_path: Path) -> Person:
    return Person(cluster, namespace, "view", tmp_path)


def test_somebody_who_may_edit_scales_a_group_and_sees_it_arrive(groups: Groups, editor: Person):
    groups.create(desired=1, zones=ZONES).wait_until_ready(1)
    ran = editor.windlass("scale", "group", "web", "+2", "--wait")
    assert (ran.returncode, ran.stderr) == (0, "")
    lines = ran.stdout.splitlines()
    assert lines[0] == f"ScalingGroup {groups.namespace}/web: desired size 1 → 3"
    assert lines[-1].endswith("   3 instances in service, as desired")
    shown = editor.windlass("get", "group", "web").stdout.splitlines()
    assert shown[0] == "3 instances in service, as desired"
    assert sum("Pod/web-" in line and "InService" in line for line in shown) == 3
    assert editor.windlass("get", "groups").stdout.splitlines()[1].split()[:7] == [
        *("web", "3", "3", "0", "0"),
        *("True", "Ready"),
    ]


def test_what_a_plan_says_is_what_is_done(groups: Groups, editor: Person):
    web = groups.create(desired=4, zones=ZONES)
    web.wait_until_ready(4)
    (plan,) = editor.says("plan", "group", "web", "--desired", "7")["plans"]
    steps = [step for played in plan["passes"] for step in played["steps"]]
    assert len(web.pods) == 4
    assert web.body["spec"]["desiredSize"] == 4
    editor.windlass("scale", "group", "web", "7", "--wait")
    web.wait_until_ready(7)
    launched = {name: pod for name, pod in web.pods.items() if int(name[4:]) >= 4}
    assert {step["name"]: step["zone"] for step in steps} == {
        name: pod["metadata"]["labels"]["windlass.dev/zone"] for name, pod in launched.items()
    }
    (plan,) = editor.says("plan", "group", "web", "--desired", "2")["plans"]
    leaving = {step["name"] for played in plan["passes"] for step in played["steps"]}
    before = set(web.pods)
    editor.windlass("scale", "group", "web", "2", "--wait")
    web.wait_until_ready(2)
    assert before - set(web.pods) == leaving


def test_a_plan_for_a_file_is_what_applying_it_does(groups: Groups, editor: Person):
    configuration = manifest("ScalingConfiguration", "shop")
    wanted = manifest(
        "ScalingGroup", "shop", desiredSize=2, zones=ZONES, configuration={"scalingConfiguration": "shop"}
    )
    text = yaml.safe_dump_all([configuration, wanted])
    planned = editor.says("plan", "-f", "-", text=text)
    assert [found["change"] for found in planned["configurations"]] == ["Created"]
    (plan,) = planned["plans"]
    assert not plan["exists"]
    steps = [step for played in plan["passes"] for step in played["steps"]]
    assert [step["step"] for step in steps] == ["KeepRevision", "Launch", "Launch"]
    _kubectl(groups, "apply", "-f", "-", text=text)
    shop = groups.get("shop")
    shop.wait_until_ready(2)
    assert set(shop.pods) == {step["name"] for step in steps[1:]}
    assert len(shop.revisions) == 1
    again = editor.windlass("plan", "-f", "-", text=text)
    assert again.returncode == 0
    assert "nothing would be done" in again.stdout


def test_a_plan_follows_what_apply_takes_away(groups: Groups, editor: Person):
    wanted = manifest("ScalingGroup", "web", desiredSize=2, minSize=2, maxSize=5)
    groups.configure("web")
    _kubectl(groups, "apply", "-f", "-", text=yaml.safe_dump(wanted))
    groups.get("web").wait_until_ready(2)
    del wanted["spec"]["minSize"]
    (plan,) = editor.says("plan", "-f", "-", text=yaml.safe_dump(wanted))["plans"]
    assert plan["changes"] == [{"field": "spec.minSize", "before": 2, "after": 0}]
    assert not plan["acts"]


def test_a_plan_for_a_configuration_is_one_for_each_group_that_uses_it(groups: Groups, editor: Person):
    web = groups.create(desired=1)
    web.wait_until_ready(1)
    changed = manifest("ScalingConfiguration", "web", template=_template("web:2"))
    planned = editor.says("plan", "-f", "-", text=yaml.safe_dump(changed))
    assert [found["change"] for found in planned["configurations"]] == ["Changed"]
    (plan,) = planned["plans"]
    assert plan["name"] == "web"
    ((step,),) = (played["steps"] for played in plan["passes"] if played["steps"])
    assert step["step"] == "KeepRevision"
    assert plan["final"]["status"]["outdated"] == 1
    _kubectl(groups, "apply", "-f", "-", text=yaml.safe_dump(changed))
    wait_until(lambda: step["name"] in web.revisions, LIMIT, "the revision that was planned")


def test_a_plan_says_that_the_api_server_would_refuse_the_instances(groups: Groups, editor: Person):
    wanted = [
        manifest("ScalingConfiguration", "web", template={"spec": {"containers": [{"name": "web"}]}}),
        manifest("ScalingGroup", "web", desiredSize=1),
    ]
    ran = editor.windlass("plan", "-f", "-", text=yaml.safe_dump_all(wanted))
    assert ran.returncode == 2
    assert "held up: the API server refuses an instance made from ScalingConfiguration web" in ran.stdout
    assert "spec.containers[0].image: Required value" in ran.stdout
    assert groups.get("web").pods == {}


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ({"minSize": 3, "maxSize": 2}, "spec.minSize: Invalid value: minSize 3 is above maxSize 2"),
        ({"maxSize": 10_001}, "spec.maxSize: Invalid value: 10001"),
        ({"desired": 3}, "spec.desired: there is no such field"),
    ],
)
def test_a_plan_for_what_the_api_server_refuses_is_its_refusal(
    spec: dict[str, int], said: str, groups: Groups, editor: Person
):
    ran = editor.windlass("plan", "-f", "-", text=yaml.safe_dump(manifest("ScalingGroup", "web", **spec)))
    assert ran.returncode == 2
    assert said in ran.stderr
    assert ran.stderr.count("\n") == 1
    with pytest.raises(RefusedError):
        groups.get("web").body  # noqa: B018


def test_a_size_out_of_bounds_is_refused_with_the_bounds(groups: Groups, editor: Person):
    groups.create(desired=1, minSize=1, maxSize=3).wait_until_ready(1)
    refusal = "desired size 4 is above maxSize 3: choose 1 to 3, or move the bound first: kubectl patch"
    scaled = editor.windlass("scale", "group", "web", "4")
    assert (scaled.returncode, refusal in scaled.stderr) == (1, True)
    planned = editor.windlass("plan", "group", "web", "--desired", "4")
    assert (planned.returncode, refusal in planned.stderr) == (2, True)
    below = editor.windlass("scale", "group", "web", "-5")
    assert "desired size 0 is below minSize 1: choose 1 to 3" in below.stderr
    assert groups.get("web").body["spec"]["desiredSize"] == 1


def test_somebody_who_may_only_look_sees_all_of_it_and_changes_nothing(groups: Groups, viewer: Person):
    groups.create(desired=1).wait_until_ready(1)
    assert viewer.windlass("get", "group", "web").returncode == 0
    planned = viewer.windlass("plan", "group", "web", "--desired", "2")
    assert planned.returncode == 1
    assert "note: the change was not checked by the API server" in planned.stdout
    assert "launch web-1" in planned.stdout
    wanted = manifest("ScalingGroup", "web", desiredSize=2)
    written = viewer.windlass("plan", "-f", "-", text=yaml.safe_dump(wanted))
    assert "note: ScalingGroup web was not checked by the API server" in written.stdout
    assert "launch web-1" in written.stdout
    assert "its lease may not be looked at" in viewer.windlass("explain", "group", "web").stdout
    refused = viewer.windlass("scale", "group", "web", "2")
    assert refused.returncode == 1
    assert refused.stderr.rstrip().endswith("; ask an administrator of the cluster for this right")
    assert groups.get("web").body["spec"]["desiredSize"] == 1


def test_a_group_that_is_not_there_is_answered_with_its_neighbours(groups: Groups, viewer: Person):
    ran = viewer.windlass("explain", "group", "wbe")
    assert "there is no group 'wbe' in namespace" in ran.stderr
    assert "and no other" in ran.stderr
    groups.create(desired=0)
    ran = viewer.windlass("explain", "group", "wbe")
    assert (ran.returncode, ran.stdout) == (1, "")
    assert ran.stderr.rstrip().endswith("did you mean web?")
    assert "there are web" in viewer.windlass("get", "group", "something").stderr


def test_explain_names_what_holds_a_group_up_and_who_looks_after_it(groups: Groups, cluster: Cluster):
    web = groups.create(desired=2)
    web.wait_until_ready(2)
    web.change(suspendedProcesses=["ScaleOut"], desiredSize=3)
    web.wait_for_message("ScaleOut is suspended")
    ran = _admin(cluster, "explain", "group", "web", "-n", groups.namespace)
    assert "ScaleOut is suspended: 1 instance missing, not launched" in ran.stdout
    assert "take ScaleOut out of spec.suspendedProcesses" in ran.stdout
    assert "holds lease windlass-system/windlass-operator" in ran.stdout
    assert "web-a1   ScaleOut   Successful" in ran.stdout
    assert ran.returncode == 0


def test_waiting_ends_when_the_group_is_stalled_or_waits_for_somebody_or_time_is_up(groups: Groups, editor: Person):
    web = groups.create(desired=0, configuration={"scalingConfiguration": "missing"})
    web.wait_for_phase("Stalled")
    stalled = editor.windlass("scale", "group", "web", "1", "--wait")
    assert stalled.returncode == 1
    assert "the group is stalled: ScalingConfiguration missing does not exist" in stalled.stderr
    held = groups.create("held", desired=1, suspendedProcesses=["ScaleOut"])
    held.wait_for_message("ScaleOut is suspended")
    waiting = editor.windlass("scale", "group", "held", "2", "--wait")
    assert waiting.returncode == 1
    assert "the group waits for somebody: ScaleOut is suspended: 2 instances missing" in waiting.stderr
    groups.configure("slow", annotations={"windlass.test/never-ready": "true"})
    groups.create("slow", desired=1, configuration={"scalingConfiguration": "slow"})
    late = editor.windlass("scale", "group", "slow", "2", "--wait", "--timeout", "1s")
    assert late.returncode == 1
    assert "slow is not settled after 1s: desired 2 (min 0, max 100): 2 pending" in late.stderr


def test_it_is_a_plugin_of_kubectl(groups: Groups, editor: Person):
    groups.create(desired=1).wait_until_ready(1)
    path = os.pathsep.join((str(Path(sys.executable).parent), os.defpath))
    command = [str(tool("kubernetes", "kubectl")), "windlass", "get", "group", "web"]
    ran = subprocess.run(command, capture_output=True, text=True, env={**editor.environment, "PATH": path}, check=False)
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.startswith("1 instance in service, as desired")


def test_the_first_output_is_there_in_little_more_than_half_a_second(groups: Groups, editor: Person):
    groups.create(desired=3).wait_until_ready(3)

    def processor_seconds(*arguments: str) -> float:
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        assert editor.windlass(*arguments).returncode in {0, 1}
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime

    for verb in (("get", "group", "web"), ("explain", "group", "web"), ("plan", "group", "web", "--desired", "5")):
        assert min(processor_seconds(*verb) for _ in range(3)) < FIRST_OUTPUT_SECONDS


# ---- watching


class Watching:
    """`get group web -w`, and what it has said so far."""

    def __init__(self, person: Person, *arguments: str, terminal: tuple[int, int] | None = None) -> None:
        if terminal is None:
            self._reading, writing = os.pipe()
        else:
            self._reading, writing = os.openpty()
            fcntl.ioctl(writing, termios.TIOCSWINSZ, struct.pack("HHHH", *terminal, 0, 0))
        command = person.command("get", "group", "web", "-w", *arguments)
        self._process = subprocess.Popen(command, stdout=writing, stderr=subprocess.PIPE, env=person.environment)
        os.close(writing)
        self.said = ""

    def wait_for(self, part: str) -> None:
        """Until it has said this."""
        end = time.monotonic() + LIMIT
        while part not in self.said:
            ready, _, _ = select.select([self._reading], [], [], max(0.0, end - time.monotonic()))
            assert ready, f"waiting for {part!r} in {self.said!r}"
            self.said += os.read(self._reading, 65536).decode()

    def interrupt(self) -> tuple[int, str]:
        """Ctrl-C; its exit code, and what it said of errors."""
        self._process.send_signal(signal.SIGINT)
        return self.ended()

    def ended(self) -> tuple[int, str]:
        _, errors = self._process.communicate(timeout=LIMIT)
        return self._process.returncode, errors.decode()

    def close(self) -> None:
        self._process.kill()
        self._process.wait()
        os.close(self._reading)


@pytest.fixture
def watching(groups: Groups, viewer: Person) -> Iterator[type[Watching]]:
    """Starts a watch of the group `web`, and ends those that still run."""
    started: list[Watching] = []

    class Started(Watching):
        def __init__(self, *arguments: str, terminal: tuple[int, int] | None = None) -> None:
            super().__init__(viewer, *arguments, terminal=terminal)
            started.append(self)

    yield Started
    for each in started:
        each.close()


def test_a_watch_says_each_change_until_it_is_interrupted(groups: Groups, watching):
    web = groups.create(desired=1, zones=ZONES)
    web.wait_until_ready(1)
    watch = watching()
    watch.wait_for("Pod/web-0")
    web.scale(2)
    watch.wait_for("   Pod/web-1   InService   zone-b")
    watch.wait_for("   Message   2 instances in service, as desired")
    web.scale(1)
    watch.wait_for("   gone\n")
    assert watch.interrupt() == (0, "")


def test_a_watch_ends_with_its_group(groups: Groups, watching):
    web = groups.create(desired=1, deletionPolicy="Force")
    web.wait_until_ready(1)
    watch = watching()
    watch.wait_for("Pod/web-0")
    web.delete()
    watch.wait_for("ScalingGroup/web is gone")
    assert watch.ended() == (0, "")


def test_a_watch_on_a_terminal_draws_the_tree_anew_and_keeps_within_it(groups: Groups, watching):
    web = groups.create(desired=12)
    web.wait_until_ready(12)
    watch = watching(terminal=(10, 60))
    watch.wait_for("… and ")
    screen = watch.said.split("\x1b[H")[1].splitlines()
    assert len(screen) <= 10
    assert all(len(line.replace("\x1b[K", "")) <= 60 for line in screen)
    web.scale(11)
    watch.wait_for("11 instances in service")
    assert watch.interrupt() == (0, "")


def test_programs_get_a_document_a_line(groups: Groups, watching):
    web = groups.create(desired=1)
    web.wait_until_ready(1)
    watch = watching("-o", "json")
    watch.wait_for('"message": "1 instance in service, as desired"')
    web.scale(2)
    watch.wait_for('"message": "2 instances in service, as desired"')
    assert watch.interrupt() == (0, "")
    assert all(line.startswith('{"namespace"') for line in watch.said.splitlines())


# ----


def _kubectl(groups: Groups, *arguments: str, text: str) -> None:
    groups.cluster.kubectl("--namespace", groups.namespace, *arguments, input=text)


def _admin(cluster: Cluster, *arguments: str) -> "subprocess.CompletedProcess[str]":
    command = [*Person.command(*arguments), "--kubeconfig", str(cluster.kubeconfig)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def _template(image: str) -> dict[str, object]:
    return {"spec": {"containers": [{"name": "web", "image": image}]}}
