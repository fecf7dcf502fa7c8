"""What people do with updates: create, wait, approve, suspend, resume, cancel, roll back."""

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.cli.bodies import body as group_body
from tests.cli.test_refresh_subject import BEGUN, refresh
from tests.cli.test_subjects import Served
from tests.cli.test_update_subject import PAUSED, ROLLS_BACK, update
from tests.cluster_client.fake_api import replies, status
from tests.worlds import fleet, group, view
from windlass.api.rolling_update import MAX_NAME, PauseOption, RollingUpdateSpec
from windlass.cli.main import PAUSES, main, parser
from windlass.cli.subjects import SUBJECTS
from windlass.cli.subjects.update.create import spec_of


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    made = Served(tmp_path)
    made.put("scalinggroups", group_body(view(group(3), fleet(3))))
    yield made
    made.close()


def said(served: Served, arguments: list[str] | str, capsys: pytest.CaptureFixture[str]) -> tuple[int, str]:
    """The exit code, and all that was said."""
    code = served.windlass(arguments if isinstance(arguments, str) else " ".join(arguments), SUBJECTS)
    captured = capsys.readouterr()
    return code, captured.out + captured.err


def stored(served: Served) -> list[dict[str, Any]]:
    return served.api.objects.selected("rollingupdates")


def goes_on(served: Served, *changes: dict[str, Any]) -> None:
    """The operator says these of the update that somebody watches, one after the other."""

    async def play() -> None:
        while not any("watch" in seen.query and "rollingupdates" in seen.path for seen in served.api.seen):
            await asyncio.sleep(0.01)
        for change in changes:
            (body,) = stored(served)
            await served.api.put("rollingupdates", {**body, "status": change})
            await asyncio.sleep(0.3)  # longer than changes are gathered to one picture

    served.begin(play())


# ---- update


def spec(*arguments: str) -> dict[str, Any]:
    return spec_of(parser().parse_args(["update", *arguments]))


@pytest.mark.parametrize(
    ("arguments", "wanted"),
    [
        (["image", "web", "web:2"], {"kind": "Image", "image": {"image": "web:2"}}),
        (
            ["image", "web", "web:2", "--container", "web", "--rollback-image", "web:1", "--batches", "5"],
            {"kind": "Image", "image": {"container": "web", "image": "web:2", "rollbackImage": "web:1"}, "batches": 5},
        ),
        (
            ["image", "web", "web:2", "--pause", "EveryBatchPause"],
            {"kind": "Image", "image": {"image": "web:2"}, "pause": "EveryBatchPause"},
        ),
        (["script", "web", "--run", "make it so"], {"kind": "Script", "script": {"run": "make it so"}}),
        (
            ["script", "web", "--run", "up", "--rollback", "down", "--timeout", "5m", "--idempotent"],
            {
                "kind": "Script",
                "script": {"run": "up", "rollback": "down", "timeoutSeconds": 300, "idempotent": True},
            },
        ),
        (
            ["package", "web", "htop", "3.2", "--source", "packages"],
            {"kind": "Package", "package": {"name": "htop", "version": "3.2", "source": "packages"}},
        ),
        (
            ["package", "web", "htop", "3.2", "--source", "p", "--uninstall", "--container", "log"],
            {
                "kind": "Package",
                "package": {
                    "name": "htop",
                    "version": "3.2",
                    "action": "Uninstall",
                    "source": "p",
                    "container": "log",
                },
            },
        ),
    ],
)
def test_flags_are_fields_of_the_spec_and_nothing_else(arguments: list[str], wanted: dict[str, Any]):
    assert spec(*arguments) == {"scalingGroup": "web", **wanted}
    assert RollingUpdateSpec.model_validate(spec(*arguments))


def test_the_pauses_are_those_of_the_kind():
    assert list(PAUSES) == [each.value for each in PauseOption]


@pytest.mark.parametrize(
    ("line", "wrong"),
    [
        ("image web", "the following arguments are required: IMAGE"),
        ("script web", "the following arguments are required: --run"),
        ("package web htop 3.2", "the following arguments are required: --source"),
        ("image web web:2 --pause Never", "invalid choice: 'Never'"),
        ("image web web:2 --batches some", "'some' is not a whole number"),
        ("script web --run x --timeout 60", "'60' is not a time such as 90s, 10m or 1h"),
        ("", "the following arguments are required: image|script|package|rollback"),
    ],
)
def test_flags_that_make_no_sense_end_with_two(line: str, wrong: str, capsys: pytest.CaptureFixture[str]):
    with pytest.raises(SystemExit) as ended:
        main(["update", *line.split()])
    assert ended.value.code == 2
    assert wrong in capsys.readouterr().err


