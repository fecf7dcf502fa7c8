"""kstatus' contract, and backing off."""

from datetime import timedelta

import pytest

from tests.contract import contract_broken
from tests.worlds import NOW, ago
from windlass.api.common import Condition
from windlass.planner.backoff import doubling
from windlass.planner.capacity.reasons import AsDesired, ConfigurationMissing, Disabled
from windlass.planner.conditions import Readiness, conditions


def made(readiness: Readiness, old: tuple[Condition, ...] = (), generation: int = 3) -> tuple[Condition, ...]:
    return conditions(readiness, Disabled(0, 3), "all is said", old=old, generation=generation, now=NOW)


def shown(found: tuple[Condition, ...]) -> dict[str, str]:
    return {condition.type: condition.status for condition in found}


def condition(type_: str, status: str = "True", generation: int = 3) -> Condition:
    return Condition.model_validate(
        {
            "type": type_,
            "status": status,
            "reason": "Because",
            "lastTransitionTime": ago("1h"),
            "observedGeneration": generation,
        }
    )


BEFORE = (condition("Ready", "False"), condition("Reconciling"))


@pytest.mark.parametrize(
    ("readiness", "expected"),
    [
        ("Ready", {"Ready": "True"}),
        ("Reconciling", {"Ready": "False", "Reconciling": "True"}),
        ("Stalled", {"Ready": "False", "Stalled": "True"}),
        ("Idle", {"Ready": "False"}),
    ],
)
def test_reconciling_and_stalled_are_there_only_while_they_are_true(
    readiness: Readiness, expected: dict[str, str]
) -> None:
    assert shown(made(readiness, BEFORE)) == expected


def test_on_the_first_pass_nobody_knows_yet_whether_it_is_ready() -> None:
    assert shown(made("Reconciling")) == {"Ready": "Unknown", "Reconciling": "True"}
    assert shown(made("Ready")) == {"Ready": "True"}
    assert shown(made("Stalled")) == {"Ready": "False", "Stalled": "True"}


def test_every_condition_says_why_and_of_which_generation() -> None:
    for found in made("Stalled"):
        assert (found.reason, found.message, found.observed_generation) == ("Disabled", "all is said", 3)


def test_a_transition_time_moves_only_when_the_status_does() -> None:
    again = {c.type: c.last_transition_time for c in made("Reconciling", BEFORE)}
    changed = {c.type: c.last_transition_time for c in made("Ready", BEFORE)}

    assert again == {"Ready": ago("1h"), "Reconciling": ago("1h")}
    assert changed == {"Ready": NOW}


@pytest.mark.parametrize("readiness", ["Ready", "Reconciling", "Stalled", "Idle"])
@pytest.mark.parametrize("old", [(), BEFORE], ids=["first pass", "later"])
def test_what_is_made_keeps_the_contract(readiness: Readiness, old: tuple[Condition, ...]) -> None:
    assert contract_broken(made(readiness, old), 3) is None


@pytest.mark.parametrize(
    ("found", "sentence"),
    [
        pytest.param((), "there is no Ready condition", id="none"),
        pytest.param(
            (condition("Ready", "False"), condition("Reconciling"), condition("Stalled")),
            "Reconciling and Stalled are both there",
            id="both",
        ),
        pytest.param(
            (condition("Ready", "False"), condition("Stalled", "False")),
            "Stalled is there and not True",
            id="false",
        ),
        pytest.param(
            (condition("Ready"), condition("Reconciling")), "Ready and Reconciling are both True", id="ready beside"
        ),
        pytest.param(
            (condition("Ready", generation=4),), "Ready speaks of a generation that does not exist yet", id="ahead"
        ),
    ],
)
def test_each_breach_of_the_contract_is_named(found: tuple[Condition, ...], sentence: str) -> None:
    assert contract_broken(found, 3) == sentence


def test_a_reason_is_the_class_of_the_sentence() -> None:
    assert AsDesired(3).code == "AsDesired"
    assert conditions("Stalled", ConfigurationMissing("web"), "", old=(), generation=1, now=NOW)[0].reason == (
        "ConfigurationMissing"
    )


@pytest.mark.parametrize(("times", "seconds"), [(0, 30), (1, 30), (2, 60), (3, 120), (5, 480), (6, 600), (10**6, 600)])
def test_a_pause_doubles_up_to_the_longest(times: int, seconds: int) -> None:
    assert doubling(timedelta(seconds=30), times, timedelta(minutes=10)) == timedelta(seconds=seconds)
    assert doubling(30.0, times, 600.0) == seconds
