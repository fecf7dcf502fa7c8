"""A stack set on an API in memory, with member clusters in memory: its people, and what may never be."""

import asyncio
import base64
import json
import pickle
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable
from typing import Any

from tests.cluster_client.objects import Answer, Body, Change, Objects
from tests.controllers.processes import Asked, Crash, MemoryMembers, MemoryTransport, Process
from tests.controllers.stack_member import LoopClock, MemberApi, ready
from windlass.api.common import API_VERSION
from windlass.api.task import Phase
from windlass.cluster.connection import Connection
from windlass.cluster.transport import Reply, Request
from windlass.engine.clock import Clock
from windlass.planner.reason import Reason
from windlass.planner.stackset.inventory import read
from windlass.planner.stackset.ownership import Stack, owner_of
from windlass.planner.tasks import FINAL, may_become

NAMESPACE = "default"
SET = "shop"
TEMPLATE = """\
apiVersion: v1
kind: ConfigMap
metadata: {name: shop}
data: {greeting: "${greeting}", place: "${windlass.region}/${windlass.account}"}
"""
ALSO = "---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: NAME}\ndata: {a: b}\n"
VARIABLES = 'greeting = "hello"\n'
QUIET_SECONDS = 4  # without a change: then nothing moves but what waits for a longer time
LONGEST_STORY = 4000  # seconds
OVER = ("OPERATION_COMPLETE", "OPERATION_FAILED", "CANCEL_COMPLETE", "INOPERABLE")

Fault = Callable[[Request], Awaitable[None]]


class MovedLoopClock(LoopClock):
    """The time of a virtual loop, moved by waiting."""

    def call_later(self, seconds: float, callback: Callable[[], None]) -> asyncio.TimerHandle:
        """A little later than asked for: the loop calls a nanosecond early, and time does not pass by itself here."""
        return super().call_later(seconds + 1e-6, callback)

    async def advance(self, seconds: float) -> None:
        await self.sleep(seconds)


class Cluster(MemberApi):
    """A member that holds every object against the list of its stack, and notes how often each was written.

    `fault` meets each request before it is answered: it may wait, raise what a connection may, or do nothing.
    `refuse` answers in its place.
    """

    def __init__(self, address: str, namespaces: Iterable[str]) -> None:
        super().__init__(self._look)
        self.address = address
        self.fault: Fault | None = None
        self.refuse: Callable[[Asked], tuple[int, Any] | None] | None = None
        self.written: Counter[str] = Counter()
        for name in namespaces:
            self.put("", "namespaces", {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})

    def _look(self, body: Body) -> None:
        ready(body)
        owner, meta = owner_of(body), body["metadata"]
        if owner is None:
            return
        where = f"{meta['namespace']}/{meta['name']}"
        self.written[where] += 1
        if not meta["name"].startswith("windlass-"):
            assert f"{body['kind']} {where}" in self.lists(owner), f"{where} is not listed, and is there"

    def answer(self, method: str, path: str, query: str, body: Any) -> Answer:
        return (200, {"gitVersion": "v1.34.1"}) if path == "/version" else super().answer(method, path, query, body)

    def lists(self, owner: str) -> list[str]:
        """What the lists of this stack name."""
        found: list[str] = []
        for (_, plural, _, name), body in self.objects.items():
            if plural == "configmaps" and name.startswith("windlass-") and owner_of(body) == owner:
                entries = read(body["data"]["objects"], "")
                assert not isinstance(entries, Reason), entries
                found += [each.label for each in entries]
        return found

    def kubeconfig(self, token: str = "secret") -> str:  # noqa: S107 - nobody's
        user = {"name": "u", "user": {"token": token}}
        cluster = {"name": "c", "cluster": {"server": self.address}}
        context = {"name": "x", "context": {"cluster": "c", "user": "u"}}
        file = {"apiVersion": "v1", "kind": "Config", "current-context": "x"}
        return json.dumps({**file, "clusters": [cluster], "users": [user], "contexts": [context]})


class ClusterTransport(MemoryTransport):
    """The way to a member."""

    def __init__(self, cluster: Cluster, crash: Crash | None) -> None:
        super().__init__(cluster, crash)
        self.cluster = cluster
        self.refuse = lambda asked: cluster.refuse(asked) if cluster.refuse is not None else None

    async def send(self, request: Request) -> Reply:
        if self.cluster.fault is not None and not self.crashed.is_set():
            await self.cluster.fault(request)
        return await super().send(request)


class Reached(MemoryMembers):
    """The members by their addresses."""

    def transport(self, connection: Connection) -> MemoryTransport:
        cluster = self._clusters[connection.server]
        assert isinstance(cluster, Cluster)
        return ClusterTransport(cluster, self._hub.crash)


