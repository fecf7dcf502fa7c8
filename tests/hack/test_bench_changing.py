"""The shrinking of Pods that change: measured beside those that do not, and told apart from who changes them."""

import json

import pytest

from hack.bench import changing, resizing, subjects
from hack.bench.program import main

METRICS = """
windlass_api_requests_total{code="200",resource="pods",verb="list"} 18.0
windlass_api_requests_total{code="409",resource="pods",verb="delete"} 7.0
windlass_api_requests_total{code="200",resource="controllerrevisions",verb="list"} 1.0
windlass_reconcile_duration_seconds_count{kind="ScalingGroup",result="done"} 8.0
windlass_reconcile_duration_seconds_count{kind="ScalingGroup",result="conflict"} 3.0
windlass_reconcile_duration_seconds_count{kind="ScalingGroup",result="transient"} 2.0
windlass_reconcile_duration_seconds_count{kind="ScalingGroup",result="gone"} 1.0
"""


def test_lists_of_pods_and_passes_that_failed_are_read_from_the_metrics() -> None:
    assert changing.Told.read(METRICS) == changing.Told(pod_lists=18.0, failed_passes=5.0)


def test_shrinking_is_measured_with_and_without_changes(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(resizing, "QUIET_SECONDS", 0.3)
    monkeypatch.setattr(subjects, "WARM_UP", 1)
    options = ["--instances=200", "--touches=1000", "--repeat=1", "--json"]
    assert main(changing.flags(), changing.run, options) == 0
    _, *lines = map(json.loads, capsys.readouterr().out.splitlines())
    measurements = {line["subject"]: line for line in lines if "subject" in line}
    assert measurements.keys() == {"still", "changing"}
    assert measurements["still"]["touches"] == 0
    assert measurements["changing"]["touches"] > 0
    assert all(line["writes"] >= 200 for line in measurements.values())
    assert {line["ratio"] for line in lines if line.get("figure") == "seconds"} == {"changing/still"}
