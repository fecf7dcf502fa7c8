"""One watch kept going, whatever happens to its connection, and what it says kept in a store."""

import asyncio
import logging
import random
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable
from contextlib import aclosing
from dataclasses import dataclass
from typing import Generic, TypeVar

from windlass.cluster.client import Client, Lines
from windlass.cluster.decoding import Bookmark, RecordDecoder
from windlass.cluster.errors import ApiError, Expired, Invalid, Transient
from windlass.cluster.resources import Resource
from windlass.cluster.store import Record, Store, as_number
from windlass.planner.backoff import doubling

log = logging.getLogger(__name__)

T = TypeVar("T", bound=Record)

FIRST_PAUSE_SECONDS = 0.2
LONGEST_PAUSE_SECONDS = 30.0
# A watch that lasted this long was a good one: what ends it is a new trouble, and is met with the first pause again.
GOOD_WATCH_SECONDS = 10.0
SHORT_WATCH_SECONDS = 1.0
BURST_SECONDS = 0.02  # what comes so soon after another is a burst
BURST_GATHER_SECONDS = 0.005
ENOUGH_GATHERED = 20  # lines at once: waking up costs little for each, and waiting would only slow a flood down
# An API server that answers so time and again may mean the version.
SUSPECT_CODES = frozenset({400, 422, 500, 504})
SUSPECT_AFTER_FAILURES = 3


@dataclass(frozen=True, slots=True)
class Source(Generic[T]):
    """Which objects, where from, and how to make records of them. `namespace` None: of all namespaces."""

    client: Client
    resource: Resource
    decoder: RecordDecoder[T]
    namespace: str | None
    label_selector: str

    async def list(self) -> tuple[list[T], str]:
        """All there is now, and the version of the list."""
        records: list[T] = []
        version = ""
        pages = self.client.pages(self.resource, self.namespace, label_selector=self.label_selector)
        async with aclosing(pages):
            async for body in pages:
                found, version = self.decoder.page(body)
                records += found
        return records, version


@dataclass(frozen=True, slots=True)
class Timing:
    """`silence`: seconds without even a bookmark after which a watch is taken to be dead; `initial_silence`: without a
    first event after which a server is taken not to know WatchList."""

    silence: float
    initial_silence: float
    clock: Callable[[], float]
    sleep: Callable[[float], Awaitable[None]]


