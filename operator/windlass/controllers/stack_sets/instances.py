"""StackInstances: what operations have begun is done, each in a task of its own beside the loop."""

import logging
import traceback
from collections.abc import Callable, Coroutine, Iterable
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from itertools import count

from windlass.api import stack_instance
from windlass.api.common import to_wire
from windlass.api.stack_instance import ObjectError, StackInstanceSpec, StackInstanceStatus, Work
from windlass.api.stack_set import StackSetSpec
from windlass.api.stacks import STACK_FINALIZER, InstancePhase
from windlass.cluster.errors import ApiError, ConfigurationError, Gone, NotLeading, Transient, Unauthorized
from windlass.cluster.members import Member
from windlass.cluster.parsing import parsed
from windlass.cluster.resources import STACK_INSTANCES, STACK_SET_OPERATIONS
from windlass.cluster.snapshots import Snapshots
from windlass.cluster.store import Object
from windlass.controllers.stack_sets.caches import Caches
from windlass.controllers.stack_sets.deployment import deploy, remove
from windlass.controllers.stack_sets.inspection import detect_drift
from windlass.controllers.stack_sets.outcome import Outcome
from windlass.controllers.stack_sets.reach import Reach
from windlass.controllers.stack_sets.rendering import Rendered, rendered
from windlass.controllers.stack_sets.visit import CREDENTIALS_SECONDS, STARTED_SECONDS, Visit, is_forbidden
from windlass.engine.beside import Beside
from windlass.engine.dispatch import Controller, Runtime
from windlass.engine.loop import Answer
from windlass.engine.own_objects import OwnObjects
from windlass.engine.queue import Key
from windlass.planner.backoff import doubling
from windlass.planner.conditions import conditions
from windlass.planner.reason import Reason
from windlass.planner.stackset.ownership import Stack
from windlass.planner.stackset.reasons_deployment import CredentialsRefused
from windlass.planner.stackset.reasons_instances import CancelledByDeletion, NoTarget
from windlass.planner.stackset.standing import deployed_standing
from windlass.planner.stackset.view import Sources

logger = logging.getLogger(__name__)

KIND = stack_instance.KIND.kind
RETRY_SECONDS = 60.0  # of a deletion that failed and that nobody has to start again
FIRST_ANSWER_SECONDS = 30.0  # so long a cluster that does not answer is asked again before its instance has failed
REMOVES = frozenset({Work.DELETE, Work.RETAIN})


@dataclass(frozen=True, slots=True)
class Done:
    """What became of the work at an instance."""

    outcome: Outcome
    cluster_uid: str = ""


Do = Callable[[Key, StackInstanceSpec, StackInstanceStatus, Work], Coroutine[None, None, Done]]


