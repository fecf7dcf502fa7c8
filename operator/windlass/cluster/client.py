"""One API server: the verbs of its API, each a method that returns what was asked or raises an `ApiError`."""

from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, Literal
from urllib.parse import urlencode

import msgspec

from windlass.cluster import container_exec, wire
from windlass.cluster.errors import NoSuchKind, Transient, shown
from windlass.cluster.lines import LineSplitter
from windlass.cluster.requests import Call, Requests
from windlass.cluster.resources import Resource

if TYPE_CHECKING:
    from typing_extensions import TypeVar

    T = TypeVar("T", default=dict[str, Any])
else:
    from typing import TypeVar

    T = TypeVar("T")

FIELD_MANAGER = "windlass"
# An API server sends bookmarks about once a minute, but none where nothing has changed since it was started: so a watch
# is ended by the server before its silence means anything.
WATCH_SECONDS = 75
WATCH_SILENCE_SECONDS = 90.0

Propagation = Literal["Background", "Foreground", "Orphan"]
Body = bytes | Mapping[str, Any]  # bytes are JSON already
Lines = list[bytes]

_AS_DICT: Any = dict


@dataclass(frozen=True, slots=True)
class Listing(Generic[T]):
    """A whole collection as it was at `resource_version`."""

    items: list[T]
    resource_version: str


