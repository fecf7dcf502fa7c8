"""How many instances begin, and which are cancelled: the published examples, the traps, and what always holds."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from windlass.planner.stackset.dispatch import RegionCount, Turn, turn

MANY = 10_000


def count(
    *, tolerance: int = 0, concurrency: int = 1, waiting: int = 0, running: int = 0, failed: int = 0
) -> RegionCount:
    return RegionCount(tolerance, concurrency, waiting, running, failed)


def limit(tolerance: int, concurrency: int, failed: int, *, strict: bool = True) -> int:
    """How many are worked at at once after so many failures."""
    region = count(tolerance=tolerance, concurrency=concurrency, waiting=MANY, failed=failed)
    return turn({"eu-1": region}, (), strict, stopped=False).start.get("eu-1", 0)


# ---- published examples


@pytest.mark.parametrize(
    ("failed", "at_once"), [(0, 6), (1, 5), (2, 4), (3, 3), (4, 2), (5, 1), (6, 0)], ids=lambda n: str(n)
)
@pytest.mark.spec("stack-set.md", "failure_tolerance_mode")
def test_the_published_strict_example_tolerance_5_concurrency_10(failed: int, at_once: int) -> None:
    assert limit(5, 10, failed) == at_once


@pytest.mark.spec("stack-set.md", "failure_tolerance_mode")
def test_the_published_strict_example_of_1000_twenty_of_each_round_fail() -> None:
    assert [limit(100, 250, failed) for failed in (0, 20, 40, 60, 80)] == [101, 81, 61, 41, 21]
    assert (limit(100, 250, 100), limit(100, 250, 101)) == (1, 0)


@pytest.mark.spec("stack-set.md", "failure_tolerance_mode")
def test_the_published_soft_example_concurrency_stays_until_the_tolerance_is_exceeded() -> None:
    assert [limit(100, 250, failed, strict=False) for failed in (0, 20, 100, 101)] == [250, 250, 250, 0]


def test_the_trap_tolerance_5_concurrency_3_does_not_stop_at_the_third_failure() -> None:
    assert [limit(5, 3, failed) for failed in range(7)] == [3, 3, 3, 3, 2, 1, 0]


# ---- row by row

# concurrency, tolerance, waiting, running, failed, strict → how many begin
STARTS: dict[str, tuple[RegionCount, bool, int]] = {
    "nothing waits": (count(concurrency=3), True, 0),
    "one at a time": (count(waiting=5), True, 1),
    "one is worked at": (count(waiting=5, running=1), True, 0),
    "the window slides": (count(concurrency=3, tolerance=2, waiting=5, running=2), True, 1),
    "no more than wait": (count(concurrency=9, tolerance=9, waiting=2, running=1), True, 2),
    "no tolerance: strict lets one run": (count(concurrency=9, waiting=5), True, 1),
    "no tolerance: soft lets all run": (count(concurrency=9, waiting=5), False, 5),
    "those that run may fail too": (count(concurrency=9, tolerance=2, waiting=5, running=2, failed=1), True, 0),
    "the last that may fail": (count(concurrency=9, tolerance=2, waiting=5, failed=2), True, 1),
    "soft: failures do not lessen it": (count(concurrency=4, tolerance=2, waiting=5, running=2, failed=2), False, 2),
    "more run than may": (count(concurrency=2, tolerance=9, waiting=5, running=4), True, 0),
    "the tolerance is exceeded, strict": (count(concurrency=9, waiting=5, failed=1), True, 0),
    "the tolerance is exceeded, soft": (count(concurrency=9, waiting=5, failed=1), False, 0),
}


@pytest.mark.parametrize(("region", "strict", "starts"), STARTS.values(), ids=STARTS)
def test_how_many_begin(region: RegionCount, strict: bool, starts: int) -> None:
    assert turn({"eu-1": region}, (), strict, stopped=False).start == ({"eu-1": starts} if starts else {})


WAITS = count(concurrency=2, tolerance=2, waiting=3)
DONE = count(concurrency=2, tolerance=2)
RUNS = replace(DONE, running=1)
BORNE = replace(DONE, failed=2)
FAILED = replace(WAITS, failed=3)
FAILED_AND_RUNS = replace(FAILED, running=1)

# eu-1, eu-2, us-1 → what begins, and what is cancelled, one after the other and side by side
REGIONS: dict[str, tuple[tuple[RegionCount, RegionCount, RegionCount], Turn, Turn]] = {
    "at the beginning": (
        (WAITS, WAITS, WAITS),
        Turn({"eu-1": 2}),
        Turn({"eu-1": 2, "eu-2": 2, "us-1": 2}),
    ),
    "the first still runs": ((RUNS, WAITS, WAITS), Turn({}), Turn({"eu-2": 2, "us-1": 2})),
    "the first is done": ((DONE, WAITS, WAITS), Turn({"eu-2": 2}), Turn({"eu-2": 2, "us-1": 2})),
    "the first is done with failures that are borne": (
        (BORNE, WAITS, WAITS),
        Turn({"eu-2": 2}),
        Turn({"eu-2": 2, "us-1": 2}),
    ),
    "all are done": ((DONE, BORNE, DONE), Turn({}), Turn({})),
    "the first has failed": (
        (FAILED, WAITS, WAITS),
        Turn({}, frozenset({"eu-1", "eu-2", "us-1"})),
        Turn({"eu-2": 2, "us-1": 2}, frozenset({"eu-1"})),
    ),
    "it has failed, and some still run": (
        (FAILED_AND_RUNS, WAITS, WAITS),
        Turn({}, frozenset({"eu-1", "eu-2", "us-1"})),
        Turn({"eu-2": 2, "us-1": 2}, frozenset({"eu-1"})),
    ),
    "it has failed with its last ones": (
        (replace(FAILED, waiting=0), WAITS, WAITS),
        Turn({}, frozenset({"eu-2", "us-1"})),
        Turn({"eu-2": 2, "us-1": 2}),
    ),
    "a later one has failed": (
        (DONE, FAILED, WAITS),
        Turn({}, frozenset({"eu-2", "us-1"})),
        Turn({"us-1": 2}, frozenset({"eu-2"})),
    ),
    "all was cancelled, and some still run": (
        (replace(FAILED_AND_RUNS, waiting=0), DONE, DONE),
        Turn({}),
        Turn({}),
    ),
}


@pytest.mark.parametrize(("found", "sequential", "parallel"), REGIONS.values(), ids=REGIONS)
@pytest.mark.spec("stack-set.md", "region_concurrency_type")
@pytest.mark.spec("stack-set.md", "more failures than tolerated")
def test_regions(found: tuple[RegionCount, RegionCount, RegionCount], sequential: Turn, parallel: Turn) -> None:
    names = ("eu-1", "eu-2", "us-1")
    counts = dict(zip(names, found, strict=True))

    assert turn(counts, names, True, stopped=False) == sequential
    assert turn(counts, (), True, stopped=False) == parallel


@pytest.mark.spec("stack-set.md", "region_order")
def test_the_order_says_which_region_is_first() -> None:
    assert turn({"eu-1": WAITS, "us-1": WAITS}, ("us-1", "eu-1"), True, stopped=False) == Turn({"us-1": 2})


@pytest.mark.parametrize("order", [(), ("eu-1", "us-1")], ids=["side by side", "one after the other"])
def test_a_stop_cancels_all_that_waits_and_begins_nothing(order: tuple[str, ...]) -> None:
    counts = {"eu-1": replace(WAITS, running=1), "us-1": WAITS}

    assert turn(counts, order, True, stopped=True) == Turn({}, frozenset({"eu-1", "us-1"}))
    assert turn({"eu-1": RUNS, "us-1": DONE}, order, True, stopped=True) == Turn({})


# ---- whatever the counts

numbers = st.integers(0, 12)
regions = st.builds(RegionCount, numbers, st.integers(1, 12), numbers, numbers, numbers)
worlds = st.dictionaries(st.sampled_from(["eu-1", "eu-2", "us-1", "us-2"]), regions, min_size=1)


@st.composite
def turns(draw: st.DrawFn) -> tuple[dict[str, RegionCount], tuple[str, ...], bool]:
    counts = draw(worlds)
    return counts, draw(st.just(()) | st.permutations(sorted(counts)).map(tuple)), draw(st.booleans())


@given(turns())
def test_no_start_breaks_a_limit(given: tuple[dict[str, RegionCount], tuple[str, ...], bool]) -> None:
    counts, order, strict = given
    decided = turn(counts, order, strict, stopped=False)

    for region, many in decided.start.items():
        c = counts[region]
        assert 0 < many <= c.waiting
        assert c.failed <= c.tolerance
        assert c.running + many <= c.concurrency
        assert not strict or c.failed + c.running + many <= c.tolerance + 1
    assert not decided.cancel & set(decided.start)
    assert all(counts[region].waiting for region in decided.cancel)
    assert len(decided.start) <= 1 or not order


@given(turns())
def test_where_nothing_can_be_done_something_runs_or_it_is_over(
    given: tuple[dict[str, RegionCount], tuple[str, ...], bool],
) -> None:
    counts, order, strict = given
    decided = turn(counts, order, strict, stopped=False)

    if not decided.start and not decided.cancel:
        assert not any(c.waiting for c in counts.values()) or any(c.running for c in counts.values())


@given(turns(), st.data())
def test_a_turn_that_was_done_in_part_is_completed_by_the_next(
    given: tuple[dict[str, RegionCount], tuple[str, ...], bool], data: st.DataObject
) -> None:
    """A crash after any of its writes: nothing begins twice, and nothing is forgotten."""
    counts, order, strict = given
    decided = turn(counts, order, strict, stopped=False)
    begun = {region: data.draw(st.integers(0, many)) for region, many in decided.start.items()}
    cancelled = {r: data.draw(st.integers(0, counts[r].waiting)) for r in sorted(decided.cancel)}
    later = {
        region: replace(
            c,
            waiting=c.waiting - begun.get(region, 0) - cancelled.get(region, 0),
            running=c.running + begun.get(region, 0),
        )
        for region, c in counts.items()
    }
    rest = turn(later, order, strict, stopped=False)

    assert rest.start == {r: many - begun[r] for r, many in decided.start.items() if many > begun[r]}
    assert rest.cancel == {r for r in decided.cancel if counts[r].waiting > cancelled[r]}
