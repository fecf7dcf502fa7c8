"""What is asked again, what never, and what happens when there is no answer or no leave to write."""

import asyncio
import gzip
from typing import Any

import pytest
from aiohttp import web

from tests.cluster_client.fake_api import (
    FakeApi,
    Pauses,
    breaks,
    hangs,
    pod,
    replies,
    status,
    until,
)
from tests.cluster_client.scenario import Scenario, every_write, play
from windlass.cluster.client import Client
from windlass.cluster.connection import Connection
from windlass.cluster.errors import (
    ApiError,
    Gone,
    Invalid,
    NotLeading,
    Refused,
    Transient,
    Unauthorized,
)
from windlass.cluster.resources import LEASES, PODS

# ---- what is tried again


@pytest.mark.parametrize("fault", [replies(500), replies(502, "<html>"), breaks()])
def test_a_read_is_tried_again(fault: Any) -> None:
    async def scenario(api: FakeApi, client: Client) -> None:
        await api.put("pods", pod("web-1"))
        api.fail_next(fault)
        assert await client.get(PODS, "default", "web-1")
        assert len(api.seen) == 2

    play(scenario, sleep=Pauses())


def test_a_read_is_tried_three_times_with_growing_pauses() -> None:
    pauses = Pauses()

    async def scenario(api: FakeApi, client: Client) -> None:
        for _ in range(5):
            api.fail_next(replies(500, status(500, "InternalError", "etcd is gone")))
        with pytest.raises(Transient, match="reading Pod default/web-1: etcd is gone"):
            await client.get(PODS, "default", "web-1")
        assert len(api.seen) == 3

    play(scenario, sleep=pauses)
    first, second = pauses.seconds
    assert 0.1 <= first <= 0.2 <= second <= 0.4


@pytest.mark.parametrize(("code", "kind"), [(404, Gone), (403, Refused), (422, Invalid)])
def test_an_answer_that_will_not_change_is_not_asked_for_again(code: int, kind: type[ApiError]) -> None:
    async def scenario(api: FakeApi, client: Client) -> None:
        api.fail_next(replies(code))
        with pytest.raises(kind):
            await client.get(PODS, "default", "web-1")
        assert len(api.seen) == 1

    play(scenario)


@pytest.mark.parametrize("fault", [replies(500), replies(503), breaks()])
def test_a_write_that_may_have_happened_is_not_repeated(fault: Any) -> None:
    async def scenario(api: FakeApi, client: Client) -> None:
        await api.put("pods", pod("web-3"))
        await client.get(PODS, "default", "web-3")  # so that the connection is a kept one
        for _ in range(4):
            api.fail_next(fault)
        for outcome in await every_write(client):
            assert isinstance(outcome, Transient)
            assert outcome.lost
        assert len(api.seen) == 5

    play(scenario)


def test_a_write_that_was_turned_away_is_repeated_after_the_pause_asked_for() -> None:
    pauses = Pauses()

    async def scenario(api: FakeApi, client: Client) -> None:
        api.fail_next(replies(429, headers={"Retry-After": "2"}))
        api.fail_next(replies(503, headers={"Retry-After": "3"}))
        await client.create(PODS, "default", {"metadata": {"name": "web-4"}})
        assert len(api.seen) == 3

    play(scenario, sleep=pauses)
    first, second = pauses.seconds
    assert 2 <= first <= 2.2
    assert 3 <= second <= 3.3


def test_a_pause_given_as_a_date_is_kept_too() -> None:
    pauses = Pauses()

    async def scenario(api: FakeApi, client: Client) -> None:
        headers = {"Date": "Wed, 21 Oct 2015 07:28:00 GMT", "Retry-After": "Wed, 21 Oct 2015 07:28:04 GMT"}
        api.fail_next(replies(429, headers=headers))
        await client.create(PODS, "default", {"metadata": {"name": "web-4"}})

    play(scenario, sleep=pauses)
    assert 4 <= pauses.seconds[0] <= 4.4


def test_a_pause_beyond_ten_seconds_is_left_to_the_caller() -> None:
    async def scenario(api: FakeApi, client: Client) -> None:
        api.fail_next(replies(429, headers={"Retry-After": "60"}))
        with pytest.raises(Transient) as caught:
            await client.create(PODS, "default", {"metadata": {"name": "web-4"}})
        assert caught.value.retry_after == 60
        assert not caught.value.lost
        assert len(api.seen) == 1

    play(scenario)


