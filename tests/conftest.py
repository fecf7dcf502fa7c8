"""The cluster that tests share. It starts with the first test that asks for it and ends with the session."""

import functools
import os
import re
import secrets
import signal
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator

import pytest

from hack.cluster import Cluster, Shape, throw_away, wait_until
from tests.cluster.members import Member, with_members


@pytest.fixture(scope="session")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A control plane with six nodes in three zones, an audit log, and this project's CRDs."""
    folder = tmp_path_factory.mktemp("clusters")
    with throw_away(f"test-{os.getpid()}", folder, Shape(nodes=6, audit=True)) as cluster:
        yield cluster


@pytest.fixture(scope="session")
def started_members(cluster: Cluster) -> Iterator[tuple[Member, ...]]:
    """Two member clusters of the shared cluster, on the same etcd."""
    with with_members(cluster, 2) as members:
        yield members


@pytest.fixture
def members(started_members: tuple[Member, ...]) -> Iterator[tuple[Member, ...]]:
    """These members, whole; what a test does to them or their proxies is undone with its end."""
    yield started_members
    for member in started_members:
        member.restore()


@pytest.fixture
def namespace(cluster: Cluster, request: pytest.FixtureRequest) -> Iterator[str]:
    """A new namespace, named after the test. Its end is not waited for: that takes 10 s."""
    name = f"{re.sub('[^a-z0-9]+', '-', request.node.name.lower())[:50].strip('-')}-{secrets.token_hex(3)}"
    path = f"/api/v1/namespaces/{name}"
    cluster.request("POST", "/api/v1/namespaces", {"metadata": {"name": name}})
    wait_until(lambda: cluster.request("GET", f"{path}/serviceaccounts/default"), 30, f"namespace {name}")
    yield name
    cluster.request("DELETE", path)


@pytest.fixture
def kubectl(cluster: Cluster, namespace: str) -> Callable[..., str]:
    """Runs kubectl as the administrator in the test's namespace: `kubectl("get", "pods")` returns what it prints."""
    return functools.partial(cluster.kubectl, "--namespace", namespace)


def pytest_configure() -> None:
    """Heed Ctrl-C also where the shell started us in the background and told us to ignore it.

    The programs that tests start inherit that, and some tests interrupt them.
    """
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Says how long each tier took, before pytest's last line counts what ran."""
    counts: Counter[str] = Counter()
    seconds: defaultdict[str, float] = defaultdict(float)
    for reports in terminalreporter.stats.values():
        for report in reports:
            if isinstance(report, pytest.TestReport):
                tier = "/".join(report.nodeid.split("::")[0].split("/")[:2])
                counts[tier] += report.when == "call"
                seconds[tier] += report.duration
    for tier, total in sorted(seconds.items()):
        terminalreporter.write_line(f"{tier:<24} {counts[tier]:>6} tests {total:>8.1f} s")
