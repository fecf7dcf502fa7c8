"""docs/cli.md says what programs may rely on of stack sets."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.stack_bodies import NOON, Hub, begun, instance, operation, region, stack_set, target
from tests.cli.test_documentation import PAGE, keys
from windlass.cli.subjects import SUBJECTS

ERRORS = {"errors": [{"object": "Deployment default/web", "message": "no image"}], "errorCount": 1}
DRIFT = {"drift": "Drifted", "drifted": [{"object": "Service default/web", "fields": ["spec.type"]}]}
TIMES = {"startTime": NOON, "completionTime": NOON}
COMMANDS = [
    *(f"get {words}" for words in ("stacksets", "operations", "stackinstances", "stacktargets")),
    *(
        f"{verb} {words}"
        for verb in ("get", "explain", "plan")
        for words in ("stackset shop", "operation first", "stackinstance shop.eu-1.a", "stacktarget eu-1-a")
    ),
    "plan stackset auto",
    "stop operation next",
    "retry operation first",
]


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[Hub]:
    """Everything that may be told of is there."""
    made = Hub(tmp_path)
    status = {"phase": "Degraded", "message": "so it is", "variables": ["greeting"], "organizationalUnits": ["root"]}
    made.holds("stacksets", stack_set(status | {"wanted": "1", "operation": "first", "regions": ["eu-1"]}))
    auto = {"targets": {"regions": ["eu-1"], "accounts": ["a"]}, "autoDeploy": True}
    made.holds("stacksets", stack_set(name="auto", **auto))
    over = begun(region("eu-1", 1, failed=1), phase="Failed", template="t", variables="v", overrides="o", failed=1)
    made.holds("stacksetoperations", operation("first", status=over | TIMES), operation("next"))
    held = {"deployed": {"template": "t", "variables": "v", "overrides": "o"}, "clusterUID": "uid", "objects": 2}
    made.holds("stackinstances", instance("eu-1", "a", "OPERATION_FAILED", **ERRORS, **DRIFT, **TIMES, **held))
    reached = {"phase": "Ready", "message": "it answers", "clusterUID": "uid", "version": "v1.34.1", "checkedAt": NOON}
    made.holds("stacktargets", target("eu-1", "a", reached))
    yield made
    made.close()


@pytest.mark.parametrize("command", COMMANDS)
def test_every_key_that_programs_get_is_on_the_page(command: str, hub: Hub, capsys: pytest.CaptureFixture[str]):
    documented = set(re.findall(r"`(\w+)`", PAGE.split("## For programs")[1]))
    hub.windlass(f"{command} -o json", SUBJECTS)
    found = set(keys(json.loads(capsys.readouterr().out)))
    assert found
    assert found <= documented
