"""Who keeps Pods at a number: a scaling group by Windlass, a ReplicaSet by the controller-manager. Asked alike."""

import asyncio
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import msgspec

from hack.bench import manifests
from hack.bench.plane import Plane
from hack.bench.side_by_side import side_by_side
from windlass.cluster.client import Client
from windlass.cluster.resources import PODS, SCALING_GROUPS, Resource

REPLICA_SETS = Resource("apps", "v1", "replicasets", "ReplicaSet")
POLL_SECONDS = 0.2  # only ever between measurements
START_SECONDS = 60.0

Body = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Owner:
    """A kind of object with a size. `at_work(plane)` has its controller running, and gives its pid.

    `at(body, ready)`: it has settled, with so many Pods ready.
    """

    subject: str
    resource: Resource
    manifest: Callable[[str, int], manifests.Object]
    size_field: str
    at: Callable[[Body, int], bool]
    at_work: Callable[[Plane], AbstractContextManager[int]]

    async def create(self, client: Client, namespace: str, name: str, size: int) -> None:
        """One of this size."""
        await client.create(self.resource, namespace, self.manifest(name, size))

    async def resize(self, client: Client, namespace: str, name: str, size: int) -> None:
        """Ask for another size."""
        await client.merge_patch(self.resource, namespace, name, {"spec": {self.size_field: size}})

    async def settled(self, client: Client, namespace: str | None, ready: int, limit: float = START_SECONDS) -> None:
        """Wait until all of them (in one namespace; None: in all) have settled with so many ready Pods each."""
        try:
            async with asyncio.timeout(limit):
                while not await self._have_settled(client, namespace, ready):  # noqa: ASYNC110 - it happens elsewhere
                    await asyncio.sleep(POLL_SECONDS)
        except TimeoutError as error:
            what = f"waiting for each {self.resource.kind} to have {ready} Pods ready"
            raise TimeoutError(f"{what}: not so after {limit:.0f} s") from error

    async def _have_settled(self, client: Client, namespace: str | None, ready: int) -> bool:
        return all(self.at(body, ready) for body in (await client.list(self.resource, namespace)).items)


async def make_ready(client: Client, namespace: str | None) -> None:
    """Say of all Pods that they run and are ready, as a kubelet would. They stay on no node: deletions are at once."""
    pods = (await client.list(PODS, namespace, into=_Pod)).items
    body = _ready_status(datetime.now(UTC))

    async def patch(pod: _Pod) -> None:
        await client.merge_patch(PODS, pod.metadata.namespace, pod.metadata.name, body, subresource="status")

    await side_by_side(patch, (pod for pod in pods if pod.status.phase == "Pending"))


class _Meta(msgspec.Struct):
    namespace: str
    name: str


class _Status(msgspec.Struct):
    phase: str = ""


class _Pod(msgspec.Struct):
    metadata: _Meta
    status: _Status


def _ready_status(now: datetime) -> manifests.Object:
    since = now.isoformat(timespec="seconds").replace("+00:00", "Z")
    kinds = ("Initialized", "PodScheduled", "ContainersReady", "Ready")
    conditions = [{"type": kind, "status": "True", "lastTransitionTime": since} for kind in kinds]
    return {"status": {"phase": "Running", "conditions": conditions}}


@contextmanager
def _operator(plane: Plane) -> Iterator[int]:
    with plane.operator() as operator:
        yield operator.pid


def _group_at(body: Body, ready: int) -> bool:
    status = body.get("status") or {}
    return _current(body) and status["phase"] == "Ready" and status["inService"] == ready


def _replica_set_at(body: Body, ready: int) -> bool:
    status = body.get("status") or {}
    return _current(body) and status["replicas"] == body["spec"]["replicas"] and status.get("readyReplicas", 0) == ready


def _current(body: Body) -> bool:
    return bool((body.get("status") or {}).get("observedGeneration") == body["metadata"]["generation"])


GROUP = Owner("windlass", SCALING_GROUPS, manifests.group, "desiredSize", _group_at, _operator)
REPLICA_SET = Owner(
    "replicaset", REPLICA_SETS, manifests.replica_set, "replicas", _replica_set_at, Plane.controller_manager
)
