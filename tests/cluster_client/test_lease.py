"""One leader at a time."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Self

import pytest

from tests.cluster_client.lease_world import Candidate, LeaseApi
from tests.cluster_client.virtual_time import now, run
from windlass.cluster import lease
from windlass.cluster.errors import NotLeading


async def until(condition: Callable[[], bool], within: float) -> float:
    """Virtual seconds until the condition held."""
    began = now()
    while not condition():
        assert now() - began <= within, f"not within {within} s"
        await asyncio.sleep(0.01)
    return now() - began


def play(scenario: Callable[[LeaseApi], Awaitable[None]]) -> None:
    async def begin() -> None:
        await scenario(LeaseApi())

    run(begin())


# ---- alone


def test_the_first_one_makes_the_lease_and_leads() -> None:
    async def scenario(api: LeaseApi) -> None:
        one = Candidate(api, "one").start()
        await until(one.lease.held, 1)
        await one.lease.acquired.wait()
        assert one.told == ["started"]
        assert api.spec["holderIdentity"] == "one"
        assert api.spec["leaseDurationSeconds"] == 15
        assert api.spec["leaseTransitions"] == 0
        assert api.spec["acquireTime"].endswith("Z")

    play(scenario)


def test_a_healthy_leader_renews_every_two_seconds_and_stays() -> None:
    async def scenario(api: LeaseApi) -> None:
        one = Candidate(api, "one").start()
        await until(one.lease.held, 1)
        before, acquired_at = api.writes, api.spec["acquireTime"]
        for _ in range(600):
            await asyncio.sleep(0.1)
            assert one.lease.held()
        assert 28 <= api.writes - before <= 31
        assert api.spec["acquireTime"] == acquired_at
        assert api.spec["leaseTransitions"] == 0
        assert one.told == ["started"]

    play(scenario)


def test_before_it_leads_nothing_may_be_written() -> None:
    async def scenario(api: LeaseApi) -> None:
        one = Candidate(api, "one")
        with pytest.raises(NotLeading, match="lease windlass-system/windlass is not held by one"):
            one.lease.check()
        one.start()
        await one.lease.acquired.wait()
        one.lease.check()

    play(scenario)


def test_without_the_server_it_stops_leading_at_the_renew_deadline() -> None:
    async def scenario(api: LeaseApi) -> None:
        one = Candidate(api, "one").start()
        await one.lease.acquired.wait()
        await asyncio.sleep(0.5)
        one.network.cut()
        led_for = await until(lambda: not one.lease.held(), 11)
        assert led_for <= 10
        await until(lambda: one.told == ["started", "stopped"], 0.1)
        assert not one.lease.acquired.is_set()

    play(scenario)


def test_the_deadline_counts_from_before_the_renewal_was_sent() -> None:
    async def scenario(api: LeaseApi) -> None:
        one = Candidate(api, "one").start()
        one.network.there = one.network.back = lambda: 2.0
        began = now()
        await until(one.lease.held, 9)  # to look and to create take four seconds each
        one.network.cut()
        await until(lambda: not one.lease.held(), 11)
        assert now() - (began + 4) == pytest.approx(10, abs=0.05)

    play(scenario)


def test_a_short_outage_does_not_end_it() -> None:
    async def scenario(api: LeaseApi) -> None:
        one = Candidate(api, "one").start()
        await one.lease.acquired.wait()
        one.network.cut()
        await asyncio.sleep(4)
        one.network.mend()
        await asyncio.sleep(20)
        assert one.lease.held()
        assert one.told == ["started"]

    play(scenario)


def test_it_leads_again_after_an_outage() -> None:
    async def scenario(api: LeaseApi) -> None:
        one = Candidate(api, "one").start()
        await one.lease.acquired.wait()
        one.network.cut()
        await asyncio.sleep(60)
        one.network.mend()
        await until(one.lease.held, 7)
        await until(lambda: one.told == ["started", "stopped", "started"], 1)

    play(scenario)


def test_a_renewal_whose_reply_is_lost_does_no_harm() -> None:
    async def scenario(api: LeaseApi) -> None:
        one = Candidate(api, "one").start()
        await one.lease.acquired.wait()
        one.network.back = lambda: None
        version = api.version
        await until(lambda: api.version > version, 3)
        one.network.mend()
        await asyncio.sleep(30)
        assert one.lease.held()
        assert one.told == ["started"]

    play(scenario)


def test_somebody_elses_change_of_the_object_does_not_end_it() -> None:
    async def scenario(api: LeaseApi) -> None:
        one = Candidate(api, "one").start()
        await one.lease.acquired.wait()
        api.touch()
        await asyncio.sleep(30)
        assert one.told == ["started"]

    play(scenario)


def test_a_lease_that_is_deleted_is_made_again() -> None:
    async def scenario(api: LeaseApi) -> None:
        one = Candidate(api, "one").start()
        await one.lease.acquired.wait()
        api.record = None
        await until(lambda: api.record is not None, 3)
        await asyncio.sleep(15)
        assert one.lease.held()

    play(scenario)


def test_a_machine_that_slept_leads_no_more_when_it_wakes() -> None:
    async def scenario(api: LeaseApi) -> None:
        one = Candidate(api, "one").start()
        await one.lease.acquired.wait()
        one.stall = lambda: 100.0
        await asyncio.sleep(12.5)
        assert not one.lease.held()  # although nothing of its own has run since

    play(scenario)


# ---- with others


def test_a_clean_stop_lets_the_next_one_lead_within_the_retry_period() -> None:
    async def scenario(api: LeaseApi) -> None:
        one = Candidate(api, "one").start()
        await one.lease.acquired.wait()
        two = Candidate(api, "two").start()
        await asyncio.sleep(5)
        assert not two.lease.held()
        await one.stop()
        assert not one.lease.held()
        assert one.told == ["started", "stopped"]
        assert api.spec["holderIdentity"] == ""
        assert await until(two.lease.held, 3) <= 2.1
        assert api.spec["leaseTransitions"] == 1

    play(scenario)


def test_a_stop_during_a_renewal_still_gives_the_lease_back() -> None:
    async def scenario(api: LeaseApi) -> None:
        one = Candidate(api, "one").start()
        await one.lease.acquired.wait()
        one.network.back = lambda: 0.5
        version = api.version
        await until(lambda: api.version > version, 3)  # renewed, and the reply is on its way
        await one.stop()
        assert api.spec["holderIdentity"] == ""

    play(scenario)


def test_a_stop_without_the_server_does_not_hang() -> None:
    async def scenario(api: LeaseApi) -> None:
        one = Candidate(api, "one").start()
        await one.lease.acquired.wait()
        began = now()
        await one.kill()
        assert now() - began <= 2.1
        assert api.spec["holderIdentity"] == "one"

    play(scenario)


def test_one_that_never_led_gives_nothing_back() -> None:
    async def scenario(api: LeaseApi) -> None:
        one = Candidate(api, "one").start()
        await one.lease.acquired.wait()
        two = Candidate(api, "two").start()
        await asyncio.sleep(1)
        await two.stop()
        assert api.spec["holderIdentity"] == "one"
        assert two.told == []

    play(scenario)


def test_after_a_kill_the_next_one_leads_within_twenty_seconds_and_not_before_the_lease_has_run_out() -> None:
    async def scenario(api: LeaseApi) -> None:
        one = Candidate(api, "one").start()
        await one.lease.acquired.wait()
        two = Candidate(api, "two").start()
        await asyncio.sleep(7)
        began = now()
        await one.kill()
        await until(two.lease.held, 20)
        assert now() - began >= 13  # the last renewal may be two seconds old
        assert api.spec["leaseTransitions"] == 1

    play(scenario)


def test_one_who_comes_late_waits_for_the_whole_duration_it_has_seen_itself() -> None:
    async def scenario(api: LeaseApi) -> None:
        one = Candidate(api, "one").start()
        await one.lease.acquired.wait()
        await one.kill()
        await asyncio.sleep(14)  # nearly over, but the one who comes cannot know that
        two = Candidate(api, "two").start()
        assert await until(two.lease.held, 20) >= 15

    play(scenario)


def test_the_clocks_of_the_machines_are_not_compared() -> None:
    async def scenario(api: LeaseApi) -> None:
        one = Candidate(api, "one", clock_offset=5_000.0).start()
        await one.lease.acquired.wait()
        two = Candidate(api, "two", clock_offset=-3.0).start()
        for _ in range(600):
            await asyncio.sleep(0.1)
            assert one.lease.held()
            assert not two.lease.held()

    play(scenario)


def test_the_holders_own_duration_counts_for_those_who_wait() -> None:
    async def scenario(api: LeaseApi) -> None:
        one = Candidate(api, "one", duration=60, renew_deadline=40).start()
        await one.lease.acquired.wait()
        two = Candidate(api, "two").start()
        await asyncio.sleep(1)
        await one.kill()
        assert await until(two.lease.held, 65) >= 57

    play(scenario)


def test_a_lease_that_somebody_deletes_is_not_taken_while_its_holder_may_still_write() -> None:
    async def scenario(api: LeaseApi) -> None:
        one = Candidate(api, "one").start()
        await one.lease.acquired.wait()
        two = Candidate(api, "two", retry_period=0.2).start()
        await asyncio.sleep(5)
        api.record = None
        while now() < 60:
            assert not (one.lease.held() and two.lease.held())
            await asyncio.sleep(0.01)
        assert one.lease.held()  # who made it again
        assert two.told == []

    play(scenario)


def test_a_lease_that_is_deleted_with_its_holder_gone_is_made_when_it_would_have_run_out() -> None:
    async def scenario(api: LeaseApi) -> None:
        one = Candidate(api, "one").start()
        await one.lease.acquired.wait()
        two = Candidate(api, "two").start()
        await asyncio.sleep(5)
        await one.kill()
        api.record = None
        assert 10 < await until(two.lease.held, 20) <= 17

    play(scenario)


def test_a_jump_of_the_wall_clock_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario(api: LeaseApi) -> None:
        one = Candidate(api, "one").start()
        await one.lease.acquired.wait()
        two = Candidate(api, "two").start()
        for days in (1, -2, 400):
            jumped = _jumped(timedelta(days=days))
            monkeypatch.setattr(lease, "datetime", jumped)
            await asyncio.sleep(30)
            assert api.spec["renewTime"][:10] == str(jumped.now(UTC).date())  # it was heard of, and written for people
            assert (one.told, two.told) == (["started"], [])

    play(scenario)


def _jumped(by: timedelta) -> type[datetime]:
    class Jumped(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> Self:
            return super().now(tz) + by

    return Jumped


def test_one_who_waits_says_once_for_whom(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")

    async def scenario(api: LeaseApi) -> None:
        one = Candidate(api, "one").start()
        await one.lease.acquired.wait()
        two = Candidate(api, "two").start()
        await asyncio.sleep(60)
        assert caplog.text.count("lease windlass-system/windlass: one holds it; two stands by") == 1
        await one.stop()
        await two.lease.acquired.wait()
        Candidate(api, "three").start()
        await asyncio.sleep(10)
        assert caplog.text.count("two holds it; three stands by") == 1

    play(scenario)


def test_of_two_who_take_an_expired_lease_one_gets_it() -> None:
    async def scenario(api: LeaseApi) -> None:
        one = Candidate(api, "one").start()
        await one.lease.acquired.wait()
        others = [Candidate(api, name).start() for name in ("two", "three", "four")]
        await asyncio.sleep(1)
        await one.kill()
        await until(lambda: any(other.lease.held() for other in others), 20)
        for _ in range(100):
            await asyncio.sleep(0.1)
            assert sum(other.lease.held() for other in others) == 1

    play(scenario)


def test_a_leader_whose_lease_somebody_took_stops_at_once() -> None:
    async def scenario(api: LeaseApi) -> None:
        one = Candidate(api, "one").start()
        await one.lease.acquired.wait()
        api.spec["holderIdentity"] = "usurper"
        api.touch()
        assert await until(lambda: not one.lease.held(), 5) <= 2.1
        await until(lambda: one.told == ["started", "stopped"], 1)

    play(scenario)


@pytest.mark.parametrize("seed", range(60))
def test_there_are_never_two_leaders_whatever_machines_and_networks_do(seed: int) -> None:
    async def scenario(api: LeaseApi) -> None:
        chance = random.Random(seed)  # noqa: S311 — what goes wrong
        candidates: list[Candidate] = []

        def latency() -> float | None:
            return chance.choice((0.01, 0.01, 0.01, 0.5, 3.0, 8.0, 14.0, None))

        def enter() -> None:
            candidate = Candidate(api, f"{now():.3f}-{len(candidates)}", clock_offset=chance.uniform(0, 1e6))
            candidate.network.there = candidate.network.back = latency
            candidate.stall = lambda: chance.choice((0.0, 0.0, 0.0, 0.0, 5.0, 12.0, 25.0))
            candidates.append(candidate.start())

        for _ in range(3):
            enter()
        leaders = set()
        for step in range(6000):  # ten minutes
            await asyncio.sleep(0.1)
            held = [candidate.lease.identity for candidate in candidates if candidate.lease.held()]
            assert len(held) <= 1, f"seed {seed}, at {now():.1f} s: {held}"
            leaders.update(held)
            if step % 300 == 299:
                leaving = candidates.pop(chance.randrange(len(candidates)))
                await (leaving.kill() if chance.random() < 0.5 else leaving.stop())
                enter()
        for candidate in candidates:
            candidate.network.mend()
            candidate.stall = lambda: 0.0
        await until(lambda: any(candidate.lease.held() for candidate in candidates), 45)
        assert leaders, "nobody ever led: the test shows nothing"

    play(scenario)


# ---- settings


@pytest.mark.parametrize(
    ("duration", "renew_deadline", "retry_period"), [(15, 15, 2), (15, 10, 10), (15, 10, 0), (10, 12, 2), (2.5, 2, 1)]
)
def test_times_that_could_make_two_leaders_are_refused(
    duration: int, renew_deadline: float, retry_period: float
) -> None:
    with pytest.raises(ValueError, match="must rise in this order, and the duration must be a whole number"):
        Candidate(LeaseApi(), "one", duration=duration, renew_deadline=renew_deadline, retry_period=retry_period)


def test_the_lease_tells_the_holders_trouble_when_it_begins_and_when_it_is_over() -> None:
    async def scenario(api: LeaseApi) -> None:
        trouble: list[str | None] = [None]
        one = Candidate(api, "one", trouble=lambda: trouble[0]).start()
        await until(one.lease.held, 1)
        await asyncio.sleep(5)
        assert api.annotations == []
        for told in ("it ended 3 times in a row", None):
            trouble[0] = told
            await asyncio.sleep(5)
            assert api.annotations[-1] == {"windlass.dev/trouble": told}
        assert len(api.annotations) == 2

    play(scenario)
