"""What we have written and not yet seen.

An informer runs behind our own writes. Until it has shown them, counting its instances would launch or remove the same
ones again; so a pass that changed something leaves a note here, and the next pass waits for it.
"""

from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from windlass.cluster.errors import ApiError
from windlass.cluster.store import as_number
from windlass.engine.clock import Clock
from windlass.engine.queue import Key

# How long an informer may take to show a write. After that the caller lists live: an event may have been lost.
LIMIT = timedelta(seconds=30)


@dataclass(slots=True)
class _Write:
    """One object's version: 0 as long as the answer to the write is out."""

    wanted: int = 0
    seen: int = 0


@dataclass(slots=True)
class _Owed:
    since: datetime
    created: set[str] = field(default_factory=set)
    deleted: set[str] = field(default_factory=set)
    versions: dict[str, _Write] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.created or self.deleted or self.versions)


class Expectations:
    """Per owner, what its informer still has to show. O(1) per write and per event.

    The context managers register before the request goes out, because the event may arrive before the answer, and take
    the note back when the request fails; not so when it may have been carried out all the same (its answer was lost, or
    the pass was cancelled while it was out).
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._owners: dict[Key, _Owed] = {}

    @contextmanager
    def creating(self, owner: Key, name: str) -> Generator[None, None, None]:
        """Around the request that creates the object `name`."""
        self._note(owner).created.add(name)
        try:
            yield
        except Exception as error:
            if not _lost(error):
                self.observed_created(owner, name)
            raise

    @contextmanager
    def deleting(self, owner: Key, uid: str) -> Generator[None, None, None]:
        """Around the request that deletes the object with this uid."""
        self._note(owner).deleted.add(uid)
        try:
            yield
        except Exception as error:
            if not _lost(error):
                self.observed_deleted(owner, uid)
            raise

    @contextmanager
    def writing(self, owner: Key, name: str) -> Generator[Callable[[str], None], None, None]:
        """Around the request that changes `name`; call what it gives with the resourceVersion of the answer."""
        write = self._note(owner).versions.setdefault(name, _Write())
        before, write.wanted = write.wanted, 0
        try:
            yield lambda resource_version: self._written(owner, name, as_number(resource_version))
        except Exception as error:
            if not _lost(error):
                write.wanted = before
                self._settle(owner, name, write)
            raise

    def observed_created(self, owner: Key, name: str) -> None:
        """The informer shows an object of this name."""
        if owed := self._owners.get(owner):
            owed.created.discard(name)
            self._close(owner, owed)

    def observed_deleted(self, owner: Key, uid: str, name: str | None = None) -> None:
        """The informer shows a deletionTimestamp on this object, or that it is gone.

        With its name, no version of it is waited for either.
        """
        if owed := self._owners.get(owner):
            owed.deleted.discard(uid)
            if name is not None:
                owed.versions.pop(name, None)
            self._close(owner, owed)

    def observed_version(self, owner: Key, name: str, resource_version: str) -> None:
        """The informer shows this version of the object."""
        owed = self._owners.get(owner)
        if owed is None or (write := owed.versions.get(name)) is None:
            return
        write.seen = max(write.seen, as_number(resource_version))
        if write.wanted:
            self._settle(owner, name, write)

    def satisfied(self, owner: Key) -> bool:
        """Whether the informer has shown everything that was written."""
        return owner not in self._owners

    def overdue(self, owner: Key, now: datetime) -> bool:
        """Whether something is still missing 30 s after the last write: list live, then `clear`."""
        wake_at = self.wake_at(owner)
        return wake_at is not None and wake_at <= now

    def wake_at(self, owner: Key) -> datetime | None:
        """When `overdue` becomes true, if nothing arrives until then; None when nothing is missing."""
        owed = self._owners.get(owner)
        return None if owed is None else owed.since + LIMIT

    def missing(self, owner: Key) -> str:
        """What is still missing, in words, for messages and logs; empty when nothing is."""
        owed = self._owners.get(owner)
        if owed is None:
            return ""
        parts = [(len(owed.created), "new"), (len(owed.deleted), "deleted"), (len(owed.versions), "changed")]
        return "not seen yet: " + ", ".join(f"{count} {what}" for count, what in parts if count)

    def clear(self, owner: Key) -> None:
        """Expect nothing any more: a live list has shown everything, or the owner is gone."""
        self._owners.pop(owner, None)

    def _note(self, owner: Key) -> _Owed:
        now = self._clock.now()
        owed = self._owners.setdefault(owner, _Owed(now))
        owed.since = now
        return owed

    def _written(self, owner: Key, name: str, version: int) -> None:
        owed = self._owners.get(owner)
        if owed is None or (write := owed.versions.get(name)) is None:
            return
        write.wanted = version
        self._settle(owner, name, write)

    def _settle(self, owner: Key, name: str, write: _Write) -> None:
        owed = self._owners.get(owner)
        if owed is not None and owed.versions.get(name) is write and write.wanted <= write.seen:
            del owed.versions[name]
            self._close(owner, owed)

    def _close(self, owner: Key, owed: _Owed) -> None:
        if not owed and self._owners.get(owner) is owed:
            del self._owners[owner]


def _lost(error: Exception) -> bool:
    return isinstance(error, ApiError) and error.lost
