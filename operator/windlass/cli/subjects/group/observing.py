"""The group's view, made from live reads by the operator's own code."""

import asyncio
from dataclasses import replace
from datetime import datetime

from windlass.api.common import GROUP_LABEL
from windlass.cli.reading import Body
from windlass.cluster.client import Client
from windlass.cluster.errors import NoSuchKind
from windlass.cluster.resources import SCALING_ACTIVITIES
from windlass.controllers.scaling_group.caches import Caches, group_key
from windlass.controllers.scaling_group.observe import InMemoryState, observe, parse_status
from windlass.engine.clock import SystemClock
from windlass.engine.expectations import Expectations
from windlass.engine.own_stores import OwnStores
from windlass.engine.queue import Key
from windlass.planner.capacity.group import plan_group
from windlass.planner.capacity.reasons import TemplateRefused
from windlass.planner.capacity.view import GroupView

RECORDS_UNREADABLE = (
    f"records of activities cannot be read, and the operator cannot begin one: the CRD "
    f"{SCALING_ACTIVITIES.plural}.{SCALING_ACTIVITIES.group} is missing"
)


async def observe_live(client: Client, group: Body, now: datetime) -> tuple[GroupView, list[Body] | None]:
    """What a pass of an operator that has just started would see of this group as it was read, and its records.

    The records are None where the API server does not know their kind: all else can be told all the same.
    """
    metadata = group["metadata"]
    namespace, name, uid = metadata["namespace"], metadata["name"], metadata["uid"]
    stores = OwnStores()
    caches = Caches(stores, client, Expectations(SystemClock()), _nobody_waits, (namespace,), lambda *counted: None)
    stores.observe("ScalingGroup", group, deleted=False)
    key = group_key(namespace, name)
    records, _ = await asyncio.gather(_records(client, namespace, name), caches.refresh(key, uid))
    for record in records or ():
        stores.observe("ScalingActivity", record, deleted=False)
    view = await observe(client, caches, key, group, InMemoryState(uid=uid, removals_in_doubt=False), now)
    return replace(view, template_problem=_template_problem(group, view)), records


async def _records(client: Client, namespace: str, name: str) -> list[Body] | None:
    try:
        return list((await client.list(SCALING_ACTIVITIES, namespace, label_selector=f"{GROUP_LABEL}={name}")).items)
    except NoSuchKind:
        return None


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


def _nobody_waits(key: Key, *, at_once: bool = False) -> None:
    """There is no queue here: what is read is read once."""