def test_it_is_created_under_a_name_of_its_own_and_marked_as_made_here(
    served: Served, capsys: pytest.CaptureFixture[str]
):
    code, out = said(served, "update image web web:2 --batches 2", capsys)
    (made,) = stored(served)
    name = made["metadata"]["name"]
    assert (code, out) == (0, f"RollingUpdate default/{name}: created\n")
    assert name.startswith("web-")
    assert len(name) == len("web-") + 5
    assert made["metadata"]["annotations"] == {"windlass.dev/made-by": "kubectl-windlass"}
    assert made["spec"] == {"scalingGroup": "web", "kind": "Image", "image": {"image": "web:2"}, "batches": 2}


def test_its_own_name_is_never_longer_than_a_label_takes(served: Served, capsys: pytest.CaptureFixture[str]):
    long = "a-very-long-name-of-a-group-that-somebody-gave-it-long-ago-x-y-z"
    body = group_body(view(group(3), fleet(3)))
    served.put("scalinggroups", {**body, "metadata": {**body["metadata"], "name": long, "uid": "long"}})
    assert said(served, f"update image {long} web:2", capsys)[0] == 0
    (made,) = stored(served)
    assert len(made["metadata"]["name"]) <= MAX_NAME


def test_programs_get_its_name(served: Served, capsys: pytest.CaptureFixture[str]):
    assert served.windlass("update script web --run true --name mine -o json", SUBJECTS) == 0
    assert json.loads(capsys.readouterr().out) == {
        "namespace": "default",
        "name": "mine",
        "group": "web",
        "message": None,
    }


def test_a_group_that_is_not_there_is_answered_with_its_neighbours(served: Served, capsys: pytest.CaptureFixture[str]):
    code, out = said(served, "update image wbe web:2", capsys)
    assert code == 1
    assert "there is no group 'wbe' in namespace default; did you mean web?" in out
    assert stored(served) == []


def test_another_task_of_the_group_that_is_active_is_named_and_nothing_is_created(
    served: Served, capsys: pytest.CaptureFixture[str]
):
    served.put("instancerefreshes", refresh("first", status=BEGUN))
    code, out = said(served, "update image web web:2", capsys)
    assert code == 1
    assert "refresh first of group web is active (Paused)" in out
    assert stored(served) == []


def test_a_refresh_is_not_created_while_an_update_is_active(served: Served, capsys: pytest.CaptureFixture[str]):
    served.put("rollingupdates", update(status=PAUSED))
    code, out = said(served, "refresh web", capsys)
    assert code == 1
    assert "update u1 of group web is active (Paused): wait until it is over, or end it: " in out
    assert "kubectl windlass cancel u1 -n default" in out


def test_a_refusal_of_the_api_server_is_one_sentence(served: Served, capsys: pytest.CaptureFixture[str]):
    served.api.fail_next(replies(422, status(422, "Invalid", "spec.batches must be at most 1000")), "POST")
    code, out = said(served, "update image web web:2 --batches 1001", capsys)
    assert code == 1
    assert "spec.batches must be at most 1000" in out
    assert out.count("\n") == 1


# ---- rollback


def test_a_rollback_names_the_earlier_one_and_takes_its_group_and_kind(
    served: Served, capsys: pytest.CaptureFixture[str]
):
    served.put("rollingupdates", update(status={**PAUSED, "phase": "Failed"}, **ROLLS_BACK))
    assert said(served, "update rollback u1 --name back --batches 2", capsys)[0] == 0
    back = next(body for body in stored(served) if body["metadata"]["name"] == "back")
    wanted = {"scalingGroup": "web", "kind": "Script", "invoke": "Rollback", "rollbackOf": "u1", "batches": 2}
    assert back["spec"] == wanted


