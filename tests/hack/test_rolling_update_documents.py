"""docs/rolling-updates.md shows what is: its commands are run in its order, on simulated nodes."""

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
from hack.kind.documents import blocks_of
from tests.hack.pages import commands_of, typed
from tests.hack.test_stack_documents import is_shown
from windlass.api.rolling_update import PauseOption
from windlass.api.task import Phase
from windlass.planner.tasks import PHASES

PAGE = (ROOT / "docs" / "rolling-updates.md").read_text()
NOT_RUN = {
    "hack/cluster/cluster up --operator": "the test has a cluster of its own",
    'eval "$(hack/cluster/cluster env)"': "the same",
    "kubectl windlass explain update bakery-greeting": "simulated nodes run no script",
}
OF_REFRESHES = {Phase.BAKING, Phase.ROLLING_BACK, Phase.ROLLED_BACK, Phase.ROLLBACK_FAILED}


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
        expected = 2 if " plan " in command.text else 0  # the second update of the file would be refused
        assert ran.returncode == expected, (command.text, ran.stdout)
        assert is_shown(command, ran.stdout), (command.text, ran.stdout)


def test_what_is_not_run_is_there() -> None:
    assert NOT_RUN.keys() <= {command.text for block in blocks_of(PAGE) for command in block.commands}


def test_the_page_shows_the_example() -> None:
    examples = list(yaml.safe_load_all((ROOT / "examples" / "rolling-update.yaml").read_text()))
    shown = [yaml.safe_load(text) for text in re.findall(r"^```yaml\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)]
    updates = [thing for thing in examples if thing["kind"] == "RollingUpdate"]
    for update in updates:
        del update["metadata"]["labels"]
    assert [thing for thing in shown if thing["kind"] == "RollingUpdate"] == updates


def table(heading: str) -> dict[str, list[str]]:
    """The rows of the page's table whose first column has this heading, by their first cell."""
    text = re.search(rf"^\| {heading} \|.*?\n\|[- |]+\n((?:\|.*\n)+)", PAGE, re.MULTILINE)
    assert text
    rows = ([cell.strip() for cell in line.strip("|").split("|")] for line in text[1].splitlines())
    return {row[0].strip("`"): row[1:] for row in rows}


def test_the_table_of_phases_is_the_one_that_updates_go_by() -> None:
    then = {phase: set(filter(None, row[1].split(", "))) for phase, row in table("phase").items()}
    assert then == {
        phase.value: {after.value for after in stage.then - OF_REFRESHES}
        for phase, stage in PHASES.items()
        if phase not in OF_REFRESHES
    }


def test_every_pause_is_on_the_page() -> None:
    assert table("`pause`").keys() == {option.value for option in PauseOption}
