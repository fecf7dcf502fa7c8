"""How an update ends: committed, failed, cancelled, given up; and what is remembered of it."""

from dataclasses import replace
from typing import Any

import pytest

from tests.planner.rolling_update.updating import UID, imaged, kept, member, ranges, results, run_in, scripted, told
from tests.refreshes import image_refresh
from tests.updates import IMAGE, PACKAGE, REVISIONS, SCRIPT, in_update, status_of, update
from tests.worlds import CONFIGURATION, NEXT_CONFIGURATION, NOW, ago, fleet, revision
from windlass.api.ordinals import OrdinalRange
from windlass.api.rolling_update import InstanceResult
from windlass.planner.capacity.steps import ForgetRevision, WriteConfiguration
from windlass.planner.capacity.view import GroupView
from windlass.planner.digest import digest
from windlass.planner.group import plan_group
from windlass.planner.rollout.refresh import Sources
from windlass.planner.tasks import PHASES

RUNS = {"start_time": ago("1m"), "phase": "Running"}
DONE = {"batches": 2, "batch": 3, "succeeded": 4, "touched": (OrdinalRange(first=0, count=4),)}
FOUR = tuple(member(n, imaged(), revision="web-2") for n in range(4))
EDITED = {"template": {"spec": {"containers": [{"name": "web", "image": "web:7"}]}}}


def view(kind: dict[str, Any], instances: Any = FOUR, **fields: Any) -> GroupView:
    """A group of four whose update is done, unless something else is remembered."""
    image = {"from_revision": "web-1", "to_revision": "web-2", "own": digest(REVISIONS[0].data)}
    remembered = (image if kind is IMAGE else {}) | DONE | fields.pop("remembered", {})
    wanted = kind | {"batches": 2, "status": RUNS} | fields.pop("wanted", {})
    return in_update(instances, 4, remembered=remembered, wanted=wanted, **fields)


def written(found: GroupView) -> list[WriteConfiguration]:
    return [step for step in plan_group(found).steps if isinstance(step, WriteConfiguration)]


# ---- well


@pytest.mark.spec("rolling-update.md", "image success updates configuration")
def test_the_image_is_written_when_all_have_it() -> None:
    found = view(IMAGE)
    (step,) = written(found)
    assert (step.name, step.before, step.spec) == ("web", CONFIGURATION, NEXT_CONFIGURATION)
    assert str(step.why) == "RollingUpdate u1 is done: ScalingConfiguration web gets its image"
    run = plan_group(found).status.update
    assert run is not None
    assert (run.committing, run.phase, run.outcome) == (True, "Running", None)


def test_what_is_written_ends_it() -> None:
    found = view(IMAGE, remembered={"committing": True}, configuration=NEXT_CONFIGURATION)
    plan = plan_group(found)
    assert told(plan) == ("Successful", "done on 4 instances")
    assert not plan.steps
    status = status_of(plan)
    assert (status.completion_time, status.waiting_for, status.batch, status.total) == (NOW, None, 2, 4)


def test_while_it_is_written_it_says_so() -> None:
    assert told(plan_group(view(IMAGE, remembered={"committing": True})))[1].startswith("4 of 4 done; waits for")


def test_where_nothing_changes_nothing_is_written() -> None:
    same = {"from_revision": "web-1", "to_revision": "web-1"}
    there = tuple(replace(each, revision="web-1") for each in FOUR)
    found = view(IMAGE, there, remembered=same)
    assert written(found) == []
    assert told(plan_group(found)) == ("Successful", "done on 4 instances")


@pytest.mark.spec("rolling-update.md", "failure pauses")
def test_what_a_person_has_accepted_is_told_and_no_failure() -> None:
    failures = ({"name": "web-0", "result": "Failed", "output": "no space"},)
    remembered = {"succeeded": 1, "failed": 1, "unknown": 1, "skipped": 1, "accepted": 2, "failures": failures}
    plan = plan_group(view(SCRIPT, remembered=remembered))
    assert told(plan) == ("Successful", "done on 1 instance (2 failed, 1 skipped)")


def test_those_without_the_image_are_counted_and_it_is_said_how_to_go_on() -> None:
    there = (*FOUR[:2], member(2), member(9), member(10, removing=True))
    plan = plan_group(view(IMAGE, there, remembered={"committing": True}, configuration=NEXT_CONFIGURATION))
    assert told(plan)[1] == (
        "done on 4 instances; 2 instances launched meanwhile, skipped or failed without the image: "
        "`kubectl windlass refresh web`"
    )
    assert told(plan_group(view(SCRIPT, there)))[1] == "done on 4 instances"


def test_one_that_was_suspended_at_its_end_runs_once_more_before_it_ends() -> None:
    found = view(SCRIPT, remembered={"phase": "Suspended"})
    plan = plan_group(found)
    assert plan.status.update is not None
    assert (plan.status.update.phase, plan.status.update.outcome) == ("Running", None)
    assert plan.wake_at == NOW
    assert told(plan_group(replace(found, status=plan.status))) == ("Successful", "done on 4 instances")


