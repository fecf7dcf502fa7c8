import asyncio

import pytest

from tests.engine.manual_clock import ManualClock, seeded, settle
from windlass.engine.queue import BACK_OFF_JITTER, GATHER_SECONDS, Key, Queue

WEB = Key("ScalingGroup", "shop", "web")
API = Key("ScalingGroup", "shop", "api")


def taken(queue: Queue) -> list[Key]:
    """Everything that is ready, taken and not yet done."""

    async def take() -> list[Key]:
        return [await queue.get() for _ in range(queue.depth)]

    coroutine = take()
    try:
        coroutine.send(None)
    except StopIteration as stop:
        return list(stop.value)
    raise AssertionError("the queue waited although something was ready")


def test_a_key_reads_as_kind_and_path():
    assert str(WEB) == "ScalingGroup shop/web"
    assert str(Key("Node", "", "n1")) == "Node n1"


def test_a_quiet_key_is_handed_out_at_once():
    queue = Queue(ManualClock())
    queue.add(WEB)
    assert taken(queue) == [WEB]


def test_a_key_waits_only_once_in_the_queue():
    queue = Queue(ManualClock())
    for key in (WEB, API, WEB, WEB):
        queue.add(key)
    assert taken(queue) == [WEB, API]


def test_what_arrives_during_a_pass_becomes_one_pass_50_ms_after_its_end():
    async def scenario() -> None:
        clock = ManualClock()
        queue = Queue(clock)
        queue.add(WEB)
        assert taken(queue) == [WEB]
        for _ in range(1000):
            queue.add(WEB)
        await clock.advance(5)
        assert queue.depth == 0
        queue.done(WEB)
        await clock.advance(GATHER_SECONDS - 0.001)
        assert queue.depth == 0
        await clock.advance(0.001)
        assert taken(queue) == [WEB]
        queue.done(WEB)
        await clock.advance(1000)
        assert queue.depth == 0

    asyncio.run(scenario())


def test_what_arrives_within_50_ms_after_a_pass_waits_until_they_are_over():
    async def scenario() -> None:
        clock = ManualClock()
        queue = Queue(clock)
        queue.add(WEB)
        taken(queue)
        queue.done(WEB)
        await clock.advance(0.03)
        queue.add(WEB)
        queue.add_after(WEB, 0)
        assert queue.depth == 0
        await clock.advance(0.02)
        assert taken(queue) == [WEB]

    asyncio.run(scenario())


def test_what_must_not_wait_is_handed_out_within_the_gather_time_and_right_after_a_pass():
    clock = ManualClock()
    queue = Queue(clock)
    queue.add(WEB)
    assert taken(queue) == [WEB]
    queue.done(WEB)
    queue.add(WEB)
    assert queue.depth == 0
    queue.add(WEB, at_once=True)
    assert taken(queue) == [WEB]
    queue.add(WEB, at_once=True)
    queue.add(WEB)
    assert queue.depth == 0  # one worker per key
    queue.done(WEB)
    assert taken(queue) == [WEB]
    queue.done(WEB)
    assert queue.depth == 0


def test_a_key_that_has_rested_is_handed_out_at_once():
    async def scenario() -> None:
        clock = ManualClock()
        queue = Queue(clock)
        queue.add(WEB)
        taken(queue)
        queue.done(WEB)
        await clock.advance(GATHER_SECONDS)
        queue.add(WEB)
        assert taken(queue) == [WEB]

    asyncio.run(scenario())


def test_a_key_that_rests_again_does_not_keep_those_that_have_rested():
    async def scenario() -> None:
        clock = ManualClock()
        queue = Queue(clock)

        def pass_of(key: Key) -> None:
            queue.add(key, at_once=True)
            assert taken(queue) == [key]
            queue.done(key)

        pass_of(WEB)
        pass_of(API)
        await clock.advance(GATHER_SECONDS / 2)
        pass_of(WEB)
        await clock.advance(GATHER_SECONDS / 2)
        pass_of(Key("ScalingGroup", "shop", "other"))
        assert API not in queue._resting

    asyncio.run(scenario())


def test_done_again_puts_the_key_behind_the_others_without_gathering():
    async def scenario() -> None:
        clock = ManualClock()
        queue = Queue(clock)
        queue.add(WEB)
        taken(queue)
        queue.add(WEB)
        queue.add(API)
        queue.done(WEB, again=True)
        assert taken(queue) == [API, WEB]
        queue.done(WEB)
        await clock.advance(10)
        assert queue.depth == 0

    asyncio.run(scenario())


def test_done_without_get_is_refused():
    with pytest.raises(KeyError):
        Queue(ManualClock()).done(WEB)


def test_the_earliest_timer_of_a_key_wins():
    async def scenario() -> None:
        clock = ManualClock()
        queue = Queue(clock)
        queue.add_after(WEB, 30)
        queue.add_after(WEB, 10)
        queue.add_after(WEB, 20)
        await clock.advance(9.9)
        assert queue.depth == 0
        await clock.advance(0.1)
        assert taken(queue) == [WEB]

    asyncio.run(scenario())


