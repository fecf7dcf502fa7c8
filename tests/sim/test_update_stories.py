"""Rolling updates played from beginning to end; each golden log shows them write by write, with the reasons.

To accept a changed log: `WINDLASS_GOLDEN=write pytest tests/sim/test_update_stories.py`.
"""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from tests.sim.story import Named, Story
from tests.updates import PACKAGE, PACKAGES, SCRIPT, STARTED, update
from tests.worlds import CONFIGURATION, NEXT_CONFIGURATION
from windlass.api.processes import Process
from windlass.api.rolling_update import RollingUpdateStatus, UpdateState
from windlass.simulate.kubelet import Change
from windlass.simulate.world import PlayedOperator


def begun(desired: int = 4, changes: dict[str, Change] | None = None, **wanted: Any) -> Story:
    """A group at rest whose update u1 has just been created."""
    story = Story(desired)
    story.world.configuration = CONFIGURATION
    story.settle()
    story.lines.clear()
    story.world.fate = Named(changes=changes)
    story.world.packages = dict(PACKAGES)
    story.world.updates["u1"] = update(**wanted)
    story.say(f"RollingUpdate u1 is created, {desired} instances are in service")
    return story


def status_of(story: Story, name: str = "u1") -> RollingUpdateStatus:
    return story.world.updates[name].status


def counts(story: Story, name: str = "u1") -> tuple[int, int, int, int]:
    status = status_of(story, name)
    return status.succeeded, status.failed, status.unknown, status.skipped


@pytest.mark.spec("rolling-update.md", "image")
@pytest.mark.spec("rolling-update.md", "image success updates configuration")
def test_an_image_is_changed_in_place_and_becomes_the_configurations() -> None:
    story = begun(4, batches=2)
    before = dict(story.world.instances)

    story.settle()

    assert status_of(story).phase == "Successful"
    assert counts(story) == (4, 0, 0, 0)
    assert story.world.configuration == NEXT_CONFIGURATION
    assert {name: each.uid for name, each in story.world.instances.items()} == {n: e.uid for n, e in before.items()}
    assert story.world.status.outdated == 0
    assert story.world.status.phase == "Ready"
    assert story.told("update-image")


@pytest.mark.spec("rolling-update.md", "failure pauses")
def test_a_container_that_crashes_stops_it_before_the_next_batch() -> None:
    story = begun(4, {"web-1": Change(crashes=True)}, batches=2)
    story.settle("3m")
    assert status_of(story).phase == "Paused"
    assert counts(story) == (1, 1, 0, 0)
    assert "it failed on web-1: container web: CrashLoopBackOff" in status_of(story).message

    story.say("a person lets it go on")
    story.world.ask_update("u1", approved_batches=2)
    story.settle("10m")

    assert status_of(story).phase == "Successful"
    assert counts(story) == (3, 1, 0, 0)
    assert story.told("update-crashes")


@pytest.mark.spec("rolling-update.md", "image success updates configuration")
def test_an_image_that_runs_on_nobody_is_not_written_though_its_failures_were_accepted() -> None:
    story = begun(2, {"web-0": Change(crashes=True)}, batches=2)
    story.settle("3m")
    assert status_of(story).phase == "Paused"
    story.world.kill("web-1")
    story.world.ask_update("u1", approved_batches=2)
    story.settle("1h")
    assert counts(story) == (0, 1, 0, 1)
    assert (status_of(story).phase, status_of(story).message) == (
        "Failed",
        "the image runs on no instance, so ScalingConfiguration web keeps its own",
    )
    assert story.world.configuration == CONFIGURATION


@pytest.mark.spec("rolling-update.md", "failure pauses")
def test_a_failure_in_the_last_batch_fails_it_and_writes_no_image() -> None:
    story = begun(4, {"web-3": Change(crashes=True)}, batches=2)
    story.settle("3m")
    assert status_of(story).phase == "Failed"
    assert status_of(story).message.startswith("it failed on 1 of 4 instances, first on web-3: container web")
    assert story.world.configuration == CONFIGURATION


