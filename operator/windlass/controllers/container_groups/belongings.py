"""What a container group has beside its Pod: ConfigMaps of files, and copies of registry credentials."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from windlass.api.common import GROUP, MANAGED_BY_LABEL, owner_reference
from windlass.api.container_group import KIND
from windlass.cluster.client import FIELD_MANAGER, Client
from windlass.cluster.errors import AlreadyExists, Conflict, Gone, Invalid
from windlass.cluster.merge_patch import merge_patch
from windlass.cluster.resources import CONFIG_MAPS, SECRETS, Resource
from windlass.planner.containergroup.pod import CONTAINER_GROUP_LABEL
from windlass.planner.containergroup.steps import DeleteConfigMap, DeleteSecret, WriteConfigMap, WriteSecret
from windlass.planner.containergroup.view import ContainerGroup
from windlass.planner.digest import digest

CONTENT_ANNOTATION = f"{GROUP}/content"  # of a ConfigMap or Secret of a group: what tells its content from another
CREDENTIALS_KEY = ".dockerconfigjson"
CREDENTIALS_TYPE = "kubernetes.io/dockerconfigjson"


@dataclass(frozen=True, slots=True)
class Belongings:
    """What is there, by name: as `ContainerGroupView` has it."""

    config_maps: Mapping[str, str]
    copies: Mapping[str, str]
    registries: Mapping[str, str]


class BelongingsStore:
    """Reads and writes them, live."""

    def __init__(self, client: Client) -> None:
        self._client = client

    async def read(self, namespace: str, group: ContainerGroup) -> Belongings:
        """All that is there of the group's own, and of the Secrets that its credentials name."""
        named = {each.secret_name for each in group.spec.image_registry_credentials}
        return Belongings(
            await self._own(CONFIG_MAPS, namespace, group),
            await self._own(SECRETS, namespace, group),
            await self._versions(namespace, sorted(named)),
        )

    async def write_config_map(self, namespace: str, group: ContainerGroup, step: WriteConfigMap) -> None:
        """Invalid where an object of that name is somebody else's."""
        content = {"binaryData": dict(step.data)}
        await self._write(CONFIG_MAPS, namespace, group, step.name, step.digest, content)

    async def write_secret(self, namespace: str, group: ContainerGroup, step: WriteSecret) -> None:
        """Conflict where the source has changed since it was decided on; Invalid where an object of the copy's name is
        somebody else's."""
        source = await self._client.get(SECRETS, namespace, step.source)
        held = _credentials(source)
        if held is None or digest(held) != step.version:
            raise Conflict(f"copying Secret {step.source}: it has changed", code=409, reason="Conflict")
        content = {"type": CREDENTIALS_TYPE, "data": {CREDENTIALS_KEY: held}}
        await self._write(SECRETS, namespace, group, step.name, step.origin, content)

    async def delete(self, namespace: str, group: ContainerGroup, step: DeleteConfigMap | DeleteSecret) -> None:
        """One that is somebody else's is left alone."""
        resource = CONFIG_MAPS if isinstance(step, DeleteConfigMap) else SECRETS
        try:
            there = await self._client.get(resource, namespace, step.name)
            if _is_of(there, group):
                await self._client.delete(resource, namespace, step.name, uid=there["metadata"]["uid"])
        except Gone:
            return

    async def _own(self, resource: Resource, namespace: str, group: ContainerGroup) -> dict[str, str]:
        listing = await self._client.list(resource, namespace, label_selector=f"{CONTAINER_GROUP_LABEL}={group.name}")
        return {
            each["metadata"]["name"]: (each["metadata"].get("annotations") or {}).get(CONTENT_ANNOTATION, "")
            for each in listing.items
            if _is_of(each, group)
        }

    async def _versions(self, namespace: str, names: Iterable[str]) -> dict[str, str]:
        found: dict[str, str] = {}
        for name in names:
            try:
                body = await self._client.get(SECRETS, namespace, name)
            except Gone:
                continue
            held = _credentials(body)
            if held is not None:
                found[name] = digest(held)
        return found

    async def _write(
        self,
        resource: Resource,
        namespace: str,
        group: ContainerGroup,
        name: str,
        mark: str,
        content: Mapping[str, Any],
    ) -> None:
        metadata = {
            "name": name,
            "labels": {CONTAINER_GROUP_LABEL: group.name, MANAGED_BY_LABEL: FIELD_MANAGER},
            "annotations": {CONTENT_ANNOTATION: mark},
            "ownerReferences": [owner_reference(KIND.kind, group.name, group.uid)],
        }
        body = {"apiVersion": resource.api_version, "kind": resource.kind, "metadata": metadata, **content}
        try:
            await self._client.create(resource, namespace, body)
        except AlreadyExists:
            there = await self._client.get(resource, namespace, name)
            if not _is_of(there, group):
                problem = f"{resource.kind} {name} is somebody else's: delete it, or give the group another name"
                raise Invalid(problem, code=409, reason="AlreadyExists") from None
            guard = {"uid": there["metadata"]["uid"], "resourceVersion": there["metadata"]["resourceVersion"]}
            marks = {"labels": metadata["labels"], "annotations": metadata["annotations"]}
            before = {field: there.get(field) or {} for field in content}
            patch = {"metadata": guard | marks, **merge_patch(before, content)}
            await self._client.merge_patch(resource, namespace, name, patch)


def _credentials(secret: Mapping[str, Any]) -> str | None:
    """What a Secret holds for a registry; None where it is of another sort, or a copy that a group has made."""
    if CONTAINER_GROUP_LABEL in (secret["metadata"].get("labels") or {}):
        return None
    held = (secret.get("data") or {}).get(CREDENTIALS_KEY)
    return held if secret.get("type") == CREDENTIALS_TYPE and isinstance(held, str) else None


def _is_of(body: Mapping[str, Any], group: ContainerGroup) -> bool:
    owners = body["metadata"].get("ownerReferences") or ()
    return any(each.get("controller") and each.get("uid") == group.uid for each in owners)
