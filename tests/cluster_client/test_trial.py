"""What the API server says of an instance made from a template, before there is one."""

from typing import Any

import pytest

from tests.cluster_client.fake_api import FakeApi, replies, status
from tests.cluster_client.scenario import play
from tests.worlds import CONFIGURATION, GROUP_UID, fleet, group, view
from windlass.cli.subjects.group.template import Tried, tried
from windlass.cluster.client import Client
from windlass.cluster.errors import Refused, RefusedBy, Transient
from windlass.cluster.trial import try_template

TEMPLATE = CONFIGURATION["template"]
SEEN = view(group(3, zones=["zone-a", "zone-b"]), fleet(3, zones=["zone-a", "zone-b"]))

ANSWERS: dict[str, tuple[dict[str, Any], str | RefusedBy | None]] = {
    "taken": ({}, None),
    "the name is taken": (status(409, "AlreadyExists", 'pods "web-3" already exists'), None),
    "never": (status(422, "Invalid", "spec.restartPolicy: Unsupported value"), "spec.restartPolicy: Unsupported value"),
    "not within the quota": (status(403, "Forbidden", "exceeded quota: pods"), RefusedBy.QUOTA),
}


@pytest.mark.parametrize(("answer", "said"), ANSWERS.values(), ids=ANSWERS)
def test_what_the_answer_means(answer: dict[str, Any], said: str | RefusedBy | None) -> None:
    async def scenario(api: FakeApi, client: Client) -> None:
        if answer:
            api.fail_next(replies(answer["code"], answer))
        found = await try_template(client, SEEN, TEMPLATE, "web-2", owner=GROUP_UID)
        assert (found.by if isinstance(found, Refused) else found) == said

    play(scenario)


def test_a_template_that_makes_no_pod_is_refused_without_asking() -> None:
    async def scenario(api: FakeApi, client: Client) -> None:
        found = await try_template(client, SEEN, {"metadata": {"name": "web"}}, "web-2", owner=GROUP_UID)
        assert found == "template.metadata may hold labels and annotations, not name"
        assert api.seen == []

    play(scenario)


def test_where_nobody_can_be_asked_nothing_is_said() -> None:
    async def scenario(api: FakeApi, client: Client) -> None:
        api.fail_next(replies(500))
        with pytest.raises(Transient):
            await try_template(client, SEEN, TEMPLATE, "web-2", owner=GROUP_UID)

    play(scenario)


def test_people_ask_for_the_same_pod_as_the_operator_but_for_its_owner() -> None:
    async def scenario(api: FakeApi, client: Client) -> None:
        for _ in range(2):
            api.fail_next(replies(201, {}))
        await try_template(client, SEEN, TEMPLATE, "web-0", owner=GROUP_UID)
        await tried(client, SEEN)
        operators, peoples = (dict(each.body["metadata"]) for each in api.seen)
        assert [owner["uid"] for owner in operators.pop("ownerReferences")] == [GROUP_UID]
        assert peoples.pop("ownerReferences") == []
        assert operators == peoples
        assert [each.query["dryRun"] for each in api.seen] == ["All", "All"]
        assert api.seen[0].body["spec"] == api.seen[1].body["spec"]
        assert api.seen[0].body["spec"]["nodeSelector"] == {"topology.kubernetes.io/zone": "zone-a"}

    play(scenario)


PEOPLE = {
    "never": (status(422, "Invalid", "no"), Tried(never="no")),
    "not within the quota": (status(403, "Forbidden", "exceeded quota: pods"), Tried(now="exceeded quota: pods")),
}


@pytest.mark.parametrize(("answer", "said"), PEOPLE.values(), ids=PEOPLE)
def test_people_are_told_whether_it_is_for_good_or_for_now(answer: dict[str, Any], said: Tried) -> None:
    async def scenario(api: FakeApi, client: Client) -> None:
        api.fail_next(replies(answer["code"], answer))
        assert await tried(client, SEEN) == said

    play(scenario)
