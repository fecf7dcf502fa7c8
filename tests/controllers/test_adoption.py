"""Pods that an earlier group of the name left behind: `kubectl delete sg web --cascade=orphan`, and again."""

import asyncio
from typing import Any

from tests.cluster_client.objects import status
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


# ---- those that cannot be adopted


def left_alone(answer: tuple[int, Any] | None, name: str = "web-77") -> SmallCluster:
    """A group of three beside an ownerless Pod of its label; then one of the three goes, and five are wanted."""
    small = SmallCluster(3)
    meta = {"namespace": "default", "name": name, "uid": "x", "creationTimestamp": "2026-07-01T11:00:00Z"}

    async def run() -> None:
        async with Process(small.objects, small.clock) as process:
            process.start()
            await small.settle(process)

            def refuse(asked: Asked) -> tuple[int, Any] | None:
                return answer if asked.method == "PATCH" and asked.path.endswith(f"/pods/{name}") else None

            process.transport.refuse = refuse
            small.objects.put("pods", {"metadata": meta | {"labels": {GROUP_LABEL: "web"}}})
            small.objects.remove("pods", "default", "web-1")
            small.change(desiredSize=5)
            await live(small, process, 30)

    asyncio.run(run())
    return small


def owned(small: SmallCluster) -> int:
    return sum(GROUP_UID in owners(pod) for pod in small.alive)


def test_a_pod_that_may_not_be_adopted_does_not_keep_the_group_from_its_work() -> None:
    small = left_alone((403, status(403, "Forbidden", "admission webhook denied it")))

    assert owned(small) == 5
    assert small.group["status"]["phase"] == "Ready"
    said = small.group["status"]["message"]
    assert "Pod web-77 bears the group's label and cannot be adopted: " in said
    assert "admission webhook denied it" in said


def test_a_pod_whose_new_owner_is_taken_off_on_the_way_is_left_and_told() -> None:
    meta = {
        "namespace": "default",
        "name": "web-77",
        "uid": "x",
        "resourceVersion": "9",
        "labels": {GROUP_LABEL: "web"},
    }
    small = left_alone((200, {"metadata": meta | {"creationTimestamp": "2026-07-01T11:00:00Z"}}))

    assert owned(small) == 5
    assert "takes the group's owner reference or label off" in small.group["status"]["message"]


def test_a_number_that_leaves_no_room_for_others_is_not_adopted() -> None:
    small = left_alone(None, name="web-999999999")

    assert owned(small) == 5
    assert small.group["status"]["nextOrdinal"] < 100


def test_pods_of_a_label_that_does_not_fit_their_name_are_nobodys() -> None:
    async def run() -> None:
        small = SmallCluster(0)
        async with Process(small.objects, small.clock) as process:
            for namespace in ("a", "b"):
                meta = {"namespace": namespace, "name": "db-0", "uid": namespace, "labels": {GROUP_LABEL: "web"}}
                small.objects.put("pods", {"metadata": meta | {"creationTimestamp": "2026-07-01T11:00:00Z"}})
            process.show_all()
            for namespace in ("a", "b"):
                small.objects.remove("pods", namespace, "db-0")
            process.show_all()

    asyncio.run(run())
