"""The operator's process put together: kopf for our own kinds, informers for the rest, one loop, one leader.

The one module that knows kopf.
"""

import asyncio
import logging
import os
import secrets
import signal
import socket
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass
from typing import Any, Literal

import kopf
import msgspec

from windlass import __version__
from windlass.api.common import GROUP, VERSION
from windlass.api.kinds import KINDS
from windlass.cluster.client import Client
from windlass.cluster.connection import Connection
from windlass.cluster.errors import ApiError
from windlass.cluster.lease import Lease
from windlass.cluster.resources import SCALING_ACTIVITIES, SCALING_CONFIGURATIONS, SCALING_GROUPS, Resource
from windlass.controllers.scaling_group.caches import Caches
from windlass.controllers.scaling_group.controller import ScalingGroupController
from windlass.engine.clock import SystemClock
from windlass.engine.events import EventRecorder
from windlass.engine.expectations import Expectations
from windlass.engine.health import HealthServer
from windlass.engine.loop import RESYNC_SECONDS, Loop
from windlass.engine.metrics import Metrics
from windlass.engine.own_loop import in_own_loop
from windlass.engine.queue import Queue
from windlass.engine.store import Identity
from windlass.engine.supervisor import Supervisor

logger = logging.getLogger(__name__)

LEASE_NAME = "windlass-operator"
OWN = (SCALING_GROUPS, SCALING_CONFIGURATIONS, SCALING_ACTIVITIES)
RETRY_SECONDS = 5.0  # between tries to read our own kinds at the start
STALE_SECONDS = 180.0  # an API server sends a bookmark about once a minute


@dataclass(frozen=True, slots=True)
class Settings:
    """How the operator runs. `namespaces` None: all of them; `lease_namespace` None: the connection's own.

    `resync_period`: seconds after which every object is looked at again, and those that were deleted unheard are
    dropped, whatever the watches have said.
    """

    namespaces: tuple[str, ...] | None = None
    log_format: Literal["json", "text"] = "text"
    metrics_host: str = "127.0.0.1"
    metrics_port: int = 0
    workers: int = 8
    resync_period: float = RESYNC_SECONDS
    lease: bool = True
    lease_namespace: str | None = None
    lease_duration: int = 15
    lease_renew_deadline: float = 10.0
    lease_retry_period: float = 2.0


