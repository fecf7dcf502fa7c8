"""Stack sets whose members, hub, people and leader do what nobody planned, on an API in memory.

Time passes only by being waited for, so that patience of many minutes costs nothing.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any

import pytest

from tests.cluster_client.objects import status
from tests.cluster_client.virtual_time import run
from tests.controllers.processes import Asked, Process
from tests.controllers.small_stacks import ALSO, OVER, SET, TEMPLATE, Fault, SmallStacks
from windlass.cluster.errors import NotLeading
from windlass.cluster.transport import NoReply, Request

SIDE_BY_SIDE = {"regionConcurrencyType": "PARALLEL", "maxConcurrentCount": 2, "failureToleranceCount": 2}
ALL = {"eu": ("a", "b"), "us": ("a", "b")}
DEPLOYED = dict.fromkeys(("eu/a", "eu/b", "us/a", "us/b"), "OPERATION_COMPLETE")


class Story:
    """Four places in two members, a set, and the process that works there."""

    def __init__(self, small: SmallStacks, process: Process) -> None:
        self.small = small
        self.process = process
        self.eu, self.us = small.members["eu"], small.members["us"]

    def create(self, **preferences: Any) -> None:
        self.small.start(
            "create", "CreateInstances", ["eu", "us"], ["a", "b"], preferences={**SIDE_BY_SIDE, **preferences}
        )

    async def settle(self) -> None:
        await self.small.settle(self.process)

    async def until(self, seen: Callable[[], object], limit: float = 600.0) -> None:
        await self.small.until(self.process, seen, limit)

    async def begun(self, place: str) -> None:
        await self.until(lambda: self.small.phases.get(place) == "OPERATION_IN_PROGRESS")

    def ended(self, name: str = "create") -> str:
        found = self.small.status("stacksetoperations", name)
        assert found["phase"] in {"Successful", "Failed", "Cancelled"}, found
        return str(found["phase"])

    def message(self, place: str) -> str:
        return str(self.small.instances[place]["message"])

    def seconds(self, place: str) -> float:
        """How long the instance was worked at."""
        found = self.small.instances[place]
        began, ended = (datetime.fromisoformat(found[field]) for field in ("startTime", "completionTime"))
        return (ended - began).total_seconds()


@asynccontextmanager
async def story(**spec: Any) -> AsyncIterator[Story]:
    """From when all targets were looked at, and the set is there."""
    small = SmallStacks(ALL)
    small.stack_set(TEMPLATE + ALSO.replace("NAME", "also"), **spec)
    async with small.process(prompt=True) as process:
        process.start()
        await small.settle(process)
        yield Story(small, process)


async def goes_nowhere(request: Request) -> None:
    """Half-open: taken, and never answered."""
    await asyncio.sleep(request.seconds)
    raise NoReply("no answer", sent=True)


async def is_away(_: Request) -> None:
    raise NoReply("connection refused", sent=False)


async def takes_no_time() -> None:
    """Goes on."""


async def takes_five_seconds(_: Request) -> None:
    await asyncio.sleep(5)


def answers(code: int, reason: str, message: str) -> Callable[[Asked], tuple[int, Any]]:
    return lambda _: (code, status(code, reason, message))


def while_closed(gate: asyncio.Event, matches: Callable[[Request], bool] = lambda _: True) -> Fault:
    """The request is on its way until the gate opens."""

    async def fault(request: Request) -> None:
        if matches(request):
            await gate.wait()

    return fault


def applies(request: Request) -> bool:
    return request.method == "PATCH"


# ---- members


@pytest.mark.parametrize("fault", [goes_nowhere, is_away, takes_five_seconds])
def test_a_member_in_trouble_delays_no_other(fault: Fault) -> None:
    async def play() -> None:
        async with story() as told:
            told.eu.fault = fault
            told.create()
            await told.until(lambda: all(told.small.phases.get(place) in OVER for place in ("us/a", "us/b")), 2.0)
            assert max(told.seconds(place) for place in ("us/a", "us/b")) <= 1
            await told.settle()
            slow = fault is takes_five_seconds
            expected = "OPERATION_COMPLETE" if slow else "OPERATION_FAILED"
            assert told.small.phases == {**DEPLOYED, "eu/a": expected, "eu/b": expected}
            assert told.ended() == "Successful"
            if not slow:
                assert "reading Namespace kube-system: " in told.message("eu/a")
            assert told.small.held("us", "a").keys() == {"shop", "also"}

    run(play())


def test_a_member_in_trouble_delays_no_other_of_its_region() -> None:
    async def play() -> None:
        small = SmallStacks({"eu": ("a", "b", "c")})
        other = SmallStacks({"dead": ()}).members["dead"]
        small.members["dead"] = other
        small.secret("eu-b", other.kubeconfig())
        small.stack_set()
        async with small.process(prompt=True) as process:
            process.start()
            await small.settle(process)
            other.fault = goes_nowhere
            preferences = {"maxConcurrentCount": 2, "failureToleranceCount": 1}
            small.start("create", "CreateInstances", ["eu"], ["a", "b", "c"], preferences=preferences)
            await small.until(process, lambda: all(small.phases.get(f"eu/{each}") in OVER for each in "ac"), 2.0)
            assert small.phases["eu/b"] == "OPERATION_IN_PROGRESS"
            await small.settle(process)
            assert small.phases["eu/b"] == "OPERATION_FAILED"

    run(play())


@pytest.mark.parametrize(
    ("code", "reason", "message"),
    [(429, "TooManyRequests", "too many requests"), (500, "InternalError", "etcdserver: leader changed")],
)
def test_a_member_that_has_too_much_to_do_for_a_while_is_asked_again(code: int, reason: str, message: str) -> None:
    async def play() -> None:
        async with story() as told:
            told.eu.refuse = answers(code, reason, message)
            told.create()
            await told.until(lambda: told.small.phases.get("us/b") in OVER, 5.0)
            await told.process.live(10)
            told.eu.refuse = None
            await told.settle()
            assert told.small.phases == DEPLOYED

    run(play())


@pytest.mark.parametrize(
    ("code", "reason", "message"),
    [(429, "TooManyRequests", "too many requests"), (500, "InternalError", "etcdserver: leader changed")],
)
def test_a_member_that_never_does_better_fails_with_what_it_says(code: int, reason: str, message: str) -> None:
    async def play() -> None:
        async with story() as told:
            told.eu.refuse = answers(code, reason, message)
            told.create()
            await told.settle()
            assert told.small.phases == {**DEPLOYED, "eu/a": "OPERATION_FAILED", "eu/b": "OPERATION_FAILED"}
            assert message in told.message("eu/a")

    run(play())


@pytest.mark.parametrize("place", ["before it begins", "in the middle"])
def test_a_member_that_was_just_started_and_does_not_know_its_own_rules_yet_is_asked_again(place: str) -> None:
    """So an API server answers for a second or two: nobody may do anything."""
    forbidden = answers(403, "Forbidden", 'configmaps "shop" is forbidden: User "x" cannot patch resource "configmaps"')

    async def play() -> None:
        async with story() as told:
            if place == "in the middle":
                told.eu.fault = lambda request: is_away(request) if applies(request) else takes_no_time()
                told.create()
                await told.begun("eu/a")
                await told.process.live(3)
            told.eu.fault, told.eu.refuse = None, forbidden
            if place == "before it begins":
                told.create()
                await told.process.live(0)
            await told.process.live(4)
            told.eu.refuse = None
            await told.settle()
            assert told.small.phases == DEPLOYED, told.message("eu/a")

    run(play())


def test_a_member_that_does_not_allow_it_fails_soon_with_what_it_says() -> None:
    async def play() -> None:
        async with story() as told:
            message = 'configmaps "shop" is forbidden: User "x" cannot patch resource "configmaps"'
            told.eu.refuse = lambda asked: (
                (403, status(403, "Forbidden", message)) if asked.method == "PATCH" and "shop" in asked.path else None
            )
            told.create()
            await told.settle()
            assert message in told.message("eu/a")
            assert told.seconds("eu/a") <= 1

    run(play())


def test_a_member_that_loses_the_kind_of_an_object_fails_by_name_and_goes_on_when_it_is_back() -> None:
    async def play() -> None:
        async with story() as told:
            kinds = [each for each in told.eu.kinds if each.kind == "Service"]
            service = "---\napiVersion: v1\nkind: Service\nmetadata: {name: web}\nspec: {ports: [{port: 80}]}\n"
            told.small.change("stacksets", SET, template={"manifests": TEMPLATE + service})
            told.create()
            await told.settle()
            assert told.small.phases == DEPLOYED
            told.eu.kinds = [each for each in told.eu.kinds if each.kind != "Service"]
            told.small.change("stacksets", SET, variables='greeting = "hi"\n')
            told.small.start("deploy", "DeploySet", preferences=SIDE_BY_SIDE)
            await told.settle()
            assert told.small.phases == {**DEPLOYED, "eu/a": "OPERATION_FAILED", "eu/b": "OPERATION_FAILED"}
            assert "Service" in told.message("eu/a")
            assert "Service a/web" in told.eu.lists("default/shop eu/a") or told.eu.written["a/web"]
            told.eu.kinds += kinds
            told.small.start("again", "DeploySet", preferences=SIDE_BY_SIDE)
            await told.settle()
            assert told.small.phases == DEPLOYED

    run(play())


def test_another_cluster_behind_the_same_credentials_is_not_remembered_as_the_right_one() -> None:
    """Also where nothing was deployed there before: the target says which cluster it is."""

    async def play() -> None:
        async with story() as told:
            told.small.secret("eu-a", told.us.kubeconfig())
            told.create()
            await told.settle()
            assert told.small.phases["eu/a"] == "OPERATION_FAILED"
            assert "another cluster answers" in told.message("eu/a")
            assert not told.us.written["a/eu"]
            told.small.secret("eu-a", told.eu.kubeconfig())
            told.small.start("again", "DeploySet", preferences=SIDE_BY_SIDE)
            await told.settle()
            assert told.small.phases == DEPLOYED, told.message("eu/a")

    run(play())


# ---- credentials


def only_with(told: Story, token: str) -> None:
    """The member accepts this token alone."""

    accepted = True

    async def fault(request: Request) -> None:
        nonlocal accepted
        accepted = request.headers.get("Authorization") == f"Bearer {token}"

    told.eu.fault = fault
    told.eu.refuse = lambda _: None if accepted else (401, status(401, "Unauthorized", "Unauthorized"))


def test_credentials_that_are_exchanged_in_the_middle_are_taken() -> None:
    async def play() -> None:
        async with story() as told:
            gate = asyncio.Event()
            told.eu.fault = while_closed(gate, applies)
            told.create(maxConcurrentCount=1)
            await told.begun("eu/a")
            await told.process.live(1)
            only_with(told, "new")
            gate.set()
            await told.process.live(3)
            told.small.secret("eu-a", told.eu.kubeconfig("new"))
            told.small.secret("eu-b", told.eu.kubeconfig("new"))
            await told.settle()
            assert told.small.phases == DEPLOYED, told.message("eu/a")

    run(play())


def test_an_instance_that_begins_before_the_new_credentials_are_there_waits_for_them() -> None:
    async def play() -> None:
        async with story() as told:
            only_with(told, "new")
            told.create()
            await told.process.live(5)
            for name in ("eu-a", "eu-b"):
                told.small.secret(name, told.eu.kubeconfig("new"))
            await told.settle()
            assert told.small.phases == DEPLOYED, told.message("eu/a")

    run(play())


# ---- the hub


def unreachable(process: Process) -> None:
    """The hub's API server does not answer its operator."""

    def refuse(_: Asked) -> tuple[int, Any]:
        raise NoReply("connection refused", sent=False)

    process.transport.refuse = refuse


