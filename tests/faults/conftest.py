"""What tests with faults share: a chart of their own, so that no other test's operator works beside theirs."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from hack.cluster import Cluster
from tests.cluster.groups import Groups
from tests.cluster.operator_process import Installation, Operators
from tests.faults.proxy import Proxy
from tests.faults.run import RESYNC, Run


@pytest.fixture(scope="session")
def installation(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """The chart as it is by default, in a namespace of its own."""
    installation = Installation(cluster, "windlass-faults", tmp_path_factory.mktemp("installation"))
    installation.install()
    yield installation
    installation.remove()


@pytest.fixture
def operator(installation: Installation, tmp_path: Path) -> Iterator[Operators]:
    """Starts operators with the rights of the chart's ServiceAccount. They are ended with the test."""
    installation.forget_lease()
    operators = Operators(installation, tmp_path)
    try:
        yield operators
    finally:
        operators.end()


@pytest.fixture
def proxy(cluster: Cluster) -> Iterator[Proxy]:
    """A proxy before the API server that passes everything on until it is told otherwise."""
    with Proxy(cluster) as proxy:
        yield proxy


@pytest.fixture
def run(cluster: Cluster, namespace: str, operator: Operators, proxy: Proxy, tmp_path: Path) -> Iterator[Run]:
    """A namespace whose operators ask by way of the proxy. No status of a group's may ever be wrong."""
    with Groups(cluster, namespace) as groups:
        yield Run(groups, proxy, operator, tmp_path)
        assert groups.broken_promises() == []


@pytest.fixture
def groups(run: Run) -> Iterator[Groups]:
    """The groups of an operator that runs, and meets nothing that it does not know."""
    process = run.start(RESYNC, ready=True)
    yield run.groups
    assert "Traceback" not in process.log, process.log
