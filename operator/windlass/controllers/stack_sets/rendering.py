"""What is deployed to one place, made of snapshots: for those who deploy, and for those who ask what that would do."""

import asyncio
import json
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

from windlass.cluster.errors import Gone
from windlass.cluster.snapshots import Snapshots
from windlass.planner.reason import Reason
from windlass.planner.stackset.ownership import Stack
from windlass.planner.stackset.reasons_instances import SnapshotMissing
from windlass.planner.stackset.render import ACCOUNT, REGION, STACK_SET, Manifest, render
from windlass.planner.stackset.tfvars import Value, parse
from windlass.planner.stackset.variables import merged
from windlass.planner.stackset.view import Sources


@dataclass(frozen=True, slots=True)
class Rendered:
    """What is deployed to one place. `sensitive`: the texts that nobody may see."""

    manifests: tuple[Manifest, ...]
    sensitive: frozenset[str] = frozenset()


async def rendered(
    snapshots: Snapshots, stack: Stack, sources: Sources, sensitive: Collection[str]
) -> Rendered | Reason:
    """What these snapshots give for this stack. `sensitive`: the names of variables whose values nobody may see."""
    try:
        template = await snapshots.read("ConfigMap", stack.home, sources.template)
        values = await _values(snapshots, stack.home, sources)
    except (Gone, ValueError) as error:
        return SnapshotMissing(str(error))
    if isinstance(values, Reason):
        return values
    built_in = {REGION: stack.region, ACCOUNT: stack.account, STACK_SET: stack.stack_set}
    # A large template takes more than a second: meanwhile the lease must be renewed.
    manifests = await asyncio.to_thread(render, template, values, built_in)
    if isinstance(manifests, Reason):
        return manifests
    return Rendered(manifests, frozenset(text for name in sensitive if name in values for text in _texts(values[name])))


async def _values(snapshots: Snapshots, namespace: str, sources: Sources) -> dict[str, Value] | Reason:
    own = await asyncio.to_thread(parse, await snapshots.read("Secret", namespace, sources.variables))
    if isinstance(own, Reason) or not sources.overrides:
        return own
    overrides = await asyncio.to_thread(parse, await snapshots.read("Secret", namespace, sources.overrides))
    return overrides if isinstance(overrides, Reason) else merged(own, overrides)


def _texts(value: Value) -> Iterator[str]:
    """All that a value may be quoted by: its parts, and lists and maps as they stand in a text."""
    if isinstance(value, str):
        yield value
        return
    yield json.dumps(value, separators=(",", ":"), ensure_ascii=False)
    for each in value.values() if isinstance(value, Mapping) else value if isinstance(value, list) else ():
        yield from _texts(each)