def test_a_hub_that_is_away_when_a_deployment_ends_gets_its_outcome_later() -> None:
    """It is not deployed again, nor gone back twice."""

    async def play() -> None:
        async with story() as told:
            gate = asyncio.Event()
            told.eu.fault = while_closed(gate, applies)
            told.create()
            await told.begun("eu/a")
            await told.process.live(2)
            unreachable(told.process)
            asked = len([each for each in told.process.transport.asked if "/api/v1/namespaces/a" in each.path])
            gate.set()
            await told.process.live(30)
            later = len([each for each in told.process.transport.asked if "/api/v1/namespaces/a" in each.path])
            told.process.transport.refuse = lambda _: None
            await told.settle()
            assert told.small.phases == DEPLOYED
            now = len([each for each in told.process.transport.asked if "/api/v1/namespaces/a" in each.path])
            assert later > asked
            assert now == later, "it was deployed again"

    run(play())


def test_a_hub_that_is_away_when_a_deployment_begins_is_no_failure_of_the_target() -> None:
    async def play() -> None:
        async with story() as told:

            def refuse(asked: Asked) -> tuple[int, Any] | None:
                if asked.path.rpartition("/")[0].endswith("/secrets") and not asked.writes:
                    raise NoReply("connection refused", sent=False)
                return None

            told.create()
            await told.begun("eu/a")
            told.process.transport.refuse = refuse
            await told.process.live(40)
            told.process.transport.refuse = lambda _: None
            await told.settle()
            assert told.small.phases == DEPLOYED, told.message("eu/a")

    run(play())


