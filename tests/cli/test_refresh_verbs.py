"""What people do with refreshes: create, wait, suspend, resume, cancel, roll back."""

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.cli.bodies import body as group_body
from tests.cli.test_refresh_subject import BEGUN, refresh
from tests.cli.test_subjects import Served
from tests.cluster_client.fake_api import replies, status
from tests.worlds import fleet, group, view
from windlass.api.instance_refresh import InstanceRefreshSpec
from windlass.cli.main import main, parser
from windlass.cli.subjects import SUBJECTS
from windlass.cli.subjects.refresh.create import spec_of


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    made = Served(tmp_path)
    made.put("scalinggroups", group_body(view(group(3), fleet(3))))
    yield made
    made.close()


def said(served: Served, line: str, capsys: pytest.CaptureFixture[str]) -> tuple[int, str]:
    """The exit code, and all that was said."""
    code = served.windlass(line, SUBJECTS)
    captured = capsys.readouterr()
    return code, captured.out + captured.err


def stored(served: Served) -> list[dict[str, Any]]:
    return served.api.objects.selected("instancerefreshes")


def goes_on(served: Served, *changes: dict[str, Any], **spec: Any) -> None:
    """The operator says these of the refresh that somebody watches, one after the other."""

    async def play() -> None:
        while not any("watch" in seen.query and "instancerefreshes" in seen.path for seen in served.api.seen):
            await asyncio.sleep(0.01)
        for change in changes:
            (body,) = stored(served)
            body = {**body, "spec": {**body["spec"], **spec}}
            await served.api.put("instancerefreshes", {**body, "status": change})
            await asyncio.sleep(0.3)  # longer than changes are gathered to one picture

    served.begin(play())


# ---- refresh


def flags(line: str) -> dict[str, Any]:
    return spec_of(parser().parse_args(["refresh", "web", *line.split()]))


@pytest.mark.parametrize(
    ("line", "spec"),
    [
        ("", {}),
        ("--image web:2", {"desiredConfiguration": {"image": "web:2"}}),
        (
            "--configuration next --container web=web:2 --container log=log:3",
            {
                "desiredConfiguration": {
                    "scalingConfiguration": "next",
                    "containers": [{"name": "web", "image": "web:2"}, {"name": "log", "image": "log:3"}],
                }
            },
        ),
        ("--template web:Latest", {"desiredConfiguration": {"launchTemplate": {"name": "web", "version": "Latest"}}}),
        ("--min-healthy 0 --max-healthy 150", {"minHealthyPercentage": 0, "maxHealthyPercentage": 150}),
        ("--checkpoints 20,50,100 --checkpoint-pause 5", {"checkpoints": [20, 50, 100], "checkpointPauseMinutes": 5}),
        (
            "--no-skip-matching --auto-rollback --bake 0",
            {"skipMatching": False, "autoRollback": True, "bakeSeconds": 0},
        ),
    ],
)
def test_flags_are_fields_of_the_spec_and_nothing_else(line: str, spec: dict[str, Any]):
    assert flags(line) == {"scalingGroup": "web", **spec}
    assert InstanceRefreshSpec.model_validate(flags(line))


@pytest.mark.parametrize(
    ("line", "wrong"),
    [
        ("--checkpoints 50,20", "'50,20' is no list of ascending percentages such as 20,50,100"),
        ("--checkpoints 20,,100", "is no list of ascending percentages"),
        ("--container web", "'web' is not a container and its image"),
        ("--template web", "'web' is not a template and its version such as web:3"),
        ("--min-healthy 80%", "'80%' is not a whole number"),
    ],
)
def test_flags_that_make_no_sense_end_with_two(line: str, wrong: str, capsys: pytest.CaptureFixture[str]):
    with pytest.raises(SystemExit) as ended:
        main(["refresh", "web", *line.split()])
    assert ended.value.code == 2
    assert wrong in capsys.readouterr().err


