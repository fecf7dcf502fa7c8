"""An update with its batches and instances, read from the API server: once, or as watches show them."""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import TypeVar

from windlass.api.common import GROUP_LABEL, UPDATE_LABEL
from windlass.cli.live import Feed, Moment, Object
from windlass.cli.reading import Body, now
from windlass.cli.subjects.group.instances import find_group, in_order, read_instances
from windlass.cli.subjects.update import UPDATE
from windlass.cli.subjects.update.batches import Member, batches_of, kept_results, label_of, members_of
from windlass.cli.subjects.update.picture import Picture, read
from windlass.cluster.client import Client
from windlass.cluster.informer import Informer
from windlass.cluster.pods import Pod, to_instance
from windlass.cluster.resources import CONFIG_MAPS, PODS, SCALING_GROUPS
from windlass.controllers.scaling_group.written import parse_spec, parse_status
from windlass.planner.capacity.instance import Instance
from windlass.planner.capacity.view import GroupView

P = TypeVar("P", bound=Moment)


async def read_picture(client: Client, body: Body) -> Picture:
    """The picture of an update as it was read, with the rest read now."""
    metadata, group_name = body["metadata"], str(body["spec"]["scalingGroup"])
    namespace = metadata["namespace"]
    pages = await client.list(CONFIG_MAPS, namespace, label_selector=label_of(metadata["name"]))
    group = await find_group(client, namespace, group_name)
    instances = await read_instances(client, group) if group is not None else ()
    return take_picture(body, group, instances, pages.items)


def take_picture(body: Body, group: Body | None, instances: Sequence[Instance], pages: Iterable[Body]) -> Picture:
    """The picture of an update, of its group's instances, and of the ConfigMaps with its results."""
    metadata = body["metadata"]
    spec, status = read(body)
    moment = now()
    results = kept_results(metadata["uid"], metadata["name"], pages)
    running: tuple[Member, ...] = ()
    if group is not None:
        run = parse_status(group).update
        if run is not None and run.uid == metadata["uid"] and run.outcome is None:
            running = members_of(_view(group, instances, moment), run, spec)
    return Picture(metadata, spec, status, batches_of(status, results, running), moment)


def _view(group: Body, instances: Sequence[Instance], moment: datetime) -> GroupView:
    """As much of the group as its instances' marks need to be understood."""
    metadata = group["metadata"]
    return GroupView(
        namespace=metadata["namespace"],
        name=metadata["name"],
        uid=metadata["uid"],
        generation=metadata["generation"],
        spec=parse_spec(group),
        status=parse_status(group),
        now=moment,
        instances=instances,
    )


def feed(client: Client, body: Body, made_of: Callable[[Picture], P]) -> Feed[P]:
    """What is made of the update's picture, as watches change it."""
    metadata, name = body["metadata"], str(body["spec"]["scalingGroup"])
    namespace, changed = metadata["namespace"], asyncio.Event()

    def group_changed(old: Object | None, new: Object | None) -> None:
        group = new or old
        if group is not None and group.name == name:
            changed.set()

    pods: Informer[Instance] = Informer(
        client,
        PODS,
        wire=Pod,
        record=to_instance,
        namespaces=(namespace,),
        label_selector=f"{GROUP_LABEL}={name}",
        index=lambda instance: instance.group,
        on_change=lambda old, new: changed.set(),
    )
    pages: Informer[Object] = Informer(
        client,
        CONFIG_MAPS,
        wire=dict,
        record=Object,
        namespaces=(namespace,),
        label_selector=label_of(metadata["name"]),
        index=lambda page: page.body["metadata"]["labels"][UPDATE_LABEL],
        on_change=lambda old, new: changed.set(),
    )
    groups: Informer[Object] = Informer(
        client,
        SCALING_GROUPS,
        wire=dict,
        record=Object,
        namespaces=(namespace,),
        on_change=group_changed,
    )

    def picture(body: Body) -> P:
        group = groups.get(namespace, name)
        there = in_order(pods.by_index(group.uid).values()) if group is not None else ()
        results = (page.body for page in pages.by_index(metadata["name"]).values())
        return made_of(take_picture(body, group.body if group is not None else None, there, results))

    return Feed(client, UPDATE.resource, body, changed, beside=(pods, pages, groups), picture=picture)
