"""The parts of a group's spec: what tells each from what it was before, and which of them differ.

A Pod carries the digests of the parts that it was made from, or changed to since, in an annotation. What is not given,
or is as its default, is left out of them: so a field that is new to this operator changes nothing about a Pod that was
made before, and one that has the same by default and by name has the same digest. The sizes of containers have none:
the Pod's own spec tells them. It tells images that others have set as well; one that admission has changed in a request
of our own is taken for what was asked for.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from windlass.api.common import GROUP, Model
from windlass.api.container_group import AppliedPart, ContainerGroupSpec
from windlass.api.containers import Container, InitContainer
from windlass.planner.containergroup.pulling import pull_policy, staying_policy
from windlass.planner.containergroup.sizes import Sizes
from windlass.planner.containergroup.view import Pod, PodContainer
from windlass.planner.digest import digest
from windlass.planner.images import same_image

APPLIED_ANNOTATION = f"{GROUP}/applied"  # of a Pod: the digests of the parts that it has

TAGS, CREDENTIALS, INIT_CONTAINERS, VOLUMES = "tags", "imageRegistryCredentials", "initContainers", "volumes"
DNS_CONFIG, RESTART_POLICY = "dnsConfig", "restartPolicy"
_CONTAINERS, _IMAGE, _VOLUME_NAMES = "containers/", "/image", "volumes/names"
_LENGTH = 16  # characters of a digest: enough for a change not to be missed


class What(StrEnum):
    """What differs in a part, in the words of a sentence."""

    VALUE = ""
    MORE = "more of them than the Pod names"
    IMAGE = "its image"
    IMAGE_OF_ENDED = "its image, and it has ended and is not started again"
    SIZE = "its size"
    OTHER = "more than its image and size"
    ADDED = "added"
    REMOVED = "taken away"
    NAMES = "their names"


@dataclass(frozen=True, slots=True)
class Change:
    """A part that differs. `container`: which one, where it is one's. `stays`: what does not change with it."""

    part: str
    what: What = What.VALUE
    container: str = ""
    stays: str = ""

    def __str__(self) -> str:
        stays = f"; {self.stays}" if self.stays else ""
        return f"{self.part} ({self.what}{stays})" if self.what else self.part


def fingerprint(spec: ContainerGroupSpec) -> dict[str, str]:
    """The digest of each part, by name."""
    parts: dict[str, object] = {
        TAGS: sorted((tag.key, tag.value) for tag in spec.tags),
        CREDENTIALS: [each.secret_name for each in spec.image_registry_credentials],
        INIT_CONTAINERS: [_init_container(each) for each in spec.init_containers],
        VOLUMES: {each.name: _given(each) for each in spec.volumes},
        _VOLUME_NAMES: sorted(each.name for each in spec.volumes),
        DNS_CONFIG: _given(spec.dns_config) if spec.dns_config is not None else None,
        RESTART_POLICY: _given(spec).get("restartPolicy"),
    }
    for container in spec.containers:
        parts[container_part(container.name)] = _beside_image_and_size(container)
        parts[container_part(container.name) + _IMAGE] = container.image
    return {name: _digest(value) for name, value in parts.items() if value}


def container_part(name: str) -> str:
    """The part that a container is."""
    return _CONTAINERS + name


def applied_to(pod: Pod) -> dict[str, str]:
    """The digests that the Pod carries; none where it carries nothing that can be read."""
    try:
        found = json.loads(pod.annotations.get(APPLIED_ANNOTATION, "{}"))
    except ValueError:
        return {}
    return {str(name): str(value) for name, value in found.items()} if isinstance(found, dict) else {}


def mark(spec: ContainerGroupSpec) -> str:
    """The annotation of a Pod that has all parts of this spec."""
    return json.dumps(fingerprint(spec), sort_keys=True, separators=(",", ":"))


def whole_parts(spec: ContainerGroupSpec) -> tuple[AppliedPart, ...]:
    """The parts as people know them, each with all that belongs to it: what the status says was applied last."""
    before = fingerprint(spec)
    parts: dict[str, object] = {
        name: before[name]
        for name in (TAGS, CREDENTIALS, INIT_CONTAINERS, VOLUMES, DNS_CONFIG, RESTART_POLICY)
        if name in before
    }
    for container in spec.containers:
        sizes, name = Sizes.of(container.resources), container_part(container.name)
        parts[name] = (before[name], before[name + _IMAGE], str(sizes))
    return tuple(AppliedPart(part=name, digest=digest(value)) for name, value in sorted(parts.items()))


