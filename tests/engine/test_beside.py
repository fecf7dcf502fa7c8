"""Work beside the loop: one task for each key, whose outcome waits to be taken."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine

from windlass.engine.beside import Beside
from windlass.engine.queue import Key

KEY, OTHER = Key("StackInstance", "default", "shop.eu.a"), Key("StackInstance", "default", "shop.eu.b")


class Works:
    """Notes what begins, and ends it when the test says so."""

    def __init__(self) -> None:
        self.ended: list[Key] = []
        self.begun: list[str] = []
        self.cancelled: list[str] = []
        self.may_end = asyncio.Event()
        self.beside: Beside[str] = Beside(self.ended.append)

    def work(self, name: str, error: Exception | None = None) -> Callable[[], Coroutine[None, None, str]]:
        async def do() -> str:
            self.begun.append(name)
            try:
                await self.may_end.wait()
            except asyncio.CancelledError:
                await asyncio.sleep(0)  # as what closes a connection does
                self.cancelled.append(name)
                raise
            if error is not None:
                raise error
            return name

        return do

    async def let_end(self) -> None:
        self.may_end.set()
        for _ in range(3):
            await asyncio.sleep(0)


def play(scenario: Callable[[Works], Awaitable[None]]) -> None:
    async def run() -> None:
        works = Works()
        await scenario(works)
        works.beside.cancel_all()
        await asyncio.sleep(0)

    asyncio.run(run())


def test_what_is_being_done_is_not_begun_again() -> None:
    async def scenario(works: Works) -> None:
        for _ in range(3):
            await works.beside.begin(KEY, "create", works.work("create"))
        await asyncio.sleep(0)
        assert works.begun == ["create"]
        assert works.beside.outcome(KEY) is None
        assert works.ended == []

    play(scenario)


def test_an_outcome_is_told_once_and_stays_until_it_is_forgotten() -> None:
    async def scenario(works: Works) -> None:
        await works.beside.begin(KEY, "create", works.work("create"))
        await works.let_end()
        assert works.ended == [KEY]
        for _ in range(2):
            outcome = works.beside.outcome(KEY)
            assert outcome is not None
            assert outcome.result() == "create"
        await works.beside.begin(KEY, "create", works.work("again"))
        await works.beside.forget(KEY)
        assert works.beside.outcome(KEY) is None
        assert not works.beside.runs(KEY, "create")
        assert works.begun == ["create"]
        assert works.ended == [KEY]

    play(scenario)


def test_an_error_is_an_outcome() -> None:
    async def scenario(works: Works) -> None:
        await works.beside.begin(KEY, "create", works.work("create", ValueError("no")))
        await works.let_end()
        outcome = works.beside.outcome(KEY)
        assert works.ended == [KEY]
        assert outcome is not None
        assert str(outcome.exception()) == "no"

    play(scenario)


def test_another_work_begins_when_the_one_before_is_cancelled_and_over() -> None:
    async def scenario(works: Works) -> None:
        await works.beside.begin(KEY, "create", works.work("create"))
        await asyncio.sleep(0)
        await works.beside.begin(KEY, "delete", works.work("delete"))
        assert works.cancelled == ["create"]
        await works.let_end()
        assert works.begun == ["create", "delete"]
        outcome = works.beside.outcome(KEY)
        assert works.ended == [KEY]
        assert outcome is not None
        assert outcome.result() == "delete"

    play(scenario)


def test_keys_have_nothing_to_do_with_each_other() -> None:
    async def scenario(works: Works) -> None:
        await works.beside.begin(KEY, "create", works.work("a"))
        await works.beside.begin(OTHER, "create", works.work("b"))
        await asyncio.sleep(0)
        await works.beside.forget(KEY)
        assert works.cancelled == ["a"]
        assert len(works.beside) == 1
        await works.let_end()
        assert works.ended == [OTHER]

    play(scenario)


def test_who_leads_no_more_ends_all_and_tells_nobody() -> None:
    async def scenario(works: Works) -> None:
        for key in (KEY, OTHER):
            await works.beside.begin(key, "create", works.work(key.name))
        await asyncio.sleep(0)
        works.beside.cancel_all()
        assert len(works.beside) == 0
        for _ in range(3):
            await asyncio.sleep(0)
        assert sorted(works.cancelled) == ["shop.eu.a", "shop.eu.b"]
        assert works.ended == []
        await works.beside.begin(KEY, "create", works.work("anew"))
        await works.let_end()
        assert works.begun[-1] == "anew"
        assert works.ended == [KEY]

    play(scenario)


def test_work_that_ended_in_the_moment_of_the_end_is_told_to_nobody_later() -> None:
    """Its outcome is of an earlier term; and nobody complains of an error that was never looked at."""

    async def scenario(works: Works) -> None:
        await works.beside.begin(KEY, "create", works.work("create", ValueError("no")))
        await works.let_end()
        works.beside.cancel_all()
        await asyncio.sleep(0)
        assert works.beside.outcome(KEY) is None
        assert not works.beside.runs(KEY, "create")

    play(scenario)
