"""The operator's process put together: kopf for our own kinds, informers for the rest, one loop, one leader."""

import asyncio
import logging
import os
import secrets
import signal
import socket
from collections.abc import Callable, Iterable
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass
from functools import partial
from typing import Literal

from windlass import __version__
from windlass.api.common import LEASE_NAME
from windlass.cluster.client import Client
from windlass.cluster.connection import Connection
from windlass.cluster.errors import ApiError
from windlass.cluster.lease import Lease
from windlass.cluster.members import Members
from windlass.engine.clock import SystemClock
from windlass.engine.dispatch import Controller, Dispatch, Runtime, Source
from windlass.engine.events import EventRecorder
from windlass.engine.expectations import Expectations
from windlass.engine.health import HealthServer
from windlass.engine.loop import RESYNC_SECONDS, Loop
from windlass.engine.metrics import Metrics
from windlass.engine.own_stores import OwnStores
from windlass.engine.queue import Queue
from windlass.engine.slow_start import MOST_IN_FLIGHT
from windlass.own_kinds import OwnKinds
from windlass.registry import controllers as all_controllers

logger = logging.getLogger(__name__)

STALE_SECONDS = 180.0  # twice what a watch may be silent for; a quiet one is ended by the server before


@dataclass(frozen=True, slots=True)
class Settings:
    """How the operator runs. `namespaces` None: all of them; `lease_namespace` None: the connection's own.

    `resync_period`: seconds after which every object is looked at again, and those that were deleted unheard are
    dropped, whatever the watches have said. `rolling_updates`, `stack_sets`, `container_groups`: whether they are
    worked on. `allow_local_targets`: StackTargets may lead to addresses of this machine.
    """

    namespaces: tuple[str, ...] | None = None
    log_format: Literal["json", "text"] = "text"
    metrics_host: str = "127.0.0.1"
    metrics_port: int = 0
    workers: int = MOST_IN_FLIGHT
    resync_period: float = RESYNC_SECONDS
    rolling_updates: bool = True
    stack_sets: bool = True
    container_groups: bool = True
    allow_local_targets: bool = False
    lease: bool = True
    lease_namespace: str | None = None
    lease_duration: int = 15
    lease_renew_deadline: float = 10.0
    lease_retry_period: float = 2.0


async def run(settings: Settings, connection: Connection) -> None:
    """Run until SIGTERM or SIGINT, then give the lease back and end what runs."""
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with Client(connection, user_agent=f"windlass/{__version__}") as client:
        operator = Operator(settings, connection, client)
        working = asyncio.create_task(operator.run())
        stopping = asyncio.create_task(stop.wait())
        await asyncio.wait((working, stopping), return_when=asyncio.FIRST_COMPLETED)
        stopping.cancel()
        working.cancel()
        with suppress(asyncio.CancelledError):
            await working
    logger.info("stopped")


