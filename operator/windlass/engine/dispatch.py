"""The controllers of all kinds behind one loop: each key goes to the controller of its kind."""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Callable, Coroutine, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol

from windlass.cluster.client import Client
from windlass.cluster.members import Members
from windlass.engine.clock import Clock
from windlass.engine.events import EventRecorder
from windlass.engine.expectations import Expectations
from windlass.engine.loop import Answer, Gate
from windlass.engine.metrics import Metrics
from windlass.engine.own_stores import OwnStores
from windlass.engine.queue import Key


class Enqueue(Protocol):
    """`Queue.add`, or what does nothing where there is no queue."""

    def __call__(self, key: Key, *, at_once: bool = False) -> None:
        """Have the object looked at."""


@dataclass(frozen=True, slots=True)
class Runtime:
    """What every controller works with. `members`: the clusters of StackTargets. `namespaces` None: all of them.

    `forget_key`: its object is gone. `made_progress`: a pass that fails has got something done all the same.
    """

    client: Client
    members: Members
    stores: OwnStores
    expectations: Expectations
    recorder: EventRecorder
    metrics: Metrics
    clock: Clock
    namespaces: tuple[str, ...] | None
    enqueue: Enqueue
    forget_key: Callable[[Key], None]
    made_progress: Callable[[Key], None]


class Source(Protocol):
    """An informer, as the operator runs and watches it."""

    @property
    def name(self) -> str:
        """The plural of what it informs of."""

    @property
    def synced(self) -> asyncio.Event:
        """Set when all has been read once."""

    async def run(self) -> None:
        """Until cancelled."""

    async def read_again(self) -> None:
        """Read everything live, beside the watches."""

    def lag(self) -> float:
        """Seconds since it last heard anything."""

    def idle(self) -> float:
        """Seconds since it last heard anything, or tried to."""


class Controller(ABC):
    """Brings the objects of one kind to what they ask for.

    `kind`: of the keys that it takes. `sources`: the informers that are its own, read before it works.
    """

    kind: ClassVar[str]
    sources: Iterable[Source] = ()

    @abstractmethod
    async def reconcile(self, key: Key) -> Answer:
        """One pass, as `Loop` has it."""

    @abstractmethod
    async def report(self, key: Key, error: Exception) -> None:
        """Show on the object that its passes fail."""

    @abstractmethod
    def all_keys(self) -> Iterable[Key]:
        """Those of all objects there are: looked at when a term of leading begins."""

    def parts(self, leading: Gate) -> Iterable[Coroutine[Any, Any, None]]:
        """What runs beside the loop until it is cancelled."""
        return ()

    def stop_leading(self) -> None:  # noqa: B027 - not every controller learns something
        """Forget what was learnt while leading: by the next time another leader has acted."""


class Dispatch:
    """The controllers by kind."""

    def __init__(self) -> None:
        self._controllers: dict[str, Controller] = {}

    def add(self, controller: Controller) -> None:
        """Hand the keys of its kind to this controller."""
        self._controllers[controller.kind] = controller

    def __iter__(self) -> Iterator[Controller]:
        return iter(self._controllers.values())

    async def reconcile(self, key: Key) -> Answer:
        """One pass of the key's controller."""
        return await self._controllers[key.kind].reconcile(key)

    async def report(self, key: Key, error: Exception) -> None:
        """Have the key's controller show that its passes fail."""
        await self._controllers[key.kind].report(key, error)
