"""Ordinals are counted arithmetically: no size follows from a number that somebody else can write."""

import pytest

from tests.worlds import NOW, activity, fleet, group, instance, planned, view
from windlass.api.ordinals import OrdinalRange
from windlass.planner.capacity.ordinals import MOST_RESERVED, launched_by, launches_in_doubt, merged

HUGE = 3_000_000_000


def part(first: int, count: int) -> OrdinalRange:
    return OrdinalRange(first=first, count=count)


@pytest.mark.parametrize(
    ("first", "end", "skipped", "doubtful", "launched"),
    [
        (0, 3, [], [], [0, 1, 2]),
        (2, 2, [], [], []),
        (2, 6, [part(3, 2)], [], [2, 5]),
        (2, 6, [part(0, 3), part(5, 9)], [], [3, 4]),
        (2, 8, [part(3, 2)], [4, 6, 7], [2, 5]),
        (2, 4, [part(2, 2)], [], []),
    ],
)
def test_what_an_activity_launched(
    first: int, end: int, skipped: list[OrdinalRange], doubtful: list[int], launched: list[int]
) -> None:
    found = launched_by(activity(first_ordinal=first, skipped=skipped), end, doubtful)

    assert (found.count, found.first(100)) == (len(launched), launched)


def test_billions_are_counted_as_quickly_as_three() -> None:
    found = launched_by(activity(skipped=[part(1, HUGE), part(HUGE + 5, HUGE)]), 3 * HUGE, [HUGE + 2])

    assert found.count == 3 * HUGE - 2 * HUGE - 1
    assert found.first(4) == [0, HUGE + 1, HUGE + 3, HUGE + 4]


def test_ranges_that_touch_become_one() -> None:
    assert merged([part(5, 2), part(0, 2)], [2, 4, 9]) == (part(0, 3), part(4, 3), part(9, 1))


def test_no_more_are_in_doubt_than_a_group_can_have() -> None:
    restored = activity(launching=part(0, HUGE))

    assert len(launches_in_doubt(view(activity=restored), restored)) == MOST_RESERVED


def test_a_pod_with_the_largest_number_there_is_costs_its_group_numbers_and_nothing_else() -> None:
    there = (*fleet(2), instance("web-999999999"))
    plan = planned(group(3), there, activity=activity(first_ordinal=2))

    assert plan.status.activity is not None
    assert plan.status.activity.ended_at == NOW
    assert plan.status.next_ordinal == 1_000_000_000
