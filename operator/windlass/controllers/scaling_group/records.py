"""The records of a group's activities on the API server: opened, written and forgotten as a plan says."""

import logging
from contextlib import suppress
from typing import Any

from windlass.api.common import API_VERSION, GROUP_LABEL, owner_reference, to_wire
from windlass.cluster.client import Client
from windlass.cluster.errors import AlreadyExists, Conflict, Gone, Invalid, Refused
from windlass.cluster.resources import SCALING_ACTIVITIES
from windlass.cluster.store import Object
from windlass.controllers.scaling_group.caches import Caches
from windlass.controllers.scaling_group.observe import InMemoryState
from windlass.controllers.scaling_group.written import read_record
from windlass.engine.queue import Key
from windlass.planner.capacity.steps import ForgetRecord, Record
from windlass.planner.capacity.view import GroupView

logger = logging.getLogger(__name__)


class Records:
    """What one pass of one group does about them."""

    def __init__(self, client: Client, caches: Caches, key: Key, view: GroupView, in_memory: InMemoryState) -> None:
        self._client = client
        self._caches = caches
        self._key = key
        self._view = view
        self._in_memory = in_memory

    async def write(self, step: Record) -> None:
        """Open the record where it does not exist, and have it say what the step says."""
        try:
            version = self._version(step.name) if step.exists else await self._open(step.name)
            patch: dict[str, Any] = {"status": to_wire(step.status)}
            if version is not None:  # what is late must not undo what was said since
                patch["metadata"] = {"resourceVersion": version}
            body = await self._client.merge_patch(
                SCALING_ACTIVITIES, self._key.namespace, step.name, patch, subresource="status"
            )
        except Gone:  # somebody deleted it, and nobody told us: the next pass writes it anew
            gone = self._caches.records.get(self._key.namespace, step.name)
            if gone is None:
                raise
            self._caches.records.drop(gone)
            return
        except Conflict:  # somebody has written it since, or a process before has, whose request was late
            await self._read()
            raise
        except (Refused, Invalid) as error:
            self._in_memory.record_refused = step.name
            logger.warning("%s; the group goes on without this record", error)
            return
        self._caches.records.put(Object(body))
        if read_record(body) is None:
            self._in_memory.record_refused = step.name
            logger.warning("record %s holds what no record does; the group goes on without it", step.name)

    def _version(self, name: str) -> str | None:
        known = self._caches.records.get(self._key.namespace, name)
        return known.resource_version if known is not None else None

    async def _read(self) -> None:
        found = await self._client.list(
            SCALING_ACTIVITIES, self._key.namespace, label_selector=f"{GROUP_LABEL}={self._key.name}"
        )
        for body in found.items:
            self._caches.records.put(Object(body))

    async def _open(self, name: str) -> str | None:
        """Create the record, empty; its version, None where it was there already and is not known to be the group's."""
        owner = owner_reference("ScalingGroup", self._key.name, self._view.uid)
        manifest = {
            "apiVersion": API_VERSION,
            "kind": "ScalingActivity",
            "metadata": {"name": name, "labels": {GROUP_LABEL: self._key.name}, "ownerReferences": [owner]},
            "spec": {"scalingGroup": self._key.name},
        }
        try:
            return Object(await self._client.create(SCALING_ACTIVITIES, self._key.namespace, manifest)).resource_version
        except AlreadyExists:
            await self._read()
            return self._version(name)

    async def forget(self, step: ForgetRecord) -> None:
        """Delete it."""
        body = self._caches.records.get(self._key.namespace, step.name)
        if body is None:
            return
        with suppress(Gone):
            await self._client.delete(SCALING_ACTIVITIES, self._key.namespace, step.name, uid=body.uid)
        self._caches.records.drop(body)
