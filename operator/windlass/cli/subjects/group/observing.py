"""The group's view, made from live reads alone."""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, TypeVar

from windlass.api.common import GROUP_LABEL
from windlass.cli.reading import Body
from windlass.cli.subjects.group.instances import scripts_running
from windlass.cluster.client import Client
from windlass.cluster.decoding import RecordDecoder
from windlass.cluster.errors import Gone, NoSuchKind
from windlass.cluster.pods import Pod, to_instance
from windlass.cluster.reflection import Source
from windlass.cluster.refreshes import parse_refreshes
from windlass.cluster.resources import (
    CONFIG_MAPS,
    CONTROLLER_REVISIONS,
    INSTANCE_REFRESHES,
    LAUNCH_TEMPLATES,
    PODS,
    ROLLING_UPDATES,
    SCALING_ACTIVITIES,
    SCALING_CONFIGURATIONS,
    SCALING_GROUPS,
    Resource,
)
from windlass.cluster.revisions import ControllerRevision, to_revision
from windlass.cluster.store import Record
from windlass.cluster.updates import parse_updates
from windlass.controllers.scaling_group.written import named_by, parse_spec, parse_status, view_of
from windlass.planner.capacity.instance import Instance
from windlass.planner.capacity.reasons import TemplateRefused
from windlass.planner.capacity.source import CONFIGURATION, TEMPLATE, kind_and_name, named_source
from windlass.planner.capacity.view import GroupView, Revision
from windlass.planner.group import plan_group
from windlass.planner.rolling_update.payload import earlier_of, package_source
from windlass.planner.rolling_update.update import Update
from windlass.planner.rollout.refresh import Refresh, Sources

T = TypeVar("T", bound=Record)

SOURCES = {resource.kind: resource for resource in (SCALING_CONFIGURATIONS, LAUNCH_TEMPLATES)}
RECORDS_UNREADABLE = (
    f"records of activities cannot be read, and the operator cannot begin one: the CRD "
    f"{SCALING_ACTIVITIES.plural}.{SCALING_ACTIVITIES.group} is missing"
)


async def observe_live(client: Client, group: Body, now: datetime) -> tuple[GroupView, list[Body] | None, Body | None]:
    """What a pass of an operator that has just started would see of this group as it was read, its records, and its
    source.

    The records are None where the API server does not know their kind: all else can be told all the same. Scripts of
    a rolling update are taken to run, as they do where an operator does.
    """
    metadata, spec, status = group["metadata"], parse_spec(group), parse_status(group)
    namespace, name, uid = metadata["namespace"], metadata["name"], metadata["uid"]
    pods, revisions, source, records, asked, updating = await asyncio.gather(
        _pods(client, namespace, name),
        _revisions(client, namespace, name),
        read_source(client, namespace, *kind_and_name(spec.configuration)),
        _records(client, namespace, name),
        read_refreshes(client, namespace, name),
        read_updates(client, namespace, name),
    )
    own, refreshes = spec.configuration.scaling_configuration, parse_refreshes(asked)
    updates = parse_updates(updating)
    asks = bool(refreshes or updates)
    sources = await read_sources(client, namespace, name, own, refreshes) if asks else Sources()
    packages = await read_packages(client, namespace, updates)
    by_name = {record["metadata"]["name"]: record for record in records or ()}
    view = view_of(
        group,
        spec,
        status,
        now,
        configuration=source if spec.configuration.launch_template is None else None,
        template=source if spec.configuration.launch_template is not None else None,
        instances=(pod for pod in pods if pod.group == uid and not pod.orphan_of),
        orphans=(pod for pod in pods if pod.orphan_of == name),
        revisions=(revision for revision in revisions if revision.group == uid),
        record=by_name.get(status.activity.name) if status.activity else None,
        records={each: record for each, record in by_name.items() if _is_of(record, name)},
        refreshes=refreshes,
        sources=sources,
        updates=updates,
        packages=packages,
    )
    if status.update is not None:
        view = replace(view, scripts_running=scripts_running(view.instances, status.update.uid))
    return replace(view, template_problem=_template_problem(group, view)), records, source


async def _pods(client: Client, namespace: str, name: str) -> list[Instance]:
    return await _labelled(client, PODS, Pod, to_instance, namespace, name)


async def _revisions(client: Client, namespace: str, name: str) -> list[Revision]:
    return await _labelled(client, CONTROLLER_REVISIONS, ControllerRevision, to_revision, namespace, name)


