"""docs/cli.md says what programs may rely on."""

import re
from argparse import ArgumentParser
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.cli.bodies import body, metadata, picture
from tests.cli.test_refresh_forecast import outlook_of
from tests.cli.test_refresh_subject import BEGUN, refresh
from tests.cli.test_update_forecast import outlook_of as outlook_of_update
from tests.cli.test_update_subject import PAUSED, update
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
from windlass.cli.subjects.task.explain import Explained
from windlass.cli.subjects.update import UPDATE
from windlass.cli.subjects.update import explain as explained_update
from windlass.cli.subjects.update import picture as updates
from windlass.cli.subjects.update.batches import Batch, Member

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
        Explained(SEEN_REFRESH, explanation_of(SEEN, metadata(SEEN), RECORDS, ()), None, SIGN)
    ),
}
UPDATED = update(status=PAUSED)
RUNNING = Batch(1, 2, "Running", Counter(), (Member("web-0", "Running"),))
SEEN_UPDATE = updates.Picture(
    SEEN_REFRESH.metadata, *updates.read(UPDATED), batches=(RUNNING, Batch(2, 2, "Waiting")), now=SEEN.now
)
OUR_OWN |= {
    "get update": updates.values(SEEN_UPDATE),
    "get updates": {"updates": [UPDATE.summary(UPDATED)]},
    "plan update": plan.values(plan.Planned([outlook_of_update(batches=2)]), SUBJECTS),
    "explain update": explained_update.values(
        Explained(SEEN_UPDATE, explanation_of(SEEN, metadata(SEEN), RECORDS, ()), None, SIGN)
    ),
}
AS_IN_THE_STATUS = {"touched", "failures", "conditions", "zones", "activity", "revisions", "status", "counts"}


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


def flags_of(verb: ArgumentParser) -> Iterator[str]:
    """Those of the verb, and of what may follow it."""
    for action in verb._actions:
        yield from action.option_strings
        if action.dest == "change":
            for below in dict(action.choices or {}).values():
                yield from flags_of(below)


def test_every_flag_is_on_the_page():
    verbs = next(action for action in parser()._actions if action.dest == "verb")
    flags = {flag for verb in verbs.choices.values() for flag in flags_of(verb)}
    long = {flag for flag in flags if flag.startswith("--")} - {"--help"}
    short = {"--all-namespaces": "-A", "--watch": "-w", "--filename": "-f", "--output": "-o"}
    assert {flag for flag in long if short.get(flag, flag) not in PAGE} == set()
