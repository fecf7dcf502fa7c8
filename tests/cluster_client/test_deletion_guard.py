"""Whether anything enforces deletionPolicy: the policy is known by its rule and its binding."""

from typing import Any

import pytest

from tests.cluster_client.fake_api import FakeApi, replies, status
from tests.cluster_client.scenario import play
from windlass.cluster.client import Client
from windlass.cluster.deletion_guard import read_deletion_guard
from windlass.cluster.errors import Refused

RULE = {
    "apiGroups": ["windlass.dev"],
    "apiVersions": ["v1alpha1"],
    "operations": ["DELETE"],
    "resources": ["scalinggroups"],
}


def policy(**rule: Any) -> dict[str, Any]:
    rules = {"resourceRules": [RULE | rule], "namespaceSelector": {}, "objectSelector": {}}
    return {"metadata": {"namespace": "", "name": "mine"}, "spec": {"matchConstraints": rules}}


def binding(name: str = "mine", actions: tuple[str, ...] = ("Deny",), **match: Any) -> dict[str, Any]:
    spec: dict[str, Any] = {"policyName": name, "validationActions": list(actions)}
    if match:
        spec["matchResources"] = {"objectSelector": {}, **match}
    return {"metadata": {"namespace": "", "name": "b"}, "spec": spec}


def only_in(*namespaces: str) -> dict[str, Any]:
    named = {"key": "kubernetes.io/metadata.name", "operator": "In", "values": list(namespaces)}
    return {"matchExpressions": [named]}


CASES: dict[str, tuple[list[dict[str, Any]], list[dict[str, Any]], bool]] = {
    "nothing is there": ([], [], False),
    "the chart's, by another name": ([policy()], [binding()], True),
    "every operation is judged": ([policy(operations=["*"])], [binding()], True),
    "not bound": ([policy()], [], False),
    "another policy is bound": ([policy()], [binding("other")], False),
    "bound to warn": ([policy()], [binding(actions=("Warn", "Audit"))], False),
    "creations are judged": ([policy(operations=["CREATE"])], [binding()], False),
    "something else is judged": ([policy(resources=["scalingconfigurations"])], [binding()], False),
    "everything is judged, for a reason of its own": (
        [policy(apiGroups=["*"], resources=["*"])],
        [binding()],
        False,
    ),
    "bound here": ([policy()], [binding(namespaceSelector=only_in("shop", "default"))], True),
    "bound elsewhere": ([policy()], [binding(namespaceSelector=only_in("shop"))], False),
    "bound by a label of namespaces": ([policy()], [binding(namespaceSelector={"matchLabels": {"a": "b"}})], True),
    "bound to another by label": (
        [policy()],
        [binding(namespaceSelector={"matchLabels": {"kubernetes.io/metadata.name": "shop"}})],
        False,
    ),
}


@pytest.mark.parametrize(("policies", "bindings", "guarded"), CASES.values(), ids=CASES)
def test_a_policy_guards_groups_by_what_it_judges(policies: Any, bindings: Any, guarded: bool) -> None:
    async def scenario(api: FakeApi, client: Client) -> None:
        for each in policies:
            await api.put("validatingadmissionpolicies", each)
        for each in bindings:
            await api.put("validatingadmissionpolicybindings", each)
        assert (await read_deletion_guard(client)).covers("default") is guarded

    play(scenario)


def test_an_api_server_without_such_policies_guards_nothing() -> None:
    async def scenario(api: FakeApi, client: Client) -> None:
        api.fail_next(replies(404, "404 page not found"))
        assert not (await read_deletion_guard(client)).covers("default")

    play(scenario)


def test_who_may_not_look_is_refused() -> None:
    async def scenario(api: FakeApi, client: Client) -> None:
        api.fail_next(replies(403, status(403, "Forbidden", "User ann cannot list resource")))
        with pytest.raises(Refused):
            await read_deletion_guard(client)

    play(scenario)
