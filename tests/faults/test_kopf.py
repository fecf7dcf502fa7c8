"""What an API server says now and then, and what ends kopf: it is started again, and all else goes on meanwhile."""

import asyncio
import math
import re
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.cluster.operator_process import OperatorProcess
from tests.controllers.runtimes import stores_of
from tests.faults import faults
from tests.faults.faults import Ends, edited, error_line, lists, of_kopf, refused, watches
from tests.faults.oracle import Outcome, nothing_came_of_it
from tests.faults.proxy import Fault, Forward, Proxy, Reply, Request
from tests.faults.run import Run, settle
from windlass.cluster.client import Client
from windlass.cluster.config import load
from windlass.engine.clock import SystemClock
from windlass.own_kinds import OwnKinds

ESTABLISHED = "01"  # as the kernel writes it
EXPIRED = error_line(410, "Expired", "The resourceVersion for the provided watch is too old.")
FAILED = error_line(500, "InternalError", "Internal error occurred: etcd event received with PrevKv=nil")


@dataclass(frozen=True)
class Trouble:
    """How the watch of groups ends, and the answer when kopf asks again: once, or `lasting` until it gives up."""

    end: Callable[[bytes], bytes]
    answer: Fault | None = None
    to: str = "watch"
    lasting: bool = False
    reason: str = ""


def nothing(_: bytes) -> bytes:
    return b""


TROUBLES = {
    "an error in the stream": Trouble(lambda _: FAILED, reason="WatchingError"),
    "half a line": Trouble(lambda line: line[: len(line) // 2], reason="JSONDecodeError"),
    "HTTP 400 to a watch": Trouble(nothing, refused(400, "BadRequest", "no"), reason="APIClientError"),
    "HTTP 410 to a watch": Trouble(nothing, refused(410, "Expired", "too old"), reason="APIClientError"),
    "HTTP 404 to a list": Trouble(lambda _: EXPIRED, refused(404, "NotFound", "no"), "list", reason="APINotFoundError"),
    "HTTP 500 for long": Trouble(nothing, faults.failed_before(), lasting=True, reason="APIServerError"),
    "HTTP 403 for long": Trouble(nothing, refused(403, "Forbidden", "no"), lasting=True, reason="APIForbiddenError"),
    "Retry-After as a date": Trouble(nothing, faults.too_many(as_date=True), reason="ValueError"),
}


class Kopf:
    """Once armed, kopf meets the trouble at the next change of a group; while it is `held`, it gets no answer."""

    def __init__(self, run: Run, trouble: Trouble) -> None:
        self.held = threading.Event()
        self._trouble = trouble
        self._armed = False
        self._answers = 0.0  # still to be given
        run.proxy.inject(self._wait, lambda it: self.held.is_set() and of_kopf(it), None)
        run.proxy.inject(self._answer, lambda it: of_kopf(it) and self._is_asked(it), None)
        run.proxy.inject(edited(self._edit), watches("scalinggroups"), None)

    def arm(self) -> None:
        self._armed = True

    def _edit(self, line: bytes) -> bytes:
        if self._armed and b'"MODIFIED"' in line:
            self._armed = False
            self._answers = math.inf if self._trouble.lasting else 1
            raise Ends(self._trouble.end(line))
        return line

    def _is_asked(self, request: Request) -> bool:
        asks = watches if self._trouble.to == "watch" else lists
        return self._trouble.answer is not None and self._answers > 0 and asks("scalinggroups")(request)

    async def _answer(self, request: Request, forward: Forward) -> Reply:
        assert self._trouble.answer is not None
        self._answers -= 1
        return await self._trouble.answer(request, forward)

    async def _wait(self, _: Request, forward: Forward) -> Reply:
        self._answers = 0
        while self.held.is_set():
            await asyncio.sleep(0.02)
        return await forward()


@pytest.mark.parametrize("trouble", TROUBLES.values(), ids=TROUBLES)
def test_a_launch_and_a_replacement_go_on_without_kopf_and_a_change_is_seen_when_it_is_back(
    run: Run, trouble: Trouble
) -> None:
    kopf = Kopf(run, trouble)
    process = run.start(ready=True)
    kopf.arm()
    web = run.groups.create(desired=10)
    process.wait_for_log(r"the watch of our own kinds ended after \d+ s: .*; starting it again in 1 s")
    kopf.held.set()
    settle(web, 10)
    web.kill("web-0")
    run.groups.pods.wait_for("web-10 in its place", lambda pods: "web-10" in pods)
    settle(web, 10)
    web.change(desiredSize=12)
    assert run.groups.pods.now.keys() == {f"web-{number}" for number in range(1, 11)}
    kopf.held.clear()
    settle(web, 12)

    assert re.search(rf"ended after \d+ s: {trouble.reason}\b", process.log), process.log
    assert restarts(process) == 1
    nothing_came_of_it(run, Outcome(web, size=12, created=13), quiet=False)


def restarts(process: OperatorProcess) -> int:
    found = re.search(r"^windlass_kopf_restarts_total (\S+)$", process.get("/metrics")[1], re.MULTILINE)
    assert found
    return int(float(found.group(1)))


# ---- what is left of each


class Impatient(SystemClock):
    """Pauses are short."""

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(min(seconds, 0.05))


@pytest.mark.parametrize("name", ["an error in the stream", "HTTP 410 to a watch", "Retry-After as a date"])
def test_nothing_is_left_of_kopf_when_it_has_ended(run: Run, name: str) -> None:
    namespace, kopf, web = run.groups.namespace, Kopf(run, TROUBLES[name]), run.groups.create(desired=0)
    starts = [0]  # by how much had been asked by then

    def watched() -> bool:
        return any(of_kopf(each) and watches("scalinggroups")(each) for each in run.proxy.seen[starts[-1] :])

    async def scenario() -> None:
        async with Client(load(str(run.kubeconfig)), user_agent="windlass/test") as client:
            restarted = lambda: starts.append(len(run.proxy.seen))  # noqa: E731
            own = OwnKinds(client, stores_of(client), (namespace,), Impatient(), on_restart=restarted)
            running = asyncio.create_task(own.run())
            for number in range(1, 7):
                await seen(watched)
                if number == 2:  # what is allocated once is there
                    before = held(run.proxy)
                kopf.arm()
                await asyncio.to_thread(web.change, desiredSize=number)
                await seen(partial(_longer, starts, number))
            await seen(watched)
            await seen(lambda: all(now <= then for now, then in zip(held(run.proxy), before, strict=True)))
            running.cancel()
            with suppress(asyncio.CancelledError):
                await running

    asyncio.run(scenario())


def held(proxy: Proxy) -> tuple[int, int]:
    """This process's threads, and its connections to the proxy."""
    port = f":{urlsplit(proxy.url).port:04X}"
    rows = (row.split() for row in Path("/proc/self/net/tcp").read_text().splitlines()[1:])
    return threading.active_count(), sum(row[2].endswith(port) and row[3] == ESTABLISHED for row in rows)


def _longer(things: Sequence[object], number: int) -> bool:
    return len(things) > number


async def seen(condition: Callable[[], bool], limit: float = 20.0) -> None:
    async with asyncio.timeout(limit):
        while not condition():
            await asyncio.sleep(0.02)
