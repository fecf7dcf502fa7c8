"""One long-running program of a cluster, known by a file so that a later command finds it again."""

import ctypes
import json
import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

_LIBC = ctypes.CDLL(None)  # loaded here: nothing may be imported between fork and exec
_PR_SET_PDEATHSIG = 1
_TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Usage:
    """What a process has taken: resident memory in MB, processor time in seconds."""

    memory_mb: int
    cpu_seconds: float


class Process:
    """A program with its pid file and log in the cluster's folder.

    The pid file holds the start time and the executable too: a process that merely got the same number is another
    one, and is never signalled.
    """

    def __init__(self, name: str, folder: Path) -> None:
        self.name = name
        self.log = folder / f"{name}.log"
        self._folder = folder
        self._pid_file = folder / f"{name}.pid"
        self._child: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int | None:
        """The process's number while it runs, else None."""
        try:
            known = json.loads(self._pid_file.read_text())
            same = _identity(known["pid"], _executable(known["pid"]) or known["executable"]) == known
        except (OSError, ValueError):
            return None
        return int(known["pid"]) if same and not is_dead(known["pid"]) else None

    def start(
        self,
        command: Sequence[str],
        *,
        dies_with_parent: bool = False,
        environment: Mapping[str, str] | None = None,
        folder: Path | None = None,
    ) -> None:
        """Starts the program unless it runs. `dies_with_parent`: the kernel kills it when this process ends.

        `environment` is added to PATH and HOME, which are all that it gets else. It runs in `folder`, by default the
        cluster's.
        """
        if self.pid:
            return
        self.stop()
        starter, executable = os.getpid(), os.path.realpath(command[0])
        draft = self._pid_file.with_suffix(".pid-draft")

        def before_exec() -> None:
            if dies_with_parent:
                _LIBC.prctl(_PR_SET_PDEATHSIG, int(signal.SIGKILL))
                if os.getppid() != starter:  # it died before the line above
                    os.kill(os.getpid(), signal.SIGKILL)
            # Written by the process itself: a starter killed right now leaves nobody whom `down` would not know.
            draft.write_text(json.dumps(_identity(os.getpid(), executable)))
            draft.rename(self._pid_file)

        with self.log.open("ab") as log:
            self._child = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=folder or self._folder,
                # No KUBECONFIG or ETCD_… of the caller's.
                env={"PATH": os.defpath, "HOME": str(self._folder), **(environment or {})},
                start_new_session=True,
                preexec_fn=before_exec,  # noqa: PLW1509 - no other thread holds a lock here
            )

    def signal(self, number: signal.Signals) -> None:
        """Sends a signal, if the process runs."""
        if pid := self.pid:
            os.kill(pid, number)

    def stop(self, *, gracefully_within: float = 0.0) -> None:
        """Ends the process and waits until it is gone, its ports with it.

        `gracefully_within`: seconds it has to end by itself before it is killed; 0 kills it at once.
        """
        pid = self.pid
        if pid and gracefully_within:
            os.kill(pid, signal.SIGTERM)
            self._wait_until_gone(pid, gracefully_within)
        self.signal(signal.SIGKILL)
        if pid and not self._wait_until_gone(pid, 10.0):
            raise TimeoutError(f"stopping {self.name}: process {pid} is still there 10 s after SIGKILL")
        if self._child:
            self._child.wait()
            self._child = None
        self._pid_file.unlink(missing_ok=True)

    def usage(self) -> Usage | None:
        """Memory and processor time so far, None if it does not run."""
        pid = self.pid
        return usage_of(pid) if pid else None

    def end_of_log(self, lines: int = 15) -> str:
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:]) if self.log.exists() else ""

    def _wait_until_gone(self, pid: int, limit: float) -> bool:
        end = time.monotonic() + limit
        while not is_dead(pid):
            if time.monotonic() > end:
                return False
            if self._child:
                self._child.poll()
            time.sleep(0.01)
        return True


def usage_of(pid: int) -> Usage | None:
    """What a process has taken so far, None if it is gone."""
    try:
        fields = _stat(pid)
    except OSError:
        return None
    pages, ticks = int(fields[21]), int(fields[11]) + int(fields[12])
    return Usage(pages * os.sysconf("SC_PAGE_SIZE") >> 20, ticks / _TICKS_PER_SECOND)


def _identity(pid: int, executable: str) -> dict[str, object]:
    """What tells this process from any other that has, had or will have its number."""
    started = _stat(pid)[19]
    return {"pid": pid, "started": int(started), "executable": executable}


def _executable(pid: int) -> str | None:
    """None for a process that is ending: it has let go of its executable, but not yet of its ports."""
    try:
        return os.readlink(f"/proc/{pid}/exe").removesuffix(" (deleted)")
    except OSError:
        return None


def _stat(pid: int) -> list[str]:
    """The fields of /proc/<pid>/stat from the third on (the second may hold spaces)."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()


def is_dead(pid: int) -> bool:
    """Gone, or a zombie whose last thread has ended: a leader's zombie may still hold the ports of its threads."""
    try:
        return _stat(pid)[0] == "Z" and len(os.listdir(f"/proc/{pid}/task")) == 1
    except OSError:
        return True
