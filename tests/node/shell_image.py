"""An image with a shell for real nodes: this machine's /bin/sh and `sleep`, with the libraries that they need."""

import io
import re
import shutil
import subprocess
import tarfile
from pathlib import Path

from hack.cluster import Cluster
from hack.cluster.nodes.images import Image, write_archive

SHELL = "windlass.test/shell:1"
_LIBRARY = re.compile(r"(/\S+) \(0x[0-9a-f]+\)$", re.MULTILINE)


def load(cluster: Cluster, folder: Path, *nodes: str) -> None:
    """Gives these nodes the image. Its program is a shell that waits for ever."""
    programs = [Path("/bin/sh"), Path(shutil.which("sleep") or "/bin/sleep")]
    linked = subprocess.run(["ldd", *map(str, programs)], capture_output=True, text=True, check=True).stdout
    files = {Path("/bin") / each.name: each for each in programs}
    files |= {Path(found): Path(found) for found in _LIBRARY.findall(linked)}
    forever = ["/bin/sh", "-c", "trap exit TERM; while :; do sleep 3600 & wait; done"]
    archive = folder / "shell.tar"
    write_archive(archive, [Image(SHELL, (_layer(files),), {"Entrypoint": forever, "Env": ["PATH=/bin"]})])
    for node in nodes:
        cluster.load(node, archive)


def _layer(files: dict[Path, Path]) -> bytes:
    written = io.BytesIO()
    with tarfile.open(fileobj=written, mode="w") as tar:
        for inside, file in files.items():
            content = file.read_bytes()
            entry = tarfile.TarInfo(str(inside).lstrip("/"))
            entry.size, entry.mode = len(content), 0o755
            tar.addfile(entry, io.BytesIO(content))
    return written.getvalue()
