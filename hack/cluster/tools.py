"""The programs a local cluster is made of, built from the Go modules pinned in `hack/tools`.

Each set is one module; its binaries live outside the tree, in a folder named by the digest of everything that goes
into them, so a second checkout finds them and a changed pin never meets an old binary.
"""

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from hack.cluster.golang import find_go
from hack.cluster.locking import locked

MODULES = Path(__file__).parents[1] / "tools"
REPORT_EVERY = 10.0  # seconds between two lines of progress where the output is no terminal


class BuildError(Exception):
    """A tool could not be built; the message ends with the end of the build's log."""


@dataclass(frozen=True, slots=True)
class ToolSet:
    """One Go module of tools.

    `version_of` is the module whose pinned version the binaries report; `stamps` maps the linker's variables to
    values with `{version}`, `{major}` and `{minor}` filled in. `renames` gives a binary a better name than Go does.
    `tags` are Go's build tags. `cgo`: it has parts in C, for which a C compiler must be there. Source of our own lies
    below the module's folder.
    """

    name: str
    version_of: str
    stamps: Mapping[str, str] = field(default_factory=dict)
    renames: Mapping[str, str] = field(default_factory=dict)
    tags: tuple[str, ...] = ()
    cgo: bool = False

    @property
    def module(self) -> Path:
        return MODULES / self.name

    @property
    def version(self) -> str:
        """The pinned version, as in `v1.36.3`."""
        return self._pinned(rf"^\s*(?:require )?{re.escape(self.version_of)} (v\S+)")

    @property
    def go_version(self) -> str:
        """The oldest Go that builds the module."""
        return self._pinned(r"^go (\S+)")

    @property
    def flags(self) -> tuple[str, ...]:
        major, minor, *_ = self.version.removeprefix("v").split(".")
        stamps = (
            f"-X {variable}={value.format(version=self.version, major=major, minor=minor)}"
            for variable, value in self.stamps.items()
        )
        tags = (f"-tags={','.join(self.tags)}",) if self.tags else ()
        return "-trimpath", "-mod=readonly", *tags, f"-ldflags={' '.join(('-s', '-w', *stamps))}"

    @property
    def folder(self) -> Path:
        """Where the binaries are, or will be."""
        digest = hashlib.sha256("\n".join(self.flags).encode())
        for file in (self.module / "go.mod", self.module / "go.sum", *sorted(self.module.glob("*/**/*.go"))):
            digest.update(file.read_bytes())
        return cache_folder() / f"{self.name}-{digest.hexdigest()[:16]}"

    def _pinned(self, pattern: str) -> str:
        found = re.search(pattern, (self.module / "go.mod").read_text(), re.MULTILINE)
        if not found:
            raise BuildError(f"reading {self.module / 'go.mod'}: nothing matches {pattern}")
        return found.group(1)


_VERSION = "k8s.io/component-base/version"
_KUBERNETES_STAMPS = {  # without them everything calls itself v0.0.0-master
    f"{_VERSION}.gitVersion": "{version}",
    f"{_VERSION}.gitMajor": "{major}",
    f"{_VERSION}.gitMinor": "{minor}",
    f"{_VERSION}.gitTreeState": "clean",
}
_CONTAINERD = "github.com/containerd/containerd/v2"

TOOL_SETS: Mapping[str, ToolSet] = {
    tools.name: tools
    for tools in (
        ToolSet("kubernetes", "k8s.io/kubernetes", _KUBERNETES_STAMPS),
        ToolSet("etcd", "go.etcd.io/etcd/server/v3", renames={"server": "etcd"}),
        ToolSet("kwok", "sigs.k8s.io/kwok"),
        ToolSet("helm", "helm.sh/helm/v4", {"helm.sh/helm/v4/internal/version.version": "{version}"}),
        ToolSet("kind", "sigs.k8s.io/kind"),
        # What a node consists of: a real one, and one of kind where its image cannot be pulled.
        ToolSet("kubernetes-node", "k8s.io/kubernetes", _KUBERNETES_STAMPS),
        ToolSet(
            "containerd",
            _CONTAINERD,
            {f"{_CONTAINERD}/version.Version": "{version}"},
            tags=("no_btrfs", "no_devmapper", "no_zfs"),
        ),
        ToolSet("cni", "github.com/containernetworking/plugins"),
        ToolSet("crictl", "sigs.k8s.io/cri-tools"),
        ToolSet("runc", "github.com/opencontainers/runc", {"main.version": "{version}"}, cgo=True),
        ToolSet("node-programs", "windlass.dev/node-programs"),
    )
}


