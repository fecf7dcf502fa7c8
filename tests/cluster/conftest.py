"""What tests on the real control plane share."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from hack.cluster import Cluster
from tests.cluster.groups import Groups
from tests.cluster.members import Member
from tests.cluster.operator_process import Installation, OperatorProcess, Operators
from tests.cluster.stack_world import StackWorld


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


@pytest.fixture(scope="module")
def running_operator(installation: Installation, tmp_path_factory: pytest.TempPathFactory) -> Iterator[OperatorProcess]:
    """One operator for all tests of a module, each in a namespace of its own. It must end without a traceback."""
    installation.forget_lease()
    operators = Operators(installation, tmp_path_factory.mktemp("operator"))
    try:
        process = operators.start()
        process.wait_until_leading()
        yield process
        assert process.stop() == 0
        assert "Traceback" not in process.log, process.log
    finally:
        operators.end()


@pytest.fixture
def groups(cluster: Cluster, namespace: str, running_operator: OperatorProcess) -> Iterator[Groups]:
    """The groups of the test's namespace, kept by the module's operator. No status of theirs may ever be wrong."""
    with Groups(cluster, namespace) as groups:
        yield groups
        assert groups.broken_promises() == []


@pytest.fixture(scope="module")
def stack_operator(
    request: pytest.FixtureRequest,
    cluster: Cluster,
    started_members: tuple[Member, ...],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[OperatorProcess]:
    """One operator that may reach members on this machine."""
    folder = tmp_path_factory.mktemp("stacks")
    # A namespace that is going takes nothing: each module has one of its own.
    namespace = request.module.__name__.rpartition(".")[2].replace("_", "-")
    installation = Installation(cluster, namespace, folder, "--set=stackTargets.allowLocal=true")
    installation.install()
    operators = Operators(installation, folder)
    try:
        process = operators.start()
        process.wait_until_leading()
        yield process
        assert process.stop() == 0
        assert "Traceback" not in process.log, process.log
    finally:
        operators.end()
        installation.remove()


@pytest.fixture
def world(cluster: Cluster, namespace: str, members: tuple[Member, ...], stack_operator: OperatorProcess) -> StackWorld:
    """Two targets, eu/a and us/a, each of them a member of its own."""
    made = StackWorld(cluster, namespace, members)
    made.target("eu", "a", made.members[0])
    made.target("us", "a", made.members[1])
    return made