class Operator:
    """All parts, wired."""

    def __init__(
        self,
        settings: Settings,
        connection: Connection,
        client: Client,
        controllers: Callable[[Runtime], Iterable[Controller]] | None = None,
    ) -> None:
        """`controllers` None: those of all kinds that the settings ask for."""
        self._settings = settings
        self._connection = connection
        self._client = client
        self._clock = SystemClock()
        self._metrics = Metrics(__version__)
        self._identity = f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(3)}"
        self._queue = Queue(self._clock, observe_wait=self._metrics.observe_wait)
        self._queue.close()
        self._may_work = asyncio.Event()
        self._recorder = EventRecorder(client, self._clock, instance=self._identity)
        self._stores = OwnStores()
        self._controllers = Dispatch()
        self._loop = Loop(
            self._queue,
            self._controllers.reconcile,
            self._clock,
            may_work=self._may_work,
            on_failure=self._controllers.report,
            workers=settings.workers,
            resync_seconds=settings.resync_period,
            observe_pass=self._metrics.observe_pass,
        )
        self._members = Members(
            fence=self._fence, allow_local=settings.allow_local_targets, user_agent=f"windlass/{__version__}"
        )
        runtime = Runtime(
            client=client,
            members=self._members,
            stores=self._stores,
            expectations=Expectations(self._clock),
            recorder=self._recorder,
            metrics=self._metrics,
            clock=self._clock,
            namespaces=settings.namespaces,
            enqueue=self._queue.add,
            forget_key=self._loop.forget_key,
            made_progress=self._loop.made_progress,
        )
        chosen = controllers or partial(
            all_controllers,
            rolling_updates=settings.rolling_updates,
            stack_sets=settings.stack_sets,
            container_groups=settings.container_groups,
        )
        for controller in chosen(runtime):
            self._controllers.add(controller)
        self._sources = [source for controller in self._controllers for source in controller.sources]
        self._own_kinds = OwnKinds(
            client, self._stores, settings.namespaces, self._clock, on_restart=self._metrics.count_kopf_restart
        )
        client.observe = self._metrics.count_request
        self._metrics.watch_queue(lambda: self._queue.depth)

    async def run(self) -> None:
        """Run every part until cancelled; any that ends takes the others with it, and the process ends loudly."""
        async with AsyncExitStack() as stack:
            server = await stack.enter_async_context(self._health_server())
            logger.info(
                "windlass %s at %s (%s), metrics and probes on %s:%d",
                __version__,
                self._connection.server,
                self._connection.source,
                self._settings.metrics_host,
                server.port,
            )
            stack.push_async_callback(self._members.close)
            parts = await stack.enter_async_context(asyncio.TaskGroup())
            for source in self._sources:
                parts.create_task(source.run())
            parts.create_task(self._own_kinds.run())
            parts.create_task(self._recorder.run())
            parts.create_task(self._sweep_for_ever())
            parts.create_task(self._lead())
            for controller in self._controllers:
                for part in controller.parts(self._may_work):
                    parts.create_task(part)
            parts.create_task(self._loop.run())

    # ---- leading

    def _fence(self) -> None:
        """What stops a write to any cluster while another replica may lead."""
        if self._client.fence is not None:
            self._client.fence()

    async def _lead(self) -> None:
        """Open the gate when the informers have read everything and we hold the lease."""
        for source in self._sources:
            await source.synced.wait()
        await self._own_kinds.read()
        if not self._settings.lease:
            self._start_leading()
            return
        lease = self._lease()
        self._client.fence = lease.check
        await lease.run()

    def _lease(self) -> Lease:
        namespace = self._settings.lease_namespace or self._connection.namespace
        logger.info("waiting for lease %s/%s", namespace, LEASE_NAME)
        return Lease(
            self._client,
            namespace,
            LEASE_NAME,
            self._identity,
            duration=self._settings.lease_duration,
            renew_deadline=self._settings.lease_renew_deadline,
            retry_period=self._settings.lease_retry_period,
            started=self._start_leading,
            trouble=lambda: self._own_kinds.trouble,
            stopped=self._stop_leading,
        )

    def _start_leading(self) -> None:
        """Look at every object: whatever happened to it while we stood by, nothing is queued."""
        self._queue.open()
        for controller in self._controllers:
            for key in controller.all_keys():
                self._queue.add(key)
        self._may_work.set()

    def _stop_leading(self) -> None:
        self._may_work.clear()
        self._queue.close()
        for controller in self._controllers:
            controller.stop_leading()

    # ---- against what was lost

    async def _sweep_for_ever(self) -> None:
        """Read everything anew now and then: a watch may lose a change, and nobody would ever say so."""
        trouble = ""
        while True:
            await self._clock.sleep(self._settings.resync_period)
            try:
                for source in self._sources:
                    await source.read_again()
                await self._own_kinds.read_again()
                trouble = ""
            except ApiError as error:
                level = logging.DEBUG if str(error) == trouble else logging.WARNING
                logger.log(level, "%s; reading everything again in %.0f s", error, self._settings.resync_period)
                trouble = str(error)

    # ---- what it shows

    def _health_server(self) -> HealthServer:
        kinds = {own.resource.plural: own.resource.kind for own in self._stores}
        for source in self._sources:
            self._metrics.watch_informer(source.name, source.lag)
        for plural, kind in kinds.items():
            self._metrics.watch_informer(plural, partial(self._own_kinds.lag, kind))
        return HealthServer(
            self._metrics.registry,
            healthz={
                "loop": self._loop.stalled,
                **{source.name: partial(_stale, source.idle) for source in self._sources},
                **{plural: partial(_stale, partial(self._own_kinds.idle, kind)) for plural, kind in kinds.items()},
            },
            readyz={
                **{source.name: partial(_not_read, source) for source in self._sources},
                "own kinds": self._own_kinds.not_watched,
            },
            host=self._settings.metrics_host,
            port=self._settings.metrics_port,
        )


def _stale(idle: Callable[[], float]) -> str | None:
    seconds = idle()
    return f"nothing heard for {seconds:.0f} s" if seconds > STALE_SECONDS else None


def _not_read(source: Source) -> str | None:
    return None if source.synced.is_set() else "not all read yet"
