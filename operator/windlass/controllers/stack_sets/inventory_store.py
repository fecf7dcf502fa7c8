"""Where the list of a stack's objects lies: a ConfigMap in the namespace of its target."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from itertools import count
from typing import Any

from windlass.api.common import MANAGED_BY_LABEL
from windlass.api.stacks import STACK_SET_LABEL
from windlass.cluster.client import FIELD_MANAGER
from windlass.cluster.errors import AlreadyExists, ApiError, Conflict, Gone, NoSuchKind
from windlass.cluster.resources import CONFIG_MAPS
from windlass.controllers.stack_sets.visit import StoppedError, Visit, uid_of
from windlass.planner.reason import Reason
from windlass.planner.stackset.inventory import Entry, read, written
from windlass.planner.stackset.ownership import STACK_ANNOTATION, Stack, owner_of
from windlass.planner.stackset.reasons_deployment import (
    DeployedByOthers,
    InventoryTaken,
    NoTargetNamespace,
    TargetRefuses,
)

_KEY = "objects"

Entries = tuple[Entry, ...]


@dataclass(frozen=True, slots=True)
class Held:
    """What the list holds, and as of when."""

    entries: Entries
    uid: str
    resource_version: str


class InventoryStore:
    """The list of one stack. Each write is of the version that was read, so that nobody's entries are lost.

    Its methods raise StoppedError where the list cannot be had, is another's, or makes no sense.
    """

    def __init__(self, visit: Visit, stack: Stack) -> None:
        self._visit = visit
        self._stack = stack

    async def read(self) -> Held | None:
        """The list as it is now; None: there is none, by the word of the API server."""
        entry = Entry("", "v1", CONFIG_MAPS.kind, self._stack.namespace, self._stack.inventory)
        try:
            live = await self._visit.live(CONFIG_MAPS, entry)
        except ApiError as error:
            raise StoppedError(TargetRefuses(str(error))) from error
        if live is None:
            return None
        if owner_of(live) != self._stack.owner:
            raise StoppedError(InventoryTaken(entry.name, self._stack.owner))
        data = live.get("data")
        entries = read(data.get(_KEY) if isinstance(data, dict) else None, entry.name)
        if isinstance(entries, Reason):
            raise StoppedError(entries)
        return Held(entries, uid_of(live), str(live["metadata"].get("resourceVersion") or ""))

    async def change(self, change: Callable[[Entries], Entries]) -> Entries:
        """The list after a change, which is done again to what others have written meanwhile."""
        for attempt in count(1):
            held = await self.read()
            before = held.entries if held is not None else ()
            after = change(before)
            if after == before:
                return after
            try:
                await self._visit.patiently(partial(self._write, held, after))
            except (Conflict, AlreadyExists):
                await self._wait(attempt)
                continue
            except Gone as error:
                if held is None and not isinstance(error, NoSuchKind):
                    raise StoppedError(NoTargetNamespace(self._stack.namespace)) from error
                await self._wait(attempt)
                continue
            except ApiError as error:
                raise StoppedError(TargetRefuses(str(error))) from error
            return after
        raise AssertionError("counting never ends")

    async def delete(self) -> bool:
        """Whether there is no list any more; it is not deleted while it holds anything."""
        held = await self.read()
        if held is None:
            return True
        if held.entries:
            return False
        stack, client = self._stack, self._visit.client
        try:
            await self._visit.patiently(
                lambda: client.delete(
                    CONFIG_MAPS, stack.namespace, stack.inventory, uid=held.uid, resource_version=held.resource_version
                )
            )
        except Gone:
            return True
        except Conflict:
            return False
        except ApiError as error:
            raise StoppedError(TargetRefuses(str(error))) from error
        return True

    async def _write(self, held: Held | None, entries: Entries) -> None:
        text = written(entries)
        if isinstance(text, Reason):
            raise StoppedError(text)
        stack, client = self._stack, self._visit.client
        data = {_KEY: text}
        if held is None:
            await client.create(CONFIG_MAPS, stack.namespace, self._body(data))
            return
        guard = {"uid": held.uid, "resourceVersion": held.resource_version}
        await client.merge_patch(CONFIG_MAPS, stack.namespace, stack.inventory, {"metadata": guard, "data": data})

    def _body(self, data: dict[str, str]) -> dict[str, Any]:
        metadata = {
            "name": self._stack.inventory,
            "labels": {STACK_SET_LABEL: self._stack.label, MANAGED_BY_LABEL: FIELD_MANAGER},
            "annotations": {STACK_ANNOTATION: self._stack.owner},
        }
        return {"apiVersion": "v1", "kind": CONFIG_MAPS.kind, "metadata": metadata, "data": data}

    async def _wait(self, attempt: int) -> None:
        if self._visit.seconds_left <= 0:
            raise StoppedError(DeployedByOthers())
        await self._visit.pause(attempt, self._visit.seconds_left)
