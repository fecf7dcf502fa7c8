"""A refusal is not for ever: what refused may be taken away, and nobody tells us."""

import pytest

from hack.cluster import wait_until
from tests.cluster.doors import collection, manifest
from tests.cluster.groups import CONTAINER, Groups

pytestmark = pytest.mark.usefixtures("running_operator")

LIMIT_RANGE = {
    "metadata": {"name": "small"},
    "spec": {"limits": [{"type": "Container", "default": {"cpu": "500m"}}]},
}


def test_a_group_goes_on_by_itself_when_the_limit_range_that_refused_its_pod_is_gone(groups: Groups) -> None:
    groups.cluster.request("POST", groups.path("limitranges"), LIMIT_RANGE)
    container = {"name": "web", "image": "web:1", "resources": {"requests": {"cpu": "1"}}}
    groups.configure("web", containers=[container])

    def limits() -> bool:
        pod = {"metadata": {"name": "tried"}, "spec": {"containers": [container]}}
        try:
            groups.cluster.request("POST", groups.path("pods") + "?dryRun=All", pod)
        except Exception:
            return True
        return False

    wait_until(limits, 30, "the LimitRange")
    web = groups.create(desired=2)
    web.wait_for_phase("Stalled")
    assert "must be less than or equal to cpu limit" in web.status["message"]
    groups.cluster.request("DELETE", groups.path("limitranges", "small"))
    web.wait_until_ready(2)


@pytest.mark.parametrize(
    ("typo", "said"),
    [
        ({"nodeSelecter": {"disk": "ssd"}}, 'unknown field "spec.nodeSelecter"'),
        ({"containers": [CONTAINER | {"resource": {}}]}, 'unknown field "spec.containers[0].resource"'),
        ({"containers": [CONTAINER | {"readinesProbe": {}}]}, 'unknown field "spec.containers[0].readinesProbe"'),
    ],
    ids=["nodeSelecter", "resource", "readinesProbe"],
)
def test_a_typing_error_in_a_template_is_said_and_not_left_out(
    groups: Groups, typo: dict[str, object], said: str
) -> None:
    groups.configure("web", **typo)
    web = groups.create(desired=1)
    web.wait_for_phase("Stalled")
    assert said in web.status["message"]
    assert web.pods == {}
    groups.configure("web")
    web.wait_until_ready(1)


def test_metadata_that_no_instance_would_get_is_refused(groups: Groups) -> None:
    template = {"metadata": {"name": "web", "finalizers": ["a/b"]}, "spec": {"containers": [CONTAINER]}}
    thing = manifest("ScalingConfiguration", "odd", template=template)
    groups.cluster.request("POST", collection("ScalingConfiguration", groups.namespace), thing)
    web = groups.create(desired=1, configuration={"scalingConfiguration": "odd"})
    web.wait_for_phase("Stalled")
    assert "template.metadata may hold labels and annotations, not finalizers, name" in web.status["message"]
