"""Our own kinds, as kopf's watches show them. The one module that knows kopf."""

import asyncio
import logging
import re
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlsplit

import kopf

from windlass.api.common import GROUP, VERSION
from windlass.cluster.client import Client
from windlass.cluster.errors import ApiError, NoSuchKind
from windlass.cluster.signs_of_life import SignsOfLife
from windlass.cluster.store import Object, as_number, version
from windlass.engine.clock import Clock
from windlass.engine.own_loop import in_own_loop
from windlass.engine.own_stores import OwnKind, OwnStores
from windlass.engine.supervisor import Supervisor

logger = logging.getLogger(__name__)

RETRY_SECONDS = 5.0  # between tries to read them at the start
SAME_OUTAGE_SECONDS = 60.0
# The server ends a watch in good order after the first; one that is silent for longer than the second is dead.
WATCH_SECONDS = 60
WATCH_SILENCE_SECONDS = 70.0

# Only kopf's peering uses it, which we do not. Where none is given, kopf asks the system for the user's name, and fails
# where the user has none: in a container that runs under any uid.
KOPF_IDENTITY = "windlass"

# The kind, the body, and whether the object is gone.
Heard = Callable[[str, Mapping[str, Any], bool], None]


class OwnKinds:
    """Fills the stores of our own kinds: by kopf's watches, which it starts again whenever they end.

    `namespaces` None: all. `on_restart` is called before each start of kopf but the first.

    `watched` says that kopf runs, which may not have asked for anything yet. What is created or changed from then on is
    not missed all the same: kopf lists a kind first and watches it from the version of that list, so the change is in
    the one or comes by the other. Only a deletion between our own list (`read`) and kopf's is told by neither: as any
    that went unheard, it is found by the live read before acting, and at the latest by `read_again`.
    """

    def __init__(
        self,
        client: Client,
        stores: OwnStores,
        namespaces: tuple[str, ...] | None,
        clock: Clock,
        *,
        on_restart: Callable[[], None],
    ) -> None:
        self.watched = False  # kopf runs
        self._client = client
        self._stores = stores
        self._namespaces = namespaces
        self._clock = clock
        self._supervisor = Supervisor(self._watch, "the watch of our own kinds", clock, on_restart=on_restart)
        base = urlsplit(client.connection.server).path.rstrip("/")
        self._paths = {
            own.resource.kind: {namespace: base + own.resource.path(namespace) for namespace in namespaces or (None,)}
            for own in stores
        }
        paths = [path for of_kind in self._paths.values() for path in of_kind.values()]
        self._signs = SignsOfLife(paths, clock.monotonic)
        self._not_served: set[str] = set()
        self._reached: dict[tuple[str, str | None], int] = {}  # the versions of the last lists
        self._limit: asyncio.Timeout | None = None  # of the watch that runs; there is none, until it leads nowhere

    async def run(self) -> None:
        """Watch until cancelled."""
        _quieten_kopf()
        async with asyncio.TaskGroup() as parts:
            parts.create_task(self._supervisor.run())
            parts.create_task(self._ask_about_silent_kinds())

    async def _ask_about_silent_kinds(self) -> None:
        """Whether a kind whose watch is silent is served at all: without its CRD there is nothing to watch."""
        while True:
            await self._clock.sleep(WATCH_SILENCE_SECONDS / 2)
            for own in self._stores:
                kind = own.resource.kind
                if self.idle(kind) < WATCH_SILENCE_SECONDS and kind not in self._not_served:
                    continue
                try:
                    if await self._client.serves(own.resource, next(iter(self._paths[kind]))):
                        self._not_served.discard(kind)
                    else:
                        self._not_served.add(kind)
                except ApiError as error:
                    logger.debug("%s; its watch is silent", error)

    @property
    def trouble(self) -> str | None:
        """Why kopf ends again and again, if it does."""
        return self._supervisor.trouble

    def lag(self, kind: str) -> float:
        """Seconds since the stalest of the watches of a kind showed life: one that has nothing to say does so at its
        end, after WATCH_SECONDS."""
        return self._signs.lag(self._paths[kind].values())

    def idle(self, kind: str) -> float:
        """Seconds since it showed life or was taken up again; small while an API server is down, or has not the CRD."""
        if kind in self._not_served:
            return 0.0
        return self._signs.idle(self._paths[kind].values())

    def not_watched(self) -> str | None:
        """Why changes of our own kinds are not heard, None while they are: for /readyz."""
        if self.trouble is not None:
            return self.trouble
        return None if self.watched else "their watch is being started"

    async def read(self) -> None:
        """Read them all, at last: kopf never says when it has, and a group is not to be judged without its records."""
        while True:
            try:
                return await self.read_again()
            except ApiError as error:
                logger.warning("%s; trying again in %.0f s", error, RETRY_SECONDS)
                await self._clock.sleep(RETRY_SECONDS)

    async def read_again(self) -> None:
        """Put all there is in place of what is known: a watch that is begun anew never says what is missing."""
        for own in self._stores:
            for namespace in self._namespaces or (None,):
                await self._read(own, namespace)

    async def _read(self, own: OwnKind, namespace: str | None) -> None:
        kind, store = own.resource.kind, own.store
        newest = max([self._reached.get((kind, namespace), 0), *map(version, store.within(namespace))])
        with store.listing() as gone:
            try:
                listing = await self._client.list(own.resource, namespace)
            except NoSuchKind:
                if not own.optional:
                    raise
                self._not_served.add(kind)  # what is known of them stays
                return
            reached = as_number(listing.resource_version)
            went_back = reached < newest
            found = [each for body in listing.items if (each := _readable(kind, body)) is not None]
            store.replace(store.within(namespace), found, None if went_back else reached, gone)
        self._reached[kind, namespace] = reached
        if went_back and self._limit is not None:
            logger.warning("listing %s: the server's versions went back; starting its watch anew", kind)
            self._limit.reschedule(0.0)
            self._limit = None

    async def _watch(self) -> None:
        """Run kopf until it ends, or until a list shows that its watches lead nowhere."""
        try:
            async with asyncio.timeout(None) as self._limit:
                await self._run_kopf()
        finally:
            self._limit = None

    async def _run_kopf(self) -> None:
        here = asyncio.get_running_loop()

        def heard(kind: str, body: Mapping[str, Any], deleted: bool) -> None:
            here.call_soon_threadsafe(self._heard, kind, body, deleted)

        registry, settings = _handlers(self._stores, heard, self._login()), _settings(self._namespaces)
        how: dict[str, Any] = {"registry": registry, "settings": settings, "identity": KOPF_IDENTITY}
        scope: dict[str, Any] = {"clusterwide": True} if self._namespaces is None else {"namespaces": self._namespaces}
        self.watched = True
        try:
            await in_own_loop(lambda: _operator(**how, **scope, standalone=True), name="windlass-kopf")
        finally:
            self.watched = False

    def _login(self) -> Callable[[], kopf.AiohttpSession]:
        """What kopf calls at first, and whenever its credentials are not accepted any more.

        For the same token it gives the same, so that kopf sees that it has nothing new, and ends instead of asking on.
        """
        connection = self._client.connection
        made: dict[str | None, kopf.AiohttpSession] = {}

        def login() -> kopf.AiohttpSession:
            token = connection.token
            if token is not None:
                token.renew()
            value = token.value if token else None
            if value not in made:
                headers = {"Authorization": f"Bearer {value}"} if value else {}
                made[value] = kopf.AiohttpSession(
                    server=connection.server,
                    aiohttp_session=self._signs.session(connection, headers),
                    default_namespace=connection.namespace,
                )
            return made[value]

        return login

    def _heard(self, kind: str, body: Mapping[str, Any], deleted: bool) -> None:
        try:
            self._signs.heard(self._paths[kind][body["metadata"]["namespace"] if self._namespaces else None])
            self._stores.observe(kind, body, deleted=deleted)
        except Exception:  # one odd object must not end the watch of its kind
            logger.exception("reading %s %s: it is left out", kind, body.get("metadata", {}).get("name"))


