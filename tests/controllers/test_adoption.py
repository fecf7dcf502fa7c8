"""Pods that an earlier group of the name left behind: `kubectl delete sg web --cascade=orphan`, and again."""

import asyncio
from typing import Any

from tests.controllers.processes import Asked, Process
from tests.controllers.small_cluster import SmallCluster, group_body
from tests.worlds import GROUP_UID
from windlass.api.common import GROUP_LABEL

NEW_UID = "another-uid"


def owners(pod: dict[str, Any]) -> list[str]:
    return [owner["uid"] for owner in pod["metadata"].get("ownerReferences", ())]


async def orphaned(small: SmallCluster, process: Process) -> None:
    """The group goes, and its Pods stay without an owner."""
    small.objects.remove("scalinggroups", "default", "web")
    for plural in ("pods", "controllerrevisions", "scalingactivities"):
        for body in small.objects.selected(plural):
            meta = {key: value for key, value in body["metadata"].items() if key != "ownerReferences"}
            small.objects.put(plural, {**body, "metadata": meta})
    await process.live(1.0)


async def live(small: SmallCluster, process: Process, seconds: int) -> None:
    for _ in range(seconds):
        small.kubelets()
        await process.live(1.0)


def created_anew(desired: int) -> dict[str, Any]:
    body = group_body(desired)
    return {**body, "metadata": {**body["metadata"], "uid": NEW_UID}}


def again(desired: int) -> tuple[SmallCluster, Process]:
    """What became of three orphans and a new group of so many."""
    small = SmallCluster(3)

    async def run() -> Process:
        async with Process(small.objects, small.clock) as process:
            process.start()
            await small.settle(process)
            await orphaned(small, process)
            process.transport.asked.clear()
            small.objects.put("scalinggroups", created_anew(desired))
            await live(small, process, 15)
            return process

    return small, asyncio.run(run())


def test_orphans_are_adopted_and_no_more_than_what_is_missing_is_launched() -> None:
    small, process = again(4)

    assert sorted(pod["metadata"]["name"] for pod in small.alive) == ["web-0", "web-1", "web-2", "web-3"]
    assert {owner for pod in small.alive for owner in owners(pod)} == {NEW_UID}
    assert small.group["status"]["phase"] == "Ready"
    assert small.group["status"]["replicas"] == 4
    assert "PodsAdopted" in process.told.reasons
    created = [a for a in process.transport.asked if a.method == "POST" and a.path.endswith("/pods")]
    assert sum("dryRun" not in a.query for a in created) == 1


def test_orphans_that_are_too_many_leave_by_the_rules_of_a_scale_in() -> None:
    small, _ = again(2)

    assert len(small.alive) == 2
    assert small.group["status"]["phase"] == "Ready"


def test_what_another_owns_bears_another_name_or_has_ended_is_left_alone() -> None:
    async def run() -> None:
        small = SmallCluster(1)
        objects = small.objects
        meta = {"namespace": "default", "creationTimestamp": "2026-07-01T12:00:00Z", "labels": {GROUP_LABEL: "web"}}
        others = [{"apiVersion": "v1", "kind": "Other", "name": "x", "uid": "x"}]
        objects.put("pods", {"metadata": meta | {"name": "web-7", "uid": "a", "ownerReferences": others}})
        objects.put("pods", {"metadata": meta | {"name": "web-x", "uid": "b"}})
        objects.put("pods", {"metadata": meta | {"name": "webber-1", "uid": "c"}})
        objects.put("pods", {"metadata": meta | {"name": "web-8", "uid": "d"}, "status": {"phase": "Failed"}})
        async with Process(objects, small.clock) as process:
            process.start()
            await live(small, process, 10)
        assert [pod["metadata"]["name"] for pod in small.pods if GROUP_UID in owners(pod)] == ["web-0"]

    asyncio.run(run())


def test_a_group_that_was_deleted_unheard_adopts_nothing() -> None:
    async def run() -> None:
        small = SmallCluster(3)
        async with Process(small.objects, small.clock) as process:
            process.start()
            await small.settle(process)
            await orphaned(small, process)
            small.objects.put("scalinggroups", created_anew(3))

            def going(asked: Asked) -> tuple[int, Any] | None:
                if asked.method == "GET" and asked.path.endswith("/scalinggroups/web"):
                    meta = {**small.group["metadata"], "deletionTimestamp": "2026-07-01T12:00:00Z"}
                    return 200, {**small.group, "metadata": meta}
                return None

            process.transport.refuse = going
            await live(small, process, 5)
            assert not any(owners(pod) for pod in small.pods)

    asyncio.run(run())


def test_an_orphan_that_went_unheard_does_not_hold_up_the_group() -> None:
    async def run() -> None:
        small = SmallCluster(3)
        async with Process(small.objects, small.clock) as process:
            process.start()
            await small.settle(process)
            await orphaned(small, process)
            small.objects.silently_remove("pods", "default", "web-1")
            small.objects.put("scalinggroups", created_anew(3))
            await live(small, process, 40)
            assert sorted(pod["metadata"]["name"] for pod in small.alive) == ["web-0", "web-2", "web-3"]
            assert small.group["status"]["phase"] == "Ready"

    asyncio.run(run())
