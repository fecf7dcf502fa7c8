"""The operator's image for real nodes, as far as it can be said without one: tests/node runs it."""

import io
import re
import sys
import tarfile
from pathlib import Path

from hack import operator_image

ROOT = Path(__file__).parents[2]
VENV = Path("/opt/windlass")


def test_it_is_set_up_as_the_dockerfile_says() -> None:
    settings = operator_image.settings((ROOT / "Dockerfile").read_text())
    assert settings == {
        "User": "65532:65532",
        "Entrypoint": ["python", "-m", "windlass"],
        "Env": ["PATH=/opt/windlass/bin:/bin:/usr/bin", "PYTHONDONTWRITEBYTECODE=1", "PYTHONUNBUFFERED=1"],
    }


def test_it_is_made_anew_where_anything_changes_that_is_copied_into_an_image() -> None:
    copied = re.findall(r"^COPY (?!--from)(.*) \S+$", (ROOT / "Dockerfile").read_text(), re.MULTILINE)
    looked_at = {name.partition("/")[0] for name in operator_image._INPUTS} | {"operator"}
    assert {name.partition("/")[0] for names in copied for name in names.split()} <= looked_at


def test_of_python_it_holds_what_the_operator_uses() -> None:
    names = {path.name for path in operator_image._library_of_python()}
    assert {"os.py", "client.py"} <= names
    assert not {"regrtest.py", "turtledemo", "idle.py"} & names
    assert not any(name.startswith("_tkinter") for name in names)


def test_libraries_are_found_with_the_loader() -> None:
    names = {path.name for path in operator_image._libraries([Path(sys.executable).resolve()])}
    assert any(name.startswith("libc.") for name in names)
    assert any(name.startswith("ld-") for name in names)


def test_everybody_may_read_what_is_in_it(tmp_path: Path) -> None:
    file, program, link = (tmp_path / name for name in ("file", "program", "python"))
    file.touch(0o600)
    program.touch(0o700)
    link.symlink_to("/usr/bin/python3")
    layer = operator_image._layer({Path("/etc/deep/file"): file, VENV / "program": program, VENV / "python": link})
    with tarfile.open(fileobj=io.BytesIO(layer)) as tar:
        modes = {entry.name: entry.mode for entry in tar.getmembers() if not entry.issym()}
        assert tar.getmember("opt/windlass/python").linkname == "/usr/bin/python3"
    assert modes == {
        "etc": 0o755,
        "etc/deep": 0o755,
        "etc/deep/file": 0o644,
        "opt": 0o755,
        "opt/windlass": 0o755,
        "opt/windlass/program": 0o755,
    }
