"""Kubernetes Events: what happened to an object, where `kubectl describe` shows it."""

import asyncio
import logging
import secrets
from collections import OrderedDict, deque
from collections.abc import Hashable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Generic, Literal, Protocol, TypeVar

from windlass.cluster.errors import Gone, NotLeading
from windlass.cluster.resources import EVENTS, Resource
from windlass.engine.clock import Clock

logger = logging.getLogger(__name__)

EventType = Literal["Normal", "Warning"]

LONGEST_MESSAGE_BYTES = 1024  # the API server's own bound
ONE_EVENT_FOR = timedelta(minutes=10)  # client-go's aggregation interval
# client-go allows 25 per object, then one in 5 minutes; it counts every repetition, we only what is written.
BURST_PER_OBJECT = 25
SECONDS_PER_TOKEN = 30.0
MOST_REMEMBERED = 4096  # client-go: maxLruCacheEntries
MOST_WAITING = 1000
COMPLAIN_EVERY_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class ObjectRef:
    """The object that an event is about; `namespace` is empty for one of the cluster's own."""

    api_version: str
    kind: str
    namespace: str
    name: str
    uid: str


class EventClient(Protocol):
    """What the recorder needs of the API client."""

    async def create(self, resource: Resource, namespace: str, body: dict[str, Any], /) -> object:
        """Create an object."""
        ...

    async def merge_patch(self, resource: Resource, namespace: str, name: str, body: dict[str, Any], /) -> object:
        """Change an object by a JSON merge patch."""
        ...


@dataclass(slots=True)
class _Series:
    """One Event object: what has the same object, type and reason (and message, if it is told apart), until 10 minutes
    have passed without."""

    regarding: ObjectRef
    event_type: EventType
    reason: str
    first: datetime
    last: datetime
    message: str = ""
    count: int = 0
    name: str = ""  # of the Event; empty until it has been created
    waiting: bool = False


@dataclass(slots=True)
class _Bucket:
    tokens: float
    filled: float

    def left(self, now: float) -> float:
        return min(BURST_PER_OBJECT, self.tokens + (now - self.filled) / SECONDS_PER_TOKEN)

    def take(self, now: float) -> bool:
        self.tokens = self.left(now)
        self.filled = now
        if self.tokens < 1:
            return False
        self.tokens -= 1
        return True


V = TypeVar("V")


@dataclass(slots=True)
class _Recent(Generic[V]):
    """The entries used last, so that many objects do not use up memory."""

    entries: OrderedDict[Hashable, V] = field(default_factory=OrderedDict)

    def get(self, key: Hashable) -> V | None:
        entry = self.entries.get(key)
        if entry is not None:
            self.entries.move_to_end(key)
        return entry

    def put(self, key: Hashable, entry: V) -> V:
        self.entries[key] = entry
        self.entries.move_to_end(key)
        if len(self.entries) > MOST_REMEMBERED:
            self.entries.popitem(last=False)
        return entry


