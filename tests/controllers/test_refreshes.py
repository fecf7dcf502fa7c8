"""Refreshes by the real controllers and loop, with the process ending at each of its requests in turn."""

import asyncio
from itertools import product
from typing import Any

import pytest

from tests.controllers.processes import Asked, Crash, Process
from tests.controllers.small_cluster import SmallCluster
from windlass.api.common import API_VERSION
from windlass.planner.tasks import FINAL

SIZE = 4
NEXT_IMAGE = "web:2"
CONFIGURATION_PATH = f"/apis/{API_VERSION}/namespaces/default/scalingconfigurations/web"


async def of(size: int) -> SmallCluster:
    small = SmallCluster(size, historyLimit=100)
    async with Process(small.objects, small.clock) as process:
        process.start()
        await small.settle(process)
    return small


async def refreshed(**spec: Any) -> SmallCluster:
    """Four instances; a refresh to another image keeps two in service and makes six at most."""
    small = await of(SIZE)
    small.most, small.least = 6, 2
    wanted = {"minHealthyPercentage": 50, "maxHealthyPercentage": 150, "desiredConfiguration": {"image": NEXT_IMAGE}}
    small.refresh("r1", **(wanted | spec))
    return small


def images(small: SmallCluster) -> list[str]:
    return sorted(pod["spec"]["containers"][0]["image"] for pod in small.alive)


def commits(small: SmallCluster) -> int:
    """How often the configuration was written since it was made."""
    return sum(change.plural == "scalingconfigurations" for change in small.objects.history) - 1


def check_end(small: SmallCluster) -> None:
    status = small.refreshes["r1"]["status"]
    assert status["phase"] == "Successful", status
    assert images(small) == [NEXT_IMAGE] * SIZE
    assert commits(small) == 1
    made = small.objects.by_place["scalingconfigurations", "default", "web"]
    assert made["spec"]["template"]["spec"]["containers"][0]["image"] == NEXT_IMAGE
    assert status["updated"] == status["total"] == SIZE
    assert small.group["status"]["outdated"] == 0
    assert "completionTime" in status
    phases = [
        phase
        for change in small.objects.history
        if change.plural == "instancerefreshes" and (phase := (change.body.get("status") or {}).get("phase"))
    ]
    first_end = next(index for index, phase in enumerate(phases) if phase in FINAL)
    assert set(phases[first_end:]) == {"Successful"}, "it is over once and for all"


def test_all_instances_are_exchanged_within_the_budgets_and_the_image_is_committed_once() -> None:
    async def scenario() -> None:
        small = await refreshed()
        async with Process(small.objects, small.clock) as process:
            process.start()
            await small.settle(process)
            check_end(small)

    asyncio.run(scenario())


async def requests_of(prompt: bool) -> int:
    small = await refreshed()
    async with Process(small.objects, small.clock, prompt=prompt) as process:
        process.start()
        await small.settle(process)
        return len(process.transport.asked)


@pytest.mark.parametrize("prompt", [False, True], ids=["watches lag", "watches are prompt"])
def test_a_crash_at_any_request_changes_nothing(prompt: bool) -> None:
    async def scenario() -> None:
        count = await requests_of(prompt)
        for at, arrives in product(range(count), ("never", "at once", "late")):
            small = await refreshed()
            small.latecomers = small.may_repeat = arrives == "late"
            late: list[tuple[int, Asked]] = []
            for crash in (Crash(at, arrives), None):
                async with Process(small.objects, small.clock, crash=crash, prompt=prompt) as process:
                    process.transport.overtaken = late
                    process.start()
                    await small.settle(process)
                    late = [(3, asked) for asked in process.transport.late]
            check_end(small)

    asyncio.run(scenario())


def test_a_refresh_without_a_group_fails_at_once() -> None:
    async def scenario() -> None:
        small = await of(1)
        small.refresh("r1", scalingGroup="nobody")
        async with Process(small.objects, small.clock) as process:
            process.start()
            await small.settle(process)
        status = small.refreshes["r1"]["status"]
        assert status["phase"] == "Failed"
        assert status["message"].startswith("ScalingGroup nobody does not exist")

    asyncio.run(scenario())


def test_one_whose_group_was_deleted_waits_for_nothing_any_more() -> None:
    async def scenario() -> None:
        small = await of(1)
        small.refresh("r1", scalingGroup="nobody")
        at = "2026-01-01T00:00:00Z"
        small.refreshes["r1"]["status"] = {"phase": "Paused", "waitingFor": "a person", "wakeAt": at, "startTime": at}
        async with Process(small.objects, small.clock) as process:
            process.start()
            await small.settle(process)
        status = small.refreshes["r1"]["status"]
        assert (status["phase"], status["startTime"]) == ("Failed", at)
        assert status.keys().isdisjoint({"waitingFor", "wakeAt"})
        assert {"Stalled", "Failed"} <= {each["type"] for each in status["conditions"]}

    asyncio.run(scenario())


