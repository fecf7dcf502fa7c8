"""What admission made of a Pod that was asked for: whether the group would still see it as its instance."""

import msgspec

from windlass.api.common import GROUP_LABEL, REVISION_LABEL, ZONE_LABEL


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


def altered(asked: bytes, answer: Made) -> Altered | None:
    """The first difference, between what was asked for and what was answered, that instances are known by."""
    wanted, made = msgspec.json.decode(asked, type=Made).metadata, answer.metadata
    if made.name != wanted.name:
        return Altered(f"its name was changed from {wanted.name} to {made.name or 'none'}")
    for label in (GROUP_LABEL, REVISION_LABEL, ZONE_LABEL):
        before, after = wanted.labels.get(label), made.labels.get(label)
        if before != after and before is not None:
            became = "was taken off" if after is None else f"was changed to {after!r}"
            return Altered(f"its label {label} {became}")
    if not {owner.uid for owner in wanted.owner_references} <= {o.uid for o in made.owner_references if o.controller}:
        return Altered("its owner reference to the group was taken off")
    return None
