"""Operations of stack sets played from beginning to end: golden logs for people, and what holds of all of them.

To accept a changed log: `WINDLASS_GOLDEN=write pytest tests/sim/test_stack_dispatch.py`.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from itertools import takewhile
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.golden import matches_golden
from tests.worlds import span
from windlass.planner.stackset.dispatch import RegionCount, turn
from windlass.planner.stackset.preferences import Limits
from windlass.planner.stackset.targets import Place
from windlass.simulate.stacks import Happening, Part, What, play

GOLDEN = Path(__file__).parent / "golden"
SECOND = timedelta(seconds=1)
REGIONS = ("eu-1", "eu-2", "us-1")
ENDS = (What.SUCCEEDS, What.FAILS)


def parts(region: str, durations: Sequence[int], *, failing: tuple[int, ...] = ()) -> list[Part]:
    """The accounts a0, a1, … of a region: how many seconds each takes, and which of them fail."""
    return [Part(Place(region, f"a{i}"), s * SECOND, fails=i in failing) for i, s in enumerate(durations)]


def told(name: str, happened: Sequence[Happening]) -> bool:
    lines = [f"{str(each.at).zfill(8)} {each.place.region}/{each.place.account} {each.what}" for each in happened]
    return matches_golden(GOLDEN / f"stack_{name}.log", lines)


# ---- stories


@pytest.mark.spec("stack-set.md", "region_order")
@pytest.mark.spec("stack-set.md", "more failures than tolerated")
def test_one_region_after_the_other_until_one_has_failed() -> None:
    work = parts("eu-1", [10, 20, 10], failing=(1,)) + parts("us-1", [10, 30, 5, 5], failing=(0, 2))
    work += parts("eu-2", [10, 10])

    assert told("sequential", play(work, dict.fromkeys(REGIONS, Limits(1, 2)), ("eu-1", "us-1", "eu-2")))


@pytest.mark.spec("stack-set.md", "region_concurrency_type")
@pytest.mark.spec("stack-set.md", "more failures than tolerated")
def test_side_by_side_one_that_has_failed_stops_no_other() -> None:
    work = parts("eu-1", [10, 20, 10]) + parts("eu-2", [5, 30, 5, 5], failing=(0, 1)) + parts("us-1", [20, 20])
    limits = {"eu-1": Limits(0, 1), "eu-2": Limits(1, 2), "us-1": Limits(0, 2)}

    assert told("parallel", play(work, limits, ()))


@pytest.mark.spec("stack-set.md", "failure_tolerance_mode")
def test_soft_goes_on_with_as_many_at_once_whatever_failed() -> None:
    work = parts("eu-1", [10] * 7, failing=(0, 1, 2, 3))

    assert told("strict", play(work, {"eu-1": Limits(3, 3)}, ("eu-1",)))
    assert told("soft", play(work, {"eu-1": Limits(3, 3)}, ("eu-1",), strict=False))


def test_a_stopped_one_finishes_what_was_begun() -> None:
    work = parts("eu-1", [10, 20, 10, 10]) + parts("us-1", [10])
    limits = dict.fromkeys(("eu-1", "us-1"), Limits(0, 2))

    assert told("stopped", play(work, limits, ("eu-1", "us-1"), strict=False, stopped_at=span("12s")))


# ---- figures


def test_how_long_it_takes_is_the_longest_way_through_it() -> None:
    work = parts("eu-1", [10] * 7) + parts("us-1", [3, 50])

    assert play(work, {"eu-1": Limits(9, 3), "us-1": Limits(9, 2)}, ("eu-1", "us-1"))[-1].at == span("80s")
    assert play(work, {"eu-1": Limits(9, 3), "us-1": Limits(9, 2)}, ())[-1].at == span("50s")


@pytest.mark.spec("stack-set.md", "failure_tolerance_mode")
def test_the_trap_tolerance_5_concurrency_3_is_played_to_its_sixth_failure() -> None:
    happened = play(parts("eu-1", [10] * 20, failing=tuple(range(20))), {"eu-1": Limits(5, 3)}, ("eu-1",))

    assert Counter(each.what for each in happened) == {What.BEGINS: 6, What.FAILS: 6, What.CANCELLED: 14}


def test_who_is_not_said_to_fail_succeeds() -> None:
    place = Place("eu-1", "a0")

    assert play([Part(place, SECOND)], {"eu-1": Limits(0, 1)}, ("eu-1",)) == (
        Happening(timedelta(), What.BEGINS, place),
        Happening(SECOND, What.SUCCEEDS, place),
    )


def test_nothing_to_do_is_done_at_once() -> None:
    assert play([], {"eu-1": Limits(0, 1)}, ("eu-1",)) == ()


# ---- whatever fails, and however long it takes


@dataclass(frozen=True)
class World:
    parts: list[Part]
    limits: dict[str, Limits]
    order: tuple[str, ...]
    strict: bool
    stopped_at: timedelta | None

    def play(self) -> tuple[Happening, ...]:
        return play(self.parts, self.limits, self.order, strict=self.strict, stopped_at=self.stopped_at)

    def stopped(self, at: timedelta) -> bool:
        return self.stopped_at is not None and at >= self.stopped_at

    def counts(self, happened: Sequence[Happening]) -> dict[str, RegionCount]:
        """What somebody counts who knows nothing but what has happened so far."""
        seen = Counter((each.place.region, each.what) for each in happened)
        total = Counter(part.place.region for part in self.parts)
        return {
            region: RegionCount(
                limits.tolerance,
                limits.concurrency,
                waiting=total[region] - seen[region, What.BEGINS] - seen[region, What.CANCELLED],
                running=seen[region, What.BEGINS] - seen[region, What.SUCCEEDS] - seen[region, What.FAILS],
                failed=seen[region, What.FAILS],
            )
            for region, limits in self.limits.items()
        }

    def exceeded(self, happened: Sequence[Happening]) -> set[str]:
        return {region for region, count in self.counts(happened).items() if count.failed > count.tolerance}


@st.composite
def worlds(draw: st.DrawFn, *, stops: bool = True) -> World:
    regions = draw(st.lists(st.sampled_from(REGIONS), min_size=1, unique=True))
    fails = st.booleans() if draw(st.booleans()) else st.just(False)
    work: list[Part] = []
    for region in regions:
        lives = draw(st.lists(st.tuples(st.integers(0, 4), fails), max_size=9))
        work += [Part(Place(region, f"a{i}"), s * SECOND, ends) for i, (s, ends) in enumerate(lives)]
    limit = st.builds(Limits, st.integers(0, 4), st.integers(1, 5))
    return World(
        work,
        {region: draw(limit) for region in regions},
        tuple(regions) if draw(st.booleans()) else (),
        draw(st.booleans()),
        draw(st.none() | st.integers(0, 20).map(lambda s: s * SECOND)) if stops else None,
    )


def prefixes(happened: tuple[Happening, ...]) -> Iterator[tuple[Sequence[Happening], Sequence[Happening]]]:
    """What has happened and what is still to happen, at each point."""
    return ((happened[:i], happened[i:]) for i in range(len(happened) + 1))


@given(worlds())
def test_each_instance_begins_and_ends_once_or_is_cancelled_once(world: World) -> None:
    happened = world.play()

    for part in world.parts:
        own = [each for each in happened if each.place == part.place]
        if len(own) == 1:
            assert own[0].what is What.CANCELLED
        else:
            begun, ended = own
            assert begun.what is What.BEGINS
            assert ended.what is (What.FAILS if part.fails else What.SUCCEEDS)
            assert ended.at - begun.at == part.takes
    assert {each.place for each in happened} == {part.place for part in world.parts}
    assert [each.at for each in happened] == sorted(each.at for each in happened)


@given(worlds())
@pytest.mark.spec("stack-set.md", "failure_tolerance_mode")
def test_limits_are_kept_at_every_moment(world: World) -> None:
    for before, _ in prefixes(world.play()):
        for count in world.counts(before).values():
            assert count.running <= count.concurrency
            assert not world.strict or count.failed + count.running <= count.tolerance + 1


@given(worlds())
@pytest.mark.spec("stack-set.md", "region_concurrency_type")
def test_one_after_the_other_no_two_regions_overlap(world: World) -> None:
    if not world.order:
        return
    begun = [each.place.region for each in world.play() if each.what is What.BEGINS]
    assert begun == sorted(begun, key=world.order.index)
    for before, _ in prefixes(world.play()):
        assert sum(1 for count in world.counts(before).values() if count.running) <= 1


@given(worlds(stops=False))
@pytest.mark.spec("stack-set.md", "more failures than tolerated")
def test_only_what_waits_where_a_region_has_failed_is_cancelled(world: World) -> None:
    for before, after in prefixes(world.play()):
        if not after or after[0].what is not What.CANCELLED:
            continue
        exceeded = world.exceeded(before)
        assert exceeded
        assert world.order or after[0].place.region in exceeded


@given(worlds(stops=False))
@pytest.mark.spec("stack-set.md", "more failures than tolerated")
def test_nothing_begins_in_a_region_that_has_failed_nor_after_it_in_the_order(world: World) -> None:
    for before, after in prefixes(world.play()):
        exceeded = world.exceeded(before)
        if after and after[0].what is What.BEGINS:
            assert not exceeded if world.order else after[0].place.region not in exceeded


@given(worlds())
def test_a_stop_cancels_just_what_waits_then(world: World) -> None:
    if world.stopped_at is None:
        return
    unstopped = World(world.parts, world.limits, world.order, world.strict, None).play()
    happened = world.play()
    earlier = [each for each in unstopped if each.at < world.stopped_at]
    gone = {each.place for each in earlier if each.what is not What.CANCELLED}

    assert list(happened[: len(earlier)]) == earlier
    assert not any(each.what is What.BEGINS for each in happened if each.at >= world.stopped_at)
    cancelled = {each.place for each in happened if each.what is What.CANCELLED}
    assert cancelled == {part.place for part in world.parts} - gone


@given(worlds())
@example(World(parts("eu-1", [1, 1, 1], failing=(0,)), {"eu-1": Limits(0, 3)}, ("eu-1",), False, None))
def test_whoever_begins_anew_in_the_middle_goes_on_as_it_would_have_been(world: World) -> None:
    """Also between two writes of one pass: what the counts say then is just the rest of it."""
    for before, after in prefixes(world.play()):
        if before and after and _one_moment_s_ends(before[-1], after[0]):
            continue
        acts = bool(after) and after[0].what not in ENDS
        at = after[0].at if acts else before[-1].at if before else timedelta()
        acting = takewhile(lambda each: each.what not in ENDS, after)
        rest = [each for each in acting if each.at == at]
        decided = turn(world.counts(before), world.order, world.strict, stopped=world.stopped(at))
        assert decided.start == Counter(each.place.region for each in rest if each.what is What.BEGINS)
        assert decided.cancel == {each.place.region for each in rest if each.what is What.CANCELLED}


def _one_moment_s_ends(first: Happening, second: Happening) -> bool:
    """Whether a pass sees both."""
    return first.at == second.at and first.what in ENDS and second.what in ENDS
