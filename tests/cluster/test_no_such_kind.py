"""What an API server answers about a kind whose CRD is not there, and about what is missing otherwise."""

import pytest

from hack.cluster import Cluster
from tests.cluster.api_client import administrator, run
from windlass.cluster.client import Client
from windlass.cluster.errors import Gone, NoSuchKind
from windlass.cluster.resources import PODS, SCALING_ACTIVITIES, Resource

MISSING = Resource("windlass.dev", "v1alpha1", "nosuchthings", "NoSuchThing")


def test_a_kind_that_is_not_there_is_told_from_an_object(cluster: Cluster, namespace: str) -> None:
    async def scenario(client: Client) -> None:
        with pytest.raises(NoSuchKind):
            await client.list(MISSING, namespace)
        with pytest.raises(NoSuchKind):
            await client.create(MISSING, namespace, {"metadata": {"name": "web-a1"}})
        with pytest.raises(NoSuchKind):
            await client.merge_patch(MISSING, namespace, "web-a1", {}, subresource="status")
        for resource in (PODS, SCALING_ACTIVITIES):
            with pytest.raises(Gone) as caught:
                await client.merge_patch(resource, namespace, "web-a1", {}, subresource="status")
            assert not isinstance(caught.value, NoSuchKind)

    run(administrator(cluster), scenario)
