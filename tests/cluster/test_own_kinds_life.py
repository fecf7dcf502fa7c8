"""The operator tells how long ago the watches of its own kinds showed life, on a real API server."""

import re

from hack.cluster import Cluster, wait_until
from tests.cluster.groups import Groups
from tests.cluster.operator_process import OperatorProcess, Operators

OWN = {"scalinggroups", "scalingconfigurations", "scalingactivities"}
LAG = re.compile(r'^windlass_informer_lag_seconds\{resource="(scaling\w+)"\} (\S+)$', re.MULTILINE)


def lags(process: OperatorProcess) -> dict[str, float]:
    return {resource: float(seconds) for resource, seconds in LAG.findall(process.get("/metrics")[1])}


def test_own_kinds_have_a_lag_that_events_bring_down_and_a_place_in_the_probe(
    cluster: Cluster, namespace: str, operator: Operators
) -> None:
    process = operator.start(f"--namespaces={namespace}", ready=True)
    assert lags(process).keys() == OWN
    wait_until(lambda: min(lags(process).values()) > 2, 30, "two seconds without a word")
    with Groups(cluster, namespace) as groups:
        groups.create(desired=0)
        wait_until(lambda: lags(process)["scalinggroups"] < 1, 10, "the event")
    status, text = process.get("/healthz")
    assert status == 200
    assert {f"[+] {resource}: ok" for resource in OWN} <= set(text.splitlines())
