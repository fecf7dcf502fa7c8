"""What the client asks an API server, and what it makes of the answers."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from contextlib import aclosing
from typing import Any

import msgspec
import pytest
from aiohttp import web

from tests.cluster_client.fake_api import (
    FakeApi,
    Pauses,
    breaks,
    client_of,
    hangs,
    line,
    pod,
    replies,
    status,
    streams,
    until,
)
from windlass.cluster.client import Client
from windlass.cluster.config import Connection
from windlass.cluster.errors import (
    AlreadyExists,
    ApiError,
    Conflict,
    Expired,
    Gone,
    Invalid,
    NotLeading,
    Refused,
    Transient,
    Unauthorized,
)
from windlass.cluster.resources import LEASES, PODS, SCALING_GROUPS

Scenario = Callable[[FakeApi, Client], Awaitable[None]]


def play(scenario: Scenario, **options: Any) -> None:
    """Run a scenario with a fake API server and a client of it."""

    async def run() -> None:
        async with FakeApi().running() as api, client_of(api, **options) as client, asyncio.timeout(20):
            await scenario(api, client)

    asyncio.run(run())


class Meta(msgspec.Struct):
    name: str


class Named(msgspec.Struct):
    metadata: Meta


# ---- verbs


def test_an_object_is_read_into_a_dict_or_a_struct() -> None:
    async def scenario(api: FakeApi, client: Client) -> None:
        await api.put("pods", pod("web-1"))
        assert (await client.get(PODS, "default", "web-1"))["metadata"]["uid"] == "uid-web-1"
        assert (await client.get(PODS, "default", "web-1", into=Named)).metadata.name == "web-1"

    play(scenario)


def test_requests_say_who_asks_and_do_not_ask_for_compression() -> None:
    async def scenario(api: FakeApi, client: Client) -> None:
        await client.get_raw("/api/v1/pods")
        headers = api.seen[0].headers
        assert headers["User-Agent"] == "windlass/1.2 (test)"
        assert headers["Accept-Encoding"] == "identity"

    play(scenario, user_agent="windlass/1.2 (test)")


def test_a_server_may_live_below_a_path() -> None:
    async def run() -> None:
        async with FakeApi().running() as api:
            api.fail_next(replies(200, "ok"))
            async with Client(Connection(f"{api.url}/k8s/clusters/c-1", "a test")) as client:
                await client.get_raw("/readyz")
            assert api.seen[0].path == "/k8s/clusters/c-1/readyz"

    asyncio.run(run())


def test_a_list_is_read_in_pages() -> None:
    async def scenario(api: FakeApi, client: Client) -> None:
        for number in range(7):
            await api.put("pods", pod(f"web-{number}"))
        listing = await client.list(PODS, "default", limit=3, into=Named)
        assert [item.metadata.name for item in listing.items] == [f"web-{number}" for number in range(7)]
        assert listing.resource_version == str(api.version)
        assert [seen.query.get("continue") for seen in api.seen] == [None, "3", "6"]

    play(scenario)


def test_a_list_may_be_of_one_label_and_all_namespaces() -> None:
    async def scenario(api: FakeApi, client: Client) -> None:
        await api.put("pods", pod("web-1", "shop", app="web"))
        await api.put("pods", pod("api-1", "shop", app="api"))
        await api.put("pods", pod("web-2", "bank", app="web"))
        found = await client.list(PODS, label_selector="app=web", into=Named)
        assert {item.metadata.name for item in found.items} == {"web-1", "web-2"}

    play(scenario)


def test_a_list_of_nothing_may_be_null() -> None:
    async def scenario(api: FakeApi, client: Client) -> None:
        api.fail_next(replies(200, {"metadata": {"resourceVersion": "7"}, "items": None}))
        listing = await client.list(PODS)
        assert (listing.items, listing.resource_version) == ([], "7")

    play(scenario)


def test_a_continue_token_that_has_expired_is_told() -> None:
    async def scenario(api: FakeApi, client: Client) -> None:
        for number in range(4):
            await api.put("pods", pod(f"web-{number}"))
        pages = client.pages(PODS, limit=3)
        async with aclosing(pages):
            await anext(pages)
            api.fail_next(replies(410, status(410, "Expired", "The provided continue parameter is too old")))
            with pytest.raises(Expired):
                await anext(pages)

    play(scenario)


def test_creating_names_the_field_manager_and_returns_what_was_created() -> None:
    async def scenario(api: FakeApi, client: Client) -> None:
        body = json.dumps({"metadata": {"name": "web-4"}}).encode()
        created = await client.create(PODS, "default", body)
        assert created["metadata"]["namespace"] == "default"
        assert api.seen[0].query == {"fieldManager": "windlass"}

    play(scenario)


def test_a_dry_run_says_so() -> None:
    async def scenario(api: FakeApi, client: Client) -> None:
        await client.create(PODS, "default", {"metadata": {"name": "web-4"}}, dry_run=True)
        await client.merge_patch(PODS, "default", "web-4", {}, dry_run=True)
        await client.apply(PODS, "default", "web-4", {}, dry_run=True)
        assert [seen.query["dryRun"] for seen in api.seen] == ["All"] * 3

    play(scenario)


def test_creating_what_exists_is_an_error_of_its_own() -> None:
    async def scenario(api: FakeApi, client: Client) -> None:
        await api.put("pods", pod("web-4"))
        with pytest.raises(AlreadyExists, match=r'^creating Pod default/web-4: pods "web-4" already exists$'):
            await client.create(PODS, "default", b'{"metadata":{"name":"web-4"}}')

    play(scenario)


def test_deleting_carries_its_preconditions() -> None:
    async def scenario(api: FakeApi, client: Client) -> None:
        stored = await api.put("pods", pod("web-4"))
        version = stored["metadata"]["resourceVersion"]
        await client.delete(
            PODS,
            "default",
            "web-4",
            uid="uid-web-4",
            resource_version=version,
            propagation="Background",
            grace_seconds=5,
        )
        assert api.seen[0].body == {
            "preconditions": {"uid": "uid-web-4", "resourceVersion": version},
            "propagationPolicy": "Background",
            "gracePeriodSeconds": 5,
        }

    play(scenario)


@pytest.mark.parametrize(("uid", "version"), [("another", None), ("uid-web-4", "1")])
def test_deleting_what_has_changed_is_a_conflict(uid: str, version: str | None) -> None:
    async def scenario(api: FakeApi, client: Client) -> None:
        await api.put("pods", pod("web-4"))
        with pytest.raises(Conflict, match="deleting Pod default/web-4"):
            await client.delete(PODS, "default", "web-4", uid=uid, resource_version=version)
        assert api.object("pods", "default", "web-4")

    play(scenario)


def test_deleting_what_is_gone_says_so() -> None:
    async def scenario(api: FakeApi, client: Client) -> None:
        with pytest.raises(Gone):
            await client.delete(PODS, "default", "web-4", uid="x")

    play(scenario)


def test_a_merge_patch_goes_to_a_subresource_under_its_field_manager() -> None:
    async def scenario(api: FakeApi, client: Client) -> None:
        await api.put("scalinggroups", pod("web"))
        await client.merge_patch(
            SCALING_GROUPS, "default", "web", {"status": {}}, subresource="status", field_manager="other"
        )
        seen = api.seen[0]
        assert seen.path.endswith("/scalinggroups/web/status")
        assert seen.query == {"fieldManager": "other"}
        assert seen.headers["Content-Type"] == "application/merge-patch+json"

    play(scenario)


def test_a_patch_of_an_older_version_is_a_conflict_that_names_the_subresource() -> None:
    async def scenario(api: FakeApi, client: Client) -> None:
        await api.put("scalinggroups", pod("web"))
        patch = {"metadata": {"resourceVersion": "1"}}
        with pytest.raises(Conflict, match=r"^changing status of ScalingGroup default/web: "):
            await client.merge_patch(SCALING_GROUPS, "default", "web", patch, subresource="status")

    play(scenario)


@pytest.mark.parametrize("force", [True, False])
def test_a_server_side_apply_forces_only_when_told(force: bool) -> None:
    async def scenario(api: FakeApi, client: Client) -> None:
        await api.put("pods", pod("web-4"))
        await client.apply(PODS, "default", "web-4", {"metadata": {"name": "web-4"}}, force=force)
        seen = api.seen[0]
        assert seen.headers["Content-Type"] == "application/apply-patch+yaml"
        assert ("force" in seen.query) is force

    play(scenario)


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


async def every_write(client: Client) -> list[BaseException | object]:
    """One of each kind of write, and what came of it."""
    return await asyncio.gather(
        client.create(PODS, "default", {"metadata": {"name": "web-4"}}),
        client.delete(PODS, "default", "web-4", uid="x"),
        client.merge_patch(PODS, "default", "web-4", {}),
        client.apply(PODS, "default", "web-4", {}),
        return_exceptions=True,
    )


@pytest.mark.parametrize("fault", [replies(500), replies(503), breaks()])
def test_a_write_that_may_have_happened_is_not_repeated(fault: Any) -> None:
    async def scenario(api: FakeApi, client: Client) -> None:
        await api.put("pods", pod("web-3"))
        await client.get(PODS, "default", "web-3")  # a kept-alive connection: aiohttp would repeat a DELETE on it
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


def test_a_success_that_is_no_json_is_transient_and_the_write_may_have_happened() -> None:
    async def scenario(api: FakeApi, client: Client) -> None:
        api.fail_next(replies(200, "<html>Welcome</html>"))
        with pytest.raises(Transient, match="creating Pod default/web-4: the reply makes no sense: ") as caught:
            await client.create(PODS, "default", {"metadata": {"name": "web-4"}})
        assert caught.value.lost

    play(scenario)


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


# ---- how many at once, and what is told about them


def test_a_lease_waits_for_no_other_request() -> None:
    async def scenario(api: FakeApi, client: Client) -> None:
        api.fail_next(hangs())
        stuck = asyncio.create_task(client.get(PODS, "default", "web-1"))
        await until(lambda: len(api.seen) == 1)
        await client.create(LEASES, "default", {"metadata": {"name": "windlass"}})
        stuck.cancel()

    play(scenario, max_in_flight=1)


def test_small_writes_go_before_bulk_ones() -> None:
    async def scenario(api: FakeApi, client: Client) -> None:
        turn = asyncio.Event()

        async def slow(request: web.Request) -> web.StreamResponse:
            await turn.wait()
            return web.json_response({})

        api.fail_next(slow)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(client.get_raw("/first"))
            await until(lambda: len(api.seen) == 1)
            for name in ("large-1", "large-2"):
                tasks.create_task(client.create(PODS, "default", pod(name), bulk=True))
            tasks.create_task(client.delete(PODS, "default", "large-1", uid="uid-large-1", bulk=True))
            tasks.create_task(client.create(PODS, "default", pod("small-1")))
            await asyncio.sleep(0)
            turn.set()
        assert [seen.body["metadata"]["name"] for seen in api.seen[1:4]] == ["small-1", "large-1", "large-2"]

    play(scenario, max_in_flight=1)


def test_every_request_is_observed_with_its_verb_resource_and_code() -> None:
    observed: list[tuple[str, str, int]] = []

    async def scenario(api: FakeApi, client: Client) -> None:
        client.observe = lambda verb, resource, code, seconds: observed.append((verb, resource, code))
        await api.put("scalinggroups", pod("web"))
        await client.merge_patch(SCALING_GROUPS, "default", "web", {}, subresource="status")
        with pytest.raises(Gone):
            await client.get(PODS, "default", "web-1")
        api.fail_next(breaks())
        with pytest.raises(Transient):
            await client.create(PODS, "default", pod("web-1"))
        await client.list(PODS)

    play(scenario)
    assert observed == [
        ("patch", "scalinggroups/status", 200),
        ("get", "pods", 404),
        ("create", "pods", 0),
        ("list", "pods", 200),
    ]


def test_using_a_client_that_is_not_open_is_a_mistake_of_the_caller() -> None:
    async def run() -> None:
        with pytest.raises(RuntimeError, match="async with"):
            await Client(Connection("http://127.0.0.1:1", "a test")).get_raw("/readyz")

    asyncio.run(run())


# ---- watches


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
