"""Launch templates with their groups on an API in memory: statuses, changes, what was removed."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator

import pytest

from tests.cluster_client.objects import Body
from tests.contract import contract_broken
from tests.controllers.processes import Process
from tests.controllers.small_cluster import SmallCluster
from tests.worlds import GROUP, NOW
from windlass.api.common import API_VERSION, Condition
from windlass.api.launch_template import LaunchTemplateStatus
from windlass.engine.queue import Key
from windlass.planner.launch_template.standing import standing

PLURAL = "launchtemplates"


def version(number: int, image: str = "") -> Body:
    containers = [{"name": "web", "image": image or f"web:{number}"}]
    return {"version": number, "template": {"spec": {"containers": containers}}}


class TemplateWorld(SmallCluster):
    """A group of two that asks for a version of the template `app`, which has version 1."""

    def __init__(self, asked: str = "Latest", desired: int = 2) -> None:
        super().__init__(desired, configuration={"launchTemplate": {"name": "app", "version": asked}})
        meta = {"namespace": "default", "name": "app", "uid": "template-uid", "generation": 1}
        self.objects.put(PLURAL, {"metadata": meta, "spec": {"defaultVersion": "Latest", "versions": [version(1)]}})

    @property
    def template(self) -> Body:
        return self.objects.by_place[PLURAL, "default", "app"]

    def set_template(self, *versions: Body, default: str = "Latest") -> None:
        path = f"/apis/{API_VERSION}/namespaces/default/{PLURAL}/app"
        spec = {"defaultVersion": default, "versions": list(versions)}
        code, _ = self.objects.answer("PATCH", path, "", {"spec": spec})
        assert code == 200

    @property
    def images(self) -> dict[str, str]:
        return {pod["metadata"]["name"]: pod["spec"]["containers"][0]["image"] for pod in self.alive}

    @property
    def status(self) -> Body:
        return dict(self.group["status"])

    @property
    def sources(self) -> set[str]:
        return {each["configuration"] for each in self.status["revisions"]}

    async def pass_seconds(self, process: Process, seconds: int = 5) -> None:
        for _ in range(seconds):
            self.kubelets()
            await process.live(1.0)
            self.check()


Play = Callable[[TemplateWorld, Process], Awaitable[None]]


def play(world: TemplateWorld, story: Play) -> None:
    async def scenario() -> None:
        async with Process(world.objects, world.clock) as process:
            process.start()
            await story(world, process)

    asyncio.run(scenario())


# ---- the template's own status


def test_the_status_says_what_the_words_stand_for_and_follows_the_spec() -> None:
    async def story(world: TemplateWorld, process: Process) -> None:
        await world.settle(process)
        first = world.template["status"]
        assert (first["defaultVersion"], first["latestVersion"], first["phase"]) == (1, 1, "Ready")
        world.set_template(version(1), version(7), version(3), default="3")
        await world.pass_seconds(process)
        told = world.template["status"]
        assert (told["defaultVersion"], told["latestVersion"], told["observedGeneration"]) == (3, 7, 2)
        assert told["message"] == "3 versions: Default is 3, Latest is 7"
        assert contract_broken([Condition.model_validate(each) for each in told["conditions"]], 2) is None

    play(TemplateWorld(), story)


def all_keys(process: Process) -> Iterator[Key]:
    return (Key("LaunchTemplate", each.namespace, each.name) for each in process.caches.templates.within(None))


def test_a_status_that_is_right_is_not_written_again() -> None:
    async def story(world: TemplateWorld, process: Process) -> None:
        await world.settle(process)
        before = world.template["metadata"]["resourceVersion"]
        for key in all_keys(process):
            process.queue.add(key)
        await world.pass_seconds(process)
        assert world.template["metadata"]["resourceVersion"] == before

    play(TemplateWorld(), story)


def test_a_default_that_is_not_there_stalls_the_template() -> None:
    status = standing({"defaultVersion": "7", "versions": [version(1)]}, LaunchTemplateStatus(), 1, NOW)
    assert (status.phase, status.default_version, status.latest_version) == ("Stalled", None, 1)
    assert status.message.startswith("spec.defaultVersion 7 is none of the versions")
    assert contract_broken(list(status.conditions), 1) is None


# ---- groups


def test_a_group_is_launched_from_latest_and_outdated_by_another_version_and_replaces_nothing() -> None:
    async def story(world: TemplateWorld, process: Process) -> None:
        await world.settle(process)
        assert world.images == {"web-0": "web:1", "web-1": "web:1"}
        assert world.sources == {"LaunchTemplate/app:1"}
        world.set_template(version(1), version(2))
        await world.settle(process)
        assert (world.status["outdated"], world.status["phase"]) == (2, "Ready")
        world.change(desiredSize=3)
        await world.settle(process)
        assert world.images == {"web-0": "web:1", "web-1": "web:1", "web-2": "web:2"}
        assert world.sources == {"LaunchTemplate/app:1", "LaunchTemplate/app:2"}

    play(TemplateWorld(), story)


@pytest.mark.parametrize("asked", ["1", "Default"])
def test_what_a_group_does_not_ask_for_makes_nothing_outdated(asked: str) -> None:
    async def story(world: TemplateWorld, process: Process) -> None:
        await world.settle(process)
        world.set_template(version(1), version(2), default="1")
        await world.settle(process)
        assert world.status["outdated"] == 0
        world.set_template(version(1), version(2), default="2")
        await world.settle(process)
        assert world.status["outdated"] == (2 if asked == "Default" else 0)

    play(TemplateWorld(asked), story)


def test_a_group_is_switched_to_a_configuration_and_back() -> None:
    async def story(world: TemplateWorld, process: Process) -> None:
        await world.settle(process)
        world.change(configuration={"launchTemplate": None, "scalingConfiguration": GROUP})
        await world.settle(process)
        assert (world.status["outdated"], world.sources) == (2, {"LaunchTemplate/app:1", "ScalingConfiguration/web"})
        world.change(configuration={"launchTemplate": {"name": "app", "version": "1"}, "scalingConfiguration": None})
        await world.settle(process)
        assert world.status["outdated"] == 0

    play(TemplateWorld(), story)


# ---- what is removed


@pytest.mark.parametrize("gone", ["version", "template"])
def test_a_group_whose_version_is_removed_is_stalled_and_heals_from_the_revision_that_is_kept(gone: str) -> None:
    async def story(world: TemplateWorld, process: Process) -> None:
        await world.settle(process)
        if gone == "version":
            world.set_template(version(2))
            said = "LaunchTemplate app has no version 1 (it has 2): add it, or name another one"
        else:
            world.objects.remove(PLURAL, "default", "app")
            said = "LaunchTemplate app does not exist: create it, or name another one"
        await world.pass_seconds(process, 60)  # an instance that ends sooner is a failed launch
        world.fail("web-0")
        await world.pass_seconds(process, 10)
        assert world.status["phase"] == "Stalled"
        assert world.status["message"].startswith(said)
        assert world.images == {"web-1": "web:1", "web-2": "web:1"}
        if gone == "version":
            world.set_template(version(1), version(2))
            await world.settle(process)

    play(TemplateWorld("1"), story)


def test_a_removal_that_no_watch_has_shown_is_seen_before_the_launch() -> None:
    """The version is there for the cache, and not for the API server: nothing may be made from it."""

    async def story(world: TemplateWorld, process: Process) -> None:
        world.set_template(version(2))  # and no watch tells of it
        process.shown = len(world.objects.history)
        await world.pass_seconds(process, 10)
        assert world.alive == []
        assert not world.objects.selected("controllerrevisions")
        assert world.status["message"].startswith("LaunchTemplate app has no version 1")

    world = TemplateWorld("1")
    play(world, story)


def test_a_version_that_no_watch_has_shown_yet_is_read() -> None:
    async def story(world: TemplateWorld, process: Process) -> None:
        world.set_template(version(1), version(2))
        process.shown = len(world.objects.history)
        await world.settle(process)
        assert set(world.images.values()) == {"web:2"}

    play(TemplateWorld("2"), story)


def test_a_group_that_came_before_its_template_goes_on_when_that_is_there() -> None:
    async def story(world: TemplateWorld, process: Process) -> None:
        template = world.template
        world.objects.remove(PLURAL, "default", "app")
        await world.pass_seconds(process)
        assert world.status["phase"] == "Stalled"
        world.objects.put(PLURAL, template)
        await world.settle(process)
        assert set(world.images.values()) == {"web:1"}

    play(TemplateWorld(), story)
