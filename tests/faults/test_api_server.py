"""The API server is restarted, or slow. What is restarted is a control plane of its own, which nobody else needs.

The operator asks this API server directly; the proxy is only for slowness.
"""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from hack.cluster import Cluster, Shape, throw_away
from tests.cluster.groups import Groups, fresh_namespace
from tests.cluster.operator_process import Installation, Operators
from tests.cluster.people import Person
from tests.faults.oracle import Outcome, flat, nothing_came_of_it
from tests.faults.proxy import Proxy, delayed
from tests.faults.run import RESYNC, Run, says_once, settle

API_SERVER = "kube-apiserver"
BACK_WITHIN_SECONDS = 40.0


@pytest.fixture(scope="module")
def own_cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A control plane that nobody else needs."""
    with throw_away("own", tmp_path_factory.mktemp("clusters"), Shape(nodes=3, audit=True)) as cluster:
        yield cluster


@pytest.fixture
def run_there(own_cluster: Cluster, tmp_path: Path) -> Iterator[Run]:
    """Operators there; with `direct` they ask the API server, not the proxy."""
    installation = Installation(own_cluster, "windlass-system", tmp_path)
    installation.install()
    operators = Operators(installation, tmp_path)
    try:
        with (
            fresh_namespace(own_cluster, "restarted") as namespace,
            Groups(own_cluster, namespace) as groups,
            Proxy(own_cluster) as proxy,
        ):
            yield Run(groups, proxy, operators, tmp_path, f"--kubeconfig={installation.kubeconfig}", RESYNC)
    finally:
        operators.end()


def test_an_api_server_that_is_restarted_during_a_launch_and_a_removal_changes_nothing(
    own_cluster: Cluster, run_there: Run
) -> None:
    run = run_there
    process = run.start(ready=True)
    small = run.groups.create("small", desired=3)
    settle(small, 3)

    web = run.groups.create(desired=60)
    run.groups.pods.wait_for("some of them", lambda pods: len(pods) >= 3 + 10)
    own_cluster.kill(API_SERVER)
    said = explain_fails(run)
    assert process.get("/healthz")[0] == 200
    own_cluster.start(API_SERVER)
    settle(web, 60, BACK_WITHIN_SECONDS)
    assert "check that the API server is up" in said

    with flat(process, files=8, megabytes=12):
        web.change(desiredSize=20)
        run.groups.pods.wait_for("some of them gone", lambda pods: len(web.pods) <= 50)
        own_cluster.restart(API_SERVER)
        settle(web, 20, BACK_WITHIN_SECONDS)
    says_once(process, most=2)  # one for each time
    as_wanted = (Outcome(small, 3, created=3), Outcome(web, 20, created=60, deleted=40, most=60))
    nothing_came_of_it(run, *as_wanted, all_noted=False)


def explain_fails(run: Run) -> str:
    """What `explain` says of an API server that is not there: an error, in one line."""
    where = ("--kubeconfig", str(run.groups.cluster.kubeconfig), "--namespace", run.groups.namespace)
    command = Person.command("explain", "group", "small", *where)
    ran = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (ran.returncode, ran.stdout, ran.stderr.count("\n")) == (1, "", 1), ran
    return ran.stderr


def test_a_slow_api_server_makes_a_launch_and_a_removal_slow_and_nothing_else(run: Run) -> None:
    """Half a second for every request, watches and the answers to them among them."""
    run.proxy.inject(delayed(0.5), lambda _: True, times=None)
    run.start(RESYNC, ready=True)
    web = run.groups.create(desired=10)
    settle(web, 10)
    web.change(desiredSize=3)
    settle(web, 3)
    nothing_came_of_it(run, Outcome(web, 3, created=10, deleted=7, most=10))
