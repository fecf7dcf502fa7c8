"""A stack set over many targets: what is created for it, and when what came of it was seen."""

import asyncio
import base64
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from itertools import cycle, product
from typing import Any

import msgspec

from hack.bench.manifests import NAMESPACE, Object
from hack.bench.side_by_side import side_by_side
from hack.cluster import Access
from windlass.cluster.client import Client
from windlass.cluster.informer import Informer
from windlass.cluster.resources import (
    SECRETS,
    STACK_SET_OPERATIONS,
    STACK_SETS,
    STACK_TARGETS,
    Resource,
)
from windlass.planner.stackset.targets import Place
from windlass.planner.tasks import FINAL

PREPARED = "prepared"  # of an operation: when all its instances were marked
TEMPLATE = f"""\
apiVersion: v1
kind: ConfigMap
metadata:
  name: ${{windlass.stackSet}}
data:
  place: ${{windlass.region}}/${{windlass.account}}
  greeting: ${{greeting}}
  text: {"x" * 1000}
"""


@dataclass(frozen=True, slots=True)
class Spread:
    """So many accounts in each of so many regions; of each region so many per cent are worked at at once."""

    regions: int
    accounts: int
    concurrent: int
    sequential: bool = False

    @property
    def targets(self) -> int:
        """How many there are."""
        return self.regions * self.accounts

    @property
    def at_once(self) -> int:
        """How many of a region are worked at at once."""
        return max(1, self.accounts * self.concurrent // 100)

    def critical_seconds(self, seconds: float) -> float:
        """The least time that an operation can take where each instance takes so many seconds."""
        of_region = -(-self.accounts // self.at_once) * seconds
        return of_region * self.regions if self.sequential else of_region

    @property
    def region_names(self) -> list[str]:
        """The regions."""
        return [f"region-{number}" for number in range(self.regions)]

    @property
    def account_names(self) -> list[str]:
        """The accounts of each region."""
        return [f"account-{number}" for number in range(self.accounts)]

    @property
    def places(self) -> list[Place]:
        """All regions × accounts."""
        return [Place(*place) for place in product(self.region_names, self.account_names)]

    def operation(self, name: str, stack_set: str, action: str) -> Object:
        """One about all of them, that bears every failure."""
        preferences = {
            "regionConcurrencyType": "SEQUENTIAL" if self.sequential else "PARALLEL",
            "maxConcurrentPercentage": self.concurrent,
            "failureTolerancePercentage": 100,
            "failureToleranceMode": "SOFT_FAILURE_TOLERANCE",
        }
        targets = {"regions": self.region_names, "accounts": self.account_names}
        spec = {"stackSet": stack_set, "action": action, "targets": targets, "preferences": preferences}
        return _object(STACK_SET_OPERATIONS, name, spec)


async def create_set(client: Client, name: str) -> None:
    """A set without instances."""
    spec = {"template": {"manifests": TEMPLATE}, "variables": 'greeting = "hello"\n'}
    await client.create(STACK_SETS, NAMESPACE, _object(STACK_SETS, name, spec))


async def create_targets(client: Client, spread: Spread, members: tuple[Access, ...]) -> None:
    """One for each place: these members in turn, each in a namespace of its own there. Without members they lead
    nowhere."""
    for member in members:
        text = base64.b64encode(member.kubeconfig.read_bytes()).decode()
        secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": member.name}, "data": {"kubeconfig": text}}
        await client.create(SECRETS, NAMESPACE, secret)

    async def create(target: tuple[Place, Access | None]) -> None:
        place, member = target
        name = f"{place.region}-{place.account}"
        if member is not None:
            body = {"metadata": {"name": name}}
            await asyncio.to_thread(member.request, "POST", "/api/v1/namespaces", body)
        spec = {
            "region": place.region,
            "account": place.account,
            "cluster": {"kubeconfigSecretRef": {"name": "nowhere" if member is None else member.name}},
            "namespace": name,
        }
        await client.create(STACK_TARGETS, NAMESPACE, _object(STACK_TARGETS, name, spec))

    await side_by_side(create, zip(spread.places, cycle(members or (None,)), strict=False))


def _object(resource: Resource, name: str, spec: Mapping[str, Any]) -> Object:
    head = {"apiVersion": resource.api_version, "kind": resource.kind}
    return {**head, "metadata": {"name": name}, "spec": dict(spec)}


# ---- what is seen


class _Meta(msgspec.Struct, frozen=True, rename="camel"):
    namespace: str
    name: str
    uid: str
    resource_version: str


class _Status(msgspec.Struct, frozen=True):
    phase: str = ""
    prepared: bool = False


class _Wire(msgspec.Struct, frozen=True):
    metadata: _Meta
    status: _Status = _Status()


@dataclass(frozen=True, slots=True)
class _Seen:
    namespace: str
    name: str
    uid: str
    resource_version: str
    phases: tuple[str, ...]


class Course:
    """When the objects of a kind came into their phases, as a watch told (time.perf_counter)."""

    def __init__(self, client: Client, resource: Resource) -> None:
        self.seen: dict[str, dict[str, float]] = {}
        self._changed = asyncio.Event()
        self._informer: Informer[_Seen] = Informer(
            client, resource, _Wire, _record, namespaces=(NAMESPACE,), on_change=self._note
        )

    @asynccontextmanager
    async def watched(self) -> AsyncIterator[None]:
        """Inside the block."""
        running = asyncio.create_task(self._informer.run())
        await self._informer.synced.wait()
        try:
            yield
        finally:
            running.cancel()
            await asyncio.wait([running])

    async def until_over(self, name: str, limit: float) -> Mapping[str, float]:
        """The phases of this operation, when it is over. TimeoutError after so many seconds."""
        try:
            async with asyncio.timeout(limit):
                while FINAL.isdisjoint(self.seen.get(name, ())):
                    self._changed.clear()
                    await self._changed.wait()
        except TimeoutError as error:
            raise TimeoutError(f"waiting for the end of {name}: it is not over after {limit:.0f} s") from error
        return self.seen[name]

    def between(self, one: str, other: str) -> list[float]:
        """The seconds between the two phases of each object that came into both."""
        return [phases[other] - phases[one] for phases in self.seen.values() if one in phases and other in phases]

    def _note(self, old: _Seen | None, new: _Seen | None) -> None:
        if new is not None:
            before = old.phases if old is not None and old.uid == new.uid else ()
            self.seen.setdefault(new.name, {}).update(
                dict.fromkeys((phase for phase in new.phases if phase not in before), time.perf_counter())
            )
        self._changed.set()


def _record(body: _Wire) -> _Seen:
    meta, status = body.metadata, body.status
    phases = (status.phase, PREPARED) if status.prepared else (status.phase,)
    return _Seen(meta.namespace, meta.name, meta.uid, meta.resource_version, phases)
