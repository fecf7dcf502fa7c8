"""What is known of our own kinds: a store for each, filled by kopf's watches and by lists."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from windlass.api.common import Kind
from windlass.cluster.resources import Resource
from windlass.cluster.store import Object, Store

OnChange = Callable[[Object | None, Object | None], None]


@dataclass(frozen=True, slots=True)
class OwnKind:
    """One of our own kinds, where its objects are kept, and whether the operator can work without its CRD."""

    resource: Resource
    store: Store[Object]
    optional: bool


def same_wish(old: Object, new: Object) -> bool:
    """Whether two versions of an object differ in the status alone, as far as passes read them."""
    fields = ("uid", "generation", "deletionTimestamp", "annotations")
    return all(old["metadata"].get(field) == new["metadata"].get(field) for field in fields)


class OwnStores:
    """The stores by kind. Whoever needs the objects of a kind adds it, once."""

    def __init__(self) -> None:
        self._kinds: dict[str, OwnKind] = {}

    def add(
        self,
        kind: Kind,
        on_change: OnChange | None = None,
        *,
        index: Callable[[Object], str | None] | None = None,
        optional: bool = False,
    ) -> Store[Object]:
        """Have the objects of this kind watched and kept. `on_change` and `index` as `Store` has them.

        ValueError if somebody has added it before.
        """
        if kind.kind in self._kinds:
            raise ValueError(f"the objects of {kind.kind} are kept already")
        store: Store[Object] = Store(index, on_change)
        self._kinds[kind.kind] = OwnKind(Resource.of(kind), store, optional)
        return store

    def __getitem__(self, kind: str) -> OwnKind:
        return self._kinds[kind]

    def __iter__(self) -> Iterator[OwnKind]:
        return iter(self._kinds.values())

    def observe(self, kind: str, body: Mapping[str, Any], *, deleted: bool) -> None:
        """An object was added, changed or deleted."""
        store, found = self._kinds[kind].store, Object(body)
        if deleted:
            store.drop(found)
        else:
            store.put(found)
