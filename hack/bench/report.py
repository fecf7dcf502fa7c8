"""What a benchmark prints: a table for people, or JSON lines; either begins with where and when it ran."""

import json
import os
import platform
import subprocess
import sys
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from hack.bench.figures import Measurement, Ratio, Spread, cases, spread
from hack.cluster.tools import TOOL_SETS
from windlass import __version__

ROOT = Path(__file__).parents[2]
DIGITS = 4  # significant ones; the machine's noise is larger


class Report:
    """The output of one program. Measurements are printed as they come where the output is JSON, else at the end."""

    def __init__(self, *, as_json: bool) -> None:
        self.measurements: list[Measurement] = []
        self._as_json = as_json
        if as_json:
            _print_json(header())

    def add(self, measurement: Measurement) -> None:
        self.measurements.append(measurement)
        if self._as_json:
            _print_json(measurement_line(measurement))
        else:
            print(f"{measurement.phase} {measurement.subject}: {_told(measurement)}", file=sys.stderr, flush=True)

    def finish(self, ratios: Sequence[Ratio] = ()) -> None:
        """Print the ratios, and the table where there is one."""
        if self._as_json:
            for ratio in ratios:
                _print_json(ratio_line(ratio))
        else:
            print("\n".join(["", told_header(header()), *table(self.measurements), *ratio_table(ratios)]))


def header() -> dict[str, Any]:
    """Date, machine and versions, without which no figure is worth keeping."""
    return {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "cores": len(os.sched_getaffinity(0)),
        "load": round(os.getloadavg()[0], 2),  # of the last minute: who else is at work here?
        "memory_gb": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9, 1),
        "kernel": platform.release(),
        "python": platform.python_version(),
        "kubernetes": TOOL_SETS["kubernetes"].version,
        "etcd": TOOL_SETS["etcd"].version,
        "windlass": f"{__version__} ({_commit()})",
        "command": " ".join([Path(sys.argv[0]).stem, *sys.argv[1:]]),
    }


def told_header(facts: dict[str, Any]) -> str:
    return ", ".join(f"{name} {value}" for name, value in facts.items())


def measurement_line(measurement: Measurement) -> dict[str, Any]:
    fixed = {
        "bench": measurement.bench,
        "subject": measurement.subject,
        "phase": measurement.phase,
        "instances": measurement.instances,
    }
    return fixed | {name: _rounded(value) for name, value in measurement.figures.items()}


def ratio_line(ratio: Ratio) -> dict[str, Any]:
    return {
        "bench": ratio.bench,
        "ratio": f"{ratio.subject}/{ratio.peer}",
        "figure": ratio.figure,
        "phase": ratio.phase,
        "instances": ratio.instances,
        **{name: _rounded(value) for name, value in ratio.spread._asdict().items()},
    }


def table(measurements: Iterable[Measurement]) -> list[str]:
    """A row per case with min / median / max of each figure; equal ones are written once."""
    by_case = cases(measurements)
    names = list(dict.fromkeys(name for found in by_case.values() for each in found for name in each.figures))
    rows = [["PHASE", "INSTANCES", "SUBJECT", *(name.upper().replace("_", " ") for name in names)]]
    for case, repeats in by_case.items():
        cells = [[each.figures[name] for each in repeats if name in each.figures] for name in names]
        told = [_told_spread(spread(values)) if values else "-" for values in cells]
        rows.append([case.phase, str(case.instances), case.subject, *told])
    return _aligned(rows)


def ratio_table(ratios: Iterable[Ratio]) -> list[str]:
    rows = [
        [ratio.phase, str(ratio.instances), f"{ratio.subject}/{ratio.peer}", ratio.figure, _told_spread(ratio.spread)]
        for ratio in ratios
    ]
    return ["", *_aligned([["PHASE", "INSTANCES", "RATIO", "OF", "MIN / MEDIAN / MAX"], *rows])] if rows else []


def _aligned(rows: list[list[str]]) -> list[str]:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]


def _told(measurement: Measurement) -> str:
    return ", ".join(f"{name} {_number(value)}" for name, value in measurement.figures.items())


def _told_spread(values: Spread) -> str:
    if values.min == values.max:
        return _number(values.median)
    return " / ".join(map(_number, values))


def _number(value: float) -> str:
    return f"{_rounded(value):g}" if isinstance(value, float) else str(value)


def _rounded(value: float) -> float:
    """Whole numbers stay whole."""
    return float(f"{value:.{DIGITS}g}") if isinstance(value, float) else value


def _print_json(line: dict[str, Any]) -> None:
    print(json.dumps(line), flush=True)


def _commit() -> str:
    asked = ["git", "describe", "--always", "--dirty", "--exclude=*"]
    return subprocess.run(asked, cwd=ROOT, capture_output=True, text=True, check=False).stdout.strip() or "no commit"
