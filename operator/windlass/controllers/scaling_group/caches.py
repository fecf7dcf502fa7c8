"""What the controller knows of the cluster without asking: its own kinds by kopf's events, the rest by informers."""

from collections.abc import Callable, Collection, Mapping
from functools import partial
from typing import Any

from windlass.api import scaling_activity, scaling_configuration, scaling_group
from windlass.api.common import GROUP_LABEL
from windlass.cluster.client import Client
from windlass.cluster.informer import Informer
from windlass.cluster.pods import Pod, to_instance
from windlass.cluster.resources import CONTROLLER_REVISIONS, PODS
from windlass.cluster.revisions import ControllerRevision, KeptRevision, to_revision
from windlass.engine.expectations import Expectations
from windlass.engine.queue import Key
from windlass.engine.store import Identity, Store
from windlass.planner.capacity.instance import Instance

KIND = scaling_group.KIND.kind


def group_key(namespace: str, name: str) -> Key:
    """The key that a group is queued by."""
    return Key(KIND, namespace, name)


class Caches:
    """The stores and informers of one controller; every change in them enqueues the group it concerns."""

    def __init__(
        self,
        client: Client,
        expectations: Expectations,
        enqueue: Callable[[Key], None],
        namespaces: tuple[str, ...] | None,
        count: Callable[[str, str, int], None],
    ) -> None:
        self._expectations = expectations
        self._enqueue = enqueue
        self.groups = Store(owner_of=_configuration_of)
        self.configurations = Store()
        self.records = Store(owner_of=lambda body: body["spec"]["scalingGroup"])
        self.pods: Informer[Instance] = Informer(
            client,
            PODS,
            wire=Pod,
            record=to_instance,
            namespaces=namespaces,
            label_selector=GROUP_LABEL,
            index=lambda instance: instance.group,
            on_change=self._pod_changed,
            count=partial(count, "pods"),
        )
        self.revisions: Informer[KeptRevision] = Informer(
            client,
            CONTROLLER_REVISIONS,
            wire=ControllerRevision,
            record=to_revision,
            namespaces=namespaces,
            label_selector=GROUP_LABEL,
            index=lambda kept: kept.group,
            on_change=self._revision_changed,
            count=partial(count, "controllerrevisions"),
        )

    async def refresh(self, key: Key, uid: str) -> None:
        """Read live what belongs to this group."""
        selector = f"{GROUP_LABEL}={key.name}"
        await self.pods.refresh(uid, key.namespace, selector)
        await self.revisions.refresh(uid, key.namespace, selector)

    # ---- what kopf's watches say

    def observe(self, kind: str, body: Mapping[str, Any], *, deleted: bool) -> None:
        """One of our own objects was added, changed or deleted.

        A group's status is written by us alone: that it changed is no reason to look, least of all where passes fail
        and say so there.
        """
        store = self._store_of(kind)
        before = store.get(body["metadata"]["namespace"], body["metadata"]["name"])
        if deleted:
            store.discard(body["metadata"]["uid"])
        elif not store.put(body) or (kind == KIND and before is not None and _same_wish(before, body)):
            return
        self._enqueue_concerned(kind, body)

    def sweep(self, kind: str, live: Collection[Identity], as_of: str, namespace: str | None) -> None:
        """Drop what a live list of one kind (in one namespace; None: in all) no longer shows."""
        for ghost in self._store_of(kind).sweep(live, as_of, namespace):
            self._enqueue(group_key(ghost.namespace, ghost.name))

    def _store_of(self, kind: str) -> Store:
        stores = {
            KIND: self.groups,
            scaling_configuration.KIND.kind: self.configurations,
            scaling_activity.KIND.kind: self.records,
        }
        return stores[kind]

    def _enqueue_concerned(self, kind: str, body: Mapping[str, Any]) -> None:
        namespace, name = body["metadata"]["namespace"], body["metadata"]["name"]
        if kind == KIND:
            self._enqueue(group_key(namespace, name))
        elif kind == scaling_configuration.KIND.kind:
            for group in self.groups.owned_by(namespace, name):
                self._enqueue(group_key(namespace, group))
        else:
            self._enqueue(group_key(namespace, body["spec"]["scalingGroup"]))

    # ---- what the informers say

    def _pod_changed(self, old: Instance | None, new: Instance | None) -> None:
        if old is not None and old.group and (new is None or new.uid != old.uid or new.group != old.group):
            key = group_key(old.namespace, old.name.rpartition("-")[0])
            self._expectations.observed_deleted(key, old.uid)
            self._enqueue(key)
        if new is not None and new.group:
            key = group_key(new.namespace, new.name.rpartition("-")[0])
            self._expectations.observed_created(key, new.name)
            if new.removing:
                self._expectations.observed_deleted(key, new.uid)
            self._enqueue(key)

    def _revision_changed(self, old: KeptRevision | None, new: KeptRevision | None) -> None:
        kept = new or old
        if kept is None:
            return
        key = group_key(kept.namespace, kept.name.rpartition("-")[0])
        if new is None:
            self._expectations.observed_deleted(key, kept.uid)
        else:
            self._expectations.observed_created(key, new.name)
        self._enqueue(key)


def _same_wish(before: Mapping[str, Any], body: Mapping[str, Any]) -> bool:
    """Whether two versions of a group differ in the status alone, as far as passes read them."""
    old, new = before["metadata"], body["metadata"]
    return all(old.get(field) == new.get(field) for field in ("uid", "generation", "deletionTimestamp"))


def _configuration_of(body: Mapping[str, Any]) -> str | None:
    name = body.get("spec", {}).get("configuration", {}).get("scalingConfiguration")
    return name if isinstance(name, str) else None
