"""ContainerGroups: each has one Pod of its own name, which is made, changed in place or made anew."""

from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Literal

from windlass.api import container_group
from windlass.api.common import owner_reference, to_wire
from windlass.cluster.container_groups import GroupPod, WireNode, WirePod, to_container_group, to_group_pod, to_node
from windlass.cluster.errors import AlreadyExists, Gone, Invalid, Refused
from windlass.cluster.informer import Informer
from windlass.cluster.resources import NODES, PODS
from windlass.cluster.store import Object
from windlass.controllers.container_groups.belongings import Belongings, BelongingsStore
from windlass.engine.dispatch import Controller, Runtime
from windlass.engine.loop import AT_ONCE, Answer
from windlass.engine.own_objects import OwnObjects
from windlass.engine.own_stores import same_wish
from windlass.engine.queue import Key
from windlass.planner.containergroup.plan import plan_container_group
from windlass.planner.containergroup.pod import CONTAINER_GROUP_LABEL
from windlass.planner.containergroup.steps import (
    ContainerGroupPlan,
    CreatePod,
    DeleteConfigMap,
    DeletePod,
    DeleteSecret,
    PatchPod,
    Resize,
    Step,
    WriteConfigMap,
    WriteSecret,
)
from windlass.planner.containergroup.view import ContainerGroup, ContainerGroupView, Node, Refusal

BELONGINGS_SECONDS = 60.0  # between two looks at Secrets and what else a group has: no watch tells of it
# Between two tries to get rid of a Pod by force or to find a name free, and two looks at a silent node.
AGAIN = timedelta(seconds=10)

PodStep = Literal["CreatePod", "PatchPod", "Resize"]


@dataclass(frozen=True, slots=True)
class _Read:
    belongings: Belongings
    generation: int
    at: float


