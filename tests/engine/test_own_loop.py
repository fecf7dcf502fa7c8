import asyncio
import gc
import threading
import time
from collections.abc import AsyncGenerator
from contextlib import suppress

import pytest

from windlass.engine import own_loop
from windlass.engine.own_loop import in_own_loop

LIMIT = 10.0


def running(name: str) -> bool:
    return any(thread.name == name for thread in threading.enumerate())


async def ended(name: str) -> None:
    async with asyncio.timeout(LIMIT):
        while running(name):
            await asyncio.sleep(0.001)


def test_it_runs_on_another_thread_and_another_event_loop():
    async def scenario() -> None:
        seen: list[object] = []

        async def main() -> None:
            seen.extend([threading.current_thread().name, asyncio.get_running_loop()])

        await in_own_loop(main, name="guest")
        assert seen[0] == "guest"
        assert seen[1] is not asyncio.get_running_loop()
        await ended("guest")

    asyncio.run(scenario())


def test_it_fails_as_the_program_fails():
    async def scenario() -> None:
        async def main() -> None:
            raise ZeroDivisionError("a bug")

        with pytest.raises(ZeroDivisionError, match="a bug"):
            await in_own_loop(main, name="guest")

    asyncio.run(scenario())


def test_a_program_that_exits_or_cancels_itself_does_not_end_ours():
    async def scenario() -> None:
        async def exits() -> None:
            raise SystemExit(1)

        async def cancels_itself() -> None:
            raise asyncio.CancelledError

        with pytest.raises(SystemExit):
            await in_own_loop(exits, name="guest")
        with pytest.raises(RuntimeError, match="cancelled from within"):
            await in_own_loop(cancels_itself, name="guest")

    asyncio.run(scenario())


def test_a_program_that_cancels_every_task_of_its_loop_spares_ours():
    async def scenario() -> None:
        async def main() -> None:
            for task in asyncio.all_tasks() - {asyncio.current_task()}:
                task.cancel()

        ours = asyncio.create_task(asyncio.Event().wait())
        await in_own_loop(main, name="guest")
        assert not ours.cancelled()
        ours.cancel()

    asyncio.run(scenario())


def test_cancelling_it_cancels_the_program_and_waits_for_its_end(caplog: pytest.LogCaptureFixture):
    async def scenario() -> None:
        steps: list[str] = []
        begun = threading.Event()

        async def main() -> None:
            begun.set()
            try:
                await asyncio.Event().wait()
            finally:
                await asyncio.sleep(0.01)
                steps.append("tidied up")

        guest = asyncio.create_task(in_own_loop(main, name="guest"))
        await asyncio.to_thread(begun.wait, LIMIT)
        guest.cancel()
        with pytest.raises(asyncio.CancelledError):
            await guest
        assert steps == ["tidied up"]
        await ended("guest")

    asyncio.run(scenario())
    gc.collect()
    assert caplog.messages == []


def test_a_program_that_does_not_heed_its_cancellation_is_left_behind(monkeypatch: pytest.MonkeyPatch):
    async def scenario() -> None:
        release, begun = threading.Event(), threading.Event()

        async def main() -> None:
            begun.set()
            release.wait(LIMIT)

        guest = asyncio.create_task(in_own_loop(main, name="stubborn"))
        await asyncio.to_thread(begun.wait, LIMIT)
        before = time.monotonic()
        guest.cancel()
        with pytest.raises(asyncio.CancelledError):
            await guest
        assert time.monotonic() - before < LIMIT / 2
        assert running("stubborn")
        release.set()
        await ended("stubborn")

    monkeypatch.setattr(own_loop, "GRACE_SECONDS", 0.01)
    asyncio.run(scenario())


def test_what_heeds_only_its_second_cancellation_is_not_left_behind():
    async def scenario() -> None:
        steps: list[str] = []

        async def takes_its_time() -> None:
            try:
                await asyncio.Event().wait()
            finally:
                try:
                    await asyncio.Event().wait()  # for others, who do not end
                finally:
                    steps.append("ended")

        async def main() -> None:
            left.append(asyncio.create_task(takes_its_time()))
            await asyncio.sleep(0)

        left: list[asyncio.Task[None]] = []
        await asyncio.wait_for(in_own_loop(main, name="guest"), LIMIT)
        assert steps == ["ended"]
        await ended("guest")

    asyncio.run(scenario())


def test_what_a_program_leaves_behind_is_cancelled_and_not_waited_for(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
):
    async def scenario() -> None:
        tidied: list[str] = []

        async def heeds() -> None:
            try:
                await asyncio.Event().wait()
            finally:
                tidied.append("up")
                raise RuntimeError("which nobody asks about")

        async def heeds_nothing() -> None:
            while True:
                with suppress(asyncio.CancelledError):
                    await asyncio.Event().wait()

        async def main() -> None:
            left.extend([asyncio.create_task(heeds()), asyncio.create_task(heeds_nothing())])
            await asyncio.sleep(0)
            raise ZeroDivisionError("a bug")

        left: list[asyncio.Task[None]] = []
        with pytest.raises(ZeroDivisionError, match="a bug"):
            await asyncio.wait_for(in_own_loop(main, name="guest"), LIMIT)
        assert tidied == ["up"]
        await ended("guest")

    monkeypatch.setattr(own_loop, "WIND_UP_SECONDS", 0.01)
    asyncio.run(scenario())
    assert "Traceback" not in caplog.text


def test_a_generator_that_does_not_end_is_not_waited_for(monkeypatch: pytest.MonkeyPatch):
    async def scenario() -> None:
        async def endless() -> AsyncGenerator[int]:
            try:
                yield 1
            finally:
                while True:
                    with suppress(asyncio.CancelledError):
                        await asyncio.Event().wait()

        async def main() -> None:
            left.append(endless())
            await anext(left[0])

        left: list[AsyncGenerator[int]] = []
        await asyncio.wait_for(in_own_loop(main, name="guest"), LIMIT)
        await ended("guest")

    monkeypatch.setattr(own_loop, "WIND_UP_SECONDS", 0.05)
    asyncio.run(scenario())


def test_winding_up_that_fails_is_told(monkeypatch: pytest.MonkeyPatch):
    async def scenario() -> None:
        async def main() -> None:
            pass

        with pytest.raises(OSError, match="too many open files"):
            await asyncio.wait_for(in_own_loop(main, name="guest"), LIMIT)

    def fail(loop: asyncio.AbstractEventLoop) -> None:
        loop.close()
        raise OSError("too many open files")

    monkeypatch.setattr(own_loop, "_wind_up", fail)
    asyncio.run(scenario())
