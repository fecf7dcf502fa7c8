"""What becomes of a launch that is refused, or whose name is taken; and of a size that is written for the group."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import Any, cast

import msgspec
import pytest

from tests.controllers.hands import KEY, hands, only
from tests.controllers.scripted import GONE, Answer, Api, lost, refused
from tests.worlds import GROUP, GROUP_UID, NOW, activity, group, launches, view
from windlass.api.common import GROUP_LABEL, ORDINAL_ANNOTATION, owner_reference
from windlass.cluster.altered import Altered
from windlass.cluster.client import Client
from windlass.cluster.errors import AlreadyExists, ApiError, Gone, Invalid, Transient
from windlass.cluster.pods import Pod, to_instance
from windlass.cluster.store import Object
from windlass.controllers.scaling_group.caches import Caches
from windlass.controllers.scaling_group.observe import InMemoryState, TemplateVerdict
from windlass.controllers.scaling_group.unseen import Unseen
from windlass.planner.capacity.reasons import DesiredUnset
from windlass.planner.capacity.steps import Pool, SeedDesired, Step
from windlass.planner.capacity.view import LaunchPause, RefusedLaunch
from windlass.planner.group import plan_group

THERE = AlreadyExists("it is there", code=409, reason="AlreadyExists")


def group_body(**metadata: Any) -> dict[str, Any]:
    meta = {"namespace": "default", "name": GROUP, "uid": GROUP_UID, "generation": 1, "resourceVersion": "5"}
    return {"metadata": meta | metadata, "spec": {}}


def pod(**metadata: Any) -> Pod:
    """The group's web-0, unless something else is said."""
    meta = {
        "namespace": "default",
        "name": "web-0",
        "uid": "uid-0",
        "resourceVersion": "8",
        "creationTimestamp": "2026-01-14T12:00:00Z",
        "labels": {GROUP_LABEL: GROUP},
        "annotations": {ORDINAL_ANNOTATION: "0"},
        "ownerReferences": [owner_reference("ScalingGroup", GROUP, GROUP_UID)],
    }
    return msgspec.convert({"metadata": meta | metadata}, Pod)


class Scene:
    """The launch of web-0, or other steps, in a group that is known as `body` says; None: it is not known."""

    def __init__(self, answer: Answer, body: dict[str, Any] | None, steps: tuple[Step, ...] | None = None) -> None:
        self.api, self.in_memory = Api(answer), InMemoryState(uid=GROUP_UID, look_live=False)
        self.seen = view(group(1), activity=activity(to=1))
        self.wanted = tuple(launches(plan_group(self.seen))) if steps is None else steps
        self.steps, self.caches = hands(cast("Client", self.api), self.seen, self.in_memory)
        if body is not None:
            self.caches.groups.put(Object(body))

    def carry_out(self) -> Exception | None:
        async def run() -> None:
            await self.steps.carry_out(only(self.seen, *self.wanted))

        try:
            asyncio.run(run())
        except ApiError as error:
            return error
        return None

    @property
    def waits(self) -> bool:
        return not self.caches._expectations.satisfied(KEY)


def answers(**said: Any) -> Answer:
    return lambda verb, name: said[verb]


# ---- refused


@pytest.mark.parametrize("error", [refused("over quota"), Invalid("over quota", code=422, reason="Invalid")])
def test_a_launch_that_is_refused_is_told_and_its_name_stays_in_doubt(error: ApiError) -> None:
    scene = Scene(answers(create=error), group_body())

    assert scene.carry_out() is None
    assert scene.in_memory.refusals == [RefusedLaunch(0, "over quota")]
    assert (scene.in_memory.settled, scene.in_memory.taken) == (set(), set())
    assert not scene.waits
    assert not scene.steps.progressed
    assert not scene.in_memory.look_live


def test_one_whose_answer_is_lost_is_waited_for_and_looked_for() -> None:
    scene = Scene(answers(create=lost()), group_body())

    assert isinstance(scene.carry_out(), Transient)
    assert (scene.in_memory.refusals, scene.in_memory.settled) == ([], set())
    assert scene.waits
    assert scene.in_memory.look_live


@pytest.mark.parametrize(
    "body",
    [None, group_body(uid="another"), group_body(deletionTimestamp="2026-01-15T12:00:00Z")],
    ids=["unknown", "another", "going"],
)
def test_nothing_is_launched_for_a_group_that_is_going_or_gone(body: dict[str, Any] | None) -> None:
    scene = Scene(answers(), body)

    assert isinstance(scene.carry_out(), Gone)
    assert scene.api.asked == []


def test_what_instances_of_one_revision_and_zone_have_in_common_is_made_once() -> None:
    """A launch of thousands is measured."""
    scene = Scene(answers(), group_body())
    (launch,) = launches(plan_group(scene.seen))
    elsewhere = replace(launch, pool=Pool("zone-a"))

    assert scene.steps._maker(launch) is scene.steps._maker(replace(launch, ordinal=9))
    assert scene.steps._maker(launch) is not scene.steps._maker(elsewhere)


