"""What would become of a group because of its refreshes and updates: those there are, and those of manifests."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from windlass.api.common import rfc3339
from windlass.cli.manifests import Proposed
from windlass.cli.reading import Body, read_object
from windlass.cli.subject import Subject
from windlass.cli.subjects.group import GROUP
from windlass.cli.subjects.group.forecast import report, values
from windlass.cli.subjects.group.instances import find_group
from windlass.cli.subjects.group.observing import read_packages, read_sources
from windlass.cli.subjects.group.plan import (
    ASSUMPTION,
    TASKS,
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
from windlass.cli.subjects.refresh.plan import RefreshCourse, refresh_courses
from windlass.cli.subjects.update import UPDATE
from windlass.cli.subjects.update.plan import UpdateCourse, update_courses
from windlass.cli.told import Outlook
from windlass.cluster.client import Client
from windlass.cluster.refreshes import parse_refresh
from windlass.cluster.updates import parse_update
from windlass.controllers.scaling_group.written import named_by, parse_spec
from windlass.planner.capacity.source import CONFIGURATION, TEMPLATE, own_data
from windlass.planner.capacity.view import GroupView
from windlass.planner.rolling_update.line import Beginning
from windlass.planner.rolling_update.line import beginning as beginning_of_update
from windlass.planner.rolling_update.reasons import UpdateGroupMissing
from windlass.planner.rolling_update.update import Update
from windlass.planner.rollout.line import EndsAtOnce, beginning
from windlass.planner.rollout.reasons import GroupMissing
from windlass.planner.rollout.refresh import Refresh, Sources

LONGER = "A refresh takes longer than that by what its instances really need, batch by batch."
IN_PLACE = (
    "It is as if each container ran its new image after 2s, and each script ended well after 3s: an update takes "
    "longer by what yours need."
)


@dataclass(frozen=True, slots=True)
class Mine:
    """The tasks that are asked about: what applying does to each, by name, of each kind."""

    refreshes: Mapping[str, str]
    updates: Mapping[str, str]

    @property
    def kinds(self) -> Iterator[tuple[Subject, Mapping[str, str], type[GroupMissing | UpdateGroupMissing]]]:
        """Those kinds of which there are any, with what is said where there is no group."""
        if self.refreshes:
            yield REFRESH, self.refreshes, GroupMissing
        if self.updates:
            yield UPDATE, self.updates, UpdateGroupMissing


# ---- one that is there


async def plan_task(client: Client, subject: Subject, namespace: str, name: str) -> Outlook:
    """What would become of a group because of this refresh or update."""
    body = await read_object(client, subject, namespace, name)
    group = str(body["spec"]["scalingGroup"])
    found = await find_group(client, namespace, group)
    mine = Mine({name: "Unchanged"}, {}) if subject.kind == REFRESH.kind else Mine({}, {name: "Unchanged"})
    if found is None:
        return _without_group(namespace, group, mine)
    start = await start_of_existing(client, found, found["spec"], {})
    return task_outlook(await _with_trial(client, start, mine), mine)


# ---- what would be applied


async def plan_proposed(client: Client | None, subject: Subject, proposed: Sequence[Proposed]) -> list[Outlook]:
    """What would become of each group that tasks among these objects name, with all of these objects.

    Of groups with tasks of several kinds, those whose first one is of the subject's.
    """
    sources = sources_among(proposed)
    groups = {place_of(p): p for p in proposed if p.document.kind == GROUP.kind}
    together: defaultdict[Place, list[Proposed]] = defaultdict(list)
    for p in proposed:
        if p.document.kind in TASKS:
            together[p.document.namespace, str(p.spec["scalingGroup"])].append(p)
    found = []
    for (namespace, name), tasks in together.items():
        if tasks[0].document.kind != subject.kind:
            continue
        mine = Mine(
            *({p.document.name: p.change for p in tasks if p.document.kind == k.kind} for k in (REFRESH, UPDATE))
        )
        start = await _start(client, groups, sources, (namespace, name))
        if start is None:
            found.append(_without_group(namespace, name, mine))
            continue
        start = await _with_tasks(client, start, tasks, sources, groups)
        found.append(task_outlook(await _with_trial(client, start, mine), mine))
    return found


async def _start(
    client: Client | None, groups: Mapping[Place, Proposed], sources: Proposals, place: Place
) -> Start | None:
    if place in groups:
        return await start_of_proposed(client, groups[place], sources)
    group = await find_group(client, *place) if client is not None else None
    if client is None or group is None:
        return None
    return await start_of_existing(client, group, group["spec"], sources)


async def _with_tasks(
    client: Client | None,
    start: Start,
    proposed: Sequence[Proposed],
    sources: Proposals,
    groups: Mapping[Place, Proposed],
) -> Start:
    """The start with these tasks in it as they would be, and with what they name."""
    view = start.view
    added = [parse_refresh(_body(p, view.now)) for p in proposed if p.document.kind == REFRESH.kind]
    refreshes = {each.name: each for each in (*view.refreshes, *added)}
    changed = [parse_update(_body(p, view.now)) for p in proposed if p.document.kind == UPDATE.kind]
    updates = {each.name: each for each in (*view.updates, *changed)}
    view = replace(view, refreshes=tuple(refreshes.values()), updates=tuple(updates.values()))
    if client is not None:
        view = replace(view, packages=await read_packages(client, view.namespace, view.updates))
    return replace(start, view=replace(view, sources=await _sources(client, view, added, sources, groups)))


async def _sources(
    client: Client | None,
    view: GroupView,
    added: Sequence[Refresh],
    proposals: Proposals,
    groups: Mapping[Place, Proposed],
) -> Sources:
    """What the group's tasks name, with the refreshes that were added, and who else uses that."""
    own = view.spec.configuration.scaling_configuration
    read = Sources()
    if client is not None:
        read = await read_sources(client, view.namespace, view.name, own, added)
    names, versions = named_by(added)
    given, before = specs_of(proposals, view.namespace), view.sources
    configurations = {**dict.fromkeys(names), **before.configurations, **read.configurations}
    templates = {**dict.fromkeys(each.name for each in versions), **before.templates, **read.templates}
    configurations |= {name: spec for (kind, name), spec in given.items() if kind == CONFIGURATION}
    templates |= {name: spec for (kind, name), spec in given.items() if kind == TEMPLATE}
    shared = before.shared | read.shared | (_users_among(groups, view) & {own, *names})
    return Sources(configurations, frozenset(name for name in shared if name is not None), templates)


