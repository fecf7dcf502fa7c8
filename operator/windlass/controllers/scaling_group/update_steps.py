"""The steps of a rolling update: images changed in place, scripts begun, results kept."""

import logging
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

import msgspec

from windlass.api.common import (
    MANAGED_BY_LABEL,
    REVISION_LABEL,
    UPDATE_ANNOTATION,
    UPDATE_LABEL,
    owner_reference,
    rfc3339,
)
from windlass.api.rolling_update import KIND, InstanceResult
from windlass.cluster.client import Client
from windlass.cluster.errors import AlreadyExists, Conflict, Gone, Invalid, Refused, Transient
from windlass.cluster.pods import MarkOnTheWire, Pod, mark_of
from windlass.cluster.resources import CONFIG_MAPS, PODS
from windlass.cluster.wire import Nothing
from windlass.controllers.scaling_group.observe import InMemoryState
from windlass.controllers.scaling_group.scripts import Scripts
from windlass.engine.expectations import Expectations
from windlass.engine.queue import Key
from windlass.planner.capacity.steps import ChangeImage, InstanceOutcome, KeepResults, RunScript

logger = logging.getLogger(__name__)

PAGE = 100  # instances of one ConfigMap: each takes about a kibibyte at most


class UpdateSteps:
    """Does what a plan says of the group's rolling update."""

    def __init__(
        self,
        client: Client,
        scripts: Scripts,
        expectations: Expectations,
        key: Key,
        in_memory: InMemoryState,
        now: datetime,
    ) -> None:
        self._client = client
        self._scripts = scripts
        self._expectations = expectations
        self._key = key
        self._in_memory = in_memory
        self._now = now

    def run_script(self, step: RunScript) -> None:
        """Have it run beside the loop."""
        self._scripts.begin(self._key, step)

    async def change_image(self, step: ChangeImage, bulk: bool) -> None:
        """One write: the image, the mark and the label. What the API server refuses is told by the mark."""
        try:
            body = await self._client.get(PODS, self._key.namespace, step.name)
        except Gone:
            self._in_memory.look_live = True  # the cache is behind
            return
        pod = msgspec.convert(body, Pod)
        mark = mark_of(pod)
        if pod.metadata.uid != step.uid or (mark is not None and mark.update == step.update):
            self._in_memory.look_live = True
            return
        made = MarkOnTheWire(
            step.update, self._now, step.container, step.image, restarts=_restarts(pod, step.container)
        )
        containers = [each["name"] for each in body["spec"]["containers"]]
        if step.container not in containers:
            await self._mark(step, pod, _failed(made, f"it has no container {step.container}: {', '.join(containers)}"))
            return
        try:
            await self._patch(step, pod, made, {"containers": [{"name": step.container, "image": step.image}]})
        except (Refused, Invalid) as error:
            await self._mark(step, pod, _failed(made, error.detail))

    async def _mark(self, step: ChangeImage, pod: Pod, mark: MarkOnTheWire) -> None:
        await self._patch(step, pod, mark, None)

    async def _patch(self, step: ChangeImage, pod: Pod, mark: MarkOnTheWire, spec: Mapping[str, Any] | None) -> None:
        metadata: dict[str, Any] = {
            "uid": step.uid,
            "resourceVersion": pod.metadata.resource_version,
            "annotations": {UPDATE_ANNOTATION: mark.annotation()},
        }
        if spec is not None and step.revision is not None:
            metadata["labels"] = {REVISION_LABEL: step.revision}
        patch = {"metadata": metadata} | ({"spec": spec} if spec is not None else {})
        try:
            with self._expectations.creating(self._key, step.name):
                await self._client.strategic_patch(PODS, self._key.namespace, step.name, patch, into=Nothing)
        except (Gone, Conflict):
            self._in_memory.look_live = True

    async def keep_results(self, step: KeepResults) -> None:
        """Create the pages of one batch. One that is there already, of the same update, is as good; one that the API
        server refuses is told and left out."""
        for name, outcomes in _pages(step):
            metadata = {
                "name": name,
                "labels": {UPDATE_LABEL: step.update, MANAGED_BY_LABEL: "windlass"},
                "ownerReferences": [owner_reference(KIND.kind, step.update, step.uid)],
            }
            kind = {"apiVersion": CONFIG_MAPS.api_version, "kind": CONFIG_MAPS.kind}
            data = {outcome.name: _told(outcome) for outcome in outcomes}
            try:
                await self._client.create(
                    CONFIG_MAPS, self._key.namespace, kind | {"metadata": metadata, "data": data}, into=Nothing
                )
            except AlreadyExists as error:
                await self._look_whose(name, step, error)
            except (Refused, Invalid) as error:  # a quota, a policy: the group has more to do than to keep them
                goes_on = "the update goes on, its counts and failures are in its status"
                logger.warning("%s; %s", error, goes_on, extra={"key": self._key})
        self._in_memory.results_kept.add((step.uid, step.batch))

    async def _look_whose(self, name: str, step: KeepResults, error: AlreadyExists) -> None:
        there = await self._client.get(CONFIG_MAPS, self._key.namespace, name)
        owners = (there["metadata"].get("ownerReferences")) or ()
        if all(owner["uid"] != step.uid for owner in owners):
            problem = "there is one that this update does not control: delete or rename it"
            raise Transient(f"keeping results in ConfigMap {name}: {problem}", detail=problem) from error


def _pages(step: KeepResults) -> Iterator[tuple[str, tuple[InstanceOutcome, ...]]]:
    name = f"{step.update}-{step.batch}"
    if len(step.outcomes) <= PAGE:
        yield name, step.outcomes
        return
    for page, first in enumerate(range(0, len(step.outcomes), PAGE), start=1):
        yield f"{name}-{page}", step.outcomes[first : first + PAGE]


def _told(outcome: InstanceOutcome) -> str:
    said: dict[str, Any] = {"result": outcome.result.value}
    if outcome.exit_code is not None:
        said["exitCode"] = outcome.exit_code
    if outcome.output:
        said["output"] = outcome.output
    if outcome.started_at is not None:
        said["startTime"] = rfc3339(outcome.started_at)
    if outcome.ended_at is not None:
        said["endTime"] = rfc3339(outcome.ended_at)
    return msgspec.json.encode(said).decode()


def _restarts(pod: Pod, container: str) -> int:
    return next((each.restart_count for each in pod.status.container_statuses if each.name == container), 0)


def _failed(mark: MarkOnTheWire, output: str) -> MarkOnTheWire:
    return msgspec.structs.replace(mark, result=InstanceResult.FAILED, output=output[-1024:], ended_at=mark.begun_at)