def changes(spec: ContainerGroupSpec, pod: Pod, pull_secrets: int) -> tuple[Change, ...]:
    """What the spec asks for and this Pod does not have. `pull_secrets`: how many credentials the Pod names."""
    return tuple(_changes(spec, pod, pull_secrets))


def whole_changes(spec: ContainerGroupSpec, applied: tuple[AppliedPart, ...]) -> tuple[str, ...]:
    """The names of the parts that differ from what was applied last: where there is no Pod to be looked at."""
    before = {each.part: each.digest for each in applied}
    now = {each.part: each.digest for each in whole_parts(spec)}
    return tuple(sorted(name for name in before | now if before.get(name) != now.get(name)))


def _changes(spec: ContainerGroupSpec, pod: Pod, pull_secrets: int) -> Iterator[Change]:
    before, now = applied_to(pod), fingerprint(spec)
    different = {name for name in before | now if before.get(name) != now.get(name)}
    if TAGS in different:
        yield Change(TAGS)
    if CREDENTIALS in different:
        more = len(spec.image_registry_credentials) > pull_secrets
        yield Change(CREDENTIALS, What.MORE if more else What.VALUE)
    yield from _of_containers(spec, pod, before, now, different)
    yield from (Change(name) for name in (INIT_CONTAINERS, DNS_CONFIG, RESTART_POLICY) if name in different)
    if _VOLUME_NAMES in different:
        yield Change(VOLUMES, What.NAMES)
    elif VOLUMES in different:
        yield Change(VOLUMES)


def _of_containers(
    spec: ContainerGroupSpec, pod: Pod, before: Mapping[str, str], now: Mapping[str, str], different: set[str]
) -> Iterator[Change]:
    asked = {each.name: each for each in pod.containers}
    over = {each.name for each in pod.reports if pod.is_over(each)}
    for container in spec.containers:
        name, part = container.name, container_part(container.name)
        there = asked.get(name, PodContainer(name, "", None))
        if part not in before:
            yield Change(part, What.ADDED, name)
            continue
        if part in different and not _differs_in_a_policy_that_it_has(container, there, before[part]):
            yield Change(part, What.OTHER, name)
        if part + _IMAGE in different or (there.image_by_others and not same_image(there.image, container.image)):
            policy = staying_policy(container, there)
            stays = f"imagePullPolicy stays {policy}, as the Pod was made" if policy else ""
            yield Change(part, What.IMAGE_OF_ENDED, name) if name in over else Change(part, What.IMAGE, name, stays)
        if there.sizes != Sizes.of(container.resources):
            yield Change(part, What.SIZE, name)
    for part in before:
        if part.startswith(_CONTAINERS) and part.count("/") == 1 and part not in now:
            yield Change(part, What.REMOVED, part.removeprefix(_CONTAINERS))


def _differs_in_a_policy_that_it_has(container: Container, there: PodContainer, before: str) -> bool:
    """Whether a container differs in nothing but that its imagePullPolicy is given now, or is not any more, and the
    Pod has the one that is wanted."""
    if there.pull_policy != pull_policy(container):
        return False
    given = (container.model_copy(update={"image_pull_policy": each}) for each in (None, pull_policy(container)))
    return before in {_digest(_beside_image_and_size(each)) for each in given}


def _beside_image_and_size(container: Container) -> dict[str, Any]:
    given = _given(container)
    given.pop("image")
    given["resources"] = {name: value for name, value in given["resources"].items() if name == "gpu"}
    return given


def _init_container(container: InitContainer) -> dict[str, Any]:
    given = _given(container)
    given["resources"]["cpu"] = Sizes.of(container.resources).cpu_text
    given["resources"]["memory"] = Sizes.of(container.resources).memory_text
    return given


def _digest(value: object) -> str:
    return digest(value)[:_LENGTH]


def _given(model: Model) -> dict[str, Any]:
    return model.model_dump(mode="json", by_alias=True, exclude_defaults=True, exclude_none=True)
