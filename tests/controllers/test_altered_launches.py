"""A mutating policy changes Pods as they are created, so that their group would not see them."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from tests.cluster_client.objects import Objects
from tests.controllers.processes import Asked, Process
from tests.controllers.small_cluster import SmallCluster
from windlass.api.common import GROUP_LABEL, REVISION_LABEL


def without_label(label: str) -> Callable[[dict[str, Any]], dict[str, Any]]:
    def change(meta: dict[str, Any]) -> dict[str, Any]:
        return {**meta, "labels": {key: value for key, value in meta["labels"].items() if key != label}}

    return change


CHANGES: dict[str, tuple[Callable[[dict[str, Any]], dict[str, Any]], str]] = {
    "label": (without_label(GROUP_LABEL), "its label windlass.dev/group was taken off"),
    "revision": (without_label(REVISION_LABEL), "its label windlass.dev/revision was taken off"),
    "owner": (lambda meta: meta | {"ownerReferences": []}, "its owner reference to the group was taken off"),
    "name": (lambda meta: meta | {"name": f"x-{meta['name']}"}, "its name was changed from web-"),
}


class Policy:
    """Changes the metadata of each Pod that is created, while it is there."""

    def __init__(self, objects: Objects, process: Process, change: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
        self.there = True
        self.created = 0
        self._objects, self._process, self._change = objects, process, change
        process.transport.refuse = self._admit

    def _admit(self, asked: Asked) -> tuple[int, Any] | None:
        if not self.there or asked.method != "POST" or not asked.path.endswith("/pods"):
            return None
        self.created += "dryRun" not in asked.query
        body = {**asked.body, "metadata": self._change(asked.body["metadata"])}
        return self._objects.answer(asked.method, asked.path, asked.query, body)


async def live(small: SmallCluster, process: Process, seconds: int) -> None:
    for _ in range(seconds):
        small.kubelets()
        await process.live(1.0)


@pytest.mark.parametrize(("change", "said"), CHANGES.values(), ids=CHANGES)
def test_a_new_group_whose_pods_would_be_hidden_makes_none_says_so_and_tries_again(
    change: Callable[[dict[str, Any]], dict[str, Any]], said: str
) -> None:
    async def run() -> None:
        small = SmallCluster(3)
        async with Process(small.objects, small.clock) as process:
            policy = Policy(small.objects, process, change)
            process.start()
            await live(small, process, 120)
            assert policy.created == 0
            assert small.group["status"]["phase"] == "Stalled"
            assert said in small.group["status"]["message"]
            tries = [asked for asked in process.transport.asked if "dryRun" in asked.query]
            assert 4 <= len(tries) <= 6
            policy.there = False
            await live(small, process, 70)
            assert small.group["status"]["phase"] == "Ready"
            assert len(small.alive) == 3

    asyncio.run(run())


def test_a_policy_that_comes_later_costs_one_pod_which_is_taken_back_and_a_new_generation_tries_at_once() -> None:
    async def run() -> None:
        small = SmallCluster(2)
        async with Process(small.objects, small.clock) as process:
            process.start()
            await small.settle(process)
            process.controller._in_memory.clear()  # as after a restart: requests begin one by one
            policy = Policy(small.objects, process, without_label(GROUP_LABEL))
            small.change(desiredSize=4)
            await live(small, process, 100)
            assert policy.created == 1
            hidden = small.objects.by_place["pods", "default", "web-2"]["metadata"]
            assert "deletionTimestamp" in hidden, "nobody else would take it back"
            assert len(small.alive) == 2
            assert small.group["status"]["phase"] == "Stalled"
            policy.there = False
            small.change(desiredSize=3)
            await live(small, process, 4)
            assert small.group["status"]["phase"] == "Ready"
            assert len(small.alive) == 3

    asyncio.run(run())
