"""StackTargets: whether their clusters can be reached, and which ones they are."""

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from windlass.api import stack_target
from windlass.api.common import to_wire
from windlass.api.stack_target import StackTargetStatus
from windlass.cluster.errors import ApiError, ConfigurationError
from windlass.cluster.store import Object
from windlass.controllers.stack_sets.caches import Caches
from windlass.controllers.stack_sets.reach import Reach
from windlass.engine.beside import Beside
from windlass.engine.dispatch import Controller, Runtime
from windlass.engine.loop import Answer
from windlass.engine.own_objects import OwnObjects
from windlass.engine.queue import Key
from windlass.planner.reason import Reason
from windlass.planner.stackset.reasons_targets import (
    AnotherCluster,
    SamePlace,
    TargetReached,
    TargetRefused,
    TargetUnreachable,
)
from windlass.planner.stackset.standing import target_standing

CHECK_SECONDS = 300.0  # between two looks at a cluster that was reached
RETRY_SECONDS = 30.0  # at one that was not
AT_ONCE = 32  # clusters looked at side by side


@dataclass(frozen=True, slots=True)
class Seen:
    """What a look at a cluster found: which one it is, or why it could not be reached."""

    uid: str = ""
    version: str = ""
    why: Reason | None = None


class StackTargetController(Controller):
    """Looks at each target's cluster now and then."""

    kind = stack_target.KIND.kind

    def __init__(self, runtime: Runtime, caches: Caches, reach: Reach) -> None:
        self._clock = runtime.clock
        self._caches = caches
        self._reach = reach
        self._targets = OwnObjects(self.kind, runtime)
        self._looks: Beside[Seen] = Beside(runtime.enqueue)
        self._slots = asyncio.Semaphore(AT_ONCE)
        self._next_look: dict[Key, tuple[str, datetime]] = {}  # of which target, and when

    def all_keys(self) -> Iterable[Key]:
        """Those of all targets."""
        return self._targets.all_keys()

    def stop_leading(self) -> None:
        """Nobody waits for what was being looked at."""
        self._looks.cancel_all()
        self._next_look.clear()

    async def report(self, key: Key, error: Exception) -> None:
        """Show in its conditions that its passes fail, and why."""
        await self._targets.show_failure(key, error, lambda readiness: "Stalled" if readiness == "Stalled" else None)

    async def reconcile(self, key: Key) -> Answer:
        """Begin a look, or say what the last one found."""
        if self._targets.known(key) is None:
            self._next_look.pop(key, None)
            await self._looks.forget(key)
            await self._reach.forget(key.namespace, key.name)
        target = self._targets.existing(key)
        now = self._clock.now()
        before = StackTargetStatus.model_validate(target.get("status") or {})
        eldest = self._caches.targets_at(key.namespace, target["spec"]["region"], target["spec"]["account"])[0]
        if eldest.uid != target.uid:
            await self._looks.forget(key)
            await self._write(key, target, before, Seen(why=SamePlace(eldest.name)))
            return None
        outcome = self._looks.outcome(key)
        tag = f"{target.uid}/{target['metadata']['generation']}"
        if outcome is not None and self._looks.runs(key, tag):
            await self._looks.forget(key)
            await self._write(key, target, before, outcome.result())
            due = now + timedelta(seconds=CHECK_SECONDS if outcome.result().why is None else RETRY_SECONDS)
            self._next_look[key] = tag, due
            return due
        of, due = self._next_look.get(key, ("", now))
        if of == tag and due > now:
            return due
        await self._looks.begin(key, tag, lambda: self._look(target))
        return None

    async def _look(self, target: Object) -> Seen:
        async with self._slots:
            try:
                member = await self._reach.member(target)
                uid, version = await asyncio.gather(member.cluster_uid(), member.version())
            except ConfigurationError as error:
                return Seen(why=TargetRefused(str(error)))
            except ApiError as error:
                return Seen(why=TargetUnreachable(str(error)))
            return Seen(uid, version)

    async def _write(self, key: Key, target: Object, before: StackTargetStatus, seen: Seen) -> None:
        why: Reason = seen.why or TargetReached(seen.version)
        if seen.uid and before.cluster_uid and seen.uid != before.cluster_uid:
            why = AnotherCluster(before.cluster_uid, seen.uid)
        status = target_standing(
            before, why, seen.uid, seen.version, target["metadata"]["generation"], self._clock.now()
        )
        if status.model_copy(update={"checked_at": before.checked_at}) != before:
            await self._targets.write_status(key, target, to_wire(status))
