"""What the client asks an API server, and how it shares it out."""

import asyncio
import json
from contextlib import aclosing

import msgspec
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
from tests.cluster_client.scenario import play
from windlass.cluster.client import Client
from windlass.cluster.connection import Connection, StaticToken
from windlass.cluster.errors import (
    AlreadyExists,
    ConfigurationError,
    Conflict,
    Expired,
    Gone,
    Transient,
)
from windlass.cluster.requests import TRIES
from windlass.cluster.resources import LEASES, PODS, SCALING_GROUPS


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


@pytest.mark.parametrize("token", [None, StaticToken("secret")])
def test_everything_is_done_as_whom_the_connection_says(token: StaticToken | None) -> None:
    user = "system:serviceaccount:shop:deployer"

    async def scenario(api: FakeApi, client: Client) -> None:
        async with Client(Connection(api.url, "a test", token=token, impersonate=user)) as acting:
            await acting.get_raw("/api/v1/pods")
            await acting.create(PODS, "default", pod("web-4"))
            async with aclosing(acting.watch(PODS, send_initial_events=True)) as watch:
                await anext(watch)
        assert [seen.headers.get("Impersonate-User") for seen in api.seen] == [user] * 3
        assert ["Authorization" in seen.headers for seen in api.seen] == [token is not None] * 3
        await client.get_raw("/api/v1/pods")
        assert "Impersonate-User" not in api.seen[-1].headers

    play(scenario)


def test_a_client_may_take_shorter_replies_only() -> None:
    async def scenario(api: FakeApi, client: Client) -> None:
        for _ in range(2 * TRIES):
            api.fail_next(replies(200, b" " * 5_000))
        with pytest.raises(Transient, match="the reply is larger than 4000 bytes"):
            await client.get(PODS, "default", "web-1")
        with pytest.raises(Transient, match="the reply is larger than 4000 bytes"):
            await client.list(PODS, "default")

    play(scenario, most_bytes=4_000, sleep=Pauses())


def test_a_client_goes_on_by_another_connection_and_what_is_under_way_ends_on_the_one_before() -> None:
    answered = asyncio.Event()

    async def waits(request: web.Request) -> web.StreamResponse:
        await answered.wait()
        return web.json_response({"token": request.headers["Authorization"]})

    async def scenario(api: FakeApi, client: Client) -> None:
        await client.reconnect(Connection(api.url, "a test", token=StaticToken("first")))
        api.fail_next(waits)
        asking = asyncio.create_task(client.get_raw("/first"))
        await until(lambda: len(api.seen) == 1)
        await client.reconnect(Connection(api.url, "a test", token=StaticToken("second"), impersonate="eve"))
        await client.get_raw("/api/v1/pods")
        answered.set()
        assert json.loads(await asking) == {"token": "Bearer first"}
        assert api.seen[1].headers["Authorization"] == "Bearer second"
        assert api.seen[1].headers["Impersonate-User"] == "eve"

    play(scenario)


def test_a_client_stays_as_it_is_where_another_connection_cannot_be_used() -> None:
    async def scenario(api: FakeApi, client: Client) -> None:
        before = client.connection
        with pytest.raises(ConfigurationError):
            await client.reconnect(Connection("https://a.example", "a test", ca=b"no certificate"))
        assert client.connection is before
        await client.get_raw("/api/v1/pods")

    play(scenario)


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
        await api.put("pods", pod("web-4"))
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
