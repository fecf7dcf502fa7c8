"""The operator is killed before and after each write of a launch and of a removal. Nothing may come of it.

In the end there is exactly what was wanted; at no time are there more; nothing is created or deleted twice.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from hack.cluster import Cluster, wait_until
from tests.cluster.groups import Group, Groups
from tests.cluster.operator_process import OperatorProcess, Operators
from tests.cluster.witness import Object, alive, most_alive
from tests.faults.proxy import Fault, Matches, Proxy, Request, kill_after, kill_before

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


class Run:
    """A namespace with a group, and operators that work there alone, by way of a proxy, without a lease."""

    def __init__(self, groups: Groups, proxy: Proxy, operators: Operators, folder: Path) -> None:
        self.groups = groups
        self.proxy = proxy
        self._operators = operators
        self._kubeconfig = proxy.kubeconfig(operators.installation.kubeconfig, folder)

    def start(self) -> OperatorProcess:
        """An operator, without waiting for it."""
        here = (f"--kubeconfig={self._kubeconfig}", "--lease=off", f"--namespaces={self.groups.namespace}")
        return self._operators.start(*here, ready=False)

    def seen(self) -> set[str]:
        """What has been written so far."""
        return {point for request in self.proxy.seen if (point := point_of(request))}


@pytest.fixture
def run(cluster: Cluster, namespace: str, operator: Operators, proxy: Proxy, tmp_path: Path) -> Iterator[Run]:
    with Groups(cluster, namespace) as groups:
        yield Run(groups, proxy, operator, tmp_path)
        assert groups.broken_promises() == []


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

    assert sorted(web.pods) == ["web-0", "web-1", "web-2"]
    assert most_alive(run.groups.pods.history) == 3
    assert carried_out(run, "create", "pods") == {"web-0": 1, "web-1": 1, "web-2": 1}
    assert list(carried_out(run, "create", "controllerrevisions").values()) == [1]
    assert carried_out(run, "delete", "pods") == {}
    assert list(web.records) == ["web-a1"]
    nothing_is_left_over(run, web)


def test_a_crash_while_fifty_launch_leaves_fifty(run: Run) -> None:
    web = run.groups.create(desired=50)
    crash(run, run.start(), "create web-24", "before")
    run.groups.pods.catch_up()
    assert 1 <= len(run.groups.pods.now) < 50
    run.start()
    settle(web, 50)

    assert most_alive(run.groups.pods.history) == 50
    assert carried_out(run, "create", "pods") == {f"web-{number}": 1 for number in range(50)}
    assert list(web.records) == ["web-a1"]
    nothing_is_left_over(run, web)


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

    assert len(web.pods) == 2
    assert most_alive(run.groups.pods.history) == 4
    assert least_alive(run.groups.pods.history, 4) == 2
    assert carried_out(run, "create", "pods") == {f"web-{number}": 1 for number in range(4)}
    assert sum(carried_out(run, "delete", "pods").values()) == 2
    assert carried_out(run, "delete", "pods").keys() == {f"web-{number}" for number in range(4)} - web.pods.keys()
    assert list(web.records) == ["web-a1", "web-a2"]
    nothing_is_left_over(run, web)


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


def settle(web: Group, size: int) -> None:
    """Until it is as desired, and every record is closed."""
    web.wait_until_ready(size)

    def closed() -> bool:
        records = web.records
        return bool(records) and all(record.get("phase") == "Successful" for record in records.values())

    wait_until(closed, 20, f"closed records: {web.records}")


def carried_out(run: Run, verb: str, what: str) -> dict[str, int]:
    """How often the operator did this to each object, as the API server's audit log has it."""
    asked = (each for each in run.groups.audit.writes() if (each.verb, each.what) == (verb, what) and not each.dry)
    return dict(Counter(each.name for each in asked if each.code < 300))


def nothing_is_left_over(run: Run, web: Group) -> None:
    """Every Pod and every revision is the group's own, and its status knows of no more."""
    uid = web.body["metadata"]["uid"]
    for thing in (*run.groups.pods.now.values(), *web.revisions.values()):
        (owner,) = thing["metadata"]["ownerReferences"]
        assert owner["uid"] == uid
    assert len(run.groups.pods.now) == len(web.pods) == web.status["replicas"]
    assert "launching" not in web.status["activity"]


def least_alive(history: list[tuple[str, Object | None]], size: int) -> int:
    """How many Pods counted at once, at least, since there were so many."""
    counting: set[str] = set()
    least = None
    for name, pod in history:
        counting.discard(name)
        if pod is not None and alive(pod):
            counting.add(name)
        if len(counting) == size or least is not None:
            least = min(len(counting), size if least is None else least)
    assert least is not None
    return least


# ---- what a write is for


def point_of(request: Request) -> str:
    """What a write is for; empty for a read."""
    if not request.writes:
        return ""
    *_, plural, name = request.path.removesuffix("/status").split("/")
    if request.method == "DELETE":
        return "delete"
    if request.method == "POST":
        plural, name = name, request.content["metadata"].get("name", "")
    match plural:
        case "events":
            return "event"
        case "controllerrevisions":
            return "revision"
        case "scalingactivities":
            return "record: created" if request.method == "POST" else f"record: {request.content['status']['phase']}"
        case "scalinggroups":
            return f"status: {_told_by(request.content['status'])}"
    return "dry run" if "dryRun=All" in request.target else f"create {name}"


def _told_by(status: Object) -> str:
    activity = status.get("activity", {})
    if activity.get("endedAt"):
        return "end"
    if "name" in activity:
        return "beginning"
    return "as found" if "selector" in status else "counts"