# ---- people


def test_an_operation_that_is_deleted_leaves_what_it_began_and_the_next_one_begins() -> None:
    async def play() -> None:
        async with story() as told:
            gate = asyncio.Event()
            told.eu.fault = while_closed(gate, applies)
            told.create(regionConcurrencyType="SEQUENTIAL", regionOrder=["eu", "us"], maxConcurrentCount=1)
            await told.begun("eu/a")
            told.small.start("next", "DeploySet", preferences=SIDE_BY_SIDE)
            await told.process.live(1)
            told.small.delete("stacksetoperations", "create")
            await told.process.live(5)
            cancelled = dict.fromkeys(("eu/b", "us/a", "us/b"), "CANCEL_COMPLETE")
            assert told.small.phases == {**cancelled, "eu/a": "OPERATION_IN_PROGRESS"}
            assert "shop.eu.a" in told.small.status("stacksetoperations", "next")["message"]
            gate.set()
            await told.until(lambda: told.small.status("stacksetoperations", "next").get("startTime"), 10.0)
            await told.settle()
            assert told.ended("next") == "Successful"
            assert told.small.phases == DEPLOYED

    run(play())


def test_an_instance_that_is_deleted_in_the_middle_takes_its_stack_with_it() -> None:
    async def play() -> None:
        async with story() as told:
            gate = asyncio.Event()
            told.eu.fault = while_closed(gate, lambda request: applies(request) and request.target.endswith("windlass"))
            told.create()
            await told.begun("eu/a")
            await told.process.live(2)
            name = next(name for name, body in told.small.all("stackinstances").items() if place_of(body) == "eu/a")
            told.small.delete("stackinstances", name)
            await told.process.live(2)
            gate.set()
            await told.settle()
            assert set(told.small.phases) == DEPLOYED.keys() - {"eu/a"}
            assert told.small.held("eu", "a") == {}
            assert told.eu.lists("default/shop eu/a") == []
            found = told.small.status("stacksetoperations", "create")
            assert (found["total"], found["succeeded"], found["failed"], found["cancelled"]) == (4, 3, 0, 1)

    run(play())


