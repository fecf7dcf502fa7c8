"""Revisions that are there already, and groups that cannot be read."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from tests.controllers.processes import KEY, Process
from tests.controllers.small_cluster import SmallCluster
from tests.worlds import GROUP_UID
from windlass.api.common import GROUP_LABEL, owner_reference
from windlass.cluster.errors import Invalid, Transient

Scenario = Callable[[SmallCluster, Process], Awaitable[None]]


def play(scenario: Scenario) -> None:
    async def run() -> None:
        small = SmallCluster(1)
        async with Process(small.objects, small.clock) as process:
            await scenario(small, process)

    asyncio.run(run())


async def kept(small: SmallCluster, process: Process) -> dict[str, object]:
    """The revision that a first pass keeps; taken away again, together with all that the process knows."""
    await process.controller.reconcile(KEY)
    (revision,) = small.objects.selected("controllerrevisions")
    small.objects.silently_remove("controllerrevisions", "default", revision["metadata"]["name"])
    process.controller.stop_leading()
    return revision


def with_metadata(revision: dict[str, object], **metadata: object) -> dict[str, object]:
    before = revision["metadata"]
    assert isinstance(before, dict)
    return {**revision, "metadata": {**before, **metadata}}


def test_a_revision_of_a_try_before_is_waited_for() -> None:
    async def scenario(small: SmallCluster, process: Process) -> None:
        revision = await kept(small, process)

        def appears() -> None:  # between the list and the creation
            if len(process.transport.asked) > before + 2 and not small.objects.selected("controllerrevisions"):
                small.objects.put("controllerrevisions", revision)

        before = len(process.transport.asked)
        process.transport.answered = appears
        await process.controller.reconcile(KEY)
        assert process.expectations.wake_at(KEY) is not None
        process.show_all()
        assert process.expectations.satisfied(KEY)
        process.start()
        process.queue.add(KEY)
        await small.settle(process)
        assert len(small.alive) == 1

    play(scenario)


def test_a_revision_that_lacks_its_label_is_not_waited_for_for_ever() -> None:
    async def scenario(small: SmallCluster, process: Process) -> None:
        revision = await kept(small, process)
        small.objects.put("controllerrevisions", with_metadata(revision, labels={}))
        await process.controller.reconcile(KEY)
        process.expectations.clear(KEY)
        with pytest.raises(Transient, match=f"it exists, but without the label {GROUP_LABEL}=web"):
            await process.controller.reconcile(KEY)
        assert not small.alive

    play(scenario)


def test_a_revision_of_another_group_bears_the_name() -> None:
    async def scenario(small: SmallCluster, process: Process) -> None:
        revision = await kept(small, process)
        another = [owner_reference("ScalingGroup", "web", "another-uid")]
        small.objects.put("controllerrevisions", with_metadata(revision, ownerReferences=another))
        process.show_all()
        with pytest.raises(Transient, match="the name is taken by an object that this group does not control"):
            await process.controller.reconcile(KEY)
        assert not small.alive

    play(scenario)


@pytest.mark.parametrize(
    ("part", "wrong", "message"),
    [
        ("spec", {"maxSize": -1}, r"^reading spec\.maxSize: "),
        ("status", {"nextOrdinal": "many"}, r"^reading status\.nextOrdinal: "),
    ],
)
def test_a_group_that_cannot_be_read_says_where(part: str, wrong: dict[str, object], message: str) -> None:
    async def scenario(small: SmallCluster, process: Process) -> None:
        small.objects.put("scalinggroups", {**small.group, part: {**small.group.get(part, {}), **wrong}})
        process.show_all()
        with pytest.raises(Invalid, match=message):
            await process.controller.reconcile(KEY)

    play(scenario)


def test_a_configuration_that_no_watch_has_shown_is_read() -> None:
    async def scenario(small: SmallCluster, process: Process) -> None:
        known = process.caches.configurations.get("default", "web")
        assert known is not None
        process.caches.configurations.drop(known)
        process.start()
        process.queue.add(KEY)
        await small.settle(process)
        assert len(small.alive) == 1
        assert process.caches.configurations.get("default", "web") is not None
        asked = [each for each in process.transport.asked if each.path.endswith("/scalingconfigurations/web")]
        assert len(asked) == 3  # because nothing is known of it; before the revision is kept; before the launch

    play(scenario)


def test_a_group_without_its_configuration_says_so_and_launches_nobody() -> None:
    async def scenario(small: SmallCluster, process: Process) -> None:
        small.objects.remove("scalingconfigurations", "default", "web")
        process.show_all()
        process.start()
        process.queue.add(KEY)
        for _ in range(3):
            await process.live(1)
        assert small.group["status"]["message"].startswith("ScalingConfiguration web does not exist")
        assert not small.pods

    play(scenario)


def test_a_template_that_makes_no_pod_is_refused_without_a_request() -> None:
    async def scenario(small: SmallCluster, process: Process) -> None:
        body = small.objects.by_place["scalingconfigurations", "default", "web"]
        wrong = {"template": {"metadata": {"name": "mine"}, "spec": {}}}
        small.objects.put("scalingconfigurations", {**body, "spec": wrong})
        process.start()
        process.show_all()
        process.queue.add(KEY)
        for _ in range(3):
            await process.live(1)
        assert "template.metadata may hold labels and annotations, not name" in small.group["status"]["message"]
        assert not [each for each in process.transport.asked if each.path.endswith("/pods") and each.writes]
        assert process.controller._in_memory[KEY].uid == GROUP_UID

    play(scenario)
