"""What networks, proxies and API servers do to a request: small coroutines for `Proxy.inject`, and a catalogue.

Those that kill the operator, delay a request or hold an answer back are in `proxy`.
"""

import asyncio
import json
import random
import threading
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

from tests.faults.proxy import Cut, Fault, Forward, Matches, Reply, Request, delayed, read_through

LONGER_THAN_ANY_PATIENCE = 600.0  # seconds


# ---- answers in place of the API server's


def refused(code: int, reason: str, message: str, **headers: str) -> Fault:
    """The API server says no, and does nothing. `headers`: `retry_after="2"` is Retry-After."""

    async def fault(_: Request, __: Forward) -> Reply:
        return _status(code, reason, message, **headers)

    return fault


def conflict() -> Fault:
    """As for an object that has changed; a creation is answered so when the quota's object has."""
    message = "Operation cannot be fulfilled: the object has been modified; please apply your changes to it"
    return refused(409, "Conflict", message)


def too_many(seconds: int = 1, *, as_date: bool = False) -> Fault:
    """The API server, or what stands before it, has too much to do; `as_date`: it names the moment to come back."""

    async def fault(_: Request, __: Forward) -> Reply:
        now = datetime.now(UTC)
        moment = format_datetime(now + timedelta(seconds=seconds), usegmt=True)
        after = moment if as_date else str(seconds)
        message = "Too many requests, please try again later."
        return _status(429, "TooManyRequests", message, retry_after=after, date=format_datetime(now, usegmt=True))

    return fault


def failed_before() -> Fault:
    """500, and nothing was done."""
    return refused(500, "InternalError", "Internal error occurred: etcdserver: leader changed")


def failed_after() -> Fault:
    """500, and yet it was carried out."""

    async def fault(_: Request, forward: Forward) -> Reply:
        await _drain(await forward())
        return _status(500, "Timeout", "Timeout: request did not complete within requested timeout")

    return fault


# ---- connections


def lost() -> Fault:
    """It was carried out; the connection ends before a byte of the answer comes through."""

    async def fault(_: Request, forward: Forward) -> Reply:
        await _drain(await forward())
        raise Cut

    return fault


