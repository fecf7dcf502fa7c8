"""What an operation would do in its targets, asked of each of them: by dry runs, nothing is done."""

import asyncio
from collections import Counter
from collections.abc import Iterable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

from windlass.cli.subjects.stack_set.course import Course
from windlass.cli.subjects.stack_set.reading import ReadOnly, World, part_of
from windlass.cluster.addresses import literal, why_no_member
from windlass.cluster.client import Client
from windlass.cluster.errors import ApiError, ConfigurationError
from windlass.cluster.members import Members
from windlass.cluster.store import Object
from windlass.controllers.stack_sets.inspection import preview
from windlass.controllers.stack_sets.outcome import Outcome, Planned, What
from windlass.controllers.stack_sets.reach import Reach
from windlass.controllers.stack_sets.rendering import Rendered, rendered
from windlass.controllers.stack_sets.visit import Visit
from windlass.engine.clock import SystemClock
from windlass.planner.reason import Reason, counted, names
from windlass.planner.stackset.ownership import Stack
from windlass.planner.stackset.reasons_instances import NoTarget
from windlass.planner.stackset.reasons_targets import AnotherCluster
from windlass.planner.stackset.running import DEPLOYS
from windlass.planner.stackset.targets import Place
from windlass.planner.stackset.view import Inputs, Sources, StackInstance

AT_ONCE = 8  # targets are asked side by side
PATIENCE = timedelta(seconds=10)  # with one that does not answer

_DOING: Mapping[What, str] = {
    "Created": "create",
    "Changed": "change",
    "Pruned": "prune",
    "Kept": "leave behind",
    "Refused": "refused",
}
_SUMMED: Mapping[What, str] = {
    "Created": "created",
    "Changed": "changed",
    "Unchanged": "unchanged",
    "Pruned": "pruned",
    "Kept": "left behind",
    "Refused": "refused",
}
_ACTS = frozenset({"Created", "Changed", "Pruned", "Kept"})
MOST_FIELDS = 5  # in one line


@dataclass(frozen=True, slots=True)
class Asked:
    """What one target says. `problem`: why it could not be asked, or why the deployment would fail (`fails`)."""

    place: Place
    target: str = ""
    objects: tuple[Planned, ...] = ()
    problem: str = ""
    fails: bool = False

    @property
    def acts(self) -> bool:
        """Whether something would be changed there, as far as it is known."""
        return bool(self.problem) or any(each.what in _ACTS for each in self.objects)

    @property
    def refused(self) -> bool:
        """Whether the deployment would fail there."""
        return self.fails or any(each.what == "Refused" for each in self.objects)


async def ask_targets(client: Client, world: World, course: Course, inputs: Inputs | None) -> tuple[Asked, ...]:
    """What each target of the operation says. `inputs`: what it would be deployed from; None: it has begun, and its
    instances say so."""
    members = Members(allow_local=_is_local(client), user_agent="kubectl-windlass")
    slots = asyncio.Semaphore(AT_ONCE)
    asking = _Asking(client, world, course, inputs, Reach(client, members))

    async def ask(place: Place) -> Asked:
        async with slots:
            return await asking.ask(place)

    async with AsyncExitStack() as stack:
        stack.push_async_callback(members.close)
        return tuple(await asyncio.gather(*map(ask, course.places)))


def _is_local(client: Client) -> bool:
    """Whether the API server is on this machine itself: its targets may be there too then."""
    host = urlsplit(client.connection.server).hostname or ""
    address = literal(host)
    return host == "localhost" or (address is not None and why_no_member(address) is not None)


