"""How an update goes on: which instances are changed now, what a batch waits for, and when it is over."""

from typing import Any

import pytest

from tests.planner.rolling_update.updating import (
    UID,
    changed,
    counts,
    imaged,
    kept,
    member,
    ranges,
    results,
    run_in,
    scripted,
    told,
)
from tests.updates import PACKAGE, SCRIPT, in_update, planned_for, status_of
from tests.worlds import CONFIGURATION, NOW, ago, fleet, later, revision
from windlass.api.ordinals import OrdinalRange
from windlass.api.rolling_update import InstanceResult
from windlass.planner.capacity.steps import ChangeImage, Remove, RunScript
from windlass.planner.group import plan_group

FAILED, UNKNOWN = InstanceResult.FAILED, InstanceResult.UNKNOWN
OUT = {"not_ready": "10s"}  # of service, and not for long enough to be replaced
ALL = (OrdinalRange(first=0, count=10),)
MAIN = {"metadata": {"annotations": {"kubectl.kubernetes.io/default-container": "side"}}}


def image(instances: Any, *, batches: int = 2, begun: tuple[int, ...] = (), desired: int = 10, **fields: Any) -> Any:
    """The plan for an image in so many batches."""
    remembered = {
        "batches": batches,
        "begun": ranges(*begun),
        "from_revision": "web-1",
        "to_revision": "web-2",
    } | fields.pop("remembered", {})
    wanted = {"batches": batches, "status": {"start_time": ago("1m"), "phase": "Running"}} | fields.pop("wanted", {})
    return planned_for(instances, desired, remembered=remembered, wanted=wanted, **fields)


def script(instances: Any, *, desired: int = 4, remembered: Any = None, spec: Any = None, **fields: Any) -> Any:
    """The plan for a script that runs in all at once, unless something else is remembered."""
    wanted = {"status": {"start_time": ago("1m"), "phase": "Running"}} | SCRIPT | (spec or {})
    return planned_for(instances, desired, remembered=remembered, wanted=wanted, **fields)


# ---- images, in waves


def test_a_batch_begins_with_as_many_as_may_be_out_of_service() -> None:
    plan = image(fleet(10))
    assert changed(plan) == ["web-0", "web-1"]
    assert plan.status.update is not None
    assert plan.status.update.begun == (OrdinalRange(first=0, count=2),)
    assert str(plan.why) == "RollingUpdate u1: batch 1 of 2, 2 instances to run web:2"