# ---- the name is taken

TAKEN: dict[str, tuple[Any, bool, bool, bool]] = {
    # who bears it, whether the name is wasted, whether it is waited for, whether it is deleted
    "ours from before": (pod(), False, True, False),
    "ours, on its way out": (pod(deletionTimestamp="2026-01-15T12:00:00Z"), False, False, False),
    "a former group's": (pod(ownerReferences=[owner_reference("ScalingGroup", GROUP, "former")]), True, False, False),
    "nobody's": (pod(ownerReferences=[]), True, False, False),
    "ours, and hidden": (pod(labels={}), True, False, True),
    "gone again": (GONE, True, False, False),
}


@pytest.mark.parametrize(("found", "wasted", "waits", "deleted"), TAKEN.values(), ids=TAKEN)
def test_whose_the_name_is_decides_what_becomes_of_it(found: Any, wasted: bool, waits: bool, deleted: bool) -> None:
    scene = Scene(answers(create=THERE, get=found, delete=None), group_body())

    assert scene.carry_out() is None
    assert scene.in_memory.settled == {0}
    assert scene.in_memory.taken == ({0} if wasted else set())
    assert scene.waits is waits
    assert (("delete", "web-0") in scene.api.asked) is deleted
    assert not scene.steps.progressed


def test_ours_that_the_informer_shows_already_is_not_waited_for() -> None:
    scene = Scene(answers(create=THERE, get=pod()), group_body())
    scene.caches.pods._store.put(to_instance(pod()))

    assert scene.carry_out() is None
    assert not scene.waits
    assert scene.in_memory.taken == set()


# ---- a size that is written


def seeding(body: dict[str, Any] | None) -> tuple[Api, Caches]:
    scene = Scene(answers(patch=None, get=group_body(resourceVersion="9")), body, (SeedDesired(2, DesiredUnset(2)),))
    assert scene.carry_out() is None
    return scene.api, scene.caches


def test_a_size_is_written_on_the_group_that_was_seen_and_is_known_at_once() -> None:
    api, caches = seeding(group_body())

    assert api.bodies == [{"metadata": {"uid": GROUP_UID, "resourceVersion": "5"}, "spec": {"replicas": 2}}]
    known = caches.groups.get("default", GROUP)
    assert known is not None
    assert known.resource_version == "9"


def test_none_is_written_on_a_group_that_is_gone() -> None:
    assert seeding(None)[0].asked == []


# ---- asking again


def configured(**metadata: Any) -> dict[str, Any]:
    meta = {"namespace": "default", "name": GROUP, "uid": "c", "generation": 3, "resourceVersion": "6"}
    return {"metadata": meta | metadata, "spec": {}}


PAUSES = [(None, 1, 5), (1, 2, 10), (2, 3, 20), (3, 4, 40), (4, 5, 60), (99, 100, 60)]
VERSION = f"{GROUP_UID}/1/c/3"


@pytest.mark.parametrize(("before", "failures", "seconds"), PAUSES)
def test_launches_that_nobody_would_see_pause_for_five_seconds_doubling_to_a_minute(
    before: int | None, failures: int, seconds: int
) -> None:
    scene = Scene(answers(), group_body())
    scene.caches.configurations.put(Object(configured()))
    pause = None if before is None else LaunchPause(before, NOW, "before")
    seen = replace(scene.seen, launch_pause=pause)
    Unseen(cast("Client", scene.api), scene.caches, KEY, seen, scene.in_memory).pause(Altered("its label is off"))
    until = NOW + timedelta(seconds=seconds)

    assert scene.in_memory.launch_pause == (VERSION, LaunchPause(failures, until, Altered("its label is off")))


@pytest.mark.parametrize(("before", "failures", "seconds"), PAUSES)
@pytest.mark.parametrize("version", [VERSION, "of another one"])
def test_a_template_that_is_refused_is_asked_about_after_five_seconds_doubling_to_a_minute(
    before: int | None, failures: int, seconds: int, version: str
) -> None:
    scene = Scene(answers(create=Invalid("no", code=422, reason="Invalid")), group_body())
    scene.caches.configurations.put(Object(configured()))
    if before is not None:
        scene.in_memory.template_verdict = TemplateVerdict(version, "before", before, NOW)
    scene.steps._judge("no")
    counted, pause = (failures, seconds) if version == VERSION else (1, 5)

    assert scene.in_memory.template_verdict == TemplateVerdict(VERSION, "no", counted, NOW + timedelta(seconds=pause))


def test_nothing_is_judged_of_a_configuration_that_is_gone() -> None:
    scene = Scene(answers(), group_body())
    scene.steps._judge("no")
    Unseen(cast("Client", scene.api), scene.caches, KEY, scene.seen, scene.in_memory).pause(Altered("no"))

    assert (scene.in_memory.template_verdict, scene.in_memory.launch_pause) == (None, None)
