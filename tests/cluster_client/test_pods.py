"""A Pod read as an instance."""

from dataclasses import FrozenInstanceError, replace
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from windlass.api.common import (
    DELETION_COST_ANNOTATION,
    GROUP_LABEL,
    ORDINAL_ANNOTATION,
    PROTECT_ANNOTATION,
    REVISION_LABEL,
    ZONE_LABEL,
)
from windlass.cluster.pods import Pod, to_instance
from windlass.planner.capacity.instance import Instance

BORN = datetime(2026, 1, 1, 12, 0, 0, tzinfo=UTC)


def at(second: int) -> str:
    return f"2026-01-01T12:00:{second:02d}Z"


def condition(kind: str, status: str, second: int, **more: str) -> dict[str, str]:
    return {"type": kind, "status": status, "lastTransitionTime": at(second)} | more


def bare() -> dict[str, Any]:
    metadata = {"namespace": "shop", "name": "web-4", "uid": "u4", "resourceVersion": "9", "creationTimestamp": at(0)}
    return {"metadata": metadata}


def full(*conditions: dict[str, str]) -> dict[str, Any]:
    pod = bare()
    pod["metadata"] |= {
        "labels": {GROUP_LABEL: "web", REVISION_LABEL: "web-abc", ZONE_LABEL: "zone-a"},
        "annotations": {ORDINAL_ANNOTATION: "4", PROTECT_ANNOTATION: "true", DELETION_COST_ANNOTATION: "-7"},
        "ownerReferences": [{"uid": "other"}, {"uid": "group", "controller": True}],
    }
    return pod | {"spec": {"nodeName": "node-1"}, "status": {"phase": "Running", "conditions": list(conditions)}}


def read(pod: dict[str, Any]) -> Instance:
    return to_instance(msgspec.json.decode(msgspec.json.encode(pod), type=Pod))


IN_SERVICE = full(
    condition("Initialized", "True", 2),
    condition("Ready", "True", 5),
    condition("SomethingNew", "Perhaps", 9),
    condition("PodScheduled", "True", 1),
)
AS_INSTANCE = Instance(
    namespace="shop",
    group="group",
    name="web-4",
    uid="u4",
    resource_version="9",
    ordinal=4,
    revision="web-abc",
    zone="zone-a",
    created_at=BORN,
    scheduled_at=BORN.replace(second=1),
    node="node-1",
    ready=True,
    ready_changed_at=BORN.replace(second=5),
    was_ready=True,
    protected=True,
    deletion_cost=-7,
)


def test_every_field_is_read() -> None:
    assert read(IN_SERVICE) == AS_INSTANCE


def test_a_pod_that_says_nothing_has_every_field_too() -> None:
    nothing = Instance("shop", "", "web-4", "u4", "9", ordinal=4, revision="", zone=None, created_at=BORN)
    assert read(bare()) == nothing


def test_what_is_read_is_an_instance_like_any_other() -> None:
    instance = read(IN_SERVICE)
    assert type(instance) is Instance
    assert hash(instance) == hash(AS_INSTANCE)
    assert replace(instance, zone=None) == replace(AS_INSTANCE, zone=None)


@pytest.mark.parametrize(
    ("value", "protected", "unclear"),
    [("yes", True, None), ("Off", False, None), ("", False, None), ("yse", False, "yse"), ("1", False, "1")],
)
def test_what_is_no_boolean_does_not_protect_and_is_kept_to_be_told(
    value: str, protected: bool, unclear: str | None
) -> None:
    pod = bare()
    pod["metadata"]["annotations"] = {PROTECT_ANNOTATION: value}
    found = read(pod)
    assert (found.protected, found.unclear_protection) == (protected, unclear)


def test_nobody_can_change_what_was_read() -> None:
    with pytest.raises(FrozenInstanceError):
        read(IN_SERVICE).zone = "zone-b"  # type: ignore[misc]


def test_one_that_fits_nowhere_says_since_when_and_why() -> None:
    no_place = condition("PodScheduled", "False", 3, reason="Unschedulable", message="0/2 nodes are available")
    instance = read(full(no_place))
    assert (instance.scheduled_at, instance.unschedulable_since) == (None, BORN.replace(second=3))
    assert instance.problem == "0/2 nodes are available"


def test_one_whose_readiness_changed_after_it_was_initialized_was_ready() -> None:
    lost = read(full(condition("Initialized", "True", 2), condition("Ready", "False", 8)))
    never = read(full(condition("Initialized", "True", 2), condition("Ready", "False", 2)))
    assert (lost.ready, lost.was_ready, lost.ready_changed_at) == (False, True, BORN.replace(second=8))
    assert (never.ready, never.was_ready) == (False, False)


@pytest.mark.parametrize("phase", ["Failed", "Succeeded"])
def test_one_that_ended_is_not_ready_whatever_its_condition_says(phase: str) -> None:
    pod = full(condition("Ready", "True", 5))
    pod["status"] |= {"phase": phase, "message": "gone to sleep"}
    instance = read(pod)
    assert (instance.ended, instance.ready, instance.was_ready, instance.problem) == (
        True,
        False,
        True,
        f"its Pod has ended: {phase}; gone to sleep",
    )


def test_one_that_is_removed_says_what_holds_it() -> None:
    pod = full(condition("Ready", "True", 5))
    pod["metadata"] |= {"deletionTimestamp": at(30), "finalizers": ["example.com/hold"]}
    instance = read(pod)
    assert instance.removing
    assert instance.problem == "its deletion waits for finalizer example.com/hold"


@pytest.mark.parametrize("owners", [[], [{"uid": "group"}], [{"uid": "group", "controller": False}]])
def test_one_that_nobody_controls_belongs_to_no_group(owners: list[dict[str, Any]]) -> None:
    pod = full()
    pod["metadata"]["ownerReferences"] = owners
    assert read(pod).group == ""


def test_one_whose_label_names_another_group_belongs_to_none() -> None:
    pod = full()
    pod["metadata"]["labels"][GROUP_LABEL] = "api"
    assert read(pod).group == ""


def test_numbers_that_are_none_count_as_not_given() -> None:
    pod = full()
    pod["metadata"]["annotations"] = {DELETION_COST_ANNOTATION: "dear"}
    assert read(pod).deletion_cost == 0


@pytest.mark.parametrize(
    ("name", "ordinal"),
    [("web-0", 0), ("web-999999999", 999_999_999), ("web-1000000000", -1), ("web-007", -1), ("web-x", -1), ("web", -1)],
)
def test_the_ordinal_is_that_of_the_name_whatever_an_annotation_says(name: str, ordinal: int) -> None:
    pod = full()
    pod["metadata"]["name"] = name
    pod["metadata"]["annotations"] = {ORDINAL_ANNOTATION: "30000000"}
    assert read(pod).ordinal == ordinal


@pytest.mark.parametrize(
    ("phase", "terminated", "said"),
    [
        ("Succeeded", {"reason": "Completed", "exitCode": 0}, "Succeeded; container app: Completed: exit code 0"),
        (
            "Failed",
            {"reason": "Error", "exitCode": 3, "message": "disk"},
            "Failed; container app: Error: exit code 3: disk",
        ),
    ],
)
def test_a_pod_that_has_ended_tells_its_phase_and_its_containers_last_words(
    phase: str, terminated: dict[str, Any], said: str
) -> None:
    pod = full()
    containers = [{"name": "app", "state": {"terminated": terminated}}]
    pod["status"] |= {"phase": phase, "containerStatuses": containers}
    assert read(pod).problem == f"its Pod has ended: {said}"
