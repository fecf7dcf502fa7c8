"""Which size a group works towards, and what it says where that is not the desired one."""

import pytest

from tests.worlds import fleet, group, launches, leaving, planned, steps_of_kind
from windlass.planner.capacity.situation import desired_cut, effective_desired
from windlass.planner.capacity.steps import SeedDesired


# min, max, desired, effective
@pytest.mark.parametrize(
    ("min_size", "max_size", "desired", "effective"),
    [
        pytest.param(0, 1, None, 0, id="unset: min"),
        pytest.param(2, 5, None, 2, id="unset: min, if it is above 0"),
        pytest.param(2, 5, 2, 2, id="at min"),
        pytest.param(2, 5, 5, 5, id="at max"),
        pytest.param(2, 5, 3, 3, id="between"),
        pytest.param(4, 5, 3, 4, id="min was raised past it"),
        pytest.param(0, 2, 3, 2, id="max was lowered past it"),
        pytest.param(0, 0, 3, 0, id="max was lowered to 0"),
    ],
)
@pytest.mark.spec("scaling-group.md", "min size")
@pytest.mark.spec("scaling-group.md", "max size")
@pytest.mark.spec("scaling-group.md", "desired size")
def test_the_effective_size_is_the_desired_one_moved_into_the_bounds(
    min_size: int, max_size: int, desired: int | None, effective: int
) -> None:
    assert effective_desired(group(desired, min_size=min_size, max_size=max_size)) == effective


def test_a_group_that_follows_a_bound_says_which() -> None:
    assert str(desired_cut(group(3, max_size=2))) == ("desiredSize 3 is above maxSize 2: the group works towards 2")
    assert str(desired_cut(group(3, min_size=4))) == ("desiredSize 3 is below minSize 4: the group works towards 4")
    assert desired_cut(group(3)) is None
    assert desired_cut(group(None)) is None


def test_the_sentence_about_the_bound_stands_in_the_status_of_a_group_at_rest() -> None:
    plan = planned(group(3, max_size=2), fleet(2))

    assert plan.status.message == (
        "2 instances in service, as desired; desiredSize 3 is above maxSize 2: the group works towards 2"
    )


def test_a_desired_size_that_is_unset_is_seeded_with_the_smallest_before_anything_else() -> None:
    plan = planned(group(None, min_size=2))

    assert [step.size for step in steps_of_kind(plan, SeedDesired)] == [2]
    assert not launches(plan)


@pytest.mark.spec("scaling-group.md", "kept at desired")
def test_the_number_of_instances_is_brought_to_the_desired_one_from_both_sides() -> None:
    assert len(launches(planned(group(5), fleet(3)))) == 2
    assert len(leaving(planned(group(5), fleet(7)))) == 2
    assert not planned(group(5), fleet(5)).acts


def test_a_group_of_no_instances_is_as_desired() -> None:
    plan = planned(group(0))

    assert not plan.acts
    assert (plan.status.phase, plan.status.message) == ("Ready", "0 instances in service, as desired")


def test_a_new_group_without_a_desired_size_begins_with_its_min_size() -> None:
    assert effective_desired(group(None, min_size=2), None) == 2


def test_a_desired_size_that_is_taken_out_of_the_manifest_stays_what_it_was() -> None:
    assert effective_desired(group(None, min_size=1, max_size=10), 6) == 6
    assert effective_desired(group(None, min_size=1, max_size=4), 6) == 4