def test_pauses_add_up_to_ten_seconds_at_most() -> None:
    pauses = Pauses()

    async def scenario(api: FakeApi, client: Client) -> None:
        for _ in range(3):
            api.fail_next(replies(429, headers={"Retry-After": "6"}))
        with pytest.raises(Transient):
            await client.get(PODS, "default", "web-1")
        assert len(api.seen) == 2

    play(scenario, sleep=pauses)
    assert sum(pauses.seconds) <= 10


def test_a_write_turned_away_without_a_pause_is_left_to_the_caller_and_did_not_happen() -> None:
    async def scenario(api: FakeApi, client: Client) -> None:
        api.fail_next(replies(429))
        with pytest.raises(Transient) as caught:
            await client.create(PODS, "default", {"metadata": {"name": "web-4"}})
        assert not caught.value.lost
        assert len(api.seen) == 1

    play(scenario)


# ---- when there is no answer


def test_a_server_that_is_not_there_is_transient_and_nothing_was_written() -> None:
    async def run() -> None:
        async with Client(Connection("http://127.0.0.1:1", "a test"), sleep=Pauses()) as client:
            with pytest.raises(Transient, match=r"creating Pod default/web-4: no connection to http://127.0.0.1:1: "):
                await client.create(PODS, "default", {"metadata": {"name": "web-4"}})
            outcomes = await every_write(client)
            assert [getattr(outcome, "lost", None) for outcome in outcomes] == [False] * 4

    asyncio.run(run())


def test_a_server_that_does_not_answer_is_given_up() -> None:
    async def scenario(api: FakeApi, client: Client) -> None:
        api.fail_next(hangs())
        with pytest.raises(Transient, match=r"no reply from http://127.0.0.1:\d+ within 0.2 s") as caught:
            await client.create(PODS, "default", {"metadata": {"name": "web-4"}})
        assert caught.value.lost

    play(scenario, timeout=0.2)


