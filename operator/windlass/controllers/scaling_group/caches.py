"""What the controller knows of the cluster without asking: its own kinds by kopf's events, the rest by informers."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from windlass.api import (
    instance_refresh,
    launch_template,
    rolling_update,
    scaling_activity,
    scaling_configuration,
    scaling_group,
)
from windlass.api.common import GROUP_LABEL
from windlass.cluster.client import Client
from windlass.cluster.informer import Informer
from windlass.cluster.pods import Pod, to_instance
from windlass.cluster.resources import CONTROLLER_REVISIONS, PODS
from windlass.cluster.revisions import ControllerRevision, to_revision
from windlass.cluster.store import Object, Store
from windlass.engine.dispatch import Enqueue
from windlass.engine.expectations import Expectations
from windlass.engine.own_stores import OwnStores, same_wish
from windlass.engine.queue import Key
from windlass.planner.capacity.instance import Instance
from windlass.planner.capacity.view import Revision
from windlass.planner.tasks import FINAL

KIND = scaling_group.KIND.kind
MOST_STRAYS = 10_000  # of one group, as many as the largest has: a process that stands by never looks at them


def group_key(namespace: str, name: str) -> Key:
    """The key that a group is queued by."""
    return Key(KIND, namespace, name)


class Caches:
    """The stores and informers of one controller; every change in them enqueues the group it concerns.

    `works_on_updates`: RollingUpdates are watched; else there are none.
    `strays`: instances that were not seen to go and are seen no more, by group: uids by name. Their label may be off.
    """

    def __init__(
        self,
        stores: OwnStores,
        client: Client,
        expectations: Expectations,
        enqueue: Enqueue,
        namespaces: tuple[str, ...] | None,
        count: Callable[[str, str, int], None],
        *,
        rolling_updates: bool = True,
    ) -> None:
        self._expectations = expectations
        self._enqueue = enqueue
        self.strays: dict[Key, dict[str, str]] = {}
        self.groups = stores.add(scaling_group.KIND, self._group_changed, index=_source_of)
        self.configurations = stores.add(scaling_configuration.KIND, self._configuration_changed)
        self.templates = stores.add(launch_template.KIND, self._template_changed, optional=True)
        # Groups go on without records, and say so.
        self.records = stores.add(scaling_activity.KIND, self._record_changed, index=_group_of, optional=True)
        self.refreshes = stores.add(
            instance_refresh.KIND,
            partial(self._task_changed, instance_refresh.KIND.kind),
            index=_group_of,
            optional=True,
        )
        self.works_on_updates = rolling_updates
        self.updates: Store[Object] = (
            stores.add(
                rolling_update.KIND,
                partial(self._task_changed, rolling_update.KIND.kind),
                index=_group_of,
                optional=True,
            )
            if rolling_updates
            else Store(_group_of, None)
        )
        self.pods: Informer[Instance] = Informer(
            client,
            PODS,
            wire=Pod,
            record=to_instance,
            namespaces=namespaces,
            label_selector=GROUP_LABEL,
            index=_belongs_to,
            on_change=self._pod_changed,
            count=partial(count, "pods"),
        )
        self.revisions: Informer[Revision] = Informer(
            client,
            CONTROLLER_REVISIONS,
            wire=ControllerRevision,
            record=to_revision,
            namespaces=namespaces,
            label_selector=GROUP_LABEL,
            index=lambda kept: kept.group or None,
            on_change=self._revision_changed,
            count=partial(count, "controllerrevisions"),
        )

    async def refresh(self, key: Key, uid: str) -> None:
        """Read live what belongs to this group."""
        selector = f"{GROUP_LABEL}={key.name}"
        await self.pods.refresh(uid, key.namespace, selector)
        if self.pods.by_index(orphans_of(key)):  # else one that went unheard would be adopted again and again
            await self.pods.refresh(orphans_of(key), key.namespace, selector)
        await self.revisions.refresh(uid, key.namespace, selector)

    def records_of(self, key: Key) -> Mapping[str, Object]:
        """The records of a group's activities by name; not a copy, so use it before the next `await`."""
        return self.records.by_index(f"{key.namespace}/{key.name}")

    def refreshes_of(self, key: Key) -> Mapping[str, Object]:
        """The InstanceRefreshes of a group by name; not a copy, so use it before the next `await`."""
        return self.refreshes.by_index(f"{key.namespace}/{key.name}")

    def updates_of(self, key: Key) -> Mapping[str, Object]:
        """The RollingUpdates of a group by name; not a copy, so use it before the next `await`."""
        return self.updates.by_index(f"{key.namespace}/{key.name}")

    def users_of(self, namespace: str, kind: str, name: str) -> Mapping[str, Object]:
        """The groups whose source it is, by name; not a copy, so use it before the next `await`."""
        return self.groups.by_index(_source(namespace, kind, name))

    # ---- what kopf's watches say

    def _group_changed(self, old: Object | None, new: Object | None) -> None:
        """A group's status is written by us alone: that it changed is no reason to look, least of all where passes fail
        and say so there."""
        if old is not None and new is None:
            self.strays.pop(group_key(old.namespace, old.name), None)
            group = group_key(old.namespace, old.name)
            for refresh in self.refreshes_of(group):  # they end with it
                self._enqueue(Key(instance_refresh.KIND.kind, old.namespace, refresh))
            for update in self.updates_of(group):
                self._enqueue(Key(rolling_update.KIND.kind, old.namespace, update))
        if (changed := new or old) is not None and not (old and new and same_wish(old, new)):
            self._enqueue(group_key(changed.namespace, changed.name))

    def _configuration_changed(self, old: Object | None, new: Object | None) -> None:
        if (configuration := new or old) is not None:
            self._enqueue_users(scaling_configuration.KIND.kind, configuration)

    def _template_changed(self, old: Object | None, new: Object | None) -> None:
        """The template's own status concerns no group."""
        if (template := new or old) is None or (old and new and same_wish(old, new)):
            return
        self._enqueue_users(launch_template.KIND.kind, template)
        self._enqueue(Key(launch_template.KIND.kind, template.namespace, template.name))

    def _enqueue_users(self, kind: str, source: Object) -> None:
        for name in self.users_of(source.namespace, kind, source.name):
            self._enqueue(group_key(source.namespace, name))

    def _record_changed(self, old: Object | None, new: Object | None) -> None:
        if (record := new or old) is not None:
            self._enqueue(group_key(record.namespace, str(_map(record, "spec").get("scalingGroup"))))

    def _task_changed(self, kind: str, old: Object | None, new: Object | None) -> None:
        """Its group has to know, unless nothing has changed but what the group itself says of it."""
        if (task := new or old) is None or (old and new and same_wish(old, new) and _is_over(old) == _is_over(new)):
            return
        self._enqueue(group_key(task.namespace, str(_map(task, "spec").get("scalingGroup"))))
        self._enqueue(Key(kind, task.namespace, task.name))

    # ---- what the informers say

    def _note_stray(self, old: Instance, new: Instance | None) -> None:
        key = group_key(old.namespace, old.name.rpartition("-")[0])
        same = new is None or (new.uid == old.uid and not new.group and not new.orphan_of)
        if same and not old.removing and not self._expectations.expects_deletion(key, old.uid):
            strays = self.strays.setdefault(key, {})
            strays[old.name] = old.uid
            if len(strays) > MOST_STRAYS:
                del strays[next(iter(strays))]

    def _pod_changed(self, old: Instance | None, new: Instance | None) -> None:
        if old is not None and old.group:
            self._note_stray(old, new)
        if old is not None and old.group and (new is None or new.uid != old.uid or new.group != old.group):
            self._shown(old, there=False, leaves=True)
        if new is not None and new.group:
            self._shown(new, there=True, leaves=new.removing)
        elif new is not None and new.orphan_of:
            self._enqueue(group_key(new.namespace, new.orphan_of))

    def _revision_changed(self, old: Revision | None, new: Revision | None) -> None:
        if new is not None:
            self._shown(new, there=True, leaves=new.removing)
        elif old is not None:
            self._shown(old, there=False, leaves=True)

    def _shown(self, thing: Instance | Revision, *, there: bool, leaves: bool) -> None:
        """An informer shows one of a group's things: that enqueues the group, unless its pass would only go on waiting
        for what it has written; when the last of that is seen, at once."""
        key = group_key(thing.namespace, thing.name.rpartition("-")[0])
        waited = not self._expectations.satisfied(key)
        if there and self._is_of_todays(key, thing):
            self._expectations.observed_created(key, thing.name)
        if leaves:
            self._expectations.observed_deleted(key, thing.uid)
        if self._expectations.satisfied(key):
            self._enqueue(key, at_once=waited)

    def _is_of_todays(self, key: Key, thing: Instance | Revision) -> bool:
        """Whether it is not a former group's of the same name, whose instances may bear the same names too."""
        group = self.groups.get(key.namespace, key.name)
        return group is not None and group.uid == thing.group


