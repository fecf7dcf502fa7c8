"""From the lines of a watch and the pages of a list to records."""

import logging
from collections.abc import Callable, Iterator
from typing import Any, Generic, Literal, NamedTuple, TypeVar

import msgspec

from windlass.cluster import errors
from windlass.cluster.errors import Transient
from windlass.cluster.store import Record
from windlass.cluster.wire import Page, decode

log = logging.getLogger(__name__)

W = TypeVar("W")
T = TypeVar("T", bound=Record)

INITIAL_EVENTS_END = "k8s.io/initial-events-end"


class _ChangeLine(msgspec.Struct, Generic[W], frozen=True, gc=False):
    type: Literal["ADDED", "MODIFIED", "DELETED"]
    object: W


class _AnyLine(msgspec.Struct, frozen=True, gc=False):
    type: str
    object: msgspec.Raw


class _Meta(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    name: str = ""
    namespace: str = ""
    resource_version: str = ""
    annotations: dict[str, str] | None = None


class _Any(msgspec.Struct, frozen=True, gc=False):
    metadata: _Meta = _Meta()


class Change(NamedTuple, Generic[T]):
    """An object came, changed or went; once it is gone, the record is its last state."""

    gone: bool
    record: T


class Bookmark(NamedTuple):
    """The watch has come to this version; `complete`: all that existed at its start has been sent."""

    resource_version: str
    complete: bool


class RecordDecoder(Generic[T]):
    """Decodes objects to `wire`, the fields that matter, and turns each into a record.

    An object that does not fit is left out, logged and told to `count`: one odd object must not hold up the others.
    """

    def __init__(
        self, kind: str, wire: type[Any], record: Callable[[Any], T], count: Callable[[str, int], None]
    ) -> None:
        self._kind = kind
        self._wire = wire
        self._record = record
        line: Any = _ChangeLine
        page: Any = Page
        self._line: msgspec.json.Decoder[_ChangeLine[Any]] = msgspec.json.Decoder(line[wire])
        self._page: msgspec.json.Decoder[Page[Any]] = msgspec.json.Decoder(page[wire])
        self._count = count

    def line(self, line: bytes) -> Change[T] | Bookmark | None:
        """What a line of a watch says; None if its object was left out. `ApiError` for an ERROR event or no JSON."""
        try:
            event = self._line.decode(line)
            return Change(event.type == "DELETED", self._record(event.object))
        except msgspec.ValidationError:
            return self._other(line)  # bookmarks and errors hold another kind of object
        except msgspec.DecodeError as error:
            raise Transient(f"watching {self._kind}: a line is not JSON: {error}") from error
        except Exception as error:
            self._leave_out(decode(line, _AnyLine).object, error)
            return None

    def page(self, body: bytes) -> tuple[list[T], str]:
        """The records of a page of a list, and the list's resourceVersion."""
        try:
            page = self._page.decode(body)
            return [self._record(item) for item in page.items or ()], page.metadata.resource_version
        except msgspec.DecodeError as error:
            if not isinstance(error, msgspec.ValidationError):
                raise Transient(f"listing {self._kind}: a page is not JSON: {error}") from error
        except Exception:
            log.debug("listing %s: going through a page item by item", self._kind, exc_info=True)
        raw = decode(body, Page[msgspec.Raw])
        return list(self._fitting(raw.items or [])), raw.metadata.resource_version

    def _fitting(self, items: list[msgspec.Raw]) -> Iterator[T]:
        for item in items:
            try:
                yield self._record(decode(item, self._wire))
            except Exception as error:
                self._leave_out(item, error)

    def _other(self, line: bytes) -> Bookmark | None:
        event = decode(line, _AnyLine)
        if event.type == "ERROR":
            raise errors.from_event(f"watching {self._kind}", bytes(event.object))
        if event.type == "BOOKMARK":
            meta = decode(event.object, _Any).metadata
            return Bookmark(meta.resource_version, (meta.annotations or {}).get(INITIAL_EVENTS_END) == "true")
        list(self._fitting([event.object]))  # says why it does not fit
        return None

    def _leave_out(self, body: msgspec.Raw, error: Exception) -> None:
        self._count("left_out", 1)
        meta = decode(body, _Any).metadata
        log.warning("reading %s %s/%s: it is left out: %s", self._kind, meta.namespace, meta.name, error)