def _readable(kind: str, body: Mapping[str, Any]) -> Object | None:
    try:
        found = Object(body)
        _ = found.namespace, found.name, found.uid, found.resource_version
    except Exception:  # one odd object must not end the reading of its kind
        logger.exception("reading an object of kind %s: it is left out", kind)
        return None
    return found


async def _operator(**how: Any) -> None:
    """Run kopf until the first of its parts ends.

    As `kopf.operator` does; that one then waits for the others, of which one may wait for new credentials for ever.
    """
    parts = await kopf.spawn_tasks(**how)
    ended, _ = await asyncio.wait(parts, return_when=asyncio.FIRST_COMPLETED)
    for part in ended:
        part.result()


def _handlers(stores: OwnStores, heard: Heard, login_now: Callable[[], kopf.AiohttpSession]) -> Any:
    """Handlers that only note: the body to its store, the key to the queue."""
    registry = kopf.OperatorRegistry()

    for own in stores:
        plural = own.resource.plural

        @kopf.on.event(GROUP, VERSION, plural, registry=registry, id=plural)
        async def note(event: Mapping[str, Any], kind: str = own.resource.kind, **_: Any) -> None:
            heard(kind, event["object"], event["type"] == "DELETED")

    @kopf.on.login(registry=registry)
    async def login(**_: Any) -> kopf.AiohttpSession:
        return login_now()

    return registry


