"""Faults that last: a minute without the API server, and connections on which nothing comes any more.

They mostly wait, so all are played at once, each by an operator of its own, and every test awaits its own.
"""

import re
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor

import pytest

from hack.cluster import Cluster
from tests.cluster.groups import Groups, fresh_namespace
from tests.cluster.operator_process import Installation, Operators
from tests.faults import faults
from tests.faults.explained import explained
from tests.faults.once import suffer
from tests.faults.oracle import Outcome, nothing_came_of_it
from tests.faults.proxy import Proxy, Request
from tests.faults.run import RESYNC, Run, says_once, settle, writes_of

OUTAGE_SECONDS = 60.0
BACK_WITHIN_SECONDS = 40.0  # after the API server is back
SILENCE_SECONDS = 100.0  # until a watch that says nothing is given up: 70 s, and time to read anew

pytestmark = pytest.mark.timeout(300)


def a_minute_without_the_api_server(run: Run) -> None:
    process = run.start("--lease=on", ready=True)
    process.wait_until_leading()
    gone = run.proxy.inject(faults.lost(), writes_of("web", "create web-11"))
    web = run.groups.create(desired=20)
    assert gone.wait(20), process.log
    run.proxy.refuse()
    told_before = len(process.log)
    threading.Event().wait(OUTAGE_SECONDS)
    said = explained(run.groups)
    assert process.get("/healthz")[0] == 200
    run.proxy.accept()
    settle(web, 20, BACK_WITHIN_SECONDS)
    assert said["operator"]["state"] == "Absent", said
    assert re.fullmatch(r"\d+ instances where 20 are desired", said["message"]), said
    says_once(process, since=told_before)
    nothing_came_of_it(run, Outcome(web, size=20, created=20), quiet=False)


def writes_without_an_answer(run: Run) -> None:
    """Each takes 30 s, the time limit of a request, and is tried again."""
    suffer(run, ("swallowed", "answer-swallowed"), ("status: beginning", "create"), ("delete",))


def lists_without_an_answer(run: Run) -> None:
    """At the start of an operator: kopf's and its own first ones, each of which takes 30 s."""
    lists = faults.lists("scalinggroups")
    ours = run.proxy.inject(faults.swallowed(), lambda request: lists(request) and _sent_by_us(request))
    kopfs = run.proxy.inject(faults.swallowed(), lambda request: lists(request) and not _sent_by_us(request))
    web = run.groups.create(desired=3)
    run.start(RESYNC)
    settle(web, 3, 60)
    assert ours.is_set()
    assert kopfs.is_set()
    nothing_came_of_it(run, Outcome(web, size=3, created=3))


def a_silent_watch_of_instances(run: Run) -> None:
    """Everything is read anew now and then, whatever the watch says."""
    silent = threading.Event()
    run.proxy.inject(faults.falls_silent(silent.is_set), faults.watches("pods"))
    run.start(RESYNC, ready=True)
    web = run.groups.create(desired=3)
    settle(web, 3)
    silent.set()
    web.change(desiredSize=5)
    run.groups.pods.wait_for("two more", lambda pods: len(pods) == 5)
    settle(web, 5, SILENCE_SECONDS)
    nothing_came_of_it(run, Outcome(web, size=5, created=5))


def a_silent_watch_of_groups(run: Run) -> None:
    """Its end, after 70 s, is all that brings the change: nothing else is read anew in that time."""
    silent = threading.Event()
    run.proxy.inject(faults.falls_silent(silent.is_set), faults.watches("scalinggroups"))
    run.start(ready=True)
    web = run.groups.create(desired=3)
    settle(web, 3)
    silent.set()
    web.change(desiredSize=1)
    settle(web, 1, SILENCE_SECONDS)
    nothing_came_of_it(run, Outcome(web, size=1, created=3, deleted=2, most=3), quiet=False)


SCENARIOS: dict[str, Callable[[Run], None]] = {
    scenario.__name__.replace("_", " "): scenario
    for scenario in (
        a_minute_without_the_api_server,
        writes_without_an_answer,
        lists_without_an_answer,
        a_silent_watch_of_instances,
        a_silent_watch_of_groups,
    )
}


@pytest.fixture(scope="module")
def played(
    cluster: Cluster, installation: Installation, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, "Future[None]"]]:
    """All scenarios, under way."""
    installation.forget_lease()

    def play(scenario: Callable[[Run], None]) -> None:
        folder = tmp_path_factory.mktemp("scenario")
        operators = Operators(installation, folder)
        with (
            fresh_namespace(cluster, scenario.__name__.replace("_", "-")) as namespace,
            Groups(cluster, namespace) as groups,
            Proxy(cluster) as proxy,
        ):
            try:
                scenario(Run(groups, proxy, operators, folder))
            finally:
                operators.end()

    with ThreadPoolExecutor(len(SCENARIOS)) as threads:
        yield {name: threads.submit(play, scenario) for name, scenario in SCENARIOS.items()}


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_faults_that_last_leave_what_was_wanted(played: dict[str, "Future[None]"], scenario: str) -> None:
    played[scenario].result()


def _sent_by_us(request: Request) -> bool:
    return request.headers.get("user-agent", "").startswith("windlass/")
