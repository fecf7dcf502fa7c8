"""The models: what they take, what they refuse, and how they stand on the wire."""

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from pydantic import ValidationError

from windlass.api.common import Condition, Kind, Model, Observed, rfc3339, to_wire
from windlass.api.kinds import KINDS
from windlass.api.scaling_activity import FINAL_PHASES, ScalingActivityStatus
from windlass.api.scaling_group import ActivityStatus, ScalingGroupSpec, ScalingGroupStatus, ZonePolicy

NOON = datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC)
SMALLEST = {"configuration": {"scalingConfiguration": "web"}}

ACTIVITY: dict[str, Any] = {
    "name": "web-a1",
    "type": "ScaleOut",
    "cause": "desired size changed from 1 to 3",
    "startedAt": "2026-03-01T12:00:00Z",
    "from": 1,
    "to": 3,
    "firstOrdinal": 1,
    "launching": {"first": 1, "count": 2},
    "failed": [],
    "skipped": [],
    "arrived": [{"first": 3, "count": 2}],
    "leaving": [],
    "removed": [],
}
STATUS: dict[str, Any] = {
    "observedGeneration": 4,
    "desired": 3,
    "inService": 1,
    "pending": 2,
    "nextOrdinal": 3,
    "nextActivity": 2,
    "activity": ACTIVITY,
    "zones": [
        {"name": "zone-a", "instances": 1, "failures": 0},
        {"name": "zone-b", "instances": 0, "failures": 1, "nextTry": "2026-03-01T12:03:00Z", "revision": "web-1"},
    ],
    "revisions": [
        {
            "name": "web-5d4f",
            "configuration": "ScalingConfiguration/web",
            "addedAt": "2026-03-01T11:00:00Z",
            "instances": 3,
        }
    ],
    "conditions": [
        {
            "type": "Ready",
            "status": "False",
            "reason": "ScalingOut",
            "message": "launching 2 instances",
            "lastTransitionTime": "2026-03-01T12:00:00Z",
            "observedGeneration": 4,
        }
    ],
}


def test_a_group_that_says_only_what_it_must_has_the_defaults_of_the_definition() -> None:
    """The API server fills in the same ones; `plan --filename` sees objects that no API server has seen."""
    assert to_wire(ScalingGroupSpec.model_validate(SMALLEST)) == {
        "minSize": 0,
        "maxSize": 1,
        "enabled": True,
        "configuration": {"scalingConfiguration": "web"},
        "zones": [],
        "zonePolicy": "Balanced",
        "zoneFailureSeconds": 300,
        "removalPolicy": ["OldestConfiguration", "OldestInstance"],
        "minReadySeconds": 0,
        "healthCheck": {"method": "Instance", "intervalSeconds": 300},
        "launchTimeoutSeconds": 600,
        "suspendedProcesses": [],
        "deletionPolicy": "Refuse",
        "tags": [],
        "historyLimit": 20,
    }


def test_a_status_comes_back_from_the_wire_as_it_went() -> None:
    wire = to_wire(ScalingGroupStatus.model_validate(STATUS))
    assert {key: wire[key] for key in STATUS} == STATUS
    assert to_wire(ScalingGroupStatus.model_validate(wire)) == wire


def test_an_object_that_has_no_status_yet_has_the_first_ordinal_and_activity_before_it() -> None:
    status = ScalingGroupStatus.model_validate({})
    assert (status.next_ordinal, status.next_activity, status.activity) == (0, 1, None)


def test_a_reserved_word_has_its_own_name_on_the_wire() -> None:
    activity = ActivityStatus.model_validate(ACTIVITY)
    assert activity.from_ == 1
    assert to_wire(activity)["from"] == 1


def test_what_is_not_set_does_not_stand_on_the_wire_and_what_is_empty_does() -> None:
    wire = to_wire(ActivityStatus.model_validate({**ACTIVITY, "endedAt": None}))
    assert "endedAt" not in wire
    assert wire["failed"] == []


def test_a_spec_refuses_an_unknown_field() -> None:
    with pytest.raises(ValidationError, match="colour"):
        ScalingGroupSpec.model_validate({**SMALLEST, "colour": "red"})


def test_a_status_drops_what_it_does_not_know() -> None:
    """A newer operator may have written it; this one must still work with the rest."""
    assert "colour" not in to_wire(ScalingGroupStatus.model_validate({**STATUS, "colour": "red"}))


def test_a_model_cannot_be_changed() -> None:
    spec = ScalingGroupSpec.model_validate(SMALLEST)
    with pytest.raises(ValidationError, match="frozen"):
        spec.zone_policy = ZonePolicy.PRIORITY  # type: ignore[misc]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("minSize", -1),
        ("maxSize", 10_001),
        ("zones", ["a", "b", "c", "d", "e", "f"]),
        ("zonePolicy", "CostOptimized"),
        ("removalPolicy", []),
        ("healthCheck", {"intervalSeconds": 120}),
        ("displayName", "web group"),
        ("tags", [{"key": "a.b"}]),
    ],
)
def test_the_models_refuse_what_the_definitions_refuse(field: str, value: Any) -> None:
    with pytest.raises(ValidationError):
        ScalingGroupSpec.model_validate({**SMALLEST, field: value})


@pytest.mark.parametrize(
    ("moment", "written"),
    [
        pytest.param(NOON, "2026-03-01T12:00:00Z", id="UTC"),
        pytest.param(NOON.astimezone(timezone(timedelta(hours=8))), "2026-03-01T12:00:00Z", id="another time zone"),
        pytest.param(NOON + timedelta(microseconds=999_999), "2026-03-01T12:00:00Z", id="rounded down"),
    ],
)
def test_a_time_is_written_as_the_api_server_writes_it(moment: datetime, written: str) -> None:
    assert rfc3339(moment) == written
    condition = Condition(type="Ready", status="True", reason="AsDesired", last_transition_time=moment)
    assert to_wire(condition)["lastTransitionTime"] == written


def test_an_activity_in_progress_is_not_final() -> None:
    phases = set(ScalingActivityStatus.model_fields["phase"].annotation.__args__)  # type: ignore[union-attr]
    assert phases - FINAL_PHASES == {"InProgress"}
    assert phases >= FINAL_PHASES


@pytest.mark.parametrize("names", [lambda k: k.plural, lambda k: k.kind, lambda k: k.short_names[0]])
def test_no_two_kinds_share_a_name(names: Any) -> None:
    assert len({names(kind) for kind in KINDS}) == len(KINDS)


def parts(model: type[Model]) -> set[type[Model]]:
    """The model and those inside it."""
    found, waiting = set(), [model]
    while waiting:
        known = waiting.pop()
        found.add(known)
        waiting += [part for field in known.model_fields.values() for part in models_in(field.annotation)]
    return found


def models_in(annotation: Any) -> list[type[Model]]:
    if isinstance(annotation, type) and issubclass(annotation, Model):
        return [annotation]
    return [model for part in getattr(annotation, "__args__", ()) for model in models_in(part)]


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.kind)
def test_all_of_a_spec_is_strict_and_all_of_a_status_is_lenient(kind: Kind) -> None:
    assert not [part for part in parts(kind.spec) if issubclass(part, Observed)]
    if kind.status:
        assert [part for part in parts(kind.status) if not issubclass(part, Observed)] == []
