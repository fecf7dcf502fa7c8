"""A refresh whose operator is killed again and again, whose watches lose what happened, and whose group is scaled
meanwhile: floor and ceiling hold, each name and the commit come once."""

import random
import time

import pytest

from tests.cluster.pod_metrics import PodMetrics, autoscale
from tests.faults.exchange import Exchange, of_slow_pods
from tests.faults.run import RESYNC, Run
from tests.faults.test_watches import ANY, WAYS, Loss, period

LIMIT = 180.0


@pytest.mark.timeout(2 * LIMIT)
def test_an_operator_that_is_killed_every_few_seconds_finishes_the_refresh(run: Run) -> None:
    size = 200
    process = run.start(RESYNC)
    refresh = Exchange(run, of_slow_pods(run, size, "3s", maxSize=size), size, size)
    moments, deadline, kills = random.Random(1), time.monotonic() + LIMIT, 0  # noqa: S311
    while not refresh.over:
        assert time.monotonic() < deadline, refresh.status
        time.sleep(moments.uniform(1.0, 4.0))
        process.kill()
        kills += 1
        process = run.start(RESYNC, ready=True)  # else it might be killed before it can do anything, for ever
    assert kills >= 2, "it was too quick to be killed"
    refresh.ended_well(size)
    assert len({name for name, _ in run.groups.pods.history}) == 2 * size, "an instance was exchanged twice"


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("plural", ["pods", "instancerefreshes", "scalinggroups"])
def test_a_refresh_survives_watches_that_lose_what_happened(run: Run, plural: str, way: str) -> None:
    size = 10
    loss = Loss(run, plural, way)
    run.start(period(way))
    web = of_slow_pods(run, size, "1s")
    loss.arm(ANY, "ADDED", "MODIFIED", "DELETED")
    refresh = Exchange(run, web, size, size)
    refresh.ended_well(size, LIMIT)
    assert loss.lost


def test_a_group_that_an_autoscaler_scales_during_its_refresh_keeps_both_bounds(run: Run) -> None:
    """Up, and down again."""
    run.start(RESYNC, ready=True)
    web = of_slow_pods(run, 20, "2s")
    with PodMetrics(run.groups.cluster, lambda: web.pods) as metrics:
        metrics.cpu = "100m"
        autoscale(run.groups, "100m", 12, 30)
        refresh = Exchange(run, web, 12, 30)
        refresh.wait_until_new(2)
        metrics.cpu = "200m"
        run.groups.pods.wait_for("more than were desired at first", lambda pods: len(pods) > 24, LIMIT)
        metrics.cpu = "25m"
        refresh.ended_well(12, LIMIT)
