"""Manifests that people would apply: read from files, and given to the API server's dry run."""

import json
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from windlass.api.common import API_VERSION, GROUP, Kind, to_wire
from windlass.cli.failures import CannotError
from windlass.cli.subject import Subject
from windlass.cli.wording import joined
from windlass.cluster.client import Client
from windlass.cluster.errors import Gone, Refused, RefusedBy
from windlass.cluster.resources import Resource

LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"
SERVER_SIDE_MANAGER = "kubectl"  # who applies with `kubectl apply --server-side`

Body = Mapping[str, Any]
Models = Mapping[str, Kind]  # by kind


@dataclass(frozen=True, slots=True)
class Document:
    """One object as somebody wrote it down."""

    kind: str
    namespace: str
    name: str
    spec: Body
    source: str

    @property
    def manifest(self) -> dict[str, Any]:
        """What is sent to the API server."""
        metadata = {"name": self.name, "namespace": self.namespace}
        return {"apiVersion": API_VERSION, "kind": self.kind, "metadata": metadata, "spec": self.spec}


@dataclass(frozen=True, slots=True)
class Proposed:
    """An object as it would be stored. `before` is its spec now, None where there is none."""

    document: Document
    live: Body | None
    spec: Body
    note: str | None = None

    @property
    def change(self) -> str:
        """One word for what applying it does."""
        if self.live is None:
            return "Created"
        return "Unchanged" if self.live["spec"] == self.spec else "Changed"


# ---- reading


def read_bodies(filenames: Iterable[str]) -> list[tuple[str, Body]]:
    """All objects in these files, each with the name of its file; `-` is standard input. CannotError if one is none."""
    return [(filename, body) for filename in filenames for body in _bodies(filename)]


def _bodies(filename: str) -> Iterator[Body]:
    try:
        text = sys.stdin.read() if filename == "-" else Path(filename).read_text(encoding="utf-8")
        found = list(yaml.load_all(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader)))
    except (OSError, UnicodeDecodeError) as error:
        raise CannotError(f"reading {filename}: {getattr(error, 'strerror', None) or error}") from error
    except yaml.YAMLError as error:
        raise CannotError(f"reading {filename}: it is no YAML: {_where(error)}") from error
    for body in found:
        if body is None:
            continue
        if not isinstance(body, dict):
            raise CannotError(f"reading {filename}: there is a {type(body).__name__} where a manifest should be")
        yield from (body["items"] or ()) if body.get("kind") == "List" else (body,)


def _where(error: yaml.YAMLError) -> str:
    if isinstance(error, yaml.MarkedYAMLError) and error.problem_mark is not None:
        return f"line {error.problem_mark.line + 1}: {error.problem}"
    return " ".join(str(error).split())


def models_of(subjects: Iterable[Subject]) -> Models:
    """The kinds that these subjects plan for, in their order."""
    return {model.kind: model for subject in subjects for model in subject.models()}


def documents_in(
    bodies: Iterable[tuple[str, Body]], namespace: str | None, default: str, models: Models
) -> tuple[list[Document], list[str]]:
    """The objects of these kinds among all, and notes on what else there is.

    `namespace` is the one that was asked for, if any, `default` that of objects that name none. CannotError if there
    is none of these kinds.
    """
    documents: list[Document] = []
    notes: list[str] = []
    for filename, body in bodies:
        if body.get("apiVersion") == API_VERSION and body.get("kind") in models:
            documents.append(_document(body, filename, namespace, default))
        else:
            notes.append(_not_looked_at(body, models))
    if not documents:
        because = f" ({'; '.join(notes)})" if notes else ""
        raise CannotError(f"there is no {joined(models, 'or')} of {API_VERSION} to plan for{because}")
    return documents, notes


def _not_looked_at(body: Body, models: Models) -> str:
    kind, name, version = body.get("kind"), (body.get("metadata") or {}).get("name"), body.get("apiVersion")
    what = f"{' '.join(filter(None, (kind or 'an object', name)))} is not looked at"
    if str(version).partition("/")[0] != GROUP:
        return what
    if kind not in models:
        return f"{what}: there is no such kind in {GROUP}, only {joined(sorted(models))} can be planned for"
    return f"{what}: it is of {version}, and this plans for {API_VERSION}"


def _document(body: Body, filename: str, namespace: str | None, default: str) -> Document:
    metadata, kind = body.get("metadata") or {}, body["kind"]
    name, own = metadata.get("name"), metadata.get("namespace")
    if not isinstance(name, str) or not isinstance(body.get("spec"), dict):
        raise CannotError(f"reading {filename}: a {kind} has no metadata.name or no spec")
    if namespace and own and own != namespace:
        raise CannotError(f"reading {filename}: {kind} {name} is of namespace {own}, and -n says {namespace}")
    return Document(kind, own or namespace or default, name, body["spec"], filename)