class StackInstanceController(Controller):
    """Has what operations have begun deployed, removed and compared: by `do`, in a task for each instance."""

    kind = KIND

    def __init__(self, runtime: Runtime, caches: Caches, do: Do) -> None:
        self._client = runtime.client
        self._clock = runtime.clock
        self._caches = caches
        self._do = do
        self._instances = OwnObjects(KIND, runtime)
        self._works: Beside[Done] = Beside(runtime.enqueue)

    def all_keys(self) -> Iterable[Key]:
        """Those of all instances."""
        return self._instances.all_keys()

    def stop_leading(self) -> None:
        """Another leader deploys from now on."""
        self._works.cancel_all()

    async def report(self, key: Key, error: Exception) -> None:
        """Show in its conditions that its passes fail, and why."""
        await self._instances.show_failure(key, error, lambda readiness: None)

    async def reconcile(self, key: Key) -> Answer:
        """Begin the work, or say what became of it."""
        if self._instances.known(key) is None:
            await self._works.forget(key)
        body = self._instances.existing(key)
        spec = parsed(KIND, body, StackInstanceSpec, "spec")
        status = parsed(KIND, body, StackInstanceStatus, "status")
        begun = status.phase is InstancePhase.RUNNING and status.operation_uid == spec.operation_uid
        if "deletionTimestamp" in body["metadata"]:
            work = spec.work if begun and spec.work in REMOVES else self._work_of_deletion(key, spec)
            return await self._go_on(key, body, spec, status, work, f"deletion {spec.operation_uid}")
        if begun:
            return await self._go_on(key, body, spec, status, spec.work, spec.operation_uid)
        await self._works.forget(key)
        if status.operation_uid == spec.operation_uid and status.phase is not InstancePhase.WAITING:
            return None
        if await self._operation_is_gone(key, spec):
            await self._cancel(key, body, spec, status)
        return None

    def _work_of_deletion(self, key: Key, spec: StackInstanceSpec) -> Work:
        """What is done where somebody deletes the instance itself: what its set does when that is deleted."""
        body = self._caches.sets.get(key.namespace, spec.stack_set)
        if body is None:  # what it asked for is not known any more: nothing is taken away on a guess
            return Work.RETAIN
        return (
            Work.RETAIN if parsed("StackSet", body, StackSetSpec, "spec").deletion_policy == "Retain" else Work.DELETE
        )

    async def _operation_is_gone(self, key: Key, spec: StackInstanceSpec) -> bool:
        known = self._caches.operations.get(key.namespace, spec.operation) if spec.operation else None
        if known is not None and known.uid == spec.operation_uid:
            return False
        if not spec.operation:
            return False
        try:
            found = await self._client.get(STACK_SET_OPERATIONS, key.namespace, spec.operation)
        except Gone:
            return True
        return bool(found["metadata"]["uid"] != spec.operation_uid)

    async def _cancel(self, key: Key, body: Object, spec: StackInstanceSpec, status: StackInstanceStatus) -> None:
        why, now, generation = CancelledByDeletion(spec.operation), self._clock.now(), body["metadata"]["generation"]
        told = status.model_copy(
            update={
                "phase": InstancePhase.CANCELLED,
                "operation_uid": spec.operation_uid,
                "completion_time": now,
                "message": str(why),
                "observed_generation": generation,
                "conditions": conditions(
                    "Stalled", why, str(why), old=status.conditions, generation=generation, now=now
                ),
            }
        )
        await self._instances.write_status(key, body, to_wire(told))

    # ---- the work

    async def _go_on(
        self, key: Key, body: Object, spec: StackInstanceSpec, status: StackInstanceStatus, work: Work, tag: str
    ) -> Answer:
        at = self._caches.targets_at(key.namespace, spec.region, spec.account)
        tag = f"{body.uid} {work} {tag} {at[0].uid if at else ''}"
        outcome = self._works.outcome(key) if self._works.runs(key, tag) else None
        if outcome is None:
            await self._works.begin(key, tag, lambda: self._do(key, spec, status, work))
            return None
        if outcome.cancelled():
            await self._works.forget(key)
            return self._clock.now()
        error = outcome.exception()
        if isinstance(error, NotLeading | Transient):  # it says nothing about the target: all is done again
            await self._works.forget(key)
            raise error
        done = outcome.result() if error is None else self._broken_off(key, error)
        if work in REMOVES and not done.outcome.errors:
            await self._let_go(key, body)
            await self._works.forget(key)
            return None
        told = deployed_standing(
            status,
            work=work,
            sources=Sources(spec.template, spec.variables, spec.overrides),
            errors=done.outcome.errors,
            error_count=done.outcome.error_count,
            objects=status.objects if done.outcome.objects is None else done.outcome.objects,
            rolled_back=done.outcome.rolled_back,
            drifted=done.outcome.drifted,
            cluster_uid=done.cluster_uid,
            generation=body["metadata"]["generation"],
            now=self._clock.now(),
        )
        await self._instances.write_status(key, body, to_wire(told))
        await self._works.forget(key)  # not before it is written: nothing is done twice because the hub was away
        logger.info("%s", told.message, extra={"key": key})
        if "deletionTimestamp" in body["metadata"]:
            return self._clock.now() + timedelta(seconds=RETRY_SECONDS)
        return None

    def _broken_off(self, key: Key, error: BaseException) -> Done:
        """A fault of ours. Its message is not shown: it may quote a secret value."""
        name, where = type(error).__name__, "".join(traceback.format_tb(error.__traceback__))
        logger.error("the work broke off with %s:\n%s", name, where, extra={"key": key})
        return Done(_failed(f"the work broke off with {name}, which is a fault of Windlass: its log says where"))

    async def _let_go(self, key: Key, body: Object) -> None:
        """Nothing of it is left in its target, or it is to stay there: the instance goes."""
        with suppress(Gone):
            if "deletionTimestamp" not in body["metadata"]:
                await self._client.delete(STACK_INSTANCES, key.namespace, key.name, uid=body.uid)
            await self._instances.read_again(key, body)
            now = self._instances.known(key)
            if now is None or now.uid != body.uid:
                return
            left = [each for each in now["metadata"].get("finalizers") or () if each != STACK_FINALIZER]
            metadata = {"uid": now.uid, "resourceVersion": now.resource_version, "finalizers": left}
            await self._client.merge_patch(STACK_INSTANCES, key.namespace, key.name, {"metadata": metadata})
            if not left:
                self._caches.instances.drop(now)


