"""What a set is deployed from, read from an API server and checked as a whole."""

import asyncio
import base64
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from tests.cluster_client.fake_api import FakeApi, client_of, replies
from tests.stacks import instance, stack_set
from windlass.api.stack_set_operation import Overrides
from windlass.cluster.client import Client
from windlass.cluster.errors import Transient
from windlass.cluster.snapshots import KEY, Snapshots
from windlass.controllers.stack_sets.inputs import InputReader
from windlass.planner.reason import Reason
from windlass.planner.stackset.view import Inputs, Sources, StackInstance

TEMPLATE = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata:\n  size: ${size}\n  color: ${color:-red}\n"
A_FILE = {"configMapRef": {"name": "shop", "key": "all"}}
FORBIDDEN = {
    "kind": "Status",
    "reason": "Forbidden",
    "message": 'secrets "shop" is forbidden: User "windlass" cannot get resource "secrets" in API group ""',
}


def of(**spec: Any) -> Any:
    return stack_set(**{"template": {"manifests": TEMPLATE}, "variables": 'size = "1"', **spec})


def run(play: Callable[[FakeApi, Client], Coroutine[Any, Any, None]]) -> None:
    async def scenario() -> None:
        async with FakeApi().running() as api, client_of(api) as client, asyncio.timeout(10):
            await play(api, client)

    asyncio.run(scenario())


async def keep(api: FakeApi, kind: str, name: str, data: dict[str, str]) -> None:
    body = {"apiVersion": "v1", "kind": kind, "metadata": {"name": name, "namespace": "default"}, "data": data}
    if kind == "Secret":
        body["data"] = {key: base64.b64encode(text.encode()).decode() for key, text in data.items()}
    await api.put(f"{kind.lower()}s", body)


async def read(
    client: Client, wanted: Any, overrides: Overrides | None = None, *there: StackInstance
) -> Inputs | Reason:
    return await InputReader(client, Snapshots(client)).read("default", wanted, there, overrides)


def test_the_names_of_snapshots_tell_what_they_hold() -> None:
    async def play(api: FakeApi, client: Client) -> None:
        first, again = await read(client, of()), await read(client, of())
        assert isinstance(first, Inputs)
        assert first == again
        assert first.variable_names == {"size"}
        assert set(first.contents) == {first.sources.template, first.sources.variables}
        other = await read(client, of(variables='size = "2"'))
        assert isinstance(other, Inputs)
        assert other.sources.template == first.sources.template
        assert other.sources.variables != first.sources.variables

    run(play)


def test_a_secret_value_cannot_be_guessed_from_the_name_of_its_snapshot() -> None:
    """Two sets with the same variables give them other names: these are keyed."""

    async def play(api: FakeApi, client: Client) -> None:
        one, other = await read(client, of()), await read(client, of(name="other"))
        assert isinstance(one, Inputs)
        assert isinstance(other, Inputs)
        assert one.sources.variables.rpartition("-")[2] != other.sources.variables.rpartition("-")[2]

    run(play)


def test_files_are_read_where_the_set_names_them() -> None:
    async def play(api: FakeApi, client: Client) -> None:
        await keep(api, "ConfigMap", "shop", {"all": TEMPLATE})
        await keep(api, "Secret", "shop", {"vars": 'size = "3"'})
        wanted = of(template=A_FILE, variables="", variablesFrom={"secretRef": {"name": "shop", "key": "vars"}})
        found = await read(client, wanted)
        assert isinstance(found, Inputs)
        assert found.contents[found.sources.template] == TEMPLATE
        assert found.contents[found.sources.variables] == 'size="3"\n'

    run(play)


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ({"template": A_FILE}, "400: reading ConfigMap shop: it has no text under the key all"),
        (
            {"template": {"configMapRef": {"name": "none", "key": "all"}}},
            "400: reading ConfigMap none: it is not there",
        ),
        ({"variables": ""}, "400: the template names variables that there are not: size"),
        ({"variables": "size"}, "400: "),
        ({"template": {"manifests": "a: [b"}}, "400: "),
    ],
)
def test_what_cannot_be_used_is_said(spec: dict[str, Any], said: str) -> None:
    async def play(api: FakeApi, client: Client) -> None:
        await keep(api, "ConfigMap", "shop", {"other": "x"})
        found = await read(client, of(**spec))
        assert isinstance(found, Reason)
        assert str(found).startswith(said)

    run(play)


@pytest.mark.spec("stack-set.md", "errors")
def test_what_may_not_be_read_and_what_does_not_answer() -> None:
    """403 ends the operation with a sentence; with 429 and 500 the pass fails, is shown, and comes again."""
    wanted = of(variablesFrom={"secretRef": {"name": "shop", "key": "vars"}})

    async def play(api: FakeApi, client: Client) -> None:
        api.fail_next(replies(403, FORBIDDEN))
        found = await read(client, wanted)
        assert str(found) == f"403: reading Secret shop: {FORBIDDEN['message']}"
        for code in (429, 500):
            for _ in range(3):
                api.fail_next(replies(code, {"kind": "Status", "message": "later"}))
            with pytest.raises(Transient) as raised:
                await read(client, wanted)
            assert raised.value.code == code

    run(play)


@pytest.mark.spec("stack-set.md", "overrides: dangling")
def test_a_set_that_drops_an_overridden_name_is_refused() -> None:
    async def play(api: FakeApi, client: Client) -> None:
        await keep(api, "Secret", "shop-o-1", {KEY: 'size = "9"\nwidth = 2'})
        there = instance("eu", "a", sources=Sources("t", "v", "shop-o-1"))
        found = await read(client, of(), None, there)
        assert isinstance(found, Reason)
        assert str(found).startswith("400: ")
        assert "width" in str(found)
        assert "shop.eu.a" in str(found)

    run(play)


@pytest.mark.spec("stack-set.md", "overrides: exact")
def test_the_overrides_of_an_operation_are_kept_beside_the_set_s_variables() -> None:
    async def play(api: FakeApi, client: Client) -> None:
        found = await read(client, of(), Overrides(variables='size = "7"'))
        assert isinstance(found, Inputs)
        assert found.contents[found.sources.overrides] == 'size="7"\n'
        unknown = await read(client, of(), Overrides(variables='size = "7"\nheight = 1'))
        assert isinstance(unknown, Reason)
        assert "height" in str(unknown)
        back = await read(client, of(), Overrides(use_stack_set_variables=("size",)))
        assert isinstance(back, Inputs)
        assert back.sources.overrides == ""

    run(play)
