"""docs/container-groups.md shows what is: its commands are run in its order, on simulated nodes."""

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from hack.cluster import Cluster, Shape
from hack.cluster.__main__ import link_commands
from hack.cluster.installation import start_operator
from hack.cluster.local import DEFAULT, ROOT
from hack.kind.documents import blocks_of, yaml_of
from tests.hack.pages import commands_of, typed
from tests.hack.test_stack_documents import is_shown

PAGE = (ROOT / "docs" / "container-groups.md").read_text()
NOT_RUN = {
    "hack/cluster/cluster up --operator": "the test has a cluster of its own",
    'eval "$(hack/cluster/cluster env)"': "the same",
    "kubectl windlass get containergroup orders -w": "it does not end",
}


@pytest.fixture
def reader(tmp_path: Path) -> Iterator[tuple[Cluster, Path]]:
    """The cluster of somebody who reads the page, and the folder in which they type."""
    link_commands()
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    cluster = Cluster(DEFAULT, tmp_path / ".local" / "clusters", dies_with_parent=True)
    try:
        cluster.up(Shape(nodes=1))
        start_operator(cluster)
        yield cluster, tmp_path
    finally:
        cluster.down()


def test_the_page_shows_what_its_commands_print(reader: tuple[Cluster, Path]) -> None:
    cluster, folder = reader
    for command in commands_of(PAGE, NOT_RUN):
        ran = typed(command.text, cluster, folder, subprocess.STDOUT)
        assert ran.returncode == exit_code(command.text, command.output), (command.text, ran.stdout)
        assert is_shown(command, ran.stdout), (command.text, ran.stdout)


def exit_code(text: str, output: str) -> int:
    """What a command that shows this ends with."""
    if " plan " in text:
        return 2 if "update refused" in output else 1
    return 1 if "is invalid" in output else 0


def test_what_is_not_run_is_there() -> None:
    assert NOT_RUN.keys() <= {command.text for block in blocks_of(PAGE) for command in block.commands}


def test_the_page_shows_the_example() -> None:
    example = (ROOT / "examples" / "container-group.yaml").read_text()
    shown = yaml_of(PAGE, "apiVersion: windlass.dev/v1alpha1")
    assert yaml.safe_load(shown) == yaml.safe_load(example)
    assert not re.search(r"^ *#", shown, re.MULTILINE)
