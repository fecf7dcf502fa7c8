"""Checkpoints: how far a batch goes, when it pauses, and that nothing is paused at twice."""

from datetime import timedelta

import pytest

from tests.worlds import NOW, later
from windlass.planner.rollout.budget import Budget, Counts, finished, next_batch
from windlass.planner.rollout.checkpoints import Progress, advance, begin, goal

HOUR = timedelta(hours=1)
THREE = (20, 50, 100)
PAUSED = Progress(20, later("1h"))


# before, total, new in service, after
STEPS: dict[str, tuple[Progress, int, int, Progress]] = {
    "nothing is new": (Progress(), 10, 0, Progress()),
    "one short of the first": (Progress(), 10, 1, Progress()),
    "the first": (Progress(), 10, 2, PAUSED),
    "beyond the first": (Progress(), 10, 4, PAUSED),
    "two at once: the last of them counts": (Progress(), 10, 5, Progress(50, later("1h"))),
    "a share that is no whole number is rounded up": (Progress(), 11, 2, Progress()),
    "the end is not paused at": (Progress(50), 10, 10, Progress(100)),
    "the end reached in a pause": (PAUSED, 10, 10, Progress(100)),
    "paused, and nothing changes": (Progress(20, later("1s")), 10, 2, Progress(20, later("1s"))),
    "the pause is over": (Progress(20, NOW), 10, 2, Progress(20)),
    "a later one is reached in a pause": (Progress(20, later("1s")), 10, 5, Progress(50, later("1h"))),
    "a scale-out does not trigger the first again": (Progress(20), 40, 2, Progress(20)),
    "and neither does coming back to it": (Progress(20), 40, 8, Progress(20)),
    "a new one that failed does not trigger it again either": (Progress(20), 10, 1, Progress(20)),
    "a scale-in may reach the next": (Progress(20), 4, 2, Progress(50, later("1h"))),
    "there is nothing to exchange": (Progress(), 0, 0, Progress()),
}


@pytest.mark.parametrize(("before", "total", "ready", "after"), STEPS.values(), ids=STEPS)
def test_progress(before: Progress, total: int, ready: int, after: Progress) -> None:
    assert advance(THREE, before, total, ready, NOW, HOUR) == after


@pytest.mark.parametrize(
    ("progress", "total", "most"),
    [
        (Progress(), 10, 2),
        (PAUSED, 10, 2),
        (Progress(20), 10, 5),
        (Progress(50, later("1h")), 10, 5),
        (Progress(50), 10, 10),
        (Progress(100), 10, 10),
        (Progress(), 11, 3),
        (Progress(), 1, 1),
        (Progress(), 0, 0),
        (PAUSED, 40, 8),
    ],
)
def test_how_many_new_ones_there_may_be(progress: Progress, total: int, most: int) -> None:
    assert goal(THREE, progress, total) == most


def test_without_checkpoints_all_may_be_new() -> None:
    assert goal((), Progress(), 10) == 10
    assert advance((), Progress(), 10, 10, NOW, HOUR) == Progress()


def test_what_is_reached_before_anything_was_done_is_not_paused_at() -> None:
    assert begin(THREE, 10, 3) == Progress(20)
    assert begin(THREE, 10, 0) == Progress()


def test_a_person_lets_it_go_on_early() -> None:
    progress = advance(THREE, Progress(PAUSED.reached), 10, 2, NOW, HOUR)

    assert goal(THREE, progress, 10) == 5


def test_the_published_example_two_wait_two_one_wait_the_rest() -> None:
    """10 instances, at least 80 and at most 100 per cent, checkpoints at 20, 50 and 100 per cent."""
    assert _story(10, Budget.of(10, 80, 100), THREE) == [2, "wait", 2, 1, "wait", 2, 2, 1]


def test_the_same_launching_first() -> None:
    assert _story(10, Budget.of(10, 100, 120), THREE) == [2, "wait", 2, 1, "wait", 2, 2, 1]


def _story(total: int, budget: Budget, checkpoints: tuple[int, ...]) -> list[int | str]:
    """How many new ones are launched at a time, and when it waits; what is launched is in service by the next batch."""
    c, now, progress, story = Counts(old_ready=total), NOW, Progress(), list[int | str]()
    while not finished(c, budget):
        batch = next_batch(c, budget, goal(checkpoints, progress, total))
        if batch.empty:
            assert progress.paused_until is not None
            now = progress.paused_until
            story.append("wait")
        if batch.launch:
            story.append(batch.launch)
        c = Counts(old_ready=c.old_ready - batch.well, new_ready=c.new_ready + batch.launch)
        progress = advance(checkpoints, progress, total, c.new_ready, now, HOUR)
    return story
