"""Operators that start while the API server is slow to tell them something."""

from pathlib import Path

from hack.cluster import Cluster, wait_until
from tests.cluster.audit import AuditLog
from tests.cluster.groups import Groups
from tests.cluster.operator_process import Operators
from tests.faults.proxy import Proxy, Request, delayed


def test_a_group_is_not_judged_before_its_records_are_known(
    cluster: Cluster, namespace: str, operator: Operators, proxy: Proxy, tmp_path: Path
) -> None:
    here = (f"--kubeconfig={proxy.kubeconfig(operator.installation.kubeconfig, tmp_path)}", f"--namespaces={namespace}")
    with Groups(cluster, namespace) as groups:
        first = operator.start(*here, "--lease=off")
        web = groups.create(desired=2)
        web.wait_until_ready(2)
        wait_until(lambda: web.records["web-a1"]["phase"] == "Successful", 10, "the record's end")
        assert first.stop() == 0

        audit = AuditLog(cluster, namespace)
        proxy.inject(delayed(3.0), lambda request: of_records(request) and not request.writes, times=None)
        started = len(proxy.seen)
        operator.start(*here, "--lease=off", ready=False)

        def watched() -> bool:
            return any(of_records(each) and "watch=true" in each.target for each in proxy.seen[started:])

        wait_until(watched, 30, "the watch of records, after they were listed")
        assert audit.writes() == []


def of_records(request: Request) -> bool:
    return request.path.endswith("/scalingactivities")