def test_one_that_is_suspended_does_not_end() -> None:
    plan = plan_group(view(IMAGE, wanted={"state": "Suspended"}))
    assert plan.status.update is not None
    assert (plan.status.update.phase, plan.status.update.committing, plan.steps) == ("Suspended", False, ())


# ---- failed


@pytest.mark.spec("rolling-update.md", "failure pauses")
@pytest.mark.parametrize("kind", [IMAGE, SCRIPT])
def test_a_failure_that_nobody_has_accepted_fails_it_and_no_image_is_written(kind: dict[str, Any]) -> None:
    failures = tuple({"name": f"web-{n}", "result": "Failed", "output": f"words {n}"} for n in range(3))
    found = view(kind, remembered={"succeeded": 7, "failed": 3, "accepted": 1, "failures": failures})
    plan = plan_group(found)
    assert told(plan) == ("Failed", "it failed on 2 of 4 instances, first on web-1: words 1")
    assert written(found) == []


def test_what_nobody_knows_counts_as_a_failure() -> None:
    failures = ({"name": "web-0", "result": "Unknown"},)
    plan = plan_group(view(SCRIPT, remembered={"unknown": 1, "failures": failures}))
    assert told(plan) == ("Failed", "it failed on 1 of 4 instances, first on web-0: Unknown")


def test_a_failure_of_which_nothing_is_told_fails_it_too() -> None:
    plan = plan_group(view(SCRIPT, remembered={"failed": 1}))
    assert told(plan) == ("Failed", "it failed on 1 of 4 instances, first on an instance")


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        (
            {"configuration": EDITED},
            "ScalingConfiguration web was changed since the update started, and is not overwritten: write the image "
            "into it yourself",
        ),
        (
            {"configuration": None},
            "ScalingConfiguration web was changed since the update started, and is not overwritten: write the image "
            "into it yourself",
        ),
        (
            {"sources": Sources(shared=frozenset({"web"}))},
            "ScalingConfiguration web is used by other groups too, which would get the image: give this group a "
            "configuration of its own",
        ),
    ],
)
@pytest.mark.parametrize("committing", [False, True])
def test_what_somebody_else_has_written_is_not_overwritten(fields: Any, words: str, committing: bool) -> None:
    revisions = (*REVISIONS, revision("web-7", 7, EDITED))
    found = view(IMAGE, remembered={"committing": committing}, revisions=revisions, **fields)
    assert written(found) == []
    assert told(plan_group(found)) == (
        "Failed",
        f"the instances have the image, but the configuration does not: {words}",
    )


@pytest.mark.parametrize("packages", [{}, {"packages": None}, {"packages": {"install": "another"}}])
def test_a_package_whose_script_is_another_now_is_given_up(packages: Any) -> None:
    started = plan_group(in_update(fleet(4), 4, update=None, updates=(update(**PACKAGE),)))
    assert started.status.update is not None
    going = in_update(fleet(4), 4, updates=(update(**PACKAGE),), packages=packages)
    plan = plan_group(replace(going, status=started.status))
    phase, words = told(plan)
    assert phase == "Failed"
    assert words.startswith("given up when it was done on 0 of 4 instances: package.source: ConfigMap packages ")
    assert run_in(plan) == []


def test_a_rollback_with_a_payload_of_its_own_does_not_need_the_earlier_one_any_more() -> None:
    back = update(**SCRIPT, invoke="Rollback", rollback_of="u0", status=RUNS)
    assert run_in(plan_group(in_update(fleet(4), 4, updates=(back,)))) == ["web-0", "web-1", "web-2", "web-3"]
    without = update(kind="Script", invoke="Rollback", rollback_of="u0", status=RUNS)
    assert told(plan_group(in_update(fleet(4), 4, updates=(without,)))) == (
        "Failed",
        "given up when it was done on 0 of 4 instances: rollbackOf: RollingUpdate u0 of this group does not exist",
    )


# ---- cancelled


@pytest.mark.parametrize("end", [{"state": "Cancelled"}, {"removing": True}])
def test_a_cancelled_one_ends_at_once_where_nothing_is_under_way(end: dict[str, Any]) -> None:
    remembered = {"batch": 2, "succeeded": 2, "phase": "Paused"}
    plan = plan_group(view(SCRIPT, fleet(4), remembered=remembered, wanted=end))
    assert told(plan) == ("Cancelled", "cancelled when it was done on 2 of 4 instances, which stay as they are")


