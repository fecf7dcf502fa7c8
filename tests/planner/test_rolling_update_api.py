"""The model of a RollingUpdate."""

from typing import Any

import pytest
from pydantic import ValidationError

from tests.worlds import NOW
from windlass.api.common import to_wire
from windlass.api.processes import Process
from windlass.api.rolling_update import KIND, RollingUpdateSpec, RollingUpdateStatus, UpdateKind, payload_name
from windlass.api.task import Phase
from windlass.api.update_run import UpdateRunStatus
from windlass.planner.rolling_update.update import Update

SMALLEST = {"scalingGroup": "web", "kind": "Script", "script": {"run": "true"}}
PACKAGE = {"name": "nginx", "version": "1.29.1", "source": "packages"}


def test_an_update_that_says_only_what_it_must_has_the_defaults_of_the_definition() -> None:
    assert to_wire(RollingUpdateSpec.model_validate(SMALLEST)) == {
        "scalingGroup": "web",
        "state": "Running",
        "kind": "Script",
        "invoke": "Invoke",
        "script": {"command": ["/bin/sh", "-c"], "run": "true", "timeoutSeconds": 600, "idempotent": False},
        "pause": "Automatic",
        "approvedBatches": 1,
        "enterProcesses": [],
    }


@pytest.mark.spec("rolling-update.md", "exit processes")
def test_none_of_the_processes_to_go_on_is_told_from_nothing_said() -> None:
    spec = RollingUpdateSpec.model_validate(SMALLEST | {"enterProcesses": ["ScaleIn"]})
    assert (spec.enter_processes, spec.exit_processes) == ((Process.SCALE_IN,), None)
    spec = RollingUpdateSpec.model_validate(SMALLEST | {"enterProcesses": ["ScaleIn"], "exitProcesses": []})
    assert spec.exit_processes == ()
    assert to_wire(spec)["exitProcesses"] == []


@pytest.mark.parametrize("kind", UpdateKind)
def test_each_kind_has_a_field_with_what_it_does(kind: UpdateKind) -> None:
    assert payload_name(kind) in RollingUpdateSpec.model_fields


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("state", "RolledBack"),
        ("clientToken", "a" * 65),
        ("clientToken", "größe"),
        ("kind", "Restart"),
        ("invoke", "Undo"),
        ("rollbackOf", "Web"),
        ("image", {"image": "web 2"}),
        ("image", {"image": "web:2", "rollbackImage": ""}),
        ("image", {"image": "web:2", "container": "web.2"}),
        ("script", {"run": ""}),
        ("script", {"run": "a" * 16_385}),
        ("script", {"run": "true", "rollback": ""}),
        ("script", {"run": "true", "command": []}),
        ("script", {"run": "true", "command": ["a"] * 21}),
        ("script", {"run": "true", "command": ["a" * 257]}),
        ("script", {"run": "true", "timeoutSeconds": 0}),
        ("script", {"run": "true", "timeoutSeconds": 86_401}),
        ("package", PACKAGE | {"name": "-nginx"}),
        ("package", PACKAGE | {"name": "nginx; reboot"}),
        ("package", PACKAGE | {"version": ">=1.2"}),
        ("package", PACKAGE | {"action": "Purge"}),
        ("package", PACKAGE | {"source": "Packages"}),
        ("batches", 0),
        ("batches", 1001),
        ("pause", "LastBatchPause"),
        ("approvedBatches", 0),
        ("approvedBatches", 10_001),
        ("enterProcesses", ["ScaleUp"]),
        ("exitProcesses", ["ScaleUp"]),
        ("ttlSecondsAfterFinished", -1),
    ],
)
def test_the_model_refuses_what_the_definition_refuses(field: str, value: Any) -> None:
    with pytest.raises(ValidationError):
        RollingUpdateSpec.model_validate(SMALLEST | {field: value})


def test_every_field_but_those_that_people_stop_it_and_let_it_go_on_by_has_a_rule_against_changes() -> None:
    told = {rule.field for rule in KIND.spec_rules if "cannot be changed" in rule.message}
    fields = {f".{field.alias}" for field in RollingUpdateSpec.model_fields.values()}
    assert fields - told == {".state", ".stateReason", ".approvedBatches"}


def test_what_can_be_changed_makes_no_other_wish_of_it() -> None:
    changed = {"state": "Suspended", "stateReason": "a look at it", "approvedBatches": 3}
    assert _digest(**changed) == _digest()
    assert _digest(batches=2) != _digest()


def _digest(**spec: Any) -> str:
    return Update("u1", "uid", 1, NOW, RollingUpdateSpec.model_validate(SMALLEST | spec)).digest


def test_a_status_comes_back_from_the_wire_as_it_went() -> None:
    failure = {"name": "web-3", "result": "Failed", "exitCode": 124, "output": "killed after 600 s"}
    wire = {
        "observedGeneration": 1,
        "phase": "Paused",
        "message": "4 of 10 done",
        "batch": 1,
        "batches": 2,
        "total": 10,
        "succeeded": 4,
        "failed": 1,
        "unknown": 0,
        "skipped": 0,
        "fromRevision": "web-1",
        "toRevision": "web-2",
        "touched": [{"first": 0, "count": 5}],
        "failures": [failure],
        "waitingFor": "a person",
        "startTime": "2026-03-01T12:00:00Z",
        "conditions": [],
    }
    assert to_wire(RollingUpdateStatus.model_validate(wire)) == wire


def test_a_status_that_has_not_been_written_yet_has_not_started() -> None:
    status = RollingUpdateStatus.model_validate({})
    assert (status.phase, status.start_time, status.completion_time) == (Phase.PENDING, None, None)


def test_what_a_group_remembers_comes_back_from_the_wire_as_it_went() -> None:
    wire = {
        "name": "u1",
        "uid": "a",
        "digest": "d",
        "startedAt": "2026-03-01T12:00:00Z",
        "members": [{"first": 0, "count": 3}, {"first": 7, "count": 1}],
        "batches": 2,
        "batch": 2,
        "begun": [{"first": 3, "count": 1}],
        "phase": "Paused",
        "payload": "p",
        "fromRevision": "",
        "toRevision": "",
        "own": "",
        "succeeded": 1,
        "failed": 1,
        "unknown": 0,
        "skipped": 0,
        "accepted": 0,
        "approvedAtFailure": 1,
        "touched": [{"first": 0, "count": 2}],
        "failures": [{"name": "web-1", "result": "Unknown", "output": ""}],
        "committing": False,
        "message": "",
    }
    assert to_wire(UpdateRunStatus.model_validate(wire)) == wire
