#!/usr/bin/env python3
"""Stands before runc as Docker's runtime, on a machine whose root lacks some capability.

For `--privileged` Docker asks for every capability of the kernel, and runc cannot give away one that root does not
have: "unable to apply caps". So the missing ones are taken out of what Docker wrote; then this process becomes runc.
"""

import json
import os
import shutil
import sys
from collections.abc import Collection, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

# In the order of their numbers, from linux/capability.h.
_NAMES = """
    CHOWN DAC_OVERRIDE DAC_READ_SEARCH FOWNER FSETID KILL SETGID SETUID SETPCAP LINUX_IMMUTABLE NET_BIND_SERVICE
    NET_BROADCAST NET_ADMIN NET_RAW IPC_LOCK IPC_OWNER SYS_MODULE SYS_RAWIO SYS_CHROOT SYS_PTRACE SYS_PACCT
    SYS_ADMIN SYS_BOOT SYS_NICE SYS_RESOURCE SYS_TIME SYS_TTY_CONFIG MKNOD LEASE AUDIT_WRITE AUDIT_CONTROL
    SETFCAP MAC_OVERRIDE MAC_ADMIN SYSLOG WAKE_ALARM BLOCK_SUSPEND AUDIT_READ PERFMON BPF CHECKPOINT_RESTORE
"""
NAMES = tuple(f"CAP_{name}" for name in _NAMES.split())
_CREATING = frozenset({"create", "run", "exec"})


def missing_capabilities(status: str) -> frozenset[str]:
    """The capabilities that a process cannot give to a child, from its `/proc/<pid>/status`."""
    (bounding,) = (line.split()[1] for line in status.splitlines() if line.startswith("CapBnd:"))
    return frozenset(name for number, name in enumerate(NAMES) if not int(bounding, 16) >> number & 1)


def written_by_docker(arguments: Sequence[str]) -> Path | None:
    """The file with the capabilities that this call of runc is about; None where it starts no process."""
    if not _CREATING & set(arguments):
        return None
    for option, value in pairwise(arguments):
        if option in {"--process", "-p"}:
            return Path(value)
        if option in {"--bundle", "-b"}:
            return Path(value) / "config.json"
    return None


def without(settings: dict[str, Any], missing: Collection[str]) -> dict[str, Any]:
    """The same container or process with the missing capabilities taken out of each of its sets."""
    if "process" in settings:
        return settings | {"process": without(settings["process"], missing)}
    sets = settings.get("capabilities") or {}
    kept = {name: [each for each in has or () if each not in missing] for name, has in sets.items()}
    return settings | {"capabilities": kept}


def main(arguments: Sequence[str]) -> None:
    file = written_by_docker(arguments)
    if file and file.exists():
        missing = missing_capabilities(Path("/proc/self/status").read_text())
        file.write_text(json.dumps(without(json.loads(file.read_text()), missing)))
    runc = shutil.which("runc")
    if not runc:
        sys.exit("runc is not on PATH")
    os.execv(runc, ["runc", *arguments])  # noqa: S606 - the same arguments, no shell wanted


if __name__ == "__main__":
    main(sys.argv[1:])