class Client(Requests):
    """One API server; use it as an asynchronous context manager. Its methods raise `ApiError` and `NotLeading`.

    `into` is the type a reply is decoded to: dict, or a msgspec Struct with the fields that matter.

    `fence` (None: none) is called before each write, when the connection stands and before the first byte; it stops
    the write by raising `NotLeading`. `observe(verb, resource, code, seconds)` is told of every request; the resource
    is written as RBAC does ("scalinggroups/status"), code 0 means no reply. At most `max_in_flight` requests are under
    way at once, watches apart; those with `bulk` go last. Requests for Leases pass the fence and wait for no one:
    leadership hangs on them.
    """

    async def get(self, resource: Resource, namespace: str | None, name: str, *, into: type[T] = _AS_DICT) -> T:
        """One object as it is now."""
        call = Call("get", "GET", resource.path(namespace, name), resource, namespace, name)
        return _decode(call, await self.request(call), into)

    async def get_raw(self, path: str) -> bytes:
        """What the API server has at a path such as /readyz."""
        return await self.request(Call("get", "GET", path))

    async def list(
        self,
        resource: Resource,
        namespace: str | None = None,
        *,
        label_selector: str = "",
        limit: int = 500,
        into: type[T] = _AS_DICT,
    ) -> Listing[T]:
        """All objects of one namespace, or of all of them, read `limit` at a time."""
        call = Call("list", "GET", resource.path(namespace), resource, namespace)
        items: list[T] = []
        version = ""
        async with aclosing(self.pages(resource, namespace, label_selector=label_selector, limit=limit)) as pages:
            async for body in pages:
                page = _decode(call, body, wire.Page[into])  # type: ignore[valid-type]
                items += page.items or ()
                version = page.metadata.resource_version
        return Listing(items, version)

    async def pages(
        self, resource: Resource, namespace: str | None = None, *, label_selector: str = "", limit: int = 500
    ) -> AsyncGenerator[bytes]:
        """The same, page by page and undecoded; Expired if the server forgets the first page's state meanwhile."""
        query = {"limit": str(limit)}
        if label_selector:
            query["labelSelector"] = label_selector
        while True:
            call = Call("list", "GET", f"{resource.path(namespace)}?{urlencode(query)}", resource, namespace)
            body = await self.request(call)
            yield body
            following = _decode(call, body, wire.PageHead).metadata.following
            if not following:
                return
            query["continue"] = following

    async def serves(self, resource: Resource, namespace: str | None = None) -> bool:
        """Whether the API server knows this kind. ApiError where that cannot be told."""
        try:
            async with aclosing(self.pages(resource, namespace, limit=1)) as pages:
                await anext(pages)
        except NoSuchKind:
            return False
        return True

    async def watch(
        self,
        resource: Resource,
        namespace: str | None = None,
        *,
        label_selector: str = "",
        resource_version: str = "",
        send_initial_events: bool = False,
        seconds: int = WATCH_SECONDS,
        silence: float = WATCH_SILENCE_SECONDS,
    ) -> AsyncGenerator[Lines]:
        """Changes from a version on, as lines of JSON, several at a time as they arrive; bookmarks are asked for.

        Ends after `seconds`, as the server keeps time. Transient if the stream breaks off, even within a line, or
        nothing comes for `silence` seconds. Close the generator to end the watch (contextlib.aclosing).
        """
        query = {"watch": "true", "allowWatchBookmarks": "true", "timeoutSeconds": str(seconds)}
        if label_selector:
            query["labelSelector"] = label_selector
        if resource_version:
            query["resourceVersion"] = resource_version
        if send_initial_events:
            query |= {"sendInitialEvents": "true", "resourceVersionMatch": "NotOlderThan"}
        call = Call("watch", "GET", f"{resource.path(namespace)}?{urlencode(query)}", resource, namespace)
        lines = LineSplitter()
        async with self.stream(call, silence) as stream:
            try:
                async for chunk in stream.chunks():
                    if batch := lines.feed(chunk):
                        yield batch
                lines.end()
            except ValueError as error:
                raise Transient(f"{call.doing}: {error}", detail=str(error)) from error

    async def create(
        self,
        resource: Resource,
        namespace: str | None,
        body: Body,
        *,
        dry_run: bool = False,
        strict: bool = False,
        bulk: bool = False,
        field_manager: str = FIELD_MANAGER,
        into: type[T] = _AS_DICT,
    ) -> T:
        """The object as created. `strict`: Invalid if it has fields that nobody knows; else these are left out."""
        target = f"{resource.path(namespace)}?{wire.write_options(field_manager, dry_run, strict=strict)}"
        content, kind = wire.encode(body), "application/json"
        call = Call("create", "POST", target, resource, namespace, body=content, content_type=kind, bulk=bulk)
        return _decode(call, await self.request(call), into)

    async def delete(
        self,
        resource: Resource,
        namespace: str | None,
        name: str,
        *,
        uid: str,
        resource_version: str | None = None,
        propagation: Propagation | None = None,
        grace_seconds: int | None = None,
        bulk: bool = False,
    ) -> None:
        """Delete the object of this uid, and only as of this version if one is given; else Conflict."""
        options = wire.DeleteOptions(wire.Preconditions(uid, resource_version), propagation, grace_seconds)
        content, kind = msgspec.json.encode(options), "application/json"
        target = resource.path(namespace, name)
        await self.request(
            Call("delete", "DELETE", target, resource, namespace, name, body=content, content_type=kind, bulk=bulk)
        )

    async def merge_patch(
        self,
        resource: Resource,
        namespace: str | None,
        name: str,
        body: Body,
        *,
        subresource: str | None = None,
        field_manager: str = FIELD_MANAGER,
        dry_run: bool = False,
        bulk: bool = False,
        into: type[T] = _AS_DICT,
    ) -> T:
        """The object after a JSON merge patch; Conflict if `metadata.uid` or `.resourceVersion` in it have changed.

        In a patch of a custom resource's status the API server does not look at the uid: guard it by the version.
        """
        target = f"{resource.path(namespace, name, subresource)}?{wire.write_options(field_manager, dry_run)}"
        content, kind = wire.encode(body), "application/merge-patch+json"
        call = Call("patch", "PATCH", target, resource, namespace, name, subresource, content, kind, bulk)
        return _decode(call, await self.request(call), into)

    async def strategic_patch(
        self,
        resource: Resource,
        namespace: str | None,
        name: str,
        body: Body,
        *,
        subresource: str | None = None,
        into: type[T] = _AS_DICT,
    ) -> T:
        """The object after a strategic merge patch, which has containers by their names; Conflict as with
        `merge_patch`. For Kubernetes' own kinds alone."""
        target = f"{resource.path(namespace, name, subresource)}?{wire.write_options(FIELD_MANAGER, False)}"
        content, kind = wire.encode(body), "application/strategic-merge-patch+json"
        call = Call("patch", "PATCH", target, resource, namespace, name, subresource, content, kind)
        return _decode(call, await self.request(call), into)

    async def execute(
        self, namespace: str, pod: str, container: str, command: Sequence[str], seconds: float
    ) -> container_exec.Ran:
        """Run a command in a container and wait for its end, `seconds` at most.

        ApiError where it did not run; one that is `lost` where nobody knows whether it ran, or to which end.
        """
        headers = await self._authorization.headers()
        if self.fence is not None:
            self.fence()
        return await container_exec.execute(self.connection, headers, namespace, pod, container, command, seconds)

    async def apply(
        self,
        resource: Resource,
        namespace: str | None,
        name: str,
        body: Body,
        *,
        subresource: str | None = None,
        field_manager: str = FIELD_MANAGER,
        force: bool = False,
        dry_run: bool = False,
        into: type[T] = _AS_DICT,
    ) -> T:
        """The object after a server-side apply; Conflict if others own a field, unless `force` takes it from them."""
        options = wire.write_options(field_manager, dry_run) + ("&force=true" if force else "")
        target = f"{resource.path(namespace, name, subresource)}?{options}"
        content, kind = wire.encode(body), "application/apply-patch+yaml"  # JSON is YAML; there is no +json
        call = Call("apply", "PATCH", target, resource, namespace, name, subresource, content, kind)
        return _decode(call, await self.request(call), into)


def _decode(call: Call, body: bytes, into: type[T]) -> T:
    try:
        return wire.decode(body, into)
    except msgspec.MsgspecError as error:
        detail = f"the reply makes no sense: {shown(str(error))}"
        raise Transient(f"{call.doing}: {detail}", code=200, detail=detail, lost=call.writes) from error
