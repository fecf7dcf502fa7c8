"""Images changed in place are measured against the time that nobody can save."""

import json
from typing import Any

import pytest

from hack.bench import in_place, resizing
from hack.bench.program import main


@pytest.mark.parametrize(
    ("instances", "batches", "waves"),
    [(200, 5, 5), (200, 1, 1), (20, 2, 6), (3, 3, 3), (3, 1, 1), (10, 10, 10), (1, 5, 1)],
)
def test_those_of_a_batch_wait_for_each_other_where_too_many_would_be_out_of_service(
    instances: int, batches: int, waves: int
) -> None:
    assert in_place.waves(instances, batches) == waves


def test_an_update_is_measured(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resizing, "QUIET_SECONDS", 0.3)
    assert main(in_place.flags(), in_place.run, ["--instances=4", "--batches=1", "--repeat=1", "--json"]) == 0
    _, line = map(json.loads, capsys.readouterr().out.splitlines())
    figures: dict[str, Any] = line
    assert figures["critical_seconds"] == 10
    assert figures["seconds"] > 9  # the kubelet's times are whole seconds
    assert figures["pod_writes"] == 1