def cache_folder() -> Path:
    """`$XDG_CACHE_HOME/windlass/tools`, shared by all checkouts of one person."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "windlass" / "tools"


def tool(set_name: str, binary: str) -> Path:
    """The path of one binary; its set is built first where that has not been done.

    Raises BuildError.
    """
    return ensure(TOOL_SETS[set_name]) / binary


def ensure(tools: ToolSet) -> Path:
    """The folder with the set's binaries, built unless it is there.

    Raises BuildError.
    """
    folder = tools.folder
    if folder.is_dir():
        return folder
    folder.parent.mkdir(parents=True, exist_ok=True)
    with locked(folder.with_suffix(".lock"), waiting=f"{tools.name}: waiting for another build of the same tools"):
        if not folder.is_dir():
            _build(tools, folder)
    return folder


def source_of(tools: ToolSet) -> Path:
    """The folder with the source of the module that the set's version is of, fetched where it is not there.

    Raises BuildError.
    """
    go = find_go(tools.go_version)
    command = [str(go), "mod", "download", "-json", tools.version_of]
    ran = subprocess.run(
        command, cwd=tools.module, env=_environment(tools), capture_output=True, text=True, check=False
    )
    if ran.returncode:
        output = ran.stdout + ran.stderr
        raise BuildError(f"fetching the source of {tools.version_of}: go ended with {ran.returncode}\n{output}")
    return Path(json.loads(ran.stdout)["Dir"])


def _build(tools: ToolSet, folder: Path) -> None:
    go = find_go(tools.go_version)
    scratch = Path(tempfile.mkdtemp(prefix=f".{tools.name}-", dir=folder.parent))
    try:
        log = scratch / "build.log"
        out = scratch / "bin"
        command = [str(go), "build", "-v", *tools.flags, "-o", f"{out}/", "tool"]
        _run(command, tools, log, _environment(tools))
        for old, new in tools.renames.items():
            (out / old).rename(out / new)
        out.rename(folder)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def _environment(tools: ToolSet) -> dict[str, str]:
    """Go's settings are the caller's own (proxy, caches), except for what would change the binaries or the pins."""
    cgo = str(int(tools.cgo))
    return os.environ | {"CGO_ENABLED": cgo, "GOTOOLCHAIN": "local", "GOWORK": "off", "GOFLAGS": "-buildvcs=false"}


def _run(command: list[str], tools: ToolSet, log: Path, environment: dict[str, str]) -> None:
    """Runs a build with its log in a file, telling how far it is."""
    progress = _Progress(f"building {tools.name} {tools.version}")
    with log.open("w") as output:
        build = subprocess.Popen(
            command, cwd=tools.module, env=environment, stdin=subprocess.DEVNULL, stdout=output, stderr=output
        )
    try:
        while build.poll() is None:
            progress.tell(lambda: _last_line(log))
            time.sleep(0.2)
    except BaseException:
        build.terminate()
        build.wait()
        raise
    progress.end()
    if build.returncode:
        end = "\n".join(log.read_text().splitlines()[-20:])
        raise BuildError(f"building {tools.name} {tools.version}: go build ended with {build.returncode}\n{end}")


class _Progress:
    """One line that renews itself on a terminal, else a line now and then."""

    def __init__(self, what: str) -> None:
        self._what = what
        self._began = time.monotonic()
        self._told = -REPORT_EVERY
        self._terminal = sys.stderr.isatty()

    def tell(self, detail: Callable[[], str]) -> None:
        elapsed = time.monotonic() - self._began
        if elapsed - self._told < (1.0 if self._terminal else REPORT_EVERY):
            return
        self._told = elapsed
        self._write(f"{self._what}: {elapsed:.0f} s  {detail()}")

    def end(self) -> None:
        self._write(f"{self._what}: {time.monotonic() - self._began:.0f} s, finished", last=True)

    def _write(self, line: str, *, last: bool = False) -> None:
        if self._terminal:
            width = shutil.get_terminal_size().columns - 1
            print(f"\r\x1b[K{line[:width]}", end="\n" if last else "", file=sys.stderr, flush=True)
        else:
            print(line, file=sys.stderr, flush=True)


def _last_line(log: Path) -> str:
    with log.open("rb") as file:
        file.seek(max(0, log.stat().st_size - 400))
        lines = file.read().decode(errors="replace").splitlines()
    return lines[-1] if lines else ""
