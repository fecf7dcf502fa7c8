"""`make demo` does what it says."""

import os
from pathlib import Path

import pytest

from hack.cluster import Cluster
from hack.demonstration import GROUP, ROOT, Demonstration


def test_the_demonstration_ends_with_a_group_in_service_in_three_zones(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(ROOT)
    cluster = Cluster(f"demo-{os.getpid()}", tmp_path, dies_with_parent=True)
    try:
        Demonstration(cluster).run()
    finally:
        cluster.down()

    shown, refused = capfd.readouterr()
    assert f"ScalingGroup {GROUP} still has 3 instances, and its spec.deletionPolicy is Refuse" in refused
    group = shown.split("The record of all that")[0].rpartition("$ kubectl get pods")[2]
    assert {zone for zone in ("zone-a", "zone-b", "zone-c") if zone in group} == {"zone-a", "zone-b", "zone-c"}
    assert [line for line in shown.splitlines() if " remove web-" in line], "who leaves, and why"
    records = shown.split("The record of all that")[1]
    assert [kind for kind in ("ScaleOut", "Replace", "ScaleIn") if kind not in records] == []
    assert "make cluster-down" in records
