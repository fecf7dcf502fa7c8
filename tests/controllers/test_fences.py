"""Nothing is done on what was so before: what a pass checks before it acts, and whose objects it takes for its own."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from tests.controllers.processes import KEY, Crash, Process
from tests.controllers.small_cluster import SmallCluster, group_body
from tests.engine.manual_clock import settle
from tests.worlds import GROUP_UID
from windlass.api.common import GROUP_LABEL, owner_reference
from windlass.cluster.errors import Conflict, Gone


async def crashed_before_launching(small: SmallCluster) -> None:
    """The status says whom to launch, and nobody has been."""
    async with Process(small.objects, small.clock) as process:
        process.start()
        await small.settle(process)
    small.change(desiredSize=3)
    for _ in range(2):  # the second one says it in other words
        async with Process(
            small.objects, small.clock, crash=Crash(4)
        ) as process:  # after two lists, the configuration and the status
            process.start()
            await small.settle(process)
    assert small.group["status"]["activity"]["launching"] == {"first": 0, "count": 3}
    assert not small.alive


def launched(process: Process) -> list[str]:
    return [
        asked.body["metadata"]["name"]
        for asked in process.transport.asked
        if asked.writes and asked.path.endswith("/pods") and "dryRun" not in asked.query
    ]


def on_a_new_process(then: Callable[[SmallCluster, Process], Awaitable[None]]) -> None:
    """A process that takes over where the status says already what is to be done."""

    async def play() -> None:
        small = SmallCluster(0)
        await crashed_before_launching(small)
        async with Process(small.objects, small.clock) as process:
            await then(small, process)

    asyncio.run(play())


def test_where_the_status_says_it_already_the_group_is_read_before_anybody_is_launched() -> None:
    async def then(small: SmallCluster, process: Process) -> None:
        before = small.objects.version
        await process.controller.reconcile(KEY)
        asked = [
            (each.method, each.path.rpartition("/")[2]) for each in process.transport.asked if "List" not in each.path
        ]
        assert ("GET", "web") in asked
        assert asked.index(("GET", "web")) < asked.index(("POST", "pods"))
        assert small.objects.version > before
        assert len(small.alive) == 3

    on_a_new_process(then)


def test_where_the_status_says_it_already_and_fewer_are_wanted_since_nobody_is_launched() -> None:
    async def then(small: SmallCluster, process: Process) -> None:
        small.change(desiredSize=0)  # and no watch has shown it
        with pytest.raises(Conflict):
            await process.controller.reconcile(KEY)
        assert launched(process) == []
        process.start()
        process.queue.add(KEY)
        await small.settle(process)
        assert launched(process) == []

    on_a_new_process(then)


def test_where_the_status_says_it_already_and_the_group_is_gone_nobody_is_launched() -> None:
    async def then(small: SmallCluster, process: Process) -> None:
        small.objects.silently_remove("scalinggroups", "default", "web")
        with pytest.raises(Gone):
            await process.controller.reconcile(KEY)
        assert launched(process) == []

    on_a_new_process(then)


def test_the_status_is_written_only_on_the_group_that_was_read() -> None:
    async def play() -> None:
        small = SmallCluster(3)
        async with Process(small.objects, small.clock) as process:
            await process.controller.reconcile(KEY)  # keeps the revision
            process.show_all()
            small.change(desiredSize=0)
            with pytest.raises(Conflict):
                await process.controller.reconcile(KEY)
            assert launched(process) == []
            assert process.caches.groups.get("default", "web")["spec"]["desiredSize"] == 0

    asyncio.run(play())


# ---- whose it is


def pod_of(uid: str, name: str = "web-0") -> dict[str, object]:
    meta = {
        "namespace": "default",
        "name": name,
        "uid": f"{name}-of-{uid}",
        "creationTimestamp": "2026-07-01T11:00:00Z",
        "labels": {GROUP_LABEL: "web"},
        "ownerReferences": [owner_reference("ScalingGroup", "web", uid)],
    }
    return {"metadata": meta}


def test_a_former_groups_pod_of_the_same_name_is_not_taken_for_the_one_that_was_created() -> None:
    async def play() -> None:
        small = SmallCluster(1)
        async with Process(small.objects, small.clock) as process:
            with process.expectations.creating(KEY, "web-0"):
                pass
            small.objects.put("pods", pod_of("former-uid"))
            process.show_all()
            assert not process.expectations.satisfied(KEY)
            small.objects.remove("pods", "default", "web-0")
            small.objects.put("pods", pod_of(GROUP_UID))
            process.show_all()
            assert process.expectations.satisfied(KEY)

    asyncio.run(play())


def test_a_group_that_nobody_knows_any_more_owns_nothing() -> None:
    async def play() -> None:
        small = SmallCluster(1)
        async with Process(small.objects, small.clock) as process:
            with process.expectations.creating(KEY, "web-0"):
                pass
            small.objects.remove("scalinggroups", "default", "web")
            small.objects.put("pods", pod_of(GROUP_UID))
            process.show_all()
            assert not process.expectations.satisfied(KEY)

    asyncio.run(play())


def test_a_group_made_anew_waits_for_its_own_pods_while_the_former_ones_are_going() -> None:
    """Its name is the same and so are its Pods' names; the former ones are still shown as they go."""

    async def play() -> None:
        small = SmallCluster(1)
        small.objects.put("pods", pod_of("former-uid"))
        async with Process(small.objects, small.clock) as process:
            process.start()
            process.queue.add(KEY)
            await settle()
            for _ in range(5):
                await process.live(1.0)
            assert len([pod for pod in small.alive if pod["metadata"]["uid"] != "web-0-of-former-uid"]) == 1
            small.objects.remove("pods", "default", "web-0")
            for _ in range(60):
                small.kubelets()
                await process.live(1.0)
            assert len(small.alive) == 1

    asyncio.run(play())


def test_a_group_of_another_uid_is_met_with_nothing_remembered() -> None:
    async def play() -> None:
        small = SmallCluster(2)
        async with Process(small.objects, small.clock) as process:
            process.start()
            await small.settle(process)
            for pod in small.pods:
                small.objects.remove("pods", "default", pod["metadata"]["name"])
            small.objects.remove("scalinggroups", "default", "web")
            again = group_body(1)
            small.objects.put("scalinggroups", {**again, "metadata": {**again["metadata"], "uid": "another-uid"}})
            for _ in range(60):
                small.kubelets()
                await process.live(1.0)
            owners = [pod["metadata"]["ownerReferences"][0]["uid"] for pod in small.alive]
            assert owners == ["another-uid"]

    asyncio.run(play())