def cut_short() -> Fault:
    """The connection ends in the middle of the first part of the answer's body, or of a watch's first line."""

    async def read(body: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        async for part in body:
            yield part[: len(part) // 2]
            raise Cut

    return read_through(read)


def cut_when(cut: threading.Event) -> Fault:
    """When `cut` is set, the connection ends in the middle of the next part, or line of a watch; that clears it."""

    async def read(body: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        async for part in body:
            if cut.is_set():
                cut.clear()
                yield part[: len(part) // 2]
                raise Cut
            yield part

    return read_through(read)


def swallowed(seconds: float = LONGER_THAN_ANY_PATIENCE) -> Fault:
    """The request goes nowhere; no answer, no reset. After so many seconds the connection ends."""

    async def fault(_: Request, __: Forward) -> Reply:
        await asyncio.sleep(seconds)
        raise Cut

    return fault


def answer_swallowed(seconds: float = LONGER_THAN_ANY_PATIENCE) -> Fault:
    """It was carried out; no answer, no reset. After so many seconds the connection ends."""

    async def fault(_: Request, forward: Forward) -> Reply:
        await _drain(await forward())
        await asyncio.sleep(seconds)
        raise Cut

    return fault


def falls_silent(silent: Callable[[], bool], seconds: float = LONGER_THAN_ANY_PATIENCE) -> Fault:
    """From when `silent` says so, nothing more of the answer comes through, and no reset; in the end a cut."""

    async def read(body: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        async for part in body:
            if silent():
                await asyncio.sleep(seconds)
                raise Cut
            yield part

    return read_through(read)


# ---- lines of a watch


class Ends(Exception):  # noqa: N818 - it is what happens to the watch
    """The watch ends in good order, with these last bytes."""

    def __init__(self, last: bytes = b"") -> None:
        self.last = last


def edited(edit: Callable[[bytes], bytes | None]) -> Fault:
    """`edit` gives what comes through instead of each line of a watch, None for nothing. It may raise `Ends`."""

    async def fault(_: Request, forward: Forward) -> Reply:
        reply = await forward()

        async def body() -> AsyncIterator[bytes]:
            rest = b""
            try:
                async for part in reply.body:
                    size, _, data = part.partition(b"\r\n")
                    if int(size, 16) == 0:
                        yield part
                    *lines, rest = (rest + data.removesuffix(b"\r\n")).split(b"\n")
                    for line in lines:
                        if (kept := edit(line)) is not None:
                            yield _chunk(kept + b"\n")
            except Ends as end:
                yield _chunk(end.last) + b"0\r\n\r\n"
                raise Cut from end  # of the API server's part, which goes on

        return replace(reply, body=body()) if reply.status == 200 else reply

    return fault


def error_line(code: int, reason: str, message: str) -> bytes:
    """What a watch says that fails: it ends after this."""
    said = {"kind": "Status", "apiVersion": "v1", "status": "Failure", "message": message, "reason": reason}
    return json.dumps({"type": "ERROR", "object": said | {"code": code}}).encode() + b"\n"


def _chunk(data: bytes) -> bytes:
    return f"{len(data):x}\r\n".encode() + data + b"\r\n" if data else b""


# ---- which requests


def any_request(_: Request) -> bool:
    return True


def writes(request: Request) -> bool:
    return request.writes


def watches(*plurals: str) -> Matches:
    """Watches of these kinds."""
    return lambda request: _reads(request, plurals) and "watch=true" in request.target


def of_kopf(request: Request) -> bool:
    return request.headers.get("user-agent", "").startswith("kopf/")


def lists(*plurals: str) -> Matches:
    """Lists of these kinds."""
    return lambda request: _reads(request, plurals) and "watch=true" not in request.target


def _reads(request: Request, plurals: tuple[str, ...]) -> bool:
    return not request.writes and request.path.rpartition("/")[2] in plurals


@dataclass(frozen=True, slots=True)
class Possible:
    """A kind of fault: `drawn` makes one, at random where it can differ; it may happen to requests that it `fits`."""

    drawn: Callable[[random.Random], Fault]
    fits: Matches = any_request


# Those that may happen at any time, and time and again.
FAULTS: dict[str, Possible] = {
    "conflict": Possible(lambda _: conflict(), writes),
    "too many requests": Possible(lambda rng: too_many(rng.randint(0, 2))),
    "too many requests until a date": Possible(lambda rng: too_many(rng.randint(0, 2), as_date=True), writes),
    "failed": Possible(lambda _: failed_before()),
    "failed after it was carried out": Possible(lambda _: failed_after(), writes),
    "answer lost": Possible(lambda _: lost(), writes),
    "answer cut short": Possible(lambda _: cut_short()),
    "slow": Possible(lambda rng: delayed(rng.uniform(0.05, 3.0))),
    "swallowed for a while": Possible(lambda rng: swallowed(rng.uniform(0.5, 40.0))),
    "answer swallowed for a while": Possible(lambda rng: answer_swallowed(rng.uniform(0.5, 40.0)), writes),
}


def _status(code: int, reason: str, message: str, **headers: str) -> Reply:
    """The API's Status object as an answer."""
    said = {"kind": "Status", "apiVersion": "v1", "status": "Failure", "message": message, "reason": reason}
    body = json.dumps(said | {"code": code}).encode()
    lines = [f"HTTP/1.1 {code} {reason}", "Content-Type: application/json", f"Content-Length: {len(body)}"]
    lines += [f"{name.replace('_', '-').title()}: {value}" for name, value in headers.items()]

    async def parts() -> AsyncIterator[bytes]:
        yield body

    return Reply(code, "\r\n".join([*lines, "", ""]).encode(), parts())


async def _drain(reply: Reply) -> None:
    async for _ in reply.body:
        pass