@pytest.mark.parametrize(
    ("desired", "most"), [(1, 1), (2, 1), (4, 1), (5, 1), (6, 1), (9, 1), (10, 2), (14, 2), (15, 3), (20, 4)]
)
def test_no_more_than_a_fifth_are_out_of_service_at_once(desired: int, most: int) -> None:
    members = (OrdinalRange(first=0, count=desired),)
    batch = -(-desired // 2)
    plan = image(fleet(desired), desired=desired, remembered={"members": members, "batches": min(2, desired)})
    assert len(changed(plan)) == min(most, batch)


def test_those_out_of_service_already_count() -> None:
    there = (*fleet(9), member(9, **OUT))
    assert changed(image(there)) == ["web-0"]
    plan = image((*fleet(8), member(8, **OUT), member(9, **OUT)))
    assert changed(plan) == []
    words = "0 of 10 done; waits for instances to be in service again: 8 are, and none may go out of it below 8"
    assert told(plan) == ("Running", words)


def test_those_under_way_do_not_serve_even_while_they_are_ready() -> None:
    plan = image((member(0, imaged(runs=None)), *fleet(9, first=1)), begun=(0,))
    assert changed(plan) == ["web-1"]


def test_one_batch_that_was_asked_for_takes_all_at_once() -> None:
    assert len(changed(image(fleet(10), batches=1))) == 10


def test_a_batch_of_one_that_comes_of_few_members_keeps_the_floor() -> None:
    plan = image(fleet(10, not_ready="10s"), wanted={"batches": 3}, remembered={"members": ranges(0), "batches": 1})
    assert changed(plan) == []


def test_what_was_to_be_begun_before_goes_first() -> None:
    assert changed(image(fleet(10), begun=(3, 4))) == ["web-3", "web-4"]


def test_what_is_missing_and_may_not_be_launched_is_not_waited_for() -> None:
    few = {"instances": fleet(6), "remembered": {"members": (OrdinalRange(first=0, count=6),)}}
    assert changed(image(**few)) == []
    assert changed(image(**few, wanted={"enter_processes": ("ScaleOut",)})) == ["web-0"]


def test_the_step_says_what_is_to_be_written() -> None:
    (step,) = [each for each in image(fleet(9)).steps if isinstance(each, ChangeImage)]
    assert (step.name, step.uid, step.container, step.image) == ("web-0", "web-0-uid", "web", "web:2")
    assert (step.update, step.revision) == (UID, "web-2")
    assert str(step.why) == "RollingUpdate u1 gives container web the image web:2"


def test_only_what_was_made_from_the_group_s_own_configuration_is_as_good_as_from_the_new_one() -> None:
    there = (member(0, revision="web-0"), member(1, revision="web-2"), *fleet(8, first=2))
    found = [each.revision for each in image(there).steps if isinstance(each, ChangeImage)]
    assert found == [None, "web-2"]


def test_the_container_is_that_of_the_revision_with_the_image_whatever_becomes_of_the_configuration() -> None:
    plan = image(fleet(10), configuration=None)
    assert [each.container for each in plan.steps if isinstance(each, ChangeImage)] == ["web", "web"]


def test_an_instance_that_is_changed_is_not_replaced_because_it_is_not_ready() -> None:
    waits = (member(0, imaged(runs=None, begun="9m"), not_ready="8m"), *fleet(9, first=1))
    plan = image(waits, begun=(0,), group_spec={"health_seconds": 60, "launch_timeout_seconds": 600})
    assert not [step for step in plan.steps if isinstance(step, Remove)]
    late = (member(0, imaged(runs=None, begun="10m"), not_ready="8m"), *fleet(9, first=1))
    plan = image(late, begun=(0,), group_spec={"health_seconds": 60, "launch_timeout_seconds": 600})
    assert [step.name for step in plan.steps if isinstance(step, Remove)] == ["web-0"]  # it has failed


def test_one_that_failed_is_kept_until_its_words_are_where_nobody_waits_for_its_place() -> None:
    crashed = member(0, imaged(crashes=True, trouble="exited with 1"), not_ready="8m")
    slow = member(1, imaged(runs=None), **OUT)
    plan = image((crashed, slow, *fleet(8, first=2)), begun=(0, 1), batches=5)
    assert not plan.steps
    assert counts(plan) == (0, 1, 0, 0)


def test_others_are_replaced_as_ever() -> None:
    plan = image((*fleet(9), member(9, not_ready="8m")))
    assert [step.name for step in plan.steps if isinstance(step, Remove)] == ["web-9"]
    by_script = script((member(0, scripted(None), not_ready="8m"), *fleet(3, first=1)), scripts_running={"web-0-uid"})
    assert [step.name for step in by_script.steps if isinstance(step, Remove)] == ["web-0"]


# ---- scripts, side by side


@pytest.mark.spec("rolling-update.md", "side by side")
def test_a_script_runs_in_all_of_a_batch_side_by_side() -> None:
    plan = script(fleet(4), remembered={"batches": 2})
    assert run_in(plan) == ["web-0", "web-1"]
    (step, _) = [each for each in plan.steps if isinstance(each, RunScript)]
    assert (step.name, step.uid, step.container, step.seconds) == ("web-0", "web-0-uid", "web", 60)
    assert (step.command, dict(step.environment)) == (("/bin/sh", "-c", "echo hello"), {})
    assert (step.update, step.instead_of) == (UID, "")
    assert str(step.why) == "RollingUpdate u1 runs its script in container web"
    assert str(plan.why) == "RollingUpdate u1: batch 1 of 2, 2 instances to run the script"


@pytest.mark.spec("rolling-update.md", "package")
def test_a_package_tells_its_script_what_it_is_about() -> None:
    plan = planned_for(fleet(1), 1, wanted=PACKAGE | {"status": {"start_time": NOW, "phase": "Running"}})
    (step,) = [each for each in plan.steps if isinstance(each, RunScript)]
    assert dict(step.environment) == {"PACKAGE_NAME": "htop", "PACKAGE_VERSION": "3.2"}


def test_scripts_take_nothing_out_of_service() -> None:
    there = (*fleet(2), member(2, **OUT), member(3, **OUT))
    assert run_in(script(there, remembered={"batches": 2})) == ["web-0", "web-1"]


def test_each_instance_s_own_main_container_runs_it() -> None:
    template = {"template": CONFIGURATION["template"] | MAIN}
    revisions = (revision("web-0", 1, template), revision("web-1", 2))
    there = (member(0, revision="web-0"), member(1), member(2, revision="gone"))
    plan = script(there, desired=3, revisions=revisions)
    assert [each.container for each in plan.steps if isinstance(each, RunScript)] == ["side", "web", "web"]


def test_a_pass_begins_no_more_than_256() -> None:
    many = script(fleet(300), desired=300, group_spec={"max_size": 300})
    assert len(run_in(many)) == 256
    assert many.status.update is not None
    assert many.status.update.begun == (OrdinalRange(first=0, count=256),)


def test_one_that_is_about_to_begin_is_not_begun_again() -> None:
    plan = script(fleet(4), remembered={"begun": ALL}, scripts_running=frozenset(f"web-{n}-uid" for n in range(4)))
    assert run_in(plan) == []
    assert (
        told(plan)[1]
        == "0 of 4 done; waits for the script to end on 4 instances of batch 1 (web-0: its script is about to begin)"
    )


def test_one_that_may_run_twice_is_run_again_in_place_of_the_other_try() -> None:
    spec = {"script": SCRIPT["script"] | {"idempotent": True}}
    there = (member(0, scripted(None, begun="70s")), member(1, scripted(None, begun="69s")))
    plan = script(there, desired=2, spec=spec, remembered={"begun": ALL})
    (step,) = [each for each in plan.steps if isinstance(each, RunScript)]
    assert (step.name, step.instead_of) == ("web-0", "r")


def test_the_mark_of_another_update_says_nothing_of_this_one() -> None:
    plan = script((member(0, scripted(update="another")),), desired=1)
    (step,) = [each for each in plan.steps if isinstance(each, RunScript)]
    assert step.instead_of == ""


# ---- who is skipped, and who has failed


def test_who_is_gone_or_out_of_service_when_its_turn_comes_is_skipped() -> None:
    there = (member(0, scripted()), member(1, **OUT), member(3, removing=True))
    plan = script(there, remembered={"begun": ()})
    assert results(plan) == {
        "web-0": "Succeeded",
        "web-1": "Skipped",
        "web-2": "Skipped",
        "web-3": "Skipped",
    }


@pytest.mark.parametrize("there", [(), (member(0, removing=True),)])
def test_who_leaves_after_it_was_begun_has_failed(there: Any) -> None:
    plan = script(there, desired=1, remembered={"begun": ranges(0)})
    (outcome,) = kept(plan)
    assert (outcome.result, outcome.output) == (FAILED, "the instance left before it was done there")


def test_who_leaves_after_it_has_succeeded_is_skipped() -> None:
    assert results(script((), desired=1, remembered={"begun": ()})) == {"web-0": "Skipped"}


def test_what_has_succeeded_is_not_open_any_more() -> None:
    there = (member(0, imaged()), member(1, imaged(runs="5s")), *fleet(8, first=2))
    plan = image(there, begun=(0, 1), batches=5)
    assert plan.status.update is not None
    assert plan.status.update.begun == ranges(1)
    assert counts(plan) == (1, 0, 0, 0)
    assert plan.wake_at == later("5s")


def test_what_has_succeeded_stays_so_while_others_are_waited_for() -> None:
    there = (member(0, imaged(begun="2h"), **OUT), member(1, imaged(runs="5s")), *fleet(8, first=2))
    assert counts(image(there, begun=(1,), batches=5)) == (1, 0, 0, 0)


# ---- the end of a batch


@pytest.mark.spec("rolling-update.md", "results")
def test_when_all_of_a_batch_have_a_result_these_are_kept_once() -> None:
    there = (
        member(0, scripted(exit_code=0)),
        member(1, scripted(FAILED, exit_code=3, output="no space")),
        member(2, scripted(None)),
        member(3, **OUT),
    )
    plan = script(there, remembered={"begun": ranges(0, 1, 2)})
    assert results(plan) == {"web-0": "Succeeded", "web-1": "Failed", "web-2": "Unknown", "web-3": "Skipped"}
    (_, failed, *_) = kept(plan)
    assert (failed.exit_code, failed.output, failed.started_at, failed.ended_at) == (
        3,
        "no space",
        ago("50s"),
        ago("5s"),
    )
    assert str(plan.why) == "RollingUpdate u1: batch 1 is over, its results are kept"
    assert plan.status.update is not None
    assert (plan.status.update.batch, plan.status.update.failed) == (1, 0)


@pytest.mark.spec("rolling-update.md", "counters")
def test_they_are_counted_once_they_are_kept() -> None:
    there = (
        member(0, scripted()),
        member(1, scripted(FAILED, exit_code=3, output="no space")),
        member(2, scripted(None)),
        member(3, **OUT),
        *fleet(4, first=4),
    )
    view = in_update(
        there,
        8,
        remembered={"begun": ranges(0, 1, 2), "batches": 2, "succeeded": 1, "skipped": 1},
        wanted=SCRIPT | {"batches": 2, "status": {"start_time": NOW, "phase": "Running"}},
        results_kept=frozenset({(UID, 1)}),
    )
    plan = plan_group(view)
    run = plan.status.update
    assert run is not None
    assert (run.batch, run.succeeded, run.failed, run.unknown, run.skipped) == (2, 2, 1, 1, 2)
    assert (run.touched, run.begun) == ((OrdinalRange(first=0, count=3),), ())
    assert [(each.name, str(each.result), each.exit_code) for each in run.failures] == [
        ("web-1", "Failed", 3),
        ("web-2", "Unknown", None),
    ]
    assert counts(plan) == (2, 1, 1, 2)


def test_what_other_updates_kept_says_nothing() -> None:
    plan = script((member(0, scripted()),), desired=1, results_kept=frozenset({("another", 1), (UID, 2)}))
    assert results(plan) == {"web-0": "Succeeded"}


def test_who_comes_back_when_the_results_are_kept_has_missed_its_turn() -> None:
    plan = script((member(0, scripted()), member(1)), desired=2, results_kept=frozenset({(UID, 1)}))
    assert run_in(plan) == []
    assert plan.status.update is not None
    assert (plan.status.update.succeeded, plan.status.update.skipped) == (1, 1)


def test_no_more_than_ten_failures_are_told() -> None:
    there = tuple(member(n, scripted(FAILED, output=str(n))) for n in range(12))
    plan = script(there, desired=12, results_kept=frozenset({(UID, 1)}))
    assert plan.status.update is not None
    assert plan.status.update.failed == 12
    assert [each.name for each in plan.status.update.failures] == [f"web-{n}" for n in range(10)]


def test_a_batch_that_waits_for_one_is_not_over() -> None:
    there = (member(0, scripted()), member(1, scripted(None)))
    plan = script(there, desired=2, scripts_running=frozenset({"web-1-uid"}))
    assert kept(plan) == ()
    assert counts(plan) == (1, 0, 0, 0)


# ---- pauses


PAUSED = {"batches": 3, "batch": 2, "succeeded": 1}


@pytest.mark.spec("rolling-update.md", "pause option")
@pytest.mark.parametrize(
    ("option", "batch", "approved", "waits"),
    [
        ("Automatic", 1, 1, False),
        ("Automatic", 2, 1, False),
        ("FirstBatchPause", 1, 1, False),
        ("FirstBatchPause", 2, 1, True),
        ("FirstBatchPause", 2, 2, False),
        ("FirstBatchPause", 3, 1, False),
        ("EveryBatchPause", 1, 1, False),
        ("EveryBatchPause", 2, 1, True),
        ("EveryBatchPause", 2, 2, False),
        ("EveryBatchPause", 3, 2, True),
        ("EveryBatchPause", 3, 3, False),
    ],
)
def test_before_which_batches_a_person_is_waited_for(option: str, batch: int, approved: int, waits: bool) -> None:
    spec = {"batches": 3, "pause": option, "approved_batches": approved}
    plan = script(fleet(3), desired=3, remembered={"batches": 3, "batch": batch}, spec=spec)
    assert plan.status.update is not None
    assert plan.status.update.phase == ("Paused" if waits else "Running")
    assert run_in(plan) == ([] if waits else [f"web-{batch - 1}"])


def test_a_pause_says_what_goes_on() -> None:
    plan = script(fleet(3), desired=3, remembered=PAUSED, spec={"batches": 3, "pause": "EveryBatchPause"})
    words = "a person to let batch 2 of 3 begin: `kubectl windlass approve u1`, or spec.approvedBatches 2"
    assert told(plan) == ("Paused", f"1 of 3 done; waits for {words}")
    assert status_of(plan).waiting_for == words
    assert plan.wake_at is None
    assert (
        plan.status.message == f"3 instances in service, as desired; RollingUpdate u1: 1 of 3 done, waits for {words}"
    )
    assert plan.status.phase == "Ready"


@pytest.mark.spec("rolling-update.md", "failure pauses")
@pytest.mark.parametrize(("approved", "phase"), [(1, "Paused"), (2, "Paused"), (3, "Running")])
def test_after_a_failure_approval_must_be_raised(approved: int, phase: str) -> None:
    failures = ({"name": "web-0", "result": "Failed", "output": "no space"},)
    remembered = {"batches": 3, "batch": 2, "failed": 1, "approved_at_failure": 2, "failures": failures}
    plan = script(fleet(3), desired=3, remembered=remembered, spec={"batches": 3, "approved_batches": approved})
    run = plan.status.update
    assert run is not None
    assert (run.phase, run.accepted) == (phase, 1 if phase == "Running" else 0)
    if phase == "Paused":
        assert told(plan)[1] == (
            "0 of 3 done; waits for a person, because it failed on web-0: no space: `kubectl windlass approve u1` goes "
            "on with batch 2 of 3, `kubectl windlass cancel u1` ends it"
        )


def test_the_failure_that_is_told_is_the_one_that_nobody_has_accepted() -> None:
    failures = tuple({"name": f"web-{n}", "result": "Failed", "output": f"words {n}"} for n in range(2))
    remembered = {"batches": 3, "batch": 3, "failed": 2, "accepted": 1, "approved_at_failure": 2, "failures": failures}
    plan = script(fleet(3), desired=3, remembered=remembered, spec={"batches": 3, "approved_batches": 2})
    assert "it failed on web-1: words 1:" in told(plan)[1]


def test_a_failure_is_remembered_with_the_approval_of_then() -> None:
    spec = {"batches": 2, "approved_batches": 7}
    there = (member(0, scripted(FAILED)), member(1))
    plan = script(there, desired=2, remembered={"batches": 2}, spec=spec, results_kept=frozenset({(UID, 1)}))
    assert plan.status.update is not None
    assert (plan.status.update.phase, plan.status.update.approved_at_failure) == ("Paused", 7)


@pytest.mark.parametrize(
    ("fields", "phase"),
    [
        ({"spec": {"batches": 3, "pause": "EveryBatchPause"}}, "Paused"),
        ({"spec": {"batches": 3, "state": "Suspended"}}, "Suspended"),
    ],
)
def test_nobody_is_skipped_while_nothing_may_begin(fields: Any, phase: str) -> None:
    plan = script((member(0), member(1, **OUT), member(2)), desired=3, remembered=PAUSED | {"phase": phase}, **fields)
    assert kept(plan) == ()
    assert plan.status.update is not None
    assert (plan.status.update.phase, plan.status.update.batch, plan.status.update.skipped) == (phase, 2, 0)


# ---- suspended


def test_suspended_means_that_what_was_begun_settles_and_nothing_else_begins() -> None:
    there = (member(0, imaged(runs=None), **OUT), *fleet(9, first=1))
    plan = image(there, begun=(0,), wanted={"state": "Suspended"})
    assert changed(plan) == []
    assert told(plan) == (
        "Suspended",
        "0 of 10 done; waits for 1 instance of batch 1 to run the image for a while (web-0: web:2 does not run yet)",
    )
    settled = image((member(0, imaged()), *fleet(9, first=1)), begun=(0,), wanted={"state": "Suspended"})
    assert told(settled) == ("Suspended", "1 of 10 done; waits for spec.state to be Running again")


def test_a_batch_that_is_done_is_told_though_the_update_is_suspended() -> None:
    there = (member(0, scripted()), member(1))
    remembered = {"batches": 2, "phase": "Suspended"}
    plan = script(there, desired=2, remembered=remembered, spec={"batches": 2, "state": "Suspended"})
    assert results(plan) == {"web-0": "Succeeded"}


def test_a_group_that_is_switched_off_suspends_its_update() -> None:
    plan = script(fleet(4), group_spec={"enabled": False})
    assert run_in(plan) == []
    assert told(plan)[0] == "Suspended"


def test_the_group_says_how_far_its_update_is() -> None:
    there = (member(0, imaged(runs=None), **OUT), *fleet(9, first=1))
    plan = image(there, begun=(0,), remembered={"batches": 10}, wanted={"batches": 10})
    assert plan.status.message == (
        "RollingUpdate u1: 0 of 10 done, waits for 1 instance of batch 1 to run the image for a while (web-0: web:2 "
        "does not run yet)"
    )
    assert plan.status.phase == "Waiting"


def test_instances_with_the_new_image_are_not_outdated_while_it_runs() -> None:
    there = (member(0, imaged(), revision="web-2"), *fleet(9, first=1))
    assert image(there, begun=(), batches=10).status.outdated == 0
    assert planned_for(there, update=None, updates=()).status.outdated == 1


def test_a_group_without_updates_says_nothing_of_them() -> None:
    plan = planned_for(fleet(10), update=None, updates=())
    assert (plan.status.update, plan.reports, plan.steps) == (None, (), ())
