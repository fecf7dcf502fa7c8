"""A 404 means that the group is gone only if the group is."""

import pytest

from tests.cluster_client.fake_api import FakeApi, replies, status
from tests.cluster_client.scenario import play
from tests.controllers.hands import KEY, nobody_waits
from windlass.api.scaling_group import KIND
from windlass.cluster.client import Client
from windlass.cluster.errors import Gone, Transient
from windlass.controllers.scaling_group.caches import Caches
from windlass.controllers.scaling_group.controller import ScalingGroupController
from windlass.engine.clock import SystemClock
from windlass.engine.events import EventRecorder
from windlass.engine.expectations import Expectations
from windlass.engine.metrics import Metrics

NO_SUCH_KIND = status(404, "NotFound", "the server could not find the requested resource")
GROUP_BODY = {
    "metadata": {"namespace": "default", "name": "web", "uid": "web-uid", "generation": 1},
    "spec": {"minSize": 0, "maxSize": 3, "desiredSize": 1, "configuration": {"scalingConfiguration": "web"}},
}
CONFIGURATION = {
    "metadata": {"namespace": "default", "name": "web", "uid": "c-uid", "generation": 1},
    "spec": {"template": {"spec": {"containers": [{"name": "web", "image": "web:1"}]}}},
}


def controller(client: Client) -> tuple[ScalingGroupController, Caches]:
    clock = SystemClock()
    expectations = Expectations(clock)
    caches = Caches(client, expectations, nobody_waits, ("default",), lambda *counted: None)
    recorder = EventRecorder(client, clock, instance="test")
    return ScalingGroupController(client, caches, expectations, recorder, Metrics("test"), clock), caches


def test_something_that_is_not_there_is_a_failure_and_not_the_end_of_the_group() -> None:
    async def scenario(api: FakeApi, client: Client) -> None:
        made, caches = controller(client)
        caches.observe(KIND.kind, await api.put("scalinggroups", GROUP_BODY), deleted=False)
        caches.observe("ScalingConfiguration", await api.put("scalingconfigurations", CONFIGURATION), deleted=False)
        api.fail_next(replies(404, NO_SUCH_KIND), "POST")
        with pytest.raises(Transient, match="could not find the requested resource"):
            await made.reconcile(KEY)
        assert caches.groups.get("default", "web") is not None

    play(scenario)


def test_a_group_that_is_gone_is_forgotten() -> None:
    async def scenario(api: FakeApi, client: Client) -> None:
        made, caches = controller(client)
        caches.observe(KIND.kind, await api.put("scalinggroups", GROUP_BODY), deleted=False)
        await api.silently_remove("scalinggroups", "default", "web")
        with pytest.raises(Gone):
            await made.reconcile(KEY)
        assert caches.groups.get("default", "web") is None

    play(scenario)
