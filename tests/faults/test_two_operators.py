"""Two operators, each by way of a proxy of its own. One is stopped in the midst of its work, and may come back.

A stopped process is what a machine leaves that hangs: its requests may be on their way, and it does not know that time
has passed.
"""

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from hack.cluster import Cluster, wait_until
from tests.cluster.audit import AuditLog
from tests.cluster.groups import MERGE, Group, Groups
from tests.cluster.operator_process import LEASE, OperatorProcess, Operators
from tests.faults.exchange import Exchange, of_slow_pods
from tests.faults.explained import told
from tests.faults.faults import refused
from tests.faults.oracle import Outcome, nothing_came_of_it
from tests.faults.proxy import Fault, Forward, Matches, Proxy, Reply, Request
from tests.faults.run import Run, point_of, settle
from tests.faults.test_crash import least_alive

LEASE_FLAGS = ("--lease=on", "--lease-retry-period=0.2", "--lease-renew-deadline=1.5", "--lease-duration=2")
GATE = "windlass.test/gate"
TAKES_OVER = 10.0  # seconds at most, on a machine that is busy otherwise


class Two:
    """The first operator leads, the second stands by."""

    def __init__(self, groups: Groups, proxies: tuple[Proxy, Proxy], operators: Operators, folder: Path) -> None:
        self.groups = groups
        self.proxy, second = proxies
        where = operators.installation.namespace
        self.lease_name = f"{where}/{LEASE}"
        self.lease = f"/apis/coordination.k8s.io/v1/namespaces/{where}/leases/{LEASE}"
        self.run = self._run(self.proxy, operators, folder / "first")
        self.first = self.run.start()
        self.first.wait_until_leading()
        other = self._run(second, operators, folder / "second")
        self.second = other.start(ready=True)
        self.second.wait_for_log("stands by")
        self.run.processes.append(self.second)

    def _run(self, proxy: Proxy, operators: Operators, folder: Path) -> Run:
        folder.mkdir()
        return Run(self.groups, proxy, operators, folder, *LEASE_FLAGS, "--resync-period=1")

    def inject(self, fault: Fault, matches: Matches, times: int | None = 1) -> threading.Event:
        """A fault between the first one and the API server."""
        return self.proxy.inject(fault, matches, times)

    def take_over(self) -> None:
        """Wait until the second one leads."""
        self.second.wait_until_leading(TAKES_OVER)

    def stands_by_without_a_write(self, since: int) -> None:
        """The first one has noticed, and of the requests from that one on none was a write."""
        self.first.wait_for_log("leads no longer")
        wait_until(lambda: any("leases" in each.path for each in self.proxy.seen[since:]), 10, "a look at the lease")
        assert [point_of(each) for each in self.proxy.seen[since:] if each.writes] == []


@pytest.fixture
def two(cluster: Cluster, namespace: str, operator: Operators, tmp_path: Path) -> Iterator[Two]:
    with ExitStack() as stack:
        proxies = (stack.enter_context(Proxy(cluster)), stack.enter_context(Proxy(cluster)))
        groups = stack.enter_context(Groups(cluster, namespace))
        yield Two(groups, proxies, operator, tmp_path)
        assert groups.broken_promises() == []


# ---- one ends in the midst of its work


@pytest.mark.parametrize("end", [OperatorProcess.kill, OperatorProcess.terminate])
def test_another_finishes_a_launch(two: Two, end: Callable[[OperatorProcess], object]) -> None:
    met = two.inject(once_told(lambda: end(two.first)), creates("web-24"))
    web = two.groups.create(desired=50)
    assert met.wait(20)
    two.take_over()
    settle(web, 50)
    nothing_came_of_it(two.run, Outcome(web, 50, created=50))


@pytest.mark.parametrize("end", [OperatorProcess.kill, OperatorProcess.terminate])
def test_another_finishes_a_removal(two: Two, end: Callable[[OperatorProcess], object]) -> None:
    web = of(two, 30)
    met = two.inject(once_told(lambda: end(two.first)), after(14, is_for("delete")))  # whichever it chooses
    web.scale(5)
    assert met.wait(20)
    two.take_over()
    settle(web, 5)
    nothing_came_of_it(two.run, Outcome(web, 5, created=30, deleted=25, most=30))


