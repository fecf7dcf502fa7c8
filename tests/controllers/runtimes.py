"""What controllers work with, in tests."""

from typing import Any

from windlass.cluster.client import Client
from windlass.cluster.members import Members
from windlass.engine.clock import Clock, SystemClock
from windlass.engine.dispatch import Enqueue, Runtime
from windlass.engine.events import EventRecorder
from windlass.engine.expectations import Expectations
from windlass.engine.metrics import Metrics
from windlass.engine.own_stores import OwnStores
from windlass.engine.queue import Key
from windlass.registry import controllers


def nobody_waits(key: Key, *, at_once: bool = False) -> None:
    pass


def runtime(client: Client, clock: Clock | None = None, enqueue: Enqueue = nobody_waits, **parts: Any) -> Runtime:
    """One for the namespace `default`; `parts` take the place of what it has."""
    clock = clock or SystemClock()
    made: dict[str, Any] = {
        "client": client,
        "members": Members(),
        "stores": OwnStores(),
        "expectations": Expectations(clock),
        "recorder": EventRecorder(client, clock, instance="test"),
        "metrics": Metrics("test"),
        "clock": clock,
        "namespaces": ("default",),
        "enqueue": enqueue,
        "forget_key": lambda key: None,
        "made_progress": lambda key: None,
    }
    return Runtime(**made | parts)


def stores_of(client: Client) -> OwnStores:
    """The stores of all kinds that controllers add."""
    works_with = runtime(client)
    list(controllers(works_with))
    return works_with.stores
