"""`kubectl windlass plan`: what a change would do, and why. Nothing is done."""

import argparse
from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from typing import Any

from windlass.api.common import to_wire
from windlass.api.scaling_group import ScalingGroupStatus
from windlass.cli import forecast as forecasts
from windlass.cli.failures import CannotError
from windlass.cli.forecast import Forecast, differences, forecast, report
from windlass.cli.manifests import Document, Proposed, documents_in, propose, read_bodies
from windlass.cli.observing import RECORDS_UNREADABLE, observe_live
from windlass.cli.output import show
from windlass.cli.reading import Body, now, read_group, with_client
from windlass.cli.scale import refusal
from windlass.cli.template import Tried, tried
from windlass.cluster.client import Client
from windlass.cluster.errors import ConfigurationError, Gone, Invalid, Refused, RefusedBy, Transient
from windlass.cluster.resources import SCALING_CONFIGURATIONS, SCALING_GROUPS
from windlass.controllers.scaling_group.observe import parse_spec
from windlass.planner.capacity.revisions import current_revision
from windlass.planner.capacity.view import GroupView

NOTHING, SOMETHING, REFUSED = 0, 1, 2  # exit codes, as those of `kubectl diff`
KIND = SCALING_GROUPS.kind

Configurations = Mapping[tuple[str, str], Proposed]  # by namespace and name
Planned = tuple[list[Forecast], list[Proposed], list[str]]  # plans, configurations, notes


def run(given: argparse.Namespace) -> int:
    """Show the plan; the exit code says whether anything would be done."""
    sizes = {"desiredSize": given.desired, "minSize": given.min, "maxSize": given.max}
    wanted = {field: size for field, size in sizes.items() if size is not None}
    if bool(given.filename) == bool(given.name):
        given.usage_error("say either `group NAME`, or -f FILE")
    if given.filename and wanted:
        given.usage_error("--desired, --min and --max go with `group NAME`: in a file, write them there")
    if given.filename:
        return _plan_files(given)
    plans = [with_client(given, lambda client, namespace: _plan_group(client, namespace, given.name, wanted))]
    return _show(given, plans, [], [])


# ---- an existing group


async def _plan_group(client: Client, namespace: str, name: str, wanted: Mapping[str, int]) -> Forecast:
    group = await read_group(client, namespace, name)
    note = await _ask(client, group, wanted) if wanted else None
    return await _plan_existing(client, group, {**group["spec"], **wanted}, {}, [note] if note else [])


async def _ask(client: Client, group: Body, wanted: Mapping[str, int]) -> str | None:
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
        configuration = await _configuration(client, view.namespace, name) if client is not None else None
    if configuration == view.configuration and view.template_problem is not None:
        return view, Tried()
    view = replace(view, configuration=configuration, template_problem=None)
    if client is None or configuration is None or current_revision(view) is not None:
        return view, Tried()
    said = await tried(client, view)
    return replace(view, template_problem=said.never), said


async def _configuration(client: Client, namespace: str, name: str) -> Body | None:
    try:
        found = await client.get(SCALING_CONFIGURATIONS, namespace, name)
    except Gone:
        return None
    return dict(found["spec"])


def _specs(configurations: Configurations, namespace: str) -> dict[str, Body | None]:
    return {name: proposed.spec for (place, name), proposed in configurations.items() if place == namespace}


# ---- files


def _plan_files(given: argparse.Namespace) -> int:
    bodies = read_bodies(given.filename)

    async def planned(client: Client | None, default: str) -> Planned:
        documents, notes = documents_in(bodies, given.namespace, default)
        return await _plan_documents(client, documents, notes)

    try:
        plans, proposed, notes = with_client(given, planned)
    except (ConfigurationError, Transient) as error:
        if isinstance(error, Transient) and error.code:
            raise
        import asyncio

        plans, proposed, notes = asyncio.run(planned(None, "default"))
        notes.insert(0, f"planned as for an empty cluster, and not checked by an API server: {error}")
    return _show(given, plans, proposed, notes)


async def _plan_documents(client: Client | None, documents: list[Document], notes: list[str]) -> Planned:
    proposed = [await propose(client, document) for document in documents]
    notes += [p.note for p in proposed if p.note]
    configurations = {_place(p): p for p in proposed if p.document.kind != KIND}
    groups = [p for p in proposed if p.document.kind == KIND]
    plans = [await _plan_proposed(client, group, configurations) for group in groups]
    if client is not None:
        for body in await _users(client, configurations, {_place(group) for group in groups}):
            plans.append(await _plan_existing(client, body, body["spec"], configurations))  # noqa: PERF401 — await
    return plans, list(configurations.values()), notes


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


# ---- showing


def _show(given: argparse.Namespace, plans: list[Forecast], proposed: list[Proposed], notes: list[str]) -> int:
    show(given.output, lambda: values(plans, proposed, notes), lambda: _lines(plans, proposed, notes))
    if any(plan.refused for plan in plans):
        return REFUSED
    return NOTHING if all(plan.settled for plan in plans) else SOMETHING


def values(plans: list[Forecast], proposed: list[Proposed], notes: list[str]) -> dict[str, Any]:
    """All plans for programs."""
    configurations = [
        {"namespace": p.document.namespace, "name": p.document.name, "change": p.change} for p in proposed
    ]
    return {"configurations": configurations, "notes": notes, "plans": [forecasts.values(plan) for plan in plans]}


def _lines(plans: list[Forecast], proposed: list[Proposed], notes: list[str]) -> list[str]:
    words = {"Created": "would be created", "Changed": "would be changed", "Unchanged": "stays as it is"}
    lines = [f"note: {note}" for note in notes]
    lines += [f"ScalingConfiguration {p.document.namespace}/{p.document.name}: {words[p.change]}" for p in proposed]
    for plan in plans:
        lines += ["", *report(plan)] if lines else report(plan)
    if not plans:
        lines.append("no group uses it: nothing would be done")
    if any(plan.acts for plan in plans):
        times = " It is as if each new instance found room and came into service after 2s."
        launches = any(plan.launches and not plan.refusing for plan in plans)
        lines += ["", f"Nothing was done.{times if launches else ''}"]
    return lines