def test_another_finishes_a_removal_of_more_than_one_pass_may_remove(two: Two) -> None:
    """The first is killed early in a pass of 1,000, so that what is left takes the other two passes as well.

    No Pod is scheduled before the removal is over: nobody else has to do with 1,200 of them.
    """
    two.groups.configure("web", schedulingGates=[{"name": GATE}])
    web = two.groups.create(desired=1200, maxSize=1200)
    two.groups.pods.wait_for("1,200 of them", lambda pods: len(pods) == 1200, 60)

    met = two.inject(once_told(two.first.kill), after(80, is_for("delete")))
    web.change(desiredSize=100)
    assert met.wait(20)
    two.take_over()
    two.groups.pods.wait_for("100 of them", lambda pods: len(pods) == 100, 60)
    for name in web.pods:
        two.groups.cluster.request("PATCH", two.groups.path("pods", name), {"spec": {"schedulingGates": None}}, MERGE)
    web.wait_until_ready(100)
    wait_until(lambda: web.records["web-a2"].get("phase") == "Successful", 20, f"closed records: {web.records}")

    assert least_alive(two.groups.pods.history, 1200) == 100
    nothing_came_of_it(two.run, Outcome(web, 100, created=1200, deleted=1100, most=1200))


# ---- one is stopped beyond its lease, and goes on


def test_one_that_was_stopped_before_its_first_creation_creates_nothing(two: Two) -> None:
    stopped = two.inject(stop_when_answered(two.first), is_for("status: beginning"))
    web = two.groups.create(desired=20)
    assert stopped.wait(20)
    two.take_over()
    settle(web, 20)
    web.scale(4)
    settle(web, 4)

    woken = len(two.proxy.seen)
    two.first.resume()
    two.stands_by_without_a_write(woken)
    nothing_came_of_it(two.run, Outcome(web, 4, created=20, deleted=16, most=20), operators=2)


def test_one_that_was_stopped_before_its_first_removal_removes_nothing(two: Two) -> None:
    web = of(two, 8)
    stopped = two.inject(stop_when_answered(two.first), is_for("status: beginning"))
    web.scale(2)
    assert stopped.wait(20)
    web.scale(8)
    two.take_over()
    settle(web, 8)

    woken = len(two.proxy.seen)
    two.first.resume()
    two.stands_by_without_a_write(woken)
    nothing_came_of_it(two.run, Outcome(web, 8, created=8), operators=2)


def test_one_that_was_stopped_at_rest_does_not_undo_what_the_other_did(two: Two) -> None:
    web = of(two, 3)
    two.first.pause()
    two.take_over()
    web.scale(6)
    settle(web, 6)
    web.kill("web-0")
    two.groups.pods.wait_for("web-6 in its place", lambda pods: "web-6" in pods and "web-0" not in pods)
    settle(web, 6)

    woken = len(two.proxy.seen)
    two.first.resume()
    two.stands_by_without_a_write(woken)
    assert two.second.stop() == 0
    two.first.wait_for_log(r"(?s)leads no longer.* leads\b")
    web.scale(2)
    settle(web, 2)
    nothing_came_of_it(two.run, Outcome(web, 2, created=7, deleted=4, most=6))


def test_one_that_was_stopped_in_the_middle_of_a_refresh_does_not_go_on_with_it(two: Two) -> None:
    refresh = Exchange(two.run, of_slow_pods(two.run, 20, "2s"), 20, 20)
    refresh.wait_until_new(10)
    two.first.pause()
    two.take_over()
    refresh.wait_until_new(16)
    woken = len(two.proxy.seen)
    two.first.resume()
    two.stands_by_without_a_write(woken)
    refresh.ended_well(20)


def test_creations_that_arrive_after_the_other_has_made_them_do_no_harm(two: Two) -> None:
    gate = threading.Event()
    late = two.inject(late_after_a_stop(two.first, gate), creates("web-24"))
    two.inject(kept_until(gate), lambda request: request.method == "POST" and late.is_set(), times=None)
    web = two.groups.create(desired=50)
    assert late.wait(20)
    two.take_over()
    settle(web, 50)

    audit = AuditLog(two.groups.cluster, two.groups.namespace)
    gate.set()
    wait_until(lambda: 409 in {asked.code for asked in audit.writes()}, 10, "the late creations")
    woken = len(two.proxy.seen)
    two.first.resume()
    two.stands_by_without_a_write(woken)
    assert {asked.code for asked in audit.writes() if asked.what == "pods"} == {409}
    nothing_came_of_it(two.run, Outcome(web, 50, created=50), operators=2)


def test_removals_that_arrive_after_the_other_wants_them_to_stay_do_no_harm(two: Two) -> None:
    web = of(two, 4)
    gate = threading.Event()
    late = two.inject(late_after_a_stop(two.first, gate), is_for("delete"))
    two.inject(kept_until(gate), is_for("delete"), times=None)
    web.scale(2)
    assert late.wait(20)
    web.scale(4)
    two.take_over()
    settle(web, 4)

    audit = AuditLog(two.groups.cluster, two.groups.namespace)
    gate.set()
    wait_until(lambda: [asked for asked in audit.writes() if asked.verb == "delete"], 10, "the late removal")
    woken = len(two.proxy.seen)
    two.first.resume()
    two.stands_by_without_a_write(woken)
    assert {asked.code for asked in audit.writes() if asked.verb == "delete"} == {409}
    nothing_came_of_it(two.run, Outcome(web, 4, created=4), operators=2)


