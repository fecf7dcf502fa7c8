"""The operator's controller, queue and loop as one process that may end at any request, on an API in memory.

Time stands still until a test moves it. What the informers are shown, and when, is the test's to say.
"""

import asyncio
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, suppress
from dataclasses import dataclass, field
from random import Random
from typing import Any, Protocol

import msgspec

from tests.cluster_client.objects import Change, Objects, matches
from tests.controllers.runtimes import runtime
from tests.engine.manual_clock import settle
from tests.worlds import GROUP
from windlass.cluster.client import Client
from windlass.cluster.connection import Connection
from windlass.cluster.container_exec import Ran
from windlass.cluster.errors import ApiError
from windlass.cluster.informer import Informer
from windlass.cluster.members import Members
from windlass.cluster.transport import NoReply, Reply, Request, Stream
from windlass.controllers.scaling_group.caches import group_key
from windlass.controllers.scaling_group.controller import ScalingGroupController
from windlass.engine.clock import Clock
from windlass.engine.dispatch import Controller, Dispatch, Runtime
from windlass.engine.expectations import Expectations
from windlass.engine.loop import Loop
from windlass.engine.metrics import Metrics
from windlass.engine.queue import Queue
from windlass.registry import controllers as all_controllers

KEY = group_key("default", GROUP)
SCRIPT_SECONDS = 1.0


@dataclass(frozen=True)
class Asked:
    """A request that came in."""

    method: str
    path: str
    query: str
    body: Any

    @property
    def writes(self) -> bool:
        return self.method != "GET"


@dataclass(frozen=True)
class Crash:
    """The process ends at its request number `at`, counted from 0.

    `arrives`: whether the API server carries that request out: "never", "at once", or "late": with all others that
    were under way, when the next process has begun to act.
    """

    at: int
    arrives: str = "never"


Run = Callable[[Asked], Ran | ApiError]


def runs_nothing(asked: Asked) -> Ran | ApiError:
    raise AssertionError(f"nothing was to be run: {asked}")


class Answers(Protocol):
    """An API server."""

    def answer(self, method: str, path: str, query: str, body: Any) -> tuple[int, Any]:
        """The code and the body of the reply."""


class MemoryTransport:
    """Hands requests to an API server. From a crash on nothing is answered any more.

    `late`: requests that were under way when the process ended. `overtaken`: those of a process before, which arrive
    before this one's request of that number, if `may_arrive` lets them. `refuse` gives the answer of those that are
    not carried out; `lose` picks those whose answer is lost. `answered` is called after each.
    """

    def __init__(self, objects: Answers, crash: Crash | None = None) -> None:
        self.objects = objects
        self.crash = crash
        self.asked: list[Asked] = []
        self.crashed = asyncio.Event()
        self.late: list[Asked] = []
        self.overtaken: list[tuple[int, Asked]] = []
        self.may_arrive: Callable[[Asked], bool] = lambda _: True
        self.lose: Callable[[Asked], bool] = lambda _: False
        self.refuse: Callable[[Asked], tuple[int, Any] | None] = lambda _: None
        self.answered: Callable[[], None] = lambda: None
        self.run: Run = runs_nothing

    async def send(self, request: Request) -> Reply:
        await asyncio.sleep(0)
        if request.before_write is not None:
            request.before_write()
        path, _, query = request.target.partition("?")
        asked = Asked(request.method, path, query, json.loads(request.body) if request.body else None)
        await self._note(asked)
        code, body = self.refuse(asked) or self.carry_out(asked)
        self.answered()
        await asyncio.sleep(0)
        if self.lose(asked):
            raise NoReply("the connection broke", sent=True)
        return Reply(code, {}, msgspec.json.encode(body))

    async def execute(self, asked: Asked) -> Ran | ApiError:
        """Have a command run in a container."""
        await asyncio.sleep(0)
        await self._note(asked)
        return self.run(asked)

    async def _note(self, asked: Asked) -> None:
        if self.crash is not None and len(self.asked) == self.crash.at:
            await self._end(asked, self.crash)
        self._let_in()
        self.asked.append(asked)

    async def _end(self, asked: Asked, crash: Crash) -> None:
        """Never returns: nobody is there any more to hear an answer."""
        if crash.arrives == "at once" and not self.crashed.is_set():
            self.carry_out(asked)
        elif crash.arrives == "late" and asked.writes:
            self.late.append(asked)
        self.crashed.set()
        await asyncio.Event().wait()

    def _let_in(self) -> None:
        for number, asked in list(self.overtaken):
            if number <= len(self.asked):
                self.overtaken.remove((number, asked))
                if self.may_arrive(asked):
                    self.carry_out(asked)

    def carry_out(self, asked: Asked) -> tuple[int, Any]:
        if asked.method == "EXEC":
            self.run(asked)
            return 101, None
        return self.objects.answer(asked.method, asked.path, asked.query, asked.body)

    def stream(self, request: Request) -> AbstractAsyncContextManager[Stream]:
        raise NotImplementedError("what informers see is shown to them")

    async def close(self) -> None:
        """Nothing is open."""


class MovedClock(Clock, Protocol):
    """One that a test moves."""

    async def advance(self, seconds: float) -> None:
        """So much time passes."""


