"""Benchmarks compare like with like, say what they compared, and leave nothing running."""

import argparse
import json
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from hack.bench import plane, resizing, scale_out, steady_state, subjects
from hack.bench.audit import Request, pod_requests, reactions
from hack.bench.figures import Measurement, Spread, cases, percentile, ratios, spread
from hack.bench.informer import Reading
from hack.bench.manifests import bare_maker, replica_set
from hack.bench.operator_metrics import Passes
from hack.bench.pod_events import Events
from hack.bench.program import Flags, main, positive
from hack.bench.report import Report, measurement_line, ratio_line, table
from hack.bench.usage import cpu_seconds, peak_rss_mb, reset_peak

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


def measured(subject: str, seconds: float, *, phase: str = "out", instances: int = 1000) -> Measurement:
    return Measurement("scale_out", subject, phase, instances, {"seconds": seconds, "writes": 1004})


# ---- figures


def test_a_spread_is_the_least_the_middle_and_the_most() -> None:
    assert spread([3.0, 1.0, 2.0]) == Spread(1.0, 2.0, 3.0)
    assert spread([4.0, 1.0]) == Spread(1.0, 2.5, 4.0)


@pytest.mark.parametrize(("percent", "value"), [(0, 1), (1, 1), (50, 50), (99, 99), (99.5, 100), (100, 100)])
def test_a_percentile_is_one_of_the_values(percent: float, value: int) -> None:
    assert percentile(list(range(100, 0, -1)), percent) == value


def test_the_99th_percentile_of_a_few_is_the_largest() -> None:
    assert percentile([5.0, 7.0, 6.0], 99) == 7.0


def test_ratios_are_taken_within_each_repeat() -> None:
    noisy = [measured("bare", 1.0), measured("windlass", 1.1), measured("bare", 2.0), measured("windlass", 1.8)]
    (ratio,) = ratios(noisy, "seconds", "windlass", "bare")
    assert ratio.spread == pytest.approx(Spread(0.9, 1.0, 1.1))


def test_phases_and_sizes_are_not_mixed() -> None:
    found = ratios(
        [
            measured("bare", 1.0),
            measured("windlass", 2.0),
            measured("bare", 1.0, phase="in"),
            measured("windlass", 3.0, phase="in"),
            measured("windlass", 4.0, instances=10_000),
        ],
        "seconds",
        "windlass",
        "bare",
    )
    assert [(ratio.phase, ratio.instances, ratio.spread.median) for ratio in found] == [
        ("out", 1000, 2),
        ("in", 1000, 3),
    ]


def test_a_peer_that_took_nothing_gives_no_ratio() -> None:
    assert ratios([measured("bare", 0.0), measured("windlass", 2.0)], "seconds", "windlass", "bare") == []


def test_cases_keep_the_order_of_the_repeats() -> None:
    ((_, found),) = cases([measured("bare", 2.0), measured("bare", 1.0)]).items()
    assert [each.figures["seconds"] for each in found] == [2.0, 1.0]


def test_each_repeat_begins_with_another_subject() -> None:
    turns = [list(scale_out.turns(["a", "b", "c"], number)) for number in range(4)]
    assert [each[0] for each in turns] == ["a", "b", "c", "a"]
    assert all(sorted(each) == ["a", "b", "c"] for each in turns)


# ---- output


def test_a_measurement_is_one_line_with_four_digits() -> None:
    line = measurement_line(measured("windlass", 0.123456789))
    assert line == {
        "bench": "scale_out",
        "subject": "windlass",
        "phase": "out",
        "instances": 1000,
        "seconds": 0.1235,
        "writes": 1004,
    }


def test_a_ratio_is_one_line() -> None:
    (ratio,) = ratios([measured("bare", 1.0), measured("windlass", 1.5)], "seconds", "windlass", "bare")
    assert ratio_line(ratio) == {
        "bench": "scale_out",
        "ratio": "windlass/bare",
        "figure": "seconds",
        "phase": "out",
        "instances": 1000,
        "min": 1.5,
        "median": 1.5,
        "max": 1.5,
    }


def test_the_table_has_a_row_per_case_and_tells_the_spread() -> None:
    head, bare, windlass = table([measured("bare", 1.0), measured("bare", 3.0), measured("windlass", 2.0)])
    assert head.split() == ["PHASE", "INSTANCES", "SUBJECT", "SECONDS", "WRITES"]
    assert bare.split(maxsplit=3) == ["out", "1000", "bare", "1 / 2 / 3  1004"]
    assert windlass.split() == ["out", "1000", "windlass", "2", "1004"]


