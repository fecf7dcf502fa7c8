"""The operator is killed before and after each write of a launch and of a removal. Nothing may come of it.

In the end there is exactly what was wanted; at no time are there more; nothing is created or deleted twice.
"""

from collections import Counter
from collections.abc import Callable
from itertools import dropwhile

import pytest

from hack.cluster import wait_until
from tests.cluster.groups import Group
from tests.cluster.operator_process import OperatorProcess
from tests.cluster.witness import Object, alive, numbers
from tests.faults.oracle import Outcome, nothing_came_of_it
from tests.faults.proxy import Fault, Matches, Request, kill_after, kill_before
from tests.faults.run import RESYNC, Run, point_of, settle

LAUNCH = (
    "status: as found",
    "dry run",
    "revision",
    "status: beginning",
    "create web-0",
    "create web-1",
    "create web-2",
    "record: created",
    "record: InProgress",
    "status: counts",
    "event",
    "status: end",
    "record: Successful",
)
REMOVAL = (
    "status: beginning",
    "first delete",
    "second delete",
    "record: created",
    "record: InProgress",
    "status: counts",
    "event",
    "status: end",
    "record: Successful",
)
MOMENTS: dict[str, Callable[[Callable[[], object]], Fault]] = {"before": kill_before, "after": kill_after}
SLOWLY = "status: counts"  # is written only where something takes more than a second

at_each_moment = pytest.mark.parametrize("moment", MOMENTS)


# ---- a launch of three


def test_a_launch_makes_these_writes_and_no_others(run: Run) -> None:
    run.start()
    settle(run.groups.create(desired=3, minReadySeconds=2), 3)
    assert run.seen() == set(LAUNCH)


@pytest.mark.spec("scaling-group.md", "kept at desired")
@at_each_moment
@pytest.mark.parametrize("point", LAUNCH)
def test_a_crash_during_a_launch_leaves_what_was_wanted(run: Run, point: str, moment: str) -> None:
    web = run.groups.create(desired=3, minReadySeconds=2 if point == SLOWLY else 0)
    crash(run, run.start(), point, moment)
    run.start()
    settle(web, 3)

    assert list(web.records) == ["web-a1"]
    nothing_came_of_it(run, Outcome(web, size=3, created=3), quiet=False)


def test_a_crash_while_fifty_launch_leaves_fifty(run: Run) -> None:
    web = run.groups.create(desired=50)
    crash(run, run.start(), "create web-24", "before")
    run.groups.pods.catch_up()
    assert 1 <= len(run.groups.pods.now) < 50
    run.start(RESYNC)
    settle(web, 50)

    assert list(web.records) == ["web-a1"]
    nothing_came_of_it(run, Outcome(web, size=50, created=50))


# ---- a removal of two


def test_a_removal_makes_these_writes_and_no_others(run: Run) -> None:
    process, web = of_four(run)
    before = len(run.proxy.seen)
    hold(run)
    web.scale(2)
    wait_until(lambda: SLOWLY in {point_of(each) for each in run.proxy.seen[before:]}, 20, "the counts")
    let_go(run)
    settle(web, 2)
    seen = Counter(point for request in run.proxy.seen[before:] if (point := point_of(request)))
    assert seen.pop("delete") == 2
    assert set(seen) == {point for point in REMOVAL if "delete" not in point}
    assert process.stop() == 0


@pytest.mark.spec("scaling-group.md", "kept at desired")
@at_each_moment
@pytest.mark.parametrize("point", REMOVAL)
def test_a_crash_during_a_removal_leaves_what_was_wanted(run: Run, point: str, moment: str) -> None:
    process, web = of_four(run)
    if point == SLOWLY:
        hold(run)
    crash(run, process, point, moment, after=lambda: web.scale(2))
    if point == SLOWLY:
        let_go(run)
    run.start()
    settle(web, 2)

    assert least_alive(run.groups.pods.history, 4) == 2
    assert list(web.records) == ["web-a1", "web-a2"]
    nothing_came_of_it(run, Outcome(web, size=2, created=4, deleted=2, most=4), quiet=False)


def of_four(run: Run) -> tuple[OperatorProcess, Group]:
    """A group of four, at rest, and its operator."""
    web = run.groups.create(desired=4)
    process = run.start()
    settle(web, 4)
    return process, web


def hold(run: Run) -> None:
    """Keep Pods that are deleted from going."""
    _set_finalizers(run, ["windlass.test/hold"])


def let_go(run: Run) -> None:
    _set_finalizers(run, None)


def _set_finalizers(run: Run, finalizers: list[str] | None) -> None:
    for name in list(run.groups.pods.now):
        patch = {"metadata": {"finalizers": finalizers}}
        run.groups.cluster.request("PATCH", run.groups.path("pods", name), patch, "application/merge-patch+json")


# ---- crashing, and looking what came of it


def crash(
    run: Run, process: OperatorProcess, point: str, moment: str, after: Callable[[], object] = lambda: None
) -> None:
    """Have the operator killed at its next write of that kind, do what brings it there, and wait for it."""
    met = run.proxy.inject(MOMENTS[moment](process.kill), nth(point))
    after()
    assert met.wait(20), f"the operator never came to {point}: {sorted(run.seen())}\n{process.log}"
    assert process.wait_until_ended() == -9


def nth(point: str) -> Matches:
    """Matches the first (or second) request that is for this."""
    what = point.removeprefix("first ").removeprefix("second ")
    before = iter([False]) if point.startswith("second ") else iter(())

    def matches(request: Request) -> bool:
        return point_of(request) == what and next(before, True)

    return matches


def least_alive(history: list[tuple[str, Object | None]], size: int) -> int:
    """How many Pods counted at once, at least, since there were so many."""
    return min(dropwhile(lambda number: number != size, numbers(history, alive)))