@pytest.mark.parametrize(
    ("phase", "wanted", "why"),
    [
        ("Paused", ROLLS_BACK, "RollingUpdate u1 has not ended: cancel it or wait"),
        ("Failed", {}, "RollingUpdate u1 cannot be undone: it has no script.rollback; give it in this update"),
        (
            "Successful",
            {"kind": "Image", "image": {"image": "web:2"}},
            "RollingUpdate u1 cannot be undone: it has no image.rollbackImage",
        ),
    ],
)
def test_what_cannot_be_rolled_back_is_not(
    phase: str, wanted: dict[str, Any], why: str, served: Served, capsys: pytest.CaptureFixture[str]
):
    served.put("rollingupdates", update(status={**PAUSED, "phase": phase}, **wanted))
    code, out = said(served, "update rollback u1", capsys)
    assert code == 1
    assert why in out
    assert len(stored(served)) == 1


def test_a_package_can_always_be_rolled_back(served: Served, capsys: pytest.CaptureFixture[str]):
    package = {"kind": "Package", "package": {"name": "htop", "version": "3.2", "source": "packages"}}
    served.put("rollingupdates", update(status={**PAUSED, "phase": "Successful"}, **package))
    assert said(served, "update rollback u1", capsys)[0] == 0


# ---- waiting


def test_waiting_says_each_change_with_a_bar_and_ends_with_success(served: Served, capsys: pytest.CaptureFixture[str]):
    half = {**PAUSED, "phase": "Running", "failed": 0, "succeeded": 2, "message": "2 of 4 done; waits for 2"}
    goes_on(served, half, {**half, "phase": "Successful", "succeeded": 4, "message": "done on 4 instances"})
    code, out = said(served, "update image web web:2 --wait", capsys)
    lines = [line.split("   ", 1)[1] for line in out.splitlines()[1:]]
    assert code == 0
    # The update may go on before it is looked at for the first time.
    assert lines[-2:] == [
        "[##########----------]  50 %   2 of 4 done; waits for 2",
        "[####################] 100 %   done on 4 instances",
    ]


@pytest.mark.parametrize("phase", ["Failed", "Cancelled"])
def test_the_exit_code_of_waiting_says_that_it_did_not_succeed(
    phase: str, served: Served, capsys: pytest.CaptureFixture[str]
):
    goes_on(served, {**PAUSED, "phase": phase, "message": "so it went"})
    code, out = said(served, "update image web web:2 --name mine --wait", capsys)
    assert (code, out.splitlines()[-1]) == (1, f"kubectl windlass: update mine ended as {phase}: so it went")


def test_waiting_ends_when_time_is_up(served: Served, capsys: pytest.CaptureFixture[str]):
    code, out = said(served, "update image web web:2 --name mine --wait --wait-timeout 1s", capsys)
    assert code == 1
    assert "mine is not settled after 1s: 0 of 0 done" in out
    assert "`kubectl windlass explain update mine -n default` says more" in out


# ---- what is wanted of it


@pytest.mark.parametrize(
    ("verb", "before", "after", "words"),
    [
        ("suspend", "Running", "Suspended", "Running → Suspended"),
        ("resume", "Suspended", "Running", "Suspended → Running"),
        ("cancel", "Running", "Cancelled", "Running → Cancelled"),
        ("suspend", "Suspended", "Suspended", "is Suspended already"),
    ],
)
def test_a_verb_is_a_state(
    verb: str, before: str, after: str, words: str, served: Served, capsys: pytest.CaptureFixture[str]
):
    served.put("rollingupdates", update(status={**PAUSED, "phase": "Running"}, state=before, stateReason="lunch"))
    assert said(served, f"{verb} u1", capsys) == (0, f"RollingUpdate default/u1: {words}\n")
    (found,) = stored(served)
    assert found["spec"]["state"] == after
    assert ("stateReason" in found["spec"]) == (before == after)


@pytest.mark.parametrize("verb", ["approve", "resume"])
@pytest.mark.parametrize(
    ("batch", "approved", "raised"),
    [
        (1, 1, 2),  # a pause before batch 2
        (3, 1, 4),
        (1, 2, 3),  # batch 2 was approved before batch 1 failed
        (2, 5, 6),
    ],
)
def test_a_pause_ends_when_approved_batches_is_raised(
    verb: str, batch: int, approved: int, raised: int, served: Served, capsys: pytest.CaptureFixture[str]
):
    paused = {**PAUSED, "batch": batch, "batches": 9}
    served.put("rollingupdates", update(status=paused, state="Running", approvedBatches=approved))
    words = f"goes on with batch {batch + 1} of 9"
    assert said(served, f"{verb} u1", capsys) == (0, f"RollingUpdate default/u1: {words}\n")
    (found,) = stored(served)
    assert found["spec"]["approvedBatches"] == raised


