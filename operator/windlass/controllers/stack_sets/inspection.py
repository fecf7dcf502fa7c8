"""Looking at one stack in its target: what has drifted, and what a deployment would do. Nothing is written."""

from collections.abc import Sequence
from typing import Any

from windlass.api.stack_instance import DriftedObject, ObjectError
from windlass.cluster.errors import ApiError, Gone, NoSuchKind
from windlass.controllers.stack_sets.inventory_store import InventoryStore
from windlass.controllers.stack_sets.outcome import Outcome, Planned, failed
from windlass.controllers.stack_sets.parts import Part, parts_of
from windlass.controllers.stack_sets.visit import StoppedError, Visit, side_by_side
from windlass.planner.stackset.drift import differences
from windlass.planner.stackset.inventory import Entry, without
from windlass.planner.stackset.ownership import STACK_ANNOTATION, Stack, marked, owner_of, stays, was_there
from windlass.planner.stackset.reasons_deployment import BelongsToAnother
from windlass.planner.stackset.render import Manifest
from windlass.planner.stackset.waves import NAMESPACE, waves


async def detect_drift(visit: Visit, stack: Stack, manifests: Sequence[Manifest]) -> Outcome:
    """Compare the objects with what an apply of these manifests would make of them.

    What others have added is no drift where the manifests do not have that field. An object that is not there has
    drifted as a whole.
    """
    return await _Look(visit, stack).drift(manifests)


async def preview(visit: Visit, stack: Stack, manifests: Sequence[Manifest]) -> tuple[Planned, ...] | Outcome:
    """What a deployment of these manifests would do, in its order; the Outcome it would have if it could not begin.

    What is refused stops a deployment at its wave: what follows here would not be done then.
    """
    return await _Look(visit, stack).ahead(manifests)


class _Look:
    def __init__(self, visit: Visit, stack: Stack) -> None:
        self._visit = visit
        self._stack = stack
        self._new_namespaces: frozenset[str] = frozenset()

    # ---- drift

    async def drift(self, manifests: Sequence[Manifest]) -> Outcome:
        try:
            await self._visit.recognise()
            parts = await parts_of(self._visit, self._stack, manifests)
            found = await side_by_side(self._drifted, parts.taken)
        except StoppedError as error:
            return self._visit.stopped(error)
        errors = [*parts.errors, *(each for each in found if isinstance(each, ObjectError))]
        drifted = [each for each in found if isinstance(each, DriftedObject)]
        told = failed(errors, len(parts.taken))
        return Outcome(
            errors=told.errors,
            error_count=told.error_count,
            objects=len(parts.taken),
            drifted=tuple(drifted),
        )

    async def _drifted(self, part: Part) -> DriftedObject | ObjectError | None:
        try:
            resource = await self._visit.resource(part.entry)
            live = await self._visit.live(resource, part.entry)
            if live is None:
                return DriftedObject(object=self._visit.named(part.entry))
            fields = await self._changes(part, live, force=True)
        except NoSuchKind:
            return DriftedObject(object=self._visit.named(part.entry))
        except ApiError as error:
            return self._visit.error(part.entry, error)
        return DriftedObject(object=self._visit.named(part.entry), fields=fields) if fields else None

    async def _changes(self, part: Part, live: dict[str, Any] | None, *, force: bool) -> tuple[str, ...]:
        """The fields that an apply would change, by the API server's own dry run.

        `force`: also those that others hold by now, and an object that lost its marks is not taken for somebody else's.
        """
        visit, entry = self._visit, part.entry
        resource = await visit.resource(entry)
        mine = live is not None and owner_of(live) == self._stack.owner
        there_before = live is not None and was_there(live) and (mine or not force)
        body = marked(part.body, self._stack, there_before=there_before)
        applied = await visit.patiently(
            lambda: visit.client.apply(resource, entry.namespace or None, entry.name, body, force=force, dry_run=True)
        )
        return tuple(visit.shown(field) for field in differences(live or {}, applied))

    # ---- what a deployment would do

    async def ahead(self, manifests: Sequence[Manifest]) -> tuple[Planned, ...] | Outcome:
        try:
            await self._visit.recognise()
            parts = await parts_of(self._visit, self._stack, manifests)
            held = await InventoryStore(self._visit, self._stack).read()
            self._new_namespaces = frozenset(
                part.entry.name for part in parts.taken if (part.group, part.kind) == NAMESPACE
            )
            applied = await side_by_side(self._planned, [part for wave in waves(parts.taken) for part in wave])
            dropped = without(held.entries if held is not None else (), [part.entry for part in parts.taken])
            pruned = await side_by_side(self._pruned, [e for wave in reversed(waves(dropped)) for e in wave])
        except StoppedError as error:
            return self._visit.stopped(error)
        refused = [Planned(each.object, "Refused", why=each.message) for each in parts.errors]
        return (*refused, *applied, *(each for each in pruned if each is not None))

    async def _planned(self, part: Part) -> Planned:
        name = self._visit.named(part.entry)
        try:
            live = await self._live(part)
            owner = None if live is None else owner_of(live)
            if owner not in (None, self._stack.owner):
                why = BelongsToAnother(str(owner), STACK_ANNOTATION)
                return Planned(name, "Refused", why=self._visit.error(part.entry, why).message)
            try:
                fields = await self._changes(part, live, force=False)
            except Gone:  # what it needs comes with the same template
                if live is None and (part.brought or part.entry.namespace in self._new_namespaces):
                    return Planned(name, "Created")
                raise
        except ApiError as error:
            return Planned(name, "Refused", why=self._visit.error(part.entry, error).message)
        if live is None:
            return Planned(name, "Created")
        return Planned(name, "Changed", fields) if fields else Planned(name, "Unchanged")

    async def _live(self, part: Part) -> dict[str, Any] | None:
        try:
            return await self._visit.live(await self._visit.resource(part.entry), part.entry)
        except NoSuchKind:
            if part.brought:
                return None
            raise

    async def _pruned(self, entry: Entry) -> Planned | None:
        name = self._visit.named(entry)
        try:
            found = await self._visit.listed_now(entry)
        except ApiError as error:
            return Planned(name, "Refused", why=self._visit.error(entry, error).message)
        if found is None or owner_of(found[1]) != self._stack.owner:
            return None
        return Planned(name, "Kept" if stays(found[1]) else "Pruned")
