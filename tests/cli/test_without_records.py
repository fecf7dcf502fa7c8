"""The CRD of ScalingActivity is missing: the command line tells all the rest, and says that it is."""

from tests.cli.bodies import body, metadata
from tests.cluster_client.fake_api import FakeApi, replies, status
from tests.cluster_client.scenario import play
from tests.worlds import CONFIGURATION, GROUP, NOW, fleet, group, view
from windlass.api.common import to_wire
from windlass.cli.subjects.group.explain import lines, values
from windlass.cli.subjects.group.explanation import explain
from windlass.cli.subjects.group.observing import RECORDS_UNREADABLE, observe_live
from windlass.cli.subjects.group.plan import start_of_existing
from windlass.cluster.client import Client
from windlass.planner.group import plan_group

NO_SUCH_KIND = replies(404, status(404, "NotFound", "the server could not find the requested resource"))


async def without_records(api: FakeApi) -> dict[str, object]:
    """A group whose API server does not know the kind when it is asked next."""
    seen = view(group(3), fleet(3))
    configuration = {"namespace": "default", "name": GROUP, "uid": "c", "generation": 1}
    await api.put("scalingconfigurations", {"metadata": configuration, "spec": CONFIGURATION})
    api.faults.append((lambda request: "scalingactivities" in request.path, NO_SUCH_KIND))
    return {**body(seen), "status": to_wire(plan_group(seen).status)}


def test_explain_tells_the_rest() -> None:
    async def scenario(api: FakeApi, client: Client) -> None:
        seen, records, _ = await observe_live(client, await without_records(api), NOW)
        assert records is None
        explained = explain(seen, metadata(seen), records, (), None)
        said = "\n".join(lines(explained))
        assert "Last activities\n  Records of activities cannot be read" in said
        assert "install Windlass' CRDs again" in said
        assert values(explained)["recordsReadable"] is False

    play(scenario)


def test_plan_tells_the_rest() -> None:
    async def scenario(api: FakeApi, client: Client) -> None:
        found = await without_records(api)
        made = await start_of_existing(client, found, found["spec"], {})  # type: ignore[arg-type]
        assert RECORDS_UNREADABLE in made.notes

    play(scenario)
