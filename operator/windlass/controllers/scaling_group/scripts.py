"""Scripts of rolling updates, run in instances beside the loop: each marked before it begins, and when it has ended."""

import asyncio
import logging
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from itertools import count

import msgspec

from windlass.api.common import UPDATE_ANNOTATION
from windlass.api.rolling_update import InstanceResult
from windlass.cluster.client import Client
from windlass.cluster.container_exec import SPARE_SECONDS, limited
from windlass.cluster.errors import ApiError, Conflict, Gone, NotLeading, Transient, Unauthorized
from windlass.cluster.pods import MarkOnTheWire, Pod, mark_of
from windlass.cluster.resources import PODS
from windlass.cluster.store import as_number, version
from windlass.engine.clock import Clock
from windlass.engine.queue import Key
from windlass.planner.backoff import doubling
from windlass.planner.capacity.instance import Instance
from windlass.planner.capacity.steps import RunScript

logger = logging.getLogger(__name__)

MOST_AT_ONCE = 64  # scripts that one process waits for
TRIES = 3  # to have it run by an API server that has certainly not run it
FIRST_PAUSE, LONGEST_PAUSE = timedelta(seconds=1), timedelta(seconds=30)


@dataclass(slots=True)
class _Script:
    """`waits`: nothing was written, and nothing is. `told`: the version of the Pod whose mark says how it ended."""

    task: "asyncio.Task[int | None]" = field(init=False)
    run: str = field(default_factory=lambda: uuid.uuid4().hex)
    waits: bool = True
    told: int | None = None


