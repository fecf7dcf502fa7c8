"""What would become of groups: of one with other sizes, and of those that manifests touch."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from windlass.api.common import to_wire
from windlass.api.scaling_group import ScalingGroupStatus
from windlass.cli.failures import CannotError
from windlass.cli.manifests import Proposed
from windlass.cli.reading import Body, now
from windlass.cli.subjects.group import GROUP
from windlass.cli.subjects.group.forecast import Forecast, differences, forecast, report, values
from windlass.cli.subjects.group.instances import read_group
from windlass.cli.subjects.group.observing import RECORDS_UNREADABLE, observe_live, read_configuration
from windlass.cli.subjects.group.scale import refusal
from windlass.cli.subjects.group.template import Tried, tried
from windlass.cli.told import Outlook
from windlass.cluster.client import Client
from windlass.cluster.errors import Invalid, Refused, RefusedBy
from windlass.cluster.resources import SCALING_CONFIGURATIONS, SCALING_GROUPS
from windlass.controllers.scaling_group.written import parse_spec
from windlass.planner.capacity.revisions import current_revision
from windlass.planner.capacity.view import GroupView

CONFIGURATION = SCALING_CONFIGURATIONS.kind
ASSUMPTION = "It is as if each new instance found room and came into service after 2s."

Configurations = Mapping[tuple[str, str], Proposed]  # by namespace and name


# ---- an existing group


async def plan_group(client: Client, namespace: str, name: str, wanted: Mapping[str, Any]) -> Outlook:
    """What would become of a group with these fields of its spec set otherwise."""
    group = await read_group(client, namespace, name)
    note = await _ask(client, group, wanted) if wanted else None
    plan = await _plan_existing(client, group, {**group["spec"], **wanted}, {}, [note] if note else [])
    return outlook(plan)


async def _ask(client: Client, group: Body, wanted: Mapping[str, Any]) -> str | None:
    """Let the API server refuse the change; a note where it may not be asked."""
    namespace, name = group["metadata"]["namespace"], group["metadata"]["name"]
    try:
        if set(wanted) == {"desiredSize"}:
            body: dict[str, Any] = {"spec": {"replicas": wanted["desiredSize"]}}
            await client.merge_patch(SCALING_GROUPS, namespace, name, body, subresource="scale", dry_run=True)
        else:
            await client.merge_patch(SCALING_GROUPS, namespace, name, {"spec": dict(wanted)}, dry_run=True)
    except Invalid as error:
        spec = {**group["spec"], **wanted}
        raise CannotError(refusal(namespace, name, spec, error)) from error
    except Refused as error:
        if error.by is not RefusedBy.PERMISSIONS:
            raise
        return f"the change was not checked by the API server: {error.detail}"
    return None


async def _plan_existing(
    client: Client, group: Body, spec: Body, configurations: Configurations, notes: Iterable[str] = ()
) -> Forecast:
    """The forecast of an existing group with this spec, and with these configurations as they would be."""
    view, records = await observe_live(client, group, now())
    known = {view.spec.configuration.scaling_configuration: view.configuration}
    before, after = to_wire(view.spec), to_wire(parsed := parse_spec({"spec": spec}))
    changes = list(differences(before, after))
    changed = replace(view, spec=parsed, generation=view.generation + bool(changes))
    changed, said = await _with_configuration(client, changed, known | _specs(configurations, view.namespace))
    more = [note for note in (said.note, RECORDS_UNREADABLE if records is None else None) if note]
    return forecast(changed, changes=changes, notes=[*notes, *more], refusing=said.now)


async def _with_configuration(
    client: Client | None, view: GroupView, known: Mapping[str, Body | None]
) -> tuple[GroupView, Tried]:
    """The view with the configuration that its spec names, and what the API server says of an instance made from it."""
    name = view.spec.configuration.scaling_configuration
    if name in known:
        configuration = known[name]
    else:
        found = await read_configuration(client, view.namespace, name) if client is not None else None
        configuration = found["spec"] if found is not None else None
    if configuration == view.configuration and view.template_problem is not None:
        return view, Tried()
    view = replace(view, configuration=configuration, template_problem=None)
    if client is None or configuration is None or current_revision(view) is not None:
        return view, Tried()
    said = await tried(client, view)
    return replace(view, template_problem=said.never), said


def _specs(configurations: Configurations, namespace: str) -> dict[str, Body | None]:
    return {name: proposed.spec for (place, name), proposed in configurations.items() if place == namespace}


# ---- what would be applied


async def plan_proposed(client: Client | None, proposed: Sequence[Proposed]) -> list[Outlook]:
    """What would become of the groups among these objects, and of those that use a configuration among these."""
    configurations = {_place(p): p for p in proposed if p.document.kind == CONFIGURATION}
    groups = [p for p in proposed if p.document.kind == GROUP.kind]
    plans = [await _plan_proposed(client, group, configurations) for group in groups]
    if client is not None:
        for body in await _users(client, configurations, {_place(group) for group in groups}):
            plans.append(await _plan_existing(client, body, body["spec"], configurations))  # noqa: PERF401 — await
    return list(map(outlook, plans))


def _place(proposed: Proposed) -> tuple[str, str]:
    return proposed.document.namespace, proposed.document.name


async def _users(client: Client, configurations: Configurations, but: Collection[tuple[str, str]]) -> list[Body]:
    """The groups that are there, `but` some, and make their instances from one of these configurations."""
    found: list[Body] = []
    for namespace in sorted({namespace for namespace, _ in configurations}):
        groups = (await client.list(SCALING_GROUPS, namespace)).items
        found += [
            group
            for group in groups
            if (namespace, group["spec"]["configuration"]["scalingConfiguration"]) in configurations
            and (namespace, group["metadata"]["name"]) not in but
        ]
    return found


async def _plan_proposed(client: Client | None, group: Proposed, configurations: Configurations) -> Forecast:
    if client is not None and group.live is not None:
        return await _plan_existing(client, group.live, group.spec, configurations)
    namespace, name = _place(group)
    view = GroupView(namespace, name, "", 1, parse_spec({"spec": group.spec}), ScalingGroupStatus(), now())
    view, said = await _with_configuration(client, view, _specs(configurations, namespace))
    return forecast(view, exists=False, notes=[said.note] if said.note else [], refusing=said.now)


def outlook(plan: Forecast) -> Outlook:
    """The forecast as `plan` shows it."""
    return Outlook(
        values=partial(values, plan),
        lines=partial(report, plan),
        acts=plan.acts,
        settled=plan.settled,
        refused=plan.refused,
        assumption=ASSUMPTION if plan.launches and not plan.refusing else None,
    )
