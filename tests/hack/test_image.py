"""The image's steps, run here: no image can be built where there is no Docker."""

import json
import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

import windlass
from windlass.__main__ import parser

ROOT = Path(__file__).parents[2]
DEPLOYMENT = ROOT / "deploy" / "operator.yaml"

# Every module is imported; then, the names of all that is loaded from the environment.
IMPORT_ALL = """
import importlib, json, pkgutil, sys, windlass
for module in pkgutil.walk_packages(windlass.__path__, "windlass."):
    importlib.import_module(module.name)
print(json.dumps(sorted({name.partition(".")[0] for name in sys.modules})))
"""


@dataclass(frozen=True)
class Stage:
    """One stage of the Dockerfile: its lines by instruction, in order."""

    lines: list[tuple[str, str]]

    def all(self, instruction: str) -> list[str]:
        return [text for name, text in self.lines if name == instruction]


def stages() -> list[Stage]:
    text = re.sub(r"\\\n\s*", "", (ROOT / "Dockerfile").read_text())
    lines = [line.partition(" ") for line in text.splitlines() if line and not line.startswith("#")]
    found: list[Stage] = []
    for instruction, _, rest in lines:
        if instruction == "FROM":
            found.append(Stage([]))
        if found:
            found[-1].lines.append((instruction, rest))
    return found


BUILD, RESULT = stages()


@pytest.fixture(scope="module")
def venv(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The virtual environment that the last step of the build makes, of nothing but what was copied before."""
    source = tmp_path_factory.mktemp("source")
    for copied in BUILD.all("COPY"):
        *names, _ = copied.split()
        for name in names:
            copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
            (source / name).parent.mkdir(exist_ok=True)
            copy(ROOT / name, source / name)
    script, _ = BUILD.all("RUN")[-1].split()
    folder = tmp_path_factory.mktemp("image") / "windlass"
    path = os.pathsep.join((str(Path(sys.executable).parent), os.environ["PATH"]))
    subprocess.run([source / script, folder], env=os.environ | {"PATH": path}, check=True, capture_output=True)
    return folder


def run(venv: Path, *arguments: str) -> str:
    command = [str(venv / "bin" / "python"), "-I", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True, cwd=venv).stdout


@pytest.mark.timeout(300)
def test_the_operator_starts_from_the_wheel_and_the_lock_alone(venv: Path) -> None:
    assert run(venv, "-m", "windlass", "--version") == f"windlass {windlass.__version__}\n"


def test_every_module_can_be_imported_without_what_only_developers_have(venv: Path) -> None:
    loaded = set(json.loads(run(venv, "-c", IMPORT_ALL)))
    assert {"windlass", "kopf"} <= loaded
    assert not loaded & {"kubernetes", "pytest", "hypothesis", "cryptography"}


def test_nothing_is_installed_but_the_lock_and_the_operator(venv: Path) -> None:
    found = json.loads(
        run(venv, "-c", "import importlib.metadata as m, json; print(json.dumps([d.name for d in m.distributions()]))")
    )
    locked = set(re.findall(r"^([a-z0-9-]+)==", (ROOT / "requirements" / "runtime.txt").read_text(), re.MULTILINE))
    assert {normal(name) for name in found} - locked == {"windlass-operator"}
    assert not (venv / "bin" / "pip").exists()


def normal(name: str) -> str:
    return re.sub(r"[._-]+", "-", name).lower()


def test_the_image_ignores_nothing_that_it_copies() -> None:
    kept = {line.removeprefix("!") for line in (ROOT / ".dockerignore").read_text().splitlines() if line[:1] == "!"}
    copied = {name for line in BUILD.all("COPY") for name in line.split()[:-1]}
    assert {name.removesuffix("/*.txt") for name in kept} == copied


def test_the_image_and_the_chart_agree() -> None:
    objects = yaml.safe_load_all(DEPLOYMENT.read_text())
    (pod,) = (thing["spec"]["template"]["spec"] for thing in objects if thing["kind"] == "Deployment")
    (container,) = pod["containers"]
    user = f"{pod['securityContext']['runAsUser']}:{pod['securityContext']['runAsGroup']}"
    assert RESULT.all("USER") == [user]
    assert json.loads(RESULT.all("ENTRYPOINT")[0]) == ["python", "-m", "windlass"]
    assert container["image"] == f"windlass-operator:{windlass.__version__}"
    flags = parser().parse_args(container["args"])
    assert flags.metrics_port == container["ports"][0]["containerPort"]


def test_without_docker_and_buildah_the_build_says_what_it_needs(tmp_path: Path) -> None:
    for name in ("bash", "env", "dirname", "readlink", "sed"):
        found = shutil.which(name)
        assert found
        (tmp_path / name).symlink_to(found)
    ran = subprocess.run([ROOT / "hack" / "image"], env={"PATH": str(tmp_path)}, capture_output=True, text=True)
    assert ran.returncode == 1
    assert (
        f"building windlass-operator:{windlass.__version__} needs a Docker daemon that answers, or buildah on PATH"
        in ran.stderr
    )