def test_who_approves_twice_approves_one_batch(served: Served, capsys: pytest.CaptureFixture[str]):
    body = update(status=PAUSED, approvedBatches=2)
    served.put("rollingupdates", {**body, "metadata": {**body["metadata"], "generation": 2}})
    code, out = said(served, "approve u1", capsys)
    assert (code, "batch 2 is approved already" in out) == (0, True)
    assert stored(served)[0]["spec"]["approvedBatches"] == 2


def test_one_that_does_not_pause_is_not_approved(served: Served, capsys: pytest.CaptureFixture[str]):
    served.put("rollingupdates", update(status={**PAUSED, "phase": "Running", "message": "1 of 4 done"}))
    code, out = said(served, "approve u1", capsys)
    assert (code, out) == (1, "kubectl windlass: update u1 does not pause, it is Running: 1 of 4 done\n")


def test_a_refresh_is_approved_by_the_same_verb(served: Served, capsys: pytest.CaptureFixture[str]):
    served.put("instancerefreshes", refresh(status=BEGUN, state="Running"))
    code, out = said(served, "approve web-abcde", capsys)
    assert (code, out) == (0, "InstanceRefresh default/web-abcde: goes on from checkpoint 20 %\n")
    found = served.api.object("instancerefreshes", "default", "web-abcde")
    assert found["metadata"]["annotations"] == {"windlass.dev/approved-checkpoint": "20"}


def test_one_that_is_over_is_left_alone(served: Served, capsys: pytest.CaptureFixture[str]):
    served.put("rollingupdates", update(status={**PAUSED, "phase": "Failed", "message": "no image"}))
    assert said(served, "cancel u1", capsys) == (1, "kubectl windlass: update u1 is over, as Failed: no image\n")


def test_an_update_is_undone_by_another_one(served: Served, capsys: pytest.CaptureFixture[str]):
    served.put("rollingupdates", update(status={**PAUSED, "phase": "Failed"}))
    code, out = said(served, "rollback u1", capsys)
    assert code == 1
    assert "u1 is a RollingUpdate, which another one undoes: kubectl windlass update rollback u1 -n default" in out


# ---- names


def test_a_name_of_both_kinds_means_the_one_that_goes_on(served: Served, capsys: pytest.CaptureFixture[str]):
    served.put("instancerefreshes", refresh("u1", status={**BEGUN, "phase": "Successful"}))
    served.put("rollingupdates", update(status={**PAUSED, "phase": "Running"}))
    assert said(served, "cancel u1", capsys)[1] == "RollingUpdate default/u1: Running → Cancelled\n"


def test_where_both_go_on_one_says_which(served: Served, capsys: pytest.CaptureFixture[str]):
    served.put("instancerefreshes", refresh("u1", status=BEGUN, scalingGroup="other"))
    served.put("rollingupdates", update(status={**PAUSED, "phase": "Running"}))
    code, out = said(served, "cancel u1", capsys)
    assert (code, out) == (
        1,
        "kubectl windlass: there are refresh u1 and update u1: say refresh/u1 or update/u1\n",
    )
    assert said(served, "cancel refresh/u1", capsys)[1] == "InstanceRefresh default/u1: Running → Cancelled\n"
    assert said(served, "cancel ru/u1", capsys)[1] == "RollingUpdate default/u1: Running → Cancelled\n"


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("u2", "there is no refresh or update 'u2' in namespace default; there are u1"),
        ("group/u1", "group/u1: nothing of kind 'group' can be asked to cancel"),
    ],
)
def test_a_name_that_nothing_has_is_said_to_be_none(
    name: str, why: str, served: Served, capsys: pytest.CaptureFixture[str]
):
    served.put("rollingupdates", update(status=PAUSED))
    code, out = said(served, f"cancel {name}", capsys)
    assert code == 1
    assert why in out
