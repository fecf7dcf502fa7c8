"""Observe: everything that a decision about a group needs, as one frozen view."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from windlass.api.launch_template import LaunchTemplateReference
from windlass.api.scaling_group import ConfigurationSource
from windlass.cluster.client import Client
from windlass.cluster.errors import Gone
from windlass.cluster.refreshes import parse_refreshes
from windlass.cluster.resources import (
    CONFIG_MAPS,
    INSTANCE_REFRESHES,
    LAUNCH_TEMPLATES,
    ROLLING_UPDATES,
    SCALING_CONFIGURATIONS,
    Resource,
)
from windlass.cluster.store import Object, Store
from windlass.cluster.updates import parse_updates
from windlass.controllers.scaling_group.caches import Caches, orphans_of
from windlass.controllers.scaling_group.scripts import Scripts
from windlass.controllers.scaling_group.written import named_by, parse_spec, parse_status, view_of
from windlass.engine.queue import Key
from windlass.planner.capacity.source import CONFIGURATION, kind_and_name, own_data, template_data
from windlass.planner.capacity.view import GroupView, LaunchPause, LeftOrphan, RefusedLaunch, RemovalPause
from windlass.planner.reason import Reason
from windlass.planner.rolling_update.payload import earlier_of, package_source
from windlass.planner.rolling_update.update import Update, may_begin
from windlass.planner.rollout.refresh import Refresh, Sources
from windlass.planner.tasks import first_in_line

Body = Mapping[str, Any]
TaskName = tuple[str, str]  # kind and name


@dataclass(frozen=True, slots=True)
class TemplateVerdict:
    """Why the API server refused the Pod of `version`, so often in a row, and when it is asked again.

    It does not depend on the template alone: quotas, LimitRanges, admission and the group's tags have their say too.
    """

    version: str
    problem: str
    failures: int
    retry_at: datetime


@dataclass(slots=True)
class InMemoryState:
    """The in-memory state of a group: what this process knows beside what is written anywhere; safe to lose.

    `settled`: ordinals of which it is known whether they were created; `taken`: those of them that were not, because a
    Pod that is not the group's bears the name. `refusals`: launches that the API server
    refused, until the status tells of them. `record_refused`: the activity whose record it does not accept.
    `removal_pause`: removals were refused; with the generation of the spec that they were for.
    `launch_pause`: launches were changed by admission; with the version of what people wrote that they were made of.
    `kept`: the uids of those whose removal was refused: they are asked for after the others.
    `look_live`: the informers are not to be relied on for the next pass that acts: this process has just begun to lead,
    or a write of the last pass may or may not have been carried out, or met something else than they show.
    `removals_in_doubt`: removals may be under way, of a leader before or of our own whose answer was lost.
    `withdrawn`: the uids of those that were changed since, so that such removals fail, or that may not be changed.
    `awaited_revision`: a revision that exists already, by the API server's word.
    `watched_since`: when this process looked at the group for the first time in its term.
    `left_orphans`: those that the API server does not let us adopt, by uid.
    `side_by_side`: how many requests may begin side by side, because the last ones all succeeded.
    `template_verdict`: the API server refuses the Pod that the configuration makes.
    `refresh_problems`: why it refuses what a refresh desires, or an update's image, by uid.
    `results_kept`: the updates (by uid) and batches whose results are kept. `packages`: the data of the ConfigMaps that
    this pass has read, by name.
    """

    uid: str = ""
    settled: set[int] = field(default_factory=set)
    taken: set[int] = field(default_factory=set)
    refusals: list[RefusedLaunch] = field(default_factory=list)
    removal_pause: tuple[int, RemovalPause] | None = None
    launch_pause: tuple[str, LaunchPause] | None = None
    kept: set[str] = field(default_factory=set)
    record_refused: str | None = None
    template_verdict: TemplateVerdict | None = None
    look_live: bool = True
    removals_in_doubt: bool = True
    withdrawn: set[str] = field(default_factory=set)
    awaited_revision: str | None = None
    side_by_side: int = 1
    watched_since: datetime | None = None
    left_orphans: dict[str, LeftOrphan] = field(default_factory=dict)
    refresh_problems: dict[str, str] = field(default_factory=dict)
    results_kept: set[tuple[str, int]] = field(default_factory=set)
    packages: dict[str, dict[str, str] | None] = field(default_factory=dict)
    status_written_at: float = float("-inf")


async def observe(
    client: Client,
    caches: Caches,
    scripts: Scripts,
    key: Key,
    group: Body,
    in_memory: InMemoryState,
    now: datetime,
) -> GroupView:
    """The view of this group now. Reads nothing live but a source that no watch has shown yet."""
    metadata, spec, status = group["metadata"], parse_spec(group), parse_status(group)
    if not caches.works_on_updates:  # one that runs is forgotten: there are no rights to end it in good order
        status = status.model_copy(update={"update": None})
    configuration, template = await _source(client, caches, key.namespace, spec.configuration)
    refreshes = parse_refreshes(caches.refreshes_of(key).values())
    updates = parse_updates(caches.updates_of(key).values())
    sources = await _sources(client, caches, key, spec.configuration.scaling_configuration, refreshes, updates)
    running = status.update.uid if status.update is not None else None
    packages = await _packages(client, key, in_memory, refreshes, updates, running)
    version = _version(group, configuration or template)
    verdict, pause = in_memory.template_verdict, in_memory.removal_pause
    if verdict is not None and verdict.version != version:
        verdict = None
    unseen = in_memory.launch_pause
    orphans = caches.pods.by_index(orphans_of(key))
    there = {orphan.uid for orphan in orphans.values()}
    left = {uid: orphan for uid, orphan in in_memory.left_orphans.items() if uid in there and orphan.retry_at > now}
    in_memory.left_orphans = left
    activity = status.activity
    in_memory.refresh_problems = {
        uid: problem
        for uid in (*(each.uid for each in refreshes), *(each.uid for each in updates))
        if (problem := in_memory.refresh_problems.get(uid))
    }
    running = status.update.uid if status.update is not None else ""
    in_memory.results_kept = {each for each in in_memory.results_kept if each[0] == running}
    if not may_begin(status.update, updates, enabled=spec.enabled):
        scripts.withdraw(key)
    instances = caches.pods.by_index(metadata["uid"])
    written = view_of(
        group,
        spec,
        status,
        now,
        configuration=configuration,
        instances=instances.values(),
        orphans=(orphan for orphan in orphans.values() if orphan.uid not in left),
        revisions=caches.revisions.by_index(metadata["uid"]).values(),
        record=caches.records.get(key.namespace, activity.name) if activity else None,
        records=caches.records_of(key),
        refreshes=refreshes,
        sources=sources,
        updates=updates,
        packages=packages,
        template=template,
    )
    return replace(
        written,
        left_orphans=tuple(left.values()),
        watched_since=in_memory.watched_since,
        template_problem=verdict.problem if verdict else None,
        template_retry_at=verdict.retry_at if verdict else None,
        record_refused=activity is not None and in_memory.record_refused == activity.name,
        settled=frozenset(in_memory.settled),
        taken=frozenset(in_memory.taken),
        refusals=tuple(in_memory.refusals),
        removal_pause=pause[1] if pause and pause[0] == metadata["generation"] else None,
        launch_pause=unseen[1] if unseen and unseen[0] == version else None,
        removals_in_doubt=in_memory.removals_in_doubt,
        withdrawn=frozenset(in_memory.withdrawn),
        refresh_problems=in_memory.refresh_problems,
        scripts_running=scripts.running(key, instances),
        results_kept=frozenset(in_memory.results_kept),
    )


async def _sources(
    client: Client,
    caches: Caches,
    key: Key,
    own: str | None,
    refreshes: Sequence[Refresh],
    updates: Sequence[Update],
) -> Sources:
    """What the refreshes name. What no watch has shown yet is read live: a refresh without it would fail for good."""
    if not refreshes and not updates:
        return Sources()
    names, versions = named_by(refreshes)
    templates = {wanted.name: await _template(client, caches, key.namespace, wanted) for wanted in versions}
    found = {name: await _configuration(client, caches, key.namespace, name) for name in names}
    mine = {own} if own is not None else set()
    shared = (name for name in mine | names if caches.users_of(key.namespace, CONFIGURATION, name).keys() - {key.name})
    return Sources(
        {name: body["spec"] if body else None for name, body in found.items()},
        frozenset(shared),
        {name: body["spec"] if body else None for name, body in templates.items()},
    )


async def _packages(
    client: Client,
    key: Key,
    in_memory: InMemoryState,
    refreshes: Sequence[Refresh],
    updates: Sequence[Update],
    running: str | None,
) -> dict[str, dict[str, str] | None]:
    """The data of the ConfigMap that the update needs which runs (this uid) or has its turn, read live once in a pass.

    One that runs may have no start time yet: its own status is written after the group's.
    """
    if not updates:
        return {}
    first = first_in_line([*(each.task for each in refreshes), *(each.task for each in updates)])
    update = next((each for each in updates if each.uid == running), None) if running is not None else None
    if update is None:
        update = next((each for each in updates if first is not None and each.task == first), None)
    earlier = earlier_of(update, updates) if update is not None else None
    source = package_source(update.spec, earlier if isinstance(earlier, Update) else None) if update else None
    if source is None:
        return {}
    if source not in in_memory.packages:
        try:
            found = await client.get(CONFIG_MAPS, key.namespace, source)
            in_memory.packages[source] = found.get("data") or {}
        except Gone:
            in_memory.packages[source] = None
    return {source: in_memory.packages[source]}


async def read_tasks_live(
    client: Client, caches: Caches, key: Key, view: GroupView, tasks: Collection[TaskName]
) -> None:
    """Take in, as they are now, these refreshes and updates, what they name, and the group's own source.

    Before a verdict that is for good: their watches may be behind those of the group.
    """
    refreshes = [name for kind, name in tasks if kind == INSTANCE_REFRESHES.kind]
    updates = [name for kind, name in tasks if kind == ROLLING_UPDATES.kind] if caches.works_on_updates else []
    for name in refreshes:
        await _read(client, INSTANCE_REFRESHES, caches.refreshes, key.namespace, name)
    for name in updates:
        found = await _read(client, ROLLING_UPDATES, caches.updates, key.namespace, name)
        earlier = found["spec"].get("rollbackOf") if found is not None else None
        if earlier is not None:
            await _read(client, ROLLING_UPDATES, caches.updates, key.namespace, earlier)
    there = [found for name in refreshes if (found := caches.refreshes.get(key.namespace, name)) is not None]
    configurations, templates = named_by(parse_refreshes(there))
    kind, own = kind_and_name(view.spec.configuration)
    configurations |= {own} if kind == CONFIGURATION else set()
    for name in configurations:
        await _read(client, SCALING_CONFIGURATIONS, caches.configurations, key.namespace, name)
    wanted = {each.name for each in templates} | ({own} if kind != CONFIGURATION else set())
    for name in wanted:
        await _read(client, LAUNCH_TEMPLATES, caches.templates, key.namespace, name)


def version_of(group: Body, source: Body) -> str:
    """What people wrote that decides whether a Pod is accepted, as it stood at one time."""
    return "/".join(f"{body['metadata']['uid']}/{body['metadata']['generation']}" for body in (group, source))


def _version(group: Body, source: Body | None) -> str | None:
    return version_of(group, source) if source is not None else None


async def _source(
    client: Client, caches: Caches, namespace: str, wanted: ConfigurationSource
) -> tuple[Body | None, Body | None]:
    """The ScalingConfiguration or the LaunchTemplate that a group names; None in the place of what is not there."""
    if wanted.launch_template is not None:
        return None, await _template(client, caches, namespace, wanted.launch_template)
    return await _configuration(client, caches, namespace, kind_and_name(wanted)[1]), None


async def _configuration(client: Client, caches: Caches, namespace: str, name: str) -> Body | None:
    known = caches.configurations.get(namespace, name)
    if known is not None:
        return known
    return await _read(client, SCALING_CONFIGURATIONS, caches.configurations, namespace, name)


async def _template(client: Client, caches: Caches, namespace: str, wanted: LaunchTemplateReference) -> Body | None:
    """The template, with the version that is wanted if there is one: it may have been added a moment ago."""
    known = caches.templates.get(namespace, wanted.name)
    if known is not None and not isinstance(template_data(wanted, known["spec"]), Reason):
        return known
    return await _read(client, LAUNCH_TEMPLATES, caches.templates, namespace, wanted.name)


async def has_another_source(client: Client, caches: Caches, key: Key, view: GroupView) -> bool:
    """Read the group's source live: whether instances would be made from something else than the view's, or nothing.

    The watches may have missed a deletion. A source that the view is without has just been asked for.
    """
    before = own_data(view)
    if before is None:
        return False
    named, namespace = view.spec.configuration, key.namespace
    _, name = kind_and_name(named)
    if named.launch_template is not None:
        found = await _read(client, LAUNCH_TEMPLATES, caches.templates, namespace, name)
        return template_data(named.launch_template, found["spec"] if found is not None else None) != before
    found = await _read(client, SCALING_CONFIGURATIONS, caches.configurations, namespace, name)
    return found is None or found["spec"] != view.configuration


async def _read(client: Client, resource: Resource, store: Store[Object], namespace: str, name: str) -> Body | None:
    """As it is now, taken into the cache: other groups may wait for it too. None if there is none."""
    known = store.get(namespace, name)
    with store.listing() as gone:
        try:
            found = Object(await client.get(resource, namespace, name))
        except Gone:
            if known is not None:
                store.drop(known)
            return store.get(namespace, name)
        if found.uid not in gone:
            store.put(found)
    return store.get(namespace, name)
