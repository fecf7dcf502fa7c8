"""Ordinary autoscalers scale groups: they know nothing of us but the scale subresource."""

import pytest

from tests.cluster.groups import ZONES, Groups
from tests.cluster.pod_metrics import PodMetrics, autoscale
from tests.cluster.witness import most_alive

pytestmark = pytest.mark.usefixtures("running_operator")


def test_a_horizontal_pod_autoscaler_scales_a_group_out_and_in(groups: Groups) -> None:
    web = groups.create(desired=2, minSize=1, maxSize=6, zones=ZONES)
    web.wait_until_ready(2)
    with PodMetrics(groups.cluster, lambda: web.pods) as metrics:
        metrics.cpu = "200m"
        autoscale(groups, "100m", 1, 6)
        web.wait_until_ready(6)  # twice as much as wanted, whatever their number: as many as there may be
        metrics.cpu = "25m"
        web.wait_until_ready(1)
    assert most_alive(groups.pods.history) == 6
    asked = [each for each in groups.audit.asked("kube-controller-manager") if each.what == "scalinggroups/scale"]
    assert {(each.verb, each.code) for each in asked} == {("get", 200), ("update", 200)}
