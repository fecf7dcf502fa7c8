"""An operator that takes over what an earlier version stored: nothing begins because of it.

`stored_before_refreshes.json` is what the version before InstanceRefreshes (7151930) left of a group of three at rest.
"""

import asyncio
import json
from pathlib import Path

import pytest

from tests.cluster_client.objects import Body
from tests.controllers.processes import Process
from tests.controllers.small_cluster import SmallCluster

STORED = Path(__file__).with_name("stored_before_refreshes.json").read_text()
REVISION = "web-85315b45f8"
ORDER = ("scalinggroups", "scalingconfigurations", "controllerrevisions", "scalingactivities", "pods")


async def upgraded(revision: str) -> SmallCluster:
    """The group as it was stored; its revision had this name, which the version before may have made in another way."""
    stored: dict[str, Body] = json.loads(STORED.replace(REVISION, revision))
    small = SmallCluster(3)
    for plural in ORDER:
        for place in sorted(stored):
            if place.startswith(f"{plural}/"):
                small.objects.put(plural, stored[place])
    await small.clock.advance(3600)
    return small


@pytest.mark.parametrize("revision", [REVISION, "web-0123456789"])
def test_what_the_version_before_stored_is_what_the_group_is_made_from(revision: str) -> None:
    async def scenario() -> None:
        small = await upgraded(revision)
        before = len(small.objects.history)
        async with Process(small.objects, small.clock) as process:
            process.start()
            await small.settle(process)
            assert small.group["status"]["currentRevision"] == revision
            assert small.group["status"]["outdated"] == 0
            changed = {change.plural for change in small.objects.history[before:]}
            assert changed <= {"scalinggroups", "leases"}, changed
            assert {pod["metadata"]["name"] for pod in small.alive} == {"web-0", "web-1", "web-2"}

    asyncio.run(scenario())


@pytest.mark.parametrize("revision", [REVISION, "web-0123456789"])
def test_its_instances_match_and_are_skipped_by_a_refresh_that_skips_those(revision: str) -> None:
    async def scenario() -> None:
        small = await upgraded(revision)
        small.refresh("r1", skipMatching=True)
        async with Process(small.objects, small.clock) as process:
            process.start()
            await small.settle(process)
            assert small.refreshes["r1"]["status"]["phase"] == "Successful"
            assert {pod["metadata"]["name"] for pod in small.alive} == {"web-0", "web-1", "web-2"}
            small.refresh("r2", desiredConfiguration={"image": "web:2"})
            await small.settle(process)
            assert {pod["spec"]["containers"][0]["image"] for pod in small.alive} == {"web:2"}

    asyncio.run(scenario())
