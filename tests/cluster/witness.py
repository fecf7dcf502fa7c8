"""Everything that happened to the objects of one kind in one namespace, as a watch of the test's own tells it."""

import http.client
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any, Self
from urllib.parse import urlsplit

from hack.cluster import Cluster

Object = dict[str, Any]

LIMIT = 20.0  # seconds; what is waited for usually takes less than one, on a machine that is busy otherwise more


class Witness:
    """A watch of one collection from before the test began. Use it as a context manager.

    `history` holds every version of every object that there was, in order, deletions as (name, None).
    """

    def __init__(self, cluster: Cluster, collection: str) -> None:
        self.history: list[tuple[str, Object | None]] = []
        self.now: dict[str, Object] = {}
        self._version = "0"  # of what was seen last
        self._cluster = cluster
        self._collection = collection
        self._changed = threading.Condition()
        self._broken = ""
        self._closed = False
        self._socket: socket.socket | None = None
        self._thread = threading.Thread(target=self._follow, daemon=True, name=f"witness of {collection}")

    def __enter__(self) -> Self:
        listed = self._cluster.request("GET", self._collection)
        for item in listed["items"]:
            self._note("ADDED", item)
        self._version = listed["metadata"]["resourceVersion"]
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._closed = True
        with suppress(OSError):
            if self._socket is not None:
                self._socket.shutdown(socket.SHUT_RDWR)
        self._thread.join(10)

    def wait_for(self, what: str, seen: Callable[[dict[str, Object]], object], limit: float = LIMIT) -> None:
        """Until the objects that there are (by name) are so; TimeoutError says `what`, and how they are."""
        with self._changed:
            if not self._changed.wait_for(lambda: self._broken or seen(self.now), limit):
                raise TimeoutError(f"waiting for {what}: not so after {limit:.0f} s: {_told(self.now)}")
        assert not self._broken, self._broken

    def catch_up(self) -> None:
        """Until everything that is there now has been seen, and everything that is gone seen to go."""
        listed = self._cluster.request("GET", self._collection)
        as_of = int(listed["metadata"]["resourceVersion"])
        there = {item["metadata"]["name"]: int(item["metadata"]["resourceVersion"]) for item in listed["items"]}

        def seen(now: dict[str, Object]) -> bool:
            known = {name: int(thing["metadata"]["resourceVersion"]) for name, thing in now.items()}
            gone = (name for name, version in known.items() if name not in there and version <= as_of)
            older = (name for name, version in known.items() if version < there.get(name, 0))
            return int(self._version) >= max(there.values(), default=0) and not any(gone) and not any(older)

        self.wait_for(f"all of {self._collection}", seen)

    def _follow(self) -> None:
        """Watch from the last version seen, and again from there when a watch ends: nothing is missed.

        Only an API server that was started meanwhile may not know that version: then there is a gap in the history.
        """
        while not self._closed and not self._broken:
            with suppress(OSError, http.client.HTTPException, ValueError, AttributeError):
                self._watch()
            time.sleep(0.05)

    def _watch(self) -> None:
        connection = http.client.HTTPSConnection(
            urlsplit(self._cluster.url).netloc, context=self._cluster._tls, timeout=600
        )
        connection.request("GET", f"{self._collection}?watch=true&resourceVersion={self._version}")
        self._socket = connection.sock
        with connection.getresponse() as answer:
            if answer.status != 200:  # an API server that has just been started may not know us yet
                return None
            while line := answer.readline():
                event = json.loads(line)
                if event["object"].get("code") == 410:
                    return self._read_anew()
                self._note(event["type"], event["object"])
        return None

    def _read_anew(self) -> None:
        listed = self._cluster.request("GET", self._collection)
        there = {item["metadata"]["name"]: item for item in listed["items"]}
        for thing in [self.now[name] for name in self.now if name not in there]:
            self._note("DELETED", thing)
        for name, item in there.items():
            if self.now.get(name) != item:
                self._note("MODIFIED", item)
        with self._changed:
            self._version = listed["metadata"]["resourceVersion"]
            self._changed.notify_all()

    def _note(self, kind: str, thing: Object) -> None:
        with self._changed:
            if kind == "ERROR":
                self._broken = f"the watch of {self._collection} says {thing}"
            else:
                name, self._version = thing["metadata"]["name"], thing["metadata"]["resourceVersion"]
                gone = kind == "DELETED"
                self.history.append((name, None if gone else thing))
                self.now.pop(name, None)
                if not gone:
                    self.now[name] = thing
            self._changed.notify_all()


def alive(pod: Object) -> bool:
    """Whether the Pod counts: it has not ended and is not being deleted."""
    return "deletionTimestamp" not in pod["metadata"] and pod["status"].get("phase") not in {"Failed", "Succeeded"}


def most_alive(history: list[tuple[str, Object | None]]) -> int:
    """How many Pods counted at once, at most."""
    return max(numbers(history, alive), default=0)


def numbers(history: list[tuple[str, Object | None]], counts: Callable[[Object], bool]) -> Iterator[int]:
    """How many Pods counted after each change."""
    counting: set[str] = set()
    for name, pod in history:
        counting.discard(name)
        if pod is not None and counts(pod):
            counting.add(name)
        yield len(counting)


def _told(things: dict[str, Object]) -> str:
    return json.dumps({name: thing.get("status") for name, thing in things.items()})[:4000]
