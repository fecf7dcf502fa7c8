"""Whatever happens to a cluster with a real node, `down` leaves nothing of it on the machine."""

import os
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from hack.cluster import API_SERVER, CONTROLLER_MANAGER, ETCD, Cluster, RefusedError, Shape, wait_until
from hack.cluster.nodes import cgroups, network
from hack.cluster.process import is_dead
from tests.node.pods import LIMIT, Pods, container

ROOT = Path(__file__).parents[2]
NAME = "second"
FEW = (ETCD, API_SERVER, CONTROLLER_MANAGER)  # components

UP = """
import sys, time
from pathlib import Path
from hack.cluster import *

name, root, how = sys.argv[1:]
if how == "up":
    Cluster(name, Path(root)).up(Shape(real_nodes=1))
else:
    with throw_away(name, Path(root), Shape(nodes=0, real_nodes=1)):
        time.sleep(600)
"""


@dataclass(frozen=True)
class Machine:
    """What a cluster could leave on it."""

    interfaces: frozenset[str]
    cgroups: frozenset[str]
    mounts: frozenset[str]
    routes: str


def machine(cluster: Cluster) -> Machine:
    """What belongs to this cluster."""
    mark = network.bridge_of(cluster.folder).removeprefix("windlass")
    links = subprocess.run(["ip", "-brief", "link"], capture_output=True, text=True, check=True).stdout.splitlines()
    routes = subprocess.run(["ip", "route", "show", "table", "all"], capture_output=True, text=True, check=True).stdout
    return Machine(
        interfaces=frozenset(line.split()[0] for line in links if mark in line),
        cgroups=frozenset(str(path) for path in cgroups.ROOT.glob(f"**/*{mark}*")),
        mounts=frozenset(
            line for line in Path("/proc/self/mountinfo").read_text().splitlines() if str(cluster.folder) in line
        ),
        routes="\n".join(line for line in routes.splitlines() if mark in line),
    )


NOTHING = Machine(frozenset(), frozenset(), frozenset(), "")


@pytest.fixture
def second(tmp_path: Path) -> Cluster:
    """A cluster beside the one of the other tests; it is not up."""
    return Cluster(NAME, tmp_path)


def processes(cluster: Cluster) -> set[int]:
    return cgroups.processes(network.bridge_of(cluster.folder))


def started_by_another(cluster: Cluster, how: str) -> subprocess.Popen[bytes]:
    """The process that starts it; by the time it is returned some of the node's programs run."""
    command = [sys.executable, "-c", UP, cluster.name, str(cluster.folder.parent), how]
    starter = subprocess.Popen(command, cwd=ROOT)
    wait_until(lambda: len(processes(cluster)) > 3, 60, "the node's start")
    return starter


def test_down_ends_a_node_with_pods_on_it_beside_another_cluster(cluster: Cluster, second: Cluster) -> None:
    second.up(Shape(nodes=0, real_nodes=1))
    try:
        Pods(second, "default").create_ready(container("app"))
        there, left = machine(second), processes(second)
        assert len(there.interfaces) == 2
        assert there.cgroups
        assert len(left) > 5
    finally:
        second.down()
    assert all(map(is_dead, left))
    assert machine(second) == NOTHING
    assert not second.folder.exists()
    assert len(machine(cluster).interfaces) == 3


def test_up_without_real_nodes_takes_away_what_was_made_for_them(second: Cluster) -> None:
    second.up(Shape(nodes=0, real_nodes=1), FEW)
    try:
        left = processes(second)
        second.up(Shape(nodes=0), FEW)
        assert all(map(is_dead, left))
        with pytest.raises(RefusedError, match="not found"):
            second.request("GET", "/api/v1/nodes/real-1")
        assert machine(second) == NOTHING
    finally:
        second.down()


def test_down_ends_what_a_starter_left_that_was_killed_and_a_node_that_was_too(second: Cluster) -> None:
    starter = started_by_another(second, "up")
    starter.send_signal(signal.SIGKILL)
    starter.wait()
    left = processes(second)
    os.kill(min(left), signal.SIGKILL)
    second.down()
    assert all(map(is_dead, left))
    assert machine(second) == NOTHING
    second.down()


def test_what_a_killed_throw_away_cluster_left_goes_with_the_next(second: Cluster, tmp_path: Path) -> None:
    starter = started_by_another(second, "throw away")
    left = processes(second)
    starter.send_signal(signal.SIGKILL)
    starter.wait()
    wait_until(lambda: not any(part.pid for part in second.status()), LIMIT, "the programs' end")
    wait_until(lambda: all(map(is_dead, left)), LIMIT, "the node's end")
    assert machine(second).interfaces == {network.bridge_of(second.folder)}

    next_one = tmp_path / "next"
    next_one.mkdir()
    network.connect(next_one)
    network.disconnect(next_one)
    assert machine(second) == NOTHING