class SmallStacks:
    """A set `shop` with targets, and what was promised about every change of its instances and operations."""

    def __init__(self, regions: dict[str, Iterable[str]]) -> None:
        """`regions`: the accounts of each; each region is a member, each account a namespace there."""
        self.clock = MovedLoopClock()
        self.objects = Objects(now=self.clock.now)
        self.members: dict[str, Cluster] = {}
        self._checked = 0
        self._begun: set[tuple[str, str]] = set()
        self._instances: dict[str, Body] = {}
        self._phases: dict[str, Phase] = {}
        for region, accounts in regions.items():
            member = self.members[region] = Cluster(f"https://{region}.example.test", accounts)
            member.objects["", "namespaces", "", "kube-system"]["metadata"]["uid"] = f"cluster-{region}"
            for account in accounts:
                self.target(region, account, member)

    def copied(self) -> "SmallStacks":
        """Another one that goes on from here. Copied by way of bytes, which is ten times as fast as otherwise."""
        found: SmallStacks = pickle.loads(pickle.dumps(self))  # noqa: S301 - our own
        return found

    # ---- what people do

    def _new(self, plural: str, kind: str, name: str, spec: Body, **metadata: Any) -> None:
        meta = {"namespace": NAMESPACE, "name": name, **metadata}
        body = {"apiVersion": API_VERSION, "kind": kind, "metadata": meta, "spec": spec}
        code, _ = self.objects.answer("POST", f"/apis/{API_VERSION}/namespaces/{NAMESPACE}/{plural}", "", body)
        assert code == 201

    def target(self, region: str, account: str, member: Cluster) -> None:
        name = f"{region}-{account}"
        self.secret(name, member.kubeconfig())
        cluster = {"kubeconfigSecretRef": {"name": name, "key": "kubeconfig"}}
        spec = {"region": region, "account": account, "cluster": cluster, "namespace": account}
        self._new("stacktargets", "StackTarget", name, spec)

    def secret(self, name: str, kubeconfig: str) -> None:
        data = {"kubeconfig": base64.b64encode(kubeconfig.encode()).decode()}
        meta = {"namespace": NAMESPACE, "name": name}
        self.objects.put("secrets", {"apiVersion": "v1", "kind": "Secret", "metadata": meta, "data": data})

    def stack_set(self, template: str = TEMPLATE, **spec: Any) -> None:
        wanted = {"template": {"manifests": template}, "variables": VARIABLES, **spec}
        self._new("stacksets", "StackSet", SET, wanted)

    def start(self, name: str, action: str, regions: Iterable[str] = (), accounts: Iterable[str] = (), **spec: Any):
        targets = {"targets": {"regions": list(regions), "accounts": list(accounts)}} if regions else {}
        self._new(
            "stacksetoperations", "StackSetOperation", name, {"stackSet": SET, "action": action, **targets, **spec}
        )

    def change(self, plural: str, name: str, **spec: Any) -> None:
        path = f"/apis/{API_VERSION}/namespaces/{NAMESPACE}/{plural}/{name}"
        assert self.objects.answer("PATCH", path, "", {"spec": spec})[0] == 200

    def delete(self, plural: str, name: str) -> None:
        uid = self.objects.by_place[plural, NAMESPACE, name]["metadata"]["uid"]
        path = f"/apis/{API_VERSION}/namespaces/{NAMESPACE}/{plural}/{name}"
        assert self.objects.answer("DELETE", path, "", {"preconditions": {"uid": uid}})[0] == 200

    # ---- looking

    def all(self, plural: str) -> dict[str, Body]:
        return {body["metadata"]["name"]: body for body in self.objects.selected(plural)}

    def status(self, plural: str, name: str) -> Body:
        found: Body = self.objects.by_place[plural, NAMESPACE, name].get("status") or {}
        return found

    @property
    def instances(self) -> dict[str, Body]:
        """The statuses of the instances, by region/account."""
        found = self.all("stackinstances").values()
        return {f"{each['spec']['region']}/{each['spec']['account']}": each.get("status") or {} for each in found}

    @property
    def phases(self) -> dict[str, str]:
        return {place: status.get("phase", "") for place, status in self.instances.items()}

    def held(self, region: str, account: str) -> dict[str, Any]:
        """The ConfigMaps of stacks that are there, without their lists."""
        found = self.members[region].objects.items()
        return {
            key[3]: body["data"]
            for key, body in found
            if key[1:3] == ("configmaps", account) and not key[3].startswith("windlass-")
        }

    # ---- time

    def process(self, **how: Any) -> Process:
        clusters = {member.address: member for member in self.members.values()}

        def members(hub: MemoryTransport, clock: Clock) -> Reached:
            return Reached(clusters, hub, clock)

        return Process(self.objects, self.clock, members=members, **how)

    async def settle(self, process: Process) -> None:
        """Until nothing changes any more, or the process ends."""
        quiet, began = 0, self.clock.monotonic()
        while self.clock.monotonic() < began + LONGEST_STORY:
            before = self._version
            await process.live(1.0)
            self.check()
            quiet = 0 if self._version != before else quiet + 1
            if process.ended or (quiet >= QUIET_SECONDS and self.at_rest):
                return
        told = {name: body.get("status") for name, body in self.all("stacksetoperations").items()}
        raise AssertionError(f"not at rest after {LONGEST_STORY} s: {told}, {self.instances}")

    async def until(self, process: Process, seen: Callable[[], object], limit: float = 600.0) -> None:
        """Until it is so."""
        began = self.clock.monotonic()
        while not seen():
            assert self.clock.monotonic() < began + limit, f"not so after {limit} s: {self.instances}"
            await process.live(0.1)
            self.check()

    @property
    def _version(self) -> tuple[int, ...]:
        return (self.objects.version, *(member.written.total() for member in self.members.values()))

    @property
    def at_rest(self) -> bool:
        statuses = [body.get("status") or {} for body in self.all("stacksetoperations").values()]
        over = all(status.get("phase") in FINAL for status in statuses)
        removing = any("deletionTimestamp" in body["metadata"] for body in self.all("stacksets").values())
        return over and not removing and all(phase in OVER for phase in self.phases.values())

    # ---- what was promised

    def check(self) -> None:
        """Look at every change since the last time, in its order."""
        for change in self.objects.history[self._checked :]:
            if change.plural == "stackinstances":
                self._check_instance(change)
            elif change.plural == "stacksetoperations":
                self._check_operation(change)
        self._checked = len(self.objects.history)

    def _check_instance(self, change: Change) -> None:
        uid, status = change.body["metadata"]["uid"], change.body.get("status") or {}
        before = (self._instances.pop(uid, {}) or {}).get("status") or {}
        if change.type != "DELETED":
            self._instances[uid] = change.body
        operation, phase = status.get("operationUID"), status.get("phase")
        if (operation, phase) == (before.get("operationUID"), before.get("phase")) or change.type == "DELETED":
            return
        if phase == "OPERATION_IN_PROGRESS":
            assert (uid, operation) not in self._begun, f"{change.body['metadata']['name']} was begun twice"
            self._begun.add((uid, operation))
            self._check_limits(change.body)
        elif operation == before.get("operationUID") and "deletionTimestamp" not in change.body["metadata"]:
            name = change.body["metadata"]["name"]
            assert before.get("phase") not in OVER or before["phase"] == phase, f"{name}: over again"

    def _check_limits(self, begun: Body) -> None:
        spec = begun["spec"]
        operation = self.all("stacksetoperations").get(spec["operation"])
        if operation is None or operation["metadata"]["uid"] != spec["operationUID"]:
            return
        status = operation["status"]
        if operation["spec"]["action"] == "DeleteInstances":
            assert status["prepared"], "removed before all were marked"
        (region,) = (each for each in status["regions"] if each["region"] == spec["region"])
        mine = [
            body["status"]["phase"]
            for body in self._instances.values()
            if body["spec"]["region"] == spec["region"]
            and body["spec"]["operationUID"] == spec["operationUID"]
            and (body.get("status") or {}).get("operationUID") == spec["operationUID"]
        ]
        failed = mine.count("OPERATION_FAILED") + mine.count("INOPERABLE")
        running = mine.count("OPERATION_IN_PROGRESS")
        assert failed <= region["tolerance"], f"begun after {failed} failures"
        preferences = operation["spec"].get("preferences", {})
        strict = preferences.get("failureToleranceMode") != "SOFT_FAILURE_TOLERANCE"
        limit = min(region["concurrency"], region["tolerance"] + 1 - failed) if strict else region["concurrency"]
        assert running <= limit, f"{running} at once, {limit} may be"

    def _check_operation(self, change: Change) -> None:
        uid, status = change.body["metadata"]["uid"], change.body.get("status") or {}
        before, now = self._phases.get(uid, Phase.PENDING), Phase(status.get("phase", "Pending"))
        assert may_become(before, now), f"{change.body['metadata']['name']} is {now} after {before}"
        self._phases[uid] = now

    def outcome(self) -> Body:
        """What must be the same, whatever ended on the way."""
        counts = ("phase", "message", "total", "succeeded", "failed", "cancelled", "percentage", "regions")
        operations = [  # by name, of which the set may leave out a number
            {field: body["status"].get(field) for field in counts} for body in self.all("stacksetoperations").values()
        ]
        shown = ("phase", "message", "instances", "current", "failed", "cancelled", "regions")
        sets = {name: {f: body["status"].get(f) for f in shown} for name, body in self.all("stacksets").items()}
        held = ("phase", "message", "objects", "rolledBack", "errors", "clusterUID")
        instances = {place: {f: status.get(f) for f in held} for place, status in self.instances.items()}
        members = {region: member.state for region, member in self.members.items()}
        writes = {region: dict(member.written) for region, member in self.members.items()}
        return {"operations": operations, "sets": sets, "instances": instances, "members": members, "writes": writes}


def stack(region: str, account: str) -> Stack:
    """The stack of the set at this place."""
    return Stack(NAMESPACE, SET, region, account, account)
