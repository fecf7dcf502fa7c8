"""When Pods were killed and replaced, as the API server's audit log has it: in microseconds, and in its own time."""

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import NamedTuple

import msgspec


class _What(msgspec.Struct, frozen=True):
    resource: str = ""
    subresource: str = ""
    namespace: str = ""


class _Answer(msgspec.Struct, frozen=True):
    code: int = 0


class _Entry(msgspec.Struct, frozen=True, rename="camel"):
    verb: str
    stage: str
    request_received_timestamp: datetime
    object_ref: _What = _What()
    response_status: _Answer = _Answer()


class Request(NamedTuple):
    """A successful creation or deletion of a Pod, and when the API server received it."""

    at: datetime
    namespace: str
    creates: bool


def pod_requests(log: Path, offset: int) -> list[Request]:
    """Those that the log tells of from this byte on, in the order of their times."""
    return sorted(_requests(log, offset))


def reactions(requests: Iterable[Request], victims: frozenset[str]) -> list[tuple[datetime, timedelta]]:
    """When the one Pod of each victim's namespace was killed, and how long it took until another was asked for.

    Both are the moments at which the API server received the requests, so the deletion itself is part of it.
    Kills that nothing followed are left out.
    """
    killed: dict[str, datetime] = {}
    found = []
    for request in requests:
        if request.namespace not in victims:
            continue
        if not request.creates:
            killed[request.namespace] = request.at
        elif request.namespace in killed:
            at = killed.pop(request.namespace)
            found.append((at, request.at - at))
    return found


def _requests(log: Path, offset: int) -> Iterator[Request]:
    decoder = msgspec.json.Decoder(_Entry)
    with log.open("rb") as file:
        file.seek(offset)
        for line in file:
            entry = decoder.decode(line)
            what, pod = entry.object_ref, entry.object_ref.resource == "pods" and not entry.object_ref.subresource
            done = entry.stage == "ResponseComplete" and entry.response_status.code < 300
            if pod and done and entry.verb in {"create", "delete"}:
                yield Request(entry.request_received_timestamp, what.namespace, entry.verb == "create")
