"""Refreshes to a version of a launch template, by the real controllers and loop on an API in memory."""

import asyncio
from itertools import pairwise, product
from typing import Any

import pytest

from tests.cluster_client.objects import Body
from tests.controllers.processes import Crash, Process
from tests.controllers.small_cluster import SmallCluster
from windlass.api.common import API_VERSION

SIZE = 2
CONFIGURED = {"scalingConfiguration": "web"}


def version(number: int) -> Body:
    return {"version": number, "template": {"spec": {"containers": [{"name": "web", "image": f"app:{number}"}]}}}


def asks_for(asked: str) -> Body:
    return {"launchTemplate": {"name": "app", "version": asked}}


def put_template(small: SmallCluster, *numbers: int) -> None:
    metadata = {"namespace": "default", "name": "app", "uid": "template-uid", "generation": 1}
    spec = {"defaultVersion": "Latest", "versions": [version(number) for number in numbers]}
    small.objects.put("launchtemplates", {"metadata": metadata, "spec": spec})


async def in_service(source: Body) -> SmallCluster:
    """Two instances of the template's version 1, or of the configuration; the template has versions 1 and 2."""
    small = SmallCluster(SIZE, historyLimit=100, configuration=source)
    put_template(small, 1, 2)
    async with Process(small.objects, small.clock) as process:
        process.start()
        await small.settle(process)
    return small


def refresh(small: SmallCluster, asked: str, **spec: Any) -> None:
    budget = {"minHealthyPercentage": 50, "maxHealthyPercentage": 150}
    small.refresh("r1", desiredConfiguration=asks_for(asked), **(budget | spec))


def images(small: SmallCluster) -> set[str]:
    return {pod["spec"]["containers"][0]["image"] for pod in small.alive}


def source(small: SmallCluster) -> Body:
    return {key: value for key, value in small.group["spec"]["configuration"].items() if value is not None}


def switches(small: SmallCluster) -> int:
    """How often the group's source was written since the group was made."""
    named = [c.body["spec"]["configuration"] for c in small.objects.history if c.plural == "scalinggroups"]
    return sum(after != before for before, after in pairwise(named))


@pytest.mark.parametrize("asked", ["2", "Latest"])
@pytest.mark.parametrize("before", [CONFIGURED, asks_for("1")], ids=["configuration", "template"])
def test_it_switches_the_group_to_the_version_as_it_was_asked_for(before: Body, asked: str) -> None:
    async def scenario() -> None:
        small = await in_service(before)
        refresh(small, asked)
        async with Process(small.objects, small.clock) as process:
            process.start()
            await small.settle(process)
        assert small.refreshes["r1"]["status"]["phase"] == "Successful"
        assert (images(small), source(small), switches(small)) == ({"app:2"}, asks_for(asked), 1)
        assert small.group["status"]["outdated"] == 0

    asyncio.run(scenario())


def test_from_a_template_to_a_configuration() -> None:
    async def scenario() -> None:
        small = await in_service(asks_for("Latest"))
        small.refresh("r1", desiredConfiguration=CONFIGURED)
        async with Process(small.objects, small.clock) as process:
            process.start()
            await small.settle(process)
        assert (images(small), source(small), switches(small)) == ({"web:1"}, CONFIGURED, 1)

    asyncio.run(scenario())


def test_whatever_request_it_ends_at_the_switch_is_made_once() -> None:
    async def story(crash: Crash | None) -> int:
        """Play it with a process that ends so, and another one after it; how many requests the first one made."""
        small = await in_service(CONFIGURED)
        small.may_repeat = small.latecomers = True
        refresh(small, "Latest")
        first = Process(small.objects, small.clock, crash=crash)
        async with first:
            first.start()
            await small.settle(first)
        if first.ended:
            async with Process(small.objects, small.clock) as second:
                second.start()
                await small.settle(second)
        assert small.refreshes["r1"]["status"]["phase"] == "Successful", small.refreshes["r1"]["status"]
        assert (images(small), source(small), switches(small)) == ({"app:2"}, asks_for("Latest"), 1)
        return len(first.transport.asked)

    async def scenario() -> None:
        for at, arrives in product(range(await story(None)), ("never", "at once")):
            await story(Crash(at, arrives))

    asyncio.run(scenario())


def test_a_version_that_was_added_together_with_the_refresh_is_found() -> None:
    """The watch of templates may show it later than that of refreshes shows who asks for it."""

    async def scenario() -> None:
        small = await in_service(asks_for("1"))
        async with Process(small.objects, small.clock) as process:
            process.start()
            path = f"/apis/{API_VERSION}/namespaces/default/launchtemplates/app"
            spec = {"versions": [version(number) for number in (1, 2, 3)]}
            small.objects.answer("PATCH", path, "", {"spec": spec})
            process.shown = len(small.objects.history)  # no watch tells of it
            refresh(small, "3")
            await small.settle(process)
        assert small.refreshes["r1"]["status"]["phase"] == "Successful", small.refreshes["r1"]["status"]
        assert images(small) == {"app:3"}

    asyncio.run(scenario())


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ({"desiredConfiguration": asks_for("9")}, "LaunchTemplate app has no version 9 (it has 1, 2)"),
        ({"desiredConfiguration": {"image": "app:3"}}, "whose versions do not change: add a version"),
        ({"desiredConfiguration": asks_for("1"), "autoRollback": True}, "autoRollback is not possible"),
    ],
)
def test_what_is_not_possible_ends_as_failed_at_once_and_touches_nothing(spec: Body, said: str) -> None:
    async def scenario() -> None:
        small = await in_service(asks_for("Latest"))
        before = set(small.created)
        small.refresh("r1", **spec)
        async with Process(small.objects, small.clock) as process:
            process.start()
            await small.settle(process)
        status = small.refreshes["r1"]["status"]
        assert (status["phase"], set(small.created)) == ("Failed", before)
        assert said in status["message"]
        assert (images(small), switches(small)) == ({"app:2"}, 0)

    asyncio.run(scenario())
