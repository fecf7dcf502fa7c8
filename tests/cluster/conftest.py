"""What tests on the real control plane share."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from hack.cluster import Cluster
from tests.cluster.operator_process import Installation, Operators


@pytest.fixture(scope="session")
def installation(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """The chart as it is by default: for all namespaces."""
    installation = Installation(cluster, "windlass-system", tmp_path_factory.mktemp("installation"))
    installation.install()
    yield installation
    installation.remove()


@pytest.fixture
def operator(installation: Installation, tmp_path: Path) -> Iterator[Operators]:
    """Starts the operator, for all namespaces: `operator.start()`. It is ended with the test."""
    installation.forget_lease()
    operators = Operators(installation, tmp_path)
    try:
        yield operators
    finally:
        operators.end()