class _Asking:
    """Asks the targets of one operation."""

    def __init__(self, client: Client, world: World, course: Course, inputs: Inputs | None, reach: Reach) -> None:
        self._world = world
        self._spec = course.operation.spec
        self._inputs = inputs
        self._reach = reach
        self._snapshots = ReadOnly(client, inputs.contents if inputs is not None else None)
        self._instances = {each.place: each for each in world.view.instances}
        stack_set = world.view.stack_set
        self._sensitive = stack_set.spec.sensitive_variables if stack_set is not None else ()

    async def ask(self, place: Place) -> Asked:
        target = self._world.targets.get(place)
        if target is None:
            return Asked(place, problem=str(NoTarget(place.region, place.account)), fails=True)
        name, home = str(target["metadata"]["name"]), target["spec"].get("namespace", "default")
        stack = Stack(self._world.namespace, self._world.name, *place, home)
        try:
            wanted = await self._wanted(place, stack)
            if isinstance(wanted, Reason):
                return Asked(place, name, problem=str(wanted), fails=True)
            found = await self._previewed(place, Object(target), stack, wanted)
        except (ApiError, ConfigurationError) as error:
            return Asked(place, name, problem=f"not asked: {error}")
        if isinstance(found, Outcome):
            fails = found.stopped_by is AnotherCluster
            return Asked(place, name, problem=f"not asked: {found.errors[0].message}", fails=fails)
        return Asked(place, name, found)

    async def _wanted(self, place: Place, stack: Stack) -> Rendered | Reason:
        """What the target is to hold: nothing where the stack is removed."""
        if self._spec.action not in DEPLOYS:
            return Rendered(())
        return await rendered(self._snapshots, stack, self._sources(self._instances.get(place)), self._sensitive)

    def _sources(self, there: StackInstance | None) -> Sources:
        """Of an operation that has begun, what its instance says; else the set as it is now, with the values that the
        instance was given before, unless the operation gives others."""
        if self._inputs is None:
            return there.sources if there is not None else Sources()
        if self._spec.overrides is not None or there is None:
            return self._inputs.sources
        return replace(self._inputs.sources, overrides=there.sources.overrides)

    async def _previewed(
        self, place: Place, target: Object, stack: Stack, wanted: Rendered
    ) -> tuple[Planned, ...] | Outcome:
        try:
            visit = Visit(
                await self._reach.member(target),
                SystemClock(),
                within=PATIENCE,
                expected_uid=self._expected(place, target),
                sensitive=wanted.sensitive,
            )
            return await preview(visit, stack, wanted.manifests)
        finally:
            await self._reach.forget(target.namespace, target.name)

    def _expected(self, place: Place, target: Object) -> str | None:
        """The uid of the cluster that is meant: the one that it was deployed to, else the one that answered first."""
        there = self._instances.get(place)
        deployed = self._world.instances.get(there.name, {}) if there is not None else {}
        uid = part_of(deployed, "status").get("clusterUID") or part_of(target, "status").get("clusterUID")
        return str(uid) if uid else None


# ---- for people


def target_lines(asked: Iterable[Asked]) -> list[str]:
    """Target by target what would be done there, in its order."""
    found = []
    for each in asked:
        found.append(f"{each.place.region}/{each.place.account}: {each.problem or _summed(each)}")
        found += [f"  {_DOING[one.what]:<12} {_object(one)}" for one in each.objects if one.what in _DOING]
    return found


def folded_lines(asked: Iterable[Asked]) -> list[str]:
    """The same with one line for all targets to which the same would happen."""
    alike: dict[str, list[str]] = {}
    for each in asked:
        alike.setdefault(each.problem or _summed(each), []).append(f"{each.place.region}/{each.place.account}")
    return [f"{counted(len(where), 'target')}: {what}: {names(tuple(where))}" for what, where in alike.items()]


def _object(planned: Planned) -> str:
    more = planned.why or ", ".join(planned.fields)
    return f"{planned.object}: {more}" if more else planned.object


def _summed(asked: Asked) -> str:
    """`3 created, 1 changed (spec.replicas)`."""
    number = Counter(each.what for each in asked.objects)
    fields = sorted({field for each in asked.objects for field in each.fields})
    told = []
    for what, word in _SUMMED.items():
        if number[what]:
            which = f" ({names(tuple(fields), MOST_FIELDS)})" if what == "Changed" else ""
            told.append(f"{number[what]} {word}{which}")
    return ", ".join(told) or "it holds nothing, and would hold nothing"


# ---- for programs


def asked_values(asked: Asked) -> dict[str, Any]:
    """What one target says."""
    return {
        "region": asked.place.region,
        "account": asked.place.account,
        "target": asked.target or None,
        "problem": asked.problem or None,
        "objects": [
            {"object": each.object, "change": each.what, "fields": list(each.fields), "why": each.why or None}
            for each in asked.objects
        ],
    }
