"""What would become of a container group: how an update would be applied, what it would start again, and why."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from windlass.api.container_group import ContainerGroupStatus, UpdateResult, UpdateStatus
from windlass.cli.manifests import Proposed
from windlass.cli.reading import Body, now, read_object
from windlass.cli.subjects.container_group import CONTAINER_GROUP
from windlass.cli.told import Outlook
from windlass.cluster.client import Client
from windlass.cluster.container_groups import WirePod, to_container_group, to_group_pod
from windlass.cluster.errors import Gone, Refused
from windlass.cluster.resources import PODS
from windlass.cluster.store import Object
from windlass.controllers.container_groups.belongings import Belongings, BelongingsStore
from windlass.planner.containergroup.plan import plan_container_group
from windlass.planner.containergroup.pod import changes_of, config_maps, contents_digest, copy_names, origin
from windlass.planner.containergroup.reasons import NoNeedUpdate
from windlass.planner.containergroup.steps import ContainerGroupPlan, DeletePod, Step, WriteConfigMap, WriteSecret
from windlass.planner.containergroup.view import ContainerGroup, ContainerGroupView

ASSUMPTION = "An update is done when the kubelet reports it, and has failed where it does not in time."


@dataclass(frozen=True, slots=True)
class Course:
    """What comes next. `steps`: all until the kubelet has to do something; `waits`: why there are no more, where that
    is not the kubelet's doing; `update`: the one that would begin, or be refused; `changes`: what it is about, in
    words."""

    namespace: str
    group: ContainerGroup
    plan: ContainerGroupPlan
    steps: tuple[Step, ...]
    waits: str | None
    update: UpdateStatus | None
    changes: tuple[str, ...]
    note: str | None

    @property
    def new(self) -> bool:
        """Whether there is no such group yet."""
        return not self.group.uid

    @property
    def refused(self) -> bool:
        """Whether the update would be refused."""
        return self.update is not None and self.update.result is UpdateResult.REFUSED and not self.needless

    @property
    def needless(self) -> bool:
        """Whether the new spec asks for what there is."""
        return self.update is not None and self.update.reason == str(NoNeedUpdate())

    @property
    def acts(self) -> bool:
        """Whether anything would be done."""
        return self.new or bool(self.steps) or (self.update is not None and self.update.result is None)

    @property
    def message(self) -> str:
        """In one sentence."""
        if self.update is not None:
            begins = next((str(event.reason) for event in self.plan.events), "")
            return self.update.reason or begins or str(self.plan.why)
        return "would be created" if self.new else str(self.plan.why)


async def plan_existing(client: Client, namespace: str, name: str) -> Outlook:
    """What is done next with a group as it is."""
    body = Object(await read_object(client, CONTAINER_GROUP, namespace, name))
    return _outlook(await _course(client, namespace, to_container_group(body)))


async def plan_proposed(client: Client | None, proposed: Sequence[Proposed]) -> list[Outlook]:
    """What would come of applying these groups."""
    courses = [_course(client, each.document.namespace, _group(each)) for each in proposed]
    return [_outlook(course) for course in await asyncio.gather(*courses)]


def _group(proposed: Proposed) -> ContainerGroup:
    live = proposed.live
    generation = 1 if live is None else live["metadata"]["generation"] + (live["spec"] != proposed.spec)
    uid = "" if live is None else live["metadata"]["uid"]
    metadata = {"name": proposed.document.name, "uid": uid, "generation": generation}
    status: Body = {} if live is None else live.get("status") or {}
    return to_container_group(Object({"metadata": metadata, "spec": proposed.spec, "status": status}))


async def _course(client: Client | None, namespace: str, group: ContainerGroup) -> Course:
    pod = None if client is None or not group.uid else await _pod(client, namespace, group)
    belongings, note = await _belongings(client, namespace, group)
    view = ContainerGroupView(
        now=now(),
        group=group,
        pod=None if pod is None else pod.seen_by(group.uid),
        config_maps=belongings.config_maps,
        registries=belongings.registries,
        copies=belongings.copies,
    )
    plan = plan_container_group(view)
    status: ContainerGroupStatus = plan.status
    update = status.last_update if status.last_update != group.status.last_update else None
    changes = tuple(str(each) for each in changes_of(group, view.pod)) if view.pod is not None else ()
    steps, last = _until_the_kubelet(view, plan)
    course = Course(namespace, group, plan, steps, None, update, changes, note)
    return course if last.steps or not course.acts else replace(course, waits=str(last.why))


def _until_the_kubelet(
    view: ContainerGroupView, plan: ContainerGroupPlan
) -> tuple[tuple[Step, ...], ContainerGroupPlan]:
    """The steps from here, and the last plan: what is written is there then, and a Pod that is deleted is gone."""
    steps = plan.steps
    while plan.steps and all(isinstance(step, WriteConfigMap | WriteSecret | DeletePod) for step in plan.steps):
        view = _after(view, plan)
        plan = plan_container_group(view)
        steps += plan.steps
    return steps, plan


def _after(view: ContainerGroupView, plan: ContainerGroupPlan) -> ContainerGroupView:
    maps, copies, pod = dict(view.config_maps), dict(view.copies), view.pod
    for step in plan.steps:
        match step:
            case WriteConfigMap():
                maps[step.name] = step.digest
            case WriteSecret():
                copies[step.name] = step.origin
            case DeletePod():
                pod = None
    group = replace(view.group, status=plan.status)
    return replace(view, group=group, pod=pod, config_maps=maps, copies=copies)


async def _pod(client: Client, namespace: str, group: ContainerGroup) -> Any:
    try:
        return to_group_pod(await client.get(PODS, namespace, group.name, into=WirePod))
    except Gone:
        return None


async def _belongings(client: Client | None, namespace: str, group: ContainerGroup) -> tuple[Belongings, str | None]:
    """What is there beside the Pod. Where it may not be read, all that is needed is taken to be there."""
    if client is not None:
        try:
            return await BelongingsStore(client).read(namespace, group), None
        except Refused as error:
            note = (
                f"what the group has beside its Pod could not be read, and is taken to be as it should: {error.detail}"
            )
            return _as_it_should_be(group), note
    return _as_it_should_be(group), None


def _as_it_should_be(group: ContainerGroup) -> Belongings:
    sources = copy_names(group)
    versions = dict.fromkeys(sources.values(), "1")
    return Belongings(
        {name: contents_digest(data) for name, data in config_maps(group).items()},
        {name: origin(source, "1") for name, source in sources.items()},
        versions,
    )


def _outlook(course: Course) -> Outlook:
    return Outlook(
        values=lambda: _values(course),
        lines=lambda: _lines(course),
        acts=course.acts,
        settled=not course.acts and not course.refused,
        refused=course.refused,
        assumption=ASSUMPTION if course.update is not None else None,
    )


def _values(course: Course) -> dict[str, Any]:
    update = course.update
    return {
        "namespace": course.namespace,
        "name": course.group.name,
        "message": course.message,
        "changes": list(course.changes),
        "disruption": str(update.disruption) if update is not None and update.disruption is not None else None,
        "restartedContainers": list(update.restarted_containers) if update is not None else [],
        "refused": course.refused,
        "waits": course.waits,
        "steps": [{"step": type(step).__name__, "message": str(step.why)} for step in course.steps],
        "notes": [course.note] if course.note else [],
    }


def _lines(course: Course) -> list[str]:
    lines = [f"note: {course.note}"] if course.note else []
    lines.append(f"{CONTAINER_GROUP.kind} {course.namespace}/{course.group.name}: {course.message}")
    if course.changes and not course.needless:
        lines.append(f"  differs: {', '.join(course.changes)}")
    if course.refused:
        return lines
    if not course.acts:
        return [*lines, "  nothing would be done"]
    lines += [f"  {number}. {step.why}" for number, step in enumerate(course.steps, 1)]
    return [*lines, f"  {course.waits}"] if course.waits else lines
