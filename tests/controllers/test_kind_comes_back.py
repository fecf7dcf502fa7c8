"""The CRD of ScalingActivity is deleted and comes back: the groups that waited for it go on within seconds."""

import asyncio

import pytest

from tests.cluster_client.fake_api import FakeApi, replies, status
from tests.cluster_client.scenario import play
from tests.controllers.hands import KEY
from tests.controllers.test_something_missing import CONFIGURATION, GROUP_BODY, NO_SUCH_KIND, controller
from tests.engine.manual_clock import ManualClock
from windlass.api.scaling_group import KIND
from windlass.cluster.client import Client
from windlass.cluster.errors import Gone, NoSuchKind, Transient, from_reply
from windlass.controllers.scaling_group.missing_records import PROBE_SECONDS, MissingRecords
from windlass.engine.queue import Key


@pytest.mark.parametrize("body", [NO_SUCH_KIND, "404 page not found"], ids=["a Status", "plain text"])
def test_a_404_about_the_kind_is_told_from_one_about_the_object(body: object) -> None:
    import json

    content = body.encode() if isinstance(body, str) else json.dumps(body).encode()
    assert isinstance(from_reply("listing", 404, {}, content, writes=False), NoSuchKind)
    of_object = json.dumps(status(404, "NotFound", 'pods "web-0" not found')).encode()
    found = from_reply("reading", 404, {}, of_object, writes=False)
    assert isinstance(found, Gone)
    assert not isinstance(found, NoSuchKind)


def test_a_pass_that_misses_the_kind_has_its_group_wait_for_it() -> None:
    async def scenario(api: FakeApi, client: Client) -> None:
        made, stores = controller(client)
        stores.observe(KIND.kind, await api.put("scalinggroups", GROUP_BODY), deleted=False)
        stores.observe("ScalingConfiguration", await api.put("scalingconfigurations", CONFIGURATION), deleted=False)
        api.fail_next(replies(404, NO_SUCH_KIND), "POST")
        with pytest.raises(Transient):
            await made.reconcile(KEY)
        assert made._missing_records._waiting == {KEY}

    play(scenario)


def test_groups_go_on_when_the_kind_is_served_again() -> None:
    async def scenario(api: FakeApi, client: Client) -> None:
        clock, gone_on = ManualClock(), list[Key]()
        missing = MissingRecords(client, gone_on.append, clock)
        running = asyncio.create_task(missing.run())
        await clock.advance(10 * PROBE_SECONDS)
        assert api.seen == [], "nothing is asked while nothing is missing"
        missing.wait_for_kind(KEY)
        for _ in range(3):
            api.fail_next(replies(404, NO_SUCH_KIND))
        while len(api.seen) < 3:
            assert gone_on == []
            await clock.advance(PROBE_SECONDS)
            await asyncio.sleep(0.01)
        while not gone_on:
            await clock.advance(PROBE_SECONDS)
            await asyncio.sleep(0.01)
        asked = len(api.seen)
        await clock.advance(10 * PROBE_SECONDS)
        assert (gone_on, len(api.seen)) == ([KEY], asked)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)

    play(scenario)
