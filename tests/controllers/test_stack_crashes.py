"""The operator's process ends at each of its requests to the hub and to the members in turn, while a set is created,
changed and deleted: as if nothing had happened. Nothing is begun twice, nor written twice to a member."""

from collections.abc import Callable, Iterable

import pytest

from tests.cluster_client.virtual_time import run
from tests.controllers.processes import Crash
from tests.controllers.small_stacks import ALSO, SET, TEMPLATE, SmallStacks

PLACES: dict[str, Iterable[str]] = {"eu": ("a", "b"), "us": ("a", "b")}
BESIDE = {"regionConcurrencyType": "PARALLEL", "maxConcurrentCount": 2, "failureToleranceCount": 1}


def at_first() -> SmallStacks:
    small = SmallStacks(PLACES)
    small.stack_set(TEMPLATE + ALSO.replace("NAME", "old"))
    return small


def creates(small: SmallStacks) -> None:
    small.start("create", "CreateInstances", ["eu", "us"], ["a", "b"], preferences=BESIDE)


def updates(small: SmallStacks) -> None:
    """One object changes, one comes, one goes."""
    template = {"manifests": TEMPLATE + ALSO.replace("NAME", "new")}
    small.change("stacksets", SET, template=template, variables='greeting = "hi"')
    small.start("update", "DeploySet", preferences={"regionOrder": []})


def deletes(small: SmallStacks) -> None:
    small.delete("stacksets", SET)


STORIES: tuple[Callable[[SmallStacks], None], ...] = (creates, updates, deletes)


async def played(small: SmallStacks, *crashes: Crash, prompt: bool) -> int:
    """A process after each crash, the last of which brings the story to its end; in how many requests."""
    for crash in (*crashes, None):
        async with small.process(crash=crash, prompt=prompt) as process:
            process.start()
            await small.settle(process)
            asked = len(process.transport.asked)
    return asked


@pytest.fixture(scope="module")
def before() -> dict[str, SmallStacks]:
    """The world before each story."""

    async def play() -> dict[str, SmallStacks]:
        small, found = at_first(), {}
        await played(small, prompt=True)
        for story in STORIES:
            found[story.__name__] = small.copied()
            story(small)
            await played(small, prompt=True)
        return found

    return run(play())


@pytest.mark.parametrize(
    ("arrives", "prompt"),
    [("never", True), ("at once", False)],
    ids=["before it, prompt watches", "after it, slow watches"],
)
@pytest.mark.parametrize("story", STORIES)
def test_a_crash_at_any_request_changes_nothing_in_the_end(
    story: Callable[[SmallStacks], None], arrives: str, prompt: bool, before: dict[str, SmallStacks]
) -> None:
    async def play(*crashes: Crash) -> tuple[SmallStacks, int]:
        small = before[story.__name__].copied()
        story(small)
        return small, await played(small, *crashes, prompt=prompt)

    expected, count = run(play())
    assert count >= 20
    for at in range(count):
        small, _ = run(play(Crash(at, arrives)))
        assert small.outcome() == expected.outcome(), f"after a crash at request {at} of {count}, {arrives} done"