class MemoryMembers(Members):
    """Member clusters in memory, by their addresses. Their requests are counted with the hub's, and end with them."""

    def __init__(self, clusters: Mapping[str, Answers], hub: MemoryTransport, clock: Clock) -> None:
        super().__init__()
        self._clusters = clusters
        self._hub = hub
        self._clock = clock

    def _client(self, connection: Connection) -> Client:
        transport = self.transport(connection)
        transport.asked, transport.crashed = self._hub.asked, self._hub.crashed
        return Client(connection, connect=lambda *_: transport, sleep=self._clock.sleep)

    def transport(self, connection: Connection) -> MemoryTransport:
        """What hands requests to this cluster."""
        return MemoryTransport(self._clusters[connection.server], self._hub.crash)


class MemoryClient(Client):
    """A client whose commands in containers take a second, and are counted among its requests."""

    def __init__(self, transport: MemoryTransport, clock: Clock) -> None:
        super().__init__(Connection("http://memory", "a test"), connect=lambda *_: transport, sleep=clock.sleep)
        self._memory = transport
        self._clock = clock

    async def execute(self, namespace: str, pod: str, container: str, command: Sequence[str], seconds: float) -> Ran:
        path = f"/api/v1/namespaces/{namespace}/pods/{pod}/exec"
        said = await self._memory.execute(Asked("EXEC", path, f"container={container}", list(command)))
        await self._clock.sleep(SCRIPT_SECONDS)
        if isinstance(said, ApiError):
            raise said
        return said


@dataclass
class Told:
    """Stands where events are recorded."""

    reasons: list[str] = field(default_factory=list)

    def emit(self, regarding: object, type_: str, reason: str, message: str, **_: object) -> None:
        self.reasons.append(reason)


class Process:
    """One process of the operator. Use it as an asynchronous context manager; leaving it ends the process."""

    def __init__(
        self,
        objects: Objects,
        clock: MovedClock,
        *,
        crash: Crash | None = None,
        prompt: bool = False,
        members: Callable[[MemoryTransport, Clock], Members] | None = None,
        controllers: Callable[[Runtime], Iterable[Controller]] = all_controllers,
        run: Run = runs_nothing,
    ) -> None:
        """`prompt`: watches show each change before the request that made it is answered; else when time passes.

        `members`: the clusters of StackTargets. `run`: what commands in containers come to.
        """
        self.objects = objects
        self.clock = clock
        self.transport = MemoryTransport(objects, crash)
        self.transport.run = run
        if prompt:
            self.transport.answered = self.show_all
        self.shown = 0  # so many of the API's changes have been shown
        self.told = Told()
        self.metrics = Metrics("test")
        self.expectations = Expectations(clock)
        self.client = MemoryClient(self.transport, clock)
        self.queue = Queue(clock, rng=Random(1))  # noqa: S311
        self.may_work = asyncio.Event()
        self.controllers = dispatch = Dispatch()
        self.loop = Loop(
            self.queue,
            dispatch.reconcile,
            clock,
            may_work=self.may_work,
            on_failure=dispatch.report,
            workers=2,
            rng=Random(1),  # noqa: S311
        )
        works_with = runtime(
            self.client,
            clock,
            self.queue.add,
            expectations=self.expectations,
            recorder=self.told,
            metrics=self.metrics,
            forget_key=self.loop.forget_key,
            **({"members": members(self.transport, clock)} if members is not None else {}),
        )
        self.stores = works_with.stores
        for controller in controllers(works_with):
            dispatch.add(controller)
            if isinstance(controller, ScalingGroupController):
                self.controller, self.caches = controller, controller.caches
        self._running: asyncio.Task[None] | None = None

    async def __aenter__(self) -> "Process":
        """Everything has been read once, and nothing runs yet."""
        await self.client.__aenter__()
        there = {plural for plural, _, _ in self.objects.by_place}
        own = [each.resource.plural for each in self.stores]
        for plural in (*own, *sorted(there - set(own))):
            for body in self.objects.selected(plural):
                self.show(Change(self.objects.version, plural, "ADDED", body))
        self.shown = len(self.objects.history)
        return self

    async def __aexit__(self, *why: object) -> None:
        if self._running is not None:
            self._running.cancel()
            with suppress(asyncio.CancelledError):
                await self._running
        for controller in self.controllers:  # whose tasks beside the loop end with the process
            controller.stop_leading()
        await self.client.__aexit__(None, None, None)

    def start(self) -> None:
        """It leads: the loop works."""
        self.may_work.set()
        self._running = asyncio.create_task(self.loop.run())

    @property
    def ended(self) -> bool:
        """Whether it has crashed."""
        return self.transport.crashed.is_set()

    # ---- what watches show

    def show(self, change: Change) -> None:
        kind = next((own.resource.kind for own in self.stores if own.resource.plural == change.plural), None)
        if kind is not None:
            self.stores.observe(kind, change.body, deleted=change.type == "DELETED")
            return
        line = msgspec.json.encode({"type": change.type, "object": change.body})
        for informer in (each for controller in self.controllers for each in controller.sources):
            if isinstance(informer, Informer) and informer.name == change.plural:
                self._show(informer, change, line)

    def _show(self, informer: Informer[Any], change: Change, line: bytes) -> None:
        meta = change.body["metadata"]
        if not matches(change.body, informer._source.label_selector):
            if informer.get(meta["namespace"], meta["name"]) is None:
                return
            line = msgspec.json.encode({"type": "DELETED", "object": change.body})
        for reflection in informer._reflections:
            reflection._take([line])

    def show_all(self) -> None:
        """The watches catch up with the API."""
        while self.shown < len(self.objects.history):
            self.shown += 1
            self.show(self.objects.history[self.shown - 1])

    async def live(self, seconds: float) -> None:
        """So much time passes, and the watches keep up at its end."""
        await self.clock.advance(seconds)
        if not self.ended:
            self.show_all()
        await settle()
