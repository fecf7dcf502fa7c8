"""The model of an InstanceRefresh."""

from typing import Any

import pytest
from pydantic import ValidationError

from windlass.api.common import to_wire
from windlass.api.instance_refresh import (
    KIND,
    InstanceRefreshSpec,
    InstanceRefreshStatus,
)
from windlass.api.task import Phase
from windlass.planner.tasks import FINAL

SMALLEST = {"scalingGroup": "web"}
CONTAINER = {"name": "web", "image": "web:2"}


def test_a_refresh_that_says_only_what_it_must_has_the_defaults_of_the_definition() -> None:
    assert to_wire(InstanceRefreshSpec.model_validate(SMALLEST)) == {
        "scalingGroup": "web",
        "state": "Running",
        "minHealthyPercentage": 80,
        "maxHealthyPercentage": 120,
        "skipMatching": True,
        "checkpoints": [],
        "checkpointPauseMinutes": 60,
        "autoRollback": False,
        "progressDeadlineSeconds": 3600,
        "bakeSeconds": 0,
    }


def test_an_empty_command_is_told_from_none() -> None:
    wanted = {"containers": [CONTAINER | {"command": []}]}
    spec = InstanceRefreshSpec.model_validate(SMALLEST | {"desiredConfiguration": wanted})
    assert spec.desired_configuration is not None
    (container,) = spec.desired_configuration.containers
    assert (container.command, container.args) == ((), None)
    assert to_wire(spec)["desiredConfiguration"] == {"containers": [CONTAINER | {"command": [], "environment": []}]}


def test_a_template_without_a_version_means_its_default() -> None:
    wanted = {"launchTemplate": {"name": "web"}}
    spec = to_wire(InstanceRefreshSpec.model_validate(SMALLEST | {"desiredConfiguration": wanted}))
    assert spec["desiredConfiguration"]["launchTemplate"] == {"name": "web", "version": "Default"}


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("state", "Paused"),
        ("clientToken", "a" * 65),
        ("clientToken", "größe"),
        ("minHealthyPercentage", 101),
        ("maxHealthyPercentage", 99),
        ("maxHealthyPercentage", 201),
        ("checkpoints", [0, 100]),
        ("checkpoints", [101]),
        ("checkpointPauseMinutes", 0),
        ("checkpointPauseMinutes", 2881),
        ("progressDeadlineSeconds", 0),
        ("bakeSeconds", -1),
        ("ttlSecondsAfterFinished", -1),
        ("desiredConfiguration", {"image": ""}),
        ("desiredConfiguration", {"launchTemplate": {"name": "web", "version": "0"}}),
        ("desiredConfiguration", {"containers": [CONTAINER | {"command": ["a" * 257]}]}),
        ("desiredConfiguration", {"containers": [CONTAINER | {"environment": [{"key": "1A"}]}]}),
        ("desiredConfiguration", {"containers": [CONTAINER | {"environment": [{"key": "A", "value": "a" * 257}]}]}),
    ],
)
def test_the_model_refuses_what_the_definition_refuses(field: str, value: Any) -> None:
    with pytest.raises(ValidationError):
        InstanceRefreshSpec.model_validate(SMALLEST | {field: value})


def test_every_field_but_the_state_and_its_reason_has_a_rule_against_changes() -> None:
    told = {rule.field for rule in KIND.spec_rules if "cannot be changed" in rule.message}
    fields = {f".{field.alias}" for field in InstanceRefreshSpec.model_fields.values()}
    assert fields - told == {".state", ".stateReason"}


def test_the_phases_in_which_a_refresh_goes_on_are_not_final() -> None:
    assert set(Phase) - FINAL == {"Pending", "Running", "Paused", "Suspended", "Baking", "RollingBack"}


def test_a_status_comes_back_from_the_wire_as_it_went() -> None:
    wire = {
        "observedGeneration": 1,
        "phase": "Paused",
        "message": "paused at 20 %",
        "fromRevision": "web-1",
        "toRevision": "web-2",
        "floor": 8,
        "ceiling": 12,
        "total": 10,
        "toUpdate": 8,
        "updated": 2,
        "failed": 1,
        "percentage": 20,
        "checkpoint": 20,
        "waitingFor": "the pause at the checkpoint of 20 %",
        "wakeAt": "2026-03-01T13:00:00Z",
        "startTime": "2026-03-01T12:00:00Z",
        "conditions": [],
    }
    assert to_wire(InstanceRefreshStatus.model_validate(wire)) == wire


def test_a_status_that_has_not_been_written_yet_has_not_started() -> None:
    status = InstanceRefreshStatus.model_validate({})
    assert (status.phase, status.start_time, status.completion_time) == (Phase.PENDING, None, None)
