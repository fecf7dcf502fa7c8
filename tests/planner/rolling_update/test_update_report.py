"""What the status of an update says while it runs and when it has ended."""

from dataclasses import replace
from typing import Any

import pytest

from tests.contract import contract_broken
from tests.planner.rolling_update.updating import counts, imaged, member, ranges, scripted, told
from tests.updates import SCRIPT, STARTED, in_update, status_of, update
from tests.worlds import NOW, fleet
from windlass.api.ordinals import OrdinalRange
from windlass.api.rolling_update import InstanceResult, RollingUpdateStatus
from windlass.planner.capacity.steps import ReportUpdate
from windlass.planner.group import plan_group

RUNS = {"start_time": STARTED, "phase": "Running"}


def going(instances: Any, desired: int = 4, **fields: Any) -> Any:
    wanted = SCRIPT | {"batches": 2, "status": RUNS} | fields.pop("wanted", {})
    return in_update(instances, desired, wanted=wanted, **fields)


@pytest.mark.spec("rolling-update.md", "counters")
def test_the_running_batch_counts_as_soon_as_it_is_seen() -> None:
    there = (
        member(0, scripted()),
        member(1, scripted(InstanceResult.FAILED, exit_code=3, output="no space")),
        *fleet(2, first=2),
    )
    remembered = {"batches": 2, "succeeded": 5, "failed": 1, "unknown": 1, "skipped": 1, "from_revision": "web-1"}
    plan = plan_group(going(there, remembered=remembered))
    assert counts(plan) == (6, 2, 1, 1)
    status = status_of(plan)
    assert (status.total, status.batch, status.batches, status.start_time) == (4, 1, 2, STARTED)
    assert (status.from_revision, status.to_revision) == ("web-1", "")
    assert status.touched == (OrdinalRange(first=0, count=2),)
    (failure,) = status.failures
    assert (failure.name, str(failure.result), failure.exit_code, failure.output) == ("web-1", "Failed", 3, "no space")


def test_a_batch_that_has_not_begun_does_not_run_yet() -> None:
    paused = plan_group(going(fleet(4), remembered={"batches": 2, "batch": 2}, wanted={"pause": "EveryBatchPause"}))
    assert status_of(paused).batch == 1
    first = plan_group(going(fleet(4), remembered={"batches": 2}, wanted={"state": "Suspended"}))
    assert status_of(first).batch == 0


def test_when_it_is_over_the_last_batch_stays() -> None:
    plan = plan_group(going(fleet(4), remembered={"batches": 2, "batch": 3, "succeeded": 4}))
    assert (status_of(plan).batch, told(plan)[0]) == (2, "Successful")


@pytest.mark.parametrize(
    ("there", "fields", "what"),
    [
        (
            (member(0, scripted(None)), *fleet(3, first=1)),
            {"scripts_running": frozenset({"web-0-uid", "web-1-uid"})},
            "the script to end on 2 instances of batch 1 (web-0: its script runs since 11:59:10)",
        ),
        (
            (member(0, imaged(runs="5s")), *fleet(3, first=1)),
            {
                "wanted": {"kind": "Image", "image": {"image": "web:2"}, "script": None},
                "remembered": {"begun": ranges(0)},
            },
            "1 instance of batch 1 to run the image for a while (web-0: its container runs; waits whether it goes on)",
        ),
        (fleet(4), {"wanted": {"state": "Suspended"}}, "spec.state to be Running again"),
        (fleet(4), {"group_spec": {"enabled": False}}, "the group to be enabled again"),
    ],
)
def test_what_it_waits_for(there: Any, fields: Any, what: str) -> None:
    remembered = {"batches": 2} | fields.pop("remembered", {})
    plan = plan_group(going(there, remembered=remembered, **fields))
    assert status_of(plan).waiting_for == what
    assert told(plan)[1].endswith(f"of 4 done; waits for {what}")


@pytest.mark.parametrize(
    ("phase", "kept"),
    [("Running", {"Ready": "Unknown", "Reconciling": "True"}), ("Cancelled", {"Ready": "True", "Failed": "True"})],
)
def test_its_conditions(phase: str, kept: dict[str, str]) -> None:
    state = "Cancelled" if phase == "Cancelled" else "Suspended"
    status = status_of(plan_group(going(fleet(4), wanted={"state": state})))
    found = {str(each.type): str(each.status) for each in status.conditions}
    assert found == kept
    assert contract_broken(status.conditions, 1) is None


def test_one_that_is_over_is_never_written_again() -> None:
    over = update("u0", status={"phase": "Failed", "start_time": STARTED, "message": "as it was"})
    plan = plan_group(in_update(fleet(1), 1, update=None, updates=(over,)))
    assert plan.reports == ()


def test_what_says_so_already_is_not_written_again() -> None:
    view = going(fleet(4), wanted={"state": "Suspended"}, remembered={"batches": 2})
    for _ in range(2):  # what was Unknown at first is False then
        (report,) = plan_group(view).reports
        assert isinstance(report, ReportUpdate)
        view = replace(view, updates=(replace(view.updates[0], status=report.status),))
    assert plan_group(view).reports == ()


def test_no_sentence_is_longer_than_a_status_may_hold() -> None:
    words = "x" * 1024
    failures = ({"name": "web-0", "result": "Failed", "output": words},)
    remembered = {"batches": 2, "batch": 2, "failed": 1, "approved_at_failure": 1, "failures": failures}
    status = status_of(plan_group(going(fleet(4), remembered=remembered)))
    assert RollingUpdateStatus.model_validate_json(status.model_dump_json(by_alias=True)) == status
    assert status.waiting_for is not None
    assert len(status.waiting_for) < 600


def test_one_that_starts_in_this_pass_is_told_of_by_the_next() -> None:
    plan = plan_group(in_update(fleet(4), 4, update=None, updates=(update(**SCRIPT),)))
    assert (plan.status.update is not None, plan.reports) == (True, ())
    assert plan.wake_at == NOW
