"""Which kinds a server says it serves, what is made of it, and what is not believed."""

import asyncio
from typing import Any

import pytest

from tests.cluster_client.fake_api import FakeApi, Pauses, hangs, replies, status, until
from tests.cluster_client.scenario import play
from windlass.cluster.client import Client
from windlass.cluster.discovery import KEPT_SECONDS, MOST_KINDS, Discovery
from windlass.cluster.errors import Invalid, NoSuchKind, Refused, Transient
from windlass.cluster.resources import NAMESPACES, Resource

CONFIG_MAPS = Resource("", "v1", "configmaps", "ConfigMap")

VERBS = ["create", "delete", "get", "list", "patch", "update", "watch"]


def served(name: str, kind: str, **fields: Any) -> dict[str, Any]:
    return {"name": name, "singularName": "", "namespaced": True, "kind": kind, "verbs": VERBS, **fields}


def listing(group_version: str, *resources: Any) -> dict[str, Any]:
    return {"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": group_version, "resources": list(resources)}


CORE = listing(
    "v1",
    served("bindings", "Binding", verbs=["create"]),
    served("configmaps", "ConfigMap"),
    served("namespaces", "Namespace", namespaced=False),
    served("namespaces/finalize", "Namespace", namespaced=False, verbs=["update"]),
    served("replicationcontrollers/scale", "Scale", group="autoscaling", version="v1"),
)
APPS = listing(
    "apps/v1", served("deployments", "Deployment"), served("deployments/scale", "Scale", group="autoscaling")
)


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


# ---- what is found


def test_kinds_are_found_in_their_group_and_version() -> None:
    async def scenario(api: FakeApi, client: Client) -> None:
        discovery = Discovery(client)
        api.fail_next(replies(200, CORE))
        assert await discovery.resource_of("v1", "ConfigMap") == CONFIG_MAPS
        assert await discovery.resource_of("v1", "Namespace") == NAMESPACES
        api.fail_next(replies(200, APPS))
        assert await discovery.resource_of("apps/v1", "Deployment") == Resource(
            "apps", "v1", "deployments", "Deployment"
        )
        assert [seen.path for seen in api.seen] == ["/api/v1", "/apis/apps/v1"]

    play(scenario)


def test_those_who_ask_at_once_ask_the_server_once() -> None:
    async def scenario(api: FakeApi, client: Client) -> None:
        discovery = Discovery(client)
        api.fail_next(replies(200, CORE))
        found = await asyncio.gather(*(discovery.resource_of("v1", "ConfigMap") for _ in range(20)))
        assert set(found) == {CONFIG_MAPS}
        assert len(api.seen) == 1

    play(scenario)


def test_what_is_known_waits_for_no_other_question() -> None:
    async def scenario(api: FakeApi, client: Client) -> None:
        discovery = Discovery(client)
        api.fail_next(replies(200, CORE))
        await discovery.resource_of("v1", "ConfigMap")
        api.fail_next(hangs())
        asking = asyncio.create_task(discovery.resource_of("apps/v1", "Deployment"))
        await until(lambda: len(api.seen) == 2)
        assert await discovery.resource_of("v1", "ConfigMap") == CONFIG_MAPS
        asking.cancel()

    play(scenario)


def test_what_was_found_is_believed_for_a_minute() -> None:
    clock = Clock()

    async def scenario(api: FakeApi, client: Client) -> None:
        discovery = Discovery(client, clock)
        api.fail_next(replies(200, CORE))
        await discovery.resource_of("v1", "ConfigMap")
        clock.now += KEPT_SECONDS - 1
        await discovery.resource_of("v1", "ConfigMap")
        assert len(api.seen) == 1
        clock.now += 1
        api.fail_next(replies(200, listing("v1", served("maps", "ConfigMap"))))
        assert (await discovery.resource_of("v1", "ConfigMap")).plural == "maps"

    play(scenario)


def test_what_was_not_found_is_asked_for_again_at_once() -> None:
    async def scenario(api: FakeApi, client: Client) -> None:
        discovery = Discovery(client)
        api.fail_next(replies(404, b"404 page not found\n"))
        with pytest.raises(NoSuchKind):
            await discovery.resource_of("shop.example/v1", "Kettle")
        api.fail_next(replies(200, listing("shop.example/v1", served("pots", "Pot"))))
        with pytest.raises(NoSuchKind, match=r"looking for Kettle: shop.example/v1 has no kind Kettle"):
            await discovery.resource_of("shop.example/v1", "Kettle")
        api.fail_next(replies(200, listing("shop.example/v1", served("pots", "Pot"), served("kettles", "Kettle"))))
        assert (await discovery.resource_of("shop.example/v1", "Kettle")).plural == "kettles"
        assert len(api.seen) == 3

    play(scenario)


def test_a_kind_of_a_subresource_alone_is_not_served() -> None:
    async def scenario(api: FakeApi, client: Client) -> None:
        api.fail_next(replies(200, CORE))
        with pytest.raises(NoSuchKind):
            await Discovery(client).resource_of("v1", "Scale")

    play(scenario)


# ---- what cannot be deployed


