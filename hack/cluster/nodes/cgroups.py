"""The cgroup of a real node: what its processes are counted in, and how they are found after a crash.

Version 1 has a tree for each controller, version 2 one for all; a node's cgroup is in each of them.
"""

import contextlib
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

ROOT = Path("/sys/fs/cgroup")
_TREES = """
    cpu cpuacct cpuset memory pids blkio devices freezer hugetlb net_cls net_prio perf_event systemd unified
"""
_END_LIMIT = 20.0  # seconds for killed processes to be gone; a tenth is usual


def trees(root: Path = ROOT) -> list[Path]:
    """The folders of the trees that this machine has."""
    if (root / "cgroup.controllers").exists():
        return [root]
    return [root / name for name in _TREES.split() if (root / name).is_dir()]


def create(name: str, root: Path = ROOT) -> list[Path]:
    """Makes the cgroup of a node, `<cluster>/<node>`, and one inside it for the node's own programs.

    Returns the latter, one for each tree.
    """
    own = []
    for tree in trees(root):
        parent = tree
        for part in (*Path(name).parts, "programs"):
            folder = parent / part
            folder.mkdir(exist_ok=True)
            if tree.name == "cpuset":  # it holds nobody before these are set
                for setting in ("cpuset.cpus", "cpuset.mems"):
                    (folder / setting).write_text((parent / setting).read_text())
            parent = folder
        own.append(parent)
    return own


def end(name: str, root: Path = ROOT) -> None:
    """Kills what still runs in the cgroup of a node or a whole cluster, waits until it is gone, and removes the cgroup.

    Raises TimeoutError.
    """
    limit = time.monotonic() + _END_LIMIT
    while left := _left(name, root):
        if time.monotonic() > limit:
            raise TimeoutError(f"ending {name}: {', '.join(map(str, left))} are still there after {_END_LIMIT:.0f} s")
        for pid in processes(name, root):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        for folder in reversed(left):
            with contextlib.suppress(OSError):  # a process is still ending in it
                folder.rmdir()
        time.sleep(0.01)


def processes(name: str, root: Path = ROOT) -> set[int]:
    """The numbers of all processes in the cgroup and those inside it."""
    pids: set[int] = set()
    for folder in _left(name, root):
        with contextlib.suppress(OSError):  # it goes while we look
            pids |= {int(line) for line in (folder / "cgroup.procs").read_text().split()}
    return pids


def _left(name: str, root: Path) -> list[Path]:
    """The folders that are there, each before those inside it."""
    tops = [folder for tree in trees(root) if (folder := tree / name).is_dir()]
    return [folder for top in tops for folder in (top, *_below(top))]


def _below(folder: Path) -> Iterator[Path]:
    with contextlib.suppress(FileNotFoundError):  # it goes while we look
        for inside in sorted(folder.iterdir()):
            if inside.is_dir():
                yield inside
                yield from _below(inside)
