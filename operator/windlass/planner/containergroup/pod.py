"""The Pod that a spec asks for, and what belongs to it: ConfigMaps of files, copies of registry credentials."""

import json
import re
from collections.abc import Mapping
from typing import Any

from windlass.api.common import GROUP, MANAGED_BY_LABEL, TAG_PREFIX, to_wire
from windlass.api.container_group import ContainerGroupSpec
from windlass.api.containers import Container, InitContainer, Size, Volume
from windlass.planner.containergroup.parts import APPLIED_ANNOTATION, Change, What, changes, mark
from windlass.planner.containergroup.steps import PatchPod
from windlass.planner.containergroup.view import ContainerGroup, ContainerGroupView, Pod
from windlass.planner.digest import digest
from windlass.planner.reason import Reason

CONTAINER_GROUP_LABEL = f"{GROUP}/container-group"  # of a Pod: its group
RESTARTS_ANNOTATION = (
    f"{GROUP}/restarts-before"  # of a Pod: how often each container had been started, at its last patch
)
GENERATION_ANNOTATION = f"{GROUP}/generation"  # of a Pod: the generation of its group that it was made from
GPU = "nvidia.com/gpu"

_LABEL_VALUE = re.compile(r"([A-Za-z0-9]([A-Za-z0-9_.-]*[A-Za-z0-9])?)?")


def changes_of(group: ContainerGroup, pod: Pod) -> tuple[Change, ...]:
    """What the group asks for and its Pod does not have."""
    return changes(group.spec, pod, sum(name.startswith(f"{group.name}.registry-") for name in pod.pull_secrets))


# ---- what is written before the Pod


def config_map_name(group: str, volume: str) -> str:
    """The ConfigMap of a volume. Names of volumes have no dots, so that no two groups have the same."""
    return f"{group}.{volume}"


def config_maps(group: ContainerGroup) -> dict[str, dict[str, str]]:
    """The contents of each ConfigMap that the group's volumes are made from, by its name."""
    return {
        config_map_name(group.name, volume.name): {
            _key(number): file.content for number, file in enumerate(volume.config_file.files)
        }
        for volume in group.spec.volumes
        if volume.config_file is not None
    }


def contents_digest(data: Mapping[str, str]) -> str:
    """What tells the contents of a ConfigMap from others."""
    return digest(data)


def copy_names(group: ContainerGroup) -> dict[str, str]:
    """The Secret that each copy of the group is made from, by the copy's name."""
    given = group.spec.image_registry_credentials
    return {f"{group.name}.registry-{number}": each.secret_name for number, each in enumerate(given)}


def origin(source: str, version: str) -> str:
    """What a copy says of where it comes from."""
    return f"{source}@{version}"


def _key(number: int) -> str:
    return f"file-{number}"


# ---- the Pod


def manifest(group: ContainerGroup) -> dict[str, Any]:
    """The Pod, without its owner."""
    spec = group.spec
    made: dict[str, Any] = {
        "restartPolicy": str(spec.restart_policy),
        "containers": [_container(each) for each in spec.containers],
        "initContainers": [_init_container(each) for each in spec.init_containers],
        "volumes": [_volume(group.name, each) for each in spec.volumes],
        "imagePullSecrets": [{"name": name} for name in copy_names(group)],
    }
    if spec.dns_config is not None:
        made["dnsConfig"] = to_wire(spec.dns_config)
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": group.name,
            "labels": _labels(group),
            "annotations": {
                **_tag_annotations(spec),
                APPLIED_ANNOTATION: mark(spec),
                GENERATION_ANNOTATION: str(group.generation),
            },
        },
        "spec": made,
    }


def _container(container: Container) -> dict[str, Any]:
    return {
        **_init_container(container),
        "resizePolicy": [{"resourceName": name, "restartPolicy": "NotRequired"} for name in ("cpu", "memory")],
    }


def _init_container(container: InitContainer) -> dict[str, Any]:
    amounts = _amounts(container.resources)
    return {
        **to_wire(container),
        "resources": {"requests": amounts, "limits": amounts},
        # A container that says nothing of its own has its last lines of output as its last words.
        "terminationMessagePolicy": "FallbackToLogsOnError",
    }


def _amounts(size: Size) -> dict[str, str]:
    gpus = {GPU: str(size.gpu)} if size.gpu else {}
    return {"cpu": size.cpu, "memory": size.memory, **gpus}


def _volume(group: str, volume: Volume) -> dict[str, Any]:
    if volume.config_file is None:
        return to_wire(volume)
    items = [{"key": _key(number), "path": file.path} for number, file in enumerate(volume.config_file.files)]
    return {"name": volume.name, "configMap": {"name": config_map_name(group, volume.name), "items": items}}


def _labels(group: ContainerGroup) -> dict[str, str]:
    tags = {tag.key: tag.value for tag in group.spec.tags if _LABEL_VALUE.fullmatch(tag.value)}
    return {**tags, CONTAINER_GROUP_LABEL: group.name, MANAGED_BY_LABEL: "windlass"}


def _tag_annotations(spec: ContainerGroupSpec) -> dict[str, str]:
    return {TAG_PREFIX + tag.key: tag.value for tag in spec.tags}


def made_from(pod: Pod) -> int:
    """The generation of the group that the Pod was made from; 0 where it does not say."""
    said = pod.annotations.get(GENERATION_ANNOTATION, "")
    return int(said) if said.isdecimal() else 0


# ---- what is changed in place


def patch(v: ContainerGroupView, pod: Pod, found: tuple[Change, ...], why: Reason) -> PatchPod:
    """The one patch by which the Pod has all that can be patched, and says so."""
    group = v.group
    labels: dict[str, str | None] = dict(_labels(group))
    annotations: dict[str, str | None] = dict(_tag_annotations(group.spec))
    for name, value in pod.annotations.items():
        key = name.removeprefix(TAG_PREFIX)
        if name.startswith(TAG_PREFIX):
            annotations.setdefault(name, None)
            if pod.labels.get(key) == value:
                labels.setdefault(key, None)
    annotations[APPLIED_ANNOTATION] = mark(group.spec)
    images = {each.name: each.image for each in group.spec.containers}
    changed = {each.container: images[each.container] for each in found if each.what is What.IMAGE}
    if changed:
        before = {each.name: each.restart_count for each in pod.reports if each.name in changed}
        annotations[RESTARTS_ANNOTATION] = json.dumps(before, sort_keys=True)
    return PatchPod(
        group.name,
        pod.uid,
        {name: value for name, value in labels.items() if pod.labels.get(name) != value},
        {name: value for name, value in annotations.items() if pod.annotations.get(name) != value},
        changed,
        why,
    )


def restarts_before(pod: Pod) -> dict[str, int]:
    """How often each container had been started when its image was changed last."""
    try:
        found = json.loads(pod.annotations.get(RESTARTS_ANNOTATION, "{}"))
    except ValueError:
        return {}
    if not isinstance(found, dict):
        return {}
    return {str(name): value for name, value in found.items() if isinstance(value, int)}
