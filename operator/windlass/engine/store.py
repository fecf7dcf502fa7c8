"""The objects of one of our own kinds, as their watch last showed them."""

from collections.abc import Callable, Collection, Mapping
from typing import Any, NamedTuple

from windlass.cluster.store import as_number

Body = Mapping[str, Any]


class Identity(NamedTuple):
    """One object and no other, ever."""

    namespace: str
    name: str
    uid: str


class Store:
    """Bodies by namespace and name, and by owner. They are kept as they come: nobody may change them.

    A watch may repeat itself, deliver an old version late and never say what vanished while it was broken; so only
    newer versions are taken, and `sweep` drops what is no longer there. resourceVersions are compared as integers,
    which Kubernetes promises for objects of one kind.
    """

    def __init__(self, owner_of: Callable[[Body], str | None] | None = None) -> None:
        """`owner_of(body)` names the object in the same namespace that `owned_by` asks by."""
        self._owner_of = owner_of
        self._bodies: dict[tuple[str, str], Body] = {}
        self._places: dict[str, tuple[str, str]] = {}  # by uid
        self._owned: dict[tuple[str, str], set[str]] = {}  # names, by namespace and owner

    def __len__(self) -> int:
        return len(self._bodies)

    def put(self, body: Body) -> bool:
        """Keep `body` if it is newer than what we have; whether it was."""
        identity = _identity(body)
        place = (identity.namespace, identity.name)
        before = self._bodies.get(place)
        if before is not None:
            if _version(body) <= _version(before):
                return False
            self._remove(place, before)
        self._bodies[place] = body
        self._places[identity.uid] = place
        if (owner := self._owner(body)) is not None:
            self._owned.setdefault((identity.namespace, owner), set()).add(identity.name)
        return True

    def discard(self, uid: str) -> None:
        """Drop the object with this uid; a successor of the same name stays."""
        if (place := self._places.get(uid)) is not None:
            self._remove(place, self._bodies[place])

    def get(self, namespace: str, name: str) -> Body | None:
        """The body as last seen, or None."""
        return self._bodies.get((namespace, name))

    def all(self) -> list[Body]:
        """Every body, in no particular order."""
        return list(self._bodies.values())

    def owned_by(self, namespace: str, owner: str) -> list[str]:
        """The sorted names of the objects whose owner this is."""
        return sorted(self._owned.get((namespace, owner), ()))

    def sweep(self, live: Collection[Identity], as_of: str, namespace: str | None = None) -> list[Identity]:
        """Drop what a live list no longer shows, and answer what that was.

        `as_of` is the list's resourceVersion: what is newer than the list is not missing from it. `namespace`: the
        list was of that one alone.
        """
        listed = frozenset(live)
        ghosts = [
            identity
            for body in self._bodies.values()
            if (identity := _identity(body)) not in listed
            and _version(body) <= as_number(as_of)
            and namespace in (None, identity.namespace)
        ]
        for ghost in ghosts:
            self.discard(ghost.uid)
        return ghosts

    def _owner(self, body: Body) -> str | None:
        return self._owner_of(body) if self._owner_of is not None else None

    def _remove(self, place: tuple[str, str], body: Body) -> None:
        del self._bodies[place]
        del self._places[body["metadata"]["uid"]]
        if (owner := self._owner(body)) is not None:
            siblings = self._owned[place[0], owner]
            siblings.discard(place[1])
            if not siblings:
                del self._owned[place[0], owner]


def _identity(body: Body) -> Identity:
    metadata = body["metadata"]
    return Identity(metadata.get("namespace") or "", metadata["name"], metadata["uid"])


def _version(body: Body) -> int:
    return as_number(body["metadata"]["resourceVersion"])
