"""Which update has its turn, how it begins, and why others end before they begin."""

from dataclasses import replace
from typing import Any

import pytest

from tests.planner.rolling_update.updating import told
from tests.refreshes import image_refresh
from tests.updates import IMAGE, PACKAGE, PACKAGES, REVISIONS, SCRIPT, in_update, update
from tests.worlds import CONFIGURATION, NEXT_CONFIGURATION, NOW, ago, fleet, group, instance, planned, rollout
from windlass.api.ordinals import OrdinalRange
from windlass.api.rollout import FinishedRollout
from windlass.api.scaling_group import ConfigurationSource
from windlass.planner.capacity.steps import KeepRevision
from windlass.planner.digest import digest
from windlass.planner.group import plan_group
from windlass.planner.rolling_update.update import Update
from windlass.planner.rollout.refresh import Sources

RUNS = {"start_time": NOW, "phase": "Running"}
OVER = {"start_time": NOW, "completion_time": NOW, "phase": "Failed"}
TEMPLATE = {"versions": [{"version": 1, "template": CONFIGURATION["template"]}]}


def begun(*updates: Update, count: int = 4, **fields: Any) -> Any:
    """The plan of a group at rest with these updates."""
    given: dict[str, Any] = {"revisions": REVISIONS, "packages": PACKAGES, "updates": updates} | fields
    return planned(group(count), given.pop("instances", fleet(count)), **given)


# ---- the line


@pytest.mark.spec("rolling-update.md", "invoke")
def test_while_one_runs_a_second_is_refused_with_its_name() -> None:
    plan = plan_group(in_update(fleet(10), updates=(update(status=RUNS), update("u2", at=NOW, **SCRIPT))))
    words = "RollingUpdate u1 is active: wait until it is over, or cancel it, and create this one again"
    assert told(plan, "u2") == ("Failed", words)


def test_a_refresh_and_an_update_stand_in_one_line() -> None:
    plan = begun(update(at=ago("1m")), refreshes=(image_refresh("r1", age="2m"),))
    assert told(plan) == (
        "Failed",
        "InstanceRefresh r1 is active: wait until it is over, or cancel it, and create this one again",
    )
    assert plan.status.update is None
    assert plan.status.rollout is not None


def test_an_elder_update_is_before_a_refresh() -> None:
    plan = begun(update(at=ago("3m"), **SCRIPT), refreshes=(image_refresh("r1", age="2m"),))
    assert plan.status.rollout is None
    assert plan.status.update is not None
    assert told(plan, "r1")[0] == "Failed"


def test_none_starts_while_the_group_still_remembers_a_refresh() -> None:
    over = image_refresh("r1", age="2h", status=OVER)
    plan = begun(update(**SCRIPT), refreshes=(over,), rollout=rollout(phase="Failed", outcome="Failed"))
    assert (plan.status.rollout, plan.status.update) == (None, None)  # that is forgotten first


def test_no_refresh_starts_while_the_group_still_remembers_an_update() -> None:
    view = in_update(
        fleet(10),
        remembered={"outcome": "Failed", "phase": "Failed"},
        wanted={"status": RUNS},
        refreshes=(image_refresh("r1", age="9s"),),
    )
    assert plan_group(view).status.rollout is None


def test_one_that_is_suspended_keeps_its_turn_and_does_not_begin() -> None:
    plan = begun(update(state="Suspended", **SCRIPT))
    assert plan.status.update is None
    assert told(plan)[0] == "Pending"


def test_one_that_is_cancelled_before_it_begins_ends() -> None:
    assert told(begun(update(state="Cancelled", **SCRIPT))) == (
        "Cancelled",
        "cancelled when it was done on 0 of 0 instances, which stay as they are",
    )


def test_one_that_is_being_deleted_does_not_begin() -> None:
    assert begun(update(removing=True, **SCRIPT)).status.update is None


def test_one_that_has_a_start_time_is_never_started_again() -> None:
    words = "it had started, and its group knows nothing of it any more (status.update is empty): create another one"
    assert told(begun(update(status=RUNS, **SCRIPT))) == ("Failed", words)


def test_one_that_ran_before_is_not_run_again_unless_it_asks_for_something_else() -> None:
    before = update(**SCRIPT)
    noted = FinishedRollout(name="u1", uid="another", digest=before.digest, outcome="Successful")
    view = in_update(fleet(3), 3, updates=(update(state_reason="as before", **SCRIPT),), update=None)
    done = view.status.model_copy(update={"finished_rollouts": (noted,)})
    seen = told(plan_group(_with_status(view, done)))
    words = "an update u1 that asked for the same ended before as Successful: nothing is done; give it another name"
    assert seen == ("Successful", f"{words} to have it done again")

    other = in_update(fleet(3), 3, updates=(update(batches=2, **SCRIPT),), update=None)
    assert plan_group(_with_status(other, done)).status.update is not None


def _with_status(view: Any, status: Any) -> Any:
    return replace(view, status=status)


def test_one_with_the_token_of_another_does_as_that_one_does() -> None:
    first = update("u0", at=ago("2m"), client_token="t", status=OVER, **SCRIPT)
    plan = begun(first, update(client_token="t", **SCRIPT))
    words = "RollingUpdate u0 has the same clientToken: nothing is done, its outcome counts"
    assert told(plan) == ("Failed", words)
    waiting = begun(update("u0", at=ago("2m"), client_token="t", **SCRIPT), update(client_token="t", **SCRIPT))
    assert told(waiting) == ("Pending", words)


# ---- how it begins


