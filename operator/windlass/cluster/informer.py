"""An informer: what exists of one kind, kept up to date by watches, as records with only what decisions read."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from typing import Any, Generic, TypeVar

from windlass.cluster.client import WATCH_SILENCE_SECONDS, Client
from windlass.cluster.decoding import RecordDecoder
from windlass.cluster.reflection import Reflection, Source, Timing
from windlass.cluster.resources import Resource
from windlass.cluster.store import Record, Store, as_number

T = TypeVar("T", bound=Record)

# A server that knows WatchList sends the first object, or says that there is none, once its cache is up to date.
INITIAL_SILENCE_SECONDS = 10.0


class Informer(Generic[T]):
    """All objects of a kind that a label selector picks, in some namespaces (None: in all), as records.

    `wire` is the msgspec Struct an object is decoded to, `record` makes the record of it, `index` gives the key it is
    found by in `by_index` (None: none); all records of a key lie in one namespace. `on_change(old, new)` is told of
    every change as it happens and should only make a note; absent is None, and the uids differ if one object took the
    place of another. `count(what, number)` is told of each "change", "deletion", "bookmark", "relist" (all was read
    anew), "failure" (of a watch) and "left_out" (an object that does not fit `wire`).

    `synced` is set when everything has been read once. From then on the records never go back in time.
    """

    def __init__(
        self,
        client: Client,
        resource: Resource,
        wire: type[Any],
        record: Callable[[Any], T],
        *,
        namespaces: tuple[str, ...] | None = None,
        label_selector: str = "",
        index: Callable[[T], str | None] | None = None,
        on_change: Callable[[T | None, T | None], None] | None = None,
        count: Callable[[str, int], None] | None = None,
        silence: float = WATCH_SILENCE_SECONDS,
        initial_silence: float = INITIAL_SILENCE_SECONDS,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self.name = resource.plural
        self.synced = asyncio.Event()
        self._clock = clock
        self._store: Store[T] = Store(index, on_change)
        tell = count or _count_nothing
        self._wire, self._record = wire, record
        decoder = RecordDecoder(resource.kind, wire, record, tell)
        timing = Timing(silence, initial_silence, clock, sleep)
        self._source = Source(client, resource, decoder, None, label_selector)
        self._reflections = [
            Reflection(replace(self._source, namespace=namespace), self._store, timing, tell)
            for namespace in (namespaces if namespaces is not None else (None,))
        ]

    def __len__(self) -> int:
        return len(self._store)

    def get(self, namespace: str, name: str) -> T | None:
        """The record of that name."""
        return self._store.get(namespace, name)

    def by_index(self, key: str) -> Mapping[str, T]:
        """The records of an index key by name; not a copy, so use it before the next `await`."""
        return self._store.by_index(key)

    @property
    def last_event_at(self) -> float:
        """When the stalest of the watches last showed life (an event, a bookmark, its end as agreed), monotonic."""
        return min(reflection.heard_at for reflection in self._reflections)

    def lag(self) -> float:
        """Seconds since then. A server with nothing to say, not even a bookmark, still ends each watch in good order
        after WATCH_SECONDS."""
        return self._clock() - self.last_event_at

    def idle(self) -> float:
        """Seconds since the stalest of the watches last showed life or was last taken up again.

        Unlike `lag` it stays small while an API server is down: a new process would fare no better.
        """
        return self._clock() - min(max(each.heard_at, each.tried_at) for each in self._reflections)

    async def run(self) -> None:
        """Keep the records up to date until cancelled, whatever happens to the connections."""
        async with asyncio.TaskGroup() as tasks:
            for reflection in self._reflections:
                tasks.create_task(reflection.run())
            for reflection in self._reflections:
                await reflection.synced.wait()
            self.synced.set()

    async def read_again(self) -> None:
        """Read everything live, beside the watches, and put it in place of what is known."""
        for reflection in self._reflections:
            await reflection.read_again()

    async def read_one(self, namespace: str, name: str) -> None:
        """Read one object live, beside the watch, and take it in if it is newer than what is known; Gone if it is not
        there: what is known stays as it is."""
        source = self._source
        with self._store.listing() as gone:
            found = self._record(await source.client.get(source.resource, namespace, name, into=self._wire))
            if found.uid not in gone:
                self._store.put(found)

    async def refresh(self, key: str, namespace: str, label_selector: str) -> None:
        """Read live all objects that the selector picks, and put them in place of the records of this index key.

        For when the watch should have shown a write and has not. The selector must pick all objects of the key; it is
        joined to the informer's own.
        """
        selector = ",".join(filter(None, (self._source.label_selector, label_selector)))
        with self._store.listing() as gone:
            records, version = await replace(self._source, namespace=namespace, label_selector=selector).list()
            self._store.replace(self._store.by_index(key).values(), records, as_number(version), gone)
        self._store.set_floor(key, as_number(version))


def _count_nothing(what: str, number: int) -> None:
    pass
