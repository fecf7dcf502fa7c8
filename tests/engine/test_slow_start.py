import asyncio
from collections.abc import Awaitable, Callable

import hypothesis.strategies as st
import pytest
from hypothesis import given, settings

from tests.engine.manual_clock import ManualClock, settle
from windlass.engine.slow_start import MOST_IN_FLIGHT, Results, slow_start

Job = Callable[[], Awaitable[int]]


class Requests:
    """Jobs that take a second each, or as long as they are told, and a record of how many were out at once."""

    def __init__(self, count: int, fail: frozenset[int] = frozenset(), seconds: dict[int, float] | None = None) -> None:
        self.clock = ManualClock()
        self.in_flight = 0
        self.most = 0
        self.started: list[int] = []
        self.jobs: list[Job] = [
            self._job(index, index in fail, (seconds or {}).get(index, 1.0)) for index in range(count)
        ]

    def _job(self, index: int, fails: bool, seconds: float) -> Job:
        async def job() -> int:
            self.started.append(index)
            self.in_flight += 1
            self.most = max(self.most, self.in_flight)
            try:
                await self.clock.sleep(seconds)
            finally:
                self.in_flight -= 1
            if fails:
                raise ValueError(f"request {index}")
            return index * 10

        return job


def test_no_jobs_are_no_work():
    results: Results[int] = asyncio.run(slow_start([]))
    assert (results.completed, results.failed) == ({}, {})


def test_jobs_run_1_2_4_8_at_once_up_to_64():
    async def scenario() -> None:
        requests = Requests(1000)
        batch = asyncio.create_task(slow_start(requests.jobs))
        await settle()
        rounds = []
        for _ in range(9):
            rounds.append(requests.in_flight)
            await requests.clock.advance(1)
        assert rounds == [1, 2, 4, 8, 16, 32, 64, 64, 64]
        await requests.clock.advance(100)
        assert (await batch).completed == {index: index * 10 for index in range(1000)}
        assert requests.started == list(range(1000))

    asyncio.run(scenario())


def test_at_the_top_a_slow_request_holds_up_nobody():
    async def scenario() -> None:
        requests = Requests(500, seconds={100: 1000.0})
        batch = asyncio.create_task(slow_start(requests.jobs))
        await requests.clock.advance(30)
        assert (len(requests.started), requests.in_flight, requests.most) == (500, 1, MOST_IN_FLIGHT)
        await requests.clock.advance(1000)
        assert len((await batch).completed) == 500

    asyncio.run(scenario())


def test_the_limit_and_the_beginning_can_be_given():
    async def scenario() -> None:
        requests = Requests(50)
        batch = asyncio.create_task(slow_start(requests.jobs, limit=5, initial=3))
        await settle()
        assert requests.in_flight == 3
        await requests.clock.advance(50)
        await batch
        assert requests.most == 5

    asyncio.run(scenario())


def test_a_first_request_that_fails_is_the_only_one():
    async def scenario() -> None:
        requests = Requests(1000, fail=frozenset({0}))
        batch = asyncio.create_task(slow_start(requests.jobs))
        await requests.clock.advance(10)
        results = await batch
        assert (requests.started, results.completed) == ([0], {})
        assert {index: str(failure) for index, failure in results.failed.items()} == {0: "request 0"}

    asyncio.run(scenario())


def test_after_a_failure_what_is_out_is_waited_for_and_no_more_is_started():
    async def scenario() -> None:
        requests = Requests(1000, fail=frozenset({3, 4}), seconds={6: 60.0})
        batch = asyncio.create_task(slow_start(requests.jobs))
        await requests.clock.advance(10)
        assert not batch.done()
        await requests.clock.advance(60)
        results = await batch
        assert [(index, str(failure)) for index, failure in results.failed.items()] == [
            (3, "request 3"),
            (4, "request 4"),
        ]
        assert results.completed == {0: 0, 1: 10, 2: 20, 5: 50, 6: 60}
        assert requests.started == list(range(7))

    asyncio.run(scenario())


def test_failures_are_told_in_the_order_of_their_jobs():
    async def scenario() -> None:
        requests = Requests(100, fail=frozenset({1, 2}), seconds={1: 5.0})
        batch = asyncio.create_task(slow_start(requests.jobs))
        await requests.clock.advance(10)
        assert list((await batch).failed) == [1, 2]

    asyncio.run(scenario())


def test_cancelling_the_batch_cancels_what_is_out_and_starts_no_more():
    async def scenario() -> None:
        requests = Requests(1000)
        batch = asyncio.create_task(slow_start(requests.jobs))
        await requests.clock.advance(3.5)
        started = len(requests.started)
        assert requests.in_flight == 8
        batch.cancel()
        with pytest.raises(asyncio.CancelledError):
            await batch
        assert (requests.in_flight, len(requests.started)) == (0, started)
        assert asyncio.all_tasks() == {asyncio.current_task()}

    asyncio.run(scenario())


def test_a_request_that_somebody_else_cancels_counts_as_failed():
    async def scenario() -> None:
        async def cancelled() -> int:
            raise asyncio.CancelledError

        results = await slow_start([cancelled, cancelled])
        assert {index: str(failure) for index, failure in results.failed.items()} == {
            0: "the request was cancelled by somebody else"
        }

    asyncio.run(scenario())


@settings(max_examples=100, deadline=None)
@given(
    count=st.integers(0, 200),
    fail=st.frozensets(st.integers(0, 199), max_size=3),
    seconds=st.dictionaries(st.integers(0, 199), st.sampled_from([0.0, 0.5, 3.0]), max_size=20),
    limit=st.integers(1, 64),
)
def test_every_job_is_accounted_for_once(count: int, fail: frozenset[int], seconds: dict[int, float], limit: int):
    async def scenario() -> None:
        requests = Requests(count, fail, seconds)
        batch = asyncio.create_task(slow_start(requests.jobs, limit=limit))
        await requests.clock.advance(1000)
        results = await batch
        assert sorted([*results.completed, *results.failed]) == requests.started == list(range(len(requests.started)))
        assert results.failed.keys() <= fail
        assert list(results.failed) == sorted(results.failed)
        assert len(requests.started) == count or results.failed
        assert requests.most <= limit

    asyncio.run(scenario())
