"""docs/stack-sets.md shows what is: its commands are run in its order, and its manifests are accepted."""

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from hack.cluster import API_SERVER, CONTROLLER_MANAGER, ETCD, Cluster, Shape
from hack.cluster.__main__ import link_commands
from hack.cluster.installation import start_operator
from hack.cluster.local import DEFAULT, ROOT
from hack.kind.documents import Command, blocks_of
from hack.kind.trial import normal
from tests.hack.pages import commands_of, typed

PAGE = (ROOT / "docs" / "stack-sets.md").read_text()
MANIFESTS = re.findall(r"^```yaml\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
NOT_RUN = {
    "hack/cluster/cluster up --members 3 --nodes 0 --operator": "the test has a cluster of its own",
    'eval "$(hack/cluster/cluster env)"': "the same",
    """kubectl patch stackset NAME --type merge --patch '{"spec": {"deletionPolicy": "Retain"}}'""": "any set",
}


@pytest.fixture
def reader(tmp_path: Path) -> Iterator[tuple[Cluster, Path]]:
    """The cluster of somebody who reads the page, and the folder in which they type."""
    link_commands()
    for shared in ("examples", "hack"):
        (tmp_path / shared).symlink_to(ROOT / shared)
    for text in MANIFESTS:
        (tmp_path / f"{yaml.safe_load(text)['metadata']['name']}.yaml").write_text(text)
    cluster = Cluster(DEFAULT, tmp_path / ".local" / "clusters", dies_with_parent=True)
    try:
        cluster.up(Shape(nodes=0, members=3), (ETCD, API_SERVER, CONTROLLER_MANAGER))
        start_operator(cluster)
        yield cluster, tmp_path
    finally:
        cluster.down()


def test_the_page_shows_what_its_commands_print(reader: tuple[Cluster, Path]) -> None:
    cluster, folder = reader
    for command in commands_of(PAGE, NOT_RUN):
        ran = typed(command.text, cluster, folder, subprocess.PIPE)
        done = 1 if " plan " in command.text else 0
        assert ran.returncode == done, (command.text, ran.stdout, ran.stderr)
        assert is_shown(command, ran.stdout), (command.text, ran.stdout)


def is_shown(command: Command, printed: str) -> bool:
    """Whether the page shows this, or parts of it with `…` between them; a page may show nothing of what is printed."""
    parts = (re.escape(normal(part)) for part in command.output.split("…"))
    return not command.output or bool(re.fullmatch(".*".join(parts), normal(printed), re.DOTALL))


def test_what_is_not_run_is_there() -> None:
    assert NOT_RUN.keys() <= {command.text for block in blocks_of(PAGE) for command in block.commands}


@pytest.mark.parametrize("text", MANIFESTS, ids=lambda text: yaml.safe_load(text)["metadata"]["name"])
def test_a_manifest_of_the_page_is_accepted(cluster: Cluster, text: str) -> None:
    cluster.kubectl("create", "--dry-run=server", "--validate=strict", "--filename=-", input=text)
