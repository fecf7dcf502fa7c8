"""Updates on the command line: the table, the tree, the explanation, and what would become of them."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.cli.bodies import body as group_body
from tests.cli.test_observing import KEPT, pod_of
from tests.cli.test_refresh_subject import named
from tests.cli.test_subjects import Served, manifest
from tests.updates import PACKAGES, in_update
from tests.worlds import CONFIGURATION, GROUP, GROUP_UID, ago, fleet, group, view
from windlass.api.common import REVISION_LABEL, UPDATE_ANNOTATION, UPDATE_LABEL, owner_reference, rfc3339
from windlass.cli.main import main
from windlass.cli.subjects import SUBJECTS
from windlass.cli.subjects.update.batches import last_words
from windlass.cluster.revisions import revision_manifest

Body = dict[str, Any]

SCRIPT: Body = {"kind": "Script", "script": {"run": "make ready", "timeoutSeconds": 60}}
PAUSED: Body = {
    "observedGeneration": 1,
    "phase": "Paused",
    "message": "1 of 4 done; waits for a person",
    "batch": 1,
    "batches": 2,
    "total": 4,
    "succeeded": 1,
    "failed": 1,
    "touched": [{"first": 0, "count": 2}],
    "failures": [{"name": "web-1", "result": "Failed", "exitCode": 3, "output": "no space\nleft"}],
    "waitingFor": "a person, because it failed on web-1: `kubectl windlass approve u1` goes on with batch 2 of 2",
    "startTime": "2026-01-15T11:59:00Z",
}
RUNNING = {**PAUSED, "phase": "Running", "waitingFor": "the script to end on 2 instances of batch 1 (web-0)"}


def update(name: str = "u1", status: Body | None = None, **spec: Any) -> Body:
    metadata = {"namespace": "default", "name": name, "uid": f"uid-{name}", "generation": 1}
    metadata["creationTimestamp"] = "2026-01-15T11:59:00Z"
    wanted = {"scalingGroup": "web", **({} if "kind" in spec else SCRIPT), "batches": 2, **spec}
    return {"metadata": metadata, "spec": wanted} | ({"status": status} if status is not None else {})


def results(number: int, **found: str) -> Body:
    """The ConfigMap with what came of one batch of u1."""
    metadata = {"namespace": "default", "name": f"u1-{number}", "uid": f"r{number}", "labels": {UPDATE_LABEL: "u1"}}
    metadata["ownerReferences"] = [owner_reference("RollingUpdate", "u1", "uid-u1")]
    data = {name.replace("_", "-"): json.dumps({"result": result}) for name, result in found.items()}
    return {"metadata": metadata, "data": data}


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    made = Served(tmp_path)
    yield made
    made.close()


def put_pod(served: Served, name: str, mark: Body | None = None) -> None:
    number = int(name.rpartition("-")[2])
    pod = pod_of(fleet(number + 1)[number])
    if mark is not None:
        pod["metadata"]["annotations"][UPDATE_ANNOTATION] = json.dumps({"container": "web", **mark})
    pod["metadata"]["labels"][REVISION_LABEL] = KEPT.name
    served.put("pods", pod)


def put_sources(served: Served) -> None:
    served.put("scalingconfigurations", named("ScalingConfiguration", "web", CONFIGURATION))
    kept = json.loads(revision_manifest(KEPT, group=GROUP, group_uid=GROUP_UID))
    served.put("controllerrevisions", {**kept, "metadata": {**kept["metadata"], "namespace": "default", "uid": "kept"}})


@pytest.fixture
def web(served: Served) -> Served:
    """A group of four whose update u1 runs its first batch of two: web-0 still runs the script, it failed on web-1."""
    seen = in_update(fleet(4), 4, wanted=_wish(), remembered={"batches": 2, "begun": ({"first": 0, "count": 2},)})
    body = group_body(seen)
    wire = seen.status.update.model_dump(mode="json", by_alias=True) if seen.status.update is not None else None
    served.put("scalinggroups", {**body, "status": {**body["status"], "update": wire}})
    put_sources(served)
    put_pod(served, "web-0", {"update": "uid-u1", "begunAt": rfc3339(ago("20s")), "run": "r"})
    ended = {"result": "Failed", "exitCode": 3, "output": "no space\nleft", "endedAt": rfc3339(ago("10s"))}
    put_pod(served, "web-1", {"update": "uid-u1", "begunAt": rfc3339(ago("20s")), "run": "r", **ended})
    put_pod(served, "web-2")
    put_pod(served, "web-3")
    return served


def _wish() -> Body:
    return {"kind": "Script", "script": {"run": "make ready", "timeout_seconds": 60}, "batches": 2}


# ---- get


def test_the_table_shows_group_kind_phase_batch_and_progress(served: Served, capsys: pytest.CaptureFixture[str]):
    served.put("rollingupdates", update(status=PAUSED))
    assert served.windlass("get ru", SUBJECTS) == 0
    header, row = capsys.readouterr().out.splitlines()
    assert header.split() == ["NAME", "GROUP", "KIND", "PHASE", "BATCH", "DONE", "FAILED", "AGE", "MESSAGE"]
    assert row.split()[:7] == ["u1", "web", "Script", "Paused", "1/2", "1/4", "1"]


def test_the_tree_shows_the_batch_that_runs_with_its_instances(web: Served, capsys: pytest.CaptureFixture[str]):
    web.put("rollingupdates", update(status={**RUNNING, "succeeded": 0}))
    assert web.windlass("get update u1", SUBJECTS) == 0
    said = " ".join(capsys.readouterr().out.split())
    for part in (
        "RollingUpdate/u1 Running",
        "[#####---------------] 25 % of ScalingGroup/web",
        "Change Script script, for 60 s at most",
        "Instances 0 of 4 done, 1 failed",
        "├─ Batch/1 Running 2 instances: 1 failed",
        "│ ├─ Pod/web-1 Failed",
        "exit code 3: no space left",
        "│ └─ Pod/web-0 Running",
        "its script runs since 11:59:40",
        "├─ Batch/2 Waiting 2 instances",
        "Waiting for the script to end on 2 instances of batch 1 (web-0)",
    ):
        assert part in said
    assert "Failure/web-1" not in said  # it is told with its batch


def test_batches_that_are_over_are_told_with_what_was_kept(served: Served, capsys: pytest.CaptureFixture[str]):
    served.put("rollingupdates", update(status=PAUSED))
    served.put("configmaps", results(1, web_0="Succeeded", web_1="Failed"))
    theirs = {**results(2, web_2="Failed"), "metadata": {**results(2)["metadata"], "ownerReferences": []}}
    served.put("configmaps", theirs)
    assert served.windlass("get update u1", SUBJECTS) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert "├─ Batch/1 Over 2 instances: 1 succeeded, 1 failed" in said
    assert "├─ Batch/2 Paused 2 instances" in said
    assert "├─ Failure/web-1 Failed exit code 3: no space left" in said
    assert "`kubectl windlass approve u1` goes on with batch 2 of 2" in said
    assert served.windlass("get update u1 -o json", SUBJECTS) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["group"], found["kind"], found["completionTime"]) == ("web", "Script", None)
    assert found["goesOnBy"] == "kubectl windlass approve u1 -n default"
    assert [(each["batch"], each["state"], each["failed"]) for each in found["tree"]] == [
        (1, "Over", 1),
        (2, "Paused", None),
    ]


def test_results_of_several_pages_are_those_of_one_batch(served: Served, capsys: pytest.CaptureFixture[str]):
    served.put("rollingupdates", update(status={**PAUSED, "total": 202, "batches": 1, "phase": "Successful"}))
    for page, count in ((1, 100), (2, 100), (3, 2)):
        made = results(1, **{f"web_{page}_{n}": "Succeeded" for n in range(count)})
        made["metadata"] |= {"name": f"u1-1-{page}", "uid": f"p{page}"}
        served.put("configmaps", made)
    assert served.windlass("get update u1", SUBJECTS) == 0
    assert "202 instances: 202 succeeded" in capsys.readouterr().out


def test_many_batches_are_drawn_around_the_one_that_runs(served: Served, capsys: pytest.CaptureFixture[str]):
    served.put("rollingupdates", update(status={**PAUSED, "batch": 20, "batches": 50, "total": 50}))
    assert served.windlass("get update u1", SUBJECTS) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert "├─ Batches/1-13 Over 13 instances" in said
    assert "├─ Batch/14 Over" in said
    assert "├─ Batch/21 Paused" in said
    assert "├─ Batch/23 Waiting" in said
    assert "├─ Batches/24-50 Waiting 27 instances" in said


def test_one_that_is_over_says_which_batches_never_began(served: Served, capsys: pytest.CaptureFixture[str]):
    served.put("rollingupdates", update(status={**PAUSED, "phase": "Cancelled"}))
    assert served.windlass("get update u1", SUBJECTS) == 0
    assert "├─ Batch/2 NotBegun 2 instances" in " ".join(capsys.readouterr().out.split())


def test_a_suspended_one_says_how_it_goes_on(served: Served, capsys: pytest.CaptureFixture[str]):
    status = {**PAUSED, "phase": "Suspended", "waitingFor": "spec.state to be Running again"}
    served.put("rollingupdates", update(status=status, state="Suspended"))
    assert served.windlass("get update u1", SUBJECTS) == 0
    said = capsys.readouterr().out
    assert "for spec.state to be Running again; kubectl windlass resume u1 -n default" in said


def test_one_that_nobody_has_looked_at_says_so(served: Served, capsys: pytest.CaptureFixture[str]):
    served.put("rollingupdates", update())
    assert served.windlass("get update u1", SUBJECTS) == 0
    assert capsys.readouterr().out.startswith("no operator has looked at this update yet\n")


def test_a_watch_follows_the_instances_marks(web: Served, capsys: pytest.CaptureFixture[str]):
    web.put("rollingupdates", update(status=RUNNING))
    web.remove_soon("rollingupdates", "u1")
    assert web.windlass("get update u1 -w", SUBJECTS) == 0
    said = capsys.readouterr().out.splitlines()
    assert any("Pod/web-0" in line for line in said)
    assert said[-1] == "RollingUpdate/u1 is gone"


@pytest.mark.parametrize(
    ("exit_code", "output", "said"),
    [
        (3, "no space\n  left\n", "exit code 3: no space left"),
        (None, "CrashLoopBackOff", "CrashLoopBackOff"),
        (1, "", "exit code 1"),
        (0, "", ""),
        (1, "x" * 300, f"exit code 1: … {'x' * 200}"),
    ],
)
def test_the_last_words_are_the_end_of_the_output_on_one_line(exit_code: int | None, output: str, said: str):
    assert last_words(exit_code, output) == said


# ---- explain


def test_a_failure_is_explained_with_both_ways_on(served: Served, capsys: pytest.CaptureFixture[str]):
    served.put("rollingupdates", update(status=PAUSED))
    assert served.windlass("explain update u1", SUBJECTS) == 0
    said = capsys.readouterr().out
    assert said.startswith("RollingUpdate default/u1 of ScalingGroup web: Paused\n")
    assert "[##########----------]  50 %, batch 1 of 2, 1 of 4 done, 1 failed" in said
    assert "Failed\n  web-1   Failed   exit code 3: no space left" in said
    assert "see what went wrong; to go on all the same: kubectl windlass approve u1 -n default" in said
    assert "or end it, and keep what was changed: kubectl windlass cancel u1 -n default" in said


def test_what_is_under_way_and_suspended_is_explained(web: Served, capsys: pytest.CaptureFixture[str]):
    web.put("rollingupdates", update(status=RUNNING, enterProcesses=["ScaleIn"]))
    assert web.windlass("explain update u1", SUBJECTS) == 0
    said = capsys.readouterr().out
    assert "Under way\n  web-0   " in said
    assert "its script runs since 11:59:40" in said
    assert "Worth knowing\n  it suspends ScaleIn of its group" in said
    assert web.windlass("explain update u1 -o json", SUBJECTS) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["suspends"], [each["name"] for each in found["underWay"]]) == (["ScaleIn"], ["web-0"])


ROLLS_BACK = {"kind": "Script", "script": {"run": "up", "rollback": "down"}}


@pytest.mark.parametrize(
    ("status", "spec", "said"),
    [
        ({"phase": "Failed", "message": "no"}, {}, "correct that, and create another update"),
        ({**PAUSED, "phase": "Failed"}, ROLLS_BACK, "undo it where it was begun: kubectl windlass update rollback u1"),
        ({**PAUSED, "failed": 0}, {}, "look at what was changed; to go on: kubectl windlass approve u1 -n default"),
        ({**PAUSED, "phase": "Suspended"}, {"state": "Suspended", "stateReason": "lunch"}, "(Suspended: lunch)"),
        ({**PAUSED, "phase": "Suspended"}, {"state": "Suspended"}, "let it go on: kubectl windlass resume u1"),
        (
            {**PAUSED, "failures": [{"name": "web-1", "result": "Unknown"}]},
            {},
            "where it is Unknown, look whether the script ran",
        ),
        (
            {**PAUSED, "failed": 12},
            {},
            "… and 11 more: kubectl get configmaps -o yaml -l windlass.dev/rolling-update=u1",
        ),
    ],
)
def test_the_advice_goes_with_the_phase(
    status: Body, spec: Body, said: str, served: Served, capsys: pytest.CaptureFixture[str]
):
    served.put("rollingupdates", update(status=status, **spec))
    assert served.windlass("explain ru u1", SUBJECTS) == 0
    assert said in capsys.readouterr().out


def test_nobody_is_sent_back_where_there_is_no_way_back(served: Served, capsys: pytest.CaptureFixture[str]):
    served.put("rollingupdates", update(status={**PAUSED, "phase": "Failed"}))
    assert served.windlass("explain ru u1", SUBJECTS) == 0
    assert "update rollback" not in capsys.readouterr().out


def test_one_whose_group_is_missing_says_so(served: Served, capsys: pytest.CaptureFixture[str]):
    served.put("rollingupdates", update())
    assert served.windlass("explain update u1", SUBJECTS) == 0
    assert "ScalingGroup web does not exist: create it, and then this update again" in capsys.readouterr().out
    assert served.windlass("plan update u1", SUBJECTS) == 2
    assert "RollingUpdate default/u1: it would end at once as Failed: ScalingGroup web" in capsys.readouterr().out


# ---- the group


def test_the_group_tells_of_the_update_that_runs(web: Served, capsys: pytest.CaptureFixture[str]):
    web.put("rollingupdates", update(status=RUNNING, enterProcesses=["ScaleIn"]))
    assert web.windlass("get group web", SUBJECTS) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert "├─ RollingUpdate/u1 Running" in said
    assert "batch 1 of 2; in those that are over 0 of 4 done" in said
    assert web.windlass("explain group web", SUBJECTS) == 0
    said = capsys.readouterr().out
    assert "RollingUpdate u1: 0 of 4 done, waits for the script to end on 1 instance of batch 1" in said
    assert "suspended: ScaleIn (by RollingUpdate u1)" in said
    assert "kubectl windlass refresh web" not in said


@pytest.mark.parametrize(
    ("status", "said"),
    [
        (RUNNING, "it goes on when RollingUpdate u1 has ended: kubectl windlass explain update u1 -n default"),
        ({**PAUSED, "phase": "Failed"}, "let it go on: kubectl delete rollingupdate u1 -n default (it has ended"),
    ],
)
def test_a_process_that_an_update_suspends_is_told_with_the_way_on(
    status: Body, said: str, web: Served, capsys: pytest.CaptureFixture[str]
):
    body = web.api.object("scalinggroups", "default", "web")
    remembered = {} if status is RUNNING else {"update": None}
    changed = {**body, "spec": {**body["spec"], "desiredSize": 6, "maxSize": 9}}
    web.put("scalinggroups", {**changed, "status": {**body["status"], **remembered}})
    spec = {"enterProcesses": ["ScaleOut"], "exitProcesses": []}
    web.put("rollingupdates", update(status=status, **spec))
    assert web.windlass("explain group web", SUBJECTS) == 0
    assert said in capsys.readouterr().out


# ---- plan


@pytest.fixture
def calm(served: Served) -> Served:
    """A group of four in service."""
    served.put("scalinggroups", group_body(view(group(4), fleet(4))))
    put_sources(served)
    for number in range(4):
        put_pod(served, f"web-{number}")
    return served


def planned(served: Served, capsys: pytest.CaptureFixture[str], *documents: Body) -> tuple[int, Any]:
    code = served.windlass(f"plan -f {served.written(*documents)} -o json", SUBJECTS)
    return code, json.loads(capsys.readouterr().out)


def test_an_update_of_a_file_is_played_with_its_group(calm: Served, capsys: pytest.CaptureFixture[str]):
    wanted = manifest("RollingUpdate", "next", scalingGroup="web", kind="Image", image={"image": "web:2"}, batches=2)
    code, found = planned(calm, capsys, wanted)
    (plan,) = found["plans"]
    (course,) = plan["updates"]
    assert code == 1
    assert (course["phase"], course["change"], course["forbidden"]) == ("Successful", "Created", None)
    assert course["dealt"] == [["web-0", "web-1"], ["web-2", "web-3"]]
    assert "refreshes" not in plan
    steps = [step["step"] for played in plan["passes"] for step in played["steps"]]
    assert steps.count("ChangeImage") == 4
    assert "WriteConfiguration" in steps


def test_the_scripts_of_a_package_are_read_from_its_config_map(calm: Served, capsys: pytest.CaptureFixture[str]):
    package = {"name": "htop", "version": "3.2", "source": "packages"}
    wanted = manifest("RollingUpdate", "next", scalingGroup="web", kind="Package", package=package)
    code, found = planned(calm, capsys, wanted)
    assert code == 2
    assert "ConfigMap packages does not exist" in found["plans"][0]["updates"][0]["forbidden"]
    metadata = {"namespace": "default", "name": "packages", "uid": "p"}
    calm.put("configmaps", {"metadata": metadata, "data": PACKAGES["packages"]})
    code, found = planned(calm, capsys, wanted)
    assert (code, found["plans"][0]["updates"][0]["phase"]) == (1, "Successful")


def test_a_rollback_is_played_on_what_the_earlier_one_touched(calm: Served, capsys: pytest.CaptureFixture[str]):
    touched = [{"first": 1, "count": 2}]
    calm.put("rollingupdates", update(status={**PAUSED, "phase": "Failed", "touched": touched}, **ROLLS_BACK))
    wanted = manifest("RollingUpdate", "back", scalingGroup="web", kind="Script", invoke="Rollback", rollbackOf="u1")
    code, found = planned(calm, capsys, wanted)
    (course,) = found["plans"][0]["updates"]
    assert (code, course["phase"], course["dealt"]) == (1, "Successful", [["web-1", "web-2"]])


def test_a_refresh_and_an_update_of_one_file_are_one_plan_of_which_one_begins(
    calm: Served, capsys: pytest.CaptureFixture[str]
):
    first = manifest("RollingUpdate", "a", scalingGroup="web", **SCRIPT)
    second = manifest("InstanceRefresh", "b", scalingGroup="web", desiredConfiguration={"image": "web:2"})
    code, found = planned(calm, capsys, first, second)
    (plan,) = found["plans"]
    assert code == 2
    assert plan["updates"][0]["phase"] == "Successful"
    assert "RollingUpdate a is active" in plan["refreshes"][0]["forbidden"]


def test_one_that_is_there_is_planned_for_from_now_on(web: Served, capsys: pytest.CaptureFixture[str]):
    web.put("rollingupdates", update(status=RUNNING))
    assert web.windlass("plan update u1", SUBJECTS) == 1
    said = capsys.readouterr().out
    assert "RollingUpdate default/u1: as it is now" in said
    assert "batch 2: web-2, web-3 (2 instances)" in said
    assert "it would not end by itself: 1 of 4 done; waits for a person, because it failed on web-1" in said


def test_group_configuration_and_update_of_one_file_are_one_plan(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    path = tmp_path / "all.yaml"
    source = {"scalingConfiguration": "web"}
    path.write_text(
        yaml.safe_dump_all(
            [
                manifest("ScalingConfiguration", "web", **CONFIGURATION),
                manifest("ScalingGroup", "web", maxSize=5, desiredSize=4, configuration=source),
                manifest("RollingUpdate", "next", scalingGroup="web", **SCRIPT),
            ]
        )
    )
    assert main(["plan", "-f", str(path), "--kubeconfig=/no/such/file"]) == 1
    said = capsys.readouterr().out
    assert said.count("ScalingGroup default/web: would be created") == 1
    assert "RollingUpdate default/next: would be created" in said
