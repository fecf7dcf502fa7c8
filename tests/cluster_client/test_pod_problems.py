"""Why an instance is not in service stands in its Pod: every condition and every state of a container is told."""

from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from windlass.cluster.pods import Pod, to_instance
from windlass.planner.capacity.instance import Instance

STARTED = {"running": {"startedAt": "2026-01-01T10:00:00Z"}}
SCHEDULED = {"type": "PodScheduled", "status": "True"}
UNREADY = "containers with unready status: [web]"


def not_ready(reason: str, message: str, type_: str = "Ready") -> dict[str, Any]:
    return {"type": type_, "status": "False", "reason": reason, "message": message}


def read(status: dict[str, Any], *, annotations: dict[str, str] | None = None, **spec: Any) -> Instance:
    metadata = {
        "namespace": "shop",
        "name": "web-4",
        "uid": "u4",
        "resourceVersion": "9",
        "creationTimestamp": datetime(2026, 1, 1, 10, tzinfo=UTC),
        "annotations": annotations or {},
    }
    return to_instance(msgspec.convert({"metadata": metadata, "spec": spec, "status": status}, Pod))


def container(state: dict[str, Any], last: dict[str, Any] | None = None) -> dict[str, Any]:
    return {"name": "web", "state": state, "lastState": last or {}}


OOM = {"terminated": {"reason": "OOMKilled", "exitCode": 137}}
INITIALIZING = {"waiting": {"reason": "PodInitializing"}}
PROBED = not_ready("ContainersNotReady", UNREADY)
GATE = 'the status of pod readiness gate "a/b" is not'
DONE = {"terminated": {"reason": "Completed", "exitCode": 0}}

PROBLEMS: dict[str, tuple[dict[str, Any], dict[str, Any], str | None]] = {
    "starting": (
        {
            "conditions": [SCHEDULED, PROBED],
            "containerStatuses": [container({"waiting": {"reason": "ContainerCreating"}})],
        },
        {"nodeName": "node-1"},
        None,
    ),
    "readiness probe": (
        {
            "conditions": [SCHEDULED, PROBED],
            "containerStatuses": [container(STARTED)],
        },
        {"nodeName": "node-1"},
        f"ContainersNotReady: {UNREADY}",
    ),
    "readiness gate": (
        {
            "conditions": [
                SCHEDULED,
                not_ready("ReadinessGatesNotReady", 'the status of pod readiness gate "a/b" is not'),
            ],
            "containerStatuses": [container(STARTED) | {"ready": True}],
        },
        {"nodeName": "node-1"},
        f"ReadinessGatesNotReady: {GATE}",
    ),
    "scheduling gate": (
        {"conditions": [not_ready("SchedulingGated", "Scheduling is blocked due to gates", "PodScheduled")]},
        {},
        "SchedulingGated: Scheduling is blocked due to gates",
    ),
    "unknown scheduler": (
        {},
        {"schedulerName": "mine"},
        "no scheduler has looked at it: is there one named mine (spec.schedulerName)?",
    ),
    "not scheduled yet": ({}, {"schedulerName": "default-scheduler"}, None),
    "out of memory, waiting": (
        {"containerStatuses": [container({"waiting": {"reason": "CrashLoopBackOff"}}, OOM)]},
        {},
        "container web: CrashLoopBackOff; before that OOMKilled: exit code 137",
    ),
    "out of memory, started again": (
        {"containerStatuses": [container(STARTED, OOM)]},
        {},
        "container web: started again; before that OOMKilled: exit code 137",
    ),
    "completed": ({"containerStatuses": [container(DONE)]}, {}, "container web: Completed: exit code 0"),
    "init container completed": (
        {
            "initContainerStatuses": [container(DONE)],
            "containerStatuses": [container(INITIALIZING)],
        },
        {},
        None,
    ),
}


@pytest.mark.parametrize(("status", "spec", "said"), PROBLEMS.values(), ids=PROBLEMS)
def test_what_the_pod_says_of_itself_is_told(status: dict[str, Any], spec: dict[str, Any], said: str | None) -> None:
    assert read(status, **spec).problem == said


@pytest.mark.parametrize(
    ("value", "protected"), [("true", True), ("True", True), ("YES", True), ("on", True), ("no", False), ("", False)]
)
def test_protection_is_spelled_as_yaml_spells_true(value: str, protected: bool) -> None:
    assert read({}, annotations={"windlass.dev/protect": value}).protected is protected


# ---- when it ended


ENDING_STATUS = {"phase": "Failed", "containerStatuses": [container({"terminated": {"exitCode": 1}})]}
FINISHED = {"terminated": {"exitCode": 1, "finishedAt": "2026-01-01T10:00:07Z"}}
FIRST = {"terminated": {"exitCode": 0, "finishedAt": "2026-01-01T10:00:03Z"}}
READY_NO_MORE = [
    {"type": "Initialized", "status": "True", "lastTransitionTime": "2026-01-01T10:00:00Z"},
    {"type": "Ready", "status": "False", "lastTransitionTime": "2026-01-01T10:00:09Z"},
]
ENDS: dict[str, tuple[dict[str, Any], int | None]] = {
    "as its last container tells": (ENDING_STATUS | {"containerStatuses": [container(FINISHED), container(FIRST)]}, 7),
    "when it was ready no more": (ENDING_STATUS | {"conditions": READY_NO_MORE}, 9),
    "nobody tells": (ENDING_STATUS | {"conditions": [PROBED]}, None),
    "it has not ended": ({"phase": "Running", "containerStatuses": [container(FINISHED)]}, None),
}


@pytest.mark.parametrize(("status", "second"), ENDS.values(), ids=ENDS)
def test_when_a_pod_ended_is_read(status: dict[str, Any], second: int | None) -> None:
    ended_at = None if second is None else datetime(2026, 1, 1, 10, 0, second, tzinfo=UTC)

    assert read(status).ended_at == ended_at
