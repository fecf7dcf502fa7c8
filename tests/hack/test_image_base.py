"""The image's base is the caller's choice: where Docker Hub cannot be reached it comes from elsewhere."""

import os
import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DOCKER = """#!/bin/sh
for argument in "$@"; do echo "argument: $argument"; done
"""
NO_DAEMON = "#!/bin/sh\nexit 1\n"


@pytest.mark.parametrize("builder", ["docker", "buildah"])
@pytest.mark.parametrize(
    ("settings", "arguments"),
    [
        ({}, []),
        ({"PYTHON_VERSION": "3.13"}, ["PYTHON_IMAGE=python:3.13-slim"]),
        ({"PYTHON_IMAGE": "images.test/python:1"}, ["PYTHON_IMAGE=images.test/python:1"]),
        ({"PYTHON_IMAGE": "images.test/python:1", "PYTHON_VERSION": "3.13"}, ["PYTHON_IMAGE=images.test/python:1"]),
    ],
)
def test_the_base_is_given_to_the_build(
    tmp_path: Path, builder: str, settings: dict[str, str], arguments: list[str]
) -> None:
    for name, script in {"docker": NO_DAEMON, builder: DOCKER}.items():
        (tmp_path / name).write_text(script)
        (tmp_path / name).chmod(0o755)
    environment = {"PATH": f"{tmp_path}{os.pathsep}{os.environ['PATH']}"} | settings
    ran = subprocess.run([ROOT / "hack" / "image"], env=environment, capture_output=True, text=True, check=True)
    given = [line.removeprefix("argument: ") for line in ran.stdout.splitlines() if line.startswith("argument: ")]
    flags = [part for argument in arguments for part in ("--build-arg", argument)]
    assert [argument for argument in given if argument in {"--build-arg", *arguments}] == flags
    assert sum(argument.startswith("PYTHON_") for argument in given) == len(arguments)
    assert (given[0], given[-1]) == ("build", ".")
    assert f" with {builder}; " in ran.stdout


def test_both_stages_stand_on_the_base_that_is_given_and_else_on_one_known_by_its_digest() -> None:
    lines = (ROOT / "Dockerfile").read_text().splitlines()
    assert [line.split()[1] for line in lines if line.startswith("FROM ")] == ["${PYTHON_IMAGE}"] * 2
    (default,) = (line.removeprefix("ARG PYTHON_IMAGE=") for line in lines if line.startswith("ARG "))
    assert re.fullmatch(r"python:3\.11-slim@sha256:[0-9a-f]{64}", default)
