"""Whatever happens once to a write on its way, or to its answer: the same comes of it, and nothing twice."""

from collections.abc import Callable

import pytest

from tests.cluster.groups import Group
from tests.faults import faults
from tests.faults.oracle import Outcome, nothing_came_of_it
from tests.faults.proxy import Fault
from tests.faults.run import RESYNC, Run, settle, writes_of

ONCE: dict[str, Callable[[], Fault]] = {
    "a conflict": faults.conflict,
    "429, come back in a second": faults.too_many,
    "429, come back at a moment": lambda: faults.too_many(as_date=True),
    "500 before": faults.failed_before,
    "500 after": faults.failed_after,
    "answer lost": faults.lost,
    "answer cut short": faults.cut_short,
}
LAUNCH = (
    "status: as found",
    "dry run",
    "revision",
    "status: beginning",
    "create",
    "record: created",
    "record: InProgress",
    "status: end",
    "record: Successful",
)
REMOVAL = ("status: beginning", "delete", "record: created", "record: InProgress", "status: end", "record: Successful")


@pytest.mark.parametrize("fault", ONCE)
def test_what_happens_once_to_a_write_leaves_what_was_wanted(run: Run, fault: str) -> None:
    """One group for each kind of write, so that they meet the fault side by side."""
    run.start(RESYNC, ready=True)

    during_launch = {_named(point): point for point in LAUNCH}
    groups = meet(run, ONCE[fault], during_launch, lambda name: run.groups.create(name, desired=3))
    for group in groups:
        settle(group, 3)

    during_removal = dict(zip(during_launch, REMOVAL, strict=False))
    shrinking = meet(run, ONCE[fault], during_removal, lambda name: run.groups.get(name).change(desiredSize=1))
    for group in shrinking:
        settle(group, 1)

    shrunk = {group.name for group in shrinking}
    outcomes = (
        Outcome(group, size=1, created=3, deleted=2, most=3) if group.name in shrunk else Outcome(group, 3, created=3)
        for group in groups
    )
    nothing_came_of_it(run, *outcomes)


def meet(run: Run, fault: Callable[[], Fault], points: dict[str, str], act: Callable[[str], object]) -> list[Group]:
    """Have each group meet the fault at its point, and wait until all have."""
    met = {name: run.proxy.inject(fault(), writes_of(name, point)) for name, point in points.items()}
    for name in points:
        act(name)
    for name, point in points.items():
        assert met[name].wait(30), f"{name} never came to {point}: {run.processes[-1].log}"
    return [run.groups.get(name) for name in points]


def _named(point: str) -> str:
    return "at-" + point.replace(": ", "-").replace(" ", "-").lower()
