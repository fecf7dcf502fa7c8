"""What an API server keeps, and its answer to each request but a watch; `FakeApi` serves it on a socket."""

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, NamedTuple
from urllib.parse import parse_qsl

Body = dict[str, Any]
Answer = tuple[int, Any]

_PATH = re.compile(
    r"(?P<root>/api/v1|/apis/[^/]+/[^/]+)(/namespaces/(?P<namespace>[^/]+))?/(?P<plural>[a-z]+)"
    r"(/(?P<name>[^/]+))?(/(?P<subresource>[^/]+))?"
)
# Their status is written through the subresource alone, and nothing else is.
WITH_STATUS = frozenset(
    {
        "pods",
        "scalinggroups",
        "scalingactivities",
        "instancerefreshes",
        "rollingupdates",
        "launchtemplates",
        "stacksets",
        "stacksetoperations",
        "stackinstances",
        "stacktargets",
        "containergroups",
    }
)


class Change(NamedTuple):
    """An object was ADDED, MODIFIED or DELETED."""

    version: int
    plural: str
    type: str
    body: Body


class Place(NamedTuple):
    """What a path names; `name` None: the collection."""

    plural: str
    namespace: str | None
    name: str | None
    subresource: str | None


def status(code: int, reason: str = "", message: str = "", **details: Any) -> Body:
    """The API's Status object."""
    return {
        "kind": "Status",
        "apiVersion": "v1",
        "status": "Failure",
        "message": message,
        "reason": reason,
        "details": details,
        "code": code,
    }


def place(path: str) -> Place | None:
    match = _PATH.fullmatch(path)
    return match and Place(match["plural"], match["namespace"], match["name"], match["subresource"])