async def _labelled(
    client: Client, resource: Resource, wire: type[Any], record: Callable[[Any], T], namespace: str, name: str
) -> list[T]:
    """What bears the group's label; what cannot be read is left out, as the operator does."""
    decoder = RecordDecoder(resource.kind, wire, record, lambda what, number: None)
    found, _ = await Source(client, resource, decoder, namespace, f"{GROUP_LABEL}={name}").list()
    return found


async def read_source(client: Client, namespace: str, kind: str, name: str) -> Body | None:
    """The ScalingConfiguration or LaunchTemplate of this name; None if there is none."""
    try:
        return await client.get(SOURCES[kind], namespace, name)
    except Gone:
        return None


async def read_refreshes(client: Client, namespace: str, group: str) -> list[Body]:
    """The InstanceRefreshes of the group of this name; none where the API server does not know their kind."""
    return await _tasks(client, INSTANCE_REFRESHES, namespace, group)


async def read_updates(client: Client, namespace: str, group: str) -> list[Body]:
    """The RollingUpdates of the group of this name; none where the API server does not know their kind."""
    return await _tasks(client, ROLLING_UPDATES, namespace, group)


async def _tasks(client: Client, resource: Resource, namespace: str, group: str) -> list[Body]:
    try:
        found = (await client.list(resource, namespace)).items
    except NoSuchKind:
        return []
    return [body for body in found if _is_of(body, group)]


async def read_packages(client: Client, namespace: str, updates: Sequence[Update]) -> dict[str, dict[str, str] | None]:
    """The data of the ConfigMaps that updates need which are not over, by name; None: there is none."""
    wanted = set()
    for update in updates:
        earlier = earlier_of(update, updates)
        source = package_source(update.spec, earlier if isinstance(earlier, Update) else None)
        if source is not None and not update.task.final:
            wanted.add(source)
    found: dict[str, dict[str, str] | None] = {}
    for name in sorted(wanted):
        try:
            found[name] = (await client.get(CONFIG_MAPS, namespace, name)).get("data") or {}
        except Gone:
            found[name] = None
    return found


async def read_sources(
    client: Client, namespace: str, group: str, own: str | None, refreshes: Iterable[Refresh]
) -> Sources:
    """What these refreshes of a group name, and who else uses those configurations, or the group's `own`."""
    names, versions = named_by(refreshes)
    templates = {wanted.name for wanted in versions}
    groups, configurations, found = await asyncio.gather(
        client.list(SCALING_GROUPS, namespace),
        _specs(client, namespace, CONFIGURATION, names),
        _specs(client, namespace, TEMPLATE, templates),
    )
    users = (body for body in groups.items if body["metadata"]["name"] != group)
    others = {kind_and_name(parse_spec(body).configuration) for body in users}
    shared = (name for name in {own, *names} if name is not None and (CONFIGURATION, name) in others)
    return Sources(configurations, frozenset(shared), found)


async def _specs(client: Client, namespace: str, kind: str, names: Iterable[str]) -> dict[str, Body | None]:
    named = sorted(names)
    found = await asyncio.gather(*(read_source(client, namespace, kind, name) for name in named))
    return {name: body["spec"] if body is not None else None for name, body in zip(named, found, strict=True)}


async def _records(client: Client, namespace: str, name: str) -> list[Body] | None:
    try:
        return list((await client.list(SCALING_ACTIVITIES, namespace, label_selector=f"{GROUP_LABEL}={name}")).items)
    except NoSuchKind:
        return None


def _is_of(record: Body, name: str) -> bool:
    """Whether it is a record or a refresh of the group of this name, whatever its labels say."""
    spec = record.get("spec")
    return isinstance(spec, dict) and spec.get("scalingGroup") == name


def _template_problem(group: Body, view: GroupView) -> str | None:
    """Why the API server refuses the configuration's Pod, which only the operator tries: as it says in the status.

    What the operator says after it of other things is left out: it is said anew.
    """
    code = TemplateRefused.__name__
    said = next((c.message for c in parse_status(group).conditions if c.type == "Stalled" and c.reason == code), None)
    if said is None:
        return None
    without = str(TemplateRefused(named_source(view), ""))
    more = plan_group(replace(view, template_problem="")).status.message.removeprefix(without)
    return said.removeprefix(without).removesuffix(more)
