"""3 MB of events in a second: the operator keeps up, grows no larger, and other groups go on."""

import threading
import time
from collections.abc import Callable

import pytest

from tests.cluster.groups import CONTAINER, MERGE, Group
from tests.faults import faults
from tests.faults.oracle import MEGABYTE, Outcome, flat, nothing_came_of_it
from tests.faults.run import RESYNC, Run, settle

BIG = 200_000  # bytes of annotations; the API server allows 262,144
TIMES = 40  # each change of an instance is told so often
KEPT_UP_SECONDS = 5.0


def of_big_objects(run: Run, web: Group) -> int:
    """A Pod with the group's label that is not the group's changes again and again. Bytes of the events."""
    path = run.groups.path("pods", "bystander")
    for number in range(16):
        change = {"metadata": {"annotations": {"windlass.test/big": chr(ord("a") + number) * BIG}}}
        run.groups.cluster.request("PATCH", path, change, MERGE)
    return 16 * BIG


def of_many_changes(run: Run, web: Group) -> int:
    """Every instance changes, and of each change the watch tells many times."""
    for name in web.pods:
        web.annotate(name, seen=str(time.monotonic()))
    return TIMES * sum(len(str(pod)) for pod in web.pods.values())


@pytest.mark.parametrize("flood", [of_big_objects, of_many_changes], ids=lambda flood: flood.__name__)
def test_a_flood_of_events_holds_nothing_up(run: Run, flood: Callable[[Run, Group], int]) -> None:
    flooding = threading.Event()
    run.proxy.inject(
        faults.repeated(lambda: TIMES if flooding.is_set() and flood is of_many_changes else 1),
        faults.watches("pods"),
        times=None,
    )
    process = run.start(RESYNC, ready=True)
    web = run.groups.create(desired=30)
    settle(web, 30)
    put_bystander(run)
    flooding.set()
    flood(run, web)  # once before, so that buffers are as large as they get
    settle(run.groups.create("first", desired=3), 3)

    with flat(process):
        began = time.monotonic()
        size = flood(run, web)
        lasted = time.monotonic() - began
        other = run.groups.create("other", desired=5)
        web.change(desiredSize=31)
        settle(other, 5, KEPT_UP_SECONDS)
        settle(web, 31, KEPT_UP_SECONDS)
    flooding.clear()
    assert size >= 3 * MEGABYTE * lasted, f"{size / MEGABYTE:.1f} MB in {lasted:.1f} s"
    run.groups.cluster.request("DELETE", f"{run.groups.path('pods', 'bystander')}?gracePeriodSeconds=0")
    run.groups.pods.wait_for("the bystander's end", lambda pods: "bystander" not in pods)
    first = run.groups.get("first")
    nothing_came_of_it(run, Outcome(web, 31, created=31), Outcome(first, 3, created=3), Outcome(other, 5, created=5))


def put_bystander(run: Run) -> None:
    """A Pod with the label of the group's, made by somebody else."""
    metadata = {"name": "bystander", "labels": {"windlass.dev/group": "web"}}
    body = {"metadata": metadata, "spec": {"containers": [CONTAINER]}}
    run.groups.cluster.request("POST", run.groups.path("pods"), body)
