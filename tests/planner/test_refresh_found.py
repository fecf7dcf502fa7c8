"""Faults that somebody found by playing refreshes; each would come back unnoticed."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from tests.refreshes import REVISIONS, image_refresh, in_refresh
from tests.worlds import (
    CONFIGURATION,
    NOW,
    activity,
    ago,
    fleet,
    group,
    launches,
    leaving,
    pending,
    revision,
    steps_of_kind,
    view,
)
from windlass.api.scaling_group import RemovedInstances
from windlass.api.task import Wanted
from windlass.planner.capacity.instance import Instance
from windlass.planner.capacity.steps import GroupPlan, WithdrawRemoval, WriteConfiguration
from windlass.planner.capacity.view import GroupView
from windlass.planner.digest import digest
from windlass.planner.group import plan_group
from windlass.planner.rollout.refresh import Sources
from windlass.simulate.play import play
from windlass.simulate.world import PlayedOperator, World

NEW: dict[str, Any] = {"revision": "web-2"}
OTHER = {"template": {"spec": {"containers": [{"name": "web", "image": "other:1"}]}}}
FROM_OTHER = replace(
    revision("web-2", 2),
    data={"source": {"kind": "ScalingConfiguration", "name": "other"}, "configuration": OTHER},
)

# ---- the group's own configuration is refused or missing

UNUSABLE: list[dict[str, Any]] = [{"configuration": None}, {"template_problem": "image: Invalid value"}]


def asks_for_other(last: str, **fields: Any) -> GroupView:
    """A group whose instances were last made from this revision, and what a refresh desires was just kept."""
    wanted = image_refresh(desired_configuration={"scaling_configuration": "other"})
    given = {"refreshes": (wanted,), "sources": Sources({"other": OTHER}), "revisions": (REVISIONS[0], FROM_OTHER)}
    seen = view(group(3), fleet(3), **(given | fields))
    return replace(seen, status=seen.status.model_copy(update={"current_revision": last}))


@pytest.mark.parametrize("own", UNUSABLE, ids=["missing", "refused"])
def test_what_is_kept_for_a_refresh_is_not_what_instances_came_from(own: dict[str, Any]) -> None:
    begun = plan_group(asks_for_other("web-1", **own)).status.rollout

    assert begun is not None
    assert (begun.from_revision, begun.to_revision) == ("web-1", "web-2")


@pytest.mark.parametrize("own", UNUSABLE, ids=["missing", "refused"])
def test_where_nothing_was_ever_made_there_is_nothing_to_go_back_to(own: dict[str, Any]) -> None:
    begun = plan_group(asks_for_other("", revisions=(FROM_OTHER,), **own)).status.rollout

    assert begun is not None
    assert (begun.from_revision, begun.to_revision) == ("", "web-2")


@pytest.mark.parametrize("own", UNUSABLE, ids=["missing", "refused"])
def test_a_group_that_was_healed_from_what_the_refresh_desires_came_from_it(own: dict[str, Any]) -> None:
    begun = plan_group(asks_for_other("web-2", **own)).status.rollout

    assert begun is not None
    assert (begun.from_revision, begun.to_revision) == ("web-2", "web-2")


ENDS: list[tuple[str, dict[str, Any], dict[str, Any], str]] = [
    ("it ends now", {"state": "Cancelled"}, {}, "web-1"),
    ("it ended before", {}, {"phase": "Failed", "outcome": "Failed"}, "web-1"),
]


@pytest.mark.parametrize("own", UNUSABLE, ids=["missing", "refused"])
@pytest.mark.parametrize(("wanted", "remembered", "last"), [row[1:] for row in ENDS], ids=[row[0] for row in ENDS])
def test_after_a_refresh_that_was_not_committed_the_group_is_healed_as_before(
    wanted: dict[str, Any], remembered: dict[str, Any], last: str, own: dict[str, Any]
) -> None:
    seen = in_refresh(fleet(9), wanted=wanted, remembered=remembered, **own)
    known = "web-1" if remembered else "web-2"  # while it runs, the group says what it is made from
    seen = replace(seen, status=seen.status.model_copy(update={"current_revision": known}))

    assert plan_group(seen).status.current_revision == last


def test_after_one_that_was_committed_it_is_healed_from_what_was_desired() -> None:
    seen = in_refresh(
        fleet(10, **NEW),
        wanted={"desired_configuration": None},
        remembered={"phase": "Baking", "committing": True, "updated": 10},
        template_problem="image: Invalid value",
        configuration={"template": {"spec": {}}},
    )
    plan = plan_group(seen)

    assert plan.status.rollout is not None
    assert (plan.status.rollout.outcome, plan.status.current_revision) == ("Successful", "web-2")


# ---- what is too many and may not leave

NO_SCALE_IN: dict[str, Any] = {"suspended_processes": ("ScaleIn",)}
NO_SCALE_OUT: dict[str, Any] = {"suspended_processes": ("ScaleOut",)}
LATE: dict[str, Any] = {"progress": "61m", "started": "61m"}
BACK: dict[str, Any] = {"back": True, "phase": "RollingBack"}


@pytest.mark.parametrize("size", [10, 5], ids=["remembered", "suspended too late to be remembered"])
@pytest.mark.parametrize("sick", [0, 2])
def test_a_refresh_ends_though_what_is_too_many_may_not_leave(size: int, sick: int) -> None:
    there = (*fleet(10, **NEW), *(pending(f"web-{n}", **NEW) for n in range(20, 20 + sick)))
    plan = plan_group(in_refresh(there, 5, group_spec=NO_SCALE_IN, remembered=LATE | {"size": size, "updated": 10}))

    assert plan.status.rollout is not None
    assert (plan.status.rollout.committing, leaving(plan)) == (True, [])


def test_what_is_too_many_is_waited_for_where_it_may_leave() -> None:
    plan = plan_group(in_refresh(fleet(10, **NEW), 5, remembered={"size": 10, "updated": 10}))

    assert plan.status.rollout is not None
    assert not plan.status.rollout.committing
    assert len(leaving(plan)) == 5


@pytest.mark.parametrize("back", [False, True], ids=["forward", "on its way back"])
def test_who_may_not_leave_is_exchanged_one_for_one(back: bool) -> None:
    """min 80, max 110: of ten, eight stay in service, and one more may be there."""
    old = fleet(10, **(NEW if back else {}))
    remembered = {"size": 10} | (BACK if back else {})
    wanted = {"max_healthy_percentage": 110, "state": "RolledBack" if back else "Running"}
    plan = plan_group(in_refresh(old, 5, group_spec=NO_SCALE_IN, remembered=remembered, wanted=wanted))

    assert (len(launches(plan)), len(leaving(plan))) == (1, 2)
    assert plan.status.rollout is not None
    assert plan.status.rollout.size == 10


SIZES: list[tuple[str, int, int, dict[str, Any], int]] = [
    ("lost ones are not made again", 8, 10, NO_SCALE_IN, 8),
    ("no more than there were", 12, 10, NO_SCALE_IN, 10),
    ("no less than desired", 3, 10, NO_SCALE_IN, 5),
    ("those that have left", 7, 10, {}, 7),
    ("a larger size", 5, 3, {}, 5),
]


@pytest.mark.parametrize(("there", "before", "spec", "size"), [row[1:] for row in SIZES], ids=[row[0] for row in SIZES])
def test_the_size_that_is_remembered(there: int, before: int, spec: dict[str, Any], size: int) -> None:
    plan = plan_group(in_refresh(fleet(there), 5, group_spec=spec, remembered={"size": before}))

    assert plan.status.rollout is not None
    assert plan.status.rollout.size == size


def test_who_is_too_many_when_it_starts_is_remembered() -> None:
    wanted = image_refresh(checkpoints=(10, 100))
    plan = plan_group(view(group(3, **NO_SCALE_IN), fleet(5), refreshes=(wanted,), revisions=REVISIONS))

    assert plan.status.rollout is not None
    assert plan.status.rollout.size == 5


# ---- launches that a suspended process holds up


def test_its_clock_stands_still_while_its_launches_are_held_up() -> None:
    plan = plan_group(in_refresh(fleet(10), group_spec=NO_SCALE_OUT, remembered=LATE))

    assert plan.status.rollout is not None
    assert (plan.status.rollout.phase, plan.status.rollout.held) == ("Running", True)
    assert plan.status.rollout.progress_at == ago("61m")


def test_its_clock_begins_anew_when_they_are_not_any_more() -> None:
    plan = plan_group(in_refresh(fleet(10), remembered=LATE | {"held": True}))

    assert plan.status.rollout is not None
    assert (plan.status.rollout.phase, plan.status.rollout.held) == ("Running", False)
    assert plan.status.rollout.progress_at == NOW


def test_its_clock_runs_for_what_is_on_its_way() -> None:
    waiting = pending("web-20", scheduled=None, age="61m", **NEW)
    plan = plan_group(in_refresh((*fleet(9), waiting), group_spec=NO_SCALE_OUT, remembered=LATE))

    assert plan.status.rollout is not None
    assert plan.status.rollout.phase == "Failed"


# ---- removals of a leader before that may still arrive


def in_doubt(there: tuple[Instance, ...], *removed: str, kind: str = "Replace", **fields: Any) -> GroupPlan:
    """A leader before wrote that it removes these for the refresh; nobody knows whether it did."""
    parts = (RemovedInstances(because="InstanceRefresh r1 exchanges it", instances=removed),)
    running = activity(kind, from_=10, to=10, first_ordinal=20, removed=parts)
    return plan_group(in_refresh(there, activity=running, removals_in_doubt=True, **fields))


def withdrawn(plan: GroupPlan) -> list[str]:
    return [step.name for step in steps_of_kind(plan, WithdrawRemoval)]


HALF = (*fleet(8), *fleet(2, first=20, **NEW))
TURNS: list[tuple[str, dict[str, Any]]] = [
    ("it turns back", {"wanted": {"state": "RolledBack"}}),
    ("it is cancelled", {"wanted": {"state": "Cancelled"}}),
    ("it is suspended", {"wanted": {"state": "Suspended"}}),
    ("it is gone", {"rollout": None, "refreshes": ()}),
]


@pytest.mark.parametrize("kind", ["Replace", "ScaleIn", "ScaleOut"])
@pytest.mark.parametrize("fields", [row[1] for row in TURNS], ids=[row[0] for row in TURNS])
def test_who_was_to_be_exchanged_and_may_stay_is_spared_first(fields: dict[str, Any], kind: str) -> None:
    plan = in_doubt(HALF, "web-0", "web-1", kind=kind, **fields)

    assert withdrawn(plan) == ["web-0", "web-1"]
    assert (launches(plan), leaving(plan)) == ([], [])
    assert plan.settles_removals


def test_who_is_exchanged_all_the_same_is_not_spared() -> None:
    chosen = leaving(plan_group(in_refresh(fleet(10))))
    plan = in_doubt(fleet(10), *chosen)

    assert chosen
    assert (withdrawn(plan), leaving(plan)) == ([], chosen)


def test_once_they_are_spared_it_goes_on() -> None:
    uids = frozenset(i.uid for i in HALF[:2])
    plan = in_doubt(HALF, "web-0", "web-1", wanted={"state": "RolledBack"}, withdrawn=uids)

    assert withdrawn(plan) == []
    assert plan.acts


# ---- whether somebody changed the configuration since the refresh started

EDITED = {"template": {"spec": {"containers": [{"name": "web", "image": "edited:1"}]}}}
REFUSED_NOW: list[dict[str, Any]] = [{"template_problem": "image: Invalid value"}, {}]
COMMITTING: dict[str, Any] = {"phase": "Baking", "committing": True, "updated": 10, "baking_until": ago("1m")}


def own(configuration: Any) -> str:
    return digest(revision(configuration=configuration).data)


@pytest.mark.parametrize("problem", REFUSED_NOW, ids=["known to be refused", "a new leader does not know"])
def test_what_was_refused_from_the_beginning_was_not_changed(problem: dict[str, Any]) -> None:
    remembered = COMMITTING | {"own": own(EDITED)}
    plan = plan_group(in_refresh(fleet(10, **NEW), remembered=remembered, configuration=EDITED, **problem))

    assert plan.status.rollout is not None
    assert plan.status.rollout.outcome is None
    assert [step.before for step in steps_of_kind(plan, WriteConfiguration)] == [EDITED]


@pytest.mark.parametrize("problem", REFUSED_NOW, ids=["what it is now is refused", "it is not"])
@pytest.mark.parametrize("before", [own(CONFIGURATION), ""], ids=["another one", "none"])
def test_what_somebody_made_of_it_meanwhile_is_not_overwritten(before: str, problem: dict[str, Any]) -> None:
    remembered = COMMITTING | {"own": before}
    plan = plan_group(in_refresh(fleet(10, **NEW), remembered=remembered, configuration=EDITED, **problem))

    assert plan.status.rollout is not None
    assert plan.status.rollout.outcome == "Failed"
    assert "was changed since" in plan.status.rollout.message
    assert not steps_of_kind(plan, WriteConfiguration)


@pytest.mark.parametrize(
    ("fields", "remembered"),
    [({}, own(CONFIGURATION)), ({"configuration": None}, ""), ({"configuration": EDITED}, own(EDITED))],
    ids=["kept", "missing", "refused"],
)
def test_it_remembers_what_the_group_s_own_configuration_was(fields: dict[str, Any], remembered: str) -> None:
    begun = plan_group(asks_for_other("web-1", **({"template_problem": "image: Invalid value"} | fields)))

    assert begun.status.rollout is not None
    assert begun.status.rollout.own == remembered


def test_played_a_group_whose_own_configuration_is_refused_goes_back_to_what_it_was_made_from() -> None:
    world = World("web", group(3), configuration=CONFIGURATION, sources=Sources({"other": OTHER}))
    process = PlayedOperator()
    for _ in play(world, process):
        pass
    made_from = {i.revision for i in world.alive}
    world.configuration, world.template_problem = EDITED, "image: Invalid value"
    world.refreshes["r1"] = image_refresh(desired_configuration={"scaling_configuration": "other"})
    for _ in play(world, process, until=world.now + timedelta(seconds=5)):
        pass
    assert {i.revision for i in world.alive} != made_from

    world.ask("r1", state=Wanted.ROLLED_BACK)
    for _ in play(world, process):
        pass
    world.kill(world.alive[0].name)
    for _ in play(world, process):
        pass

    assert world.refreshes["r1"].status.phase == "RolledBack"
    assert {i.revision for i in world.alive} == made_from
    assert len(world.alive) == 3
