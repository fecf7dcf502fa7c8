"""The API server is restarted, given an older state of the cluster, or slow.

What is restarted is a control plane of its own, which nobody else needs. The operator asks this API server directly;
the proxy is only for slowness.
"""

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from hack.cluster import API_SERVER, CONTROLLER_MANAGER, ETCD, KWOK, SCHEDULER, Cluster, Shape, throw_away, wait_until
from tests.cluster.groups import MERGE, Groups, fresh_namespace
from tests.cluster.operator_process import Installation, Operators
from tests.cluster.people import Person
from tests.faults.exchange import Exchange, of_slow_pods
from tests.faults.oracle import Outcome, flat, nothing_came_of_it
from tests.faults.proxy import Proxy, delayed
from tests.faults.run import RESYNC, Run, says_once, settle

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


@pytest.mark.parametrize("meanwhile", ["the operator runs", "the operator stands still"])
def test_a_cluster_restored_from_a_backup_is_as_the_backup_says(
    own_cluster: Cluster, run_there: Run, tmp_path: Path, meanwhile: str
) -> None:
    """What the operator knows is of a time that has never been.

    Where it stood still, the new versions have come to the numbers of those that it knows before it looks.
    """
    run = run_there
    process = run.start(ready=True)
    web, gone = run.groups.create("web", desired=3), run.groups.create("gone", desired=2, deletionPolicy="Force")
    settle(web, 3)
    settle(gone, 2)
    backup = back_up(own_cluster, tmp_path / "backup")
    web.change(desiredSize=8)
    gone.delete()
    settle(run.groups.create("late", desired=2), 2, BACK_WITHIN_SECONDS)
    settle(web, 8, BACK_WITHIN_SECONDS)
    web.kill("web-0")
    run.groups.pods.wait_for(
        "web-8 in its place", lambda pods: "web-8" in pods and "gone-0" not in pods, 2 * BACK_WITHIN_SECONDS
    )  # garbage collection too
    settle(web, 8)

    if meanwhile == "the operator stands still":
        process.pause()
    newest = newest_version(run.groups)
    restore(own_cluster, backup)
    with Groups(own_cluster, run.groups.namespace) as run.groups:
        web, gone = run.groups.get("web"), run.groups.get("gone")
        assert newest_version(run.groups) < newest
        late = run.groups.create("late", desired=2)
        web.change(desiredSize=5)
        if meanwhile == "the operator stands still":
            write_until(run.groups, newest + 1)
            process.resume()
        settle(web, 5, BACK_WITHIN_SECONDS)
        settle(late, 2, BACK_WITHIN_SECONDS)
        as_restored = Outcome(web, 5, created=5), Outcome(gone, 2, created=2), Outcome(late, 2, created=2)
        nothing_came_of_it(run, *as_restored, all_noted=False)  # the log of the undone time is left out


def back_up(cluster: Cluster, folder: Path) -> Path:
    """What etcd has, taken while nobody writes."""
    cluster.kill(API_SERVER)
    cluster.stop(ETCD)
    shutil.copytree(cluster.folder / ETCD, folder)
    cluster.start(ETCD)
    cluster.start(API_SERVER)
    return folder


def restore(cluster: Cluster, backup: Path) -> None:
    """Put it back, and start everything anew that knows the cluster, as one does: all but the operator."""
    others = (CONTROLLER_MANAGER, SCHEDULER, KWOK)
    for part in (*others, API_SERVER, ETCD):
        cluster.kill(part)
    shutil.rmtree(cluster.folder / ETCD)
    shutil.copytree(backup, cluster.folder / ETCD)
    cluster.start(ETCD)
    cluster.start(API_SERVER)
    wait_until(lambda: knows_roles(cluster), BACK_WITHIN_SECONDS, "the API server to know who may do what")
    cluster.kubectl("delete", "leases", "--all", "--namespace=kube-node-lease")  # those of the kwok that was killed
    for part in others:  # those that are refused at their start may pause for half a minute
        cluster.start(part)


def knows_roles(cluster: Cluster) -> bool:
    asked = {"user": "system:kube-scheduler", "resourceAttributes": {"verb": "list", "resource": "pods"}}
    review = {"apiVersion": "authorization.k8s.io/v1", "kind": "SubjectAccessReview", "spec": asked}
    answer = cluster.request("POST", "/apis/authorization.k8s.io/v1/subjectaccessreviews", review)
    return bool(answer["status"]["allowed"])


def newest_version(groups: Groups) -> int:
    return int(groups.cluster.request("GET", groups.path("pods"))["metadata"]["resourceVersion"])


def write_until(groups: Groups, version: int) -> None:
    """Until the cluster's versions have come to this one."""
    path = groups.path("configmaps", "kube-root-ca.crt")
    while newest_version(groups) < version:
        patch = {"metadata": {"annotations": {"windlass.test/tick": str(newest_version(groups))}}}
        groups.cluster.request("PATCH", path, patch, MERGE)


def test_an_api_server_that_is_killed_during_a_refresh_breaks_neither_bound(
    own_cluster: Cluster, run_there: Run
) -> None:
    run_there.start(ready=True)
    refresh = Exchange(run_there, of_slow_pods(run_there, 60, "3s"), 60, 60)
    for new in (10, 30):
        refresh.wait_until_new(new)
        own_cluster.kill(API_SERVER)
        own_cluster.start(API_SERVER)
    refresh.ended_well(60, 2 * BACK_WITHIN_SECONDS, all_noted=False)


def test_a_slow_api_server_makes_a_launch_and_a_removal_slow_and_nothing_else(run: Run) -> None:
    """Half a second for every request, watches and the answers to them among them."""
    run.proxy.inject(delayed(0.5), lambda _: True, times=None)
    run.start(RESYNC, ready=True)
    web = run.groups.create(desired=10)
    settle(web, 10)
    web.change(desiredSize=3)
    settle(web, 3)
    nothing_came_of_it(run, Outcome(web, 3, created=10, deleted=7, most=10))
