"""Revisions: which configuration new instances are made from, and which snapshots are kept."""

from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest

from tests.worlds import (
    CONFIGURATION,
    NEXT_CONFIGURATION,
    NOW,
    activity,
    added,
    ago,
    fleet,
    group,
    instance,
    later,
    launches,
    leaving,
    planned,
    revision,
    steps_of_kind,
    view,
)
from windlass.planner.capacity.revisions import current_revision
from windlass.planner.capacity.source import own_data
from windlass.planner.capacity.steps import ForgetRevision, GroupPlan, KeepRevision
from windlass.planner.capacity.view import Revision
from windlass.planner.group import plan_group


def kept(plan: GroupPlan) -> list[KeepRevision]:
    return steps_of_kind(plan, KeepRevision)


def forgotten(plan: GroupPlan) -> list[str]:
    return [step.name for step in steps_of_kind(plan, ForgetRevision)]


def numbered(number: int) -> Revision:
    return revision(f"web-{number}", number, {"template": {"spec": {"image": number}}})


@pytest.mark.spec("scaling-group.md", "configuration")
def test_a_configuration_that_is_new_to_the_group_is_kept_before_anything_is_made_from_it() -> None:
    plan = planned(group(3), revisions=())
    (step,) = kept(plan)

    assert step.data == {"source": {"kind": "ScalingConfiguration", "name": "web"}, "configuration": CONFIGURATION}
    assert (step.number, str(step.why)) == (1, "ScalingConfiguration/web is new to the group")
    assert not launches(plan)


def test_a_kept_configuration_is_used_whatever_its_revision_is_called() -> None:
    (launch,) = launches(planned(group(1), revisions=[revision("anything")]))

    assert launch.revision == "anything"


def test_a_configuration_is_the_same_when_its_data_are_equal_in_whatever_order() -> None:
    shuffled = {"template": {"spec": dict(reversed([*CONFIGURATION["template"]["spec"].items(), ("x", 1)]))}}
    again = {"template": {"spec": {**CONFIGURATION["template"]["spec"], "x": 1}}}

    assert not kept(planned(group(0), revisions=[revision(configuration=shuffled)], configuration=again))


def test_another_configuration_gets_the_next_number() -> None:
    (step,) = kept(planned(group(0), configuration=NEXT_CONFIGURATION, revisions=[numbered(4), numbered(2)]))

    assert step.number == 5


def test_the_same_template_of_another_configuration_is_another_revision() -> None:
    elsewhere = group(1, configuration={"scalingConfiguration": "api"})
    (step,) = kept(planned(elsewhere))

    assert step.data["source"]["name"] == "api"


def test_a_configuration_that_comes_back_is_the_revision_that_it_was() -> None:
    both = [revision("web-1", 1), revision("web-2", 2, NEXT_CONFIGURATION)]
    plan = planned(group(1), revisions=both, configuration=CONFIGURATION)

    assert not kept(plan)
    assert plan.status.current_revision == "web-1"


@pytest.mark.spec("scaling-group.md", "configuration")
def test_a_changed_configuration_replaces_nothing_by_itself() -> None:
    both = [revision("web-1", 1), revision("web-2", 2, NEXT_CONFIGURATION)]
    plan = planned(group(2), fleet(2), revisions=both, configuration=NEXT_CONFIGURATION)

    assert not plan.steps
    assert plan.status.outdated == 2


# ---- names


def test_a_revision_s_name_comes_from_its_data() -> None:
    (first,), (second,) = kept(planned(revisions=())), kept(planned(revisions=(), configuration=NEXT_CONFIGURATION))

    assert first.name.startswith("web-")
    assert first.name != second.name
    assert first.name == kept(planned(revisions=()))[0].name


def test_a_name_that_is_taken_is_made_longer() -> None:
    (step,) = kept(planned(revisions=()))
    (longer,) = kept(planned(revisions=[revision(step.name, 1, NEXT_CONFIGURATION)]))

    assert longer.name.startswith(step.name)
    assert len(longer.name) == len(step.name) + 1


# ---- what is missing or refused


def test_a_refused_template_is_not_kept_and_nothing_is_made_from_it() -> None:
    plan = planned(group(3), template_problem="spec.containers: Required value", revisions=())

    assert not plan.steps
    assert plan.status.phase == "Stalled"


def test_instances_still_leave_while_the_configuration_is_gone() -> None:
    assert len(leaving(planned(group(1), fleet(3), configuration=None))) == 2