class ContainerGroupController(Controller):
    """Brings each group's Pod to what the group asks for."""

    kind = container_group.KIND.kind

    def __init__(self, runtime: Runtime) -> None:
        self._client = runtime.client
        self._clock = runtime.clock
        self._enqueue = runtime.enqueue
        self._sees_nodes = runtime.namespaces is None  # in given namespaces it has Roles alone, and nodes are in none
        runtime.stores.add(container_group.KIND, self._group_changed)
        self._groups = OwnObjects(self.kind, runtime)
        self._belongings = BelongingsStore(runtime.client)
        self.pods: Informer[GroupPod] = Informer(
            runtime.client,
            replace(PODS, kind="ContainerGroup's Pod"),  # so that its messages are told from those of other Pods
            wire=WirePod,
            record=to_group_pod,
            namespaces=runtime.namespaces,
            label_selector=CONTAINER_GROUP_LABEL,
            index=_place,
            on_change=self._pod_changed,
            count=partial(runtime.metrics.count_informer_events, "pods of container groups"),
        )
        self.sources = (self.pods,)
        self._looked: dict[Key, str] = {}  # uids of groups whose Pod was read live in this term
        self._read: dict[Key, _Read] = {}
        self._refusals: dict[Key, dict[PodStep, Refusal]] = {}
        # Pods without the mark of a group under a group's name, and when they were read.
        self._in_the_way: dict[Key, tuple[float, GroupPod]] = {}

    def all_keys(self) -> Iterable[Key]:
        """Those of all groups."""
        return self._groups.all_keys()

    def stop_leading(self) -> None:
        """What another leader writes meanwhile is not known here."""
        self._looked.clear()
        self._read.clear()
        self._refusals.clear()
        self._in_the_way.clear()

    async def report(self, key: Key, error: Exception) -> None:
        """Show in its conditions that its passes fail, and why."""
        await self._groups.show_failure(key, error, lambda readiness: None, observes=False)

    # ---- what is heard

    def _group_changed(self, old: Object | None, new: Object | None) -> None:
        changed = new or old
        if changed is not None and not (old is not None and new is not None and same_wish(old, new)):
            self._enqueue(Key(self.kind, changed.namespace, changed.name))

    def _pod_changed(self, old: GroupPod | None, new: GroupPod | None) -> None:
        changed = new or old
        if changed is not None:
            self._enqueue(Key(self.kind, changed.namespace, changed.name))

    # ---- a pass

    async def reconcile(self, key: Key) -> Answer:
        """The next step of the group."""
        if self._groups.known(key) is None:
            self._forget(key)
        body = self._groups.existing(key)
        group = to_container_group(body)
        if group.removing:  # its owner references take with it all that it has
            return None
        await self._look_live(key, group)
        belongings = await self._belongings_of(key, group)
        view = await self._view(key, group, belongings)
        plan = plan_container_group(view)
        if to_wire(plan.status) != (body.get("status") or {}):
            await self._groups.write_status(key, body, to_wire(plan.status))
            self._groups.tell(key, body.uid, plan.events)
        elif plan.steps:
            await self._groups.confirm(key, body)
        for step in plan.steps:
            try:
                await self._take(key, group, step)
            except Gone:  # what the step is about, which the next plan sees
                await self._read_pod(key)
                return AT_ONCE
        deletes = any(isinstance(step, DeletePod) for step in plan.steps)
        if view.pod is not None and ((view.pod.removing and deletes) or not view.pod.owned):
            return self._clock.now() + AGAIN  # something keeps it, or it is somebody else's
        return AT_ONCE if plan.steps else self._again_at(view, plan)

    def _forget(self, key: Key) -> None:
        for known in (self._looked, self._read, self._refusals, self._in_the_way):
            known.pop(key, None)

    async def _look_live(self, key: Key, group: ContainerGroup) -> None:
        """Read the Pod live once in a term: the watch may be behind what an earlier leader wrote."""
        if self._looked.get(key) != group.uid:
            self._forget(key)  # what is known may be of an earlier group of that name
            await self._read_pod(key)
            self._looked[key] = group.uid
        read_at, _ = self._in_the_way.get(key, (None, None))
        if read_at is not None and self._clock.monotonic() >= read_at + AGAIN.total_seconds():
            await self._read_stranger(key, group)

    async def _read_pod(self, key: Key) -> None:
        await self.pods.refresh(f"{key.namespace}/{key.name}", key.namespace, f"{CONTAINER_GROUP_LABEL}={key.name}")

    async def _belongings_of(self, key: Key, group: ContainerGroup) -> Belongings:
        known, now = self._read.get(key), self._clock.monotonic()
        if known is not None and known.generation == group.generation and now < known.at + BELONGINGS_SECONDS:
            return known.belongings
        found = await self._belongings.read(key.namespace, group)
        self._read[key] = _Read(found, group.generation, now)
        return found

    async def _view(self, key: Key, group: ContainerGroup, belongings: Belongings) -> ContainerGroupView:
        found = self.pods.get(key.namespace, key.name) or self._in_the_way.get(key, (0.0, None))[1]
        pod = None if found is None else found.seen_by(group.uid)
        unwell = found is not None and (found.pod.removing or not found.ready)
        node = await self._node(pod.node) if self._sees_nodes and unwell and pod is not None and pod.node else None
        return ContainerGroupView(
            now=self._clock.now(),
            group=group,
            pod=pod,
            node=node,
            config_maps=belongings.config_maps,
            registries=belongings.registries,
            copies=belongings.copies,
            refusals=tuple(self._refusals.get(key, {}).values()),
        )

    async def _read_stranger(self, key: Key, group: ContainerGroup) -> None:
        """Look for a Pod under the group's name that has not its mark: no watch tells of it."""
        self._in_the_way.pop(key, None)
        try:
            there = to_group_pod(await self._client.get(PODS, key.namespace, group.name, into=WirePod))
        except Gone:
            return
        if there.controller != group.uid:
            self._in_the_way[key] = self._clock.monotonic(), there

    async def _node(self, name: str) -> Node:
        try:
            return to_node(await self._client.get(NODES, None, name, into=WireNode))
        except Gone:
            return Node(gone=True)

    def _again_at(self, view: ContainerGroupView, plan: ContainerGroupPlan) -> datetime | None:
        """No watch tells of Secrets and nodes."""
        moments = [plan.wake_at]
        if view.group.spec.image_registry_credentials:
            moments.append(view.now + timedelta(seconds=BELONGINGS_SECONDS))
        if view.node is not None and view.node.unready_since is not None:
            moments.append(view.now + AGAIN)
        return min((each for each in moments if each is not None), default=None)

    # ---- its steps

    async def _take(self, key: Key, group: ContainerGroup, step: Step) -> None:
        match step:
            case WriteConfigMap():
                self._read.pop(key, None)
                await self._belongings.write_config_map(key.namespace, group, step)
            case WriteSecret():
                self._read.pop(key, None)
                await self._belongings.write_secret(key.namespace, group, step)
            case DeleteConfigMap() | DeleteSecret():
                self._read.pop(key, None)
                await self._belongings.delete(key.namespace, group, step)
            case CreatePod():
                await self._try(key, group, "CreatePod", partial(self._create, key, group, step))
            case PatchPod():
                await self._try(key, group, "PatchPod", partial(self._patch, key, step))
            case Resize():
                await self._try(key, group, "Resize", partial(self._resize, key, step))
            case DeletePod(then=manifest):
                if manifest is not None:
                    await self._try(key, group, "CreatePod", partial(self._try_out, key, group, manifest))
                if manifest is None or "CreatePod" not in self._refusals[key]:
                    await self._delete(key, step)

    async def _try(self, key: Key, group: ContainerGroup, step: PodStep, act: Callable[[], Awaitable[None]]) -> None:
        """What the API server refuses is a fact that the next plan reads."""
        refusals = self._refusals.setdefault(key, {})
        try:
            await act()
        except (Refused, Invalid) as error:
            made = Refusal(step, error.detail, group.generation, self._clock.now(), invalid=isinstance(error, Invalid))
            refusals[step] = made.after(refusals.get(step))
        else:
            refusals.pop(step, None)

    async def _create(self, key: Key, group: ContainerGroup, step: CreatePod) -> None:
        owner = owner_reference(self.kind, group.name, group.uid)
        metadata = {**step.manifest["metadata"], "ownerReferences": [owner]}
        try:
            await self._client.create(PODS, key.namespace, {**step.manifest, "metadata": metadata})
        except AlreadyExists:
            await self._read_stranger(key, group)
        await self._read_one(key)

    async def _try_out(self, key: Key, group: ContainerGroup, manifest: Mapping[str, Any]) -> None:
        """Whether the API server would take this Pod, asked under another name. A quota is no answer: the Pod that is
        to go still counts; nor is a webhook that cannot be asked."""
        made = {**manifest, "metadata": {**manifest["metadata"], "name": f"{group.name[:240]}-try"}}
        try:
            await self._client.create(PODS, key.namespace, made, dry_run=True)
        except AlreadyExists:
            return
        except (Refused, Invalid) as error:
            if not any(word in error.detail for word in ("exceeded quota", "dry run")):
                raise

    async def _patch(self, key: Key, step: PatchPod) -> None:
        body: dict[str, Any] = {
            "metadata": {"uid": step.uid, "labels": dict(step.labels), "annotations": dict(step.annotations)}
        }
        if step.images:
            body["spec"] = {"containers": [{"name": name, "image": image} for name, image in step.images.items()]}
        await self._client.strategic_patch(PODS, key.namespace, step.name, body)
        await self._read_one(key)

    async def _resize(self, key: Key, step: Resize) -> None:
        def resources(cpu: str, memory: str) -> Mapping[str, Mapping[str, str]]:
            amounts = {"cpu": cpu, "memory": memory}
            return {"requests": amounts, "limits": amounts}

        sized = [
            {"name": name, "resources": resources(each.cpu_text, each.memory_text)} for name, each in step.sizes.items()
        ]
        body = {"metadata": {"uid": step.uid}, "spec": {"containers": sized}}
        await self._client.strategic_patch(PODS, key.namespace, step.name, body, subresource="resize")
        await self._read_one(key)

    async def _delete(self, key: Key, step: DeletePod) -> None:
        try:
            grace = 0 if step.force else None
            await self._client.delete(PODS, key.namespace, step.name, uid=step.uid, grace_seconds=grace)
        except Gone:
            pass
        await self._read_pod(key)

    async def _read_one(self, key: Key) -> None:
        try:
            await self.pods.read_one(key.namespace, key.name)
        except Gone:
            await self._read_pod(key)


def _place(pod: GroupPod) -> str:
    return f"{pod.namespace}/{pod.name}"
