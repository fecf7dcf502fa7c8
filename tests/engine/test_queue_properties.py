"""What holds for the queue whatever happens, in whatever order."""

import asyncio
from typing import Any

import hypothesis.strategies as st
from hypothesis import given, settings
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, multiple, precondition, rule

from tests.engine.manual_clock import ManualClock, seeded
from windlass.engine.queue import GATHER_SECONDS, Key, Queue

ROUNDING = 1e-9  # seconds: sums of hundredths, added in another order than the queue's
KEYS = st.integers(0, 5).map(lambda number: Key("ScalingGroup", "shop", f"g{number}"))


class QueueMachine(RuleBasedStateMachine):
    """Remembers per key by when it has to be ready, and compares."""

    active = Bundle("active")

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.clock = ManualClock()
        self.queue = Queue(self.clock, rng=seeded(1))
        self.working: set[Key] = set()
        self.ended: dict[Key, float] = {}
        self.wanted: dict[Key, float] = {}  # by when, at the latest; events during a pass: after it
        self.asked_during_pass: set[Key] = set()

    def teardown(self) -> None:
        self.loop.close()

    def run(self, coroutine: Any) -> Any:
        return self.loop.run_until_complete(coroutine)

    def want(self, key: Key, when: float) -> None:
        self.wanted[key] = min(self.wanted.get(key, when), when)

    async def inside(self, call: Any, *arguments: Any, **options: Any) -> Any:
        result = call(*arguments, **options)
        await self.clock.advance(0)
        return result

    @rule(key=KEYS)
    def add(self, key: Key) -> None:
        self.run(self.inside(self.queue.add, key))
        if key in self.working:
            self.asked_during_pass.add(key)
        else:
            self.want(key, max(self.clock.monotonic(), self.ended.get(key, -1.0) + GATHER_SECONDS))

    @rule(key=KEYS, seconds=st.sampled_from([0, 0.01, 0.05, 1, 60]))
    def add_after(self, key: Key, seconds: float) -> None:
        self.run(self.inside(self.queue.add_after, key, seconds))
        self.want(key, self.clock.monotonic() + seconds)

    @rule(key=KEYS)
    def add_rate_limited(self, key: Key) -> None:
        delay = self.run(self.inside(self.queue.add_rate_limited, key))
        self.want(key, self.clock.monotonic() + delay)

    @rule(seconds=st.sampled_from([0.01, 0.05, 1, 400]))
    def advance(self, seconds: float) -> None:
        self.run(self.clock.advance(seconds))

    @precondition(lambda self: self.queue.depth > 0)
    @rule(target=active)
    def get(self) -> Any:
        key = self.run(self.queue.get())
        assert key not in self.working
        self.working.add(key)
        self.wanted.pop(key, None)
        return multiple(key)

    @rule(key=consumes(active), again=st.booleans())
    def done(self, key: Key, again: bool) -> None:
        self.run(self.inside(self.queue.done, key, again=again))
        self.working.remove(key)
        now = self.clock.monotonic()
        if again:
            self.ended.pop(key, None)
        else:
            self.ended[key] = now
        if again or key in self.asked_during_pass:
            self.want(key, now if again else now + GATHER_SECONDS)
        self.asked_during_pass.discard(key)

    @invariant()
    def nothing_is_lost(self) -> None:
        now = self.clock.monotonic()
        for key, when in list(self.wanted.items()):
            if key in self.working:
                if when <= now:  # its timer fired during the pass
                    del self.wanted[key]
                    self.asked_during_pass.add(key)
            elif max(when, self.ended.get(key, -1.0) + GATHER_SECONDS) < now - ROUNDING:
                assert key in self.queue._ready, f"{key} was to be ready at {when}, it is {now}"

    @invariant()
    def what_is_with_a_worker_is_not_in_line(self) -> None:
        assert not self.working & self.queue._ready.keys()


QueueMachine.TestCase.settings = settings(max_examples=150, stateful_step_count=40, deadline=None)
TestQueueMachine = QueueMachine.TestCase


@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_workers_never_share_a_key_and_every_event_is_followed_by_a_pass(data: st.DataObject):
    events = data.draw(
        st.lists(st.tuples(KEYS, st.sampled_from([0.0, 0.001, 0.02, 0.05, 0.3])), max_size=60), label="events"
    )
    durations = data.draw(st.lists(st.sampled_from([0.0, 0.004, 0.04, 0.2]), min_size=1, max_size=7), label="passes")
    workers = data.draw(st.integers(1, 4), label="workers")

    async def scenario() -> None:
        clock = ManualClock()
        queue = Queue(clock)
        running: set[Key] = set()
        last_event: dict[Key, float] = {}
        last_start: dict[Key, float] = {}
        passes = 0

        async def work() -> None:
            nonlocal passes
            while True:
                key = await queue.get()
                assert key not in running
                running.add(key)
                last_start[key] = clock.monotonic()
                passes += 1
                await clock.sleep(durations[passes % len(durations)])
                running.remove(key)
                queue.done(key)

        tasks = [asyncio.create_task(work()) for _ in range(workers)]
        for key, gap in events:
            queue.add(key)
            last_event[key] = clock.monotonic()
            await clock.advance(gap)
        # No starvation: six keys, each with one pass running and one to come, and the gather time between them.
        await clock.advance(2 * 6 * 0.2 + GATHER_SECONDS + 0.001)
        assert all(last_start[key] >= when for key, when in last_event.items())
        assert passes <= len(events)
        assert not running
        assert queue.depth == 0
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    asyncio.run(scenario())
