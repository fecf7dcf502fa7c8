"""What a machine needs for real nodes."""

import os
import shutil
import subprocess

from hack.cluster.nodes import cgroups
from hack.cluster.nodes.network import PATH

PROGRAMS = ("bash", "ip", "mount", "nsenter", "unshare")
COMPILERS = ("cc", "gcc")
# The namespaces of a node, with its first process in them; what real.py adds is an environment.
NAMESPACES = ("--mount", "--propagation=private", "--pid", "--fork", "--kill-child=KILL", "--mount-proc")

# All that a node asks of the kernel, tried in namespaces with which it goes.
_TRIAL = """
set -e
mount -t tmpfs trial /run
mkdir /run/upper /run/work
mount -t overlay -o lowerdir=/var/lib,upperdir=/run/upper,workdir=/run/work trial /var/lib
ip link add bridge type bridge
ip link add one type veth peer name other
"""


def missing() -> list[str]:
    """What this machine lacks, in words; nothing where real nodes can be had."""
    if os.geteuid() != 0:
        return ["root rights"]
    lacks = [f"{name} on PATH" for name in PROGRAMS if not shutil.which(name, path=PATH)]
    if not any(map(shutil.which, COMPILERS)):
        lacks.append("a C compiler, to build runc")
    if not all(os.access(tree, os.W_OK) for tree in cgroups.trees()) or not cgroups.trees():
        lacks.append(f"cgroups below {cgroups.ROOT} that can be written")
    return lacks or _refused_by_kernel()


def _refused_by_kernel() -> list[str]:
    command = ["unshare", *NAMESPACES, "--net", "bash", "-c", _TRIAL]
    environment = os.environ | {"PATH": PATH}
    ran = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    return [f"a kernel that lets it: {ran.stderr.strip()}"] if ran.returncode else []
