"""What we have written and not yet seen.

An informer runs behind our own writes. Until it has shown them, counting its instances would launch or remove the same
ones again; so a pass that changed something leaves a note here, and the next pass waits for it.
"""

from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from windlass.cluster.errors import ApiError
from windlass.engine.clock import Clock
from windlass.engine.queue import Key

# How long an informer may take to show a write. After that the caller lists live: an event may have been lost.
LIMIT = timedelta(seconds=30)


@dataclass(slots=True)
class _Owed:
    since: datetime
    created: set[str] = field(default_factory=set)
    deleted: set[str] = field(default_factory=set)

    def __bool__(self) -> bool:
        return bool(self.created or self.deleted)


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

    def observed_created(self, owner: Key, name: str) -> None:
        """The informer shows an object of this name."""
        if owed := self._owners.get(owner):
            owed.created.discard(name)
            self._close(owner, owed)

    def observed_deleted(self, owner: Key, uid: str) -> None:
        """The informer shows a deletionTimestamp on this object, or that it is gone."""
        if owed := self._owners.get(owner):
            owed.deleted.discard(uid)
            self._close(owner, owed)

    def expects_deletion(self, owner: Key, uid: str) -> bool:
        """Whether this object was asked to go."""
        return (owed := self._owners.get(owner)) is not None and uid in owed.deleted

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

    def clear(self, owner: Key) -> None:
        """Expect nothing any more: a live list has shown everything, or the owner is gone."""
        self._owners.pop(owner, None)

    def _note(self, owner: Key) -> _Owed:
        now = self._clock.now()
        owed = self._owners.setdefault(owner, _Owed(now))
        owed.since = now
        return owed

    def _close(self, owner: Key, owed: _Owed) -> None:
        if not owed and self._owners.get(owner) is owed:
            del self._owners[owner]


def _lost(error: Exception) -> bool:
    return isinstance(error, ApiError) and error.lost
