"""Locks and ports that processes share."""

import fcntl
import random
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

# Below the range from which the kernel takes the ports of outgoing connections (from 32768), so that none is
# taken between choosing a port and listening on it.
_PORTS = range(20000, 32000)


@contextmanager
def locked(path: Path, waiting: str) -> Iterator[None]:
    """Holds a lock between processes, saying `waiting` if another has it. The kernel frees it when its holder dies."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print(waiting, file=sys.stderr, flush=True)
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


def kept_port(file: Path, among: Path) -> int:
    """The port written in the file; a free one is chosen first if there is none.

    `among`: no port that a `*.port` file below this folder names is chosen, whether or not anybody listens on it.
    """
    if not file.exists():
        taken = {int(other.read_text()) for other in among.rglob("*.port")}
        file.write_text(str(next(port for port in _candidates() if port not in taken and _is_free(port))))
    return int(file.read_text())


def _candidates() -> Iterator[int]:
    return iter(random.sample(_PORTS, len(_PORTS)))


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
