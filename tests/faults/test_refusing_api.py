"""The API server refuses for as long as it likes: the group says so, the log says it once, the others go on."""

import threading
from collections.abc import Callable

import pytest

from tests.cluster.groups import Group
from tests.faults import faults
from tests.faults.explained import explained
from tests.faults.oracle import Outcome, nothing_came_of_it
from tests.faults.proxy import Fault, Matches, Request
from tests.faults.run import RESYNC, Run, point_of, says_once, settle, writes_of

LASTING: dict[str, tuple[Callable[[], Fault], str]] = {
    "failing": (faults.failed_before, "etcdserver: leader changed"),
    "busy": (faults.too_many, "Too many requests, please try again later."),
    "busy-until": (lambda: faults.too_many(as_date=True), "Too many requests, please try again later."),
    "conflicting": (faults.conflict, "the object has been modified"),
}
MOST_TRIES = 20  # of a request, until the group has said three times that it fails


@pytest.fixture
def lifted() -> threading.Event:
    """Ends what `last` has begun."""
    return threading.Event()


def last(run: Run, fault: Fault, matches: Matches, lifted: threading.Event) -> None:
    run.proxy.inject(fault, lambda request: not lifted.is_set() and matches(request), times=None)


def test_a_refused_launch_is_said_and_goes_on_when_it_may(run: Run, lifted: threading.Event) -> None:
    process = run.start(RESYNC, ready=True)
    for name, (fault, _) in LASTING.items():
        last(run, fault(), writes_of(name, "create"), lifted)
    groups = [run.groups.create(name, desired=3) for name in LASTING]
    other = run.groups.create("other", desired=5)
    settle(other, 5)

    for name, (_, message) in LASTING.items():
        says(run, run.groups.get(name), f"creating Pod {run.groups.namespace}/{name}-", message)
    assert tries(run, "create", but="other") <= len(LASTING) * MOST_TRIES
    lifted.set()
    for group in groups:
        settle(group, 3)
    says_once(process)
    nothing_came_of_it(run, Outcome(other, 5, created=5), *(Outcome(group, 3, created=3) for group in groups))


def test_a_refused_removal_is_said_and_goes_on_when_it_may(run: Run, lifted: threading.Event) -> None:
    process = run.start(RESYNC, ready=True)
    groups = [run.groups.create(name, desired=3) for name in LASTING]
    for group in groups:
        settle(group, 3)
    for name, (fault, _) in LASTING.items():
        last(run, fault(), writes_of(name, "delete"), lifted)
    for group in groups:
        group.change(desiredSize=1)

    for name, (_, message) in LASTING.items():
        says(run, run.groups.get(name), f"deleting Pod {run.groups.namespace}/{name}-", message)
    assert tries(run, "delete") <= len(LASTING) * MOST_TRIES
    lifted.set()
    for group in groups:
        settle(group, 1)
    says_once(process)
    nothing_came_of_it(run, *(Outcome(group, size=1, created=3, deleted=2, most=3) for group in groups))


def says(run: Run, group: Group, *parts: str) -> None:
    """The group says what the API server answers, and so does `explain`."""
    for _ in range(5):
        group.wait_for_message("trying again, because the last try failed: ", 30)
        message = group.status["message"]
        told = explained(run.groups, group.name)
        if told["statusMessage"] == message:  # else the next try has begun meanwhile, which the status says too
            break
    assert all(part in message for part in parts), message
    assert told["statusMessage"] == message
    assert "the operator's own passes fail: look at its log" in told["advice"]


def tries(run: Run, point: str, but: str = "-") -> int:
    """How often this was asked for."""

    def counts(request: Request) -> bool:
        return point_of(request).startswith(point) and not point_of(request).startswith(f"{point} {but}")

    return sum(map(counts, run.proxy.seen))
