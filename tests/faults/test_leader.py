"""One operator works, another stands by with everything read and takes over."""

import time

from hack.cluster import Cluster, wait_until
from tests.cluster.groups import Groups
from tests.cluster.operator_process import Operators
from tests.cluster.witness import most_alive

SHORT_LEASE = ("--lease-retry-period=0.2", "--lease-renew-deadline=1.5", "--lease-duration=2")


def test_after_a_clean_stop_another_takes_over_within_five_seconds(
    cluster: Cluster, namespace: str, operator: Operators
) -> None:
    first = operator.start()
    first.wait_until_leading()
    second = operator.start()
    with Groups(cluster, namespace) as groups:
        web = groups.create(desired=2)
        web.wait_until_ready(2)
        assert "leads" not in second.log
        stopped = time.monotonic()
        assert first.stop() == 0
        web.kill("web-0")
        second.wait_until_leading(5.0)
        assert time.monotonic() - stopped < 5.0
        groups.pods.wait_for("web-2 in its place", lambda pods: sorted(pods) == ["web-1", "web-2"])
        web.wait_until_ready(2)
        assert most_alive(groups.pods.history) == 2
        assert groups.broken_promises() == []


def test_after_a_kill_another_takes_over_when_the_lease_has_run_out_and_no_sooner(
    cluster: Cluster, namespace: str, operator: Operators
) -> None:
    first = operator.start(*SHORT_LEASE)
    first.wait_until_leading()
    second = operator.start(*SHORT_LEASE)
    with Groups(cluster, namespace) as groups:
        web = groups.create(desired=2)
        web.wait_until_ready(2)
        first.kill()
        killed = time.monotonic()
        web.scale(4)
        second.wait_until_leading(10.0)
        assert 2.0 - 0.2 - 0.5 <= time.monotonic() - killed <= 5.0
        web.wait_until_ready(4)
        assert most_alive(groups.pods.history) == 4
        assert [asked.code for asked in groups.audit.writes() if asked.what == "pods" and not asked.dry] == [201] * 4
        assert groups.broken_promises() == []


def test_one_that_stands_by_writes_nothing(cluster: Cluster, namespace: str, operator: Operators) -> None:
    first = operator.start(*SHORT_LEASE)
    first.wait_until_leading()
    second = operator.start(*SHORT_LEASE)
    with Groups(cluster, namespace) as groups:
        web = groups.create(desired=3)
        web.wait_until_ready(3)
        wait_until(lambda: web.records["web-a1"]["phase"] == "Successful", 10, "the record's end")
        created = [asked.name for asked in groups.audit.writes() if asked.what == "pods" and not asked.dry]
        assert sorted(created) == ["web-0", "web-1", "web-2"]
        _, text = second.get("/metrics")
        assert 'verb="create"' not in text
        assert 'verb="patch"' not in text
        assert second.get("/readyz")[0] == 200
