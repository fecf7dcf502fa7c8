"""3 MB of events at once: the operator keeps up, grows no larger, and other groups go on."""

import re
import time
from collections.abc import Callable
from dataclasses import dataclass

import pytest

from tests.cluster.groups import CONTAINER, MERGE, Group
from tests.faults import faults
from tests.faults.oracle import MEGABYTE, Outcome, flat, nothing_came_of_it
from tests.faults.run import RESYNC, Run, settle

BIG = 200_000  # bytes of annotations; the API server allows 262,144
TIMES = 40  # each change of an instance is told so often
KEPT_UP_SECONDS = 5.0
VERSION = rb'"resourceVersion":"(\d+)"'


@dataclass
class Told:
    """What the operator's watch of instances tells: each change `times`, and how many bytes of them it has been."""

    times: int = 1
    size: int = 0

    def edit(self, line: bytes) -> bytes:
        if not line.startswith(b'{"type":"MODIFIED"'):
            return line
        told = b"\n".join(_of_version_before(line, steps) for steps in reversed(range(self.times)))
        self.size += len(told)
        return told


def _of_version_before(line: bytes, steps: int) -> bytes:
    """The same change as if it were so much older: nothing newer than the API server's own may be told."""
    return re.sub(VERSION, lambda found: b'"resourceVersion":"%d"' % (int(found[1]) - steps), line, count=1)


def of_big_objects(run: Run, web: Group) -> None:
    """A Pod with the group's label that is not the group's changes again and again."""
    path = run.groups.path("pods", "bystander")
    for number in range(16):
        change = {"metadata": {"annotations": {"windlass.test/big": chr(ord("a") + number) * BIG}}}
        run.groups.cluster.request("PATCH", path, change, MERGE)


def of_many_changes(run: Run, web: Group) -> None:
    """Every instance changes, and of each change the watch tells many times."""
    for name in web.pods:
        web.annotate(name, seen=str(time.monotonic()))


@pytest.mark.parametrize("flood", [of_big_objects, of_many_changes], ids=lambda flood: flood.__name__)
def test_a_flood_of_events_holds_nothing_up(run: Run, flood: Callable[[Run, Group], None]) -> None:
    told = Told()
    run.proxy.inject(faults.edited(told.edit), faults.watches("pods"), times=None)
    process = run.start(RESYNC, ready=True)
    web = run.groups.create(desired=30)
    settle(web, 30)
    put_bystander(run)
    told.times = TIMES if flood is of_many_changes else 1
    flood(run, web)  # once before, so that buffers are as large as they get
    settle(run.groups.create("first", desired=3), 3)

    with flat(process):
        before = told.size
        flood(run, web)
        other = run.groups.create("other", desired=5)
        web.change(desiredSize=31)
        settle(other, 5, KEPT_UP_SECONDS)
        settle(web, 31, KEPT_UP_SECONDS)
    told.times = 1
    assert told.size - before >= 3 * MEGABYTE
    run.groups.cluster.request("DELETE", f"{run.groups.path('pods', 'bystander')}?gracePeriodSeconds=0")
    run.groups.pods.wait_for("the bystander's end", lambda pods: "bystander" not in pods)
    first = run.groups.get("first")
    nothing_came_of_it(run, Outcome(web, 31, created=31), Outcome(first, 3, created=3), Outcome(other, 5, created=5))


def put_bystander(run: Run) -> None:
    """A Pod with the label of the group's, made by somebody else."""
    metadata = {"name": "bystander", "labels": {"windlass.dev/group": "web"}}
    body = {"metadata": metadata, "spec": {"containers": [CONTAINER]}}
    run.groups.cluster.request("POST", run.groups.path("pods"), body)
