"""Groups that meet a fault once, each another one, or at another of its writes."""

from collections.abc import Callable

from tests.faults import faults
from tests.faults.oracle import Outcome, nothing_came_of_it
from tests.faults.proxy import Fault
from tests.faults.run import RESYNC, Run, settle, writes_of

ONCE: dict[str, Callable[[], Fault]] = {
    "conflict": faults.conflict,
    "busy": faults.too_many,
    "busy-until": lambda: faults.too_many(as_date=True),
    "failed": faults.failed_before,
    "done-but-failed": faults.failed_after,
    "done-but-lost": faults.lost,
    "done-but-cut": faults.cut_short,
    "swallowed": faults.swallowed,
    "answer-swallowed": faults.answer_swallowed,
}


def suffer(run: Run, names: tuple[str, ...], at_launch: tuple[str, ...], at_removal: tuple[str, ...]) -> None:
    """Groups, one for each fault and each kind of write, meet the fault there, side by side."""
    run.start(RESYNC, "--workers=64", ready=True)  # none of the groups waits for another
    shrinking = {_group(name, "removal", point): (name, point) for name in names for point in at_removal}
    launching = {_group(name, "launch", point): (name, point) for name in names for point in at_launch}
    shrunk = [run.groups.create(group, desired=3) for group in shrinking]
    for each in shrunk:
        settle(each, 3)

    both = {**launching, **shrinking}
    met = {group: run.proxy.inject(ONCE[name](), writes_of(group, point)) for group, (name, point) in both.items()}
    for each in shrunk:
        each.change(desiredSize=1)
    launched = [run.groups.create(group, desired=3) for group in launching]
    for group, event in met.items():
        assert event.wait(30), f"{group} never came to {both[group]}: {run.processes[-1].log}"
    for each in shrunk:
        settle(each, 1, 60)
    for each in launched:
        settle(each, 3, 60)

    ends = [Outcome(each, size=1, created=3, deleted=2, most=3) for each in shrunk]
    nothing_came_of_it(run, *ends, *(Outcome(each, size=3, created=3) for each in launched))


def _group(name: str, change: str, point: str) -> str:
    return f"{name}-{change}-{point}".replace(": ", "-").replace(" ", "-").lower()
