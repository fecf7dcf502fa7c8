"""Why stack sets, operations, instances and targets are as they are, and what people are told to do."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.cli.stack_bodies import HELLO, Hub, begun, instance, operation, region, stack_set, target
from tests.cluster_client.fake_api import replies, status

LATER = "2026-01-15T12:05:00Z"
ERRORS = [{"object": "Deployment default/web", "message": "no image"}]
ACCOUNT = "default/deployer"
FAILED = {"errors": ERRORS, "errorCount": 3, "message": "no image (3 errors in all)"}


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[Hub]:
    made = Hub(tmp_path)
    yield made
    made.close()


def section(out: str, title: str) -> list[str]:
    """The lines below a title, without their indentation; none where there is no such section."""
    lines = out.splitlines()
    if title not in lines:
        return []
    below = lines[lines.index(title) + 1 :]
    return [line.strip() for line in below[: below.index("")] if line] if "" in below else [x.strip() for x in below]


# ---- an operation: what it waits for


def test_one_that_is_not_the_first_names_the_one_before_it(hub: Hub, capsys: pytest.CaptureFixture[str]):
    hub.holds("stacksets", stack_set())
    first = operation("first", status=begun(region("eu-1", 1, running=1)))
    hub.holds("stacksetoperations", first, operation("second", at=LATER))
    code, out = hub.says("explain operation second", capsys)
    assert code == 0
    assert out.splitlines()[:2] == [
        "StackSetOperation default/second, DeploySet of StackSet shop: Pending",
        "  waits for StackSetOperation first: the operations of a set run one at a time",
    ]
    assert "see what is before it: kubectl windlass explain operation first -n default" in section(out, "What to do")


def test_one_whose_set_depends_on_another_names_that(hub: Hub, capsys: pytest.CaptureFixture[str]):
    hub.holds("stacksets", stack_set(dependsOn=["base"]), stack_set(name="base"))
    hub.holds("stacksetoperations", operation("first"))
    hub.holds("stackinstances", instance("eu-1", "acme"))
    _, out = hub.says("explain operation first", capsys)
    assert "waits for StackSet base, on which this set depends: it has no operation that succeeded" in out
    assert "kubectl windlass explain stackset base -n default" in out


def test_one_that_waits_for_busy_instances_names_them(hub: Hub, capsys: pytest.CaptureFixture[str]):
    hub.holds("stacksets", stack_set())
    hub.holds("stacksetoperations", operation("second"))
    hub.holds("stackinstances", instance("eu-1", "acme", "OPERATION_IN_PROGRESS"))
    _, out = hub.says("explain operation second", capsys)
    assert "waits for shop.eu-1.acme: still being worked at" in out
    assert "kubectl windlass explain stackinstance shop.eu-1.acme -n default" in out


def test_one_that_would_be_refused_says_so_in_the_operators_words(hub: Hub, capsys: pytest.CaptureFixture[str]):
    hub.holds("stacksets", stack_set(variables=""))
    hub.holds("stacksetoperations", operation("first"))
    hub.holds("stackinstances", instance("eu-1", "acme"))
    _, out = hub.says("explain operation first", capsys)
    assert out.splitlines()[1].startswith("  400: the template ")
    assert "greeting" in out.splitlines()[1]
    assert "correct that, and create another operation: this one does not run again" in section(out, "What to do")


def test_one_that_runs_tells_what_is_worked_at_and_how_much_strict_tolerance_lets_begin(
    hub: Hub, capsys: pytest.CaptureFixture[str]
):
    hub.holds("stacksets", stack_set())
    status = begun(region("eu-1", 4, tolerance=1, concurrency=3), region("us-1", 1))
    hub.holds("stacksetoperations", operation("first", status=status))
    hub.holds(
        "stackinstances",
        instance("eu-1", "a", "OPERATION_FAILED", **FAILED),
        instance("eu-1", "b", "OPERATION_IN_PROGRESS"),
        instance("eu-1", "c", "WAIT_IN_PROGRESS"),
        instance("eu-1", "d"),
        instance("us-1", "a", "WAIT_IN_PROGRESS"),
    )
    _, out = hub.says("explain operation first", capsys)
    assert section(out, "Waiting for") == [
        "region eu-1: at most 1 at once instead of 3, because none more may fail (STRICT_FAILURE_TOLERANCE)",
        "the end of shop.eu-1.b",
    ]
    assert section(out, "Regions") == [
        "eu-1   1 of 4 done, 1 failed (1 may), 1 being worked at (at most 3 at once), 1 waiting",
        "us-1   0 of 1 done, 0 failed (0 may), 0 being worked at (at most 1 at once), 1 waiting",
    ]
    assert section(out, "Failed") == ["shop.eu-1.a   OPERATION_FAILED   Deployment default/web: no image (3 errors)"]
    assert "or begin nothing more: kubectl windlass stop operation first -n default" in section(out, "What to do")


@pytest.mark.parametrize(
    ("order", "elsewhere"),
    [(["eu-1", "us-1"], " and in the regions after it"), ([], "")],
    ids=["SEQUENTIAL", "PARALLEL"],
)
def test_a_region_with_more_failures_than_are_borne_begins_nothing_more(
    order: list[str], elsewhere: str, hub: Hub, capsys: pytest.CaptureFixture[str]
):
    hub.holds("stacksets", stack_set())
    status = begun(region("eu-1", 2), region("us-1", 1), order=order)
    hub.holds("stacksetoperations", operation("first", status=status))
    hub.holds(
        "stackinstances",
        instance("eu-1", "a", "OPERATION_FAILED"),
        instance("eu-1", "b", "WAIT_IN_PROGRESS"),
        instance("us-1", "a", "OPERATION_IN_PROGRESS"),
    )
    _, out = hub.says("explain operation first", capsys)
    said = f"region eu-1: 1 failed, 0 may: nothing more begins there{elsewhere}"
    assert section(out, "Waiting for") == [said, "the end of shop.us-1.a"]


def test_one_that_was_stopped_finishes_what_was_begun(hub: Hub, capsys: pytest.CaptureFixture[str]):
    hub.holds("stacksets", stack_set())
    status = begun(region("eu-1", 1, running=1))
    hub.holds("stacksetoperations", operation("first", status=status, state="Stopped", stateReason="lunch"))
    hub.holds("stackinstances", instance("eu-1", "a", "OPERATION_IN_PROGRESS"))
    _, out = hub.says("explain operation first", capsys)
    assert "(Stopped: lunch)" in out
    assert section(out, "Waiting for") == ["it was stopped: nothing more begins", "the end of shop.eu-1.a"]
    assert "stop operation" not in out


def test_one_that_is_over_names_the_first_ten_that_failed_and_the_way_to_try_again(
    hub: Hub, capsys: pytest.CaptureFixture[str]
):
    hub.holds("stacksets", stack_set())
    status = begun(region("eu-1", 12, failed=12), phase="Failed", failed=12, message="too many failed")
    hub.holds("stacksetoperations", operation("first", status=status))
    hub.holds(
        "stackinstances", *(instance("eu-1", f"a{number:02}", "OPERATION_FAILED", **FAILED) for number in range(12))
    )
    _, out = hub.says("explain operation first", capsys)
    assert out.splitlines()[1] == "  too many failed"
    assert len(section(out, "Failed")) == 11
    assert section(out, "Failed")[-1] == "… and 2 more"
    assert section(out, "Operator") == []
    assert section(out, "What to do") == [
        "see all that went wrong: kubectl windlass explain stackinstance shop.eu-1.a00 -n default",
        "start it again where it failed or was cancelled: kubectl windlass retry operation first -n default",
    ]


def test_drift_is_told_with_its_fields(hub: Hub, capsys: pytest.CaptureFixture[str]):
    hub.holds("stacksets", stack_set())
    done = begun(region("eu-1", 1, succeeded=1), phase="Successful", succeeded=1, percentage=100)
    hub.holds("stacksetoperations", operation("first", "DetectDrift", status=done))
    drifted = [{"object": "Service default/web", "fields": ["spec.type", "spec.ports"]}, {"object": "Secret default/k"}]
    hub.holds("stackinstances", instance("eu-1", "a", drift="Drifted", drifted=drifted))
    _, out = hub.says("explain operation first", capsys)
    assert section(out, "Drifted") == [
        "shop.eu-1.a   OPERATION_COMPLETE   Service default/web: spec.type, spec.ports, and 1 more object"
    ]
    assert "put right what has drifted: start a StackSetOperation with action DeploySet" in out


def test_where_secrets_may_not_be_read_a_note_says_what_was_not_looked_at(hub: Hub, capsys: pytest.CaptureFixture[str]):
    hub.holds("stacksets", stack_set())
    hub.holds("stacksetoperations", operation("first"))
    hub.holds("stackinstances", instance("eu-1", "acme"))
    said = 'secrets "shop-snapshots" is forbidden: User "eve" cannot get resource "secrets"'
    forbidden = replies(403, status(403, "Forbidden", said))
    hub.api.faults.append((lambda request: "/secrets/" in request.path, forbidden))
    code, out = hub.says("explain operation first", capsys)
    assert code == 0
    assert "note: template and variables were not looked at: reading Secret default/shop-snapshots" in out


def test_nothing_is_written_to_explain(hub: Hub, capsys: pytest.CaptureFixture[str]):
    hub.holds("stacksets", stack_set())
    hub.holds("stacksetoperations", operation("first"))
    hub.holds("stackinstances", instance("eu-1", "acme"))
    before = dict(hub.member.objects)
    for what in ("stackset shop", "operation first", "stackinstance shop.eu-1.acme"):
        assert hub.says(f"explain {what}", capsys)[0] == 0
    assert (hub.writes(), hub.member.objects) == ([], before)


# ---- a set


def test_a_set_tells_its_operations_its_regions_and_its_failures(hub: Hub, capsys: pytest.CaptureFixture[str]):
    hub.holds("stacksets", stack_set({"phase": "Operating", "message": "first: so it goes"}))
    first = operation("first", status=begun(region("eu-1", 2, running=1)))
    hub.holds("stacksetoperations", first, operation("second", at=LATER), operation("third", at=LATER))
    hub.holds(
        "stackinstances",
        instance("eu-1", "a", "OPERATION_FAILED", of="zero", **FAILED),
        instance("eu-1", "b", "OPERATION_IN_PROGRESS"),
    )
    code, out = hub.says("explain stackset shop", capsys)
    assert (code, out.splitlines()[0]) == (0, "StackSet default/shop: Operating")
    told = section(out, "Operations")
    assert told[0].startswith("first, DeploySet: Running, [")
    assert told[1] == "then second, third"
    assert section(out, "Regions") == ["eu-1   1 OPERATION_IN_PROGRESS, 1 OPERATION_FAILED"]
    assert section(out, "Failed") == ["shop.eu-1.a   OPERATION_FAILED   Deployment default/web: no image (3 errors)"]
    assert "see how far the operation is: kubectl windlass explain operation first -n default" in out


def test_a_set_that_is_broken_says_so_before_an_operator_has_looked(hub: Hub, capsys: pytest.CaptureFixture[str]):
    hub.holds("stacksets", stack_set(variables=f"{HELLO}{HELLO}"))
    _, out = hub.says("explain stackset shop", capsys)
    assert "greeting" in out.splitlines()[1]
    assert out.splitlines()[1].startswith("  400: ")


def test_a_set_whose_instances_failed_names_the_operation_to_try_again(hub: Hub, capsys: pytest.CaptureFixture[str]):
    hub.holds("stacksets", stack_set())
    over = begun(region("eu-1", 1, failed=1), phase="Failed", failed=1)
    hub.holds("stacksetoperations", operation("first", status=over))
    hub.holds("stackinstances", instance("eu-1", "a", "OPERATION_FAILED", **FAILED))
    _, out = hub.says("explain stackset shop", capsys)
    assert "1 of 1 instance failed in their last operation" in out.splitlines()[1]
    assert "kubectl windlass retry operation first -n default" in out


# ---- an instance


@pytest.mark.parametrize(
    ("phase", "of_operation", "waits"),
    [
        (
            "WAIT_IN_PROGRESS",
            "Running",
            ["its turn in first: 0 of 2 instances over, 0 of them failed; 0 being worked at"],
        ),
        ("OPERATION_FAILED", "Failed", []),
    ],
)
def test_an_instance_tells_what_it_waits_for(
    phase: str, of_operation: str, waits: list[str], hub: Hub, capsys: pytest.CaptureFixture[str]
):
    hub.holds("stacksets", stack_set())
    hub.holds("stacksetoperations", operation("first", status=begun(region("eu-1", 2), phase=of_operation)))
    hub.holds("stackinstances", instance("eu-1", "a", phase), instance("eu-1", "b", "WAIT_IN_PROGRESS"))
    _, out = hub.says("explain stackinstance shop.eu-1.a", capsys)
    assert section(out, "Waiting for") == waits


def test_one_that_is_being_worked_at_says_for_how_long_it_may(hub: Hub, capsys: pytest.CaptureFixture[str]):
    hub.holds("stacksets", stack_set())
    hub.holds("stackinstances", instance("eu-1", "a", "OPERATION_IN_PROGRESS", startTime="2026-01-15T12:00:00Z"))
    _, out = hub.says("explain stackinstance shop.eu-1.a", capsys)
    (wait,) = section(out, "Waiting for")
    assert wait.startswith("what was begun ")
    assert wait.endswith(" ago; it may take 30 min")


def test_one_that_failed_shows_all_errors_its_target_and_the_way_to_try_again(
    hub: Hub, capsys: pytest.CaptureFixture[str]
):
    hub.holds("stacksets", stack_set())
    hub.holds("stacksetoperations", operation("first", status=begun(region("eu-1", 1, failed=1), phase="Failed")))
    errors = [*ERRORS, {"object": "", "message": "no time"}]
    hub.holds("stackinstances", instance("eu-1", "a", "OPERATION_FAILED", errors=errors, errorCount=2))
    hub.holds("stacktargets", target("eu-1", "a", {"phase": "Unreachable", "message": "nobody answers"}))
    _, out = hub.says("explain stackinstance shop.eu-1.a", capsys)
    assert section(out, "What went wrong") == ["Deployment default/web   no image", "the instance             no time"]
    assert section(out, "Target") == ["eu-1-a: Unreachable: nobody answers"]
    assert section(out, "What to do") == [
        "see what is wrong there: kubectl windlass explain stacktarget eu-1-a -n default",
        "mend that, and start it again: kubectl windlass retry operation first -n default",
    ]


def test_one_without_a_target_says_which_to_create(hub: Hub, capsys: pytest.CaptureFixture[str]):
    hub.holds("stacksets", stack_set())
    hub.holds("stackinstances", instance("eu-1", "a"))
    _, out = hub.says("explain stackinstance shop.eu-1.a", capsys)
    assert section(out, "Target") == ["there is no StackTarget of region eu-1 and account a"]
    assert "create a StackTarget of region eu-1 and account a" in out


# ---- a target


@pytest.mark.parametrize(
    ("phase", "spec", "advice"),
    [
        ("Ready", {}, []),
        (
            "Stalled",
            {},
            [f"see that ServiceAccount {ACCOUNT} is there, and listed in stackTargets.impersonate of Windlass' chart"],
        ),
        (
            "Unreachable",
            {"cluster": {"kubeconfigSecretRef": {"name": "eu"}}},
            ["look at the kubeconfig in Secret eu, key kubeconfig: kubectl describe secret eu -n default"],
        ),
    ],
)
def test_a_target_tells_what_is_deployed_to_it_and_what_to_do(
    phase: str, spec: dict[str, Any], advice: list[str], hub: Hub, capsys: pytest.CaptureFixture[str]
):
    hub.holds("stacktargets", target("eu-1", "a", {"phase": phase, "message": "so it is"}, **spec))
    hub.holds("stackinstances", instance("eu-1", "a"), instance("us-1", "a"))
    code, out = hub.says("explain stacktarget eu-1-a", capsys)
    assert (code, out.splitlines()[:2]) == (0, [f"StackTarget default/eu-1-a, eu-1/a: {phase}", "  so it is"])
    assert section(out, "Instances") == ["shop.eu-1.a   OPERATION_COMPLETE"]
    assert section(out, "What to do") == advice


def test_programs_get_the_same(hub: Hub, capsys: pytest.CaptureFixture[str]):
    hub.holds("stacksets", stack_set())
    hub.holds("stacksetoperations", operation("first", status=begun(region("eu-1", 2, tolerance=1))))
    hub.holds(
        "stackinstances",
        instance("eu-1", "a", "OPERATION_FAILED", **FAILED),
        instance("eu-1", "b", "OPERATION_IN_PROGRESS"),
    )
    found = json.loads(hub.says("explain operation first -o json", capsys)[1])
    assert found["waits"] == ["the end of shop.eu-1.b"]
    assert (found["regions"][0]["failed"], found["regions"][0]["tolerance"]) == (1, 1)
    assert found["running"] == ["shop.eu-1.b"]
    assert found["failures"][0]["problem"] == "Deployment default/web: no image (3 errors)"
