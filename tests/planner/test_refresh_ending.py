"""How a refresh ends: what is written in which order, who may stop or turn it, and when it gives up."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.contract import contract_broken
from tests.refreshes import IMAGE, REVISIONS, image_refresh, in_refresh, planned_for, report_of, told
from tests.worlds import (
    CONFIGURATION,
    NEXT_CONFIGURATION,
    NOW,
    ago,
    fleet,
    group,
    later,
    launches,
    leaving,
    pending,
    planned,
    rollout,
)
from windlass.planner.capacity.instance import Instance
from windlass.planner.capacity.steps import GroupPlan, Step, SwitchSource, WriteConfiguration
from windlass.planner.capacity.view import Revision
from windlass.planner.group import plan_group
from windlass.planner.rollout.refresh import Sources
from windlass.simulate.play import run_pass
from windlass.simulate.start import world_of
from windlass.simulate.world import PlayedOperator, World

NEW: dict[str, Any] = {"revision": "web-2"}
ALL_NEW = fleet(10, **NEW)
EDITED = {"template": {"spec": {"containers": [{"name": "web", "image": "edited:1"}]}}}


BROKEN: dict[str, Any] = {"configuration": EDITED, "template_problem": "image: Invalid value"}


def from_other(configuration: Any) -> Revision:
    return Revision(
        "web-2", 2, {"source": {"kind": "ScalingConfiguration", "name": "other"}, "configuration": configuration}
    )


# ---- success


def phases(world: World) -> Iterator[tuple[str, ...]]:
    """What each pass writes, until nothing is left to do."""
    process = PlayedOperator()
    while (played := run_pass(world, process)) is not None:
        yield tuple(write.what for write in played.writes)


@pytest.mark.spec("instance-refresh.md", "5 success")
@pytest.mark.spec("scaling-configuration.md", "image: written back")
def test_the_order_of_the_end_is_commit_then_its_own_status_then_the_group_forgets_it() -> None:
    world = world_of(in_refresh(ALL_NEW))

    written = [what for whats in phases(world) for what in whats if what != "fence"]

    assert written == ["status", "write configuration web", "status", "refresh r1", "status"]
    assert world.refreshes["r1"].status.phase == "Successful"
    assert (world.status.rollout, world.configuration) == (None, NEXT_CONFIGURATION)


@pytest.mark.parametrize("stop", range(1, 8))
@pytest.mark.spec("instance-refresh.md", "5 success")
def test_a_crash_between_any_two_of_these_repeats_nothing(stop: int) -> None:
    world = world_of(in_refresh(ALL_NEW))
    done: list[str] = []

    class CrashError(Exception):
        pass

    def before(write: Any) -> None:
        if len(done) == stop:
            done.append("crash")
            raise CrashError
        done.append(write.what)

    process = PlayedOperator()
    for _ in range(20):
        try:
            run_pass(world, process, before=before)
        except CrashError:
            process = PlayedOperator()

    assert done.count("write configuration web") == 1
    assert world.refreshes["r1"].status.phase == "Successful"
    assert world.status.rollout is None


COMMITTING = {"phase": "Baking", "committing": True, "baking_until": ago("1m"), "updated": 10}


def committing(desired: dict[str, Any] | None, **fields: Any) -> GroupPlan:
    return planned_for(ALL_NEW, wanted={"desired_configuration": desired}, remembered=COMMITTING, **fields)


def kind_of(step: Step) -> tuple[str, str]:
    return type(step).__name__, getattr(step, "name", "")


OTHER, BOTH = {"scaling_configuration": "other"}, {"scaling_configuration": "other", "image": "web:2"}
IS_OTHER = {"revisions": (REVISIONS[0], from_other(NEXT_CONFIGURATION))}
COMMITS: list[tuple[str, dict[str, Any] | None, dict[str, Any], list[tuple[str, str]]]] = [
    ("its own with the image", IMAGE, {}, [("WriteConfiguration", "web")]),
    (
        "another one",
        OTHER,
        IS_OTHER | {"sources": Sources({"other": NEXT_CONFIGURATION})},
        [("SwitchSource", "other")],
    ),
    (
        "another one with the image: first that is written",
        BOTH,
        IS_OTHER | {"sources": Sources({"other": CONFIGURATION})},
        [("WriteConfiguration", "other")],
    ),
    (
        "and then it is switched to",
        BOTH,
        IS_OTHER | {"sources": Sources({"other": NEXT_CONFIGURATION})},
        [("SwitchSource", "other")],
    ),
]


@pytest.mark.parametrize(("desired", "fields", "steps"), [row[1:] for row in COMMITS], ids=[row[0] for row in COMMITS])
@pytest.mark.spec("instance-refresh.md", "5 success")
def test_what_is_written_to_the_source(
    desired: dict[str, Any] | None, fields: dict[str, Any], steps: list[tuple[str, str]]
) -> None:
    plan = committing(desired, **fields)

    assert [kind_of(step) for step in plan.steps] == steps
    assert all(step.before == CONFIGURATION for step in plan.steps if isinstance(step, WriteConfiguration))


COMMITTED: list[tuple[str, dict[str, Any] | None, dict[str, Any], str, str]] = [
    ("it was written", IMAGE, {"configuration": NEXT_CONFIGURATION}, "Successful", "the group's own now"),
    ("nothing was to be written", None, {"configuration": NEXT_CONFIGURATION}, "Successful", "the group's own now"),
    ("somebody edits it meanwhile", IMAGE, {"configuration": EDITED | {"x": 1}}, "Failed", "was changed since"),
    ("somebody sets another image meanwhile", IMAGE, {"configuration": EDITED}, "Failed", "was changed since"),
    ("nothing was to be written, and it was changed", None, {"configuration": EDITED}, "Successful", "changed since"),
    ("somebody breaks it meanwhile", IMAGE, BROKEN, "Failed", "was changed since"),
    ("it is gone", IMAGE, {"configuration": None}, "Failed", "does not exist"),
    (
        "the other one is gone",
        OTHER,
        IS_OTHER | {"sources": Sources({"other": None})},
        "Failed",
        "ScalingConfiguration other does not exist",
    ),
    (
        "others use it by now",
        IMAGE,
        {"sources": Sources(shared=frozenset({"web"}))},
        "Failed",
        "is used by other groups too",
    ),
]


@pytest.mark.parametrize(
    ("desired", "fields", "phase", "said"), [row[1:] for row in COMMITTED], ids=[row[0] for row in COMMITTED]
)
def test_how_it_ends_once_all_is_exchanged(
    desired: dict[str, Any] | None, fields: dict[str, Any], phase: str, said: str
) -> None:
    plan = committing(desired, **fields)

    assert plan.status.rollout is not None
    assert plan.status.rollout.phase == phase
    assert said in plan.status.rollout.message
    writes = [step for step in plan.steps if isinstance(step, WriteConfiguration | SwitchSource)]
    assert bool(writes) == (phase == "Baking")


def test_the_configuration_is_not_touched_before_the_last_instance_is_exchanged() -> None:
    plan = planned_for((*fleet(1), *fleet(9, first=20, **NEW)))

    assert plan.status.rollout is not None
    assert not plan.status.rollout.committing


def test_what_is_decided_cannot_be_cancelled_any_more() -> None:
    plan = planned_for(ALL_NEW, wanted={"state": "Cancelled"}, remembered=COMMITTING, configuration=NEXT_CONFIGURATION)

    assert told(plan)[0] == "Successful"


# ---- its end in the group


@pytest.mark.parametrize(("phase", "kept"), [("Running", True), ("Cancelled", False)])
def test_the_group_remembers_an_end_until_the_refresh_s_own_status_says_it(phase: str, kept: bool) -> None:
    status = {"phase": phase, "start_time": ago("1m"), "completion_time": None if kept else NOW}
    remembered = rollout(phase="Cancelled", outcome="Cancelled", message="cancelled")
    plan = planned(
        group(3), fleet(3), rollout=remembered, refreshes=(image_refresh(status=status),), revisions=REVISIONS
    )

    assert (plan.status.rollout is not None) == kept
    assert bool(plan.reports) == kept
    assert [event.reason.code for event in plan.events] == ([] if kept else ["RefreshEnded"])


# ---- people

STOPPED: list[tuple[str, dict[str, Any], dict[str, Any], str, str]] = [
    ("cancelled", {"state": "Cancelled"}, {}, "Cancelled", "cancelled with 2 new instances in service"),
    ("deleted", {"removing": True}, {}, "Cancelled", "cancelled with 2 new instances in service"),
    ("cancelled in a pause", {"state": "Cancelled"}, {"phase": "Paused", "paused_until": later("1h")}, "Cancelled", ""),
    ("cancelled when suspended", {"state": "Cancelled"}, {"phase": "Suspended"}, "Cancelled", ""),
    (
        "cancelled on its way back",
        {"state": "Cancelled", "auto_rollback": True},
        {"phase": "RollingBack", "back": True},
        "RollbackFailed",
        "cancelled on its way back: 2 instances not made again",
    ),
]


@pytest.mark.parametrize(
    ("wanted", "remembered", "phase", "said"), [row[1:] for row in STOPPED], ids=[row[0] for row in STOPPED]
)
@pytest.mark.spec("instance-refresh.md", "7 control and progress")
def test_people_end_it(wanted: dict[str, Any], remembered: dict[str, Any], phase: str, said: str) -> None:
    plan = planned_for((*fleet(8), *fleet(2, first=20, **NEW)), wanted=wanted, remembered=remembered)

    assert told(plan)[0] == phase
    assert said in told(plan)[1]
    assert not launches(plan)
    assert not leaving(plan)
    assert plan.status.rollout is not None
    assert plan.status.rollout.outcome == phase
    assert plan.status.current_revision == "web-1"  # what is launched from now on is made as before


def test_one_whose_object_is_gone_is_cancelled_and_forgotten() -> None:
    gone = in_refresh(fleet(10), refreshes=())
    cancelled = plan_group(gone)

    assert cancelled.status.rollout is None
    assert not cancelled.acts


def test_one_whose_object_is_gone_when_all_is_written_has_succeeded() -> None:
    seen = in_refresh(ALL_NEW, refreshes=(), remembered=COMMITTING, configuration=NEXT_CONFIGURATION)

    assert "ended as Successful" in str(plan_group(seen).why)


BACK: dict[str, Any] = {"back": True, "phase": "RollingBack"}


@pytest.mark.spec("instance-refresh.md", "6 rollback")
def test_people_roll_it_back_and_new_ones_that_never_served_leave_first() -> None:
    waiting: tuple[Instance, ...] = (pending("web-30", **NEW), pending("web-31", **NEW))
    plan = planned_for((*fleet(8), *fleet(2, first=20, **NEW), *waiting), wanted={"state": "RolledBack"})

    assert plan.status.rollout is not None
    assert (plan.status.rollout.phase, plan.status.rollout.back) == ("RollingBack", True)
    assert leaving(plan)[:2] == ["web-30", "web-31"]
    assert set(leaving(plan)) <= {"web-20", "web-21", "web-30", "web-31"}
    assert plan.status.current_revision == "web-1"


@pytest.mark.spec("instance-refresh.md", "6 rollback")
def test_it_is_rolled_back_when_all_are_as_before_and_nothing_is_committed() -> None:
    plan = planned_for(
        fleet(10), wanted={"state": "RolledBack"}, remembered=BACK | {"message": "spec.state asked for it"}
    )

    assert told(plan) == ("RolledBack", "rolled back to revision web-1: spec.state asked for it")
    assert not plan.steps


@pytest.mark.spec("instance-refresh.md", "6 rollback")
def test_it_cannot_go_back_to_what_is_gone() -> None:
    plan = planned_for(fleet(10), wanted={"state": "RolledBack"}, revisions=(REVISIONS[1],))

    assert told(plan)[0] == "RollbackFailed"
    assert "ControllerRevision web-1 is gone" in told(plan)[1]


@pytest.mark.spec("instance-refresh.md", "6 rollback")
@pytest.mark.parametrize(
    ("wanted", "remembered"), [({"state": "RolledBack"}, {}), ({"auto_rollback": True}, {"progress": "61m"})]
)
def test_from_the_groups_own_configuration_to_the_same_there_is_no_way_back(
    wanted: dict[str, Any], remembered: dict[str, Any]
) -> None:
    """Else "back" would be forward: old instances would be exchanged for new ones, and without checkpoints."""
    same = {"from_revision": "web-2", "to_revision": "web-2", "started": "2h", **remembered}
    plan = planned_for(fleet(10), wanted={"desired_configuration": None, **wanted}, remembered=same)

    assert told(plan)[0] == "RollbackFailed"
    assert "it cannot be rolled back: its instances are made from the group's own configuration" in told(plan)[1]
    assert leaving(plan) == []


def test_what_it_is_made_from_was_deleted() -> None:
    assert told(planned_for(fleet(10), revisions=(REVISIONS[0],)))[0] == "Failed"
    assert told(planned_for(fleet(10), remembered=BACK, revisions=(REVISIONS[1],)))[0] == "RollbackFailed"


def test_its_way_back_can_be_suspended() -> None:
    there = (*fleet(8), *fleet(2, first=20, **NEW))
    plan = planned_for(there, wanted={"state": "Suspended", "auto_rollback": True}, remembered=BACK)

    assert told(plan)[0] == "Suspended"
    assert not plan.acts


def test_where_nothing_was_exchanged_the_way_back_ends_with_the_next_pass() -> None:
    plan = planned_for(fleet(10), wanted={"state": "RolledBack"})

    assert plan.status.rollout is not None
    assert (plan.status.rollout.phase, plan.steps, plan.wake_at) == ("RollingBack", (), NOW)


# ---- giving up

LATE = {"progress": "61m", "started": "61m"}
OVERDUE: list[tuple[str, tuple[Instance, ...], dict[str, Any], dict[str, Any], str]] = [
    ("in time", fleet(10), {}, {"progress": "59m", "started": "2h"}, "Running"),
    ("too late", fleet(10), {}, LATE, "Failed"),
    ("too late for its own deadline", fleet(10), {"progress_deadline_seconds": 60}, {"progress": "1m"}, "Failed"),
    ("one has just come", (*fleet(9), *fleet(1, first=20, **NEW)), {}, LATE, "Running"),
    ("rolled back by itself", fleet(10), {"auto_rollback": True}, LATE, "RollingBack"),
    (
        "on its way back too",
        (*fleet(9), *fleet(1, first=20, **NEW)),
        {"auto_rollback": True},
        LATE | BACK | {"updated": 9},
        "RollbackFailed",
    ),
    (
        "in a pause",
        fleet(10),
        {"checkpoints": (20, 100)},
        LATE | {"phase": "Paused", "checkpoint": 20, "paused_until": later("1h")},
        "Paused",
    ),
    ("suspended", fleet(10), {"state": "Suspended"}, LATE | {"phase": "Suspended"}, "Suspended"),
]


@pytest.mark.parametrize(
    ("there", "wanted", "remembered", "phase"), [row[1:] for row in OVERDUE], ids=[row[0] for row in OVERDUE]
)
def test_the_deadline(
    there: tuple[Instance, ...], wanted: dict[str, Any], remembered: dict[str, Any], phase: str
) -> None:
    plan = planned_for(there, wanted=wanted, remembered=remembered)

    assert plan.status.rollout is not None
    assert plan.status.rollout.phase == phase


def test_why_it_gave_up_is_what_new_instances_say_themselves() -> None:
    held = pending("web-20", age="61m", scheduled=None, problem="no node fits", **NEW)
    plan = planned_for((*fleet(9), held), remembered=LATE)

    assert told(plan)[1] == (
        "no new instance came into service for 3600 s (progressDeadlineSeconds): web-20: no node fits"
    )


def test_its_deadline_wakes_the_group() -> None:
    there = (*fleet(8), *(pending(f"web-{n}", **NEW) for n in (20, 21, 22, 23)))

    assert planned_for(there, remembered={"progress": "59m", "started": "59m"}).wake_at == later("1m")


def test_a_smaller_group_counts_its_progress_anew() -> None:
    before = in_refresh((*fleet(3), *fleet(2, first=20, **NEW)), 5, remembered={"updated": 9})
    plan = plan_group(before)

    assert plan.status.rollout is not None
    assert plan.status.rollout.updated == 2


# ---- baking

BAKES: list[tuple[str, tuple[Instance, ...], str, str, bool]] = [
    ("it begins", ALL_NEW, "", "Baking", False),
    ("it is not over", ALL_NEW, "1m", "Baking", False),
    ("it is over", ALL_NEW, "-1m", "Baking", True),
    ("one is away for a moment", (*fleet(9, **NEW), *fleet(1, first=9, not_ready="1s", **NEW)), "-1m", "Baking", False),
    (
        "one failed",
        (*fleet(9, **NEW), *fleet(1, first=9, not_ready="2h", problem="probe failed", **NEW)),
        "1m",
        "Failed",
        False,
    ),
]


@pytest.mark.parametrize(("there", "until", "phase", "commits"), [row[1:] for row in BAKES], ids=[r[0] for r in BAKES])
def test_new_instances_are_watched(there: tuple[Instance, ...], until: str, phase: str, commits: bool) -> None:
    baking_until = None if not until else ago(until[1:]) if until.startswith("-") else later(until)
    plan = planned_for(
        there,
        wanted={"bake_seconds": 600},
        remembered={"updated": 10}
        if baking_until is None
        else {"phase": "Baking", "baking_until": baking_until, "updated": 10},
    )

    assert plan.status.rollout is not None
    assert plan.status.rollout.phase == phase
    assert plan.status.rollout.baking_until == (baking_until or later("10m"))
    assert plan.status.rollout.committing == commits


def test_one_that_fails_while_they_are_watched_turns_it_back_by_itself() -> None:
    sick = fleet(1, first=9, not_ready="2h", problem="probe failed", **NEW)
    remembered = {"phase": "Baking", "baking_until": later("1m"), "updated": 10}
    plan = planned_for((*fleet(9, **NEW), *sick), wanted={"auto_rollback": True}, remembered=remembered)

    assert plan.status.rollout is not None
    assert (plan.status.rollout.phase, plan.status.rollout.baking_until) == ("RollingBack", None)
    assert "web-9 failed" in plan.status.rollout.message


def test_the_end_of_watching_wakes_the_group_and_is_shown() -> None:
    plan = planned_for(
        ALL_NEW,
        wanted={"bake_seconds": 600},
        remembered={"phase": "Baking", "baking_until": later("1m"), "updated": 10},
    )

    assert plan.wake_at == later("1m")
    assert (report_of(plan).phase, report_of(plan).wake_at) == ("Baking", later("1m"))
    assert contract_broken(report_of(plan).conditions, 1) is None


def test_a_group_that_grows_while_they_are_watched_does_not_pause_any_more() -> None:
    plan = planned_for(
        (),
        6,
        wanted={"bake_seconds": 600, "checkpoints": (20, 100)},
        remembered={"phase": "Baking", "baking_until": later("1m")},
    )

    assert plan.status.rollout is not None
    assert plan.status.rollout.phase == "Baking"
    assert len(launches(plan)) == 6


# ---- a group that is switched off


def test_a_refresh_rests_while_its_group_is_switched_off() -> None:
    off = in_refresh(fleet(10), group_spec={"enabled": False}, remembered=LATE)
    plan = plan_group(off)
    on = plan_group(in_refresh(fleet(10), remembered=LATE | {"phase": "Suspended"}))

    assert told(plan) == ("Suspended", "0 of 10 updated; waits for the group to be enabled again")
    assert on.status.rollout is not None
    assert (on.status.rollout.phase, on.status.rollout.progress_at) == ("Running", NOW)


def test_nothing_is_committed_that_is_there_already() -> None:
    plan = planned_for(
        ALL_NEW, wanted={"desired_configuration": None}, configuration=NEXT_CONFIGURATION, revisions=REVISIONS
    )

    assert not plan.steps
    assert plan.wake_at == NOW
