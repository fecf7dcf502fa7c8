"""The chart's policy against deletions is taken away: each group that relies on it is told, and who may look."""

from collections.abc import Iterator
from typing import Any

import pytest

from hack.cluster import Cluster
from tests.cluster.api_client import administrator, run
from tests.cluster.groups import Groups
from tests.cluster.operator_process import Installation, Operators
from windlass.cluster.client import Client
from windlass.cluster.deletion_guard import read_deletion_guard

BINDINGS = "/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicybindings"


@pytest.fixture
def unbound(cluster: Cluster, installation: Installation) -> Iterator[None]:
    """The policy is there, and nothing binds it."""
    binding: dict[str, Any] = installation.manifest("ValidatingAdmissionPolicyBinding", "-deletion")
    cluster.request("DELETE", f"{BINDINGS}/{binding['metadata']['name']}")
    yield
    cluster.apply(BINDINGS, binding)


def guarded(cluster: Cluster, namespace: str) -> bool:
    found: list[bool] = []

    async def scenario(client: Client) -> None:
        found.append((await read_deletion_guard(client)).covers(namespace))

    run(administrator(cluster), scenario)
    return found[0]


@pytest.mark.usefixtures("installation")
def test_the_chart_guards_groups(cluster: Cluster, namespace: str) -> None:
    assert guarded(cluster, namespace)


@pytest.mark.usefixtures("unbound")
def test_groups_that_nothing_guards_are_told_once(cluster: Cluster, namespace: str, operator: Operators) -> None:
    assert not guarded(cluster, namespace)
    process = operator.start()
    process.wait_until_leading()
    with Groups(cluster, namespace) as groups:
        groups.create("batch", desired=1, deletionPolicy="Force")
        web = groups.create("web", desired=1)
        web.wait_for_event("DeletionUnguarded", "its deletionPolicy Refuse has no effect")
        web.wait_until_ready(1)
        web.scale(2)
        web.wait_until_ready(2)
        groups.get("batch").wait_until_ready(1)
        told = [reason for each in ("web", "batch") for reason, _ in groups.get(each).events()]
    assert told.count("DeletionUnguarded") == 1
    assert "Traceback" not in process.log