class Scripts:
    """The scripts that this process runs, by group. `ended(key)` is told when one has ended."""

    def __init__(self, client: Client, clock: Clock, ended: Callable[[Key], None]) -> None:
        self._client = client
        self._clock = clock
        self._ended = ended
        self._slots = asyncio.Semaphore(MOST_AT_ONCE)
        self._scripts: dict[Key, dict[str, _Script]] = {}

    def running(self, key: Key, instances: Mapping[str, Instance]) -> frozenset[str]:
        """The uids of the group's instances in which one runs or is about to, or has ended as `instances` do not show
        yet."""
        scripts = self._scripts.get(key)
        if not scripts:
            return frozenset()
        versions = {instance.uid: version(instance) for instance in instances.values()}
        for uid, script in list(scripts.items()):
            if script.told is not None and versions.get(uid, script.told) >= script.told:
                del scripts[uid]
        return frozenset(scripts)

    def begin(self, key: Key, step: RunScript) -> None:
        """Have the script run, unless one runs there. At most 64 run at once: the others wait, and write nothing."""
        scripts = self._scripts.setdefault(key, {})
        if step.uid in scripts:
            return
        script = scripts[step.uid] = _Script()
        script.task = asyncio.create_task(self._run(key, step, script), name=f"script in {step.name}")
        script.task.add_done_callback(partial(self._over, key, step, script))

    def withdraw(self, key: Key) -> None:
        """Those of the group that have not begun never do."""
        scripts = self._scripts.get(key, {})
        for uid in [uid for uid, script in scripts.items() if script.waits]:
            scripts.pop(uid).task.cancel()

    def forget(self, key: Key) -> None:
        """The group is gone: nobody asks how they end."""
        for script in self._scripts.pop(key, {}).values():
            script.task.cancel()

    def cancel_all(self) -> None:
        """We do not lead any more: what runs in the containers goes on to its end, or its time limit."""
        for key in list(self._scripts):
            self.forget(key)

    def _over(self, key: Key, step: RunScript, script: _Script, task: "asyncio.Task[int | None]") -> None:
        if task.cancelled():
            return
        error = task.exception()
        if error is not None:
            logger.error("the script in %s broke off", step.name, exc_info=error, extra={"key": key})
        script.told = task.result() if error is None else None
        if script.told is None:  # the next pass sees from the mark what it was
            self._scripts.get(key, {}).pop(step.uid, None)
        self._ended(key)

    # ---- one script

    async def _run(self, key: Key, step: RunScript, script: _Script) -> int | None:
        """Which version of the Pod tells how it ended; None where it did not begin, or the instance is not the same."""
        async with self._slots:
            mark = await self._announced(key, step, script)
            if mark is not None:
                mark = await self._ended_mark(key, step, mark)
        if mark is not None:
            return await self._tell(key, step, mark)
        script.waits = True
        await self._clock.sleep(FIRST_PAUSE.total_seconds())  # by then the watch shows what was met
        return None

    async def _announced(self, key: Key, step: RunScript, script: _Script) -> MarkOnTheWire | None:
        """The mark, once it is written; None where the instance is not what the decision was made on any more."""
        mark, in_doubt = None, False
        for tries in count(1):
            try:
                there, run = await self._look(key, step)
                if mark is not None and run == script.run:  # the reply was lost
                    return mark
                if run != step.instead_of:
                    return None
                mark = MarkOnTheWire(step.update, self._clock.now(), step.container, run=script.run)
                script.waits = False
                await self._write(key, step, mark, there)
            except Gone:
                return None
            except (ApiError, NotLeading) as error:
                in_doubt |= isinstance(error, ApiError) and error.lost
                script.waits = not in_doubt
                await self._pause(key, tries, error)
            else:
                return mark
        raise AssertionError("counting never ends")

    async def _tell(self, key: Key, step: RunScript, mark: MarkOnTheWire) -> int | None:
        """Write how it ended, as long as the mark is ours; tried until that is done, or we do not lead."""
        for tries in count(1):
            try:
                there, run = await self._look(key, step)
                return await self._write(key, step, mark, there) if run == mark.run else None
            except Gone:
                return None
            except (ApiError, NotLeading) as error:
                await self._pause(key, tries, error)
        raise AssertionError("counting never ends")

    async def _look(self, key: Key, step: RunScript) -> tuple[str, str]:
        """The Pod's version, and the run that its mark is of: empty where that is none of this update."""
        pod = await self._client.get(PODS, key.namespace, step.name, into=Pod)
        if pod.metadata.uid != step.uid or pod.metadata.deletion_timestamp is not None:
            raise Gone(f"reading instance {step.name}: it is another one, or goes", code=404, reason="NotFound")
        mark = mark_of(pod)
        return pod.metadata.resource_version, mark.run if mark is not None and mark.update == step.update else ""

    async def _write(self, key: Key, step: RunScript, mark: MarkOnTheWire, there: str) -> int:
        annotations = {UPDATE_ANNOTATION: mark.annotation()}
        body = {"metadata": {"uid": step.uid, "resourceVersion": there, "annotations": annotations}}
        pod = await self._client.merge_patch(PODS, key.namespace, step.name, body, into=Pod)
        return as_number(pod.metadata.resource_version)

    async def _pause(self, key: Key, tries: int, error: Exception) -> None:
        if isinstance(error, Conflict) and tries == 1:  # somebody else has written something
            return
        logger.log(logging.INFO if tries == 1 else logging.WARNING, "%s; trying again", error, extra={"key": key})
        await self._clock.sleep(doubling(FIRST_PAUSE, tries, LONGEST_PAUSE).total_seconds())

    async def _ended_mark(self, key: Key, step: RunScript, mark: MarkOnTheWire) -> MarkOnTheWire:
        logger.info("%s: %s", step.name, step.why, extra={"key": key})
        result, code, output = await self._ran(key, step, mark.begun_at)
        logger.info("%s: its script is over: %s", step.name, result, extra={"key": key})
        return msgspec.structs.replace(mark, result=result, exit_code=code, output=output, ended_at=self._clock.now())

    async def _ran(self, key: Key, step: RunScript, begun_at: datetime) -> tuple[InstanceResult, int | None, str]:
        """How it ended. The time that it took to have it begin is taken off its own: it is over when others count on
        that."""
        for tries in count(1):
            seconds = max(1, step.seconds - int((self._clock.now() - begun_at).total_seconds()))
            command = limited(step.command, step.environment, seconds)
            try:
                ran = await self._client.execute(
                    key.namespace, step.name, step.container, command, seconds + SPARE_SECONDS
                )
            except (ApiError, NotLeading) as error:
                detail = error.detail if isinstance(error, ApiError) else str(error)
                if isinstance(error, ApiError) and error.lost:
                    return InstanceResult.UNKNOWN, None, f"nobody knows to which end it ran: {detail}"
                if tries == TRIES or not isinstance(error, Transient | Unauthorized | NotLeading):
                    return InstanceResult.FAILED, None, f"it was not run: {detail}"
                await self._pause(key, tries, error)
            else:
                if ran.exit_code == 0:
                    return InstanceResult.SUCCEEDED, 0, ""
                said = ran.output or f"it ended with {ran.exit_code}, and wrote nothing"
                return InstanceResult.FAILED, ran.exit_code, said
        raise AssertionError("counting never ends")
