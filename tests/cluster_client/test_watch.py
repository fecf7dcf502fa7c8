"""Watches, line by line."""

import asyncio
from contextlib import aclosing
from typing import Any

import pytest
from aiohttp import web

from tests.cluster_client.fake_api import (
    FakeApi,
    line,
    pod,
    streams,
    until,
)
from tests.cluster_client.scenario import play
from windlass.cluster.client import Client
from windlass.cluster.errors import (
    Expired,
    Invalid,
    Transient,
)
from windlass.cluster.resources import PODS


async def lines_of(client: Client, **options: Any) -> list[bytes]:
    found: list[bytes] = []
    async with aclosing(client.watch(PODS, "default", **options)) as batches:
        async for lines in batches:
            found += lines
    return found


def test_a_watch_asks_for_bookmarks_and_for_an_end() -> None:
    async def scenario(api: FakeApi, client: Client) -> None:
        api.fail_next(streams())
        assert await lines_of(client, resource_version="7", label_selector="app=web", seconds=30) == []
        assert api.seen[0].query == {
            "watch": "true",
            "allowWatchBookmarks": "true",
            "timeoutSeconds": "30",
            "resourceVersion": "7",
            "labelSelector": "app=web",
        }

    play(scenario)


def test_a_watch_may_begin_with_all_there_is() -> None:
    async def scenario(api: FakeApi, client: Client) -> None:
        api.fail_next(streams())
        await lines_of(client, send_initial_events=True)
        query = api.seen[0].query
        assert (query["sendInitialEvents"], query["resourceVersionMatch"]) == ("true", "NotOlderThan")

    play(scenario)


def test_a_watch_gives_whole_lines_however_they_are_cut() -> None:
    text = line("ADDED", {"metadata": {"name": "Käse ☃"}}).replace(b"\\u00e4", "ä".encode())
    long = line("ADDED", {"metadata": {"name": "x" * 2_000_000}})
    pieces = [text[:45], text[45:46], text[46:] + b"\n", long + text[:10], text[10:]]

    async def scenario(api: FakeApi, client: Client) -> None:
        api.fail_next(streams(*pieces))
        assert await lines_of(client) == [text.strip(), long.strip(), text.strip()]

    play(scenario)


@pytest.mark.parametrize("then", ["end", "break"])
def test_a_watch_cut_within_a_line_is_transient(then: str) -> None:
    async def scenario(api: FakeApi, client: Client) -> None:
        api.fail_next(streams(b'{"type":"ADDED","object":{', then=then))
        with pytest.raises(Transient, match="watching Pod default: "):
            await lines_of(client)

    play(scenario)


def test_a_watch_that_falls_silent_is_transient() -> None:
    async def scenario(api: FakeApi, client: Client) -> None:
        api.fail_next(streams(line("ADDED", pod("web-1")), then="hang"))
        with pytest.raises(Transient, match=r"within 0.2 s"):
            await lines_of(client, silence=0.2)

    play(scenario)


def test_a_watch_that_is_refused_says_why() -> None:
    async def scenario(api: FakeApi, client: Client) -> None:
        api.compacted_before = 50
        with pytest.raises(Expired, match="too old resource version"):
            await lines_of(client, resource_version="7")
        api.watch_list = False
        with pytest.raises(Invalid, match="sendInitialEvents is forbidden"):
            await lines_of(client, send_initial_events=True)

    play(scenario)


def test_a_watch_takes_no_place_of_other_requests() -> None:
    async def scenario(api: FakeApi, client: Client) -> None:
        watching = asyncio.create_task(lines_of(client))
        await until(lambda: len(api.seen) == 1)
        await client.list(PODS)
        watching.cancel()

    play(scenario, max_in_flight=1)


def test_closing_a_watch_closes_its_connection() -> None:
    ended = asyncio.Event()

    async def endless(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        try:
            while True:
                await response.write(line("ADDED", pod("web-1")))
                await asyncio.sleep(0.01)
        finally:
            ended.set()

    async def scenario(api: FakeApi, client: Client) -> None:
        api.fail_next(endless)
        async with aclosing(client.watch(PODS)) as batches:
            await anext(batches)
        await asyncio.wait_for(ended.wait(), 5)

    play(scenario)
