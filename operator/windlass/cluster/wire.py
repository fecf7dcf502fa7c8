"""What requests and replies look like on the wire, as far as the client itself has to know."""

from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Generic, TypeVar, cast
from urllib.parse import urlencode

import msgspec

T = TypeVar("T")


class ListMeta(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    """`metadata` of a list."""

    resource_version: str = ""
    following: str = msgspec.field(default="", name="continue")


class PageHead(msgspec.Struct, frozen=True, gc=False):
    """A page of a list without its items."""

    metadata: ListMeta


class Page(msgspec.Struct, Generic[T], frozen=True):
    """A page of a list."""

    metadata: ListMeta
    items: list[T] | None = None


class Preconditions(msgspec.Struct, frozen=True, gc=False, rename="camel", omit_defaults=True):
    """What must still be true of an object for it to be deleted."""

    uid: str
    resource_version: str | None = None


class DeleteOptions(msgspec.Struct, frozen=True, gc=False, rename="camel", omit_defaults=True):
    """The body of a DELETE."""

    preconditions: Preconditions
    propagation_policy: str | None = None
    grace_period_seconds: int | None = None


class _Named(msgspec.Struct, frozen=True, gc=False):
    name: str = ""


class _Object(msgspec.Struct, frozen=True, gc=False):
    metadata: _Named = _Named()


_DECODERS: "dict[Any, msgspec.json.Decoder[Any]]" = {}


class Nothing(msgspec.Struct, frozen=True, gc=False):
    """A reply of which nothing is read: it is not even decoded."""


_NOTHING = Nothing()


def decode(body: bytes | msgspec.Raw, into: type[T]) -> T:
    """A body as a value of a type; msgspec.MsgspecError if it does not fit, is no text or is nested too deeply."""
    if into is Nothing:
        return cast("T", _NOTHING)
    found = _DECODERS.get(into)
    if found is None:
        found = _DECODERS[into] = msgspec.json.Decoder(into)
    try:
        return cast("T", found.decode(body))
    except (UnicodeDecodeError, RecursionError) as error:
        raise msgspec.DecodeError(str(error)) from error


def encode(body: bytes | Mapping[str, Any]) -> bytes:
    """A body as it is sent; bytes are taken to be JSON already."""
    return body if isinstance(body, bytes) else msgspec.json.encode(body)


def name_in(body: bytes) -> str:
    """`metadata.name` of an object, for messages; empty if there is none."""
    try:
        found = decode(body, _Object)
    except msgspec.MsgspecError:
        return ""
    return found.metadata.name


@lru_cache
def write_options(field_manager: str, dry_run: bool, *, strict: bool = False) -> str:
    """The query of a request that writes. `strict`: fields that nobody knows are refused, and not left out."""
    options = {"fieldManager": field_manager}
    if dry_run:
        options["dryRun"] = "All"
    if strict:
        options["fieldValidation"] = "Strict"
    return urlencode(options)
