"""What is known of the objects of a kind: by name, by index, and never going back in time."""

import logging
from collections.abc import Callable, Container, Iterable, Iterator, Mapping
from contextlib import contextmanager
from types import MappingProxyType
from typing import Any, Generic, Protocol, TypeVar

from windlass.api.common import GROUP

log = logging.getLogger(__name__)


class Record(Protocol):
    """What the store has to know of a record."""

    @property
    def namespace(self) -> str:
        """The object's namespace."""

    @property
    def name(self) -> str:
        """The object's name."""

    @property
    def uid(self) -> str:
        """The object's uid."""

    @property
    def resource_version(self) -> str:
        """The version of the object that this record was made from."""


# The managed fields alone take three quarters of a small object; what `kubectl apply` notes down can be as long.
_METADATA_KEPT = frozenset(
    {
        "namespace",
        "name",
        "uid",
        "resourceVersion",
        "generation",
        "creationTimestamp",
        "deletionTimestamp",
        "finalizers",
    }
)
_OUR_ANNOTATIONS = f"{GROUP}/"


class Object(dict[str, Any]):
    """An object as it came from the API server, with the metadata that decisions read: of annotations, our own. Nobody
    may change it.

    KeyError if it has no metadata, AttributeError if they are no map.
    """

    __slots__ = ()

    def __init__(self, body: Mapping[str, Any]) -> None:
        super().__init__(body)
        metadata = body["metadata"]
        kept = {field: value for field, value in metadata.items() if field in _METADATA_KEPT}
        given = metadata.get("annotations") or {}
        ours = {name: value for name, value in given.items() if name.startswith(_OUR_ANNOTATIONS)}
        self["metadata"] = kept | {"annotations": ours} if ours else kept

    @property
    def namespace(self) -> str:
        """The object's namespace; empty for one of the cluster."""
        return str(self["metadata"].get("namespace") or "")

    @property
    def name(self) -> str:
        """The object's name."""
        return str(self["metadata"]["name"])

    @property
    def uid(self) -> str:
        """The object's uid."""
        return str(self["metadata"]["uid"])

    @property
    def resource_version(self) -> str:
        """The object's version."""
        return str(self["metadata"]["resourceVersion"])


T = TypeVar("T", bound=Record)

_NONE: Mapping[str, Any] = MappingProxyType({})


