"""Checks what may be in the tree: rules that no linter knows. Prints each breach; ends with 1 if there is one."""

import re
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

# Where packages and images come from is the business of each machine's settings.
REGISTRIES = re.compile(
    rb"pypi\.org|pythonhosted\.org|(?:proxy|sum)\.golang\.org|npmjs\.(?:org|com)|docker\.io|(?:k8s\.)?gcr\.io|ghcr\.io"
    rb"|quay\.io|registry\.k8s\.io"
)
KUBERNETES_IMAGE = re.compile(rb"image:\s*['\"]?registry\.k8s\.io/|registry\.k8s\.io/pause:")
NAME = re.compile(r"[A-Za-z0-9._-]+")
LOCKS = ("requirements/runtime.txt", "requirements/dev.txt", "requirements/go.txt")


def main() -> int:
    checks: tuple[Callable[[], Iterator[str]], ...] = (
        operator_is_no_package,
        everything_is_text,
        no_registry_is_named,
        locks_hold_every_dependency,
    )
    breaches = [breach for check in checks for breach in check()]
    print("\n".join(breaches) or f"{len(checks)} rules hold for {len(tracked())} files")
    return 1 if breaches else 0


def tracked() -> list[Path]:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return [path for name in listed.split("\0") if name and (path := ROOT / name).is_file()]


def operator_is_no_package() -> Iterator[str]:
    """`operator` is a module of the standard library, which a package of that name would hide."""
    if (ROOT / "operator" / "__init__.py").exists():
        yield "operator/__init__.py must not exist: it would hide the standard library's operator module"


def everything_is_text() -> Iterator[str]:
    for path in tracked():
        if b"\0" in path.read_bytes():
            yield f"{path.relative_to(ROOT)} is binary: build it, or fetch it, where it is needed"


def no_registry_is_named() -> Iterator[str]:
    for path in tracked():
        for number, line in enumerate(path.read_bytes().splitlines(), start=1):
            found = REGISTRIES.search(line)
            if found and not KUBERNETES_IMAGE.search(line):
                yield f"{path.relative_to(ROOT)}:{number} names the registry {found.group().decode()}"


def locks_hold_every_dependency() -> Iterator[str]:
    """What pyproject.toml asks for is in the lock made from it."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    wanted = {
        LOCKS[0]: project["project"]["dependencies"],
        LOCKS[1]: project["project"]["dependencies"] + project["dependency-groups"]["dev"],
        LOCKS[2]: project["dependency-groups"]["go"],
    }
    for lock, requirements in wanted.items():
        locked = set(re.findall(r"^([a-z0-9-]+)==", (ROOT / lock).read_text(), re.MULTILINE))
        for name in map(_normal, requirements):
            if name not in locked:
                yield f"{lock} lacks {name}: run the command in its first lines again"


def _normal(requirement: str) -> str:
    found = NAME.match(requirement)
    return re.sub(r"[._-]+", "-", found.group()).lower() if found else requirement


if __name__ == "__main__":
    sys.exit(main())
