"""A plan's steps against an API server that says no."""

from dataclasses import replace

import pytest

from tests.cluster_client.fake_api import FakeApi, replies, status
from tests.cluster_client.scenario import play
from tests.controllers.hands import KEY, hands, only
from tests.worlds import GROUP, GROUP_UID, activity, fleet, group, steps_of_kind, view
from windlass.cluster.client import Client
from windlass.cluster.resources import CONTROLLER_REVISIONS, PODS
from windlass.cluster.revisions import revision_manifest
from windlass.controllers.scaling_group.observe import InMemoryState
from windlass.controllers.scaling_group.steps import A_FEW
from windlass.planner.capacity.reasons import AsDesired, RevisionUnused
from windlass.planner.capacity.steps import ForgetRevision, KeepRevision, Remove, WithdrawRemoval
from windlass.planner.capacity.view import GroupView
from windlass.planner.group import plan_group

FORBIDDEN = status(403, "Forbidden", 'pods "web-0" is forbidden: cannot patch resource "pods"')
KEPT = status(403, "Forbidden", 'pods "web" is forbidden: nobody leaves')
INVALID = status(422, "Invalid", 'Pod "web-1" is invalid: not by this policy')


def withdrawn() -> GroupView:
    """Three were to leave, and may stay."""
    leaving = activity("ScaleIn", from_=3, to=0, leaving=("web-0", "web-1", "web-2"))
    return view(group(3), fleet(3), removals_in_doubt=True, activity=leaving)


async def there(api: FakeApi, seen: GroupView) -> dict[str, str]:
    """Makes the instances; gives the version of each."""
    made = [
        await api.put("pods", {"metadata": {"namespace": "default", "name": each.name, "uid": each.uid}})
        for each in seen.instances
    ]
    return {pod["metadata"]["name"]: pod["metadata"]["resourceVersion"] for pod in made}


def test_who_may_not_be_changed_does_not_hold_up_the_group_and_is_told_once(caplog: pytest.LogCaptureFixture) -> None:
    async def scenario(api: FakeApi, client: Client) -> None:
        seen, in_memory = withdrawn(), InMemoryState(uid=GROUP_UID)
        await there(api, seen)
        api.fail_next(replies(403, FORBIDDEN), "PATCH")
        api.fail_next(replies(422, INVALID), "PATCH")
        steps, _ = hands(client, seen, in_memory)
        await steps.carry_out(only(seen, *steps_of_kind(plan_group(seen), WithdrawRemoval)))
        assert not in_memory.removals_in_doubt
        assert [request.method for request in api.seen] == ["PATCH"] * 3

    play(scenario)
    assert [record.getMessage() for record in caplog.records if record.levelname == "WARNING"] == [
        'changing Pod default/web-0: pods "web-0" is forbidden: cannot patch resource "pods"; '
        "the group goes on: a removal that is still under way may take who was to stay"
    ]


def leaving_all(size: int) -> GroupView:
    return view(group(0), fleet(size), activity=activity("ScaleIn", from_=size, to=0))


def test_who_may_not_be_removed_does_not_keep_the_others() -> None:
    async def scenario(api: FakeApi, client: Client) -> None:
        seen, in_memory = leaving_all(30), InMemoryState(uid=GROUP_UID)
        versions = await there(api, seen)
        removals = [
            replace(step, resource_version=versions[step.name]) for step in steps_of_kind(plan_group(seen), Remove)
        ]
        for _ in range(A_FEW):
            api.fail_next(replies(403, KEPT), "DELETE")
        steps, _ = hands(client, seen, in_memory)
        await steps.carry_out(only(seen, *removals))
        assert len((await client.list(PODS, "default")).items) == A_FEW
        assert in_memory.removal_pause is not None
        assert in_memory.removal_pause[1].failures == 1
        assert KEPT["message"] in in_memory.removal_pause[1].message

    play(scenario)


def test_where_nobody_may_be_removed_not_everybody_is_asked_for() -> None:
    async def scenario(api: FakeApi, client: Client) -> None:
        seen, in_memory = leaving_all(500), InMemoryState(uid=GROUP_UID)
        await there(api, seen)
        for _ in range(500):
            api.fail_next(replies(403, KEPT), "DELETE")
        steps, _ = hands(client, seen, in_memory)
        await steps.carry_out(only(seen, *steps_of_kind(plan_group(seen), Remove)))
        assert len(api.seen) <= 4 * A_FEW
        assert in_memory.removal_pause is not None

    play(scenario)


def test_a_revision_that_is_gone_unheard_is_looked_for_before_it_is_deleted_again() -> None:
    async def scenario(api: FakeApi, client: Client) -> None:
        seen, in_memory = view(group(3), fleet(3)), InMemoryState(uid=GROUP_UID, look_live=False)
        steps, caches = hands(client, seen, in_memory)
        data = {"configuration": {}, "source": {"kind": "ScalingConfiguration", "name": "web"}}
        kept = KeepRevision("web-old", 1, data, AsDesired(3))
        await client.create(CONTROLLER_REVISIONS, "default", revision_manifest(kept, group=GROUP, group_uid=GROUP_UID))
        await caches.refresh(KEY, GROUP_UID)
        await api.silently_remove("controllerrevisions", "default", "web-old")
        await steps.carry_out(only(seen, ForgetRevision("web-old", RevisionUnused())))
        assert api.seen[-1].method == "DELETE"
        assert in_memory.look_live

    play(scenario)