def _users_among(groups: Mapping[Place, Proposed], view: GroupView) -> set[str | None]:
    """The ScalingConfigurations of the other groups of these manifests in the same namespace."""
    return {
        parse_spec({"spec": group.spec}).configuration.scaling_configuration
        for (namespace, name), group in groups.items()
        if namespace == view.namespace and name != view.name
    }


def _body(proposed: Proposed, moment: datetime) -> Body:
    """The task as the API server would have it; one that is new gets a uid that no other has."""
    document = proposed.document
    made = {"namespace": document.namespace, "name": document.name, "generation": 1}
    made["uid"] = f"new/{document.kind}/{document.name}"
    live = proposed.live or {"metadata": {**made, "creationTimestamp": rfc3339(moment)}}
    return {**live, "spec": proposed.spec}


async def _with_trial(client: Client | None, start: Start, mine: Mine) -> Start:
    """The start with what the API server says of instances as these tasks make them, before they begin."""
    if client is None:
        return start
    made = [(each.uid, _of_refresh(start.view, each)) for each in start.view.refreshes if each.name in mine.refreshes]
    made += [(each.uid, _of_update(start.view, each)) for each in start.view.updates if each.name in mine.updates]
    for uid, data in made:
        if data is None or data == own_data(start.view) or any(kept.data == data for kept in start.view.revisions):
            continue  # something was made from it already
        said = await tried(client, start.view, data)
        if said.never is not None:
            problems = {**start.view.refresh_problems, uid: said.never}
            start = replace(start, view=replace(start.view, refresh_problems=problems))
        notes = [*start.notes, said.note] if said.note else start.notes
        start = replace(start, notes=notes, refusing=start.refusing or said.now)
    return start


def _of_refresh(view: GroupView, refresh: Refresh) -> Mapping[str, Any] | None:
    """What it would have instances made from, if it has not ended and would begin."""
    found = None if refresh.task.final else beginning(view, refresh)
    return None if isinstance(found, EndsAtOnce) else found


def _of_update(view: GroupView, update: Update) -> Mapping[str, Any] | None:
    """What its image would make of instances, if it has not ended and would begin."""
    found = None if update.task.final else beginning_of_update(view, update)
    return found.data if isinstance(found, Beginning) else None


# ---- what is shown


def task_outlook(start: Start, mine: Mine) -> Outlook:
    """What would become of the group, and of these of its tasks."""
    plan = start.forecast()
    told: dict[str, Sequence[RefreshCourse | UpdateCourse]] = {}
    if mine.refreshes:
        told[REFRESH.plural] = refresh_courses(plan, mine.refreshes)
    if mine.updates:
        told[UPDATE.plural] = update_courses(plan, mine.updates)
    courses = [course for found in told.values() for course in found]
    forbidden = any(course.forbidden for course in courses)
    return Outlook(
        values=lambda: {**values(plan), **{key: [each.values() for each in found] for key, found in told.items()}},
        lines=lambda: [*(line for course in courses for line in course.lines()), *report(plan)],
        acts=plan.acts,
        settled=plan.settled and not forbidden and all(course.lasts is not None for course in courses),
        refused=plan.refused or forbidden,
        assumption=" ".join(_assumptions(courses, launches=plan.launches and not plan.refusing)) or None,
    )


def _assumptions(courses: Iterable[RefreshCourse | UpdateCourse], *, launches: bool) -> Iterator[str]:
    acting = [type(course) for course in courses if course.acts]
    if launches:
        yield ASSUMPTION
        if RefreshCourse in acting:
            yield LONGER
    if UpdateCourse in acting:
        yield IN_PLACE


def _without_group(namespace: str, group: str, mine: Mine) -> Outlook:
    lines: list[str] = []
    found: dict[str, Any] = {"namespace": namespace, "name": group, "exists": False, "acts": False}
    for subject, changes, missing in mine.kinds:
        why = str(missing(group))
        lines += [f"{subject.kind} {namespace}/{name}: it would end at once as Failed: {why}" for name in changes]
        found[subject.plural] = [{"name": n, "change": change, "forbidden": why} for n, change in changes.items()]
    return Outlook(values=lambda: found, lines=lambda: lines, acts=False, settled=False, refused=True)