@pytest.mark.spec("rolling-update.md", "pause option")
def test_a_person_is_waited_for_after_each_batch() -> None:
    story = begun(6, batches=3, pause="EveryBatchPause", **SCRIPT)
    story.settle("1h")
    assert (status_of(story).phase, status_of(story).batch, counts(story)[0]) == ("Paused", 1, 2)
    assert "kubectl windlass approve u1" in status_of(story).message
    story.world.ask_update("u1", approved_batches=2)
    story.settle("1h")
    assert (status_of(story).phase, status_of(story).batch, counts(story)[0]) == ("Paused", 2, 4)
    story.world.ask_update("u1", approved_batches=3)
    story.settle("1h")
    assert (status_of(story).phase, counts(story)[0]) == ("Successful", 6)
    assert sorted(story.world.ran) == [("uid-u1", f"web-{number}") for number in range(6)]
    assert story.told("update-pauses")


@pytest.mark.spec("rolling-update.md", "pause option")
@pytest.mark.parametrize(("option", "paused"), [("Automatic", 0), ("FirstBatchPause", 1), ("EveryBatchPause", 2)])
def test_how_often_it_pauses(option: str, paused: int) -> None:
    story = begun(3, batches=3, pause=option, **SCRIPT)
    pauses = 0
    story.settle("1h")
    while status_of(story).phase == "Paused":
        pauses += 1
        story.world.ask_update("u1", approved_batches=status_of(story).batch + 1)
        story.settle("1h")
    assert (status_of(story).phase, pauses) == ("Successful", paused)


@pytest.mark.parametrize("idempotent", [False, True])
def test_a_script_that_may_have_run_is_not_run_again_unless_it_may(idempotent: bool) -> None:
    story = begun(2, kind="Script", script={"run": "work", "timeout_seconds": 60, "idempotent": idempotent})
    story.settle("1s")
    assert len(story.world.ran) == 2
    story.say("the operator is killed while both scripts run, and another one begins")
    story.process = PlayedOperator()
    story.settle("1h")

    if idempotent:
        assert (status_of(story).phase, counts(story)) == ("Successful", (2, 0, 0, 0))
        assert len(story.world.ran) == 4
    else:
        assert (status_of(story).phase, counts(story)) == ("Failed", (0, 0, 2, 0))
        assert len(story.world.ran) == 2
        assert "Windlass ended while it ran" in status_of(story).message
    assert story.told(f"update-script-{'again' if idempotent else 'unknown'}")


def test_a_script_that_hangs_is_killed_after_its_time() -> None:
    story = begun(2, {"web-0": Change(runs=None)}, **SCRIPT)
    story.settle("1h")
    assert (status_of(story).phase, counts(story)) == ("Failed", (1, 1, 0, 0))
    (failure,) = status_of(story).failures
    assert (failure.name, failure.exit_code, failure.output) == ("web-0", 124, "killed after 60 s")


@pytest.mark.spec("rolling-update.md", "enter processes")
@pytest.mark.spec("rolling-update.md", "exit processes")
@pytest.mark.parametrize("end", ["succeeds", "fails", "is cancelled", "is deleted"])
def test_a_process_that_it_suspends_goes_on_however_it_ends(end: str) -> None:
    changes = {"web-0": Change(runs=None)} if end == "fails" else None
    story = begun(2, changes, enter_processes=("ScaleOut",), **SCRIPT)
    story.settle("1s")
    story.world.change(desired_size=3)
    story.settle("1s")
    assert len(story.world.alive) == 2
    assert "ScaleOut is suspended by RollingUpdate u1" in story.message
    if end == "is cancelled":
        story.world.ask_update("u1", state=UpdateState.CANCELLED)
    if end == "is deleted":
        del story.world.updates["u1"]
    story.settle("1h")
    assert len(story.world.alive) == 3
    assert story.world.status.update is None


@pytest.mark.spec("rolling-update.md", "exit processes")
def test_a_process_that_it_does_not_exit_with_stays_suspended_as_long_as_the_object_is_there() -> None:
    story = begun(2, enter_processes=("ScaleOut", "HealthCheck"), exit_processes=("HealthCheck",), **SCRIPT)
    story.settle("1h")
    assert status_of(story).phase == "Successful"
    story.world.change(desired_size=3)
    story.settle("1h")
    assert len(story.world.alive) == 2
    assert not story.world.view(PlayedOperator()).suspends(Process.HEALTH_CHECK)
    del story.world.updates["u1"]
    story.settle("1h")
    assert len(story.world.alive) == 3


