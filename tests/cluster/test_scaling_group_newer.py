"""A group that a newer version of the CRDs let in, and this operator cannot read."""

from collections.abc import Iterator

import pytest

from hack.cluster import Cluster, RefusedError, wait_until
from tests.cluster.audit import AuditLog
from tests.cluster.doors import accepted, manifest
from tests.cluster.groups import Groups, condition
from tests.cluster.operator_process import Operators

CRD = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/scalinggroups.windlass.dev"
POLICIES = "/spec/versions/0/schema/openAPIV3Schema/properties/spec/properties/zonePolicy/enum"
NEWER = manifest("ScalingGroup", zonePolicy="CostOptimized")


@pytest.fixture
def newer_crd(cluster: Cluster) -> Iterator[None]:
    """The zone policy may be one that does not exist yet."""
    change(cluster, ["Priority", "Balanced", "CostOptimized"])
    wait_until(lambda: accepted(cluster, NEWER), 20, "the newer CRD")
    yield
    change(cluster, ["Priority", "Balanced"])
    wait_until(lambda: is_refused(cluster), 20, "the CRD as it was")


@pytest.mark.usefixtures("newer_crd")
def test_a_group_that_cannot_be_read_is_stalled_and_says_which_field_while_others_go_on(
    cluster: Cluster, namespace: str, operator: Operators
) -> None:
    process = operator.start()
    process.wait_until_leading()
    with Groups(cluster, namespace) as groups:
        odd = groups.create("odd", desired=1, zonePolicy="CostOptimized")
        odd.wait_for_phase("Stalled")
        assert condition(odd.status, "Stalled") == "True"
        assert "reading spec.zonePolicy: Input should be 'Priority' or 'Balanced'" in odd.status["message"]
        web = groups.create("web", desired=2)
        web.wait_until_ready(2)
        audit = AuditLog(cluster, namespace)
        odd.change(minSize=1)
        odd.wait_for("the newer spec was read", lambda status: status["observedGeneration"] == 2)
        assert len([asked for asked in audit.writes() if asked.name == "odd"]) == 1
        odd.change(zonePolicy="Balanced")
        odd.wait_until_ready(1)
        assert groups.broken_promises() == []
    assert "Traceback" not in process.log


def change(cluster: Cluster, policies: list[str]) -> None:
    patch = [{"op": "replace", "path": POLICIES, "value": policies}]
    cluster.request("PATCH", CRD, patch, "application/json-patch+json")  # type: ignore[arg-type]


def is_refused(cluster: Cluster) -> bool:
    try:
        accepted(cluster, NEWER)
    except RefusedError:
        return True
    return False