def test_a_pass_drops_the_timers_that_were_set_before_it():
    async def scenario() -> None:
        clock = ManualClock()
        queue = Queue(clock)
        queue.add_after(WEB, 30)
        queue.add(WEB)
        taken(queue)
        queue.done(WEB)
        await clock.advance(100)
        assert queue.depth == 0

    asyncio.run(scenario())


def test_a_timer_that_is_set_during_a_pass_outlives_it():
    async def scenario() -> None:
        clock = ManualClock()
        queue = Queue(clock)
        queue.add(WEB)
        taken(queue)
        queue.add_after(WEB, 30)
        queue.done(WEB)
        await clock.advance(30)
        assert taken(queue) == [WEB]

    asyncio.run(scenario())


def test_a_cancelled_timer_takes_no_event_with_it():
    async def scenario() -> None:
        clock = ManualClock()
        queue = Queue(clock)
        queue.add(WEB)
        taken(queue)
        queue.done(WEB)
        queue.add(WEB)
        queue.cancel_timer(WEB)
        await clock.advance(GATHER_SECONDS)
        assert taken(queue) == [WEB]
        queue.done(WEB)
        await clock.advance(1)
        queue.add_after(WEB, 30)
        queue.cancel_timer(WEB)
        await clock.advance(100)
        assert queue.depth == 0

    asyncio.run(scenario())


def test_the_back_off_doubles_from_1_s_to_5_min_and_starts_afresh_when_forgotten():
    queue = Queue(ManualClock(), rng=seeded(1))
    expected = [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300, 300]
    for seconds in expected:
        delay = queue.add_rate_limited(WEB)
        assert seconds * (1 - BACK_OFF_JITTER) <= delay <= seconds * (1 + BACK_OFF_JITTER)
    assert queue.failures(WEB) == len(expected)
    queue.forget(WEB)
    assert queue.add_rate_limited(WEB) <= 1 + BACK_OFF_JITTER


def test_keys_that_fail_together_come_back_spread_out():
    queue = Queue(ManualClock(), rng=seeded(1))
    delays = {queue.add_rate_limited(Key("ScalingGroup", "shop", f"g{number}")) for number in range(100)}
    assert max(delays) - min(delays) > BACK_OFF_JITTER


def test_the_back_off_is_never_shorter_than_the_server_asks_for():
    async def scenario() -> None:
        clock = ManualClock()
        queue = Queue(clock)
        assert queue.add_rate_limited(WEB, at_least=7.0) == 7.0
        await clock.advance(6.9)
        assert queue.depth == 0
        await clock.advance(0.1)
        assert taken(queue) == [WEB]

    asyncio.run(scenario())


def test_the_wait_for_a_worker_is_measured():
    async def scenario() -> None:
        clock, waits = ManualClock(), []
        queue = Queue(clock, observe_wait=waits.append)
        queue.add(WEB)
        assert queue.oldest_wait_seconds() == 0.0
        await clock.advance(2)
        queue.add(API)
        queue.add(WEB)
        await clock.advance(1)
        assert queue.oldest_wait_seconds() == 3.0
        taken(queue)
        assert waits == [3.0, 1.0]
        assert queue.oldest_wait_seconds() == 0.0

    asyncio.run(scenario())


def test_a_waiting_worker_gets_the_key_that_comes():
    async def scenario() -> None:
        queue = Queue(ManualClock())
        worker = asyncio.create_task(queue.get())
        await settle()
        queue.add(WEB)
        await settle()
        assert worker.result() == WEB

    asyncio.run(scenario())


def test_a_worker_that_is_cancelled_as_it_is_woken_hands_its_key_to_another():
    async def scenario() -> None:
        queue = Queue(ManualClock())
        workers = [asyncio.create_task(queue.get()) for _ in range(2)]
        await settle()
        queue.add(WEB)
        workers[0].cancel()
        await settle()
        assert workers[0].cancelled()
        assert workers[1].result() == WEB

    asyncio.run(scenario())


def test_a_cancelled_worker_leaves_nothing_behind():
    async def scenario() -> None:
        queue = Queue(ManualClock())
        worker = asyncio.create_task(queue.get())
        await settle()
        worker.cancel()
        await settle()
        assert len(queue._getters) == 0

    asyncio.run(scenario())


def test_keys_that_are_quiet_leave_nothing_behind():
    async def scenario() -> None:
        clock = ManualClock()
        queue = Queue(clock)
        for number in range(5000):
            queue.add(Key("ScalingGroup", "shop", f"g{number}"))
        for key in taken(queue):
            queue.done(key)
        await clock.advance(1)
        queue.add(WEB)
        taken(queue)
        queue.done(WEB)
        assert list(queue._resting) == [WEB]
        assert len(queue._timers) == 0

    asyncio.run(scenario())


def test_a_group_that_never_rests_does_not_hold_up_a_thousand_others():
    async def scenario() -> None:
        clock = ManualClock()
        queue = Queue(clock)
        others = [Key("ScalingGroup", "shop", f"g{number}") for number in range(1000)]
        queue.add(WEB)
        for key in others:
            queue.add(key)
        served: list[Key] = []
        for _ in range(1001):
            key = await queue.get()
            served.append(key)
            queue.done(key, again=key == WEB)
        assert served == [WEB, *others]

    asyncio.run(scenario())
