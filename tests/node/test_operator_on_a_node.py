"""The chart as its users install it, from an image that a kubelet runs, in a namespace of the restricted standard."""

import time
from collections.abc import Iterator

import pytest
import yaml

from hack import operator_image
from hack.cluster import Cluster, wait_until
from hack.cluster.nodes.images import APP_1
from tests.cluster.operator_process import LEASE
from tests.node.pods import LIMIT, probe
from tests.node.release import NODE, Release, left_of

pytestmark = pytest.mark.timeout(300)  # the first test waits for the image, which is made where there is none yet

LEASE_SECONDS = 15  # the chart's lease.durationSeconds

ABOUT_ITSELF = """
import os, pathlib
try:
    pathlib.Path("/opt/windlass/written").touch()
except OSError as error:
    print(error.strerror)
print(os.getuid(), os.getgid())
print(pathlib.Path("/var/run/secrets/kubernetes.io/serviceaccount/token").stat().st_size > 0)
print(os.environ["KUBERNETES_SERVICE_HOST"])
"""
SCRAPE = """
import urllib.request
print(urllib.request.urlopen("http://{address}:8080/metrics", timeout=5).read().decode())
"""


@pytest.fixture(scope="module")
def release(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Release]:
    """Installed once for the module, both replicas ready."""
    cluster.load(NODE, operator_image.archive())
    release = Release(cluster, "windlass-on-a-node", tmp_path_factory.mktemp("release"))
    try:
        release.install()
        yield release
    finally:
        release.remove()


class Web:
    """A group of Pods that run, on any real node."""

    def __init__(self, cluster: Cluster, namespace: str) -> None:
        self._cluster = cluster
        self._in = f"--namespace={namespace}"

    def create(self, size: int) -> None:
        app = {"name": "app", "image": APP_1, "readinessProbe": probe("/ready")}
        pod = {"containers": [app], "nodeSelector": {"type": "real"}, "terminationGracePeriodSeconds": 1}
        objects = (
            _object("ScalingConfiguration", {"template": {"spec": pod}}),
            _object(
                "ScalingGroup", {"desiredSize": size, "maxSize": 9, "configuration": {"scalingConfiguration": "web"}}
            ),
        )
        self._cluster.kubectl("apply", self._in, "--server-side", "--filename=-", input=yaml.safe_dump_all(objects))

    def scale(self, size: int) -> None:
        self._cluster.kubectl("scale", "scalinggroup", "web", self._in, f"--replicas={size}")

    def wait_until_in_service(self, size: int) -> None:
        def settled() -> bool:
            found = yaml.safe_load(self._cluster.kubectl("get", "scalinggroup", "web", self._in, "--output=yaml"))
            status = found.get("status", {})
            seen = status.get("observedGeneration") == found["metadata"]["generation"]
            return seen and status.get("phase") == "Ready" and status.get("inService") == size

        wait_until(settled, LIMIT, f"{size} instances in service")


@pytest.fixture
def web(cluster: Cluster, namespace: str, release: Release) -> Web:
    return Web(cluster, namespace)


def _object(kind: str, spec: dict[str, object]) -> dict[str, object]:
    return {"apiVersion": "windlass.dev/v1alpha1", "kind": kind, "metadata": {"name": "web"}, "spec": spec}


def test_two_replicas_are_ready_without_rights_on_a_root_that_is_read_only(release: Release) -> None:
    assert len(release.ready) == 2
    assert release.wait_for_leader() in release.ready
    for pod in release.ready:
        about = release.python(pod, ABOUT_ITSELF).splitlines()
        assert about == ["Read-only file system", "65532 65532", "True", "10.96.0.1"]


def test_a_group_of_pods_comes_into_service(web: Web) -> None:
    web.create(2)
    web.wait_until_in_service(2)


def test_every_replica_is_scraped_from_another_pod(release: Release) -> None:
    for scraper, scraped in zip(release.ready, reversed(release.ready), strict=True):
        text = release.python(scraper, SCRAPE.format(address=release.pods[scraped]["status"]["podIP"]))
        assert "windlass_build_info" in text
        assert 'windlass_informer_lag_seconds{resource="pods"}' in text


def test_another_takes_over_where_the_leaders_pod_is_deleted(release: Release, web: Web) -> None:
    web.create(1)
    web.wait_until_in_service(1)
    leader = release.wait_for_leader()
    began = time.monotonic()
    release.kubectl("delete", "pod", leader, "--wait=false")
    release.wait_for_leader(LEASE_SECONDS, other_than=leader)
    print(f"another leads after {time.monotonic() - began:.1f} s")
    web.scale(2)
    web.wait_until_in_service(2)
    wait_until(lambda: len(release.ready) == 2, LIMIT, "two replicas")


def test_an_upgrade_replaces_all_replicas_and_groups_go_on(release: Release, web: Web) -> None:
    web.create(1)
    web.wait_until_in_service(1)
    before = release.pods
    with release.leadership() as gaps:
        release.upgrade({"log": {"level": "DEBUG"}, "workers": 8})
        release.wait_for_leader(LEASE_SECONDS)
    print(f"without a holder: {', '.join(f'{gap:.1f} s' for gap in gaps)}")
    assert not before.keys() & release.pods.keys()
    assert sum(gaps) < LEASE_SECONDS
    for pod in release.pods.values():
        assert {"--log-level=DEBUG", "--workers=8"} <= {*pod["spec"]["containers"][0]["args"]}
    web.scale(2)
    web.wait_until_in_service(2)


def test_helm_test_asks_a_replica_by_the_service(release: Release) -> None:
    with release.service():
        said = release.test()
    assert "/readyz 200" in said
    assert "/metrics 200" in said


def test_uninstalled_it_leaves_nothing_but_its_lease(cluster: Cluster, release: Release) -> None:
    kinds = {name.partition("/")[0] for name in left_of(cluster, release.namespace)}
    assert {"pod", "secret", "clusterrole.rbac.authorization.k8s.io"} <= kinds
    release.uninstall()
    left = {f"lease.coordination.k8s.io/{LEASE}", "configmap/kube-root-ca.crt", "serviceaccount/default"}
    wait_until(lambda: left_of(cluster, release.namespace) == left, LIMIT, f"nothing left but {', '.join(left)}")
