"""Revisions on the wire: a ControllerRevision read as a `Revision`, and the one that keeps a revision."""

from datetime import datetime
from typing import Any

import msgspec

from windlass.api.common import GROUP_LABEL, MANAGED_BY_LABEL, owner_reference
from windlass.planner.capacity.steps import KeepRevision
from windlass.planner.capacity.view import Revision

_ESCAPED_BY_GO = "<>&\u2028\u2029"


class _Owner(msgspec.Struct, rename="camel", frozen=True, gc=False):
    uid: str
    controller: bool = False


class _Metadata(msgspec.Struct, rename="camel", frozen=True, gc=False):
    namespace: str
    name: str
    uid: str
    resource_version: str
    deletion_timestamp: datetime | None = None
    owner_references: tuple[_Owner, ...] = ()


class ControllerRevision(msgspec.Struct, rename="camel", frozen=True, gc=False):
    """A ControllerRevision as decisions read it."""

    metadata: _Metadata
    revision: int = 0
    data: dict[str, Any] = {}


def to_revision(found: ControllerRevision) -> Revision:
    """The revision that this object keeps; ValueError if its data are not those of one."""
    metadata, removing = found.metadata, found.metadata.deletion_timestamp is not None
    if not isinstance(found.data.get("configuration"), dict) or not _is_source(found.data.get("source")):
        raise ValueError("its data are not a configuration and the source of it")
    group = next((owner.uid for owner in metadata.owner_references if owner.controller), "")
    return Revision(
        metadata.name,
        found.revision,
        found.data,
        removing,
        namespace=metadata.namespace,
        group=group,
        uid=metadata.uid,
        resource_version=metadata.resource_version,
    )


def _is_source(found: object) -> bool:
    return isinstance(found, dict) and all(isinstance(found.get(part), str) for part in ("kind", "name"))


def revision_manifest(step: KeepRevision, *, group: str, group_uid: str) -> bytes:
    """The ControllerRevision that keeps what the step says, as JSON in the form that Go gives it.

    The API server compares the data byte by byte when it refuses to change them, after having written them anew itself:
    in any other form not even a label or an owner could be changed, by anybody.
    """
    manifest = {
        "apiVersion": "apps/v1",
        "kind": "ControllerRevision",
        "metadata": {
            "name": step.name,
            "labels": {GROUP_LABEL: group, MANAGED_BY_LABEL: "windlass"},
            "ownerReferences": [owner_reference("ScalingGroup", group, group_uid)],
        },
        "revision": step.number,
        "data": step.data,
    }
    encoded = msgspec.json.encode(manifest, order="sorted")
    for character in _ESCAPED_BY_GO:
        encoded = encoded.replace(character.encode(), f"\\u{ord(character):04x}".encode())
    return encoded