def place_of(body: dict[str, Any]) -> str:
    return f"{body['spec']['region']}/{body['spec']['account']}"


def test_an_instance_that_is_deleted_is_made_again_only_when_it_is_gone() -> None:
    async def play() -> None:
        async with story() as told:
            told.create()
            await told.settle()
            told.eu.fault = is_away
            name = next(name for name, body in told.small.all("stackinstances").items() if place_of(body) == "eu/a")
            told.small.delete("stackinstances", name)
            await told.process.live(2)
            told.small.start("more", "CreateInstances", ["eu"], ["a"])
            await told.process.live(5)
            before = len(told.process.transport.asked)
            await told.process.live(20)
            assert len(told.process.transport.asked) - before < 30, "it is tried all the time"
            assert name in told.small.status("stacksetoperations", "more")["message"]
            told.eu.fault = None
            await told.settle()
            assert told.ended("more") == "Successful"
            assert told.small.phases == DEPLOYED

    run(play())


def test_a_target_that_is_deleted_in_the_middle_fails_its_instance_at_once() -> None:
    async def play() -> None:
        async with story() as told:
            gate = asyncio.Event()
            told.eu.fault = while_closed(gate, applies)
            told.create()
            await told.begun("eu/a")
            await told.process.live(2)
            told.small.delete("stacktargets", "eu-a")
            await told.until(lambda: told.small.phases["eu/a"] in OVER, 10.0)
            assert "there is no StackTarget of region eu and account a" in told.message("eu/a")
            gate.set()
            await told.settle()
            assert told.small.phases == {**DEPLOYED, "eu/a": "OPERATION_FAILED"}
            assert told.ended() == "Successful"

    run(play())


