"""What a container group's Pod on the wire tells: who has set its images, who has marked it, when it is pulled."""

from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from windlass.cluster.container_groups import WirePod, to_group_pod
from windlass.planner.containergroup.view import Pod

NOON = "2026-01-15T12:00:00Z"
SPEC = {"containers": [{"name": "web", "image": "web:9", "imagePullPolicy": "Always"}, {"name": "log", "image": "l:1"}]}


def read(spec: dict[str, Any] | None = None, *, managed: list[Any] | None = None, conditions: Any = ()) -> Pod:
    metadata = {"namespace": "shop", "name": "web", "uid": "u", "resourceVersion": "9", "creationTimestamp": NOON}
    body = {
        "metadata": metadata | ({} if managed is None else {"managedFields": managed}),
        "spec": spec or SPEC,
        "status": {"conditions": list(conditions)},
    }
    return to_group_pod(msgspec.json.decode(msgspec.json.encode(body), type=WirePod)).pod


def manager(name: str, *containers: str, field: str = "f:image", **more: Any) -> dict[str, Any]:
    """That somebody has set this field of these containers last."""
    keys = {f'k:{{"name":"{each}"}}': {".": {}, field: {}} for each in containers}
    fields = {"f:metadata": {"f:labels": {".": {}}}, "f:spec": {"f:containers": {".": {}, **keys}}}
    return {"manager": name, "operation": "Update", "apiVersion": "v1", "time": NOON, "fieldsV1": fields, **more}


@pytest.mark.parametrize(
    ("managed", "by_others"),
    [
        (None, []),
        ([], []),
        ([{}], []),
        ([manager("windlass", "web", "log")], []),
        ([manager("windlass", "log"), manager("kubectl-set", "web")], ["web"]),
        ([manager("kubectl-edit", "web", "log")], ["web", "log"]),
        ([manager("windlass", "web", "log"), manager("kubectl-edit", "web", field="f:resources")], []),
        # Somebody has applied the same value: it is ours as well.
        ([manager("windlass", "web", "log"), manager("argocd", "web", operation="Apply")], []),
        ([manager("windlass", "web", "log"), {"manager": "kubelet", "subresource": "status", "fieldsV1": {}}], []),
    ],
)
def test_who_has_set_an_image_last(managed: list[Any] | None, by_others: list[str]) -> None:
    assert [each.name for each in read(managed=managed).containers if each.image_by_others] == by_others


def test_when_images_are_pulled() -> None:
    assert [each.pull_policy for each in read().containers] == ["Always", ""]


def marks(ready: str, containers: str) -> list[dict[str, Any]]:
    return [
        {"type": "Ready", "status": ready, "lastTransitionTime": NOON},
        {"type": "ContainersReady", "status": containers, "lastTransitionTime": "2026-01-15T11:00:00Z"},
    ]


@pytest.mark.parametrize(
    ("conditions", "silent"),
    [
        (marks("False", "True"), True),
        (marks("True", "True"), False),
        (marks("False", "False"), False),  # its kubelet has said it
        (marks("False", "True")[:1], False),
        ([], False),
    ],
)
def test_a_pod_whose_node_does_not_answer_is_marked_as_not_ready_beside_its_kubelets_word(
    conditions: list[Any], silent: bool
) -> None:
    assert read(conditions=conditions).silent_since == (datetime(2026, 1, 15, 12, tzinfo=UTC) if silent else None)


def test_a_pod_with_gates_may_be_not_ready_by_them() -> None:
    gated = SPEC | {"readinessGates": [{"conditionType": "example.test/gate"}]}
    assert read(gated, conditions=marks("False", "True")).silent_since is None


def test_who_has_ended_a_pod_from_outside() -> None:
    said = {"type": "DisruptionTarget", "status": "True", "reason": "DeletionByTaintManager", "message": "a taint"}
    assert read(conditions=[said]).disruption == "DeletionByTaintManager: a taint"
    assert read(conditions=[said | {"status": "False"}]).disruption == ""
