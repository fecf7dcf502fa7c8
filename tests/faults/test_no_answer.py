"""Requests for some groups are never answered, and never refused: the others must not notice."""

from hack.cluster import wait_until
from tests.faults.faults import swallowed
from tests.faults.proxy import Request
from tests.faults.run import Run, point_of, settle

SILENT = 12


def test_groups_whose_requests_are_not_answered_hold_no_other_up(run: Run) -> None:
    """Each such request takes 30 s, and the pass with it."""
    run.proxy.inject(swallowed(), creates_a_silent_one, times=None)
    run.start(ready=True)
    for number in range(SILENT):
        run.groups.create(f"silent-{number}", desired=1)
    wait_until(lambda: sum(map(creates_a_silent_one, run.proxy.seen)) == SILENT, 20, "a request for each of them")
    web = run.groups.create(desired=5)
    settle(web, 5, 10)
    web.kill("web-0")
    settle(web, 5, 10)


def creates_a_silent_one(request: Request) -> bool:
    return point_of(request).startswith("create silent-")