# ---- what would be stored


async def propose(client: Client | None, document: Document, models: Models) -> Proposed:
    """The object as the API server would store it; `ApiError` with its words if it would refuse it.

    Where there is no API server, or it may not be asked, the models stand in for it and the note says so.
    """
    model = models[document.kind]
    if client is None:
        return Proposed(document, None, _checked_here(document, document.spec, model))
    resource = Resource.of(model)
    live = await _live(client, resource, document)
    try:
        stored = await _dry_run(client, resource, document, live)
    except Refused as error:
        if error.by is not RefusedBy.PERMISSIONS:
            raise
        spec = document.spec if live is None else merged(live["spec"], _changes(document, live))
        note = f"{document.kind} {document.name} was not checked by the API server: {error.detail}"
        return Proposed(document, live, _checked_here(document, spec, model), note)
    _refuse_unknown_fields(document, model)
    return Proposed(document, live, stored["spec"])


async def _live(client: Client, resource: Resource, document: Document) -> Body | None:
    try:
        return await client.get(resource, document.namespace, document.name)
    except Gone as error:
        if error.reason != "NotFound":
            raise
        return None


async def _dry_run(client: Client, resource: Resource, document: Document, live: Body | None) -> Body:
    namespace, name = document.namespace, document.name
    if live is None:
        return await client.create(resource, namespace, document.manifest, dry_run=True)
    if _applied_by_the_server(live):
        manager, manifest = SERVER_SIDE_MANAGER, document.manifest
        return await client.apply(resource, namespace, name, manifest, field_manager=manager, force=True, dry_run=True)
    return await client.merge_patch(resource, namespace, name, {"spec": _changes(document, live)}, dry_run=True)


def _applied_by_the_server(live: Body) -> bool:
    metadata = live["metadata"]
    managers = [m for m in metadata.get("managedFields") or () if m.get("operation") == "Apply"]
    by_client = LAST_APPLIED in (metadata.get("annotations") or {})
    return not by_client and any(m.get("manager") == SERVER_SIDE_MANAGER for m in managers)


def _changes(document: Document, live: Body) -> dict[str, Any]:
    """What `kubectl apply` would send of the spec."""
    annotation = (live["metadata"].get("annotations") or {}).get(LAST_APPLIED)
    last = json.loads(annotation).get("spec") or {} if annotation else {}
    return three_way(last, document.spec, live["spec"])


def three_way(last: Body, given: Body, live: Body) -> dict[str, Any]:
    """The merge patch that takes away what was applied `last` and is not given any more, and sets what is given."""
    patch: dict[str, Any] = {key: None for key in last if key not in given and key in live}
    for key, value in given.items():
        before = live.get(key)
        if isinstance(value, Mapping) and isinstance(before, Mapping):
            below = last.get(key)
            if inner := three_way(below if isinstance(below, Mapping) else {}, value, before):
                patch[key] = inner
        elif value != before:
            patch[key] = value
    return patch


def merged(old: Body, patch: Body) -> dict[str, Any]:
    """`old` after a merge patch (RFC 7386)."""
    after = {key: value for key, value in old.items() if patch.get(key, value) is not None}
    for key, value in patch.items():
        if isinstance(value, Mapping):
            below = after.get(key)
            after[key] = merged(below if isinstance(below, Mapping) else {}, value)
        elif value is not None:
            after[key] = value
    return after


def _checked_here(document: Document, spec: Body, model: Kind) -> Body:
    try:
        return to_wire(model.spec.model_validate(spec))
    except ValidationError as error:
        raise CannotError(_first(document, error)) from error


def _refuse_unknown_fields(document: Document, model: Kind) -> None:
    """As `kubectl apply` does; the dry run alone would drop them without a word."""
    try:
        model.spec.model_validate(document.spec)
    except ValidationError as error:
        if any(found["type"] == "extra_forbidden" for found in error.errors()):
            raise CannotError(_first(document, error, "extra_forbidden")) from error


def _first(document: Document, error: ValidationError, type_: str | None = None) -> str:
    found = next(each for each in error.errors() if type_ in {None, each["type"]})
    where = ".".join(str(part) for part in ("spec", *found["loc"]))
    said = "there is no such field" if found["type"] == "extra_forbidden" else found["msg"]
    return f"{document.source}: {document.kind} {document.name}: {where}: {said}"
