"""The operator's image for real nodes, made where there is neither Docker nor a registry.

It is called and set up as the Dockerfile says, and holds the virtual environment of `hack/image_venv`, as that image
does. In place of the Dockerfile's base it has the Python that runs this, where this machine has it, and the shared
libraries that it is linked with; no shell, and nothing of the machine besides.
"""

import hashlib
import io
import json
import os
import re
import subprocess
import sys
import sysconfig
import tarfile
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path

from hack.cluster.locking import locked
from hack.cluster.nodes.images import Image, write_archive
from hack.cluster.tools import BuildError, cache_folder

REPOSITORY = "windlass.test/operator"
TAG = "1"

_ROOT = Path(__file__).resolve().parent.parent
_DOCKERFILE = _ROOT / "Dockerfile"
_VENV = Path("/opt/windlass")  # as in the Dockerfile
_INPUTS = ("Dockerfile", "LICENSE", "README.md", "pyproject.toml", "requirements/runtime.txt", "hack/image_venv")
_OURS = ("hack/operator_image.py", "hack/cluster/nodes/images.py")
# Of Python's own library: what the operator has no use for, and what is linked with half a desktop.
_LEFT_OUT = re.compile(
    r"(ensurepip|idlelib|site-packages|tests?|tkinter|turtledemo)$|_tkinter|config-|.*\.opt-[12]\.pyc$"
)
_KEPT = 2  # archives; several checkouts may be at work
_LIBRARY = re.compile(r"(/\S+) \(0x[0-9a-f]+\)$", re.MULTILINE)
_LIBRARIES_ELSEWHERE = Path("/etc/ld.so.cache")  # where the loader finds those outside the usual folders
# Not the virtual environment's: what that leads to.
_PYTHON = Path(sys._base_executable)  # type: ignore[attr-defined]  # noqa: SLF001


def archive() -> Path:
    """An archive with the image, made once of the same sources and the same Python, and kept outside the tree.

    Raises BuildError.
    """
    folder = cache_folder().with_name("images")
    path = folder / f"operator-{_digest()}.tar"
    with locked(folder / "operator.lock", waiting="the operator's image: waiting for another build of it"):
        if not path.exists():
            _make(path)
            made = sorted(folder.glob("operator-*.tar"), key=lambda file: file.stat().st_mtime)
            for older in made[:-_KEPT]:
                older.unlink()
    return path


def settings(dockerfile: str) -> dict[str, object]:
    """OCI's `config` of the image that the Dockerfile's last stage makes."""
    stage = dockerfile.rpartition("\nFROM ")[2]
    (user,) = re.findall(r"^USER (\S+)$", stage, re.MULTILINE)
    (entrypoint,) = re.findall(r"^ENTRYPOINT (\[.*\])$", stage, re.MULTILINE)
    (variables,) = re.findall(r"^ENV (.*)$", stage, re.MULTILINE)
    environment = [each.replace("$PATH", os.defpath.removeprefix(":")) for each in variables.split()]
    return {"User": user, "Entrypoint": json.loads(entrypoint), "Env": environment}


def _digest() -> str:
    """Of everything that goes into the image."""
    digest = hashlib.sha256(f"{_PYTHON} {sys.version} {_PYTHON.stat().st_mtime_ns}".encode())
    sources = sorted(path for path in (_ROOT / "operator").rglob("*") if path.suffix in {".py", ".typed"})
    for path in (*(_ROOT / name for name in (*_INPUTS, *_OURS)), *sources):
        digest.update(f"{path.relative_to(_ROOT)}\0".encode() + path.read_bytes())
    return digest.hexdigest()[:16]


def _make(path: Path) -> None:
    with tempfile.TemporaryDirectory(prefix="windlass-image-") as scratch:
        venv = Path(scratch) / _VENV.name
        programs = os.pathsep.join((str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)))
        _run(str(_ROOT / "hack" / "image_venv"), str(venv), environment=os.environ | {"PATH": programs})
        files = {_VENV / file.relative_to(venv): file for file in _below(venv)}
        files |= {file: file for file in (_PYTHON, *_library_of_python())}
        linked = _libraries(file for file in files.values() if file.suffix == ".so" or file == _PYTHON)
        files |= {file: file for file in linked if not file.is_relative_to(venv)}
        if _LIBRARIES_ELSEWHERE.exists():
            files[_LIBRARIES_ELSEWHERE] = _LIBRARIES_ELSEWHERE
        image = Image(f"{REPOSITORY}:{TAG}", (_layer(files),), settings(_DOCKERFILE.read_text()))
        write_archive(path, [image])


def _library_of_python() -> Iterator[Path]:
    where = {"base": sys.base_prefix, "platbase": sys.base_exec_prefix}
    for folder in {sysconfig.get_path(name, vars=where) for name in ("stdlib", "platstdlib")}:
        yield from _below(Path(folder), _LEFT_OUT)


def _below(folder: Path, left_out: re.Pattern[str] | None = None) -> Iterator[Path]:
    """All files, but for those and the folders whose name matches."""
    for path in folder.iterdir():
        if left_out and left_out.match(path.name):
            continue
        if path.is_dir() and not path.is_symlink():
            yield from _below(path, left_out)
        elif path.exists():
            yield path


def _libraries(files: Iterable[Path]) -> set[Path]:
    """The shared libraries that these are linked with, the loader among them, by the path that it opens."""
    return {Path(os.path.normpath(found)) for found in _LIBRARY.findall(_run("ldd", *map(str, files)))}


def _layer(files: dict[Path, Path]) -> bytes:
    """A layer with these files, all of root's, and readable by everybody."""
    written = io.BytesIO()
    folders: set[Path] = set()
    with tarfile.open(fileobj=written, mode="w") as tar:
        for inside, file in sorted(files.items()):
            for folder in reversed(inside.parents):
                if folder != Path("/") and folder not in folders:
                    folders.add(folder)
                    entry = tarfile.TarInfo(str(folder).lstrip("/"))
                    entry.type, entry.mode = tarfile.DIRTYPE, 0o755
                    tar.addfile(entry)
            entry = tarfile.TarInfo(str(inside).lstrip("/"))
            if file.is_symlink() and inside.is_relative_to(_VENV):
                entry.type, entry.linkname = tarfile.SYMTYPE, os.readlink(file)
                tar.addfile(entry)
                continue
            status = file.stat()
            entry.size, entry.mode = status.st_size, 0o755 if status.st_mode & 0o100 else 0o644
            entry.mtime = int(status.st_mtime)  # compiled modules name that of their source
            with file.open("rb") as content:
                tar.addfile(entry, content)
    return written.getvalue()


def _run(*command: str, environment: dict[str, str] | None = None) -> str:
    """Its output. Raises BuildError with the end of it."""
    try:
        ran = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    except FileNotFoundError as error:
        raise BuildError(f"making the operator's image: {command[0]} is not on PATH") from error
    if ran.returncode:
        end = "\n".join((ran.stdout + ran.stderr).splitlines()[-20:])
        raise BuildError(f"making the operator's image: {command[0]} ended with {ran.returncode}\n{end}")
    return ran.stdout


if __name__ == "__main__":
    print(archive())
