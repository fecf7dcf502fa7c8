"""A group and its instances, read from the API server: once, or as watches show them."""

import asyncio
from collections.abc import Callable, Iterable
from typing import TypeVar

from windlass.api.common import GROUP_LABEL
from windlass.cli.live import Feed, Moment
from windlass.cli.reading import Body, now, read_object
from windlass.cli.subjects.group import GROUP
from windlass.cli.subjects.group.picture import Picture, take_picture
from windlass.cluster.client import Client
from windlass.cluster.errors import Gone
from windlass.cluster.informer import Informer
from windlass.cluster.pods import Pod, to_instance
from windlass.cluster.resources import PODS, SCALING_GROUPS
from windlass.planner.capacity.instance import Instance

P = TypeVar("P", bound=Moment)


async def read_group(client: Client, namespace: str, name: str) -> Body:
    """The group of this name; CannotError if there is none."""
    return await read_object(client, GROUP, namespace, name)


async def find_group(client: Client, namespace: str, name: str) -> Body | None:
    """The group of this name; None if there is none."""
    try:
        return await client.get(SCALING_GROUPS, namespace, name)
    except Gone as error:
        if error.reason != "NotFound":
            raise
        return None


async def read_instances(client: Client, group: Body) -> tuple[Instance, ...]:
    """The group's instances, in the order of their ordinals."""
    metadata = group["metadata"]
    selector = f"{GROUP_LABEL}={metadata['name']}"
    pods = await client.list(PODS, metadata["namespace"], label_selector=selector, into=Pod)
    instances = map(to_instance, pods.items)
    return in_order(instance for instance in instances if instance.group == metadata["uid"])


def scripts_running(instances: Iterable[Instance], update: str) -> frozenset[str]:
    """The uids of those in which a script of the update of this uid was begun, and has no result yet.

    Only the operator's process knows whether it runs it; where one runs, it does.
    """
    marks = ((each.uid, each.mark) for each in instances if each.mark is not None and each.mark.update == update)
    return frozenset(uid for uid, mark in marks if mark.image is None and mark.result is None)


def feed(client: Client, group: Body, made_of: Callable[[Picture], P]) -> Feed[P]:
    """What is made of the group's picture, as watches change it."""
    metadata, changed = group["metadata"], asyncio.Event()
    pods: Informer[Instance] = Informer(
        client,
        PODS,
        wire=Pod,
        record=to_instance,
        namespaces=(metadata["namespace"],),
        label_selector=f"{GROUP_LABEL}={metadata['name']}",
        index=lambda instance: instance.group,
        on_change=lambda old, new: changed.set(),
    )

    def picture(body: Body) -> P:
        return made_of(take_picture(body, in_order(pods.by_index(metadata["uid"]).values()), now()))

    return Feed(client, GROUP.resource, group, changed, beside=(pods,), picture=picture)


def in_order(instances: Iterable[Instance]) -> tuple[Instance, ...]:
    """Instances by their ordinals."""
    return tuple(sorted(instances, key=lambda instance: (instance.ordinal, instance.name)))
