"""Updates of container groups played from beginning to end; each golden log shows them write by write.

To accept a changed log: `WINDLASS_GOLDEN=write pytest tests/sim/test_container_group_stories.py`.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.container_groups import SMALL, container, spec
from tests.contract import contract_broken
from tests.golden import matches_golden
from tests.worlds import span
from windlass.api.common import rfc3339
from windlass.api.container_group import ContainerGroupSpec, UpdateResult
from windlass.planner.containergroup.pod import changes_of
from windlass.planner.containergroup.sizes import Sizes
from windlass.simulate.container_groups import ContainerGroupWorld, Course, PlayedProcess, Write, play, run_pass
from windlass.simulate.world import ConflictError

GOLDEN = Path(__file__).parent / "golden"
LOG = container("log", "log:1")
BIGGER = SMALL | {"memory": "1Gi"}
CRASHES = Course(crashes=span("2s"))


class Story:
    """A world, one operator that never crashes, and what it wrote."""

    def __init__(self, first: ContainerGroupSpec | None = None, **world: Any) -> None:
        self.world = ContainerGroupWorld(first or spec(), **world)
        self.process = PlayedProcess()
        self.lines: list[str] = []

    def say(self, text: str) -> None:
        self.lines.append(f"-- {text}")

    def ask(self, text: str, wanted: ContainerGroupSpec) -> None:
        """Somebody gives the group another spec."""
        self.say(text)
        self.world.change(wanted)

    def wait(self, time: str) -> None:
        """Play for so long."""
        until = self.world.now + span(time)
        world, process = self.world, self.process
        while True:
            said = (world.status.phase, world.status.message)
            while (plan := run_pass(world, process)) is not None:
                assert contract_broken(world.status.conditions, world.generation) is None
                if said != (plan.status.phase, plan.status.message):
                    said = (plan.status.phase, plan.status.message)
                    self.lines.append(f"{self._when} status {plan.status.phase}: {plan.status.message}")
                self.lines += [f"{self._when} {type(step).__name__}: {step.why}" for step in plan.steps]
            if world.now >= until:
                return
            world.advance(min(span("1s"), until - world.now))

    @property
    def _when(self) -> str:
        return rfc3339(self.world.now)[11:19]

    @property
    def result(self) -> UpdateResult | None:
        assert self.world.status.last_update is not None
        return self.world.status.last_update.result

    @property
    def as_asked(self) -> bool:
        view = self.world.view(self.process)
        assert view.pod is not None
        return not changes_of(view.group, view.pod)

    @property
    def restarted(self) -> list[str]:
        return [each.container for each in self.world.restarts]

    def told(self, name: str) -> bool:
        return matches_golden(GOLDEN / f"container_group_{name}.log", self.lines)


def begun(first: ContainerGroupSpec | None = None, **world: Any) -> Story:
    """A group at rest."""
    story = Story(first, **world)
    story.wait("30s")
    assert story.world.status.message == "2 containers as asked"
    story.lines.clear()
    return story


def test_a_group_comes_up() -> None:
    story = Story(spec(imageRegistryCredentials=[{"secretName": "registry"}]))
    story.say("a new group; the Secret of its registry is not there yet")
    story.wait("10s")
    story.say("somebody creates the Secret")
    story.world.registries["registry"] = "1"
    story.wait("10s")
    assert story.world.status.message == "2 containers as asked"
    assert story.told("comes_up")


@pytest.mark.spec("container-group.md", "part: containers")
def test_an_image_is_updated() -> None:
    story = begun()
    story.ask("web:2 is asked for", spec(container(image="web:2"), LOG))
    story.wait("1m")
    assert (story.result, story.restarted, story.world.pods) == (UpdateResult.SUCCESSFUL, ["web"], ["pod-1"])
    assert story.told("image")


@pytest.mark.spec("container-group.md", "size")
def test_a_size_and_an_image_are_updated() -> None:
    story = begun()
    story.ask("web:2 with 1Gi is asked for", spec(container(image="web:2", resources=BIGGER), LOG))
    story.wait("1m")
    assert (story.result, story.restarted, story.as_asked) == (UpdateResult.SUCCESSFUL, ["web"], True)
    assert story.told("size_and_image")


def test_a_bad_image_crashes_and_is_corrected() -> None:
    story = begun(courses={"web:2": CRASHES})
    story.ask("web:2 is asked for, which crashes", spec(container(image="web:2"), LOG))
    story.wait("1m")
    assert story.result is UpdateResult.FAILED
    story.ask("web:3 is asked for", spec(container(image="web:3"), LOG))
    story.wait("1m")
    assert (story.result, story.world.pods) == (UpdateResult.SUCCESSFUL, ["pod-1"])
    assert set(story.restarted) == {"web"}
    assert story.told("crashes")


def test_an_image_that_is_nowhere_fails_by_the_deadline() -> None:
    story = begun(courses={"web:2": Course(pulled=False)})
    story.ask("web:2 is asked for, which is nowhere", spec(container(image="web:2"), LOG))
    story.wait("6m")
    assert story.result is UpdateResult.FAILED
    story.ask("web:1 is asked for again", spec())
    story.wait("1m")
    assert story.result is UpdateResult.SUCCESSFUL
    assert story.told("image_nowhere")


@pytest.mark.spec("container-group.md", "part: restart policy")
def test_arguments_need_a_new_pod() -> None:
    story = begun()
    story.ask("other arguments are asked for", spec(container(args=["-v"]), LOG))
    story.wait("1m")
    assert (story.result, story.restarted, story.world.pods) == (UpdateResult.SUCCESSFUL, [], ["pod-1", "pod-2"])
    assert story.told("recreate")


def test_what_the_ceiling_forbids_is_not_done() -> None:
    story = begun()
    ceiling = {"mostDisruptiveAllowed": "RestartContainer"}
    wanted = spec(container(image="web:2", args=["-v"]), LOG, update=ceiling)
    story.ask("another image and other arguments are asked for; RestartContainer is the most allowed", wanted)
    story.wait("10m")
    assert (story.result, story.restarted, story.world.pods) == (UpdateResult.REFUSED, [], ["pod-1"])
    story.ask("Recreate is allowed", spec(container(image="web:2", args=["-v"]), LOG))
    story.wait("1m")
    assert (story.result, story.world.pods) == (UpdateResult.SUCCESSFUL, ["pod-1", "pod-2"])
    assert story.told("ceiling")


def test_a_deferred_resize_gets_room() -> None:
    story = begun(free=Sizes.read("1", "1Gi"))
    story.ask("web is to have 1Gi; the node has no room now", spec(container(resources=BIGGER), LOG))
    story.wait("2m")
    story.say("the node has room")
    story.world.free = Sizes.read("4", "4Gi")
    story.wait("1m")
    assert (story.result, story.restarted, story.world.pods) == (UpdateResult.SUCCESSFUL, [], ["pod-1"])
    assert story.told("deferred")


def test_a_deferred_resize_is_taken_back_at_its_deadline() -> None:
    story = begun(free=Sizes.read("1", "1Gi"))
    wanted = spec(container(image="web:2", resources=BIGGER), LOG)
    story.ask("web:2 with 1Gi is asked for; the node has no room now", wanted)
    story.wait("10m")
    assert (story.result, story.restarted, story.world.pods) == (UpdateResult.FAILED, [], ["pod-1"])
    assert story.world.pod is not None
    assert (story.world.pod.images["web"], story.world.pod.sizes["web"]) == (
        "web:1",
        Sizes.of(spec().containers[0].resources),
    )
    assert story.told("deferred_too_long")


def test_an_infeasible_resize_takes_the_next_rung() -> None:
    story = begun(room=Sizes.read("1", "1Gi"))
    story.ask("web is to have 1Gi; its node never has as much", spec(container(resources=BIGGER), LOG))
    story.wait("10s")
    story.say("there is a larger node")
    story.world.room = Sizes.read("4", "4Gi")
    story.wait("1m")
    assert (story.result, story.world.pods) == (UpdateResult.SUCCESSFUL, ["pod-1", "pod-2"])
    assert story.told("infeasible")


@pytest.mark.parametrize(
    ("name", "happens"),
    [
        ("deleted", lambda world: world.delete_pod()),
        ("node_lost", lambda world: world.lose_node()),
        ("node_gone", lambda world: world.lose_node(gone=True)),
        ("evicted", lambda world: world.evict()),
    ],
)
def test_a_pod_comes_back(name: str, happens: Callable[[ContainerGroupWorld], None]) -> None:
    story = begun()
    story.say({"deleted": "the Pod is deleted", "evicted": "the Pod is evicted"}.get(name, "the node is lost"))
    happens(story.world)
    story.wait("6m")
    assert (story.world.status.message, story.world.pods) == ("2 containers as asked", ["pod-1", "pod-2"])
    assert story.told(name)


def test_a_pod_that_is_deleted_in_the_middle_comes_back_as_asked() -> None:
    story = begun()
    story.ask("web:2 is asked for", spec(container(image="web:2"), LOG))
    story.wait("1s")
    story.say("the Pod is deleted")
    story.world.delete_pod()
    story.wait("1m")
    assert (story.result, story.as_asked, story.world.pods) == (UpdateResult.SUCCESSFUL, True, ["pod-1", "pod-2"])
    assert story.told("deleted_in_the_middle")


# ---- a crash between any two writes


class CrashError(Exception):
    """The operator's process ends here."""


