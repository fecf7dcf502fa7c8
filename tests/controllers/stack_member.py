"""A member cluster in memory: discovery, server-side apply with its conflicts, dry runs, finalizers, CRDs, namespaces.

`MemberApi.answer` fits where `Objects.answer` does. What controllers write is the test's to say: with `ready` all goes
well.
"""

import asyncio
import copy
import json
from collections.abc import Callable, Coroutine, Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple, TypeVar
from urllib.parse import parse_qsl

from tests.cluster_client.objects import Answer, Body, merged, status
from tests.cluster_client.virtual_time import run
from tests.controllers.processes import Asked, Crash, MemoryTransport
from windlass.cluster.client import Client
from windlass.cluster.connection import Connection
from windlass.cluster.members import Member
from windlass.controllers.stack_sets.visit import Visit
from windlass.planner.reason import Reason
from windlass.planner.stackset.inventory import Entry, read
from windlass.planner.stackset.ownership import Stack, owner_of
from windlass.planner.stackset.render import Manifest, render

T = TypeVar("T")

START = datetime(2026, 7, 1, 12, 0, tzinfo=UTC)
CLUSTER = "11111111-aaaa-4000-8000-000000000001"
STACK = Stack("shop", "web", "eu-1", "acme", "default")
INVENTORY = ("", "configmaps", "default", STACK.inventory)
TEN_MINUTES = timedelta(minutes=10)

Key = tuple[str, str, str, str]  # group, plural, namespace, name
Path = tuple[str, ...]
Change = Callable[[Body], None]


class Served(NamedTuple):
    """A kind that is served."""

    group: str
    version: str
    plural: str
    kind: str
    namespaced: bool


BUILT_IN = (
    Served("", "v1", "configmaps", "ConfigMap", True),
    Served("", "v1", "secrets", "Secret", True),
    Served("", "v1", "services", "Service", True),
    Served("", "v1", "pods", "Pod", True),
    Served("", "v1", "namespaces", "Namespace", False),
    Served("apps", "v1", "deployments", "Deployment", True),
    Served("batch", "v1", "jobs", "Job", True),
    Served("rbac.authorization.k8s.io", "v1", "clusterroles", "ClusterRole", False),
    Served("apiextensions.k8s.io", "v1", "customresourcedefinitions", "CustomResourceDefinition", False),
)
CRDS = ("apiextensions.k8s.io", "customresourcedefinitions")


def ready(body: Body) -> None:
    """What the controllers of Deployments and CRDs make of one."""
    if body["kind"] == "Deployment":
        wanted = body.get("spec", {}).get("replicas", 1)
        counts = dict.fromkeys(("replicas", "updatedReplicas", "readyReplicas", "availableReplicas"), wanted)
        given = {"type": "Available", "status": "True"}
        body["status"] = {"observedGeneration": body["metadata"]["generation"], **counts, "conditions": [given]}
    elif body["kind"] == "CustomResourceDefinition":
        body["status"] = {"conditions": [{"type": "Established", "status": "True"}]}