def test_what_was_begun_settles_and_is_kept_and_nobody_else_is_told_of() -> None:
    there = (member(0, scripted()), member(1, scripted(None)), member(2), member(3, not_ready="5s"))
    running = {"remembered": {"batch": 1, "batches": 1, "succeeded": 0, "begun": ranges(0, 1)}}
    cancelled = view(SCRIPT, there, wanted={"state": "Cancelled"}, scripts_running={"web-1-uid"}, **running)
    plan = plan_group(cancelled)
    assert (run_in(plan), kept(plan), told(plan)[0]) == ([], (), "Running")

    over = replace(cancelled, scripts_running=frozenset())
    assert results(plan_group(over)) == {"web-0": "Succeeded", "web-1": "Unknown"}
    plan = plan_group(replace(over, results_kept=frozenset({(UID, 1)})))
    assert told(plan) == ("Cancelled", "cancelled when it was done on 1 of 4 instances, which stay as they are")
    status = status_of(plan)
    assert (status.succeeded, status.unknown, status.skipped) == (1, 1, 0)
    assert status.touched == (OrdinalRange(first=0, count=4),)


def test_one_that_may_run_twice_is_not_run_again_when_it_is_cancelled() -> None:
    spec = {"script": SCRIPT["script"] | {"idempotent": True}, "state": "Cancelled"}
    there = (member(0, scripted(None, begun="2h")),)
    plan = plan_group(view(SCRIPT, there, wanted=spec, remembered={"batch": 1, "batches": 1, "begun": ranges(0)}))
    assert results(plan) == {"web-0": "Unknown"}


def test_one_that_is_gone_ends_as_cancelled() -> None:
    plan = plan_group(view(SCRIPT, fleet(4), remembered={"batch": 2}, updates=()))
    assert (plan.status.update, plan.reports) == (None, ())
    assert [each.outcome for each in plan.status.finished_rollouts] == ["Cancelled"]


def test_one_that_is_gone_while_the_image_is_written_still_ends_well() -> None:
    found = view(IMAGE, remembered={"committing": True}, updates=())
    assert len(written(found)) == 1
    plan = plan_group(replace(found, configuration=NEXT_CONFIGURATION))
    assert [each.outcome for each in plan.status.finished_rollouts] == ["Successful"]


# ---- afterwards


def ended(outcome: str = "Successful", **fields: Any) -> GroupView:
    remembered = {"outcome": outcome, "phase": outcome, "message": "done", "digest": "d"}
    return view(SCRIPT, remembered=remembered, **fields)


def test_it_is_remembered_until_its_own_status_says_how_it_ended() -> None:
    plan = plan_group(ended())
    assert plan.status.update is not None
    assert told(plan) == ("Successful", "done")


@pytest.mark.parametrize(
    ("outcome", "kind"), [("Successful", "Normal"), ("Cancelled", "Normal"), ("Failed", "Warning")]
)
def test_then_it_is_forgotten_and_its_end_is_told(outcome: str, kind: str) -> None:
    plan = plan_group(ended(outcome, wanted={"status": RUNS | {"phase": outcome}}))
    assert plan.status.update is None
    (note,) = plan.status.finished_rollouts
    assert (note.name, note.uid, note.digest, note.outcome) == ("u1", UID, "d", outcome)
    (event,) = plan.events
    assert (event.type, str(event.reason)) == (kind, f"RollingUpdate u1 ended as {outcome}: done")


def test_no_more_ends_are_noted_than_the_history_has_room_for() -> None:
    found = ended(wanted={"status": RUNS | {"phase": "Successful"}}, group_spec={"history_limit": 1})
    plan = plan_group(found)
    again = replace(found, status=found.status.model_copy(update={"finished_rollouts": plan.status.finished_rollouts}))
    assert len(plan_group(again).status.finished_rollouts) == 1


def test_the_revision_with_the_image_is_kept_while_the_update_runs() -> None:
    revisions = tuple(revision(f"web-{n}", n, {"n": n}) for n in (3, 4, 5)) + REVISIONS
    there = fleet(4)
    found = view(IMAGE, there, revisions=revisions, remembered={"batch": 2, "phase": "Paused"}, wanted=PAUSES)
    forgotten = [step.name for step in plan_group(found).steps if isinstance(step, ForgetRevision)]
    assert "web-2" not in forgotten
    assert forgotten


PAUSES = {"pause": "EveryBatchPause"}


def test_a_refresh_waits_for_its_turn_meanwhile() -> None:
    plan = plan_group(view(SCRIPT, fleet(4), refreshes=(image_refresh("r1", age="1s"),)))
    assert plan.status.rollout is None
    assert told(plan, "r1")[0] == "Failed"


def test_no_phase_of_an_update_is_missing_in_the_table() -> None:
    phases = {"Pending", "Running", "Paused", "Suspended", "Successful", "Failed", "Cancelled"}
    assert phases <= {str(phase) for phase in PHASES}


def test_a_verdict_may_come_late_and_still_counts() -> None:
    there = (member(0, imaged(begun="9m", runs="20s"), revision="web-2"), *fleet(3, first=1))
    remembered = {"batch": 1, "batches": 4, "begun": ranges(0), "members": (OrdinalRange(first=0, count=4),)}
    plan = plan_group(view(IMAGE, there, remembered=remembered | {"succeeded": 0}))
    assert results(plan) == {"web-0": str(InstanceResult.SUCCEEDED)}