def orphans_of(key: Key) -> str:
    """Under which key of the Pods' index those are that the group may adopt."""
    return f"{key.namespace}/{key.name}"


def _belongs_to(instance: Instance) -> str | None:
    if instance.orphan_of:
        return orphans_of(group_key(instance.namespace, instance.orphan_of))
    return instance.group or None


def _is_over(task: Object) -> bool:
    return _map(task, "status").get("phase") in FINAL


def _source_of(group: Object) -> str | None:
    named = _map(_map(group, "spec"), "configuration")
    template = _map(named, "launchTemplate").get("name")
    if isinstance(template, str):
        return _source(group.namespace, launch_template.KIND.kind, template)
    name = named.get("scalingConfiguration")
    return _source(group.namespace, scaling_configuration.KIND.kind, name) if isinstance(name, str) else None


def _source(namespace: str, kind: str, name: str) -> str:
    return f"{namespace}/{kind}/{name}"


def _group_of(belonging: Object) -> str:
    return f"{belonging.namespace}/{_map(belonging, 'spec').get('scalingGroup')}"


def _map(body: Mapping[str, Any], field: str) -> Mapping[str, Any]:
    """A field that should hold a map; empty where it does not: objects may be older than their schema."""
    found = body.get(field)
    return found if isinstance(found, Mapping) else {}
