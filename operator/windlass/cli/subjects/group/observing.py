"""The group's view, made from live reads alone."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import Any, TypeVar

from windlass.api.common import GROUP_LABEL
from windlass.cli.reading import Body
from windlass.cluster.client import Client
from windlass.cluster.decoding import RecordDecoder
from windlass.cluster.errors import Gone, NoSuchKind
from windlass.cluster.pods import Pod, to_instance
from windlass.cluster.reflection import Source
from windlass.cluster.resources import (
    CONTROLLER_REVISIONS,
    PODS,
    SCALING_ACTIVITIES,
    SCALING_CONFIGURATIONS,
    Resource,
)
from windlass.cluster.revisions import ControllerRevision, to_revision
from windlass.cluster.store import Record
from windlass.controllers.scaling_group.written import parse_spec, parse_status, view_of
from windlass.planner.capacity.group import plan_group
from windlass.planner.capacity.instance import Instance
from windlass.planner.capacity.reasons import TemplateRefused
from windlass.planner.capacity.view import GroupView, Revision

T = TypeVar("T", bound=Record)

RECORDS_UNREADABLE = (
    f"records of activities cannot be read, and the operator cannot begin one: the CRD "
    f"{SCALING_ACTIVITIES.plural}.{SCALING_ACTIVITIES.group} is missing"
)


async def observe_live(client: Client, group: Body, now: datetime) -> tuple[GroupView, list[Body] | None]:
    """What a pass of an operator that has just started would see of this group as it was read, and its records.

    The records are None where the API server does not know their kind: all else can be told all the same.
    """
    metadata, spec, status = group["metadata"], parse_spec(group), parse_status(group)
    namespace, name, uid = metadata["namespace"], metadata["name"], metadata["uid"]
    pods, revisions, configuration, records = await asyncio.gather(
        _pods(client, namespace, name),
        _revisions(client, namespace, name),
        read_configuration(client, namespace, spec.configuration.scaling_configuration),
        _records(client, namespace, name),
    )
    by_name = {record["metadata"]["name"]: record for record in records or ()}
    view = view_of(
        group,
        spec,
        status,
        now,
        configuration=configuration,
        instances=(pod for pod in pods if pod.group == uid and not pod.orphan_of),
        orphans=(pod for pod in pods if pod.orphan_of == name),
        revisions=(revision for revision in revisions if revision.group == uid),
        record=by_name.get(status.activity.name) if status.activity else None,
        records={each: record for each, record in by_name.items() if _is_of(record, name)},
    )
    return replace(view, template_problem=_template_problem(group, view)), records


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


async def read_configuration(client: Client, namespace: str, name: str) -> Body | None:
    """The configuration of this name; None if there is none."""
    try:
        return await client.get(SCALING_CONFIGURATIONS, namespace, name)
    except Gone:
        return None


async def _records(client: Client, namespace: str, name: str) -> list[Body] | None:
    try:
        return list((await client.list(SCALING_ACTIVITIES, namespace, label_selector=f"{GROUP_LABEL}={name}")).items)
    except NoSuchKind:
        return None


def _is_of(record: Body, name: str) -> bool:
    """Whether it is a record of the group of this name, whatever its label says."""
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
    without = str(TemplateRefused(view.spec.configuration.scaling_configuration, ""))
    more = plan_group(replace(view, template_problem="")).status.message.removeprefix(without)
    return said.removeprefix(without).removesuffix(more)
