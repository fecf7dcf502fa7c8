"""Which processes an update suspends, from when, and until when."""

from typing import Any

import pytest

from tests.updates import SCRIPT, STARTED, in_update, planned_for, run_status, update
from tests.worlds import fleet, group, planned
from windlass.api.processes import Process
from windlass.planner.capacity.steps import Launch, Remove
from windlass.planner.rolling_update.processes import suspended_by
from windlass.planner.rolling_update.update import Update

BOTH = ("ScaleOut", "HealthCheck")
OVER = {"start_time": STARTED, "phase": "Failed"}
RUNS = {"start_time": STARTED, "phase": "Running"}


def entering(**fields: Any) -> Update:
    return update(**({"enter_processes": BOTH, "status": RUNS} | SCRIPT | fields))


def found(one: Update, run: Any = None) -> set[str]:
    return {str(process) for process in suspended_by((one,), run)}


@pytest.mark.spec("rolling-update.md", "enter processes")
def test_what_it_enters_is_suspended_while_it_runs() -> None:
    assert found(entering(), run_status()) == {*BOTH}
    assert suspended_by((entering(),), run_status())[Process.SCALE_OUT] == "u1"


def test_the_group_s_memory_says_that_it_runs_before_its_own_status_does() -> None:
    assert found(entering(status={}), run_status()) == {*BOTH}


def test_one_that_has_not_begun_suspends_nothing() -> None:
    assert found(entering(status={})) == set()
    assert found(entering(status={}), run_status(uid="another")) == set()


@pytest.mark.spec("rolling-update.md", "exit processes")
@pytest.mark.parametrize("phase", ["Successful", "Failed", "Cancelled"])
@pytest.mark.parametrize(
    ("exits", "left"), [(None, set()), ((), {*BOTH}), (("ScaleOut",), {"HealthCheck"}), (BOTH, set())]
)
def test_what_it_exits_with_goes_on_however_it_ended(phase: str, exits: Any, left: set[str]) -> None:
    over = entering(exit_processes=exits, status=OVER | {"phase": phase})
    assert found(over) == left


@pytest.mark.spec("rolling-update.md", "exit processes")
def test_between_its_end_and_its_own_status_nothing_goes_on_that_is_to_stay_suspended() -> None:
    ended = run_status(outcome="Failed", phase="Failed")
    assert found(entering(exit_processes=("ScaleOut",)), ended) == {"HealthCheck"}
    assert found(entering(), ended) == set()


def test_suspension_ends_with_the_object() -> None:
    assert found(entering(removing=True), run_status()) == set()
    assert found(entering(removing=True, exit_processes=(), status=OVER)) == set()
    assert suspended_by((), run_status()) == {}


def test_one_that_ended_before_it_began_suspends_nothing() -> None:
    assert found(entering(exit_processes=(), status={"phase": "Failed"})) == set()


# ---- what the group does


def test_what_is_missing_is_not_launched_and_it_is_said_by_whom() -> None:
    told = {"status": RUNS, "enter_processes": ("ScaleOut",)} | SCRIPT
    plan = planned_for(fleet(3), 4, wanted=told, scripts_running={f"web-{n}-uid" for n in range(3)})
    assert not [step for step in plan.steps if isinstance(step, Launch)]
    assert plan.status.message == "ScaleOut is suspended by RollingUpdate u1: 1 instance missing, not launched"


def test_who_is_too_many_is_not_removed() -> None:
    told = {"status": RUNS, "enter_processes": ("ScaleIn",)} | SCRIPT
    plan = planned_for(fleet(5), 4, wanted=told, scripts_running={f"web-{n}-uid" for n in range(5)})
    assert not [step for step in plan.steps if isinstance(step, Remove)]
    assert plan.status.message == "ScaleIn is suspended by RollingUpdate u1: 1 instance too many, not removed"


def test_who_is_sick_is_not_replaced() -> None:
    told = {"status": OVER, "enter_processes": ("HealthCheck",), "exit_processes": ()} | SCRIPT
    plan = planned(group(2), (*fleet(1), *fleet(1, first=1, not_ready="2h")), updates=(update(**told),))
    assert not plan.steps
    assert plan.status.message == "HealthCheck is suspended by RollingUpdate u1: 1 instance unhealthy, not replaced"


def test_what_the_group_s_own_spec_suspends_is_not_laid_at_the_update_s_door() -> None:
    told = {"status": RUNS, "enter_processes": ("ScaleOut",)} | SCRIPT
    running = {f"web-{n}-uid" for n in range(3)}
    spec = {"suspended_processes": ("ScaleOut",)}
    plan = planned_for(fleet(3), 4, wanted=told, scripts_running=running, group_spec=spec)
    assert plan.status.message == "ScaleOut is suspended: 1 instance missing, not launched"


def test_nobody_s_spec_is_written() -> None:
    view = in_update(fleet(3), 3, wanted={"status": RUNS, "enter_processes": BOTH} | SCRIPT)
    assert view.spec.suspended_processes == ()
    assert view.suspends(Process.SCALE_OUT)
    assert view.suspender(Process.SCALE_IN) is None


def test_a_group_without_updates_does_not_ask(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("windlass.planner.capacity.view.suspended_by", None)
    assert not planned(group(3), fleet(3)).steps
