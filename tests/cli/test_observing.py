"""What the command line makes of a group that it reads live."""

from typing import Any

from tests.cli.bodies import body
from tests.cluster_client.fake_api import FakeApi
from tests.cluster_client.scenario import play
from tests.worlds import CONFIGURATION, GROUP, GROUP_UID, NOW, activity, fleet, group, leaving, revision, view
from windlass.api.common import GROUP_LABEL, ORDINAL_ANNOTATION, owner_reference, rfc3339, to_wire
from windlass.cli.subjects.group.explanation import explain
from windlass.cli.subjects.group.forecast import forecast
from windlass.cli.subjects.group.observing import observe_live
from windlass.cluster.client import Client
from windlass.cluster.resources import CONTROLLER_REVISIONS
from windlass.cluster.revisions import revision_manifest
from windlass.planner.capacity.instance import Instance
from windlass.planner.capacity.reasons import AsDesired
from windlass.planner.capacity.steps import KeepRevision
from windlass.planner.group import plan_group

KEPT = KeepRevision("web-1", 1, revision().data, AsDesired(300))


def pod_of(instance: Instance) -> dict[str, Any]:
    """One that has been in service for as long as it exists."""
    since = rfc3339(instance.created_at)
    return {
        "metadata": {
            "namespace": instance.namespace,
            "name": instance.name,
            "uid": instance.uid,
            "creationTimestamp": since,
            "labels": {GROUP_LABEL: GROUP},
            "annotations": {ORDINAL_ANNOTATION: str(instance.ordinal)},
            "ownerReferences": [owner_reference("ScalingGroup", GROUP, GROUP_UID)],
        },
        "status": {
            "phase": "Running",
            "conditions": [
                {"type": kind, "status": "True", "lastTransitionTime": since} for kind in ("PodScheduled", "Ready")
            ],
        },
    }


def test_a_removal_of_more_than_a_hundred_that_goes_on_is_told_as_one() -> None:
    """Its operator knows what became of its requests: it withdraws none."""

    async def scenario(api: FakeApi, client: Client) -> None:
        names = tuple(f"web-{number}" for number in range(200, 300))
        running = activity("ScaleIn", from_=300, to=100, leaving=names)
        seen = view(group(100, max_size=300), fleet(150), activity=running)
        for instance in seen.instances:
            await api.put("pods", pod_of(instance))
        await client.create(CONTROLLER_REVISIONS, "default", revision_manifest(KEPT, group=GROUP, group_uid=GROUP_UID))
        configuration = {"namespace": "default", "name": GROUP, "uid": "c", "generation": 1}
        await api.put("scalingconfigurations", {"metadata": configuration, "spec": CONFIGURATION})
        found, records, _ = await observe_live(client, {**body(seen), "status": to_wire(seen.status)}, NOW)

        assert len(leaving(plan_group(found))) == 50
        explained = explain(found, body(seen)["metadata"], records, (), None)
        assert "it may stay" not in "\n".join([explained.message, *explained.to_do])
        assert next(len(leaving(played.plan)) for played in forecast(found).passes) == 50

    play(scenario)
