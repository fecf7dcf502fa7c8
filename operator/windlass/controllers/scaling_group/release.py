"""Release: a Pod whose label was taken off is the group's no more, and would be deleted with it: as a ReplicaSet does,
the group takes its owner reference off."""

import asyncio
import logging
from typing import Any

from windlass.api.common import GROUP_LABEL
from windlass.cluster.client import Client
from windlass.cluster.errors import Gone, Invalid, Refused
from windlass.cluster.resources import PODS
from windlass.cluster.wire import Nothing
from windlass.controllers.scaling_group.caches import Caches
from windlass.engine.queue import Key

logger = logging.getLogger(__name__)

SIDE_BY_SIDE = 32  # requests


async def release_strays(client: Client, caches: Caches, key: Key, uid: str) -> list[str]:
    """Look at each instance that is seen no more, and release those that are still there without the group's label.

    Returns their names. ApiError where one is to be looked at again.
    """
    released: list[str] = []

    async def look(name: str, pod_uid: str) -> None:
        try:
            if await _release(client, key, name, pod_uid, uid):
                released.append(name)
        except Gone:
            pass
        except (Refused, Invalid) as error:
            logger.warning("%s; it stays owned by the group that does not see it", error)
        strays.pop(name, None)

    strays = caches.strays.get(key, {})
    seen = list(strays.items())
    for first in range(0, len(seen), SIDE_BY_SIDE):
        await asyncio.gather(*(look(name, pod_uid) for name, pod_uid in seen[first : first + SIDE_BY_SIDE]))
    if not strays:
        caches.strays.pop(key, None)
    return sorted(released)


async def _release(client: Client, key: Key, name: str, pod_uid: str, uid: str) -> bool:
    meta: dict[str, Any] = (await client.get(PODS, key.namespace, name))["metadata"]
    owners = meta.get("ownerReferences") or []
    others = [owner for owner in owners if owner["uid"] != uid]
    labelled = (meta.get("labels") or {}).get(GROUP_LABEL) == key.name
    if meta["uid"] != pod_uid or labelled or "deletionTimestamp" in meta or others == owners:
        return False
    change = {"uid": pod_uid, "resourceVersion": meta["resourceVersion"], "ownerReferences": others or None}
    await client.merge_patch(PODS, key.namespace, name, {"metadata": change}, into=Nothing)
    return True
