"""How many Pods of a namespace there are, moment by moment, as a watch tells it."""

import http.client
import socket
import threading
import time
from contextlib import suppress
from typing import Self
from urllib.parse import urlencode, urlsplit

import msgspec

from windlass.cluster.connection import Connection
from windlass.cluster.lines import LineSplitter
from windlass.cluster.resources import PODS
from windlass.cluster.transport import tls_context

# Metadata only, so that no subject shares the API server's work of encoding with this watch, or pays for it.
_ACCEPT = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1"
_DAY = 86_400  # seconds; the API server ends a watch of unnamed length after 30 to 60 minutes
_READ_BYTES = 1 << 20


class _Meta(msgspec.Struct, frozen=True, rename="camel"):
    resource_version: str = ""


class _Object(msgspec.Struct):
    metadata: _Meta


class _Event(msgspec.Struct):
    type: str
    object: _Object


class PodCount:
    """Use it as a context manager, before anything is measured: it costs the same for every subject.

    Needs a connection with a client certificate. A watch that the API server ends, as it does with one that is read
    too slowly, goes on from the last change that was seen.
    """

    def __init__(self, connection: Connection, namespace: str) -> None:
        self._path = PODS.path(namespace)
        self._version = ""
        where = urlsplit(connection.server).netloc
        self._connection = http.client.HTTPSConnection(where, context=tls_context(connection), timeout=_DAY)
        self._thread = threading.Thread(target=self._follow, daemon=True, name=f"watch of the Pods in {namespace}")
        self._changed = threading.Condition()
        self._count = 0
        self._closed = False
        self._changed_at = 0.0
        self._broken = ""

    def __enter__(self) -> Self:
        self._ask()
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._closed = True
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._thread.join(10)

    @property
    def now(self) -> int:
        """How many there are."""
        return self._count

    def reached(self, count: int, limit: float) -> float:
        """Wait until there are so many; when the change to that number was heard of (time.perf_counter).

        TimeoutError after `limit` seconds; ConnectionError if the watch has ended.
        """
        with self._changed:
            if not self._changed.wait_for(lambda: self._broken or self._count == count, limit):
                raise TimeoutError(f"waiting for {count} Pods: there are {self._count} after {limit:.0f} s")
            if self._broken:
                raise ConnectionError(self._broken)
            return self._changed_at

    def _ask(self) -> None:
        query = {"watch": "true", "timeoutSeconds": _DAY}
        if self._version:
            query["resourceVersion"] = self._version
        self._connection.request("GET", f"{self._path}?{urlencode(query)}", headers={"Accept": _ACCEPT})
        self._socket = self._connection.sock
        self._answer = self._connection.getresponse()
        if self._answer.status != 200:
            raise ConnectionError(self._answer.read().decode(errors="replace"))

    def _follow(self) -> None:
        try:
            while not self._closed:
                self._read_to_its_end()
                self._connection.close()
                if not self._closed:
                    self._ask()
        except (OSError, http.client.HTTPException, ValueError) as error:
            with self._changed:
                self._broken = f"watching Pods: {error}"
                self._changed.notify_all()

    def _read_to_its_end(self) -> None:
        lines, decoder = LineSplitter(), msgspec.json.Decoder(_Event)
        while chunk := self._answer.read1(_READ_BYTES):
            events = [decoder.decode(line) for line in lines.feed(chunk)]
            self._note([event.type for event in events])
            if events:
                self._version = events[-1].object.metadata.resource_version

    def _note(self, events: list[str]) -> None:
        change = events.count("ADDED") - events.count("DELETED")
        if "ERROR" in events:
            raise ValueError("the API server has ended the watch with an error")
        if change:
            with self._changed:
                self._count += change
                self._changed_at = time.perf_counter()
                self._changed.notify_all()
