"""What has become of an update on one instance."""

from dataclasses import replace
from typing import Any

import pytest

from tests.worlds import NOW, ago, instance, later, span
from windlass.api.rolling_update import InstanceResult
from windlass.planner.capacity.instance import State
from windlass.planner.capacity.steps import InstanceOutcome
from windlass.planner.rolling_update.mark import Mark
from windlass.planner.rolling_update.payload import Command
from windlass.planner.rolling_update.verdict import Again, UnderWay, Verdict, of_image, of_script

TIMEOUT = span("10m")
ONE = instance("web-1")
RUNS, LACKS = "its container runs; waits whether it goes on", "web:2 does not run yet"


def image_mark(**fields: Any) -> Mark:
    """Of an image that was changed a minute ago and runs for half a minute."""
    given: dict[str, Any] = {"shown_image": "web:2", "running_since": ago("30s"), "begun_at": ago("1m")}
    return Mark(**({"update": "u", "container": "web", "image": "web:2"} | given | fields))


def seen(mark: Mark, state: State = State.IN_SERVICE, *, settled: bool = False, **fields: Any) -> Verdict:
    return of_image(replace(ONE, **fields), state, mark, NOW, TIMEOUT, settled=settled)


def failure(output: str, **fields: Any) -> InstanceOutcome:
    given = {"started_at": ago("1m"), "ended_at": NOW} | fields
    return InstanceOutcome("web-1", InstanceResult.FAILED, output=output, **given)


WELL = InstanceOutcome("web-1", InstanceResult.SUCCEEDED, started_at=ago("1m"), ended_at=NOW)


@pytest.mark.spec("rolling-update.md", "image")
@pytest.mark.parametrize(
    "mark",
    [
        image_mark(),
        image_mark(running_since=ago("10s")),
        image_mark(image="nginx", shown_image="registry.test/library/nginx:latest"),
        image_mark(shown_image="sha256:abc", shown_restarts=4, restarts=3),  # a runtime may call it by another name
    ],
)
def test_it_has_succeeded_where_the_container_runs_anew_for_ten_seconds_and_is_in_service(mark: Mark) -> None:
    assert seen(mark) == WELL


@pytest.mark.parametrize(
    ("mark", "state", "fields", "what", "until"),
    [
        (
            image_mark(running_since=ago("9s")),
            State.IN_SERVICE,
            {},
            "its container runs; waits whether it goes on",
            "1s",
        ),
        (image_mark(shown_image="web:1"), State.IN_SERVICE, {}, LACKS, "9m"),
        (image_mark(observed=False), State.IN_SERVICE, {}, LACKS, "9m"),
        (
            image_mark(shown_image="web:1", shown_restarts=3, restarts=3),
            State.IN_SERVICE,
            {},
            "web:2 does not run yet",
            "9m",
        ),
        (image_mark(), State.NOT_READY, {}, "it is not in service", "9m"),
        (image_mark(running_since=None), State.IN_SERVICE, {}, "it is not in service", "9m"),
        (image_mark(trouble="pulling"), State.NOT_READY, {"problem": "not ready"}, "pulling", "9m"),
        (image_mark(), State.NOT_READY, {"problem": "not ready"}, "not ready", "9m"),
    ],
)
def test_it_is_under_way_until_then(mark: Mark, state: State, fields: Any, what: str, until: str) -> None:
    found = seen(mark, state, **fields)
    assert isinstance(found, UnderWay)
    assert (found.what, found.until) == (what, later(until))


@pytest.mark.parametrize(
    ("mark", "state", "fields", "words"),
    [
        (image_mark(crashes=True, trouble="exited with 1"), State.IN_SERVICE, {}, "exited with 1"),
        (image_mark(crashes=True), State.NOT_READY, {}, "the container crashes"),
        (image_mark(begun_at=ago("10m"), shown_image="web:1"), State.IN_SERVICE, {}, "web:2 does not run yet"),
        (image_mark(begun_at=ago("10m"), trouble="ImagePullBackOff"), State.NOT_READY, {}, "ImagePullBackOff"),
        (image_mark(), State.UNHEALTHY, {"ended": True, "problem": "Evicted"}, "Evicted"),
    ],
)
def test_it_has_failed_in_its_own_words(mark: Mark, state: State, fields: Any, words: str) -> None:
    assert seen(mark, state, **fields) == failure(words, started_at=mark.begun_at)