class Objects:
    """Objects of any kind in any namespace. Nothing cascades; a write that changes nothing makes no version.

    `slow_to_go`: kinds whose objects only get a deletionTimestamp when they are deleted; `remove` is then the end.
    One with finalizers gets that too, and goes with the last of them.
    """

    def __init__(self, *, now: Callable[[], datetime] = lambda: datetime.now(UTC), slow_to_go: tuple[str, ...] = ()):
        self.version = 100
        self.history: list[Change] = []
        self.by_place: dict[tuple[str, str, str], Body] = {}
        self._now = now
        self._slow_to_go = slow_to_go

    # ---- what tests do behind the client's back

    def put(self, plural: str, body: Body) -> Body:
        meta = body["metadata"]
        key = (plural, meta["namespace"], meta["name"])
        kind = "MODIFIED" if key in self.by_place else "ADDED"
        return self._note(plural, kind, key, body)

    def remove(self, plural: str, namespace: str, name: str) -> None:
        key = (plural, namespace, name)
        self._note(plural, "DELETED", key, self.by_place[key])
        del self.by_place[key]

    def silently_remove(self, plural: str, namespace: str, name: str) -> None:
        """As if the event had been missed: nobody who watches is told."""
        del self.by_place[plural, namespace, name]
        self.version += 1

    def selected(self, plural: str, namespace: str | None = None, selector: str = "") -> list[Body]:
        return [
            body
            for (kind, where, _), body in sorted(self.by_place.items())
            if kind == plural and namespace in (None, where) and matches(body, selector)
        ]

    def _note(self, plural: str, kind: str, key: tuple[str, str, str], body: Body) -> Body:
        self.version += 1
        stored = {**body, "metadata": {**body["metadata"], "resourceVersion": str(self.version)}}
        self.by_place[key] = stored
        self.history.append(Change(self.version, plural, kind, stored))
        return stored

    # ---- the API

    def answer(self, method: str, path: str, query: Mapping[str, str] | str, body: Any) -> Answer:
        """The code and the body of the reply."""
        options = dict(parse_qsl(query)) if isinstance(query, str) else query
        where = place(path)
        if where is None:
            return 404, status(404, "NotFound", "no such path")
        if method == "GET" and where.name is None:
            return self._list(where, options)
        if method == "POST":
            return self._create(where, body, dry_run="dryRun" in options)
        found = self.by_place.get((where.plural, where.namespace or "", where.name or ""))
        if found is None:
            return 404, status(404, "NotFound", f'{where.plural} "{where.name}" not found')
        if method == "PATCH":
            return self._patch(where, found, body, dry_run="dryRun" in options)
        if method == "DELETE":
            return self._delete(where.plural, found, body)
        return 200, found

    def _list(self, where: Place, options: Mapping[str, str]) -> Answer:
        found = self.selected(where.plural, where.namespace, options.get("labelSelector", ""))
        start = int(options.get("continue", "0"))
        end = start + int(options.get("limit", "500"))
        meta = {"resourceVersion": str(self.version)}
        if end < len(found):
            meta["continue"] = str(end)
        return 200, {"kind": "List", "metadata": meta, "items": found[start:end]}

    def _create(self, where: Place, body: Body, *, dry_run: bool) -> Answer:
        plural, namespace, name = where.plural, where.namespace or "", body["metadata"]["name"]
        if (plural, namespace, name) in self.by_place:
            return 409, status(409, "AlreadyExists", f'{plural} "{name}" already exists')
        given = {
            "uid": f"uid-{name}-{self.version}",
            "creationTimestamp": f"{self._now():%Y-%m-%dT%H:%M:%SZ}",
            "generation": 1,
        }
        made = {**body, "metadata": {**given, **body["metadata"], "namespace": namespace}}
        if plural in WITH_STATUS:
            made.pop("status", None)
        if dry_run:
            return 201, made
        return 201, self.put(plural, made)

    def _patch(self, where: Place, found: Body, patch: Body, *, dry_run: bool) -> Answer:
        plural, meta = where.plural, found["metadata"]
        custom_status = where.subresource == "status" and plural != "pods"
        for key, value in (patch.get("metadata") or {}).items():
            guards = ("resourceVersion",) if custom_status else ("uid", "resourceVersion")
            if key in guards and meta[key] != value:
                message = f'Operation cannot be fulfilled on {plural} "{meta["name"]}": the object has been modified'
                return 409, status(409, "Conflict", message)
        changed = merged(found, self._part(where, patch))
        if plural == "pods" and "containers" in (patch.get("spec") or {}):
            changed["spec"]["containers"] = _by_name(found["spec"]["containers"], patch["spec"]["containers"])
        if dry_run or changed == found:
            return 200, changed
        if plural in WITH_STATUS | {"scalingconfigurations"} and changed.get("spec") != found.get("spec"):
            changed["metadata"] = {**changed["metadata"], "generation": meta.get("generation", 1) + 1}
        stored = self.put(plural, changed)
        if meta.get("finalizers") and "deletionTimestamp" in meta and not stored["metadata"]["finalizers"]:
            self.remove(plural, meta["namespace"], meta["name"])
        return 200, stored

    def _part(self, where: Place, patch: Body) -> Body:
        """What of the patch is taken: the subresource's part of it, or all else."""
        if where.subresource == "status":
            return {"status": patch.get("status") or {}}
        if where.subresource == "resize":
            return {"spec": patch["spec"]}
        if where.subresource == "scale":
            return {"spec": {"desiredSize": patch["spec"]["replicas"]}}
        guarded = {key: value for key, value in (patch.get("metadata") or {}).items() if key != "resourceVersion"}
        left_out = {"metadata", "status"} if where.plural in WITH_STATUS else {"metadata"}
        return {**{key: value for key, value in patch.items() if key not in left_out}, "metadata": guarded}

    def _delete(self, plural: str, found: Body, options: Body) -> Answer:
        meta = found["metadata"]
        for key, value in options["preconditions"].items():
            if meta[key] != value:
                return 409, status(409, "Conflict", "Precondition failed")
        at_once = plural not in self._slow_to_go or options.get("gracePeriodSeconds") == 0
        if at_once and not meta.get("finalizers"):
            self.remove(plural, meta["namespace"], meta["name"])
        elif "deletionTimestamp" not in meta:
            gone_at = f"{self._now():%Y-%m-%dT%H:%M:%SZ}"
            self.put(plural, {**found, "metadata": {**meta, "deletionTimestamp": gone_at}})
        return 200, {"kind": "Status", "status": "Success"}


def merged(target: Mapping[str, Any], patch: Mapping[str, Any]) -> Body:
    """A JSON merge patch, applied."""
    made = dict(target)
    for key, value in patch.items():
        if value is None:
            made.pop(key, None)
        elif isinstance(value, Mapping):
            made[key] = merged(made.get(key) or {}, value)
        else:
            made[key] = value
    return made


def _by_name(containers: list[Body], patches: list[Body]) -> list[Body]:
    """A strategic merge patch of containers, applied."""
    given = {each["name"]: each for each in patches}
    return [merged(each, given.get(each["name"], {})) for each in containers]


def matches(body: Mapping[str, Any], selector: str) -> bool:
    labels = body["metadata"].get("labels") or {}
    for term in filter(None, selector.split(",")):
        key, _, value = term.partition("=")
        if key not in labels or (value and labels[key] != value):
            return False
    return True