UPDATES: dict[str, ContainerGroupSpec] = {
    "tags": spec(tags=[{"key": "a", "value": "b"}]),
    "size and image": spec(container(image="web:2", resources=BIGGER), LOG),
    "image": spec(container(image="web:2"), LOG),
    "arguments": spec(container(args=["-v"]), LOG),
    "credentials": spec(imageRegistryCredentials=[{"secretName": "registry"}]),
}


def updated(name: str) -> ContainerGroupWorld:
    world = begun().world
    world.registries["registry"] = "1"
    world.change(UPDATES[name])
    return world


def crash_at(world: ContainerGroupWorld, at: int) -> int:
    """Play with one process until it ends before its write number `at`; how many were done."""
    done = 0

    def before(_: Write) -> None:
        nonlocal done
        if done == at:
            raise CrashError
        done += 1

    process = PlayedProcess()
    for _ in range(60):
        try:
            while run_pass(world, process, before=before) is not None:
                pass
        except CrashError:
            return done
        world.advance(span("1s"))
    return done


def outcome(world: ContainerGroupWorld) -> object:
    last = world.status.last_update
    assert last is not None
    assert world.pod is not None
    ended = (last.parts, last.disruption, last.result, last.restarted_containers, last.reason)
    restarts = [(each.container, each.cause) for each in world.restarts]
    return ended, restarts, world.pods, world.pod.images, world.pod.sizes, world.pod.annotations, world.status.message


@pytest.mark.parametrize("name", UPDATES)
def test_a_crash_before_any_write_changes_nothing_in_the_end(name: str) -> None:
    undisturbed = updated(name)
    count = crash_at(undisturbed, 1000)
    assert count >= 3
    for at in range(count + 1):
        for second in range(count - at):
            world = updated(name)
            crash_at(world, at)
            crash_at(world, second)
            for _ in play(world):
                pass
            assert outcome(world) == outcome(undisturbed), f"after crashes before writes {at} and {at + second}"


def test_a_spec_that_changes_under_a_pass_stops_it() -> None:
    world = begun().world
    world.change(UPDATES["image"])

    def before(_: Write) -> None:
        world.change(UPDATES["arguments"])

    with pytest.raises(ConflictError):
        run_pass(world, PlayedProcess(), before=before)
    for _ in play(world):
        pass
    assert world.restarts == []
    assert world.pods == ["pod-1", "pod-2"]
