"""Deploying one stack to its target, and removing it from there.

The list of the stack's objects is written before the first of them is applied, and shrinks after the last is gone, so
that nothing is there that it lacks, wherever a process ends. All steps may be repeated from the start.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import count
from typing import Any

from windlass.api.stack_instance import MAX_ERRORS, ObjectError
from windlass.cluster.errors import ApiError, Conflict, NoSuchKind, Refused
from windlass.cluster.resources import Resource
from windlass.controllers.stack_sets.inventory_store import InventoryStore
from windlass.controllers.stack_sets.outcome import Outcome, failed
from windlass.controllers.stack_sets.parts import Part, parts_of
from windlass.controllers.stack_sets.removal import clear, still_there
from windlass.controllers.stack_sets.visit import StoppedError, Visit, is_field_conflict, side_by_side
from windlass.planner.stackset.inventory import Entry, union, without
from windlass.planner.stackset.ownership import STACK_ANNOTATION, Stack, marked, owner_of, was_there
from windlass.planner.stackset.readiness import Broken, Ready, State, Waiting, readiness
from windlass.planner.stackset.reasons_deployment import (
    BelongsToAnother,
    DeletedMeanwhile,
    DeployedByOthers,
    NothingKnown,
    NotReadyInTime,
    RollBackFailed,
    StillThere,
)
from windlass.planner.stackset.render import Manifest
from windlass.planner.stackset.standing import first_of
from windlass.planner.stackset.waves import DEFINITION, waves

PRUNE_SECONDS = (
    60.0  # so long a deployment waits for pruned objects that take their time; then the next one sees to them
)


async def deploy(
    visit: Visit, stack: Stack, manifests: Sequence[Manifest], previous: Sequence[Manifest] | None = None
) -> Outcome:
    """Have the target hold these objects, ready, and of what the stack had there nothing else.

    Where that fails it goes back to the `previous` ones, once, in the same time again; without them, and where the
    target cannot be reached or is too slow, what was begun is left as it is.
    """
    first = _Deployment(visit, stack)
    outcome = await first.run(manifests)
    if not outcome.errors or outcome.stopped_by is not None or previous is None or not first.begun:
        return outcome
    back = await _Deployment(visit.again(), stack).run(previous)
    if not back.errors:
        return replace(outcome, objects=back.objects, rolled_back=True)
    line = RollBackFailed(first_of(back.errors[0], back.error_count))
    told = (*outcome.errors[: MAX_ERRORS - 1], ObjectError(object="", message=visit.shown(str(line))))
    return replace(
        outcome, errors=told, error_count=outcome.error_count + 1, objects=back.objects, stopped_by=back.stopped_by
    )


async def remove(visit: Visit, stack: Stack, *templates: Sequence[Manifest] | None) -> Outcome:
    """Delete all that the stack has in the target, by its list, and then the list; it is over when all of it is gone.

    Where the list is not there, because somebody deleted it or nothing was deployed, it is what these `templates` name;
    None: something was deployed of which nobody knows any more what it was.
    What says `windlass.dev/prune: keep`, or was there before the stack, stays and is nobody's from then on.
    """
    store = InventoryStore(visit, stack)
    left: tuple[Entry, ...] | None = None
    try:
        await visit.recognise()
        for attempt in count(1):
            held = await store.read()
            if held is not None:
                left = held.entries
            elif left is None:
                parts = [await parts_of(visit, stack, _known(each)) for each in templates]
                left = union((), [part.entry for found in parts for part in found.taken])
                if unknown := [error for found in parts for error in found.unknown]:
                    return failed(unknown, None)
            cleared = await clear(visit, stack, left, lambda: visit.seconds_left)
            left = await store.change(partial(without, gone=cleared.gone)) if held else without(left, cleared.gone)
            errors = cleared.errors
            if not errors and visit.seconds_left <= 0:
                errors = tuple(await still_there(visit, left))
            if errors:
                return failed(errors, len(left))
            if not left and (held is None or await store.delete()):
                return Outcome(objects=0)
            if visit.seconds_left <= 0:
                raise StoppedError(DeployedByOthers())
            await visit.pause(attempt, visit.seconds_left)
    except StoppedError as error:
        return visit.stopped(error, _count(left))
    raise AssertionError("counting never ends")


def _known(template: Sequence[Manifest] | None) -> Sequence[Manifest]:
    if template is None:
        raise StoppedError(NothingKnown())
    return template


@dataclass(frozen=True, slots=True)
class _Applied:
    """An object as it was after it was applied."""

    part: Part
    resource: Resource
    body: dict[str, Any]


class _Deployment:
    """One try. `begun`: something may have been changed in the target."""

    def __init__(self, visit: Visit, stack: Stack) -> None:
        self._visit = visit
        self._stack = stack
        self._store = InventoryStore(visit, stack)
        self._listed: tuple[Entry, ...] | None = None
        self.begun = False

    async def run(self, manifests: Sequence[Manifest]) -> Outcome:
        try:
            await self._visit.recognise()
            parts = await parts_of(self._visit, self._stack, manifests)
            errors = parts.errors or await self._deploy(parts.taken)
        except StoppedError as error:
            return self._visit.stopped(error, _count(self._listed))
        return failed(errors, _count(self._listed))

    async def _deploy(self, parts: Sequence[Part]) -> Sequence[ObjectError]:
        entries = [part.entry for part in parts]
        listed = self._listed = await self._store.change(partial(union, new=entries))
        self.begun = True
        applied: list[_Applied] = []
        for wave in waves(parts):
            done = await side_by_side(self._apply, wave)
            errors = [each for each in done if isinstance(each, ObjectError)]
            if errors:
                return errors
            made = [each for each in done if isinstance(each, _Applied)]
            applied += made
            errors = await self._until_ready([each for each in made if (each.part.group, each.part.kind) == DEFINITION])
            if errors:
                return errors
        return await self._until_ready(applied) or await self._prune(without(listed, entries))

    # ---- applying

    async def _apply(self, part: Part) -> _Applied | ObjectError:
        entry = part.entry
        try:
            resource = await self._visit.resource(entry, awaited=part.brought)
            live = await self._settled(resource, part)
            if isinstance(live, ObjectError):
                return live
            owner = None if live is None else owner_of(live)
            if owner not in (None, self._stack.owner):
                return self._visit.error(entry, BelongsToAnother(str(owner), STACK_ANNOTATION))
            body = marked(part.body, self._stack, there_before=live is not None and was_there(live))
            applied = await self._visit.patiently(
                lambda: self._visit.client.apply(resource, entry.namespace or None, entry.name, body),
                also=partial(_comes_right, brought=part.brought),
            )
            return _Applied(part, resource, applied)
        except ApiError as error:
            return self._visit.error(entry, error)

    async def _settled(self, resource: Resource, part: Part) -> dict[str, Any] | ObjectError | None:
        """The object as it is; one that is on its way out is waited for: what is applied to it would go with it."""
        for attempt in count(1):
            live = await self._visit.live(resource, part.entry, awaited=part.brought)
            if live is None or not live["metadata"].get("deletionTimestamp"):
                return live
            if self._visit.seconds_left <= 0:
                return self._visit.error(part.entry, StillThere(self._visit.minutes, ""))
            await self._visit.pause(attempt, self._visit.seconds_left)
        raise AssertionError("counting never ends")

    # ---- waiting

    async def _until_ready(self, applied: Sequence[_Applied]) -> list[ObjectError]:
        """The errors of those that are not ready when the time is over; those that have failed end it at once."""
        states: list[tuple[_Applied, State]] = [(each, readiness(each.body)) for each in applied]
        for attempt in count(1):
            broken = [self._error(each, state.why) for each, state in states if isinstance(state, Broken)]
            waiting = [(each, state.why) for each, state in states if isinstance(state, Waiting)]
            if broken or not waiting:
                return broken
            if self._visit.seconds_left <= 0:
                return [self._error(each, str(NotReadyInTime(self._visit.minutes, why))) for each, why in waiting]
            await self._visit.pause(attempt, self._visit.seconds_left)
            states = await side_by_side(self._look, [each for each, _ in waiting])
        raise AssertionError("counting never ends")

    async def _look(self, applied: _Applied) -> tuple[_Applied, State]:
        try:
            live = await self._visit.live(applied.resource, applied.part.entry)
        except ApiError as error:
            return applied, Broken(self._visit.error(applied.part.entry, error).message)
        if live is not None:
            return applied, readiness(live)
        return applied, Ready() if _ends_itself(applied.part) else Broken(str(DeletedMeanwhile()))

    def _error(self, applied: _Applied, why: str) -> ObjectError:
        return ObjectError(object=self._visit.named(applied.part.entry), message=self._visit.shown(why))

    # ---- pruning

    async def _prune(self, dropped: Sequence[Entry]) -> Sequence[ObjectError]:
        if not dropped:
            return ()
        until = min(PRUNE_SECONDS, self._visit.seconds_left)
        spare = self._visit.seconds_left - until
        cleared = await clear(self._visit, self._stack, dropped, lambda: self._visit.seconds_left - spare)
        self._listed = await self._store.change(partial(without, gone=cleared.gone))
        return cleared.errors


def _count(entries: Sequence[Entry] | None) -> int | None:
    return None if entries is None else len(entries)


def _comes_right(error: ApiError, *, brought: bool) -> bool:
    """Whether a refused apply comes right when it is repeated."""
    if isinstance(error, Refused):  # in a namespace that was just made, its ServiceAccount comes a moment later
        return "error looking up service account" in error.detail
    if isinstance(error, NoSuchKind):
        return brought
    return isinstance(error, Conflict) and not is_field_conflict(error)


def _ends_itself(part: Part) -> bool:
    """A Job that is deleted when it has ended."""
    spec = part.body.get("spec")
    return part.kind == "Job" and isinstance(spec, dict) and spec.get("ttlSecondsAfterFinished") is not None