def test_it_is_created_under_a_name_of_its_own_and_marked_as_made_here(
    served: Served, capsys: pytest.CaptureFixture[str]
):
    code, out = said(served, "refresh web --image web:2", capsys)
    (made,) = stored(served)
    name = made["metadata"]["name"]
    assert (code, out) == (0, f"InstanceRefresh default/{name}: created\n")
    assert name.startswith("web-")
    assert len(name) == len("web-") + 5
    assert made["metadata"]["annotations"] == {"windlass.dev/made-by": "kubectl-windlass"}
    assert made["spec"] == {"scalingGroup": "web", "desiredConfiguration": {"image": "web:2"}}


def test_programs_get_its_name(served: Served, capsys: pytest.CaptureFixture[str]):
    assert served.windlass("refresh web --name mine -o json", SUBJECTS) == 0
    assert json.loads(capsys.readouterr().out) == {
        "namespace": "default",
        "name": "mine",
        "group": "web",
        "message": None,
    }


def test_a_group_that_is_not_there_is_answered_with_its_neighbours(served: Served, capsys: pytest.CaptureFixture[str]):
    code, out = said(served, "refresh wbe --image web:2", capsys)
    assert code == 1
    assert "there is no group 'wbe' in namespace default; did you mean web?" in out
    assert stored(served) == []


def test_another_one_that_is_active_is_named_and_nothing_is_created(served: Served, capsys: pytest.CaptureFixture[str]):
    served.put("instancerefreshes", refresh("first", status=BEGUN))
    code, out = said(served, "refresh web", capsys)
    assert code == 1
    assert "refresh first of group web is active (Paused)" in out
    assert len(stored(served)) == 1


def test_a_refusal_of_the_api_server_is_one_sentence(served: Served, capsys: pytest.CaptureFixture[str]):
    served.api.fail_next(replies(422, status(422, "Invalid", "the last of checkpoints must be 100, not 50")), "POST")
    code, out = said(served, "refresh web --checkpoints 50", capsys)
    assert code == 1
    assert "the last of checkpoints must be 100, not 50" in out
    assert out.count("\n") == 1


# ---- waiting


def test_waiting_says_each_change_with_a_bar_and_ends_with_success(served: Served, capsys: pytest.CaptureFixture[str]):
    half = {**BEGUN, "phase": "Running", "updated": 5, "percentage": 50, "message": "5 of 10 updated; waits for 5"}
    goes_on(served, half, {**half, "phase": "Successful", "percentage": 100, "message": "10 instances"})
    code, out = said(served, "refresh web --wait", capsys)
    lines = [line.split("   ", 1)[1] for line in out.splitlines()[1:]]
    assert code == 0
    assert lines == [
        "[--------------------]   0 %   no operator has looked at this refresh yet",
        "[##########----------]  50 %   5 of 10 updated; waits for 5",
        "[####################] 100 %   10 instances",
    ]


@pytest.mark.parametrize(
    ("phase", "spec", "code"),
    [
        ("Failed", {}, 1),
        ("Cancelled", {"state": "Cancelled"}, 1),
        ("RolledBack", {"autoRollback": True}, 1),
        ("RolledBack", {"state": "RolledBack"}, 0),
        ("RollbackFailed", {"state": "RolledBack"}, 1),
    ],
)
def test_the_exit_code_of_waiting_says_whether_it_ended_as_asked(
    phase: str, spec: dict[str, Any], code: int, served: Served, capsys: pytest.CaptureFixture[str]
):
    goes_on(served, {**BEGUN, "phase": phase, "message": "so it went"}, **spec)
    assert said(served, "refresh web --name mine --wait", capsys)[0] == code


def test_a_failure_is_told_in_a_sentence(served: Served, capsys: pytest.CaptureFixture[str]):
    goes_on(served, {**BEGUN, "phase": "Failed", "message": "no image"})
    _, out = said(served, "refresh web --name mine --wait", capsys)
    assert out.endswith("kubectl windlass: refresh mine ended as Failed: no image\n")


