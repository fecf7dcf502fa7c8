"""Whatever happens to a write, to its answer or to a watch: the same comes of it, and nothing twice."""

import threading

import pytest

from hack.cluster import wait_until
from tests.faults import faults
from tests.faults.once import ONCE, suffer
from tests.faults.oracle import Outcome, flat, nothing_came_of_it
from tests.faults.run import RESYNC, Run, settle, writes_of

ROUNDS = 5
AT_LAUNCH = (
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
AT_REMOVAL = (
    "status: beginning",
    "delete",
    "record: created",
    "record: InProgress",
    "status: end",
    "record: Successful",
)


@pytest.mark.parametrize("names", [tuple(ONCE)[:4], tuple(ONCE)[4:7]], ids=["refused", "done all the same"])
def test_what_happens_once_to_a_write_leaves_what_was_wanted(run: Run, names: tuple[str, ...]) -> None:
    suffer(run, names, AT_LAUNCH, AT_REMOVAL)


def test_lines_of_watches_cut_and_answers_lost_again_and_again_cost_nothing(run: Run) -> None:
    cut = threading.Event()
    run.proxy.inject(faults.cut_when(cut), faults.watches("pods"), times=None)
    process = run.start(RESYNC, ready=True)
    web = run.groups.create(desired=3)
    settle(web, 3)

    def suffer_again() -> None:
        cut.set()
        web.annotate(min(web.pods), seen=str(len(run.proxy.seen)))
        wait_until(lambda: not cut.is_set(), 20, "a line to be cut")
        for size, write in ((4, "create"), (3, "delete")):
            met = run.proxy.inject(faults.lost(), writes_of("web", write))
            web.change(desiredSize=size)
            assert met.wait(20), process.log
            settle(web, size)

    suffer_again()
    with flat(process, megabytes=4):
        for _ in range(ROUNDS):
            suffer_again()
    nothing_came_of_it(run, Outcome(web, size=3, created=4 + ROUNDS, deleted=1 + ROUNDS, most=4))
