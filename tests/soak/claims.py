"""What must hold of a group at every moment, whatever happens to the operators: claims about the watch of Pods."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from tests.cluster.witness import Object, alive
from tests.faults.exchange import bounds


@dataclass(slots=True)
class Group:
    """One group as the script wants it, from its creation to its deletion.

    `ceiling`: the most that were wanted since the last rest; `floor`: the fewest, less those whom the script took.
    None until the group was at rest once: there is nothing to lose before. A refresh since then widens both.
    """

    name: str
    uid: str
    wanted: int
    ceiling: int
    floor: int | None = None
    counting: set[str] = field(default_factory=set)
    uids: dict[str, str] = field(default_factory=dict)
    taken: set[str] = field(default_factory=set)
    refreshed: bool = False  # since the last rest

    def want(self, size: int) -> None:
        """The script is about to ask for so many."""
        self.wanted = size
        floor, ceiling = bounds(size) if self.refreshed else (size, size)
        self.ceiling = max(self.ceiling, ceiling)
        if self.floor is not None:
            self.floor = min(self.floor, floor)

    def refresh(self) -> None:
        """The script is about to have its instances exchanged."""
        if self.refreshed:
            return
        self.refreshed = True
        self.ceiling = bounds(self.ceiling)[1]
        if self.floor is not None:
            self.floor -= self.wanted - bounds(self.wanted)[0]

    def take(self, pod: str) -> None:
        """The script is about to kill this Pod, or to have it fail."""
        self.taken.add(pod)
        if self.floor is not None:
            self.floor -= 1

    def rest(self) -> None:
        """It has what is wanted, and all that was asked of anybody has come to an end."""
        self.ceiling = self.floor = self.wanted
        self.refreshed = False

    def see(self, name: str, pod: Object | None) -> Iterator[str]:
        """One change of one of its Pods; what is wrong with it."""
        before = len(self.counting)
        self.counting.discard(name)
        if pod is not None:
            uid = self.uids.setdefault(name, pod["metadata"]["uid"])
            if uid != pod["metadata"]["uid"]:
                self.uids[name] = pod["metadata"]["uid"]
                if name not in self.taken:
                    yield f"{name} was created twice"
            if alive(pod):
                self.counting.add(name)
        now = len(self.counting)
        if now > before and now > self.ceiling:
            yield f"{self.name}: {now} count with {name}, {self.ceiling} were wanted at most: {sorted(self.counting)}"
        if now < before and self.floor is not None and now < self.floor:
            yield f"{self.name}: {now} count without {name}, and {self.floor} should be left: {sorted(self.counting)}"


class Claims:
    """All groups of a round, and the watch of Pods they are held against."""

    def __init__(self) -> None:
        self.groups: dict[str, Group] = {}
        self._by_uid: dict[str, Group] = {}
        self._owner: dict[str, str] = {}
        self._read = 0

    def add(self, group: Group) -> None:
        self.groups[group.name] = group
        self._by_uid[group.uid] = group

    def drop(self, name: str) -> None:
        """The script deletes the group: its Pods go, and nothing is claimed of them."""
        self._by_uid.pop(self.groups.pop(name).uid)

    def read(self, history: list[tuple[str, Object | None]]) -> Iterator[str]:
        """What is wrong with what has happened since the last time."""
        end = len(history)
        for name, pod in history[self._read : end]:
            if pod is not None:
                (owner,) = pod["metadata"]["ownerReferences"]
                if self._owner.get(name) not in (None, owner["uid"]):
                    yield from self._see(self._owner[name], name, None)  # another group's of the same name
                self._owner[name] = owner["uid"]
            yield from self._see(self._owner[name], name, pod)
        self._read = end

    def _see(self, owner: str, name: str, pod: Object | None) -> Iterator[str]:
        group = self._by_uid.get(owner)
        if group is not None:
            yield from group.see(name, pod)
