"""Carry out a plan's steps: one request each, side by side, and note what the next pass must know."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable, Sequence
from datetime import timedelta
from functools import partial
from typing import TypeVar

from windlass.api.common import GROUP_LABEL, WITHDRAWN_ANNOTATION, owner_reference
from windlass.cluster.altered import Altered, Made, altered
from windlass.cluster.client import Client
from windlass.cluster.errors import AlreadyExists, ApiError, Conflict, Gone, Invalid, Refused, RefusedBy, Transient
from windlass.cluster.pods import Pod, PodMaker, is_owned_by, pod_maker, to_instance
from windlass.cluster.resources import CONTROLLER_REVISIONS, PODS, SCALING_GROUPS
from windlass.cluster.revisions import revision_manifest
from windlass.cluster.store import Object
from windlass.cluster.trial import try_template
from windlass.cluster.wire import Nothing
from windlass.controllers.scaling_group.caches import Caches
from windlass.controllers.scaling_group.commit import Commit
from windlass.controllers.scaling_group.observe import InMemoryState, TemplateVerdict
from windlass.controllers.scaling_group.records import Records
from windlass.controllers.scaling_group.scripts import Scripts
from windlass.controllers.scaling_group.unseen import FIRST_PAUSE, LONGEST_PAUSE, Unseen, UnseenError, version_now
from windlass.controllers.scaling_group.update_steps import UpdateSteps
from windlass.engine.expectations import Expectations
from windlass.engine.queue import Key
from windlass.engine.slow_start import MOST_IN_FLIGHT, Results, slow_start
from windlass.planner.backoff import doubling
from windlass.planner.capacity.steps import (
    Adopt,
    ChangeImage,
    ForgetRecord,
    ForgetRevision,
    GroupPlan,
    KeepResults,
    KeepRevision,
    Launch,
    Record,
    Remove,
    RunScript,
    SeedDesired,
    Step,
    SwitchSource,
    WithdrawRemoval,
    WriteConfiguration,
)
from windlass.planner.capacity.view import GroupView, LeftOrphan, RefusedLaunch, RemovalPause

logger = logging.getLogger(__name__)

R = TypeVar("R")
S = TypeVar("S", bound=Step)

MANY = 256  # a batch of more requests than this gives way to those of other groups
LEFT_ORPHAN_PAUSE = timedelta(minutes=1)
FIRST_REMOVAL_PAUSE, LONGEST_REMOVAL_PAUSE = timedelta(seconds=1), timedelta(minutes=5)  # as for passes that fail
A_FEW = 10  # so many refused removals do not end a batch: they may be refused for what they are, not for what we do
SEED_MANAGER = "windlass-seed"


class Steps:
    """Does what one plan of one group says. `progressed`: an instance was created or removed."""

    def __init__(
        self,
        client: Client,
        caches: Caches,
        scripts: Scripts,
        expectations: Expectations,
        key: Key,
        view: GroupView,
        in_memory: InMemoryState,
    ) -> None:
        self._client = client
        self._caches = caches
        self._expectations = expectations
        self._key = key
        self._view = view
        self._in_memory = in_memory
        self._makers: dict[tuple[str, str | None], PodMaker] = {}
        self.progressed = False
        self._unseen = Unseen(client, caches, key, view, in_memory)
        self._records = Records(client, caches, key, view, in_memory)
        self._commit = Commit(client, caches, key, view)
        self._updates = UpdateSteps(client, scripts, expectations, key, in_memory, view.now)
        self._outdated: list[Exception] = []
        self._kept: dict[str, Refused] = {}

    async def carry_out(self, plan: GroupPlan) -> None:
        """All steps; the first failure that a later try may mend is raised when the others have been tried."""
        launches = [step for step in plan.steps if isinstance(step, Launch)]
        removals = [step for step in plan.steps if isinstance(step, Remove)]
        withdrawn = [step for step in plan.steps if isinstance(step, WithdrawRemoval)]
        adopted = [step for step in plan.steps if isinstance(step, Adopt)]
        changed = [step for step in plan.steps if isinstance(step, ChangeImage)]
        in_bulk = Launch | Remove | WithdrawRemoval | Adopt | ChangeImage
        others = [step for step in plan.steps if not isinstance(step, in_bulk)]
        done = await asyncio.gather(
            self._launch_all(launches),
            self._remove_all(removals),
            self._withdraw_all(withdrawn),
            self._adopt_all(adopted),
            self._change_all(changed),
            *(self._other(step) for step in others),
            return_exceptions=True,
        )
        failures = [failure for failure in done if isinstance(failure, BaseException)]
        self._in_memory.look_live |= any(isinstance(failure, ApiError) and failure.lost for failure in failures)
        if failures:
            raise failures[0]
        if plan.settles_removals and not self._kept and not self._outdated:  # each was done (again) here, or will fail
            self._in_memory.removals_in_doubt = False
            self._in_memory.withdrawn.clear()
            # Those must be known as they are now before any of them is removed.
            self._in_memory.look_live |= bool(withdrawn)

    async def _all(self, act: Callable[[S, bool], Awaitable[R]], steps: Sequence[S]) -> Results[R]:
        """Side by side; at once as many as the last time got through, if nothing has failed since."""
        bulk = len(steps) > MANY
        results = await slow_start([partial(act, step, bulk) for step in steps], initial=self._in_memory.side_by_side)
        if results.failed:
            self._in_memory.side_by_side = 1
        else:
            self._in_memory.side_by_side = max(self._in_memory.side_by_side, min(len(steps), MOST_IN_FLIGHT))
        return results

    # ---- launches

    async def _launch_all(self, steps: Sequence[Launch]) -> None:
        if steps and self._in_memory.launch_pause is not None and not await self._unseen.over(steps[0]):
            return
        results = await self._all(self._launch, steps)
        troubles = []
        for index, error in results.failed.items():
            if isinstance(error, UnseenError):
                self._unseen.pause(error.problem)
            elif isinstance(error, Refused | Invalid):
                self._in_memory.refusals.append(RefusedLaunch(steps[index].ordinal, error.detail))
            else:
                troubles.append(error)
        _raise_worst(troubles)

    async def _launch(self, step: Launch, bulk: bool) -> None:
        if self._group_goes():
            raise Gone(f"creating instance {step.name}: the group is being deleted", code=404, reason="NotFound")
        maker = self._maker(step)
        body = maker.make(step.name, step.ordinal)
        try:
            with self._expectations.creating(self._key, step.name):
                made = await self._client.create(PODS, self._key.namespace, body, bulk=bulk, into=Made)
                if (problem := altered(step.name, maker.marks, made)) is not None:
                    raise UnseenError(problem, made)
            self.progressed = True
        except UnseenError as unseen:
            self._in_memory.taken.add(step.ordinal)
            self._in_memory.settled.add(step.ordinal)
            await self._unseen.take_back(unseen)
            raise
        except AlreadyExists:
            await self._look_whose(step)
        self._in_memory.settled.add(step.ordinal)

    def _group_goes(self) -> bool:
        """Whether the group was deleted since the pass began: a large launch takes seconds."""
        group = self._caches.groups.get(self._key.namespace, self._key.name)
        if group is None or group["metadata"]["uid"] != self._view.uid:
            return True
        return "deletionTimestamp" in group["metadata"]

    async def _look_whose(self, step: Launch) -> None:
        """Somebody was there first: ours from before a crash is as good as created, anything else wastes the name."""
        try:
            pod = await self._client.get(PODS, self._key.namespace, step.name, into=Pod)
        except Gone:
            self._in_memory.taken.add(step.ordinal)
            return
        found = to_instance(pod)
        if not found.group and is_owned_by(pod, self._view.uid):
            # Left over by a process that ended: admission has hidden it, and nobody else would delete it.
            await self._client.delete(PODS, self._key.namespace, step.name, uid=found.uid)
        ours = found.group == self._view.uid and found.ordinal == step.ordinal
        if not ours:
            self._in_memory.taken.add(step.ordinal)
        elif not found.removing and step.name not in self._caches.pods.by_index(self._view.uid):
            with self._expectations.creating(self._key, step.name):
                pass

    def _maker(self, step: Launch) -> PodMaker:
        place = (step.revision, step.pool.zone)
        if place not in self._makers:
            revision = next(r for r in self._view.revisions if r.name == step.revision)
            self._makers[place] = pod_maker(
                group=self._key.name,
                group_uid=self._view.uid,
                revision=step.revision,
                template=revision.data["configuration"]["template"],
                zone=step.pool.zone,
                tags=self._view.spec.tags,
            )
        return self._makers[place]

    # ---- removals

    async def _remove_all(self, steps: Sequence[Remove]) -> None:
        results = await self._all(self._remove, sorted(steps, key=lambda step: step.uid in self._in_memory.kept))
        if self._kept:
            self._in_memory.kept.update(self._kept)
            self._in_memory.side_by_side = 1
            self._pause_removals(some_went=any(results.completed.values()))
        elif results.completed:
            self._in_memory.kept.clear()
            self._in_memory.removal_pause = None
        others = [error for error in results.failed.values() if not isinstance(error, Refused)]
        # What has changed is decided anew by the next pass; it waits for that only where nobody went.
        _raise_worst(others if any(results.completed.values()) else [*others, *self._outdated])

    def _pause_removals(self, *, some_went: bool) -> None:
        """What the API server refuses is not asked for again at once, whatever happens in the group meanwhile."""
        before = self._view.removal_pause
        failures = before.failures + 1 if before and not some_went else 1
        message = min(map(str, self._kept.values()))  # the same one at each try
        retry_at = self._view.now + doubling(FIRST_REMOVAL_PAUSE, failures, LONGEST_REMOVAL_PAUSE)
        self._in_memory.removal_pause = (self._view.generation, RemovalPause(failures, retry_at, message[:900]))

    async def _remove(self, step: Remove, bulk: bool) -> bool:
        """Whether the API server removed it now; False too where it is gone, has changed, or is kept."""
        try:
            with self._expectations.deleting(self._key, step.uid):
                await self._client.delete(
                    PODS,
                    self._key.namespace,
                    step.name,
                    uid=step.uid,
                    resource_version=step.resource_version,
                    bulk=bulk,
                )
            self.progressed = True
            return True
        except Gone:
            self._in_memory.look_live = True  # the informer is behind
        except Conflict as error:  # not as it was when this was decided; the others may go
            self._outdated.append(error)
            await self._read_again(step)
        except Refused as error:
            self._kept[step.uid] = error
            if len(self._kept) > A_FEW:
                raise
        except ApiError as error:
            if error.lost:  # it names them as they are now: to have withdrawn them before does not help
                self._in_memory.removals_in_doubt = True
                self._in_memory.withdrawn.clear()
            raise
        return False

    async def _read_again(self, step: Remove | Adopt) -> None:
        """Learn what the Pod that has changed is now: the informer may show it only later."""
        pods = self._caches.pods
        try:
            await pods.read_one(self._key.namespace, step.name)
        except ApiError as error:
            self._in_memory.look_live = True
            if not isinstance(error, Gone):
                raise
        known = pods.get(self._key.namespace, step.name)
        if known is not None and known.resource_version == step.resource_version:
            self._in_memory.look_live = True  # the API server says both: that it has changed, and that it has not

    async def _withdraw_all(self, steps: Sequence[WithdrawRemoval]) -> None:
        results = await self._all(self._withdraw, steps)
        _raise_worst(results.failed.values())
        refused = [error for error in results.completed.values() if error is not None]
        if refused:  # nor will it be allowed a moment later, and the group has more to do
            logger.warning(
                "%s; the group goes on: a removal that is still under way may take who was to stay", refused[0]
            )

    async def _withdraw(self, step: WithdrawRemoval, bulk: bool) -> ApiError | None:
        """Why the API server does not let its removal be withdrawn, if so."""
        annotations = {WITHDRAWN_ANNOTATION: step.resource_version}  # differs each time: else nothing would change
        patch = {"metadata": {"uid": step.uid, "annotations": annotations}}
        refused = None
        try:
            await self._client.merge_patch(PODS, self._key.namespace, step.name, patch, bulk=bulk, into=Nothing)
        except (Gone, Conflict):  # there is another one of its name: nothing to withdraw
            pass
        except (Refused, Invalid) as error:
            refused = error
        self._in_memory.withdrawn.add(step.uid)
        return refused

    async def _adopt_all(self, steps: Sequence[Adopt]) -> None:
        """The group is read live before: one that goes, or another of its name, adopts nothing."""
        if not steps:
            return
        meta = (await self._client.get(SCALING_GROUPS, self._key.namespace, self._key.name))["metadata"]
        if meta["uid"] != self._view.uid or "deletionTimestamp" in meta:
            raise Gone(f"adopting {steps[0].name}: the group is being deleted", code=404, reason="NotFound")
        results = await self._all(self._adopt, steps)
        troubles = []
        for index, error in results.failed.items():
            if isinstance(error, Refused | Invalid):
                left = LeftOrphan(steps[index].name, error.detail[:300], self._view.now + LEFT_ORPHAN_PAUSE)
                self._in_memory.left_orphans[steps[index].uid] = left
                logger.warning("%s; it is left as it is", error)
            elif not (isinstance(error, Conflict) and self.progressed):
                troubles.append(error)
        _raise_worst(troubles)

    async def _adopt(self, step: Adopt, bulk: bool) -> None:
        owner = owner_reference("ScalingGroup", self._key.name, self._view.uid)
        meta = {"uid": step.uid, "resourceVersion": step.resource_version, "ownerReferences": [owner]}
        patch = {"metadata": meta}
        try:
            with self._expectations.creating(self._key, step.name):
                found = await self._client.merge_patch(PODS, self._key.namespace, step.name, patch, bulk=bulk, into=Pod)
                if to_instance(found).group != self._view.uid:
                    why = "a webhook or policy takes the group's owner reference or label off"
                    raise Refused(
                        f"adopting {step.name}: {why}", code=403, reason="Altered", by=RefusedBy.POLICY, detail=why
                    )
            self.progressed = True
        except Gone:
            self._in_memory.look_live = True  # the informer is behind
        except Conflict:
            await self._read_again(step)
            raise

    async def _change_all(self, steps: Sequence[ChangeImage]) -> None:
        results = await self._all(self._updates.change_image, steps)
        self.progressed |= bool(results.completed)
        _raise_worst(results.failed.values())

    # ---- the rest

    async def _other(self, step: Step) -> None:
        match step:
            case KeepRevision():
                await self._keep_revision(step)
            case ForgetRevision():
                await self._forget_revision(step)
            case Record():
                await self._records.write(step)
            case ForgetRecord():
                await self._records.forget(step)
            case SeedDesired():
                await self._seed(step)
            case WriteConfiguration():
                await self._commit.write(step)
            case SwitchSource():
                await self._commit.switch(step)
            case RunScript():
                self._updates.run_script(step)
            case KeepResults():
                await self._updates.keep_results(step)

    async def _keep_revision(self, step: KeepRevision) -> None:
        problem = await self._dry_run(step)
        if isinstance(problem, Altered):  # the template is as good as any: what is made of it is not
            self._unseen.pause(problem)
        elif problem is not None and step.refresh:
            self._in_memory.refresh_problems[step.refresh] = problem
            return
        elif problem is not None:
            self._judge(problem)
            return
        self._in_memory.template_verdict = None
        manifest = revision_manifest(step, group=self._key.name, group_uid=self._view.uid)
        try:
            with self._expectations.creating(self._key, step.name):
                await self._client.create(CONTROLLER_REVISIONS, self._key.namespace, manifest, into=Nothing)
        except AlreadyExists as error:
            self._wait_for_revision(step.name, error)

    def _judge(self, problem: str) -> None:
        """Keep that the template is refused until it, or the group, is another or until it is time to ask again."""
        version, before = version_now(self._caches, self._key, self._view), self._in_memory.template_verdict
        if version is None:
            return
        failures = before.failures + 1 if before is not None and before.version == version else 1
        retry_at = self._view.now + doubling(FIRST_PAUSE, failures, LONGEST_PAUSE)
        self._in_memory.template_verdict = TemplateVerdict(version, problem, failures, retry_at)

    def _wait_for_revision(self, name: str, error: AlreadyExists) -> None:
        """Expect the informer to show the revision that a try before a crash created, unless it is another's."""
        there = self._caches.revisions.get(self._key.namespace, name)
        if there is not None and there.group != self._view.uid:
            problem = "the name is taken by an object that this group does not control"
            raise Transient(f"creating ControllerRevision {name}: {problem}", detail=problem) from error
        if there is None and self._in_memory.awaited_revision == name:
            problem = f"it exists, but without the label {GROUP_LABEL}={self._key.name}"
            raise Transient(f"creating ControllerRevision {name}: {problem}", detail=problem) from error
        if there is None:
            self._in_memory.awaited_revision = name
            with self._expectations.creating(self._key, name):
                pass

    async def _dry_run(self, step: KeepRevision) -> str | None:
        """Why the API server would never accept an instance of this revision, if so."""
        template = step.data["configuration"]["template"]
        said = await try_template(self._client, self._view, template, step.name, owner=self._view.uid)
        return said if isinstance(said, str) else None

    async def _forget_revision(self, step: ForgetRevision) -> None:
        kept = self._caches.revisions.by_index(self._view.uid).get(step.name)
        if kept is None:
            return
        try:
            with self._expectations.deleting(self._key, kept.uid):
                await self._client.delete(CONTROLLER_REVISIONS, self._key.namespace, step.name, uid=kept.uid)
        except Gone:
            self._in_memory.look_live = True  # the informer is behind

    async def _seed(self, step: SeedDesired) -> None:
        namespace, name = self._key.namespace, self._key.name
        group = self._caches.groups.get(namespace, name)
        if group is None:
            return
        version = group["metadata"]["resourceVersion"]
        body = {"metadata": {"uid": self._view.uid, "resourceVersion": version}, "spec": {"replicas": step.size}}
        await self._client.merge_patch(
            SCALING_GROUPS, namespace, name, body, subresource="scale", field_manager=SEED_MANAGER, into=Nothing
        )
        self._caches.groups.put(Object(await self._client.get(SCALING_GROUPS, namespace, name)))


def _raise_worst(errors: Iterable[Exception]) -> None:
    """Raise one of the errors, if there are any: first one after which nobody knows what was done."""
    for error in sorted(errors, key=lambda error: not getattr(error, "lost", False)):
        raise error
