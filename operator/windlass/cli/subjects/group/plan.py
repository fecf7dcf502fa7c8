"""What would become of groups: of one with other sizes, and of those that manifests touch."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from windlass.api.common import to_wire
from windlass.api.scaling_group import ScalingGroupStatus
from windlass.cli.failures import CannotError
from windlass.cli.manifests import Proposed
from windlass.cli.reading import Body, now
from windlass.cli.subjects.group import GROUP
from windlass.cli.subjects.group.forecast import Change, Forecast, differences, forecast, report, values
from windlass.cli.subjects.group.instances import read_group
from windlass.cli.subjects.group.observing import RECORDS_UNREADABLE, observe_live, read_source
from windlass.cli.subjects.group.scale import refusal
from windlass.cli.subjects.group.template import Tried, tried
from windlass.cli.told import Outlook
from windlass.cluster.client import Client
from windlass.cluster.errors import Invalid, Refused, RefusedBy
from windlass.cluster.resources import INSTANCE_REFRESHES, ROLLING_UPDATES, SCALING_GROUPS
from windlass.controllers.scaling_group.written import parse_spec
from windlass.planner.capacity.revisions import current_revision
from windlass.planner.capacity.source import CONFIGURATION, TEMPLATE, kind_and_name, own_data
from windlass.planner.capacity.view import GroupView

TASKS = frozenset({INSTANCE_REFRESHES.kind, ROLLING_UPDATES.kind})
ASSUMPTION = "It is as if each new instance found room and came into service after 2s."

Place = tuple[str, str]  # namespace and name
Sources = Mapping[tuple[str, str, str], Proposed]  # by namespace, kind and name
Known = Mapping[tuple[str, str], Body | None]  # specs by kind and name


@dataclass(frozen=True, slots=True)
class Start:
    """How a group would stand once manifests are applied, and what is to be said of that.

    `refusing`: what the API server says of launches for now.
    """

    view: GroupView
    exists: bool
    changes: Sequence[Change] = ()
    notes: Sequence[str] = ()
    refusing: str | None = None

    def forecast(self) -> Forecast:
        """What would become of it."""
        return forecast(self.view, exists=self.exists, changes=self.changes, notes=self.notes, refusing=self.refusing)


# ---- an existing group


async def plan_group(client: Client, namespace: str, name: str, wanted: Mapping[str, Any]) -> Outlook:
    """What would become of a group with these fields of its spec set otherwise."""
    group = await read_group(client, namespace, name)
    note = await _ask(client, group, wanted) if wanted else None
    start = await start_of_existing(client, group, {**group["spec"], **wanted}, {}, [note] if note else [])
    return outlook(start.forecast())


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


async def start_of_existing(
    client: Client, group: Body, spec: Body, sources: Sources, notes: Iterable[str] = ()
) -> Start:
    """An existing group with this spec, and with these sources as they would be."""
    view, records, _ = await observe_live(client, group, now())
    known = {kind_and_name(view.spec.configuration): view.configuration or view.template}
    before, after = to_wire(view.spec), to_wire(parsed := parse_spec({"spec": spec}))
    changes = list(differences(before, after))
    changed = replace(view, spec=parsed, generation=view.generation + bool(changes))
    changed, said = await _with_source(client, changed, known | specs_of(sources, view.namespace))
    more = [note for note in (said.note, RECORDS_UNREADABLE if records is None else None) if note]
    return Start(changed, True, changes, [*notes, *more], said.now)


async def _with_source(client: Client | None, view: GroupView, known: Known) -> tuple[GroupView, Tried]:
    """The view with the source that its spec names, and what the API server says of an instance made from it."""
    kind, name = source = kind_and_name(view.spec.configuration)
    if source in known:
        spec = known[source]
    else:
        found = await read_source(client, view.namespace, kind, name) if client is not None else None
        spec = found["spec"] if found is not None else None
    before = own_data(view)
    template = kind == TEMPLATE
    view = replace(view, configuration=None if template else spec, template=spec if template else None)
    if own_data(view) == before and view.template_problem is not None:
        return view, Tried()
    view = replace(view, template_problem=None)
    if client is None or own_data(view) is None or current_revision(view) is not None:
        return view, Tried()
    said = await tried(client, view)
    return replace(view, template_problem=said.never), said


def specs_of(sources: Sources, namespace: str) -> dict[tuple[str, str], Body | None]:
    """The sources of one namespace: their specs by kind and name."""
    return {(kind, name): proposed.spec for (place, kind, name), proposed in sources.items() if place == namespace}


# ---- what would be applied


async def plan_proposed(client: Client | None, proposed: Sequence[Proposed]) -> list[Outlook]:
    """What would become of the groups among these objects, and of those whose source is among these.

    Groups that a refresh or an update among them names are left out: they are planned together with that.
    """
    sources = sources_among(proposed)
    groups = [p for p in proposed if p.document.kind == GROUP.kind]
    changed = {(p.document.namespace, str(p.spec["scalingGroup"])) for p in proposed if p.document.kind in TASKS}
    starts = [await start_of_proposed(client, group, sources) for group in groups if place_of(group) not in changed]
    if client is not None:
        for body in await _users(client, sources, {*map(place_of, groups), *changed}):
            starts.append(await start_of_existing(client, body, body["spec"], sources))  # noqa: PERF401 — await
    return [outlook(start.forecast()) for start in starts]


def sources_among(proposed: Iterable[Proposed]) -> Sources:
    """The ScalingConfigurations and LaunchTemplates among these objects."""
    return {
        (p.document.namespace, p.document.kind, p.document.name): p
        for p in proposed
        if p.document.kind in {CONFIGURATION, TEMPLATE}
    }


def place_of(proposed: Proposed) -> Place:
    """Its namespace and name."""
    return proposed.document.namespace, proposed.document.name


async def _users(client: Client, sources: Sources, but: Collection[Place]) -> list[Body]:
    """The groups that are there, `but` some, and make their instances from one of these sources."""
    found: list[Body] = []
    for namespace in sorted({namespace for namespace, _, _ in sources}):
        groups = (await client.list(SCALING_GROUPS, namespace)).items
        found += [
            group
            for group in groups
            if (namespace, *kind_and_name(parse_spec(group).configuration)) in sources
            and (namespace, group["metadata"]["name"]) not in but
        ]
    return found


async def start_of_proposed(client: Client | None, group: Proposed, sources: Sources) -> Start:
    """A group whose manifest was given, with these sources as they would be."""
    if client is not None and group.live is not None:
        return await start_of_existing(client, group.live, group.spec, sources)
    namespace, name = place_of(group)
    view = GroupView(namespace, name, "", 1, parse_spec({"spec": group.spec}), ScalingGroupStatus(), now())
    view, said = await _with_source(client, view, specs_of(sources, namespace))
    return Start(view, False, (), [said.note] if said.note else [], said.now)


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
