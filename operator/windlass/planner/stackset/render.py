"""A template with its variables filled in: the objects that are deployed.

`${name}` is a variable's value, `${name:-default}` has a default for one that is not there or null, `$$` is a dollar.
Any other dollar is itself, as in `$(POD_NAME)`. This goes for values and keys. A plain scalar that is nothing but one
`${…}` becomes the value itself: a number, a list, a map; its default is read as YAML reads a plain scalar. In quotes,
block scalars and longer text there is only text: numbers, booleans, lists and maps as JSON.
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from math import isfinite
from typing import Any

from windlass.api.stacks import MAX_FILE_BYTES
from windlass.planner.reason import Reason, names
from windlass.planner.stackset.documents import Document, Entries, Items, Node, Scalar, read, resolved, walk
from windlass.planner.stackset.reasons_variables import (
    NoManifest,
    NullInText,
    ObjectTwice,
    RefusedError,
    RenderedTooLarge,
    TemplateEmpty,
    TemplateUnreadable,
    TooManyObjects,
    UnknownVariables,
)
from windlass.planner.stackset.tfvars import Value

REGION, ACCOUNT, STACK_SET = "windlass.region", "windlass.account", "windlass.stackSet"
BUILT_IN = frozenset({REGION, ACCOUNT, STACK_SET})

MAX_OBJECTS = 1000
MOST_NAMED = 10  # unknown variables in one sentence

_ONE = r"\$\{([A-Za-z_][-.0-9A-Za-z_]*+)(?::-([^}$]*+))?\}"
_ALONE = re.compile(_ONE)
_DOLLAR = re.compile(rf"\$\$|{_ONE}|\$\{{")
_SHOWN = re.compile(r"[!-~]{1,253}")

_API_VERSION = re.compile(r"(?:[a-z0-9](?:[-.a-z0-9]{0,251}[a-z0-9])?/)?[a-z][a-z0-9]{0,62}")
_KIND = re.compile(r"[A-Za-z][A-Za-z0-9]{0,62}")
_NAME = re.compile(r"(?!\.{1,2}\Z)[^/%\s\x00-\x1f\x7f]{1,253}")
_NAMESPACE = re.compile(r"[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?")

# Fields of metadata with which a cluster does not take an object of another one, or collects it as garbage at once.
_OF_ONE_CLUSTER = ("uid", "resourceVersion", "managedFields", "ownerReferences")


@dataclass(frozen=True, slots=True)
class Manifest:
    """One object as it is sent; `body` is read only. `namespace`: None where the template names none."""

    body: Mapping[str, Any]
    api_version: str
    kind: str
    name: str
    namespace: str | None

    @property
    def label(self) -> str:
        """For people: `Deployment web`, `Deployment shop/web`."""
        return f"{self.kind} {self.namespace}/{self.name}" if self.namespace else f"{self.kind} {self.name}"

    @property
    def group(self) -> str:
        """The API group, empty for the core one."""
        return self.api_version.rpartition("/")[0]

    @property
    def identity(self) -> tuple[str, str, str | None, str]:
        """What makes it the same object as another: group, kind, namespace, name."""
        return (self.group, self.kind, self.namespace, self.name)


def render(template: str, values: Mapping[str, Value], builtins: Mapping[str, str]) -> tuple[Manifest, ...] | Reason:
    """The objects of the template, in its order; at most 1,000, with 1 MiB of text in all.

    A List of v1 stands for its items. `status` is left out: it is for controllers, and API servers do not take it from
    others. A reason names variables, lines and objects as the template writes them, never a value.
    """
    documents = read(template)
    if isinstance(documents, Reason):
        return documents
    rendering = _Rendering({**values, **builtins})
    try:
        bodies = [rendering.body(document) for document in documents]
        if rendering.unknown:
            return UnknownVariables(names(tuple(rendering.unknown), MOST_NAMED))
        pairs = zip(documents, bodies, strict=True)
        return _distinct([each for document, body in pairs for each in _unfolded(document.root, body, document.number)])
    except RefusedError as refused:
        return refused.reason


def names_in(template: str) -> frozenset[str] | Reason:
    """The variables that a template needs: those that stand somewhere without a default, but for the built-in ones."""
    documents = read(template)
    if isinstance(documents, Reason):
        return documents
    found: set[str] = set()
    for scalar in (scalar for document in documents for scalar in walk(document.root)):
        for reference in _DOLLAR.finditer(scalar.text):
            name, default = reference.groups()
            if reference[0] == "${":
                return _malformed(scalar)
            if name and default is None:
                found.add(name)
    return frozenset(found - BUILT_IN)


class _Rendering:
    """Fills values in. Counts the text that comes out, and collects the names that are not there."""

    def __init__(self, values: Mapping[str, Value]) -> None:
        self._values = values
        self._size = 0
        self._place = ""
        self.unknown: dict[str, None] = {}

    def body(self, document: Document) -> Any:
        """The document with its values."""
        self._place = _place(document.root, document.number)
        return self._value(document.root)

    def _value(self, node: Node) -> Any:
        match node:
            case Scalar():
                return self._scalar(node)
            case Items():
                return [self._value(item) for item in node.items]
            case Entries():
                return self._mapping(node)

    def _mapping(self, node: Entries) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for key, below in node.entries:
            name = self._key(key)
            if name in found:
                raise RefusedError(TemplateUnreadable(key.line, "the same key stands twice in one mapping"))
            found[name] = self._value(below)
        return found

    def _key(self, key: Scalar) -> str:
        value = self._scalar(key)
        if isinstance(value, int) and not isinstance(value, bool):
            return str(value)
        if not isinstance(value, str):
            raise RefusedError(TemplateUnreadable(key.line, "a key is no text: put it in double quotes"))
        return value

    def _scalar(self, scalar: Scalar) -> Any:
        alone = _ALONE.fullmatch(scalar.text) if scalar.plain else None
        if alone:
            value = self._alone(scalar, *alone.groups())
        elif scalar.plain and "$" not in scalar.text:
            value = _plain(scalar.text, scalar.line)
        else:
            before = self._size
            value = _DOLLAR.sub(lambda found: self._text(scalar, found), scalar.text)
            self._size = before
        self._count(value if isinstance(value, str) else _json(value))
        return value

    def _alone(self, scalar: Scalar, name: str, default: str | None) -> Any:
        value = self._values.get(name)
        if value is None and default is not None:
            return _plain(default, scalar.line)
        return self._unknown(name) if name not in self._values else value

    def _text(self, scalar: Scalar, found: re.Match[str]) -> str:
        name, default = found.groups()
        if found[0] == "$$":
            return "$"
        if name is None:
            raise RefusedError(_malformed(scalar))
        value = self._values.get(name)
        if value is None and default is not None:
            text: str = default
        elif name not in self._values:
            text = self._unknown(name)
        elif value is None:
            raise RefusedError(NullInText(scalar.line, name))
        else:
            text = value if isinstance(value, str) else _json(value)
        self._count(text)  # at once: a short text can name a long value many times
        return text

    def _unknown(self, name: str) -> str:
        """Notes it; the name stands in for the value until all are known that are not there."""
        self.unknown[f"{name} in {self._place}"] = None
        return name

    def _count(self, text: str) -> None:
        self._size += len(text.encode())
        if self._size > MAX_FILE_BYTES:
            raise RefusedError(RenderedTooLarge(MAX_FILE_BYTES))


def _plain(text: str, line: int) -> Any:
    value = resolved(text)
    if isinstance(value, float) and not isfinite(value):
        raise RefusedError(TemplateUnreadable(line, "there is a number that JSON does not have"))
    return value


def _json(value: Value) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _malformed(scalar: Scalar) -> Reason:
    return TemplateUnreadable(
        scalar.line,
        "${ is not followed by a name and }, or by a name, :- and a default without $ and }; $${ is the text ${",
    )


# ---- objects


def _unfolded(node: Node | None, body: Any, number: int) -> Iterator[tuple[str, Any]]:
    """The body, or the items if it is a List. `node` is what the template has for it, None where a value brought it."""
    where = _place(node, number)
    if not isinstance(body, dict) or (body.get("apiVersion"), body.get("kind")) != ("v1", "List"):
        yield where, body
        return
    items = body.get("items") or []
    if not isinstance(items, list):
        raise RefusedError(NoManifest(where, "the items of a List are no sequence"))
    below = _below(node, "items")
    nodes = below.items if isinstance(below, Items) else [None] * len(items)
    for item_node, item in zip(nodes, items, strict=True):
        yield from _unfolded(item_node, item, number)


def _distinct(found: list[tuple[str, Any]]) -> tuple[Manifest, ...] | Reason:
    if not found:
        return TemplateEmpty()
    if len(found) > MAX_OBJECTS:
        return TooManyObjects(len(found), MAX_OBJECTS)
    manifests: list[Manifest] = []
    places: dict[tuple[str, str, str | None, str], str] = {}
    for where, body in found:
        manifest = _manifest(where, body)
        first = places.setdefault(manifest.identity, where)
        if len(places) == len(manifests):
            return ObjectTwice(where, first)
        manifests.append(manifest)
    return tuple(manifests)


def _manifest(where: str, body: Any) -> Manifest:
    if not isinstance(body, dict):
        raise RefusedError(NoManifest(where, "it is no object: apiVersion, kind and metadata.name make one"))
    metadata = body.get("metadata")
    if not isinstance(metadata, dict):
        raise RefusedError(NoManifest(where, "it has no metadata"))
    if metadata.get("generateName") is not None:
        raise RefusedError(NoManifest(where, "metadata.generateName is not allowed: give it a metadata.name"))
    for field in _OF_ONE_CLUSTER:
        if metadata.get(field) is not None:
            raise RefusedError(
                NoManifest(where, f"metadata.{field} is not allowed: it belongs to one cluster's object")
            )
    namespace = metadata.get("namespace")
    return Manifest(
        body={key: value for key, value in body.items() if key != "status"},
        api_version=_checked(where, "apiVersion", body.get("apiVersion"), _API_VERSION),
        kind=_checked(where, "kind", body.get("kind"), _KIND),
        name=_checked(where, "metadata.name", metadata.get("name"), _NAME),
        namespace=None if namespace is None else _checked(where, "metadata.namespace", namespace, _NAMESPACE),
    )


def _checked(where: str, field: str, value: Any, pattern: re.Pattern[str]) -> str:
    if value is None:
        raise RefusedError(NoManifest(where, f"it has no {field}"))
    if not isinstance(value, str) or not pattern.fullmatch(value):
        raise RefusedError(NoManifest(where, f"its {field} is none that Kubernetes knows"))
    return value


def _place(node: Node | None, number: int) -> str:
    """`document 2 (Deployment web)`, in the template's own words: `Deployment ${name}`."""
    kind, name = _below(node, "kind"), _below(_below(node, "metadata"), "name")
    if isinstance(kind, Scalar) and isinstance(name, Scalar) and all(map(_SHOWN.fullmatch, (kind.text, name.text))):
        return f"document {number} ({kind.text} {name.text})"
    return f"document {number}"


def _below(node: Node | None, key: str) -> Node | None:
    entries = node.entries if isinstance(node, Entries) else ()
    return next((value for name, value in entries if name.text == key), None)