def test_it_is_waited_for_until_the_very_second_of_its_time() -> None:
    last = image_mark(begun_at=ago("599s"), trouble="pulling")
    assert isinstance(seen(last, State.NOT_READY), UnderWay)


def test_what_the_api_server_refused_has_failed() -> None:
    refused = image_mark(result=InstanceResult.FAILED, output="quota", ended_at=ago("1m"))
    assert seen(refused) == failure("quota", ended_at=ago("1m"))


def test_a_container_that_the_kubelet_holds_back_because_it_ran_the_image_minutes_ago_has_not_crashed() -> None:
    held_back = image_mark(shown_image="web:1", crashes=True, trouble="back-off 20s", running_since=None)
    assert seen(held_back, State.NOT_READY) == UnderWay(ONE, "back-off 20s", ago("1m") + TIMEOUT)


def test_what_has_succeeded_stays_so_unless_it_crashes() -> None:
    old = image_mark(begun_at=ago("1h"))
    assert seen(old, State.NOT_READY, settled=True) == replace(WELL, started_at=ago("1h"))
    crashed = image_mark(crashes=True, trouble="exited with 1")
    assert seen(crashed, State.NOT_READY, settled=True) == failure("exited with 1")


# ---- scripts


def script_mark(**fields: Any) -> Mark:
    return Mark(**({"update": "u", "container": "web", "run": "r", "begun_at": ago("30s")} | fields))


def ran(mark: Mark, *, running: bool = False, again: bool = False) -> Verdict:
    return of_script(ONE, mark, Command(None, ("x",), 60, again=again), NOW, running=running)


@pytest.mark.spec("rolling-update.md", "results")
def test_a_script_that_has_ended_says_how() -> None:
    ended = {"begun_at": ago("1m"), "ended_at": ago("5s"), "exit_code": 0, "output": "fine"}
    well = ran(script_mark(result=InstanceResult.SUCCEEDED, **ended))
    assert well == InstanceOutcome("web-1", InstanceResult.SUCCEEDED, 0, "", ago("1m"), ago("5s"))
    failed = ran(script_mark(result=InstanceResult.FAILED, **(ended | {"exit_code": 3, "output": "no space"})))
    assert failed == InstanceOutcome("web-1", InstanceResult.FAILED, 3, "no space", ago("1m"), ago("5s"))


@pytest.mark.spec("rolling-update.md", "results")
def test_no_more_is_kept_of_what_it_said_than_the_last_kibibyte() -> None:
    found = ran(script_mark(result=InstanceResult.FAILED, output="x" + "y" * 1024))
    assert isinstance(found, InstanceOutcome)
    assert found.output == "y" * 1024


@pytest.mark.parametrize("again", [False, True])
def test_one_that_runs_here_is_under_way(again: bool) -> None:
    found = ran(script_mark(), running=True, again=again)
    assert isinstance(found, UnderWay)
    assert (found.what, found.until) == ("its script runs since 11:59:30", None)


def test_one_of_which_nobody_knows_is_unknown_at_once() -> None:
    found = ran(script_mark())
    assert isinstance(found, InstanceOutcome)
    assert (found.result, found.exit_code) == (InstanceResult.UNKNOWN, None)
    assert found.output.startswith("Windlass ended while it ran")


def test_one_whose_connection_broke_is_unknown_in_its_own_words() -> None:
    found = ran(script_mark(result=InstanceResult.UNKNOWN, output="the connection broke", ended_at=ago("2s")))
    assert isinstance(found, InstanceOutcome)
    assert (found.result, found.output, found.ended_at) == (InstanceResult.UNKNOWN, "the connection broke", ago("2s"))


@pytest.mark.parametrize("result", [None, InstanceResult.UNKNOWN])
def test_one_that_may_run_twice_is_run_again_once_it_is_certainly_dead(result: InstanceResult | None) -> None:
    waits = ran(script_mark(result=result, begun_at=ago("69s")), again=True)
    assert isinstance(waits, UnderWay)
    assert waits.until == later("1s")
    assert ran(script_mark(result=result, begun_at=ago("70s")), again=True) == Again(ONE)