class MemberApi:
    """The API server and what it holds. `controllers` is called with each object that was written."""

    def __init__(self, controllers: Change = ready) -> None:
        self.controllers = controllers
        self.kinds = list(BUILT_IN)
        self.objects: dict[Key, Body] = {}
        self._owned: dict[Key, dict[str, set[Path]]] = {}
        self._count = 0
        for name in ("kube-system", "default"):
            self.put("", "namespaces", {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
        self.objects["", "namespaces", "", "kube-system"]["metadata"]["uid"] = CLUSTER

    # ---- what tests do

    def put(self, group: str, plural: str, body: Body, manager: str = "somebody") -> Body:
        """As another manager writes it: all of it is then that manager's."""
        key = (group, plural, body["metadata"].get("namespace", ""), body["metadata"]["name"])
        self._owned.setdefault(key, {})[manager] = set(_leaves(body))
        return self._store(key, merged(self.objects.get(key, {}), body))

    def at(self, plural: str, name: str, namespace: str = "default") -> Body:
        """The only object of this plural and name."""
        (found,) = (body for key, body in self.objects.items() if key[1:] == (plural, namespace, name))
        return found

    def has(self, plural: str, name: str, namespace: str = "default") -> bool:
        return any(key[1:] == (plural, namespace, name) for key in self.objects)

    def drop(self, plural: str, name: str, namespace: str = "default") -> None:
        """It is gone, whatever held it."""
        (key,) = (key for key in self.objects if key[1:] == (plural, namespace, name))
        self._drop(key)

    @property
    def listed(self) -> list[str] | None:
        """What the list of the stack holds; None: there is none."""
        body = self.objects.get(INVENTORY)
        if body is None:
            return None
        entries = read(body["data"]["objects"], "")
        assert not isinstance(entries, Reason), entries
        return [each.label for each in entries]

    @property
    def own(self) -> list[str]:
        """The objects that say they are the stack's."""
        return sorted(
            f"{body['kind']} {key[2] + '/' if key[2] else ''}{key[3]}"
            for key, body in self.objects.items()
            if key != INVENTORY and owner_of(body) == STACK.owner
        )

    @property
    def state(self) -> dict[Key, Body]:
        """All that it holds, without what is different in every run."""
        volatile = ("uid", "resourceVersion", "generation", "creationTimestamp")
        return {
            key: {
                **{field: value for field, value in body.items() if field != "status"},
                "metadata": {field: value for field, value in body["metadata"].items() if field not in volatile},
            }
            for key, body in self.objects.items()
        }

    # ---- the API

    def answer(self, method: str, path: str, query: str, body: Any) -> Answer:
        """The code and the body of the reply."""
        parts = path.strip("/").split("/")
        if parts in (["api"], ["apis"]) or (parts[0], len(parts)) in (("api", 2), ("apis", 2), ("apis", 3)):
            return self._discovery(parts)
        group, version, rest = ("", parts[1], parts[2:]) if parts[0] == "api" else (parts[1], parts[2], parts[3:])
        namespace = ""
        if rest[0] == "namespaces" and len(rest) > 2:
            namespace, rest = rest[1], rest[2:]
        if not any(each[:3] == (group, version, rest[0]) for each in self.kinds):
            return 404, "404 page not found"
        key = (group, rest[0], namespace, rest[1] if len(rest) > 1 else body["metadata"]["name"])
        options = dict(parse_qsl(query))
        if method == "GET":
            return (200, self.objects[key]) if key in self.objects else self._missing(key)
        if method == "POST":
            return self._create(key, body)
        if method == "DELETE":
            return self._delete(key, body)
        if "apiVersion" in body:
            return self._apply(key, body, options)
        return self._patch(key, body)

    def _discovery(self, parts: list[str]) -> Answer:
        if parts == ["apis"]:
            groups = sorted({each.group for each in self.kinds if each.group})
            return 200, {
                "kind": "APIGroupList",
                "groups": [
                    {
                        "name": group,
                        "versions": [
                            {"groupVersion": f"{group}/{version}", "version": version}
                            for version in sorted({each.version for each in self.kinds if each.group == group})
                        ],
                    }
                    for group in groups
                ],
            }
        group, version = ("", parts[1]) if parts[0] == "api" else (parts[1], parts[-1])
        found = [each for each in self.kinds if (each.group, each.version) == (group, version)]
        if not found:
            return 404, "404 page not found"
        verbs = ["create", "delete", "get", "list", "patch", "update", "watch"]
        resources = [
            {"name": each.plural, "kind": each.kind, "namespaced": each.namespaced, "verbs": verbs} for each in found
        ]
        return 200, {"kind": "APIResourceList", "groupVersion": "/".join(parts[1:]), "resources": resources}

    def _create(self, key: Key, body: Body) -> Answer:
        if key in self.objects:
            return 409, status(409, "AlreadyExists", f'{key[1]} "{key[3]}" already exists')
        if (refused := self._without_namespace(key)) is not None:
            return refused
        return 201, self._store(key, {**body, "metadata": {**body["metadata"], "namespace": key[2]}})

    def _patch(self, key: Key, patch: Body) -> Answer:
        if key not in self.objects:
            return self._missing(key)
        guards = {field: value for field, value in patch["metadata"].items() if field in ("uid", "resourceVersion")}
        if any(self.objects[key]["metadata"][field] != value for field, value in guards.items()):
            return 409, status(409, "Conflict", "Operation cannot be fulfilled: the object has been modified")
        return 200, self._store(
            key, merged(self.objects[key], {**patch, "metadata": _without(patch["metadata"], guards)})
        )

    def _apply(self, key: Key, body: Body, options: Mapping[str, str]) -> Answer:
        if (refused := self._without_namespace(key)) is not None:
            return refused
        manager, live = options["fieldManager"], self.objects.get(key)
        leaves, owned = _leaves(body), self._owned.get(key, {})
        conflicts = [
            (other, path)
            for other, paths in sorted(owned.items())
            for path in sorted(paths)
            if other != manager and path in leaves and _at(live, path) != leaves[path]
        ]
        if conflicts and "force" not in options:
            return 409, status(409, "Conflict", _conflicts_told(conflicts))
        made: Body = copy.deepcopy(live) if live is not None else {}
        others = {path for other, paths in owned.items() if other != manager for path in paths}
        for path in owned.get(manager, set()) - set(leaves) - others:
            _remove(made, path)
        for path, value in leaves.items():
            _set(made, path, copy.deepcopy(value))
        if "dryRun" in options:
            return 200, self._finished(key, made)
        self._owned.setdefault(key, {})[manager] = set(leaves)
        if made == live:
            return 200, made
        return 200 if live is not None else 201, self._store(key, made)

    def _delete(self, key: Key, options: Body) -> Answer:
        if key not in self.objects:
            return self._missing(key)
        metadata = self.objects[key]["metadata"]
        if any(metadata[field] != value for field, value in options["preconditions"].items()):
            return 409, status(409, "Conflict", "Precondition failed")
        if metadata.get("finalizers"):
            metadata.setdefault("deletionTimestamp", "2026-07-01T12:00:00Z")
        else:
            self._drop(key)
        return 200, {"kind": "Status", "status": "Success"}

    def _store(self, key: Key, body: Body) -> Body:
        body = self._finished(key, body)
        self._count += 1
        before = self.objects.get(key)
        metadata = body["metadata"]
        metadata["resourceVersion"] = str(self._count)
        if before is not None and before.get("spec") != body.get("spec"):
            metadata["generation"] += 1
        self.objects[key] = body
        self.controllers(body)
        if key[:2] == CRDS:
            spec = body["spec"]
            served = Served(
                spec["group"],
                spec["versions"][0]["name"],
                spec["names"]["plural"],
                spec["names"]["kind"],
                spec["scope"] == "Namespaced",
            )
            if body.get("status", {}).get("conditions", [{}])[0].get("status") == "True" and served not in self.kinds:
                self.kinds.append(served)
        return copy.deepcopy(body)

    def _finished(self, key: Key, body: Body) -> Body:
        given = {
            "uid": f"uid-{self._count}",
            "generation": 1,
            "creationTimestamp": "2026-07-01T12:00:00Z",
            **({"namespace": key[2]} if key[2] else {}),
        }
        return copy.deepcopy({**body, "metadata": {**given, **body["metadata"]}})

    def _drop(self, key: Key) -> None:
        body = self.objects.pop(key)
        self._owned.pop(key, None)
        if key[:2] == CRDS:
            spec = body["spec"]
            self.kinds = [
                each for each in self.kinds if (each.group, each.plural) != (spec["group"], spec["names"]["plural"])
            ]
            for other in [other for other in self.objects if other[:2] == (spec["group"], spec["names"]["plural"])]:
                self._drop(other)

    def _missing(self, key: Key) -> Answer:
        return 404, status(404, "NotFound", f'{key[1]} "{key[3]}" not found')

    def _without_namespace(self, key: Key) -> Answer | None:
        if not key[2] or ("", "namespaces", "", key[2]) in self.objects:
            return None
        return 404, status(404, "NotFound", f'namespaces "{key[2]}" not found')


def _conflicts_told(conflicts: list[tuple[str, Path]]) -> str:
    if len(conflicts) == 1:
        return f'Apply failed with 1 conflict: conflict with "{conflicts[0][0]}": .{".".join(conflicts[0][1])}'
    told = "".join(f"\n- .{'.'.join(path)}" for _, path in conflicts)
    return f'Apply failed with {len(conflicts)} conflicts: conflicts with "{conflicts[0][0]}":{told}'


def _leaves(body: Mapping[str, Any]) -> dict[Path, Any]:
    """The values of an object by their paths; a list is one value."""
    return {path: value for path, value in _walk(body, ()) if path != ("metadata", "namespace")}


def _walk(node: Mapping[str, Any], path: Path) -> Iterator[tuple[Path, Any]]:
    for key, value in node.items():
        if isinstance(value, Mapping) and value:
            yield from _walk(value, (*path, key))
        else:
            yield (*path, key), value


def _at(node: Any, path: Path) -> Any:
    for key in path:
        node = node.get(key) if isinstance(node, Mapping) else None
    return node


def _set(node: Body, path: Path, value: Any) -> None:
    for key in path[:-1]:
        node = node.setdefault(key, {})
    node[path[-1]] = value


def _remove(node: Body, path: Path) -> None:
    for key in path[:-1]:
        node = node.get(key, {})
    node.pop(path[-1], None)


def _without(mapping: Mapping[str, Any], keys: Mapping[str, Any]) -> Body:
    return {key: value for key, value in mapping.items() if key not in keys}


# ---- the operator's side


class LoopClock:
    """The engine's clock on the time of the running loop, which is virtual here."""

    def now(self) -> datetime:
        return START + timedelta(seconds=self.monotonic())

    def monotonic(self) -> float:
        return asyncio.get_running_loop().time()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)

    def call_later(self, seconds: float, callback: Callable[[], None]) -> asyncio.TimerHandle:
        return asyncio.get_running_loop().call_later(seconds, callback)


class Side:
    """Who works at the member: a client, what it has learnt, and the transport under it."""

    def __init__(self, member: MemberApi, crash: Crash | None = None) -> None:
        self.transport = MemoryTransport(member, crash)
        self.clock = LoopClock()
        self.client = Client(
            Connection("http://memory", "a test"), connect=lambda *_: self.transport, sleep=self.clock.sleep
        )
        self.member = Member(self.client)

    def visit(
        self, within: timedelta = TEN_MINUTES, *, expected_uid: str | None = None, sensitive: Iterable[str] = ()
    ) -> Visit:
        return Visit(self.member, self.clock, within=within, expected_uid=expected_uid, sensitive=sensitive)

    @property
    def requests(self) -> list[str]:
        """Method and path of each, without those that only read."""
        return [_told(each) for each in self.transport.asked if each.writes]

    @property
    def dry(self) -> bool:
        """Whether nothing that was asked could change anything."""
        return all("dryRun=All" in each.query for each in self.transport.asked if each.writes)


def _told(asked: Asked) -> str:
    how = "DRY" if "dryRun" in asked.query else asked.method
    return f"{how} {'/'.join(asked.path.split('/')[-2:])}"


def played(
    scenario: Callable[[Side], Coroutine[Any, Any, T]], member: MemberApi, crash: Crash | None = None
) -> T | None:
    """The scenario's result; None if the process crashed before. Time passes only by being waited for."""

    async def play() -> T | None:
        side = Side(member, crash)
        async with side.client:
            working = asyncio.create_task(scenario(side))
            crashed = asyncio.create_task(side.transport.crashed.wait())
            await asyncio.wait([working, crashed], return_when=asyncio.FIRST_COMPLETED)
            crashed.cancel()
            if working.done():
                return working.result()
            working.cancel()
            await asyncio.wait([working])
            return None

    return run(play())


def manifests(text: str) -> tuple[Manifest, ...]:
    """A template without variables, as objects."""
    found = render(text, {}, {})
    assert not isinstance(found, Reason), found
    return found


def entry(kind: str, name: str, group: str = "", version: str = "v1", namespace: str = "default") -> Entry:
    return Entry(group, version, kind, namespace, name)


def inventory_text(*entries: Entry) -> str:
    return json.dumps([[each.group, each.version, each.kind, each.namespace, each.name] for each in entries])