class AtTargets:
    """Does the work at the instances' targets."""

    def __init__(self, runtime: Runtime, caches: Caches, snapshots: Snapshots, reach: Reach) -> None:
        self._clock = runtime.clock
        self._caches = caches
        self._snapshots = snapshots
        self._reach = reach

    async def do(self, key: Key, spec: StackInstanceSpec, status: StackInstanceStatus, work: Work) -> Done:
        """The work at one instance: it may take as long as its timeout says. What it cannot do is in its outcome.

        Transient where the hub cannot be read, which says nothing about the target.
        """
        if work is Work.RETAIN:
            return Done(Outcome())
        targets = self._caches.targets_at(key.namespace, spec.region, spec.account)
        if not targets:
            return Done(_failed(NoTarget(spec.region, spec.account)))
        try:
            done = await self._visit(key, spec, status, work, targets[0])
            if done.outcome.stopped_by is CredentialsRefused:  # they may have been changed meanwhile
                done = await self._visit(key, spec, status, work, targets[0])
        except Transient:
            raise
        except (ConfigurationError, ApiError) as error:
            return Done(_failed(str(error)))
        return done

    async def _visit(
        self, key: Key, spec: StackInstanceSpec, status: StackInstanceStatus, work: Work, target: Object
    ) -> Done:
        answer = await self._answer(target)
        if isinstance(answer, ApiError):
            return Done(_failed(str(answer)))
        member, uid = answer
        known = (target.get("status") or {}).get("clusterUID")
        expected = status.cluster_uid or known or uid
        outcome = await self._at(member, key, spec, status, work, target, expected)
        return Done(outcome, uid if uid == expected else "")

    async def _answer(self, target: Object) -> tuple[Member, str] | ApiError:
        """The cluster by the credentials as they are now, and which one it is; or why it does not answer.

        One that does not may be about to be started again, and credentials may be about to be exchanged.
        """
        began = self._clock.monotonic()
        for attempt in count(1):
            member = await self._reach.member(target)
            try:
                return member, await member.cluster_uid()
            except ApiError as error:
                patience = _patience(error)
                pause = doubling(1.0, attempt, 5.0)
                if self._clock.monotonic() + pause > began + patience:
                    return error
            await self._clock.sleep(pause)
        raise AssertionError("counting never ends")

    async def _at(
        self,
        member: Member,
        key: Key,
        spec: StackInstanceSpec,
        status: StackInstanceStatus,
        work: Work,
        target: Object,
        expected_uid: str,
    ) -> Outcome:
        """The work at a cluster that answers, which must be the one of this uid."""
        stack = Stack(
            key.namespace, spec.stack_set, spec.region, spec.account, str(target["spec"].get("namespace", "default"))
        )
        wanted, held = Sources(spec.template, spec.variables, spec.overrides), _held(status)
        names = self._sensitive(key.namespace, spec.stack_set)
        now = await rendered(self._snapshots, stack, (held or wanted) if work is Work.DETECT_DRIFT else wanted, names)
        back = held if work in (Work.DEPLOY, Work.DELETE) else None
        earlier = await rendered(self._snapshots, stack, back, names) if back is not None else None
        if isinstance(now, Reason) and work is not Work.DELETE:
            return _failed(now)
        manifests = () if isinstance(now, Reason) else now.manifests
        before = earlier.manifests if isinstance(earlier, Rendered) else None
        sensitive = frozenset(text for each in (now, earlier) if isinstance(each, Rendered) for text in each.sensitive)
        visit = Visit(
            member,
            self._clock,
            within=timedelta(minutes=spec.timeout_minutes),
            expected_uid=expected_uid,
            sensitive=sensitive,
        )
        try:
            if work is Work.DELETE:
                return await remove(visit, stack, manifests, before if back is not None else ())
            if work is Work.DETECT_DRIFT:
                return await detect_drift(visit, stack, manifests)
            return await deploy(visit, stack, manifests, before)
        except ApiError as error:
            return _failed(visit.shown(str(error), error))

    def _sensitive(self, namespace: str, stack_set: str) -> tuple[str, ...]:
        body = self._caches.sets.get(namespace, stack_set)
        return parsed("StackSet", body, StackSetSpec, "spec").sensitive_variables if body is not None else ()


def _patience(error: ApiError) -> float:
    """So many seconds a cluster that answers this is asked again before its instance has failed."""
    if isinstance(error, Unauthorized):
        return CREDENTIALS_SECONDS
    if is_forbidden(error):
        return STARTED_SECONDS
    return FIRST_ANSWER_SECONDS if isinstance(error, Transient) else 0.0


def _held(status: StackInstanceStatus) -> Sources | None:
    held = status.deployed
    return None if held is None else Sources(held.template, held.variables, held.overrides)


def _failed(why: Reason | str) -> Outcome:
    return Outcome(errors=(ObjectError(object="", message=str(why)[:1024]),), error_count=1)
