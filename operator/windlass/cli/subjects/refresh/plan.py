"""What would become of a group because of its refreshes: one that is there, and those that manifests would make."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from windlass.api.common import rfc3339
from windlass.api.task import Phase
from windlass.cli.manifests import Proposed
from windlass.cli.reading import Body, read_object
from windlass.cli.subjects.group import GROUP
from windlass.cli.subjects.group.forecast import Forecast, report, values
from windlass.cli.subjects.group.observing import read_sources
from windlass.cli.subjects.group.plan import (
    ASSUMPTION,
    Place,
    Start,
    place_of,
    sources_among,
    specs_of,
    start_of_existing,
    start_of_proposed,
)
from windlass.cli.subjects.group.plan import Sources as Proposals
from windlass.cli.subjects.group.template import tried
from windlass.cli.subjects.refresh import REFRESH
from windlass.cli.text import duration
from windlass.cli.told import Outlook
from windlass.cluster.client import Client
from windlass.cluster.errors import Gone
from windlass.cluster.refreshes import parse_refresh
from windlass.cluster.resources import SCALING_GROUPS
from windlass.controllers.scaling_group.written import named_by, parse_spec
from windlass.planner.capacity.source import CONFIGURATION, TEMPLATE, own_data
from windlass.planner.capacity.view import GroupView
from windlass.planner.reason import counted
from windlass.planner.rollout.line import EndsAtOnce, beginning
from windlass.planner.rollout.reasons import GroupMissing, RefreshBatch, RefreshStarts
from windlass.planner.rollout.refresh import Refresh, Sources
from windlass.planner.tasks import FINAL

LONGER = "A refresh takes longer than that by what its instances really need, batch by batch."


@dataclass(frozen=True, slots=True)
class Course:
    """What would become of one refresh. `before` and `after` are how it is now and in the end.

    `batches`: at how many moments instances would be launched for it. `replaced`: how many would go from now on.
    """

    before: Refresh
    after: Refresh
    change: str
    batches: int
    replaced: int
    start: datetime

    @property
    def forbidden(self) -> str | None:
        """Why it would end without having begun, if so."""
        never = self.after.status.phase is Phase.FAILED and self.after.status.start_time is None
        return self.after.status.message if never and not self.was_over else None

    @property
    def was_over(self) -> bool:
        """Whether it has ended already."""
        return self.before.status.phase in FINAL

    @property
    def lasts(self) -> timedelta | None:
        """From now until its end, at least; None where it would not end."""
        end = self.after.status.completion_time  # in whole seconds, as the API has it
        return None if end is None else max(timedelta(), end - self.start.replace(microsecond=0))


# ---- one that is there


async def plan_refresh(client: Client, namespace: str, name: str) -> Outlook:
    """What would become of a group because of this refresh."""
    body = await read_object(client, REFRESH, namespace, name)
    group = str(body["spec"]["scalingGroup"])
    found = await read_group(client, namespace, group)
    mine = {name: "Unchanged"}
    if found is None:
        return _without_group(namespace, group, mine)
    start = await start_of_existing(client, found, found["spec"], {})
    start = await _with_trial(client, start, mine)
    return refresh_outlook(start, mine)


async def read_group(client: Client, namespace: str, name: str) -> Body | None:
    """The group of this name; None if there is none."""
    try:
        return await client.get(SCALING_GROUPS, namespace, name)
    except Gone as error:
        if error.reason != "NotFound":
            raise
        return None


# ---- what would be applied


async def plan_proposed(client: Client | None, proposed: Sequence[Proposed]) -> list[Outlook]:
    """What would become of each group that refreshes among these objects name, with all of these objects."""
    sources = sources_among(proposed)
    groups = {place_of(p): p for p in proposed if p.document.kind == GROUP.kind}
    together: defaultdict[Place, list[Proposed]] = defaultdict(list)
    for p in proposed:
        if p.document.kind == REFRESH.kind:
            together[p.document.namespace, str(p.spec["scalingGroup"])].append(p)
    found = []
    for (namespace, name), refreshes in together.items():
        mine = {p.document.name: p.change for p in refreshes}
        start = await _start(client, groups, sources, (namespace, name))
        if start is None:
            found.append(_without_group(namespace, name, mine))
            continue
        start = await _with_refreshes(client, start, refreshes, sources, groups)
        found.append(refresh_outlook(await _with_trial(client, start, mine), mine))
    return found


async def _start(
    client: Client | None, groups: Mapping[Place, Proposed], sources: Proposals, place: Place
) -> Start | None:
    if place in groups:
        return await start_of_proposed(client, groups[place], sources)
    group = await read_group(client, *place) if client is not None else None
    if client is None or group is None:
        return None
    return await start_of_existing(client, group, group["spec"], sources)


async def _with_refreshes(
    client: Client | None,
    start: Start,
    proposed: Iterable[Proposed],
    sources: Proposals,
    groups: Mapping[Place, Proposed],
) -> Start:
    """The start with these refreshes in it as they would be, and with what they name."""
    view = start.view
    added = [parse_refresh(_body(p, view.now)) for p in proposed]
    refreshes = {each.name: each for each in (*view.refreshes, *added)}
    own = view.spec.configuration.scaling_configuration
    read = Sources()
    if client is not None:
        read = await read_sources(client, view.namespace, view.name, own, added)
    names, versions = named_by(added)
    given, before = specs_of(sources, view.namespace), view.sources
    configurations = {**dict.fromkeys(names), **before.configurations, **read.configurations}
    templates = {**dict.fromkeys(each.name for each in versions), **before.templates, **read.templates}
    configurations |= {name: spec for (kind, name), spec in given.items() if kind == CONFIGURATION}
    templates |= {name: spec for (kind, name), spec in given.items() if kind == TEMPLATE}
    shared = before.shared | read.shared | (_users_among(groups, view) & {own, *names})
    named = Sources(configurations, frozenset(name for name in shared if name is not None), templates)
    return replace(start, view=replace(view, refreshes=tuple(refreshes.values()), sources=named))


def _users_among(groups: Mapping[Place, Proposed], view: GroupView) -> set[str | None]:
    """The ScalingConfigurations of the other groups of these manifests in the same namespace."""
    return {
        parse_spec({"spec": group.spec}).configuration.scaling_configuration
        for (namespace, name), group in groups.items()
        if namespace == view.namespace and name != view.name
    }


def _body(proposed: Proposed, moment: datetime) -> Body:
    """The refresh as the API server would have it; one that is new gets a uid that no other has."""
    document = proposed.document
    made = {"namespace": document.namespace, "name": document.name, "uid": f"new/{document.name}", "generation": 1}
    live = proposed.live or {"metadata": {**made, "creationTimestamp": rfc3339(moment)}}
    return {**live, "spec": proposed.spec}


async def _with_trial(client: Client | None, start: Start, mine: Iterable[str]) -> Start:
    """The start with what the API server says of instances as these refreshes desire them, before they begin."""
    if client is None:
        return start
    for refresh in start.view.refreshes:
        if refresh.name in mine and (data := _new_data(start.view, refresh)) is not None:
            said = await tried(client, start.view, data)
            if said.never is not None:
                problems = {**start.view.refresh_problems, refresh.uid: said.never}
                start = replace(start, view=replace(start.view, refresh_problems=problems))
            notes = [*start.notes, said.note] if said.note else start.notes
            start = replace(start, notes=notes, refusing=start.refusing or said.now)
    return start


def _new_data(view: GroupView, refresh: Refresh) -> Mapping[str, Any] | None:
    """What it has instances made from, if that is to be tried before it begins: nothing was made from it yet."""
    found = None if refresh.task.final else beginning(view, refresh)
    if isinstance(found, EndsAtOnce) or found == own_data(view) or any(kept.data == found for kept in view.revisions):
        return None
    return found


# ---- what is shown


def refresh_outlook(start: Start, mine: Mapping[str, str]) -> Outlook:
    """What would become of the group, and of these of its refreshes; `mine`: what applying does to each, by name."""
    plan = start.forecast()
    courses = _courses(plan, mine)
    forbidden = any(course.forbidden for course in courses)
    assumption = f"{ASSUMPTION} {LONGER}" if any(course.batches for course in courses) else ASSUMPTION
    return Outlook(
        values=lambda: {**values(plan), "refreshes": [_course_values(course) for course in courses]},
        lines=lambda: [*(line for course in courses for line in _course_lines(course, start)), *report(plan)],
        acts=plan.acts,
        settled=plan.settled and not forbidden and all(course.lasts is not None for course in courses),
        refused=plan.refused or forbidden,
        assumption=assumption if plan.launches and not plan.refusing else None,
    )


def _courses(plan: Forecast, mine: Mapping[str, str]) -> list[Course]:
    after = {refresh.name: refresh for refresh in plan.after.refreshes}
    told = [(played.at, event.reason) for played in plan.passes for event in played.plan.events]
    found = []
    for refresh in plan.start.refreshes:
        if refresh.name not in mine:
            continue
        started = [r.count for _, r in told if isinstance(r, RefreshStarts) and r.name == refresh.name]
        batches = {at for at, r in told if isinstance(r, RefreshBatch) and r.name == refresh.name and r.launch}
        replaced = sum(started) if started or refresh.task.final else refresh.status.to_update
        found.append(Course(refresh, after[refresh.name], mine[refresh.name], len(batches), replaced, plan.start.now))
    return found


def _course_lines(course: Course, start: Start) -> list[str]:
    words = {"Created": "would be created", "Changed": "would be changed", "Unchanged": "as it is now"}
    lines = [f"InstanceRefresh {start.view.namespace}/{course.before.name}: {words[course.change]}"]
    status, spec = course.after.status, course.after.spec
    if course.was_over:
        return [*lines, f"  it is over: {status.phase.value}: {status.message}"]
    if course.forbidden is not None:
        return [*lines, f"  it would end at once as {status.phase.value}: {course.forbidden}"]
    if status.start_time is not None:
        what = f"{counted(course.replaced, 'instance')} to be replaced in {counted(course.batches, 'batch')}"
        lines.append(f"  {what}; at least {status.floor} in service, at most {status.ceiling} there")
    pauses = [f"{each} %" for each in spec.checkpoints if each < 100]
    if pauses:
        lines.append(f"  checkpoints: {', '.join(pauses)}; a pause of {spec.checkpoint_pause_minutes} min at each")
    if course.lasts is None:
        return [*lines, f"  it would not end by itself: {status.message}"]
    why = "" if status.phase is Phase.SUCCESSFUL else f": {status.message}"
    return [*lines, f"  {status.phase.value} after {duration(course.lasts)} at least{why}"]


def _course_values(course: Course) -> dict[str, Any]:
    status = course.after.status
    return {
        "name": course.before.name,
        "change": course.change,
        "phase": status.phase.value,
        "message": status.message,
        "forbidden": course.forbidden,
        "replaced": course.replaced,
        "batches": course.batches,
        "floor": status.floor,
        "ceiling": status.ceiling,
        "checkpoints": list(course.after.spec.checkpoints),
        "after": None if course.lasts is None else course.lasts.total_seconds(),
    }


def _without_group(namespace: str, group: str, mine: Mapping[str, str]) -> Outlook:
    why = str(GroupMissing(group))
    lines = [f"InstanceRefresh {namespace}/{name}: it would end at once as Failed: {why}" for name in mine]
    ends = [{"name": name, "change": change, "forbidden": why} for name, change in mine.items()]
    found = {"namespace": namespace, "name": group, "exists": False, "acts": False, "refreshes": ends}
    return Outlook(values=lambda: found, lines=lambda: lines, acts=False, settled=False, refused=True)
