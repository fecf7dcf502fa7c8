"""A 404 means that the group is gone only if the group is."""

from typing import Any

import pytest

from tests.cluster_client.fake_api import FakeApi, replies, status
from tests.cluster_client.scenario import play
from tests.controllers.hands import KEY
from tests.controllers.runtimes import runtime
from tests.worlds import activity
from windlass.api.common import to_wire
from windlass.api.scaling_group import KIND
from windlass.cluster.client import Client
from windlass.cluster.errors import Gone, Transient
from windlass.controllers.scaling_group.controller import ScalingGroupController
from windlass.controllers.scaling_group.observe import InMemoryState
from windlass.engine.own_stores import OwnStores

NO_SUCH_KIND = status(404, "NotFound", "the server could not find the requested resource")
GROUP_BODY: dict[str, Any] = {
    "metadata": {"namespace": "default", "name": "web", "uid": "web-uid", "generation": 1},
    "spec": {"minSize": 0, "maxSize": 3, "desiredSize": 1, "configuration": {"scalingConfiguration": "web"}},
}
CONFIGURATION = {
    "metadata": {"namespace": "default", "name": "web", "uid": "c-uid", "generation": 1},
    "spec": {"template": {"spec": {"containers": [{"name": "web", "image": "web:1"}]}}},
}


class Told:
    """Stands where events are recorded."""

    def __init__(self) -> None:
        self.reasons: list[str] = []

    def emit(self, regarding: object, type_: str, reason: str, message: str, **_: object) -> None:
        self.reasons.append(reason)


def controller(client: Client) -> tuple[ScalingGroupController, OwnStores]:
    works_with = runtime(client)
    return ScalingGroupController(works_with), works_with.stores


def test_something_that_is_not_there_is_a_failure_and_not_the_end_of_the_group() -> None:
    async def scenario(api: FakeApi, client: Client) -> None:
        made, stores = controller(client)
        stores.observe(KIND.kind, await api.put("scalinggroups", GROUP_BODY), deleted=False)
        stores.observe("ScalingConfiguration", await api.put("scalingconfigurations", CONFIGURATION), deleted=False)
        api.fail_next(replies(404, NO_SUCH_KIND), "POST")
        with pytest.raises(Transient, match="could not find the requested resource"):
            await made.reconcile(KEY)
        assert made.caches.groups.get("default", "web") is not None

    play(scenario)


def test_a_group_that_is_gone_is_forgotten() -> None:
    async def scenario(api: FakeApi, client: Client) -> None:
        made, stores = controller(client)
        stores.observe(KIND.kind, await api.put("scalinggroups", GROUP_BODY), deleted=False)
        await api.silently_remove("scalinggroups", "default", "web")
        with pytest.raises(Gone):
            await made.reconcile(KEY)
        assert made.caches.groups.get("default", "web") is None

    play(scenario)


def test_an_activity_whose_record_is_refused_ends_with_its_event_and_is_counted() -> None:
    async def scenario(api: FakeApi, client: Client) -> None:
        told = Told()
        works_with = runtime(client, recorder=told)
        made, stores, metrics = ScalingGroupController(works_with), works_with.stores, works_with.metrics
        status = {"observedGeneration": 1, "desired": 0, "activity": to_wire(activity(to=0))}
        body = {**GROUP_BODY, "spec": {**GROUP_BODY["spec"], "desiredSize": 0}, "status": status}
        stores.observe(KIND.kind, await api.put("scalinggroups", body), deleted=False)
        made._in_memory[KEY] = InMemoryState(uid="web-uid", record_refused="web-a1")
        await made.reconcile(KEY)
        assert told.reasons == ["ActivitySuccessful"]
        ended = {"type": "ScaleOut", "result": "Successful"}
        assert metrics.registry.get_sample_value("windlass_activities_total", ended) == 1

    play(scenario)
