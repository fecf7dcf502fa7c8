"""The watch of Pods falls silent: what is decided on the old view is not tried again and again."""

import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from hack.cluster import Cluster, wait_until
from tests.cluster.audit import AuditLog
from tests.cluster.groups import Groups
from tests.cluster.operator_process import Operators
from tests.faults.proxy import Proxy, Request, gated

PATIENCE = 3.0  # seconds that the view stays old


@pytest.fixture
def watch_of_pods(proxy: Proxy) -> threading.Event:
    """While it is cleared, the operator's watch of Pods says nothing."""
    gate = threading.Event()
    gate.set()
    proxy.inject(gated(gate), watches_pods, times=None)
    return gate


@pytest.fixture
def groups(
    cluster: Cluster, namespace: str, operator: Operators, proxy: Proxy, watch_of_pods: threading.Event, tmp_path: Path
) -> Iterator[Groups]:
    kubeconfig = proxy.kubeconfig(operator.installation.kubeconfig, tmp_path)
    with Groups(cluster, namespace) as groups:
        operator.start(f"--kubeconfig={kubeconfig}", f"--namespaces={namespace}", "--lease=off")
        yield groups
        assert groups.broken_promises() == []


def test_what_others_have_removed_is_not_removed_again_and_again(
    groups: Groups, watch_of_pods: threading.Event
) -> None:
    web = groups.create(desired=3)
    web.wait_until_ready(3)
    watch_of_pods.clear()
    for name in ("web-0", "web-1", "web-2"):
        web.kill(name)
    assert removals_until(groups, watch_of_pods, lambda: web.scale(1)) == [404, 404]
    web.wait_until_ready(1)
    assert list(web.pods) == ["web-3"]


def test_what_others_have_changed_is_looked_at_before_it_is_tried_again(
    groups: Groups, watch_of_pods: threading.Event
) -> None:
    web = groups.create(desired=3)
    web.wait_until_ready(3)
    watch_of_pods.clear()
    for name in ("web-0", "web-1", "web-2"):
        web.annotate(name, seen="true")
    assert removals_until(groups, watch_of_pods, lambda: web.scale(1)) == [409, 409, 200, 200]
    web.wait_until_ready(1)


def removals_until(groups: Groups, watch: threading.Event, act: Callable[[], object]) -> list[int]:
    """The answers to the operator's removals from now until the view is up to date again."""
    audit = AuditLog(groups.cluster, groups.namespace)
    act()
    wait_until(lambda: audit.writes(), 10, "the first try")
    threading.Event().wait(PATIENCE)
    tries = [asked.code for asked in audit.writes() if (asked.verb, asked.what) == ("delete", "pods")]
    watch.set()
    return tries


def watches_pods(request: Request) -> bool:
    return request.path.endswith("/pods") and "watch=true" in request.target
