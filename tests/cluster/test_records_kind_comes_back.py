"""The CRD of ScalingActivity is deleted beside a running operator, and installed again."""

import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from hack.cluster import Cluster, RefusedError, wait_until
from tests.cluster.groups import Groups
from tests.cluster.operator_process import OperatorProcess, Operators

CRDS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
NAME = "scalingactivities.windlass.dev"
CRD: dict[str, Any] = yaml.safe_load(Path("crds/scalingactivities.yaml").read_text(encoding="utf-8"))


@pytest.fixture
def no_records(cluster: Cluster) -> Iterator[None]:
    """There is no such kind, until the test installs it again."""
    cluster.request("DELETE", f"{CRDS}/{NAME}")
    wait_until(lambda: not exists(cluster), 30, "the end of the CRD")
    yield
    install(cluster)


def test_a_group_goes_on_within_seconds(
    cluster: Cluster, namespace: str, operator: Operators, request: pytest.FixtureRequest
) -> None:
    process = operator.start()
    process.wait_until_leading()
    with Groups(cluster, namespace) as groups:
        web = groups.create("web", desired=1)
        web.wait_until_ready(1)
        request.getfixturevalue("no_records")
        web.scale(2)

        web.wait_for_message("the last try failed: creating ScalingActivity")
        # The next pass by itself is then 13 s off, at least.
        wait_until(lambda: failed_passes(process) >= 5, 40, "five passes that failed")
        install(cluster)
        began = time.monotonic()
        web.wait_until_ready(2)
        assert time.monotonic() - began < 10
        assert groups.broken_promises() == []
    assert "Traceback" not in process.log


def failed_passes(process: OperatorProcess) -> float:
    counted = re.findall(r'_count{.*result="transient".*} ([0-9.]+)', process.get("/metrics")[1])
    return sum(map(float, counted))


def install(cluster: Cluster) -> None:
    cluster.apply(CRDS, CRD)
    wait_until(lambda: exists(cluster), 30, "the CRD")


def exists(cluster: Cluster) -> bool:
    try:
        cluster.request("GET", "/apis/windlass.dev/v1alpha1/scalingactivities")
    except RefusedError:
        return False
    return True