class Store(Generic[T]):
    """Records by namespace and name, and by the key that `index` gives (None: in no index).

    All records of one index key lie in one namespace. `on_change(old, new)` is told of every change, at once: None
    stands for absent; both differ in uid if an object was replaced by another of its name.
    """

    def __init__(
        self, index: Callable[[T], str | None] | None, on_change: Callable[[T | None, T | None], None] | None
    ) -> None:
        self._index = index
        self._on_change = on_change
        self._namespaces: dict[str, dict[str, T]] = {}
        self._keys: dict[str, dict[str, T]] = {}
        self._floors: dict[str, int] = {}
        self._lists: dict[int, set[str]] = {}  # under way: the uids of what has gone since each began

    def __len__(self) -> int:
        return sum(map(len, self._namespaces.values()))

    def get(self, namespace: str, name: str) -> T | None:
        """The record of that name."""
        return self._namespaces.get(namespace, _NONE).get(name)

    def by_index(self, key: str) -> Mapping[str, T]:
        """The records of an index key by name: a live view, to be used before the next `await`."""
        return self._keys.get(key, _NONE)

    def within(self, namespace: str | None) -> list[T]:
        """The records of a namespace; None: of all."""
        if namespace is not None:
            return list(self._namespaces.get(namespace, _NONE).values())
        return [record for names in self._namespaces.values() for record in names.values()]

    def put(self, record: T) -> bool:
        """Take a record in unless what is known is as new; whether it was taken."""
        names = self._namespaces.get(record.namespace)
        if names is None:
            names = self._namespaces[record.namespace] = {}
        name = record.name
        old = names.get(name)
        if old is not None:
            was, now = old.resource_version, record.resource_version
            if now == was or as_number(now) < as_number(was):
                return False
        elif self._floors and self._is_below_floor(record):
            return False
        names[name] = record
        self._reindex(old, record)
        if self._on_change is not None:
            self._tell(self._on_change, old, record)
        return True

    def drop(self, record: T) -> None:
        """Forget the object that this record is the last state of; not another one of its name."""
        self._note_gone(record)
        old = self.get(record.namespace, record.name)
        if old is not None and old.uid == record.uid:
            self._remove(old)

    @contextmanager
    def listing(self) -> Iterator[Container[str]]:
        """Around reading a list beside a watch: the uids of what goes meanwhile, for `replace`.

        By the watch's word, or by that of another list.
        """
        gone: set[str] = set()
        self._lists[id(gone)] = gone
        try:
            yield gone
        finally:
            del self._lists[id(gone)]

    def replace(self, old: Iterable[T], new: Iterable[T], as_of: int | None, gone: Container[str] = ()) -> None:
        """Make what is known in place of `old` what a list of version `as_of` said.

        What is known to be newer than the list stays as it is, and what has `gone` since it began stays away: a list
        can take longer than a watch. None: the server's versions have started anew (a backup was restored), so that
        nothing we know counts. Where they have passed those that we know again, an older object in a newer list is all
        that shows it.
        """
        listed = {(record.namespace, record.name): record for record in new}
        wanted = [record for record in listed.values() if record.uid not in gone]  # before we remove anything ourselves
        for record in list(old):
            found = listed.get((record.namespace, record.name))
            if as_of is None or (version(record) <= as_of and (found is None or version(found) < version(record))):
                self._remove(record)
                if found is not None:
                    self._floors.clear()
        if as_of is None:
            self._floors.clear()
        for record in wanted:
            self.put(record)

    def set_floor(self, key: str, floor: int) -> None:
        """Until `lift_floors`, an unknown record of this key must be newer than `floor`.

        After a list of one key the watch may still deliver what had gone by then.
        """
        self._floors[key] = floor

    def lift_floors(self, reached: int) -> None:
        """The watch has come to this version: older floors have done their work."""
        if self._floors:
            self._floors = {key: floor for key, floor in self._floors.items() if floor > reached}

    def _is_below_floor(self, record: T) -> bool:
        key = self._index(record) if self._index else None
        return key is not None and version(record) <= self._floors.get(key, -1)

    def _note_gone(self, record: T) -> None:
        for gone in self._lists.values():
            gone.add(record.uid)

    def _remove(self, old: T) -> None:
        self._note_gone(old)
        names = self._namespaces[old.namespace]
        del names[old.name]
        if not names:
            del self._namespaces[old.namespace]
        self._reindex(old, None)
        if self._on_change is not None:
            self._tell(self._on_change, old, None)

    def _reindex(self, old: T | None, new: T | None) -> None:
        if self._index is None:
            return
        was = self._index(old) if old is not None else None
        now = self._index(new) if new is not None else None
        if old is not None and was is not None and was != now:
            names = self._keys[was]
            del names[old.name]
            if not names:
                del self._keys[was]
        if new is not None and now is not None:
            self._keys.setdefault(now, {})[new.name] = new

    def _tell(self, on_change: Callable[[T | None, T | None], None], old: T | None, new: T | None) -> None:
        try:
            on_change(old, new)
        except Exception:
            known = new if new is not None else old
            log.exception("handling a change of %s/%s; going on", known and known.namespace, known and known.name)


def version(record: Record) -> int:
    """The record's resourceVersion as a number, to compare; 0 if it is none.

    Since Kubernetes 1.35 resourceVersions of one resource are documented to compare as integers; they always have.
    """
    return as_number(record.resource_version)


def as_number(resource_version: str) -> int:
    """A resourceVersion as a number; 0 if it is none."""
    try:
        return int(resource_version)
    except ValueError:
        return 0
