"""Pages whose commands tests run, as somebody who reads them would type them."""

import os
import subprocess
from collections.abc import Collection, Iterator
from pathlib import Path

from hack.cluster import Cluster
from hack.cluster.local import ROOT
from hack.kind.documents import Command, blocks_of


def commands_of(page: str, not_run: Collection[str]) -> Iterator[Command]:
    """The commands of a page in its order."""
    return (each for block in blocks_of(page) for each in block.commands if each.text not in not_run)


def typed(text: str, cluster: Cluster, folder: Path, stderr: int) -> subprocess.CompletedProcess[str]:
    """A command, typed in this folder with the cluster's kubeconfig. `stderr`: as subprocess has it."""
    path = f"{ROOT / '.local' / 'bin'}{os.pathsep}{os.environ['PATH']}"
    return subprocess.run(
        ["bash", "-o", "pipefail", "-c", text],
        cwd=folder,
        env=os.environ | {"KUBECONFIG": str(cluster.kubeconfig), "PATH": path},
        stdout=subprocess.PIPE,
        stderr=stderr,
        text=True,
        timeout=60,
        check=False,
    )