# ---- the lease itself


def test_a_lease_that_is_deleted_during_a_launch_changes_nothing(two: Two) -> None:
    met = two.inject(once_told(lambda: two.groups.cluster.request("DELETE", two.lease)), creates("web-24"))
    web = two.groups.create(desired=50)
    assert met.wait(20)
    settle(web, 50)
    wait_until(lambda: two.groups.cluster.request("GET", two.lease), 10, "the lease made anew")
    nothing_came_of_it(two.run, Outcome(web, 50, created=50), operators=2)
    assert "leads no longer" not in two.first.log
    assert not two.second.leads


def test_a_lease_that_somebody_gives_to_nobody_we_know_stops_all_until_it_has_run_out(two: Two) -> None:
    edit = {"spec": {"holderIdentity": "somebody"}}
    met = two.inject(
        once_told(lambda: two.groups.cluster.request("PATCH", two.lease, edit, "application/merge-patch+json")),
        creates("web-24"),
    )
    web = two.groups.create(desired=50)
    assert met.wait(20)
    two.first.wait_for_log("taken by somebody while we held it")
    settle(web, 50)
    nothing_came_of_it(two.run, Outcome(web, 50, created=50), operators=2)


def test_a_leader_whose_renewals_are_refused_stops_and_the_other_goes_on(two: Two) -> None:
    web = of(two, 3)
    met = two.inject(refused(403, "Forbidden", "forbidden by the test"), is_for("lease"), times=None)
    assert met.wait(10)
    two.first.wait_for_log("leads no longer")
    assert f"changing Lease {two.lease_name}: forbidden by the test; lease: trying again" in two.first.log
    web.scale(6)
    two.take_over()
    settle(web, 6)
    nothing_came_of_it(two.run, Outcome(web, 6, created=6), operators=2)


def test_a_leader_that_does_not_reach_the_api_server_stops_and_the_other_goes_on(two: Two) -> None:
    web = of(two, 3)
    reached = threading.Event()
    two.inject(kept_until(reached), lambda _: not reached.is_set(), times=None)
    two.first.wait_for_log("leads no longer", 10)
    web.scale(6)
    two.take_over()
    settle(web, 6)
    back = len(two.proxy.seen)
    reached.set()
    wait_until(lambda: len(two.proxy.seen) > back, 30, "its way back")
    web.scale(2)
    settle(web, 2)
    nothing_came_of_it(two.run, Outcome(web, 2, created=6, deleted=4, most=6), operators=2)


def test_what_is_said_while_nobody_leads(two: Two) -> None:
    web = of(two, 2)
    two.first.pause()
    two.second.pause()
    web.scale(3)
    assert f"holds lease {two.lease_name}, and has not looked at the last change yet" in told(two.groups)
    expired = f"the operator does not seem to run: lease {two.lease_name} was last renewed"
    wait_until(lambda: expired in told(two.groups), 20, "that the lease has run out")
    two.second.resume()
    two.take_over()
    settle(web, 3)
    assert "an operator runs: " in told(two.groups).lower()


# ---- what happens to requests of the first one's


def once_told(do: Callable[[], object]) -> Fault:
    """Something happens when the request comes by; it goes on."""

    async def fault(_: Request, forward: Forward) -> Reply:
        await asyncio.to_thread(do)
        return await forward()

    return fault


def stop_when_answered(process: OperatorProcess) -> Fault:
    """The operator stands still before the answer reaches it."""

    async def fault(_: Request, forward: Forward) -> Reply:
        reply = await forward()
        process.pause()
        return reply

    return fault


def late_after_a_stop(process: OperatorProcess, gate: threading.Event) -> Fault:
    """The operator stands still, and its request is on its way until the gate opens."""

    async def fault(request: Request, forward: Forward) -> Reply:
        process.pause()
        return await kept_until(gate)(request, forward)

    return fault


def kept_until(gate: threading.Event) -> Fault:
    """The request is on its way until the gate opens."""

    async def fault(_: Request, forward: Forward) -> Reply:
        while not gate.is_set():
            await asyncio.sleep(0.01)
        return await forward()

    return fault


def is_for(point: str) -> Matches:
    return lambda request: point_of(request) == point


def after(number: int, matches: Matches) -> Matches:
    """Matches the next one after so many that it would have."""
    passing = iter(range(number))
    return lambda request: matches(request) and next(passing, None) is None


def creates(name: str) -> Matches:
    return is_for(f"create {name}")


def of(two: Two, size: int) -> Group:
    """A group of this size, at rest."""
    web = two.groups.create(desired=size)
    settle(web, size)
    return web