def test_there_is_no_snapshot_of_a_configuration_that_does_not_exist() -> None:
    gone = view(configuration=None, revisions=())

    assert own_data(gone) is None
    assert current_revision(gone) is None


@pytest.mark.parametrize("gone", [{"configuration": None}, {"template_problem": "no container"}])
def test_without_a_usable_configuration_a_group_is_healed_from_the_newest_revision_that_is_kept(gone: Any) -> None:
    kept = [numbered(1), numbered(2)]
    plan = planned(group(3), fleet(2), revisions=kept, activity=activity(ended="1h"), **gone)

    assert [step.revision for step in launches(plan)] == [kept[1].name]
    assert plan.status.phase == "Stalled"
    assert plan.status.message.startswith(("ScalingConfiguration web does not exist", "the API server refuses"))


# ---- keeping and forgetting


def test_the_two_newest_the_current_one_and_those_in_use_are_kept() -> None:
    current = revision("web-1", 1)
    others = [numbered(n) for n in range(2, 8)]
    there = (instance("web-0", revision="web-3"), instance("web-1", revision="web-4", removing=True))
    plan = planned(group(1), there, revisions=[current, *others])

    assert forgotten(plan) == ["web-2", "web-5"]
    assert (
        str(steps_of_kind(plan, ForgetRevision)[0].why) == "no instance was made from it, and two newer ones are kept"
    )


def test_a_revision_that_is_on_its_way_out_is_not_forgotten_again() -> None:
    """Somebody's finalizer holds it: asking again would hasten nothing."""
    old = replace(numbered(1), removing=True)
    plan = planned(
        group(3),
        fleet(3, revision="web-1"),
        revisions=[replace(old, name="web-0"), *map(numbered, (2, 3)), revision("web-1", 4)],
    )

    assert forgotten(plan) == ["web-2"]


def test_nothing_is_forgotten_while_nobody_knows_which_is_current() -> None:
    plan = planned(group(0), revisions=[numbered(n) for n in range(1, 9)], configuration=None)

    assert not forgotten(plan)


# ---- what the status remembers


def test_a_revision_that_is_seen_for_the_first_time_was_added_now() -> None:
    plan = planned(group(0), revisions=[revision()], added_at=())

    assert [(r.name, r.configuration, r.added_at) for r in plan.status.revisions] == [
        ("web-1", "ScalingConfiguration/web", NOW)
    ]


def test_the_time_of_adding_stays() -> None:
    plan = planned(group(0), added_at=[added("web-1", "30d")])

    assert [r.added_at for r in plan.status.revisions] == [ago("30d")]


def test_a_revision_that_is_gone_is_not_remembered() -> None:
    plan = planned(group(0), added_at=[added("web-0", "60d"), added("web-1", "30d")])

    assert [r.name for r in plan.status.revisions] == ["web-1"]


def test_revisions_are_listed_by_the_order_of_their_adding() -> None:
    plan = planned(group(0), revisions=[numbered(3), revision("web-1", 1), numbered(2)])

    assert [r.name for r in plan.status.revisions] == ["web-1", "web-2", "web-3"]


def test_more_revisions_in_use_than_the_status_can_hold_do_not_break_it() -> None:
    many = [revision("web-1", 1), *(numbered(n) for n in range(2, 101))]
    there = tuple(instance(f"web-{n}", revision=f"web-{n + 1}") for n in range(100))
    status = planned(group(100), there, revisions=many, added_at=()).status

    assert len(status.revisions) == 64
    assert type(status).model_validate_json(status.model_dump_json(by_alias=True))


def test_a_plan_that_keeps_a_revision_is_followed_by_one_that_uses_it() -> None:
    seen = view(group(1), revisions=())
    (step,) = kept(plan_group(seen))
    after_keeping = view(group(1), revisions=[Revision(step.name, step.number, step.data)])

    assert [launch.revision for launch in launches(plan_group(after_keeping))] == [step.name]


# ---- a template that is refused


@pytest.mark.parametrize(("retry_at", "asked"), [(later("1s"), False), (ago("0s"), True)])
def test_a_refused_template_is_asked_about_again_when_it_is_time_and_stays_stalled_till_it_is_accepted(
    retry_at: datetime, asked: bool
) -> None:
    refused: dict[str, Any] = {"template_problem": "no CPU is left", "template_retry_at": retry_at}
    plan = planned(group(2), configuration=NEXT_CONFIGURATION, revisions=(), **refused)

    assert bool(kept(plan)) is asked
    assert plan.status.phase == "Stalled"
    assert "no CPU is left" in plan.status.message
    assert plan.wake_at == (None if asked else retry_at)
