"""Container groups and their Pods, as values, in tests."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from windlass.api.container_group import ContainerGroupSpec, ContainerGroupStatus
from windlass.planner.containergroup.parts import whole_parts
from windlass.planner.containergroup.pod import manifest
from windlass.planner.containergroup.pulling import pull_policy
from windlass.planner.containergroup.sizes import Sizes
from windlass.planner.containergroup.view import ContainerGroup, ContainerGroupView, ContainerReport, Pod, PodContainer

NOON = datetime(2026, 1, 15, 12, tzinfo=UTC)
SMALL = {"cpu": "500m", "memory": "512Mi"}


def seconds(number: float) -> timedelta:
    return timedelta(seconds=number)


def container(name: str = "web", image: str = "web:1", **fields: Any) -> dict[str, Any]:
    return {"name": name, "image": image, "resources": SMALL, **fields}


def spec(*containers: dict[str, Any], **fields: Any) -> ContainerGroupSpec:
    """A spec of these containers; of `web` and `log` where none are named."""
    given = list(containers) or [container(), container("log", "log:1")]
    size = {"cpu": "8", "memory": "16Gi", "gpu": 4}
    return ContainerGroupSpec.model_validate({"size": size, "containers": given, **fields})


def group(
    of: ContainerGroupSpec | None = None,
    *,
    generation: int = 1,
    status: Mapping[str, Any] | None = None,
    removing: bool = False,
) -> ContainerGroup:
    made = ContainerGroupStatus.model_validate(status or {})
    return ContainerGroup("web", "uid-web", generation, of or spec(), made, removing)


def at_rest(of: ContainerGroupSpec | None = None, **status: Any) -> ContainerGroup:
    """A group whose first generation was applied."""
    made = of or spec()
    known = ContainerGroupStatus.model_validate(
        {"observedGeneration": 1, "phase": "Running", "podName": "web", **status}
    ).model_copy(update={"applied": whole_parts(made)})
    return ContainerGroup("web", "uid-web", 1, made, known)


def changed(before: ContainerGroup, of: ContainerGroupSpec) -> ContainerGroup:
    """Somebody has given the group another spec."""
    return replace(before, spec=of, generation=before.generation + 1)


def pod_of(of: ContainerGroup, **fields: Any) -> Pod:
    """The Pod that was made from this group an hour ago and runs well since."""
    made = manifest(of)
    asked = tuple(
        PodContainer(each.name, each.image, Sizes.of(each.resources), pull_policy(each)) for each in of.spec.containers
    )
    reports = tuple(
        ContainerReport(each.name, each.image, "Running", ready=True, since=NOON - seconds(3590), sizes=each.sizes)
        for each in asked
    )
    return replace(
        Pod(
            uid="pod-1",
            created_at=NOON - seconds(3600),
            restart_policy=of.spec.restart_policy,
            phase="Running",
            labels=made["metadata"]["labels"],
            annotations=made["metadata"]["annotations"],
            containers=asked,
            reports=reports,
            ip="10.0.0.1",
            node="node-1",
            pull_secrets=tuple(each["name"] for each in made["spec"]["imagePullSecrets"]),
            generation=1,
            observed_generation=1,
        ),
        **fields,
    )


def with_report(pod: Pod, name: str, **fields: Any) -> Pod:
    """The kubelet reports something else of one container."""
    reports = tuple(replace(each, **fields) if each.name == name else each for each in pod.reports)
    return replace(pod, reports=reports)


def with_container(pod: Pod, name: str, **fields: Any) -> Pod:
    """The Pod's spec asks for something else of one container."""
    return replace(
        pod, containers=tuple(replace(each, **fields) if each.name == name else each for each in pod.containers)
    )


def view(of: ContainerGroup, pod: Pod | None = None, *, now: datetime = NOON, **fields: Any) -> ContainerGroupView:
    return ContainerGroupView(now=now, group=of, pod=pod, **fields)