def test_a_figure_that_a_case_has_not_is_a_dash() -> None:
    *_, row = table([measured("bare", 1.0), Measurement("informer", "decoder", "memory", 10, {"records_mb": 4.5})])
    assert row.split() == ["memory", "10", "decoder", "-", "-", "4.5"]


def test_every_line_of_json_output_is_json_and_the_first_says_where_it_ran(capsys: pytest.CaptureFixture[str]) -> None:
    report = Report(as_json=True)
    report.add(measured("bare", 1.0))
    report.add(measured("windlass", 1.5))
    report.finish(ratios(report.measurements, "seconds", "windlass", "bare"))
    header, *lines = map(json.loads, capsys.readouterr().out.splitlines())
    assert {"date", "cores", "load", "memory_gb", "kubernetes", "windlass", "command"} <= header.keys()
    assert [line.get("subject") or line["ratio"] for line in lines] == ["bare", "windlass", "windlass/bare"]


def test_people_get_a_table_and_the_ratios(capsys: pytest.CaptureFixture[str]) -> None:
    report = Report(as_json=False)
    report.add(measured("bare", 1.0))
    report.add(measured("windlass", 1.5))
    report.finish(ratios(report.measurements, "seconds", "windlass", "bare"))
    told = capsys.readouterr().out
    assert "windlass/bare" in told
    assert "cores" in told
    assert "{" not in told


@pytest.mark.parametrize("wrong", ["0", "-1", "x", "1.5", ""])
def test_counts_begin_at_one(wrong: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match="is not a number from 1 up"):
        positive(wrong)


def test_a_program_that_cannot_be_run_says_why_and_ends_with_1(capsys: pytest.CaptureFixture[str]) -> None:
    def run(options: argparse.Namespace, report: Report) -> list[Any]:
        error = TimeoutError("waiting for 5 Pods: there are 4 after 60 s")
        error.add_note("the end of the operator's log: ...")
        raise error

    assert main(Flags("some", "Something.", repeat=1), run, []) == 1
    said = capsys.readouterr().err
    assert "hack/bench/some: waiting for 5 Pods" in said
    assert "the operator's log" in said


# ---- like with like


def test_a_replica_set_makes_the_pods_that_a_group_makes() -> None:
    bare = json.loads(bare_maker("web").make("web-7", 7))
    template = replica_set("web", 5)["spec"]["template"]
    assert template["spec"] == bare["spec"]
    assert template["metadata"]["labels"] == bare["metadata"]["labels"]
    assert template["metadata"]["annotations"].keys() == bare["metadata"]["annotations"].keys()


def test_events_are_pods_that_the_informer_understands() -> None:
    events, reading = Events(), Reading()
    reading.take(events.lines("ADDED", 20, 20))
    reading.take([events.end_of_list()])
    before = reading.store.get("bench", "bench-7")
    reading.take(events.lines("MODIFIED", 20, 30))
    after = reading.store.get("bench", "bench-7")
    assert len(reading.store) == 20
    assert before is not None
    assert after is not None
    assert (before.ordinal, before.ready, before.node) == (7, True, "node-1")
    assert int(after.resource_version) > int(before.resource_version)
    assert len(reading.store.by_index(after.group)) == 20


# ---- what is read elsewhere


METRICS = """
windlass_reconcile_duration_seconds_bucket{kind="ScalingGroup",le="0.001",result="done"} 6.0
windlass_reconcile_duration_seconds_bucket{kind="ScalingGroup",le="0.0025",result="done"} 8.0
windlass_reconcile_duration_seconds_bucket{kind="ScalingGroup",le="+Inf",result="done"} 8.0
windlass_reconcile_duration_seconds_count{kind="ScalingGroup",result="done"} 8.0
windlass_reconcile_duration_seconds_sum{kind="ScalingGroup",result="done"} 0.012
windlass_reconcile_duration_seconds_bucket{kind="ScalingGroup",le="0.001",result="gone"} 2.0
windlass_reconcile_duration_seconds_bucket{kind="ScalingGroup",le="0.0025",result="gone"} 2.0
windlass_reconcile_duration_seconds_bucket{kind="ScalingGroup",le="+Inf",result="gone"} 2.0
windlass_reconcile_duration_seconds_count{kind="ScalingGroup",result="gone"} 2.0
windlass_reconcile_duration_seconds_sum{kind="ScalingGroup",result="gone"} 0.001
"""


def test_passes_are_those_between_two_looks() -> None:
    passes = Passes.read(METRICS).since(Passes(4.0, 0.005, {0.001: 4.0, 0.0025: 4.0}))
    assert passes.count == 6
    assert passes.mean_ms == pytest.approx(8 / 6)
    assert passes.longest_ms == 2.5


