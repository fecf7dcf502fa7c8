"""What admission made of a Pod that was asked for: whether the group would still see it as its instance."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from windlass.api.common import GROUP_LABEL, REVISION_LABEL, ZONE_LABEL

KNOWN_BY = (GROUP_LABEL, REVISION_LABEL, ZONE_LABEL)


class _Owner(msgspec.Struct, frozen=True, gc=False):
    uid: str = ""
    controller: bool = False


class _Metadata(msgspec.Struct, rename="camel", frozen=True, gc=False):
    name: str = ""
    uid: str = ""
    labels: dict[str, str] = {}
    owner_references: tuple[_Owner, ...] = ()


class Made(msgspec.Struct, frozen=True, gc=False):
    """A Pod as the API server says that it created it, as far as instances are known by it."""

    metadata: _Metadata = _Metadata()


class Altered(str):
    """Says what admission did to a Pod, so that its group would not see it or would take it for another."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Marks:
    """What instances of one revision in one zone are known by, beside their names: labels, and uids of owners."""

    labels: Mapping[str, str]
    owners: frozenset[str]

    @classmethod
    def of(cls, metadata: Mapping[str, Any]) -> "Marks":
        """Those of the Pods that are asked for with this metadata."""
        labels = {label: metadata["labels"][label] for label in KNOWN_BY if label in metadata["labels"]}
        return cls(labels, frozenset(owner["uid"] for owner in metadata.get("ownerReferences", ())))


def altered(name: str, marks: Marks, answer: Made) -> Altered | None:
    """The first difference, between what was asked for and what was answered, that instances are known by."""
    made = answer.metadata
    if made.name != name:
        return Altered(f"its name was changed from {name} to {made.name or 'none'}")
    for label, before in marks.labels.items():
        after = made.labels.get(label)
        if before != after:
            became = "was taken off" if after is None else f"was changed to {after!r}"
            return Altered(f"its label {label} {became}")
    if not marks.owners <= {owner.uid for owner in made.owner_references if owner.controller}:
        return Altered("its owner reference to the group was taken off")
    return None