class EventRecorder:
    """Takes events from anywhere, at once and without fail, and writes them from a task of its own (`run`).

    What repeats within 10 minutes (same object, type and reason) is one Event with a count and the latest message. An
    object gets 25 writes at once, then one in 30 s; what is held back is in the next count. Events are a courtesy: one
    that cannot be written is counted in `lost` and mentioned in the log once a minute.
    """

    def __init__(self, client: EventClient, clock: Clock, *, component: str = "windlass", instance: str) -> None:
        """`instance` names this replica, as its Pod is named."""
        self._client = client
        self._clock = clock
        self._component = component
        self._instance = instance
        self._series: _Recent[_Series] = _Recent()
        self._buckets: _Recent[_Bucket] = _Recent()
        self._waiting: deque[_Series] = deque()
        self._wake = asyncio.Event()
        self._unmentioned = 0
        self._complain_from = clock.monotonic()
        self.lost = 0

    def emit(
        self, regarding: ObjectRef, event_type: EventType, reason: str, message: str, *, apart: bool = False
    ) -> None:
        """Note an event; `reason` is one CamelCase word, `message` a sentence, cut at 1 KiB.

        `apart`: another message is another Event, while the object has used no more than half of its writes.
        """
        own = message if apart and self._has_room(regarding) else ""
        series = self._continued(regarding, event_type, reason, own)
        series.count += 1
        series.message = cut(message)
        if series.waiting or not self._may_write(regarding):
            return
        if len(self._waiting) >= MOST_WAITING:
            self._lose(f"{MOST_WAITING} others are waiting to be written")
            return
        series.waiting = True
        self._waiting.append(series)
        self._wake.set()

    async def run(self) -> None:
        """Write events until cancelled."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            while self._waiting:
                series = self._waiting.popleft()
                series.waiting = False
                await self._write(series)

    def _has_room(self, regarding: ObjectRef) -> bool:
        bucket = self._buckets.get(regarding)
        return bucket is None or bucket.left(self._clock.monotonic()) > BURST_PER_OBJECT / 2

    def _continued(self, regarding: ObjectRef, event_type: EventType, reason: str, own: str) -> _Series:
        now = self._clock.now()
        key = (regarding, event_type, reason, own)
        series = self._series.get(key)
        if series is None or now - series.last >= ONE_EVENT_FOR:
            series = self._series.put(key, _Series(regarding, event_type, reason, first=now, last=now))
        series.last = now
        return series

    def _may_write(self, regarding: ObjectRef) -> bool:
        now = self._clock.monotonic()
        bucket = self._buckets.get(regarding)
        if bucket is None:
            bucket = self._buckets.put(regarding, _Bucket(BURST_PER_OBJECT, now))
        return bucket.take(now)

    async def _write(self, series: _Series) -> None:
        try:
            if not series.name or not await self._count_up(series):
                await self._create(series)
        except NotLeading:
            pass  # whoever leads writes its own
        except Exception as error:  # nothing depends on an event
            self._lose(str(error) or type(error).__name__)

    async def _create(self, series: _Series) -> None:
        body = self._body(series)
        await self._client.create(EVENTS, body["metadata"]["namespace"], body)
        series.name = body["metadata"]["name"]

    async def _count_up(self, series: _Series) -> bool:
        """Whether the Event was still there: the API server drops them after an hour."""
        change = {"count": series.count, "lastTimestamp": _rfc3339(series.last), "message": series.message}
        try:
            await self._client.merge_patch(EVENTS, series.regarding.namespace or "default", series.name, change)
        except Gone:
            return False
        return True

    def _body(self, series: _Series) -> dict[str, Any]:
        about = series.regarding
        # Cut so that the name stays valid with the suffix that makes it unique.
        name = f"{about.name[:200].rstrip('-.')}.{secrets.token_hex(8)}"
        return {
            "apiVersion": EVENTS.api_version,
            "kind": EVENTS.kind,
            "metadata": {"name": name, "namespace": about.namespace or "default"},
            "involvedObject": {
                "apiVersion": about.api_version,
                "kind": about.kind,
                "name": about.name,
                "uid": about.uid,
                **({"namespace": about.namespace} if about.namespace else {}),
            },
            "type": series.event_type,
            "reason": series.reason,
            "message": series.message,
            "count": series.count,
            "firstTimestamp": _rfc3339(series.first),
            "lastTimestamp": _rfc3339(series.last),
            "source": {"component": self._component},
            "reportingComponent": self._component,
            "reportingInstance": self._instance,
        }

    def _lose(self, why: str) -> None:
        self.lost += 1
        self._unmentioned += 1
        now = self._clock.monotonic()
        if now >= self._complain_from:
            logger.warning("%d events could not be written, the last one because: %s", self._unmentioned, why)
            self._unmentioned = 0
            self._complain_from = now + COMPLAIN_EVERY_SECONDS


def cut(message: str, limit: int = LONGEST_MESSAGE_BYTES) -> str:
    """`message` in at most `limit` bytes of UTF-8, with … where something is missing."""
    encoded = message.encode(errors="replace")
    if len(encoded) <= limit:
        return encoded.decode()
    return encoded[: limit - len("…".encode())].decode(errors="ignore") + "…"


def _rfc3339(moment: datetime) -> str:
    return f"{moment:%Y-%m-%dT%H:%M:%SZ}"
