"""Tools are built once per digest of what goes into them, and a build that fails says why."""

import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from hack.cluster import golang, tools
from hack.cluster.tools import BuildError, ToolSet, cache_folder, ensure

MODULE = """module windlass.test/tools

go 1.24

tool example.test/hello/cmd/greet

require example.test/hello v1.2.3

replace example.test/hello => ./source
"""
MAIN = 'package main\n\nvar version = "none"\n\nfunc main() { println(version) }\n'


@pytest.fixture
def hello(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ToolSet:
    """A tool whose source lies beside it, and an empty cache."""
    monkeypatch.setattr(tools, "MODULES", tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    source = tmp_path / "hello" / "source"
    (source / "cmd" / "greet").mkdir(parents=True)
    (source / "cmd" / "greet" / "main.go").write_text(MAIN)
    (source / "go.mod").write_text("module example.test/hello\n\ngo 1.24\n")
    (tmp_path / "hello" / "go.mod").write_text(MODULE)
    (tmp_path / "hello" / "go.sum").touch()
    return ToolSet("hello", "example.test/hello", {"main.version": "{version}"}, renames={"greet": "hello"})


def test_a_built_tool_reports_the_pinned_version(hello: ToolSet) -> None:
    ran = subprocess.run([ensure(hello) / "hello"], capture_output=True, text=True, check=True)
    assert ran.stderr == "v1.2.3\n"


def test_a_tool_is_built_once_however_many_ask_for_it(hello: ToolSet, capfd: pytest.CaptureFixture[str]) -> None:
    with ThreadPoolExecutor(4) as several:
        folders = set(several.map(ensure, [hello] * 4))
    assert folders == {ensure(hello)}
    assert capfd.readouterr().err.count("finished") == 1


def test_a_changed_pin_or_flag_gets_a_folder_of_its_own(hello: ToolSet) -> None:
    folders = {hello.folder, ToolSet("hello", "example.test/hello").folder}
    (hello.module / "go.sum").write_text("another\n")
    assert len(folders | {hello.folder}) == 3


def test_a_failed_build_shows_the_end_of_its_log_and_leaves_nothing(hello: ToolSet) -> None:
    (hello.module / "source" / "cmd" / "greet" / "main.go").write_text("package main\n\nfunc main() { oops }\n")
    with pytest.raises(BuildError, match=r"building hello v1\.2\.3: go build ended with 1\n(.|\n)*undefined: oops"):
        ensure(hello)
    assert [path.name for path in cache_folder().iterdir()] == [f"{hello.folder.name}.lock"]


@pytest.mark.parametrize(("on_path", "taken"), [("go1.26.8", True), ("go1.27rc1", True), ("go1.25.9", False)])
def test_go_is_taken_from_path_if_it_is_new_enough(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, on_path: str, taken: bool
) -> None:
    go = tmp_path / "go"
    go.write_text(f"#!/bin/sh\necho {on_path}\n")
    go.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(golang, "_packaged_go", lambda: Path("packaged"))
    assert golang.find_go("1.26.8") == (go if taken else Path("packaged"))
