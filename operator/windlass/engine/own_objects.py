"""How a controller reads and writes the objects of its kind: live reads, the status as fence, events, failures."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from windlass.api.common import Condition, to_wire
from windlass.cluster.errors import Conflict, Gone, Invalid, Refused
from windlass.cluster.merge_patch import merge_patch
from windlass.cluster.store import Object
from windlass.engine.dispatch import Runtime
from windlass.engine.events import ObjectRef
from windlass.engine.queue import Key
from windlass.planner.conditions import Readiness, conditions
from windlass.planner.plan import Event
from windlass.planner.reasons import PassFailed


class OwnObjects:
    """The objects of one of our own kinds that is kept already. What is read or written is taken into its store."""

    def __init__(self, kind: str, runtime: Runtime) -> None:
        self._resource = runtime.stores[kind].resource
        self._store = runtime.stores[kind].store
        self._client = runtime.client
        self._recorder = runtime.recorder
        self._clock = runtime.clock
        self._forget_key = runtime.forget_key

    def all_keys(self) -> Iterator[Key]:
        """Those of all objects that are known."""
        return (Key(self._resource.kind, each.namespace, each.name) for each in self._store.within(None))

    def known(self, key: Key) -> Object | None:
        """The object as the store has it."""
        return self._store.get(key.namespace, key.name)

    def existing(self, key: Key) -> Object:
        """The same; where it has none the key is forgotten, and it is Gone."""
        known = self.known(key)
        if known is None:
            self._forget_key(key)
            raise Gone(f"reading {key}: it is gone", code=404, reason="NotFound")
        return known

    async def still_there(self, key: Key, known: Object) -> bool:
        """Whether it is there by the API server's word, the same one, and not on its way out. Gone if there is none."""
        await self.read_again(key, known)
        now = self.known(key)
        return now is not None and now.uid == known.uid and "deletionTimestamp" not in now["metadata"]

    async def confirm(self, key: Key, known: Object) -> None:
        """Before acting without a write-ahead: it must still be what it was when it was read, else Conflict."""
        await self.read_again(key, known)
        now = self.known(key)
        if now is None or now.resource_version != known.resource_version:
            raise Conflict(f"reading {key}: it has changed", code=409, reason="Conflict")

    async def read_again(self, key: Key, known: Object) -> None:
        """Read it live; Gone if it is not there."""
        try:
            found = await self._client.get(self._resource, key.namespace, key.name)
        except Gone:
            self._store.drop(known)
            raise
        self._store.put(Object(found))

    async def write_status(self, key: Key, known: Object, status: Mapping[str, Any]) -> None:
        """Write the status, provided that the object is what it was when read: the write-ahead, and the fence."""
        metadata = known["metadata"]
        patch = {
            "metadata": {"uid": metadata["uid"], "resourceVersion": metadata["resourceVersion"]},
            "status": merge_patch(known.get("status") or {}, status),
        }
        try:
            written = await self._client.merge_patch(
                self._resource, key.namespace, key.name, patch, subresource="status"
            )
        except (Conflict, Gone):
            await self.read_again(key, known)
            raise
        self._store.put(Object(written))

    def tell(self, key: Key, uid: str, events: Iterable[Event]) -> None:
        """Record events on it."""
        regarding = ObjectRef(self._resource.api_version, self._resource.kind, key.namespace, key.name, uid)
        for event in events:
            self._recorder.emit(regarding, event.type, event.reason.code, str(event.reason), apart=event.apart)

    async def show_failure(
        self, key: Key, error: Exception, phase: Callable[[Readiness], str | None], *, observes: bool = True
    ) -> None:
        """Show in its conditions that its passes fail, and why; `phase`: what its phase becomes, None: stays.

        `observes` False: the status' observedGeneration stays, because it says up to where the spec was dealt with.
        """
        known = self.known(key)
        if known is None:
            return
        before, generation = known.get("status") or {}, known["metadata"]["generation"]
        why = PassFailed(str(error)[:900])
        readiness: Readiness = "Stalled" if isinstance(error, Invalid) else "Reconciling"
        old = [Condition.model_validate(condition) for condition in before.get("conditions", ())]
        made = conditions(readiness, why, str(why), old=old, generation=generation, now=self._clock.now())
        shown = {
            "observedGeneration": generation if observes else before.get("observedGeneration", 0),
            "phase": phase(readiness) or before.get("phase"),
            "message": str(why),
            "conditions": [to_wire(condition) for condition in made],
        }
        if not merge_patch(before, {**before, **shown}):
            return
        try:
            await self.write_status(key, known, {**before, **shown})
        except Refused:  # then an event is all that people can see
            self.tell(key, known.uid, [Event("Warning", why)])
            raise
