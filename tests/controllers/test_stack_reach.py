"""How the cluster of a target is reached, where it is the operator's own."""

import asyncio
from typing import Any

import pytest

from windlass.cluster.client import Client
from windlass.cluster.connection import Connection
from windlass.cluster.errors import ConfigurationError
from windlass.cluster.members import Members
from windlass.cluster.store import Object
from windlass.controllers.stack_sets.reach import Reach

HUB = Connection("https://127.0.0.1:1", "a test")


def target(**spec: Any) -> Object:
    metadata = {"name": "eu-a", "namespace": "shop", "uid": "u", "resourceVersion": "1"}
    given = {"region": "eu", "account": "a", "cluster": {"inCluster": {}}, "namespace": "shop"}
    return Object({"metadata": metadata, "spec": {**given, **spec}})


def connection_to(of: Object) -> Connection:
    async def scenario() -> Connection:
        members = Members()
        try:
            return (await Reach(Client(HUB), members).member(of)).client.connection
        finally:
            await members.close()

    return asyncio.run(scenario())


def test_the_own_cluster_is_reached_as_the_account_that_is_named() -> None:
    found = connection_to(target(serviceAccountName="deployer"))
    assert (found.server, found.impersonate) == (HUB.server, "system:serviceaccount:shop:deployer")


def test_never_with_the_operators_own_rights() -> None:
    with pytest.raises(ConfigurationError, match="serviceAccountName must be given"):
        connection_to(target())


def test_accounts_of_other_namespaces_are_not_lent() -> None:
    with pytest.raises(ConfigurationError, match="namespace must be shop, the StackTarget's own"):
        connection_to(target(serviceAccountName="deployer", namespace="bank"))