def test_waiting_ends_when_time_is_up(served: Served, capsys: pytest.CaptureFixture[str]):
    code, out = said(served, "refresh web --name mine --wait --timeout 1s", capsys)
    assert code == 1
    assert "mine is not settled after 1s: 0 of 0 updated" in out
    assert "`kubectl windlass explain refresh mine -n default` says more" in out


# ---- what is wanted of it


@pytest.mark.parametrize(
    ("verb", "before", "after", "words"),
    [
        ("suspend", "Running", "Suspended", "Running → Suspended"),
        ("resume", "Suspended", "Running", "Suspended → Running"),
        ("cancel", "Running", "Cancelled", "Running → Cancelled"),
        ("rollback", "Suspended", "RolledBack", "Suspended → RolledBack"),
        ("suspend", "Suspended", "Suspended", "is Suspended already"),
    ],
)
def test_a_verb_is_a_state(
    verb: str, before: str, after: str, words: str, served: Served, capsys: pytest.CaptureFixture[str]
):
    served.put("instancerefreshes", refresh(status={**BEGUN, "phase": "Running"}, state=before, stateReason="lunch"))
    assert said(served, f"{verb} web-abcde", capsys) == (0, f"InstanceRefresh default/web-abcde: {words}\n")
    (found,) = stored(served)
    assert found["spec"]["state"] == after
    assert ("stateReason" in found["spec"]) == (before == after)


def test_a_pause_ends_by_the_approval_of_its_checkpoint(served: Served, capsys: pytest.CaptureFixture[str]):
    served.put("instancerefreshes", refresh(status=BEGUN, state="Running"))
    code, out = said(served, "resume web-abcde", capsys)
    assert (code, out) == (0, "InstanceRefresh default/web-abcde: goes on from checkpoint 20 %\n")
    (found,) = stored(served)
    assert found["metadata"]["annotations"] == {"windlass.dev/approved-checkpoint": "20"}


def test_one_that_is_over_is_left_alone(served: Served, capsys: pytest.CaptureFixture[str]):
    served.put("instancerefreshes", refresh(status={**BEGUN, "phase": "Failed", "message": "no image"}))
    code, out = said(served, "rollback web-abcde", capsys)
    assert (code, out) == (1, "kubectl windlass: refresh web-abcde is over, as Failed: no image\n")


def test_programs_get_the_state_before_and_after(served: Served, capsys: pytest.CaptureFixture[str]):
    served.put("instancerefreshes", refresh(status=BEGUN))
    assert served.windlass("cancel web-abcde -o json", SUBJECTS) == 0
    assert json.loads(capsys.readouterr().out) == {
        "namespace": "default",
        "name": "web-abcde",
        "before": "Running",
        "state": "Cancelled",
    }


def test_there_is_no_way_back_for_a_group_that_follows_a_word(
    served: Served, capsys: pytest.CaptureFixture[str]
) -> None:
    body = group_body(view(group(3), fleet(3)))
    asked = {"launchTemplate": {"name": "web", "version": "Latest"}}
    served.put("scalinggroups", {**body, "spec": {**body["spec"], "configuration": asked}})
    served.put("instancerefreshes", refresh(status=BEGUN))
    code, out = said(served, "rollback web-abcde", capsys)
    assert code == 1
    assert "cannot be rolled back: its group asks for LaunchTemplate web:Latest" in out
    assert stored(served)[0]["spec"].get("state", "Running") == "Running"


def test_there_is_no_way_back_from_the_groups_own_configuration(
    served: Served, capsys: pytest.CaptureFixture[str]
) -> None:
    served.put("instancerefreshes", refresh(status=BEGUN | {"fromRevision": "web-2"}))
    code, out = said(served, "rollback web-abcde", capsys)
    assert code == 1
    assert "cannot be rolled back: its instances are made from the group's own configuration" in out
    assert stored(served)[0]["spec"].get("state", "Running") == "Running"
