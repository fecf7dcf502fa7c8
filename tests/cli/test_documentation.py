"""docs/cli.md says what programs may rely on."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.cli.bodies import body, metadata, picture
from tests.cli.test_refresh_forecast import outlook_of
from tests.cli.test_refresh_subject import BEGUN, refresh
from tests.worlds import activity, fleet, group, pending, view
from windlass.cli import plan
from windlass.cli.main import parser
from windlass.cli.operator_sign import sign_of
from windlass.cli.subjects import SUBJECTS
from windlass.cli.subjects.group import GROUP, explain, forecast
from windlass.cli.subjects.group import picture as pictures
from windlass.cli.subjects.group.explanation import explain as explanation_of
from windlass.cli.subjects.group.plan import outlook
from windlass.cli.subjects.refresh import REFRESH
from windlass.cli.subjects.refresh import explain as explained
from windlass.cli.subjects.refresh import picture as refreshes

PAGE = (Path(__file__).parents[2] / "docs" / "cli.md").read_text()

SEEN = view(
    group(3, zones=("zone-a",), suspended_processes=["ScaleIn"]),
    [*fleet(1, zones=("zone-a",)), pending("web-1", problem="no image")],
    activity=activity(ended="1h", to=2),
)
RECORDS = [{"metadata": {"name": "web-a1"}, "status": None}]
OUR_OWN = {
    "get group": pictures.values(picture(SEEN)),
    "get groups": {"groups": [GROUP.summary(body(SEEN))]},
    "plan": plan.values(plan.Planned([outlook(forecast.forecast(SEEN))]), SUBJECTS),
    "explain": explain.values(explanation_of(SEEN, metadata(SEEN), RECORDS, ())),
}
REFRESHED = refresh(status=BEGUN)
SEEN_REFRESH = refreshes.take_picture(REFRESHED)
SIGN = sign_of((), looked_at=True, changed=None, now=SEEN.now)
OUR_OWN |= {
    "get refresh": refreshes.values(SEEN_REFRESH),
    "get refreshes": {"refreshes": [REFRESH.summary(REFRESHED)]},
    "plan refresh": plan.values(plan.Planned([outlook_of(desiredConfiguration={"image": "web:2"})]), SUBJECTS),
    "explain refresh": explained.values(
        explained.Explained(SEEN_REFRESH, explanation_of(SEEN, metadata(SEEN), RECORDS, ()), False, SIGN)
    ),
}
AS_IN_THE_STATUS = {"conditions", "zones", "activity", "revisions", "status", "counts"}


def keys(value: Any) -> Iterator[str]:
    if isinstance(value, list):
        for each in value:
            yield from keys(each)
    elif isinstance(value, dict):
        for key, below in value.items():
            yield key
            if key not in AS_IN_THE_STATUS:
                yield from keys(below)


@pytest.mark.parametrize("command", OUR_OWN)
def test_every_key_that_programs_get_is_on_the_page(command: str):
    documented = set(re.findall(r"`(\w+)`", PAGE.split("## For programs")[1]))
    found = set(keys(OUR_OWN[command]))
    assert found
    assert found <= documented


def test_every_flag_is_on_the_page():
    verbs = next(action for action in parser()._actions if action.dest == "verb")
    flags = {flag for verb in verbs.choices.values() for action in verb._actions for flag in action.option_strings}
    long = {flag for flag in flags if flag.startswith("--")} - {"--help"}
    short = {"--all-namespaces": "-A", "--watch": "-w", "--filename": "-f", "--output": "-o"}
    assert {flag for flag in long if short.get(flag, flag) not in PAGE} == set()
