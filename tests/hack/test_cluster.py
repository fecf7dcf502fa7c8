"""Clusters come up beside each other, can be changed and disturbed, and leave nothing behind."""

import argparse
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from hack.cluster import (
    API_SERVER,
    CONTROLLER_MANAGER,
    ETCD,
    Cluster,
    RefusedError,
    Shape,
    StartError,
    UnreachableError,
    throw_away,
    wait_until,
)
from hack.cluster import __main__ as command
from hack.cluster.local import DEFAULT
from hack.cluster.process import is_dead

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def second(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A cluster beside the one that all tests share, the default one of its checkout: no scheduler, two members."""
    root, components = tmp_path_factory.mktemp("local") / "clusters", (ETCD, API_SERVER, CONTROLLER_MANAGER)
    with throw_away(DEFAULT, root, Shape(nodes=2, members=2), components) as second:
        yield second


def exists(cluster: Cluster, namespace: str) -> bool:
    return any(
        found["metadata"]["name"] == namespace for found in cluster.request("GET", "/api/v1/namespaces")["items"]
    )


def is_listening(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def test_two_clusters_run_side_by_side(cluster: Cluster, second: Cluster, namespace: str) -> None:
    assert exists(cluster, namespace)
    assert not exists(second, namespace)


def test_only_the_chosen_components_run(second: Cluster) -> None:
    running = {part.name for part in second.status() if part.pid}
    assert running == {ETCD, API_SERVER, CONTROLLER_MANAGER, "member-1", "member-2"}


def test_members_are_clusters_of_their_own(second: Cluster) -> None:
    one, two = second.members
    one.kubectl("create", "namespace", "only-here")
    assert "only-here" in one.kubectl("get", "namespaces")
    assert "only-here" not in two.kubectl("get", "namespaces")
    assert "only-here" not in second.kubectl("get", "namespaces")


def test_the_kubeconfigs_of_the_default_cluster_lie_where_people_look(second: Cluster) -> None:
    local = second.folder.parents[1]
    published = [second.published_kubeconfig, *second.published_member_kubeconfigs]
    names = ("kubeconfig", "members/member-1.kubeconfig", "members/member-2.kubeconfig")
    assert published == [local / name for name in names]
    for kubeconfig, server in zip(published, (second, *second.members), strict=True):
        uid = second.kubectl(f"--kubeconfig={kubeconfig}", "get", "ns", "default", "--output=jsonpath={.metadata.uid}")
        assert uid == server.request("GET", "/api/v1/namespaces/default")["metadata"]["uid"]


def test_coming_up_again_changes_only_what_differs(second: Cluster) -> None:
    before = {part.name: part.pid for part in second.status()}
    second.up(Shape(nodes=2, members=1), components=(ETCD, API_SERVER, CONTROLLER_MANAGER))
    after = {part.name: part.pid for part in second.status()}
    assert after == {name: pid for name, pid in before.items() if name != "member-2"}
    assert [link.name for link in second.published_member_kubeconfigs[0].parent.iterdir()] == ["member-1.kubeconfig"]


def test_the_crds_of_the_tree_are_served(cluster: Cluster) -> None:
    served = cluster.kubectl("api-resources", "--api-group=windlass.dev", "--output=name").split()
    assert len(served) == len(list((ROOT / "crds").glob("*.yaml")))


def test_a_token_has_the_rights_of_its_service_account(cluster: Cluster, namespace: str) -> None:
    token = cluster.token(namespace, "default")
    server = ["--kubeconfig=/dev/null", f"--server={cluster.url}", f"--certificate-authority={cluster.ca}"]
    asked = cluster.kubectl(*server, f"--token={token}", "auth", "whoami", "--output=json")
    assert json.loads(asked)["status"]["userInfo"]["username"] == f"system:serviceaccount:{namespace}:default"
    with pytest.raises(RefusedError, match="not found"):
        cluster.token(namespace, "nobody")


def test_the_audit_log_names_who_asked_for_what(cluster: Cluster, namespace: str) -> None:
    lines = map(json.loads, cluster.audit_log.read_text().splitlines())
    creators = [
        entry["user"]["username"]
        for entry in lines
        if entry["verb"] == "create" and entry["objectRef"]["resource"] == "namespaces" and namespace in str(entry)
    ]
    assert creators == ["admin"]


def test_the_api_server_can_be_stopped_and_comes_back_as_it_was(second: Cluster) -> None:
    second.request("POST", "/api/v1/namespaces", {"metadata": {"name": "kept"}})
    second.kill(API_SERVER)
    with pytest.raises(UnreachableError):
        second.request("GET", "/readyz")
    second.start(API_SERVER)
    assert exists(second, "kept")


def test_a_member_can_be_stopped_and_comes_back_as_it_was(second: Cluster) -> None:
    member = second.members[0]
    before = member.request("GET", "/api/v1/namespaces/kube-system")
    second.kill(member.name)
    with pytest.raises(UnreachableError):
        member.request("GET", "/readyz")
    assert second.request("GET", "/readyz") == "ok"
    second.start(member.name)
    assert member.request("GET", "/api/v1/namespaces/kube-system") == before


def test_down_ends_what_a_killed_starter_left(tmp_path: Path) -> None:
    start = f"from hack.cluster import *; from pathlib import Path; Cluster('cut', Path({str(tmp_path)!r})).up()"
    starter = subprocess.Popen([sys.executable, "-c", start], cwd=ROOT)
    cut = Cluster("cut", tmp_path)
    wait_until(lambda: (cut.folder / f"{API_SERVER}.pid").exists(), 30, "the API server's start")
    starter.send_signal(signal.SIGKILL)
    starter.wait()
    left = {part.name: part.pid for part in cut.status() if part.pid}
    port = int((cut.folder / "etcd.port").read_text())
    wait_until(lambda: is_listening(port), 30, "etcd's port")

    cut.down()
    assert left.keys() == {ETCD, API_SERVER}
    assert all(pid and is_dead(pid) for pid in left.values())
    assert not is_listening(port)
    assert not cut.folder.exists()
    cut.down()


def test_status_prints_a_line_per_program(cluster: Cluster, capsys: pytest.CaptureFixture[str]) -> None:
    command.status(cluster, argparse.Namespace())
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines[1:]] == [part.name for part in cluster.status()]
    assert all(int(line.split()[1]) > 0 for line in lines[1:])


def test_env_makes_a_shell_talk_to_the_cluster(cluster: Cluster, capsys: pytest.CaptureFixture[str]) -> None:
    command.env(cluster, argparse.Namespace())
    script = capsys.readouterr().out + "kubectl get nodes --output=name"
    ran = subprocess.run(["/bin/sh", "-c", script], env=dict(os.environ), capture_output=True, text=True, check=True)
    assert ran.stdout.split() == [f"node/node-{number}" for number in range(1, 7)]


@pytest.mark.parametrize("wrong", ["--zones=", "--nodes=-1", "--members=x"])
def test_an_impossible_shape_is_refused(wrong: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        command._parser().parse_args(["up", wrong])
    assert wrong.split("=")[0] in capsys.readouterr().err


def test_env_of_a_cluster_that_is_not_there_says_how_to_start_it(tmp_path: Path) -> None:
    with pytest.raises(StartError, match="cluster absent is not there; hack/cluster/cluster up starts it"):
        command.env(Cluster("absent", tmp_path), argparse.Namespace())
