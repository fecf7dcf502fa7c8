"""Objects that a stack has no more use for: deleted in reverse order, or left to others."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import count
from typing import Any

from windlass.api.stack_instance import ObjectError
from windlass.cluster.errors import ApiError, Conflict, Gone
from windlass.cluster.resources import Resource
from windlass.controllers.stack_sets.visit import Visit, side_by_side, uid_of
from windlass.planner.stackset.inventory import Entry, without
from windlass.planner.stackset.ownership import Stack, owner_of, release, stays
from windlass.planner.stackset.reasons_deployment import StillThere
from windlass.planner.stackset.waves import waves


@dataclass(frozen=True, slots=True)
class Cleared:
    """`gone`: those that the stack has no longer. `errors`: of those that could not be deleted."""

    gone: tuple[Entry, ...]
    errors: tuple[ObjectError, ...]


@dataclass(frozen=True, slots=True)
class _Going:
    """It was deleted and is still there, in its last state that was seen."""

    entry: Entry
    uid: str
    live: dict[str, Any]


async def clear(visit: Visit, stack: Stack, entries: Iterable[Entry], seconds: Callable[[], float]) -> Cleared:
    """Delete what is there of these and is the stack's own; a wave begins when the one before is gone.

    `seconds`: how long may still be waited for those that take their time; then they are neither gone nor wrong.
    An object that somebody made in the stack's place, of the same name, is nobody's business here.
    """
    removal = _Removal(visit, stack)
    gone: list[Entry] = []
    for wave in reversed(waves(entries)):
        done = await side_by_side(removal.delete, wave)
        errors = [each for each in done if isinstance(each, ObjectError)]
        going = await removal.until_gone([each for each in done if isinstance(each, _Going)], seconds)
        left = [each.entry for each in going]
        failed = [entry for entry, each in zip(wave, done, strict=True) if isinstance(each, ObjectError)]
        gone += without(wave, [*left, *failed])
        if errors or going:
            return Cleared(tuple(gone), tuple(errors))
    return Cleared(tuple(gone), ())


async def still_there(visit: Visit, entries: Iterable[Entry]) -> list[ObjectError]:
    """The errors of those that did not go in time."""

    async def look(entry: Entry) -> ObjectError | None:
        try:
            found = await visit.listed_now(entry)
        except ApiError as error:
            return visit.error(entry, error)
        return None if found is None else visit.error(entry, StillThere(visit.minutes, _held_by(found[1])))

    return [each for each in await side_by_side(look, entries) if each is not None]


class _Removal:
    def __init__(self, visit: Visit, stack: Stack) -> None:
        self._visit = visit
        self._stack = stack

    async def delete(self, entry: Entry) -> _Going | ObjectError | None:
        """None: it is gone, or not the stack's any more."""
        try:
            for attempt in count(1):
                found = await self._visit.listed_now(entry)
                if found is None or owner_of(found[1]) != self._stack.owner:
                    return None
                try:
                    return await self._delete(*found, entry)
                except Conflict:  # it is another one by now
                    if self._visit.seconds_left <= 0:
                        raise
                await self._visit.pause(attempt, self._visit.seconds_left)
        except ApiError as error:
            return self._visit.error(entry, error)
        raise AssertionError("counting never ends")

    async def _delete(self, resource: Resource, live: dict[str, Any], entry: Entry) -> _Going | None:
        client, namespace, uid = self._visit.client, entry.namespace or None, uid_of(live)
        try:
            if stays(live):
                await self._visit.patiently(lambda: client.merge_patch(resource, namespace, entry.name, release(uid)))
                return None
            if "deletionTimestamp" not in live["metadata"]:
                # Not left to the API server, which would orphan the Pods of a Job.
                await self._visit.patiently(
                    lambda: client.delete(resource, namespace, entry.name, uid=uid, propagation="Background")
                )
        except Gone:
            return None
        return _Going(entry, uid, live)

    async def until_gone(self, going: list[_Going], seconds: Callable[[], float]) -> list[_Going]:
        """Those that are still there when the time is over."""
        for attempt in count(1):
            looked = await side_by_side(self._look, going)
            going = [each for each in looked if each is not None]
            if not going or seconds() <= 0:
                return going
            await self._visit.pause(attempt, seconds())
        raise AssertionError("counting never ends")

    async def _look(self, going: _Going) -> _Going | None:
        try:
            found = await self._visit.listed_now(going.entry)
        except ApiError:  # it may be there
            return going
        return _Going(going.entry, going.uid, found[1]) if found is not None and uid_of(found[1]) == going.uid else None


def _held_by(live: dict[str, Any]) -> str:
    finalizers = live["metadata"].get("finalizers")
    names = [str(each) for each in finalizers] if isinstance(finalizers, list) else []
    return f": held by {', '.join(names[:3])}" if names else ""
