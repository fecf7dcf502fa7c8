"""Who is made from which version of a launch template."""

import asyncio
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from windlass.api.launch_template import LaunchTemplateReference
from windlass.cli.reading import Body, read_object
from windlass.cli.subjects.launch_template import TEMPLATE
from windlass.cli.subjects.launch_template.picture import stands
from windlass.cli.text import columns, in_sections
from windlass.cli.told import Told
from windlass.cluster.client import Client
from windlass.cluster.errors import NoSuchKind
from windlass.cluster.refreshes import parse_refresh
from windlass.cluster.resources import INSTANCE_REFRESHES, SCALING_GROUPS, Resource
from windlass.controllers.scaling_group.written import parse_spec
from windlass.planner.capacity.reasons_source import VersionMissing
from windlass.planner.capacity.source import template_data
from windlass.planner.launch_template.versions import number_of, numbers
from windlass.planner.tasks import FINAL


@dataclass(frozen=True, slots=True)
class User:
    """What asks for a version: a group, or a refresh that is not over. `number`: None where there is none such."""

    kind: str
    name: str
    asked: str
    number: int | None
    info: str


async def explain_template(client: Client, namespace: str, name: str) -> Told:
    """Which groups and refreshes ask for what of it, and what may be done."""
    body, groups, refreshes = await asyncio.gather(
        read_object(client, TEMPLATE, namespace, name),
        _list(client, SCALING_GROUPS, namespace),
        _list(client, INSTANCE_REFRESHES, namespace),
    )
    return told(body, groups, refreshes)


async def _list(client: Client, resource: Resource, namespace: str) -> list[Body]:
    try:
        return list((await client.list(resource, namespace)).items)
    except NoSuchKind:
        return []


def told(body: Body, groups: Iterable[Body], refreshes: Iterable[Body]) -> Told:
    """The explanation, of the objects of its namespace."""
    users = [*_groups(body, groups), *_refreshes(body, refreshes)]
    metadata, meant = body["metadata"], stands(body)
    place = {"namespace": metadata["namespace"], "name": metadata["name"]}
    unused = _unused(body, users)
    advice = list(_advice(body, users, unused))

    def values() -> dict[str, Any]:
        shown = [
            {"kind": u.kind, "name": u.name, "asksFor": u.asked, "version": u.number, "message": u.info} for u in users
        ]
        words = {"default": meant.default_version, "latest": meant.latest_version}
        return {**place, "message": meant.message, **words, "users": shown, "unused": unused, "advice": advice}

    def lines() -> list[str]:
        head = [f"{TEMPLATE.kind} {metadata['namespace']}/{metadata['name']}: {meant.phase}", f"  {meant.message}"]
        rows = columns((f"{u.kind}/{u.name}", f"asks for {u.asked}", _meant(u), u.info) for u in users)
        return in_sections(head, (("Made from it", rows or ["nothing: no group asks for it"]), ("What to do", advice)))

    return Told(values=values, lines=lines)


def _meant(user: User) -> str:
    return "which is not there" if user.number is None else f"version {user.number}"


def _groups(body: Body, groups: Iterable[Body]) -> Iterator[User]:
    for group in groups:
        asked = parse_spec(group).configuration.launch_template
        if asked is not None and asked.name == body["metadata"]["name"]:
            status = group.get("status") or {}
            outdated, replicas = status.get("outdated", 0), status.get("replicas", 0)
            yield _user(body, "ScalingGroup", group, asked, f"{outdated} of {replicas} outdated")


def _refreshes(body: Body, refreshes: Iterable[Body]) -> Iterator[User]:
    for refresh in refreshes:
        read = parse_refresh(refresh)
        desired = read.spec.desired_configuration
        asked = desired.launch_template if desired is not None else None
        if asked is None or asked.name != body["metadata"]["name"] or read.status.phase in FINAL:
            continue
        yield _user(body, "InstanceRefresh", refresh, asked, f"{read.status.phase} ({read.spec.scaling_group})")


def _user(body: Body, kind: str, user: Body, asked: LaunchTemplateReference, info: str) -> User:
    return User(kind, user["metadata"]["name"], asked.version, number_of(body["spec"], asked.version), info)


def _unused(body: Body, users: Iterable[User]) -> list[int]:
    """The versions that nobody asks for and no word means."""
    meant = stands(body)
    used = {user.number for user in users} | {meant.default_version, meant.latest_version}
    return [number for number in numbers(body["spec"]) if number not in used]


def _advice(body: Body, users: Iterable[User], unused: Sequence[int]) -> Iterator[str]:
    for user in users:
        asked = LaunchTemplateReference(name=body["metadata"]["name"], version=user.asked)
        missing = template_data(asked, body["spec"])
        if isinstance(missing, VersionMissing):
            yield f"{user.kind} {user.name}: {missing}"
    if unused:
        many = len(unused) > 1
        which = ", ".join(map(str, unused))
        yield f"version{'s' * many} {which} may be removed: nobody asks for {'them' if many else 'it'}"
