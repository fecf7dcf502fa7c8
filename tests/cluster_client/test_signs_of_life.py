"""Whether watches that somebody else keeps live: what their requests and the answers say."""

import asyncio
from collections.abc import Awaitable, Callable

import aiohttp
import pytest

from tests.cluster_client.fake_api import FakeApi, breaks, replies
from windlass.cluster.connection import Connection
from windlass.cluster.signs_of_life import SignsOfLife

GROUPS, RECORDS = "/apis/windlass.dev/v1alpha1/scalinggroups", "/apis/windlass.dev/v1alpha1/scalingactivities"


class Watched:
    """An API server, the session that asks it, and a clock that stands still."""

    def __init__(self, api: FakeApi) -> None:
        self.api = api
        self.now = 100.0
        self.signs = SignsOfLife((GROUPS, RECORDS), lambda: self.now)
        self.session = self.signs.session(Connection(api.url, "a test"), {"Authorization": "Bearer secret"})

    async def ask(self, path: str) -> None:
        async with self.session.get(self.api.url + path) as answer:
            await answer.read()


def play(scenario: Callable[[Watched], Awaitable[None]]) -> None:
    async def run() -> None:
        async with FakeApi().running() as api, asyncio.timeout(20):
            watched = Watched(api)
            async with watched.session:
                await scenario(watched)

    asyncio.run(run())


def test_an_answer_is_a_sign_of_life() -> None:
    async def scenario(watched: Watched) -> None:
        watched.now += 60
        await watched.ask(f"{GROUPS}?limit=100")
        assert watched.signs.lag([GROUPS]) == 0
        assert watched.signs.lag([RECORDS]) == 60
        assert watched.api.seen[0].headers["Authorization"] == "Bearer secret"

    play(scenario)


def test_the_stalest_of_several_counts() -> None:
    async def scenario(watched: Watched) -> None:
        watched.now += 60
        await watched.ask(GROUPS)
        watched.now += 5
        assert watched.signs.lag([GROUPS, RECORDS]) == watched.signs.idle([GROUPS, RECORDS]) == 65

    play(scenario)


def test_a_refusal_shows_that_it_is_tried_and_no_more() -> None:
    async def scenario(watched: Watched) -> None:
        watched.now += 60
        watched.api.fail_next(replies(500))
        await watched.ask(GROUPS)
        assert (watched.signs.lag([GROUPS]), watched.signs.idle([GROUPS])) == (60, 0)

    play(scenario)


def test_so_does_a_request_without_an_answer() -> None:
    async def scenario(watched: Watched) -> None:
        watched.now += 60
        for _ in range(2):  # aiohttp asks once more on a new connection
            watched.api.fail_next(breaks())
        with pytest.raises(aiohttp.ClientError):
            await watched.ask(GROUPS)
        assert (watched.signs.lag([GROUPS]), watched.signs.idle([GROUPS])) == (60, 0)

    play(scenario)


def test_what_comes_by_the_watch_is_a_sign_of_life() -> None:
    async def scenario(watched: Watched) -> None:
        watched.now += 60
        watched.signs.heard(GROUPS)
        assert watched.signs.lag([GROUPS]) == 0

    play(scenario)


def test_other_paths_say_nothing() -> None:
    async def scenario(watched: Watched) -> None:
        watched.now += 60
        await watched.ask("/apis")
        assert watched.signs.idle([GROUPS]) == 60

    play(scenario)
