"""Refreshes on the command line: the table, the tree, the explanation, and what would become of them."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.cli.bodies import body as group_body
from tests.cli.bodies import metadata
from tests.cli.test_subjects import Served, manifest
from tests.worlds import CONFIGURATION, fleet, group, pending, view
from windlass.cli.main import main
from windlass.cli.operator_sign import sign_of
from windlass.cli.subjects import SUBJECTS
from windlass.cli.subjects.group.explanation import explain as explanation_of
from windlass.cli.subjects.refresh import explain
from windlass.cli.subjects.refresh.picture import take_picture
from windlass.cli.subjects.task.explain import Explained

BEGUN = {
    "observedGeneration": 1,
    "phase": "Paused",
    "message": "2 of 10 updated; waits for the pause to end",
    "fromRevision": "web-1",
    "toRevision": "web-2",
    "floor": 8,
    "ceiling": 10,
    "total": 10,
    "toUpdate": 8,
    "updated": 2,
    "percentage": 20,
    "checkpoint": 20,
    "waitingFor": "the pause to end",
    "wakeAt": "2126-01-15T13:00:00Z",
    "startTime": "2026-01-15T12:00:00Z",
}


def refresh(name: str = "web-abcde", status: dict[str, Any] | None = None, **spec: Any) -> dict[str, Any]:
    metadata = {"namespace": "default", "name": name, "uid": f"uid-{name}", "generation": 1}
    metadata["creationTimestamp"] = "2026-01-15T12:00:00Z"
    wanted = {"scalingGroup": "web", "checkpoints": [20, 50, 100], **spec}
    return {"metadata": metadata, "spec": wanted} | ({"status": status} if status is not None else {})


def named(kind: str, name: str, spec: Any) -> dict[str, Any]:
    metadata = {"namespace": "default", "name": name, "uid": f"uid-{name}", "generation": 1}
    return {"metadata": metadata, "spec": spec}


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    made = Served(tmp_path)
    yield made
    made.close()


@pytest.fixture
def web(served: Served) -> Served:
    """A group of ten that has no instances yet, and its configuration."""
    body = group_body(view(group(10)))
    served.put("scalinggroups", {**body, "status": {}})
    served.put("scalingconfigurations", named("ScalingConfiguration", "web", CONFIGURATION))
    return served


# ---- get


def test_the_table_shows_group_phase_progress_and_checkpoint(served: Served, capsys: pytest.CaptureFixture[str]):
    served.put("instancerefreshes", refresh(status=BEGUN))
    assert served.windlass("get ir", SUBJECTS) == 0
    header, row = capsys.readouterr().out.splitlines()
    assert header.split() == ["NAME", "GROUP", "PHASE", "%", "UPDATED", "CHECKPOINT", "AGE", "MESSAGE"]
    assert row.split()[:7] == ["web-abcde", "web", "Paused", "20", "2/10", "20", "%"]
    assert row.endswith("2 of 10 updated; waits for the pause to end")


def test_the_tree_shows_revisions_bounds_counts_and_what_it_waits_for(
    served: Served, capsys: pytest.CaptureFixture[str]
):
    served.put("instancerefreshes", refresh(status=BEGUN))
    assert served.windlass("get refresh web-abcde", SUBJECTS) == 0
    said = capsys.readouterr().out
    for part in (
        "[####----------------]  20 % of ScalingGroup/web",
        "ControllerRevision/web-1",
        "ControllerRevision/web-2",
        "2 of 10 updated, 8 to be replaced",
        "at least 8 in service, at most 10 there",
        "of 20, 50, 100 per cent; each pauses 60 min",
        "for the pause to end; goes on 2126-01-15 13:00:00 (in ",
    ):
        assert part in said
    assert served.windlass("get refresh web-abcde -o json", SUBJECTS) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["group"], found["floor"], found["completionTime"]) == ("web", 8, None)


def test_one_that_nobody_has_looked_at_says_so(served: Served, capsys: pytest.CaptureFixture[str]):
    served.put("instancerefreshes", refresh())
    assert served.windlass("get refresh web-abcde", SUBJECTS) == 0
    assert capsys.readouterr().out.startswith("no operator has looked at this refresh yet\n")


# ---- explain


def test_a_pause_is_explained_with_the_way_on(web: Served, capsys: pytest.CaptureFixture[str]):
    web.put("instancerefreshes", refresh(status=BEGUN))
    assert web.windlass("explain refresh web-abcde", SUBJECTS) == 0
    said = capsys.readouterr().out
    assert said.startswith("InstanceRefresh default/web-abcde of ScalingGroup web: Paused\n")
    assert "Waiting for\n  the pause to end" in said
    assert "   it goes on by itself" in said
    assert "kubectl windlass resume web-abcde -n default" in said


@pytest.mark.parametrize(
    ("status", "spec", "said"),
    [
        ({"phase": "Failed", "message": "no"}, {}, "correct that, and create another refresh"),
        (
            {**BEGUN, "phase": "Cancelled"},
            {},
            "back to the group's own configuration: kubectl windlass refresh web -n default",
        ),
        ({**BEGUN, "phase": "Suspended"}, {"state": "Suspended", "stateReason": "lunch"}, "(Suspended: lunch)"),
        ({**BEGUN, "phase": "Suspended"}, {"state": "Suspended"}, "let it go on: kubectl windlass resume web-abcde"),
    ],
)
def test_the_advice_goes_with_the_phase(
    status: dict[str, Any], spec: dict[str, Any], said: str, web: Served, capsys: pytest.CaptureFixture[str]
):
    web.put("instancerefreshes", refresh(status=status, **spec))
    assert web.windlass("explain ir web-abcde", SUBJECTS) == 0
    assert said in capsys.readouterr().out


def test_new_instances_that_do_not_come_up_are_told_with_both_ways_out():
    seen = view(group(3, suspended_processes=["ScaleOut"]), [pending("web-7", problem="no image"), *fleet(1)])
    troubled = explanation_of(seen, metadata(seen), (), ())
    running = take_picture(refresh(status={**BEGUN, "phase": "Running"}))
    sign = sign_of((), looked_at=True, changed=None, now=running.now)
    said = "\n".join(explain.lines(Explained(running, troubled, None, sign)))
    assert "Held up\n  ScaleOut is suspended" in said
    assert "web-7   Pending   no image" in said
    assert "put the old instances back: kubectl windlass rollback web-abcde -n default" in said
    assert "or end it, and keep what is new: kubectl windlass cancel web-abcde -n default" in said
    assert "see what holds the group up: kubectl windlass explain group web -n default" in said


def test_one_whose_group_is_missing_says_so(served: Served, capsys: pytest.CaptureFixture[str]):
    served.put("instancerefreshes", refresh())
    assert served.windlass("explain refresh web-abcde", SUBJECTS) == 0
    assert "ScalingGroup web does not exist" in capsys.readouterr().out
    assert served.windlass("plan refresh web-abcde", SUBJECTS) == 2
    assert "it would end at once as Failed: ScalingGroup web does not exist" in capsys.readouterr().out


# ---- plan


def planned(served: Served, capsys: pytest.CaptureFixture[str], *documents: dict[str, Any]) -> tuple[int, Any]:
    code = served.windlass(f"plan -f {served.written(*documents)} -o json", SUBJECTS)
    return code, json.loads(capsys.readouterr().out)


def test_a_refresh_of_a_file_is_played_with_its_group(web: Served, capsys: pytest.CaptureFixture[str]):
    wanted = manifest("InstanceRefresh", "next", scalingGroup="web", desiredConfiguration={"image": "web:2"})
    code, found = planned(web, capsys, wanted)
    (plan,) = found["plans"]
    (course,) = plan["refreshes"]
    assert code == 1
    assert (course["phase"], course["change"], course["forbidden"]) == ("Successful", "Created", None)
    steps = [step["step"] for played in plan["passes"] for step in played["steps"]]
    assert steps.count("Launch") == 10
    assert "WriteConfiguration" in steps


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ({"containers": [{"name": "none", "image": "web:2"}]}, "there is no container none in the template"),
        ({"scalingConfiguration": "none"}, "ScalingConfiguration none does not exist"),
    ],
)
def test_what_forbids_a_refresh_is_said_and_ends_with_two(
    spec: dict[str, Any], said: str, web: Served, capsys: pytest.CaptureFixture[str]
):
    wanted = manifest("InstanceRefresh", "next", scalingGroup="web", desiredConfiguration=spec)
    code, found = planned(web, capsys, wanted)
    assert code == 2
    assert said in found["plans"][0]["refreshes"][0]["forbidden"]


def test_one_that_is_active_forbids_another(web: Served, capsys: pytest.CaptureFixture[str]):
    web.put("instancerefreshes", refresh("first", state="Suspended"))
    code, found = planned(web, capsys, manifest("InstanceRefresh", "second", scalingGroup="web"))
    assert code == 2
    assert "InstanceRefresh first is active" in found["plans"][0]["refreshes"][0]["forbidden"]


def test_a_configuration_that_another_group_of_the_file_uses_is_not_written(
    web: Served, capsys: pytest.CaptureFixture[str]
):
    other = manifest("ScalingGroup", "other", maxSize=1, configuration={"scalingConfiguration": "web"})
    wanted = manifest("InstanceRefresh", "next", scalingGroup="web", desiredConfiguration={"image": "web:2"})
    code, found = planned(web, capsys, other, wanted)
    assert code == 2
    assert [plan["name"] for plan in found["plans"]] == ["other", "web"]
    assert "is used by other groups too" in found["plans"][1]["refreshes"][0]["forbidden"]


def test_a_version_of_a_template_in_the_same_file_may_be_desired(web: Served, capsys: pytest.CaptureFixture[str]):
    versions = [{"version": 1, "template": {"spec": {"containers": [{"name": "web", "image": "web:2"}]}}}]
    template = manifest("LaunchTemplate", "next", versions=versions)
    desired = {"launchTemplate": {"name": "next", "version": "Latest"}}
    code, found = planned(
        web, capsys, template, manifest("InstanceRefresh", "r", scalingGroup="web", desiredConfiguration=desired)
    )
    plans = [plan for plan in found["plans"] if plan["name"] == "web"]
    (course,) = plans[0]["refreshes"]
    assert (code, course["phase"], course["forbidden"]) == (1, "Successful", None)
    steps = [step["step"] for played in plans[0]["passes"] for step in played["steps"]]
    assert "SwitchSource" in steps


def test_group_configuration_and_refresh_of_one_file_are_one_plan(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    path = tmp_path / "all.yaml"
    path.write_text(
        yaml.safe_dump_all(
            [
                manifest("ScalingConfiguration", "web", **CONFIGURATION),
                manifest(
                    "ScalingGroup", "web", maxSize=5, desiredSize=4, configuration={"scalingConfiguration": "web"}
                ),
                manifest("InstanceRefresh", "next", scalingGroup="web", desiredConfiguration={"image": "web:2"}),
            ]
        )
    )
    assert main(["plan", "-f", str(path), "--kubeconfig=/no/such/file"]) == 1
    said = capsys.readouterr().out
    assert said.count("ScalingGroup default/web: would be created") == 1
    assert "InstanceRefresh default/next: would be created" in said
    assert re.search(r"  Successful after \ds at least", said)
    assert "A refresh takes longer than that" in said