@pytest.mark.spec("rolling-update.md", "rollback")
@pytest.mark.spec("rolling-update.md", "package")
def test_a_package_is_rolled_back_on_the_instances_that_it_has_touched() -> None:
    story = begun(4, {"web-1": Change(exit_code=1)}, batches=2, **PACKAGE)
    story.settle("1h")
    assert (status_of(story).phase, counts(story)) == ("Paused", (1, 1, 0, 0))
    story.world.ask_update("u1", state=UpdateState.CANCELLED)
    story.settle("1h")
    assert status_of(story).phase == "Cancelled"

    story.world.fate = Named()
    story.world.updates["u2"] = update("u2", at=story.world.now, kind="Package", invoke="Rollback", rollback_of="u1")
    story.say("RollingUpdate u2 rolls it back")
    story.settle("1h")

    assert (status_of(story, "u2").phase, counts(story, "u2")) == ("Successful", (2, 0, 0, 0))
    assert [name for uid, name in story.world.ran if uid == "uid-u2"] == ["web-0", "web-1"]
    assert story.told("update-package-rolled-back")


def test_no_more_are_out_of_service_than_the_floor_lets() -> None:
    slow = {f"web-{number}": Change(timedelta(seconds=20)) for number in range(10)}
    story = begun(10, slow, batches=2)
    least = 10
    while not status_of(story).completion_time:
        story.wait("1s")
        least = min(least, sum(each.ready for each in story.world.alive))
    assert least == 8
    assert counts(story) == (10, 0, 0, 0)


def test_one_batch_alone_takes_all_at_once() -> None:
    story = begun(10, batches=1)
    story.settle("1s")
    assert sum(each.mark is not None for each in story.world.alive) == 10


def test_an_instance_that_is_gone_when_its_turn_comes_is_skipped() -> None:
    story = begun(4, batches=2, pause="EveryBatchPause", **SCRIPT)
    story.settle("1h")
    story.world.kill("web-3")
    story.settle("1h")
    story.world.ask_update("u1", approved_batches=2)
    story.settle("1h")
    assert (status_of(story).phase, counts(story)) == ("Successful", (3, 0, 0, 1))
    assert [(each.name, each.result) for each in story.world.results["uid-u1", 2]] == [
        ("web-2", "Succeeded"),
        ("web-3", "Skipped"),
    ]


def test_a_package_whose_script_changes_meanwhile_is_given_up() -> None:
    story = begun(4, batches=2, pause="EveryBatchPause", **PACKAGE)
    story.settle("1h")
    story.world.packages["packages"] = {"install": "something else"}
    story.world.ask_update("u1", approved_batches=2)
    story.settle("1h")
    assert status_of(story).phase == "Failed"
    assert "ConfigMap packages was changed since the update started" in status_of(story).message
    assert len(story.world.ran) == 2


def test_an_edit_of_the_configuration_meanwhile_is_not_overwritten() -> None:
    story = begun(2)
    story.settle("1s")
    edited = {"template": {"spec": {"containers": [{"name": "web", "image": "web:7"}]}}}
    story.world.configuration = edited
    story.settle("1h")
    assert status_of(story).phase == "Failed"
    assert "is not overwritten" in status_of(story).message
    assert story.world.configuration == edited


def test_a_second_update_waits_for_nobody_and_ends_at_once() -> None:
    story = begun(2, **SCRIPT)
    story.world.updates["u2"] = update("u2", at=STARTED + timedelta(seconds=1), **SCRIPT)
    story.settle("1h")
    assert status_of(story).phase == "Successful"
    assert status_of(story, "u2").phase == "Failed"
    assert "RollingUpdate u1 is active" in status_of(story, "u2").message


def test_the_same_one_created_again_is_not_run_again() -> None:
    story = begun(2, **SCRIPT)
    story.settle("1h")
    story.world.updates["u1"] = replace(update(uid="another", **SCRIPT), created_at=story.world.now)
    story.settle("1h")
    assert len(story.world.ran) == 2
    assert (status_of(story).phase, "nothing is done" in status_of(story).message) == ("Successful", True)


def test_suspended_means_that_nothing_new_begins() -> None:
    story = begun(4, batches=2, **SCRIPT)
    story.settle("1s")
    story.world.ask_update("u1", state=UpdateState.SUSPENDED)
    story.settle("1h")
    assert (status_of(story).phase, len(story.world.ran)) == ("Suspended", 2)
    story.world.ask_update("u1", state=UpdateState.RUNNING)
    story.settle("1h")
    assert (status_of(story).phase, len(story.world.ran)) == ("Successful", 4)