def test_a_set_that_is_deleted_while_it_deploys_ends_with_nothing_left() -> None:
    async def play() -> None:
        async with story() as told:
            gate = asyncio.Event()
            told.eu.fault = while_closed(gate, applies)
            told.create(regionConcurrencyType="SEQUENTIAL", regionOrder=["eu", "us"])
            await told.begun("eu/a")
            told.small.start("next", "DeploySet")
            told.small.delete("stacksets", SET)
            await told.process.live(2)
            assert told.small.status("stacksets", SET)["phase"] == "Deleting"
            gate.set()
            await told.settle()
            assert told.small.all("stacksets") == {}
            assert told.small.phases == {}
            assert told.ended("next") == "Failed"
            for member in (told.eu, told.us):
                assert member.lists("default/shop eu/a") == []
            assert told.small.held("eu", "a") == told.small.held("us", "b") == {}

    run(play())


@pytest.mark.parametrize("kind", ["CreateInstances", "DeleteInstances"])
def test_an_operation_that_is_stopped_in_the_middle_finishes_what_it_began(kind: str) -> None:
    async def play() -> None:
        async with story() as told:
            if kind == "DeleteInstances":
                told.create()
                await told.settle()
            gate = asyncio.Event()
            told.eu.fault = while_closed(gate, lambda request: request.method in {"PATCH", "DELETE"})
            targets = (["eu", "us"], ["a", "b"])
            told.small.start("stopped", kind, *targets, preferences={"regionOrder": ["eu", "us"]})
            await told.begun("eu/a")
            told.small.change("stacksetoperations", "stopped", state="Stopped")
            await told.process.live(2)
            cancelled = dict.fromkeys(("eu/b", "us/a", "us/b"), "CANCEL_COMPLETE")
            assert told.small.phases == {**cancelled, "eu/a": "OPERATION_IN_PROGRESS"}
            gate.set()
            await told.settle()
            deployed = {"eu/a": "OPERATION_COMPLETE"} if kind == "CreateInstances" else {}
            assert told.small.phases == {**cancelled, **deployed}
            assert told.ended("stopped") == "Cancelled"
            assert told.small.status("stacksetoperations", "stopped")["cancelled"] == 3

    run(play())


# ---- the lease


def test_a_leader_that_loses_its_lease_in_the_middle_does_no_more_and_the_next_one_finishes() -> None:
    async def play() -> None:
        async with story() as told:
            gate = asyncio.Event()
            told.eu.fault = while_closed(gate, applies)
            told.create()
            await told.begun("eu/a")
            await told.process.live(2)

            def held_back() -> None:
                raise NotLeading

            told.process.client.fence = held_back
            told.process.may_work.clear()
            for controller in told.process.controllers:
                controller.stop_leading()
            gate.set()
            asked = len(told.process.transport.asked)
            async with told.small.process(prompt=True) as second:
                second.start()
                await told.small.settle(second)
            assert told.small.phases == DEPLOYED
            assert not [each for each in told.process.transport.asked[asked:] if each.writes]

    run(play())
