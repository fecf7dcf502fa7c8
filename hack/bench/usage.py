"""What a process takes: processor time, and memory at its peak, as Linux counts them."""

import os
from pathlib import Path

_TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")
_RESET_PEAK = "5"  # proc(5), /proc/pid/clear_refs: the peak begins anew at what is resident now


def cpu_seconds(pid: int) -> float:
    """Processor time of all its threads so far, in user and kernel mode; Linux counts hundredths of a second."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()  # from the third field on
    return (int(fields[11]) + int(fields[12])) / _TICKS_PER_SECOND


def peak_rss_mb(pid: int) -> float:
    """The most resident memory since its start, or since `reset_peak`, in MB (10**6 bytes)."""
    return _status_mb(pid, "VmHWM")


def rss_mb(pid: int) -> float:
    """Its resident memory now, in MB (10**6 bytes)."""
    return _status_mb(pid, "VmRSS")


def reset_peak(pid: int) -> None:
    """Have the peak count from now on."""
    Path(f"/proc/{pid}/clear_refs").write_text(_RESET_PEAK)


def _status_mb(pid: int, field: str) -> float:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    kilobytes = next(int(line.split()[1]) for line in lines if line.startswith(f"{field}:"))
    return kilobytes * 1024 / 1e6