def test_where_there_was_no_pass_nothing_took_long() -> None:
    passes = Passes.read(METRICS)
    assert passes.since(passes).mean_ms == 0
    assert passes.since(passes).longest_ms == 0


def logged(verb: str, namespace: str, milliseconds: float, *, code: int = 201, **ref: str) -> str:
    at = (NOON + timedelta(milliseconds=milliseconds)).isoformat(timespec="microseconds").replace("+00:00", "Z")
    entry = {
        "kind": "Event",
        "verb": verb,
        "stage": "ResponseComplete",
        "requestReceivedTimestamp": at,
        "objectRef": {"resource": "pods", "namespace": namespace} | ref,
        "responseStatus": {"metadata": {}, "code": code},
    }
    return json.dumps(entry) + "\n"


def test_a_reaction_is_the_time_from_a_kill_to_the_next_creation_there(tmp_path: Path) -> None:
    log = tmp_path / "audit.log"
    before = logged("delete", "victim-1", 0) + logged("create", "victim-1", 1)
    log.write_text(
        before
        + logged("create", "victim-1", 30.5)  # written first, for its answer came first
        + logged("delete", "victim-1", 10)
        + logged("delete", "victim-2", 12)
        + logged("create", "victim-2", 13, code=409)
        + logged("create", "victim-2", 14, subresource="binding")
        + logged("patch", "victim-2", 15)
        + logged("create", "victim-2", 20)
        + logged("create", "load", 16)
        + json.dumps({"verb": "get", "stage": "ResponseComplete", "requestReceivedTimestamp": "2026-01-01T12:00:00Z"})
        + "\n"
    )
    requests = pod_requests(log, len(before))
    assert Request(NOON + timedelta(milliseconds=16), "load", creates=True) in requests
    found = reactions(requests, frozenset({"victim-1", "victim-2"}))
    assert sorted(took / timedelta(milliseconds=1) for _, took in found) == [8, 20.5]


def test_a_peak_can_be_counted_anew() -> None:
    pid = os.getpid()
    large = bytearray(b"x") * 64_000_000
    high = peak_rss_mb(pid)
    del large
    reset_peak(pid)
    assert high - peak_rss_mb(pid) > 50


def test_processor_time_grows_with_work() -> None:
    before = cpu_seconds(os.getpid())
    while cpu_seconds(os.getpid()) < before + 0.05:
        sum(range(10_000))


# ---- the whole


def test_launching_and_removing_is_measured_beside_its_peers(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(resizing, "QUIET_SECONDS", 0.3)
    monkeypatch.setattr(subjects, "WARM_UP", 1)
    assert main(scale_out.flags(), scale_out.run, ["--instances=20", "--repeat=1", "--json"]) == 0
    _, *lines = map(json.loads, capsys.readouterr().out.splitlines())
    measurements = {(line["subject"], line["phase"]): line for line in lines if "subject" in line}
    assert measurements.keys() == {(name, phase) for name in subjects.ALL for phase in ("out", "in")}
    assert all(line["seconds"] > 0 for line in measurements.values())
    assert all(line["writes"] >= 20 for line in measurements.values())
    assert [measurements["bare", phase]["writes"] for phase in ("out", "in")] == [20, 20]
    compared = {(line["ratio"], line["phase"]) for line in lines if line.get("figure") == "seconds"}
    assert compared == {(f"windlass/{peer}", phase) for peer in ("bare", "replicaset") for phase in ("out", "in")}
    assert not list((plane.ROOT / ".local" / "bench").glob(f"{os.getpid()}*"))


def test_rest_is_measured_without_a_group_with_many_and_with_a_large_one(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(resizing, "QUIET_SECONDS", 0.3)
    monkeypatch.setattr(steady_state, "TOUCHES", 2)
    options = ["--groups=2", "--instances=3", "--seconds=1", "--json"]
    assert main(steady_state.flags(), steady_state.run, options) == 0
    _, *lines = map(json.loads, capsys.readouterr().out.splitlines())
    measurements = {(line["subject"], line["phase"]): line for line in lines}
    assert measurements.keys() == {
        ("0 x 1", "idle"),
        ("2 x 1", "idle"),
        ("2 x 1", "touched"),
        ("1 x 3", "idle"),
        ("1 x 3", "touched"),
    }
    assert all(line["writes"] == 0 for line in measurements.values())
    assert all(line["rss_mb"] > 10 for line in measurements.values())