def test_a_reply_cut_short_is_transient_and_the_write_may_have_happened() -> None:
    async def cut_short(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(status=201, headers={"Content-Length": "1000"})
        await response.prepare(request)
        await response.write(b'{"metadata":')
        assert request.transport is not None
        request.transport.close()
        return response

    async def scenario(api: FakeApi, client: Client) -> None:
        api.fail_next(cut_short)
        with pytest.raises(Transient) as caught:
            await client.create(PODS, "default", {"metadata": {"name": "web-4"}})
        assert caught.value.lost

    play(scenario)


@pytest.mark.parametrize(
    ("body", "headers"),
    [
        ("<html>", {}),
        (b'{"a":' + b"[" * 60_000, {}),
        (b'{"a":"\xff\xfe"}', {}),
        (gzip.compress(b"{}"), {"Content-Encoding": "gzip"}),
    ],
    ids=["no JSON", "nested without end", "no UTF-8", "compressed all the same"],
)
def test_a_success_that_makes_no_sense_is_transient_and_the_write_may_have_happened(
    body: str | bytes, headers: dict[str, str]
) -> None:
    async def scenario(api: FakeApi, client: Client) -> None:
        api.fail_next(replies(201, body, headers))
        with pytest.raises(Transient, match="creating Pod default/web-4: the reply makes no sense: ") as caught:
            await client.create(PODS, "default", {"metadata": {"name": "web-4"}})
        assert caught.value.lost
        assert str(caught.value).isprintable()

    play(scenario)


def test_a_refusal_of_a_watch_that_drips_is_read_no_longer_than_any_reply() -> None:
    async def drips(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(status=403)
        await response.prepare(request)
        while True:
            await response.write(b"no ")
            await asyncio.sleep(0.005)

    async def scenario(api: FakeApi, client: Client) -> None:
        api.fail_next(drips)
        with pytest.raises(Refused, match="watching Pod default: no no"):
            await anext(client.watch(PODS, "default"))

    play(scenario, timeout=0.1)


def test_a_redirect_is_not_followed() -> None:
    async def scenario(api: FakeApi, client: Client) -> None:
        api.fail_next(replies(302, "elsewhere", {"Location": "/api/v1/pods"}))
        with pytest.raises(Invalid):
            await client.get(PODS, "default", "web-1")
        assert len(api.seen) == 1

    play(scenario)


# ---- the fence


def test_no_write_leaves_while_the_fence_is_closed() -> None:
    async def scenario(api: FakeApi, client: Client) -> None:
        await api.put("pods", pod("web-1"))

        def closed() -> None:
            raise NotLeading("somebody else leads")

        client.fence = closed
        assert {type(outcome) for outcome in await every_write(client)} == {NotLeading}
        await client.get(PODS, "default", "web-1")
        await client.create(LEASES, "default", {"metadata": {"name": "windlass"}})
        assert [seen.method for seen in api.seen] == ["GET", "POST"]

    play(scenario)


def test_a_fence_that_closes_during_a_pause_stops_the_second_try() -> None:
    async def scenario(api: FakeApi, client: Client) -> None:
        passages = 0

        def closes_after_one() -> None:
            nonlocal passages
            passages += 1
            if passages > 1:
                raise NotLeading("somebody else leads")

        client.fence = closes_after_one
        api.fail_next(replies(429, headers={"Retry-After": "1"}))
        with pytest.raises(NotLeading):
            await client.create(PODS, "default", {"metadata": {"name": "web-4"}})
        assert len(api.seen) == 1

    play(scenario, sleep=Pauses())


def test_the_fence_is_asked_when_it_is_the_requests_turn_not_before() -> None:
    async def scenario(api: FakeApi, client: Client) -> None:
        leading = True

        def fence() -> None:
            if not leading:
                raise NotLeading("somebody else leads")

        client.fence = fence
        turn = asyncio.Event()

        async def slow(request: web.Request) -> web.StreamResponse:
            await turn.wait()
            return web.json_response(pod("web-1"))

        api.fail_next(slow)
        first = asyncio.create_task(client.create(PODS, "default", pod("web-1")))
        await until(lambda: len(api.seen) == 1)
        second = asyncio.create_task(client.create(PODS, "default", pod("web-2")))
        await asyncio.sleep(0)
        leading = False
        turn.set()
        await first
        with pytest.raises(NotLeading):
            await second

    play(scenario, max_in_flight=1)


# ---- credentials


class ChangingToken:
    def __init__(self, *values: str) -> None:
        self._values = list(values)
        self.value = self._values.pop(0)
        self.is_due = False

    def due(self) -> bool:
        return self.is_due

    def renew(self) -> None:
        self.is_due = False
        if self._values:
            self.value = self._values.pop(0)


def with_token(token: ChangingToken, scenario: Scenario) -> None:
    async def run() -> None:
        async with FakeApi().running() as api, Client(Connection(api.url, "a test", token=token)) as client:
            await scenario(api, client)

    asyncio.run(run())


def tokens_sent(api: FakeApi) -> list[str]:
    return [seen.headers["Authorization"] for seen in api.seen]


def test_a_token_that_is_due_is_read_again_before_the_request() -> None:
    token = ChangingToken("one", "two")

    async def scenario(api: FakeApi, client: Client) -> None:
        await client.get_raw("/api/v1/pods")
        token.is_due = True
        await client.get_raw("/api/v1/pods")
        assert tokens_sent(api) == ["Bearer one", "Bearer two"]

    with_token(token, scenario)


def test_a_token_that_is_not_accepted_is_read_again_once() -> None:
    async def scenario(api: FakeApi, client: Client) -> None:
        api.fail_next(replies(401))
        await client.create(PODS, "default", {"metadata": {"name": "web-4"}})
        assert tokens_sent(api) == ["Bearer one", "Bearer two"]

    with_token(ChangingToken("one", "two"), scenario)


def test_a_token_that_stays_the_same_is_not_tried_again() -> None:
    async def scenario(api: FakeApi, client: Client) -> None:
        api.fail_next(replies(401, status(401, "Unauthorized", "Unauthorized")))
        with pytest.raises(Unauthorized):
            await client.get_raw("/api/v1/pods")
        assert len(api.seen) == 1

    with_token(ChangingToken("one"), scenario)


def test_requests_refused_together_read_the_token_once() -> None:
    async def scenario(api: FakeApi, client: Client) -> None:
        for _ in range(5):
            api.fail_next(replies(401))
        await asyncio.gather(*(client.get_raw("/api/v1/pods") for _ in range(5)))
        assert sorted(tokens_sent(api)) == ["Bearer one"] * 5 + ["Bearer two"] * 5

    with_token(ChangingToken("one", "two", "three"), scenario)
