"""Who may write: one holder at a time, by a Lease that has to be renewed.

Nobody compares clocks across machines. The holder counts from before it sent its last renewal; the others count from
when they saw that renewal, which is later. So with `renew_deadline` < `duration` the holder has stopped before anyone
else begins.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any

import msgspec

from windlass.api.common import TROUBLE_ANNOTATION
from windlass.cluster.client import Client
from windlass.cluster.errors import AlreadyExists, ApiError, Conflict, Gone, NotLeading
from windlass.cluster.resources import LEASES

log = logging.getLogger(__name__)


# Where the system has it, a monotonic clock that also counts while the machine sleeps and others may take over.
_CLOCK = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


def _uptime() -> float:
    return time.clock_gettime(_CLOCK)


class _Meta(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    resource_version: str = ""


class _Spec(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    holder_identity: str | None = None
    lease_duration_seconds: int | None = None
    lease_transitions: int | None = None


class _Record(msgspec.Struct, frozen=True, gc=False):
    metadata: _Meta
    spec: _Spec = _Spec()


class Lease:
    """Candidacy for one Lease. `run` it; write only while `held`.

    `identity` must be another one for each process, also for the next one of the same Pod. `duration` is what others
    wait after a renewal they saw, `renew_deadline` how long we may write after one, `retry_period` the time between
    renewals, and between the looks of those who wait; in seconds. `started` and `stopped` are called as we begin and
    cease to lead. `trouble` says what people who look at the Lease should know of its holder, None for nothing: it
    becomes an annotation. ValueError unless retry_period < renew_deadline < duration, and duration is a whole number.
    """

    def __init__(
        self,
        client: Client,
        namespace: str,
        name: str,
        identity: str,
        *,
        duration: int = 15,  # this and the next two: client-go's defaults for controllers
        renew_deadline: float = 10.0,
        retry_period: float = 2.0,
        started: Callable[[], None] | None = None,
        stopped: Callable[[], None] | None = None,
        trouble: Callable[[], str | None] = lambda: None,
        clock: Callable[[], float] = _uptime,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        if not 0 < retry_period < renew_deadline < duration or duration != int(duration):
            raise ValueError(
                f"lease: retry period {retry_period} s, renew deadline {renew_deadline} s and duration {duration} s "
                "must rise in this order, and the duration must be a whole number"
            )
        self.acquired = asyncio.Event()
        self.identity = identity
        self._client = client
        self._namespace = namespace
        self._name = name
        self._duration = int(duration)
        self._renew_deadline = renew_deadline
        self._retry_period = retry_period
        self._started = started
        self._stopped = stopped
        self._holders_trouble = trouble
        self._told_trouble: str | None = None
        self._clock = clock
        self._sleep = sleep
        self._seen = _Record(_Meta())
        self._seen_at = 0.0
        self._held_until = float("-inf")
        self._trouble = ""

    def held(self) -> bool:
        """Whether we may write at this moment. Exact: it needs no task to notice that time is up."""
        return self._clock() < self._held_until

    def check(self) -> None:
        """For a client's fence: NotLeading unless `held`."""
        if not self.held():
            raise NotLeading(f"lease {self._namespace}/{self._name} is not held by {self.identity}: nothing is written")

    async def run(self) -> None:
        """Compete for the Lease and keep it, until cancelled; then give it back if we have it."""
        try:
            while True:
                await self._try_once()
                self._announce()
                await self._sleep(self._next_try())
                self._announce()
        finally:
            await self._release()

    def _next_try(self) -> float:
        """Seconds until the next renewal or look; less if we stop leading before that."""
        left = self._held_until - self._clock()
        return min(self._retry_period, left) if left > 0 else self._retry_period

    async def _try_once(self) -> None:
        """One attempt to renew or take the Lease. Nothing that goes wrong ends the candidacy."""
        try:
            await (self._renew() if self.held() else self._compete())
        except TimeoutError:
            self._warn(f"lease {self._namespace}/{self._name}: no reply; trying again")
        except ApiError as error:
            self._warn(f"{error}; lease: trying again")
        else:
            self._trouble = ""

    def _warn(self, trouble: str) -> None:
        """Say it once, not at each try."""
        log.log(logging.DEBUG if trouble == self._trouble else logging.WARNING, "%s", trouble)
        self._trouble = trouble

    async def _patiently(self, request: Awaitable[_Record]) -> _Record:
        """The reply, for which we wait half the deadline at most: one request that hangs leaves time for another."""
        patience = self._renew_deadline / 2
        if self.held():
            patience = min(patience, self._held_until - self._clock())
        async with asyncio.timeout(patience):
            return await request

    async def _renew(self) -> None:
        try:
            await self._write(self._seen)
        except (Conflict, Gone):
            await self._compete()  # something else changed it: look before deciding anything

    async def _compete(self) -> None:
        """Take the Lease if it is free, ours or expired; else remember when its holder was last seen alive."""
        try:
            found = await self._patiently(self._client.get(LEASES, self._namespace, self._name, into=_Record))
        except Gone:  # somebody deleted it, which its holder may not have noticed yet
            if self._run_out():
                await self._create()
            return
        if found.metadata.resource_version != self._seen.metadata.resource_version:
            self._see(found)
        holder = found.spec.holder_identity
        if self.held() and holder and holder != self.identity:
            log.error("lease %s/%s: taken by %s while we held it", self._namespace, self._name, holder)
            self._held_until = float("-inf")
        if not self._run_out():
            return
        try:
            await self._write(found)
        except Conflict:
            log.info("lease %s/%s: another candidate was quicker", self._namespace, self._name)

    def _see(self, record: _Record) -> None:
        holder = record.spec.holder_identity
        if holder and holder not in (self.identity, self._seen.spec.holder_identity):
            log.info("lease %s/%s: %s holds it; %s stands by", self._namespace, self._name, holder, self.identity)
        self._seen, self._seen_at = record, self._clock()

    def _run_out(self) -> bool:
        """Whether nobody else may write, as far as the Lease has been seen."""
        seen = self._seen.spec
        if not seen.holder_identity or seen.holder_identity == self.identity:
            return True
        return self._clock() >= self._seen_at + (seen.lease_duration_seconds or self._duration)

    async def _create(self) -> None:
        body = {"metadata": {"name": self._name}, "spec": self._spec(transitions=0, took_over=True)}
        began = self._clock()
        try:
            created = await self._patiently(self._client.create(LEASES, self._namespace, body, into=_Record))
        except AlreadyExists:
            return  # the next look shows whose it is
        self._renewed(created, began)

    async def _write(self, known: _Record) -> None:
        """Make ourselves the holder of the Lease as it was known; Conflict if it is not like that any more."""
        transitions = known.spec.lease_transitions or 0
        took_over = known.spec.holder_identity != self.identity
        metadata: dict[str, Any] = {"resourceVersion": known.metadata.resource_version}
        trouble = self._holders_trouble()
        if took_over or trouble != self._told_trouble:
            metadata["annotations"] = {TROUBLE_ANNOTATION: trouble}
        body = {"metadata": metadata, "spec": self._spec(transitions + took_over, took_over)}
        began = self._clock()
        request = self._client.merge_patch(LEASES, self._namespace, self._name, body, into=_Record)
        self._renewed(await self._patiently(request), began)
        self._told_trouble = trouble

    def _renewed(self, record: _Record, began: float) -> None:
        self._see(record)
        self._held_until = began + self._renew_deadline

    def _spec(self, transitions: int, took_over: bool) -> dict[str, Any]:
        now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")  # for people; nothing is decided by it
        spec = {
            "holderIdentity": self.identity,
            "leaseDurationSeconds": self._duration,
            "leaseTransitions": transitions,
            "renewTime": now,
        }
        return spec | {"acquireTime": now} if took_over else spec

    def _announce(self) -> None:
        """Tell what has become of us since the last time."""
        if self.held() and not self.acquired.is_set():
            log.info("lease %s/%s: %s leads", self._namespace, self._name, self.identity)
            self.acquired.set()
            if self._started is not None:
                self._started()
        elif not self.held() and self.acquired.is_set():
            log.warning("lease %s/%s: %s leads no longer", self._namespace, self._name, self.identity)
            self.acquired.clear()
            if self._stopped is not None:
                self._stopped()

    async def _release(self) -> None:
        """Stop leading first, then let the next one know."""
        was_held = self.held()
        self._held_until = float("-inf")
        self._announce()
        if not was_held:
            return
        try:
            async with asyncio.timeout(self._retry_period):
                try:
                    await self._give_back(self._seen)
                except Conflict:  # a renewal was under way when we were cancelled
                    found = await self._client.get(LEASES, self._namespace, self._name, into=_Record)
                    if found.spec.holder_identity == self.identity:
                        await self._give_back(found)
        except (ApiError, TimeoutError) as error:
            log.warning("giving back lease %s/%s: %s; it expires by itself", self._namespace, self._name, error)

    async def _give_back(self, known: _Record) -> None:
        body = {
            "metadata": {"resourceVersion": known.metadata.resource_version},
            "spec": {"holderIdentity": "", "leaseDurationSeconds": 1},
        }
        await self._client.merge_patch(LEASES, self._namespace, self._name, body)