def _quieten_kopf() -> None:
    """Let kopf say what is wrong, and not that each handler has succeeded."""
    if not logger.isEnabledFor(logging.DEBUG):
        logging.getLogger("kopf").setLevel(logging.WARNING)
        logging.getLogger("kopf._cogs.clients.watching").addFilter(_OncePerOutage())
    for part in ("running", "orchestration"):
        logging.getLogger(f"kopf._core.reactor.{part}").addFilter(_worth_saying)


def _worth_saying(record: logging.LogRecord) -> bool:
    """Not that kopf leaves the signals to us, as it should; nor where it was when an API server's fault ended it."""
    record.exc_info = None  # the supervisor gives the reason, and where DEBUG is logged the traceback
    return "signals are ignored" not in record.msg


class _OncePerOutage(logging.Filter):
    """One line for an outage, and not one for each try; when kopf gives up, the supervisor says so."""

    def __init__(self) -> None:
        super().__init__()
        self._last: dict[str, float] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        tried = r"Request attempt #\S+ failed; (?:will retry|escalating): (\S+ [^?\s]+)"
        attempt = re.match(tried, record.getMessage())
        if attempt is None:
            return True
        before = self._last.get(attempt[1])
        self._last[attempt[1]] = record.created
        return before is None or record.created - before > SAME_OUTAGE_SECONDS


class _NoDifferences(kopf.DiffBaseStorage):
    """No handler of ours is told what has changed in an object: kopf would copy each object four times to find out."""

    def build(self, *, body: kopf.Body, extra_fields: Any = None) -> kopf.BodyEssence:
        return kopf.BodyEssence()

    def fetch(self, *, body: kopf.Body) -> kopf.BodyEssence | None:
        return None

    def store(self, *, body: kopf.Body, patch: kopf.Patch, essence: kopf.BodyEssence) -> None:
        pass


def _settings(namespaces: tuple[str, ...] | None) -> kopf.OperatorSettings:
    made = kopf.OperatorSettings()
    made.posting.enabled = False
    made.persistence.diffbase_storage = _NoDifferences()
    made.process.ultimate_exiting_timeout = None  # else it kills our process when it is the one that ended
    made.scanning.disabled = namespaces is not None
    made.networking.request_timeout = 30
    made.networking.connect_timeout = 10
    # Then it gives up: the supervisor waits no longer than kopf would, and counts, and says why.
    made.networking.error_backoffs = (0.5, 1, 2, 4)
    made.watching.connect_timeout = 10
    made.watching.server_timeout = WATCH_SECONDS
    made.watching.inactivity_timeout = WATCH_SILENCE_SECONDS
    # What it has of all objects at once while it starts leaves holes in the heap, which the process keeps: so small
    # pages, and an object's task, kept by default for 5 s, ends soon after the object's last event.
    made.watching.chunk_size = 100
    made.queueing.idle_timeout = 0.2
    return made
