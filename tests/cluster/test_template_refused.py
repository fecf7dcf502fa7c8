"""A refusal is not for ever: what refused may be taken away, and nobody tells us."""

import pytest

from hack.cluster import wait_until
from tests.cluster.groups import Groups

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