async def run(settings: Settings, connection: Connection) -> None:
    """Run until SIGTERM or SIGINT, then give the lease back and end what runs."""
    _quieten_kopf()
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

    def __init__(self, settings: Settings, connection: Connection, client: Client) -> None:
        self._settings = settings
        self._connection = connection
        self._client = client
        self._clock = SystemClock()
        self._metrics = Metrics(__version__)
        self._identity = f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(3)}"
        self._queue = Queue(self._clock, observe_wait=self._metrics.observe_wait)
        self._may_work = asyncio.Event()
        self._kopf_runs = False
        expectations = Expectations(self._clock)
        self._caches = Caches(
            client, expectations, self._queue.add, settings.namespaces, self._metrics.count_informer_events
        )
        self._recorder = EventRecorder(client, self._clock, instance=self._identity)
        self._controller = controller = ScalingGroupController(
            client, self._caches, expectations, self._recorder, self._metrics, self._clock
        )
        self._loop = Loop(
            self._queue,
            controller.reconcile,
            self._clock,
            may_work=self._may_work,
            on_failure=controller.report,
            workers=settings.workers,
            resync_seconds=settings.resync_period,
            observe_pass=self._metrics.observe_pass,
        )
        controller.forget_key = self._loop.forget_key
        client.observe = self._metrics.count_request
        self._metrics.watch_queue(lambda: self._queue.depth)

    async def run(self) -> None:
        """Run every part until cancelled; any that ends takes the others with it, and the process ends loudly."""
        supervisor = Supervisor(
            self._run_kopf, "the watch of our own kinds", self._clock, on_restart=self._metrics.count_kopf_restart
        )
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
            parts = await stack.enter_async_context(asyncio.TaskGroup())
            for informer in (self._caches.pods, self._caches.revisions):
                parts.create_task(informer.run())
            parts.create_task(supervisor.run())
            parts.create_task(self._recorder.run())
            parts.create_task(self._sweep_for_ever())
            parts.create_task(self._lead())
            parts.create_task(self._loop.run())

    # ---- leading

    async def _lead(self) -> None:
        """Open the gate when the informers have read everything and we hold the lease."""
        await self._caches.pods.synced.wait()
        await self._caches.revisions.synced.wait()
        await self._read_own_kinds()
        if not self._settings.lease:
            self._may_work.set()
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
            started=self._may_work.set,
            stopped=self._stop_leading,
        )

    def _stop_leading(self) -> None:
        self._may_work.clear()
        self._controller.stop_leading()

    # ---- our own kinds

    async def _read_own_kinds(self) -> None:
        """Read them all once: kopf never says when it has, and a group is not to be judged without its records."""
        for kind, resource in zip(KINDS, OWN, strict=True):
            for namespace in self._settings.namespaces or (None,):
                for body in await self._list_at_last(resource, namespace):
                    self._heard(kind.kind, body, False)

    async def _list_at_last(self, resource: Resource, namespace: str | None) -> list[dict[str, Any]]:
        while True:
            try:
                return (await self._client.list(resource, namespace)).items
            except ApiError as error:
                logger.warning("%s; trying again in %.0f s", error, RETRY_SECONDS)
                await self._clock.sleep(RETRY_SECONDS)

    async def _run_kopf(self) -> None:
        here = asyncio.get_running_loop()

        def heard(kind: str, body: Mapping[str, Any], deleted: bool) -> None:
            here.call_soon_threadsafe(self._heard, kind, body, deleted)

        registry = _handlers(heard, self._connection)
        scope: dict[str, Any] = {"clusterwide": True}
        if self._settings.namespaces is not None:
            scope = {"namespaces": self._settings.namespaces}
        self._kopf_runs = True
        try:
            await in_own_loop(
                lambda: kopf.operator(
                    registry=registry, settings=_kopf_settings(self._settings), standalone=True, **scope
                ),
                name="windlass-kopf",
            )
        finally:
            self._kopf_runs = False

    def _heard(self, kind: str, body: Mapping[str, Any], deleted: bool) -> None:
        try:
            self._caches.observe(kind, body, deleted=deleted)
        except Exception:  # one odd object must not end the watch of its kind
            logger.exception("reading %s %s: it is left out", kind, body.get("metadata", {}).get("name"))

    async def _sweep_for_ever(self) -> None:
        """Drop what was deleted while nobody was told: a watch that is begun anew never says what is missing."""
        while True:
            await self._clock.sleep(self._settings.resync_period)
            for kind, resource in zip(KINDS, OWN, strict=True):
                for namespace in self._settings.namespaces or (None,):
                    try:
                        listing = await self._client.list(resource, namespace, into=_Listed)
                    except ApiError as error:
                        logger.warning("%s; sweeping again in %.0f s", error, self._settings.resync_period)
                        continue
                    live = {Identity(i.metadata.namespace, i.metadata.name, i.metadata.uid) for i in listing.items}
                    self._caches.sweep(kind.kind, live, listing.resource_version, namespace)

    # ---- what it shows

    def _health_server(self) -> HealthServer:
        for name, informer in (("pods", self._caches.pods), ("controllerrevisions", self._caches.revisions)):
            self._metrics.watch_informer(name, informer.lag)
        return HealthServer(
            self._metrics.registry,
            healthz={
                "loop": self._loop.stalled,
                "pods": lambda: _stale(self._caches.pods.idle()),
                "controllerrevisions": lambda: _stale(self._caches.revisions.idle()),
            },
            readyz={
                "pods": lambda: None if self._caches.pods.synced.is_set() else "not all read yet",
                "controllerrevisions": lambda: None if self._caches.revisions.synced.is_set() else "not all read yet",
                "own kinds": lambda: None if self._kopf_runs else "their watch is being started",
            },
            host=self._settings.metrics_host,
            port=self._settings.metrics_port,
        )


class _ListedMeta(msgspec.Struct):
    name: str
    namespace: str
    uid: str


class _Listed(msgspec.Struct):
    metadata: _ListedMeta


def _stale(lag: float) -> str | None:
    return f"nothing heard for {lag:.0f} s" if lag > STALE_SECONDS else None


def _handlers(heard: Callable[[str, Mapping[str, Any], bool], object], connection: Connection) -> Any:
    """Handlers that only note: the body to its store, the key to the queue."""
    registry = kopf.OperatorRegistry()

    for kind in KINDS:

        @kopf.on.event(GROUP, VERSION, kind.plural, registry=registry, id=kind.plural)
        async def note(event: Mapping[str, Any], kind: str = kind.kind, **_: Any) -> None:
            heard(kind, event["object"], event["type"] == "DELETED")

    @kopf.on.login(registry=registry)
    async def login(**_: Any) -> kopf.ConnectionInfo:
        return _login(connection)

    return registry


def _login(connection: Connection) -> kopf.ConnectionInfo:
    token = connection.token
    if token is not None:
        token.renew()
    certificate = connection.certificate
    return kopf.ConnectionInfo(
        server=connection.server,
        ca_data=connection.ca,
        insecure=not connection.verify,
        token=token.value if token else None,
        certificate_data=certificate.chain if certificate else None,
        private_key_data=certificate.key if certificate else None,
        default_namespace=connection.namespace,
    )


def _quieten_kopf() -> None:
    """Let kopf say what is wrong, and not that each handler has succeeded."""
    if not logger.isEnabledFor(logging.DEBUG):
        logging.getLogger("kopf").setLevel(logging.WARNING)
    # It warns at every start that it leaves the signals to us, as it should.
    logging.getLogger("kopf._core.reactor.running").addFilter(lambda record: "signals are ignored" not in record.msg)


def _kopf_settings(settings: Settings) -> kopf.OperatorSettings:
    made = kopf.OperatorSettings()
    made.posting.enabled = False
    made.process.ultimate_exiting_timeout = None  # else it kills our process when it is the one that ended
    made.scanning.disabled = settings.namespaces is not None
    made.networking.request_timeout = 30
    made.networking.connect_timeout = 10
    made.watching.connect_timeout = 10
    made.watching.chunk_size = 500
    return made
