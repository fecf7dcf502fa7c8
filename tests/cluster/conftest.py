"""What tests on the real control plane share."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from hack.cluster import Access, Cluster, wait_until
from hack.generate_crds import definition
from tests.cluster.doors import collection
from tests.cluster.groups import Groups
from tests.cluster.members import Member
from tests.cluster.operator_process import Installation, OperatorProcess, Operators
from windlass.api import stack_instance, stack_set, stack_set_operation, stack_target


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


@pytest.fixture(scope="session")
def stacks(started_members: tuple[Member, ...]) -> Access:
    """An API server that serves the kinds of stack sets: a member's, because they are not in crds/ yet."""
    server = started_members[0].access
    for module in (stack_set, stack_set_operation, stack_instance, stack_target):
        server.apply("/apis/apiextensions.k8s.io/v1/customresourcedefinitions", definition(module.KIND))
        wait_until(partial(server.request, "GET", collection(module.KIND.kind)), 30, f"the kind {module.KIND.kind}")
    return server


@pytest.fixture
def place(stacks: Access, started_members: tuple[Member, ...]) -> str:
    """A new namespace there."""
    return started_members[0].new_namespace()
