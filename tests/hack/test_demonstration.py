"""`make demo` and `make demo-stacks` do what they say."""

import os
import re
from pathlib import Path

import pytest

from hack.cluster import Cluster
from hack.demonstration import GROUP, ROOT, Demonstration
from hack.stack_demonstration import StackDemonstration


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
    in_place = shown.split("Another image in place")[1].split("\n== ")[0]
    assert "batch 2 of 2" in in_place, "what a person is waited for"
    restarted = re.findall(r"^web-\d+ +1/1 +Running +1 ", in_place, re.MULTILINE)
    assert len(restarted) == 3, "each of three instances was started again once, where it was"
    records = shown.split("The record of all that")[1]
    assert [kind for kind in ("ScaleOut", "Replace", "ScaleIn") if kind not in records] == []
    assert "make cluster-down" in records


def test_the_demonstration_of_stack_sets_fails_tries_again_finds_drift_and_retains(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(ROOT)
    cluster = Cluster(f"demo-stacks-{os.getpid()}", tmp_path, dies_with_parent=True)
    try:
        StackDemonstration(cluster).run()
    finally:
        cluster.down()

    shown, _ = capfd.readouterr()
    steps = dict(step.split("\n", 1) for step in shown.split("\n== ")[1:])

    def of(title: str) -> str:
        (found,) = (text for step, text in steps.items() if title in step)
        return found

    assert "all 3 instances hold the set's template and variables" in of("Two operations bring it")
    assert "3 targets: 1 changed (data.greeting), 1 unchanged" in of("Which fields of which objects")
    tree = of("one at a time")
    assert "1 OPERATION_FAILED, 1 CANCEL_COMPLETE" in tree
    assert "1 OPERATION_COMPLETE" in tree
    assert "eu-1   0 of 2 done, 1 failed (0 may)" in of("Why?")
    assert "2 of 2 instances done" in of("do it again where it failed")
    assert "ConfigMap catalog/catalog: data.greeting, and 1 more object" in of("by hand")
    assert "all 2 instances" in of("what was deployed stays")
    in_eu, in_us = of("in us-1 it is still there").split("member-3")
    assert "configmap/catalog" not in in_eu
    assert "configmap/catalog" in in_us
