"""Whether an operator seems to be at work."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.worlds import NOW, ago
from windlass.api.common import LEASE_NAME, rfc3339
from windlass.cli.operator_sign import LastChange, SeenLease, last_change, sign_of

HELD = SeenLease("windlass-system", "windlass-0", ago("2s"), timedelta(seconds=15))
DEAF = replace(HELD, trouble="it ended 7 times in a row: KeyError: no such user")
GIVEN_BACK = replace(HELD, holder="")
STALE = replace(HELD, renewed_at=ago("3m"))
NOW_CHANGED, CHANGED_BEFORE = LastChange(ago("3s"), "kubectl-edit"), LastChange(ago("5m"), "kubectl-edit")


def test_the_lease_is_the_one_that_the_operator_may_change():
    manifests = yaml.safe_load_all((Path(__file__).parents[2] / "deploy" / "operator.yaml").read_text())
    rules = [rule for each in manifests if each and each["kind"] == "Role" for rule in each["rules"]]
    assert {name for rule in rules if "leases" in rule["resources"] for name in rule.get("resourceNames", ())} == {
        LEASE_NAME
    }


@pytest.mark.parametrize(
    ("leases", "looked_at", "changed", "state", "said"),
    [
        ([HELD], True, CHANGED_BEFORE, "Running", "an operator runs: windlass-0 holds lease windlass-system/"),
        ([STALE, HELD], True, CHANGED_BEFORE, "Running", "an operator runs"),
        ([HELD], False, NOW_CHANGED, "Behind", "has not looked at the last change yet; it will in a moment"),
        ([HELD], False, CHANGED_BEFORE, "Behind", "is this namespace among those it works in"),
        ([HELD], False, None, "Behind", "is this namespace among those it works in"),
        (
            [DEAF],
            True,
            CHANGED_BEFORE,
            "Behind",
            "does not hear of changes: its watch of Windlass's own kinds fails, it",
        ),
        ([STALE], True, CHANGED_BEFORE, "Absent", "was last renewed 3m ago, by windlass-0"),
        ([STALE], False, NOW_CHANGED, "Absent", "the operator does not seem to run"),
        ([GIVEN_BACK], True, CHANGED_BEFORE, "Absent", "nobody holds lease windlass-system/windlass-operator"),
        ([], True, CHANGED_BEFORE, "Unknown", "there is no lease windlass-operator"),
        ([], False, NOW_CHANGED, "Behind", "no operator has looked at the last change yet, and there is no lease"),
        ([], False, CHANGED_BEFORE, "Absent", "no operator seems to run: nobody has looked at the last change"),
        (None, True, CHANGED_BEFORE, "Unknown", "its lease may not be looked at"),
        (None, False, CHANGED_BEFORE, "Absent", "no operator seems to run"),
    ],
)
def test_lease_and_status_together_tell_whether_one_is_there(
    leases: Any, looked_at: bool, changed: LastChange | None, state: str, said: str
):
    sign = sign_of(leases, looked_at=looked_at, changed=changed, now=NOW)
    assert sign.state == state
    assert said in sign.message


def test_a_lease_is_held_until_it_could_have_been_taken_and_clocks_may_differ_a_little():
    assert replace(HELD, renewed_at=ago("20s")).held(NOW)
    assert not replace(HELD, renewed_at=ago("21s")).held(NOW)
    assert not replace(HELD, renewed_at=None).held(NOW)


def test_the_last_change_is_not_one_of_the_status():
    fields = [
        {"manager": "kubectl-edit", "time": rfc3339(ago("5m"))},
        {"manager": "kubectl-patch", "time": rfc3339(ago("3m"))},
        {"manager": "windlass", "subresource": "status", "time": rfc3339(ago("2s"))},
        {"manager": "autoscaler", "subresource": "scale"},
    ]
    assert last_change({"managedFields": fields}) == LastChange(ago("3m"), "kubectl-patch", "autoscaler")


def test_nothing_is_known_of_changes_where_the_api_server_keeps_none():
    assert last_change({}) is None