@pytest.mark.spec("rolling-update.md", "batch number")
def test_its_members_are_those_in_service_as_ranges_of_their_ordinals() -> None:
    there = (
        *fleet(3),
        instance("web-3", not_ready="5s"),
        instance("web-4", removing=True),
        instance("web-7"),
        instance("web-5", age="9s", ready=None),
    )
    run = begun(update(batches=3, **SCRIPT), instances=there, count=6).status.update
    assert run is not None
    assert run.members == (OrdinalRange(first=0, count=3), OrdinalRange(first=7, count=1))
    assert (run.batches, run.batch, run.phase, run.begun) == (3, 1, "Running", ())
    assert (run.name, run.uid, run.started_at) == ("u1", "uid-u1", NOW)


def test_protected_ones_are_members_too() -> None:
    run = begun(update(**SCRIPT), instances=fleet(2, protected=True), count=2).status.update
    assert run is not None
    assert run.members == (OrdinalRange(first=0, count=2),)


@pytest.mark.spec("rolling-update.md", "batch number")
def test_of_fewer_instances_than_batches_each_is_one() -> None:
    run = begun(update(batches=40, **SCRIPT)).status.update
    assert run is not None
    assert run.batches == 4


def test_its_start_is_told() -> None:
    plan = begun(update(batches=2, **SCRIPT))
    assert [str(event.reason) for event in plan.events] == ["RollingUpdate u1 starts: 4 instances in 2 batches"]
    assert plan.wake_at == NOW


@pytest.mark.spec("rolling-update.md", "image")
def test_an_image_s_revision_is_kept_before_it_begins() -> None:
    plan = begun(update(), revisions=REVISIONS[:1])
    (step,) = [each for each in plan.steps if isinstance(each, KeepRevision)]
    assert (step.data["configuration"], step.refresh) == (NEXT_CONFIGURATION, "uid-u1")
    assert str(step.why) == "RollingUpdate u1 will make instances what it describes"
    assert plan.status.update is None


def test_an_image_remembers_both_revisions_and_the_configuration_of_now() -> None:
    run = begun(update()).status.update
    assert run is not None
    assert (run.from_revision, run.to_revision) == ("web-1", "web-2")
    assert run.own == digest(REVISIONS[0].data)
    assert run.payload == ""


def test_a_script_is_told_from_others_and_needs_no_revision() -> None:
    run = begun(update(**PACKAGE), configuration=None, revisions=REVISIONS[:1]).status.update
    assert run is not None
    assert (run.from_revision, run.to_revision, run.own) == ("", "", "")
    assert len(run.payload) == 64


@pytest.mark.spec("rolling-update.md", "rollback")
def test_a_rollback_is_about_those_that_were_touched_and_are_in_service() -> None:
    touched = (OrdinalRange(first=1, count=2), OrdinalRange(first=9, count=4))
    earlier = update("u0", at=ago("1h"), status=OVER | {"touched": touched}, **PACKAGE)
    back = update(kind="Package", invoke="Rollback", rollback_of="u0")
    run = begun(earlier, back).status.update
    assert run is not None
    assert run.members == (OrdinalRange(first=1, count=2),)


def test_where_nobody_is_in_service_it_is_done_at_once() -> None:
    view = in_update(fleet(2, not_ready="5s"), 2, remembered={"members": (), "batches": 0, "to_revision": "web-2"})
    plan = plan_group(view)
    assert told(plan) == ("Successful", "no instance that it is about was in service: nothing was done")
    assert not plan.steps


# ---- why it does not


@pytest.mark.spec("rolling-update.md", "image: only scaling configurations")
@pytest.mark.parametrize(
    ("wanted", "fields", "words"),
    [
        (
            IMAGE,
            {"sources": Sources(shared=frozenset({"web"}))},
            "ScalingConfiguration web is used by other groups too, which would get the image: give this group a "
            "configuration of its own",
        ),
        (IMAGE, {"configuration": None}, "the group's own configuration does not exist: create it"),
        (
            IMAGE,
            {"refresh_problems": {"uid-u1": "bad name"}},
            "the API server refuses an instance with that image: bad name",
        ),
        (
            {"kind": "Image", "image": {"container": "side", "image": "web:2"}},
            {},
            "there is no container side in the template: its containers are web",
        ),
        (PACKAGE, {"packages": {}}, "package.source: ConfigMap packages does not exist in this namespace"),
        (
            PACKAGE,
            {"packages": {"packages": {}}},
            "package.source: ConfigMap packages needs a key install with a script of 1 to 16384 bytes",
        ),
        (
            {"kind": "Script", "invoke": "Rollback", "rollback_of": "u0"},
            {},
            "rollbackOf: RollingUpdate u0 of this group does not exist",
        ),
    ],
)
def test_what_cannot_be_done_ends_at_once(wanted: dict[str, Any], fields: dict[str, Any], words: str) -> None:
    plan = begun(update(**wanted), **fields)
    assert told(plan) == ("Failed", words)
    assert plan.status.update is None


@pytest.mark.spec("rolling-update.md", "image: only scaling configurations")
def test_an_image_needs_a_scaling_configuration() -> None:
    source = ConfigurationSource.model_validate({"launchTemplate": {"name": "web", "version": "1"}})
    plan = planned(
        group(4, configuration=source),
        fleet(4),
        updates=(update(),),
        configuration=None,
        template=TEMPLATE,
        revisions=(),
    )
    assert told(plan) == (
        "Failed",
        "the group is made from LaunchTemplate web, whose versions do not change: add a version with the image, and "
        "refresh the group",
    )


def test_a_script_may_run_in_a_container_that_the_template_does_not_have() -> None:
    injected = update(kind="Script", script={"run": "x", "container": "injected"})
    assert begun(injected).status.update is not None
