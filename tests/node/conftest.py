"""A cluster with two real nodes, started with the first test here and ended with the session."""

import os
from collections.abc import Iterator

import pytest

from hack.cluster import Cluster, Shape, throw_away
from hack.cluster.nodes import missing
from tests.node.pods import Pods


@pytest.fixture(scope="session", autouse=True)
def _real_nodes() -> None:
    if lacks := missing():
        pytest.skip(f"a real node cannot be had: this machine lacks {', '.join(lacks)}")


@pytest.fixture(scope="session")
def cluster(_real_nodes: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """Two real nodes in two zones, beside a simulated one."""
    folder = tmp_path_factory.mktemp("clusters")
    with throw_away(f"nodes-{os.getpid()}", folder, Shape(nodes=1, real_nodes=2)) as cluster:
        yield cluster


@pytest.fixture
def pods(cluster: Cluster, namespace: str) -> Pods:
    """The Pods of the test's namespace."""
    return Pods(cluster, namespace)