@pytest.mark.parametrize(
    "api_version",
    [
        "",
        "/",
        "/v1",
        "v1/",
        "a/b/c",
        "../v1",
        "a/..",
        "..",
        ".",
        "a..b/v1",
        "apps/v1?dryRun=All",
        "apps/v1#",
        "apps/v 1",
        "apps/v1\n",
        "apps%2fv1",
        "Apps/v1",
        "apps/V1",
        "größe/v1",
        "v" * 64,
        f"{'a' * 64}/v1",
        f"{'a.' * 126}aa/v1",
        "\x1b[2J/v1",
    ],
)
def test_an_api_version_that_would_lead_to_another_path_is_refused_before_anything_is_asked(api_version: str) -> None:
    async def scenario(api: FakeApi, client: Client) -> None:
        with pytest.raises(
            Invalid, match=r"apiVersion '.*' must be a version, or a group, '/' and a version"
        ) as caught:
            await Discovery(client).resource_of(api_version, "Kettle")
        assert str(caught.value).isprintable()
        assert api.seen == []

    play(scenario)


@pytest.mark.parametrize("kind", ["", "a/b", "..", "Ket tle", "Kettle\n", "Größe", "5Kettle", "-", "K" * 64])
def test_a_kind_that_is_no_name_is_refused_before_anything_is_asked(kind: str) -> None:
    async def scenario(api: FakeApi, client: Client) -> None:
        with pytest.raises(Invalid, match=r"kind '.*' must be a name of at most 63 letters, digits and '-'"):
            await Discovery(client).resource_of("v1", kind)
        assert api.seen == []

    play(scenario)


def test_a_kind_that_can_only_be_created_is_refused() -> None:
    async def scenario(api: FakeApi, client: Client) -> None:
        api.fail_next(replies(200, CORE))
        with pytest.raises(Invalid, match="Binding of the core group cannot be deployed: it has no delete, get, patch"):
            await Discovery(client).resource_of("v1", "Binding")

    play(scenario)


# ---- what is not believed


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        ("<html>", "the reply makes no sense: "),
        ([], "the reply makes no sense: "),
        ({}, "the reply makes no sense: "),
        ({"groupVersion": 5, "resources": []}, "the reply makes no sense: "),
        (listing("v1", 5), "the reply makes no sense: "),
        (listing("v1", {"name": "pots"}), "the reply makes no sense: "),
        (listing("v1", served("pots", "Pot", namespaced="yes")), "the reply makes no sense: "),
        (listing("v1", served("pots", "Pot", verbs="get")), "the reply makes no sense: "),
        (listing("v2", served("pots", "Pot")), "it speaks of 'v2'"),
        (listing("\x1b[2J", served("pots", "Pot")), "it speaks of '\N{REPLACEMENT CHARACTER}[2J'"),
        (listing("v1", served("pots", "Pot"), served("pans", "Pot")), "it has Pot 2 times"),
        (listing("v1", served("..", "Pot")), "Pot cannot have the plural '..'"),
        (listing("v1", served("", "Pot")), "Pot cannot have the plural ''"),
        (listing("v1", served("pots?a", "Pot")), "Pot cannot have the plural 'pots?a'"),
        (listing("v1", served("Pots", "Pot")), "Pot cannot have the plural 'Pots'"),
        (listing("v1", served("pots\n", "Pot")), "Pot cannot have the plural 'pots '"),
        (listing("v1", served("p" * 5000, "Pot")), "Pot cannot have the plural 'ppp"),
        (listing("v1", *[served("pots", "Pot")] * (MOST_KINDS + 1)), "it has more than 2000 kinds"),
    ],
    ids=range(18),
)
def test_a_list_that_makes_no_sense_is_told_and_nothing_of_it_is_used(body: Any, sentence: str) -> None:
    async def scenario(api: FakeApi, client: Client) -> None:
        discovery = Discovery(client)
        api.fail_next(replies(200, body))
        with pytest.raises(Transient) as caught:
            await discovery.resource_of("v1", "Pot")
        message = str(caught.value)
        assert message.startswith("reading /api/v1: the reply makes no sense: ")
        assert sentence in message
        assert message.isprintable()
        assert len(message) < 1100

    play(scenario)


def test_what_is_odd_in_a_list_does_not_matter_to_the_other_kinds() -> None:
    async def scenario(api: FakeApi, client: Client) -> None:
        odd = served("..", "Pot"), served("pots", "Pot"), served("x", "a/b"), served("y", "Nothing", verbs=None)
        api.fail_next(replies(200, listing("v1", *odd, served("configmaps", "ConfigMap"))))
        assert await Discovery(client).resource_of("v1", "ConfigMap") == CONFIG_MAPS

    play(scenario)


def test_a_server_that_does_not_answer_has_not_said_that_a_kind_is_gone() -> None:
    async def scenario(api: FakeApi, client: Client) -> None:
        discovery = Discovery(client)
        for code, kind in ((503, Transient), (403, Refused)):
            for _ in range(3):
                api.fail_next(replies(code, status(code, "", "no")))
            with pytest.raises(kind):
                await discovery.resource_of("v1", "ConfigMap")
            api.faults.clear()

    play(scenario, sleep=Pauses())
