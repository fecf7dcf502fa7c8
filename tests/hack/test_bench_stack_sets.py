"""Stack sets over many targets: what an operation takes beyond its instances' own time, told apart from that."""

import json
import os
from collections import Counter
from typing import Any

import pytest

from hack.bench import plane, resizing, stack_set_fanout
from hack.bench.operator_metrics import Passes
from hack.bench.program import main
from hack.bench.stack_pass import measure_pass
from hack.bench.stack_set_fanout import overhead, shared_out
from hack.bench.stacks import Spread


@pytest.mark.parametrize(
    ("spread", "at_once", "seconds"),
    [
        (Spread(regions=1, accounts=10, concurrent=10), 1, 20),
        (Spread(regions=10, accounts=1000, concurrent=10), 100, 20),
        (Spread(regions=10, accounts=1000, concurrent=10, sequential=True), 100, 200),
        (Spread(regions=2, accounts=5, concurrent=40), 2, 6),
        (Spread(regions=3, accounts=3, concurrent=10), 1, 6),
        (Spread(regions=1, accounts=20, concurrent=100), 20, 2),
    ],
)
def test_the_least_time_is_that_of_windows_which_are_always_full(spread: Spread, at_once: int, seconds: float) -> None:
    assert spread.at_once == at_once
    assert spread.critical_seconds(2.0) == seconds


def test_what_is_allowed_beyond_it_is_five_per_cent_and_two_seconds() -> None:
    assert overhead(23.5, 20.0) == {"critical_seconds": 20.0, "overhead_seconds": 3.5, "allowed_seconds": 3.0}


def test_writes_are_told_apart_by_whose_they_are() -> None:
    writes = Counter(
        {
            "stackinstances": 10,
            "stackinstances/status": 20,
            "stacksetoperations": 1,
            "stacksetoperations/status": 7,
            "stacksets": 1,
            "stacksets/status": 5,
            "stacktargets/status": 3,
            "events": 2,
            "leases": 9,
        }
    )
    assert shared_out(writes, 10) == {
        "instance_writes": 1,
        "status_writes": 2,
        "operation_writes": 7,
        "set_writes": 6,
        "other_writes": 5,
    }


METRICS = """
windlass_reconcile_duration_seconds_count{kind="StackSet",result="done"} 8.0
windlass_reconcile_duration_seconds_count{kind="StackSetOperation",result="done"} 3.0
windlass_reconcile_duration_seconds_count{kind="StackSetOperation",result="conflict"} 1.0
"""


def test_passes_of_one_kind_are_no_other_kinds() -> None:
    assert Passes.read(METRICS, "StackSet").count == 8
    assert Passes.read(METRICS, "StackSetOperation").count == 4
    assert Passes.read(METRICS).count == 12


def test_a_pass_is_measured_where_all_are_marked_and_where_some_run() -> None:
    figures = measure_pass(Spread(regions=2, accounts=50, concurrent=10))
    assert figures.keys() == {"marking_p50_ms", "marking_max_ms", "running_p50_ms", "running_max_ms"}
    assert all(0 < milliseconds < 1000 for milliseconds in figures.values())


# ---- the whole


def measured(capsys: pytest.CaptureFixture[str], *options: str) -> dict[str, dict[str, Any]]:
    assert main(stack_set_fanout.flags(), stack_set_fanout.run, [*options, "--repeat=1", "--json"]) == 0
    assert not list((plane.ROOT / ".local" / "bench").glob(f"{os.getpid()}*"))
    _, *lines = map(json.loads, capsys.readouterr().out.splitlines())
    return {line["phase"]: line for line in lines}


@pytest.fixture(autouse=True)
def _soon_quiet(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resizing, "QUIET_SECONDS", 0.3)


def test_targets_that_take_a_fixed_time_are_measured(capsys: pytest.CaptureFixture[str]) -> None:
    found = measured(capsys, "--targets=6", "--regions=2", "--concurrent=40", "--milliseconds=200")
    assert found.keys() == {"create", "deploy", "pass"}
    for phase in ("create", "deploy"):
        assert found[phase]["subject"] == "fixed"
        assert found[phase]["critical_seconds"] == 0.6
        assert found[phase]["seconds"] > 0.6
        assert 0 < found[phase]["prepared_seconds"] < found[phase]["seconds"]
        assert found[phase]["instance_writes"] == 1
        assert found[phase]["operation_writes"] >= 3
    assert found["create"]["status_writes"] == 2
    # Those that begin while others are still being marked are not marked first: how many depends on the timing.
    assert 2 <= found["deploy"]["status_writes"] <= 3


def test_targets_at_real_api_servers_are_measured(capsys: pytest.CaptureFixture[str]) -> None:
    found = measured(capsys, "--targets=2", "--members=1", "--concurrent=100")
    assert found["create"]["subject"] == "members"
    for phase in ("create", "deploy"):
        assert 0 < found[phase]["target_p50_seconds"] <= found[phase]["target_p100_seconds"] < found[phase]["seconds"]
        assert "overhead_seconds" not in found[phase]