def test_one_that_is_refused_by_the_api_server_fails_and_touches_nothing() -> None:
    async def scenario() -> None:
        small = await refreshed()
        before = sorted(pod["metadata"]["name"] for pod in small.alive)
        async with Process(small.objects, small.clock) as process:
            process.transport.refuse = _refuses_dry_runs
            process.start()
            await small.settle(process)
        status = small.refreshes["r1"]["status"]
        assert (status["phase"], commits(small)) == ("Failed", 0)
        assert "spec.containers[0].image: no" in status["message"]
        assert sorted(pod["metadata"]["name"] for pod in small.alive) == before

    asyncio.run(scenario())


def _refuses_dry_runs(asked: Asked) -> tuple[int, Any] | None:
    if "dryRun" not in asked.query:
        return None
    body = {"kind": "Status", "code": 422, "reason": "Invalid", "message": "spec.containers[0].image: no"}
    return 422, body


def test_a_refresh_that_is_changed_while_its_status_is_written_is_read_again_and_heard() -> None:
    """A person cancels at the very moment in which the operator writes that it runs."""

    async def scenario() -> None:
        small = await refreshed()
        cancelled = False

        def cancel_once(asked: Asked) -> tuple[int, Any] | None:
            nonlocal cancelled
            if not cancelled and asked.path.endswith("/instancerefreshes/r1/status"):
                cancelled = True
                small.ask("r1", state="Cancelled")
            return None

        async with Process(small.objects, small.clock) as process:
            process.transport.refuse = cancel_once
            process.start()
            await small.settle(process)
            assert any(asked.method == "GET" and asked.path.endswith("/r1") for asked in process.transport.asked)
        assert small.refreshes["r1"]["status"]["phase"] == "Cancelled"
        assert commits(small) == 0
        assert len(small.alive) == SIZE

    asyncio.run(scenario())


def test_a_configuration_that_no_watch_has_shown_yet_is_read_live() -> None:
    """Both are created by one `kubectl apply`, and the refresh is heard of first."""

    async def scenario() -> None:
        small = await of(1)
        next_one = {"template": {"spec": {"containers": [{"name": "web", "image": NEXT_IMAGE}]}}}
        async with Process(small.objects, small.clock) as process:
            process.start()
            await small.settle(process)
            metadata = {"namespace": "default", "name": "next", "uid": "next-uid", "generation": 1}
            small.objects.put("scalingconfigurations", {"metadata": metadata, "spec": next_one})
            small.refresh("r1", desiredConfiguration={"scalingConfiguration": "next"})
            unheard, heard = small.objects.history[-2:]
            process.shown += 2
            process.show(heard)
            await process.clock.advance(0.5)
            process.show(unheard)
            await small.settle(process)
        assert small.refreshes["r1"]["status"]["phase"] == "Successful", small.refreshes["r1"]["status"]

    asyncio.run(scenario())


def test_a_watch_of_refreshes_that_is_behind_does_not_cancel_the_one_that_runs() -> None:
    """A new leader has heard of the group's rollout, and not yet of the refresh."""

    async def scenario() -> None:
        small = await refreshed(checkpoints=[50, 100])
        async with Process(small.objects, small.clock) as process:
            process.start()
            for _ in range(20):
                small.kubelets()
                await process.live(1.0)
        assert small.refreshes["r1"]["status"]["phase"] == "Paused"
        async with Process(small.objects, small.clock) as process:
            store = process.caches.refreshes
            for known in store.within(None):
                store.drop(known)
            process.start()
            for _ in range(5):
                await process.live(1.0)
        assert small.refreshes["r1"]["status"]["phase"] == "Paused"

    asyncio.run(scenario())


def test_a_refresh_starts_from_what_its_configuration_is_now() -> None:
    """One `kubectl apply` changes the configuration and creates a refresh without one, which is heard of first."""

    async def scenario() -> None:
        small = await of(2)
        async with Process(small.objects, small.clock) as process:
            process.start()
            await small.settle(process)
            next_one = {"template": {"spec": {"containers": [{"name": "web", "image": NEXT_IMAGE}]}}}
            code, _ = small.objects.answer("PATCH", CONFIGURATION_PATH, "", {"spec": next_one})
            assert code == 200
            small.refresh("r1")
            unheard, heard = small.objects.history[-2:]
            process.shown += 2
            process.show(heard)
            await process.clock.advance(0.5)
            process.show(unheard)
            await small.settle(process)
        assert small.refreshes["r1"]["status"]["phase"] == "Successful"
        assert images(small) == [NEXT_IMAGE] * 2

    asyncio.run(scenario())


def test_what_cannot_be_read_is_not_gone() -> None:
    """A CRD of a later version has given the refresh a field that this operator does not know."""

    async def scenario() -> None:
        small = await refreshed(checkpoints=[50, 100])
        async with Process(small.objects, small.clock) as process:
            process.start()
            for _ in range(20):
                small.kubelets()
                await process.live(1.0)
            there = small.refreshes["r1"]
            metadata = {**there["metadata"], "generation": 2}
            later = {**there, "metadata": metadata, "spec": {**there["spec"], "later": True}}
            small.objects.put("instancerefreshes", later)
            for _ in range(5):
                await process.live(1.0)
        assert small.refreshes["r1"]["status"]["phase"] == "Paused"
        assert "rollout" in small.group["status"]
        assert "reading InstanceRefresh r1: spec.later: Extra inputs" in small.group["status"]["message"]

    asyncio.run(scenario())