class Reflection(Generic[T]):
    """Keeps a store the mirror of what a source has. Without a `version` to go on from, everything is read anew."""

    def __init__(self, source: Source[T], store: Store[T], timing: Timing, count: Callable[[str, int], None]) -> None:
        self.heard_at = timing.clock()
        self.tried_at = self.heard_at
        self.synced = asyncio.Event()
        self._source = source
        self._store = store
        self._timing = timing
        self._count = count
        self._streams_lists = True  # WatchList, until the server refuses or ignores it
        self._version = ""
        self._newest = 0  # unlike the version it stays while everything is read anew
        self._failures = 0
        self._trouble = ""
        self._limit: asyncio.Timeout | None = None  # of the watch that runs; there is none, until it leads nowhere

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            started, heard_before = self._timing.clock(), self.heard_at
            trouble = ""
            try:
                await self._follow_while_it_leads_on()
            except ApiError as error:
                trouble = str(error)
                if self._is_versions_fault(error, started, heard_before):
                    self._version = ""
            except Exception as error:
                trouble = f"watching {self._source.resource.kind}: {error!r}"
                log.exception("watching %s: an error of our own; going on", self._source.resource.kind)
            self.tried_at = self._timing.clock()
            await self._pause(trouble, self.tried_at - started)

    def _is_versions_fault(self, error: ApiError, started: float, heard_before: float) -> bool:
        """Whether to read everything anew, because this version may lead nowhere.

        An API server whose etcd was restored from a backup is simply silent to a version that is in its future.
        """
        said_nothing = self.heard_at == heard_before and self._timing.clock() - started >= self._timing.silence
        keeps_failing = error.code in SUSPECT_CODES and self._failures + 1 >= SUSPECT_AFTER_FAILURES
        return isinstance(error, Expired) or said_nothing or keeps_failing

    async def read_again(self) -> None:
        """Read everything beside the watch: should it have lost a change, nobody would ever say so.

        Nor would a server whose versions went back: to a version in its future it is silent, and ends each watch in
        good order.
        """
        newest = self._newest  # what the watch has heard since the list began may be newer than the list
        with self._store.listing() as gone:
            records, version = await self._source.list()
            if as_number(version) < min(newest, self._newest):
                self._replace(records, version)
                if self._limit is not None:
                    self._limit.reschedule(0.0)
                    self._limit = None
            else:
                self._store.replace(self._store.within(self._source.namespace), records, as_number(version), gone)

    async def _follow_while_it_leads_on(self) -> None:
        """What one connection brings, until `read_again` finds that its version leads nowhere."""
        try:
            async with asyncio.timeout(None) as limit:
                self._limit = limit
                await self._follow()
        except TimeoutError:
            if not limit.expired():
                raise
        finally:
            self._limit = None

    async def _follow(self) -> None:
        """What one connection brings, after reading everything if there is no version to go on from."""
        if not self._version:
            if self.synced.is_set():
                self._count("relist", 1)
            if self._streams_lists:
                return await self._stream_all()
            self._replace(*await self._source.list())
        async with aclosing(self._watch(self._version)) as batches:
            await self._take_on(batches)
        return None

    async def _stream_all(self) -> None:
        """WatchList: the server sends all there is, then a bookmark that says so, and goes on with the changes."""
        try:
            async with aclosing(self._watch("")) as batches:
                await self._take_all(batches)
                await self._take_on(batches)
        except (Invalid, TimeoutError) as error:
            if self._version:
                raise
            why = str(error) or "it sends nothing"
            log.info("watching %s: listing first, without WatchList: %s", self._source.resource.kind, why)
            self._streams_lists = False

    async def _take_all(self, batches: AsyncGenerator[Lines]) -> None:
        """Gather the initial events, which may already have changes among them, and put them in place of what was."""
        found: dict[tuple[str, str], T] = {}
        while True:
            async with asyncio.timeout(self._timing.initial_silence):
                lines = await anext(batches, None)
            if lines is None:
                raise Transient(f"watching {self._source.resource.kind}: it ended before all there is was sent")
            self.heard_at = self._timing.clock()
            for position, line in enumerate(lines):
                event = self._source.decoder.line(line)
                if isinstance(event, Bookmark):
                    if event.complete:
                        self._replace(found.values(), event.resource_version)
                        return self._take(lines[position + 1 :])
                elif event is not None:
                    key = (event.record.namespace, event.record.name)
                    if event.gone:
                        found.pop(key, None)
                    else:
                        found[key] = event.record

    async def _take_on(self, batches: AsyncGenerator[Lines]) -> None:
        """Apply changes as they come: the first at once, those of a burst gathered, so that its end is not late for
        the work of waking up for each."""
        async for lines in batches:
            since = self._timing.clock() - self.heard_at
            self._take(lines)
            if since < BURST_SECONDS and len(lines) < ENOUGH_GATHERED:
                await self._timing.sleep(BURST_GATHER_SECONDS)
        self.heard_at = self._timing.clock()  # its end, as agreed, is a sign of life too

    def _take(self, lines: Lines) -> None:
        """Apply what has arrived. There is no `await` in here, nor in what it calls: it runs for every event."""
        self.heard_at = self._timing.clock()
        decode, store = self._source.decoder.line, self._store
        deletions = bookmarks = 0
        for line in lines:
            event = decode(line)
            if event is None:
                continue
            if isinstance(event, Bookmark):
                bookmarks += 1
                self._version = event.resource_version
                continue
            if event.gone:
                deletions += 1
                store.drop(event.record)
            else:
                store.put(event.record)
            self._version = event.record.resource_version
        self._newest = max(self._newest, as_number(self._version))
        store.lift_floors(self._newest)
        self._count("change", len(lines) - deletions - bookmarks)
        self._count("deletion", deletions)
        self._count("bookmark", bookmarks)

    def _replace(self, records: Iterable[T], version: str) -> None:
        """Put all there is in place of what was known, and go on from there."""
        reached = as_number(version)
        if reached < self._newest:
            log.warning("watching %s: the server's versions went back; starting anew", self._source.resource.kind)
        old = self._store.within(self._source.namespace)
        self._store.replace(old, records, None if reached < self._newest else reached)
        self._newest = reached
        self._version = version
        self.heard_at = self._timing.clock()
        self.synced.set()

    def _watch(self, version: str) -> AsyncGenerator[Lines]:
        source = self._source
        return source.client.watch(
            source.resource,
            source.namespace,
            label_selector=source.label_selector,
            resource_version=version,
            send_initial_events=not version,
            silence=self._timing.silence,
        )

    async def _pause(self, trouble: str, lasted: float) -> None:
        """Wait before the watch is taken up again; not if it ended as agreed and was not a short one."""
        if lasted >= GOOD_WATCH_SECONDS:
            self._failures, self._trouble = 0, ""
        if not trouble and lasted >= SHORT_WATCH_SECONDS:
            return
        self._failures += 1
        pause = doubling(FIRST_PAUSE_SECONDS, self._failures, LONGEST_PAUSE_SECONDS)
        pause *= 0.5 + random.random() / 2  # noqa: S311 — so that replicas do not come back together; no secret
        if trouble:
            self._count("failure", 1)
            again = trouble == self._trouble  # one line for an outage, not one for each try
            log.log(logging.DEBUG if again else logging.WARNING, "%s; trying again in %.1f s", trouble, pause)
        self._trouble = trouble
        await self._timing.sleep(pause)
