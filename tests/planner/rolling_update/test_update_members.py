"""Who an update is about, and in which batch."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from windlass.api.ordinals import OrdinalRange
from windlass.planner.capacity.ordinals import merged
from windlass.planner.rolling_update.members import batch, batch_sizes, count, within

ORDINALS = st.sets(st.integers(0, 400), max_size=60)


@pytest.mark.spec("rolling-update.md", "batch number")
@pytest.mark.parametrize(
    ("total", "batches", "sizes"),
    [
        (0, 3, ()),
        (1, 1, (1,)),
        (1, 3, (1,)),
        (3, 3, (1, 1, 1)),
        (10, 3, (4, 3, 3)),
        (11, 3, (4, 4, 3)),
        (12, 3, (4, 4, 4)),
        (5, 1, (5,)),
        (3, 1000, (1, 1, 1)),
    ],
)
def test_the_sizes_of_batches(total: int, batches: int, sizes: tuple[int, ...]) -> None:
    assert batch_sizes(total, batches) == sizes


def test_batches_go_on_over_the_gaps_between_ranges() -> None:
    members = (OrdinalRange(first=2, count=3), OrdinalRange(first=7, count=1), OrdinalRange(first=20, count=3))
    assert [list(batch(members, 3, number)) for number in (1, 2, 3)] == [[2, 3, 4], [7, 20], [21, 22]]


@pytest.mark.parametrize("number", [0, 4, 99])
def test_a_batch_that_there_is_not_has_nobody(number: int) -> None:
    assert list(batch((OrdinalRange(first=0, count=9),), 3, number)) == []


@pytest.mark.spec("rolling-update.md", "batch number")
@given(ORDINALS, st.integers(1, 70))
def test_each_member_is_in_one_batch_and_batches_differ_by_one_at_most(ordinals: set[int], batches: int) -> None:
    members = merged((), ordinals)
    sizes = batch_sizes(count(members), batches)
    dealt = [list(batch(members, batches, number)) for number in range(1, len(sizes) + 1)]

    assert [ordinal for each in dealt for ordinal in each] == sorted(ordinals)
    assert tuple(map(len, dealt)) == sizes
    assert len(sizes) == min(batches, len(ordinals))
    assert not sizes or max(sizes) - min(sizes) <= 1
    assert 0 not in sizes


@given(ORDINALS, ORDINALS)
def test_which_ordinals_are_within_ranges(members: set[int], ordinals: set[int]) -> None:
    assert within(merged((), members), ordinals) == members & ordinals
