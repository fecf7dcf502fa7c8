"""The operator as its users have it: installed with helm, its image run by a kubelet."""

import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import yaml

from hack import operator_image
from hack.cluster import Cluster, RefusedError, is_true, tool, wait_until
from hack.cluster.access import Object
from hack.cluster.nodes import forward
from tests.cluster.operator_process import CHART, LEASE
from tests.node.pods import LIMIT

NODE = "real-1"  # where all of its Pods run: those of two nodes do not reach each other
RELEASE = "windlass"
VALUES: Mapping[str, object] = {
    "image": {"repository": operator_image.REPOSITORY, "tag": operator_image.TAG},
    "nodeSelector": {"kubernetes.io/hostname": NODE},
}


class Release:
    """One release of the chart in a namespace of its own, which takes only Pods of the restricted standard."""

    def __init__(self, cluster: Cluster, namespace: str, folder: Path) -> None:
        self.namespace = namespace
        self._cluster = cluster
        self._folder = folder

    # ---- helm

    def install(self) -> None:
        """Waits until both replicas are ready."""
        labels = {"pod-security.kubernetes.io/enforce": "restricted"}
        self._cluster.request("POST", "/api/v1/namespaces", {"metadata": {"name": self.namespace, "labels": labels}})
        self._with_values("install", VALUES)

    def upgrade(self, values: Mapping[str, object]) -> None:
        """Waits until all replicas are new, and ready."""
        self._with_values("upgrade", {**VALUES, **values})

    def test(self) -> str:
        """What `helm test` says, the logs of its Pod included."""
        return self._helm("test", RELEASE, "--logs", f"--timeout={LIMIT:.0f}s")

    def uninstall(self) -> None:
        self._helm("uninstall", RELEASE, "--wait", "--ignore-not-found", f"--timeout={LIMIT:.0f}s")

    def remove(self) -> None:
        """What is left, without waiting."""
        self.uninstall()
        self._cluster.request("DELETE", f"/api/v1/namespaces/{self.namespace}")

    def _with_values(self, verb: str, values: Mapping[str, object]) -> None:
        file = self._folder / "values.yaml"
        file.write_text(yaml.safe_dump(dict(values)))
        self._helm(verb, RELEASE, str(CHART), f"--values={file}", "--wait", f"--timeout={LIMIT:.0f}s")

    def _helm(self, *arguments: str) -> str:
        ran = subprocess.run(
            [str(tool("helm", "helm")), *arguments, f"--namespace={self.namespace}"],
            env={"PATH": os.defpath, "HOME": str(self._folder), "KUBECONFIG": str(self._cluster.kubeconfig)},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        assert ran.returncode == 0, f"{ran.stdout}\n{self._what_there_is()}"
        return ran.stdout

    def _what_there_is(self) -> str:
        return self.kubectl("describe", "pods") + self.kubectl("logs", "--prefix", f"--selector={_OURS}")

    # ---- what it is made of

    @property
    def pods(self) -> dict[str, Object]:
        """The operator's Pods by name, without those that are on their way out."""
        path = f"/api/v1/namespaces/{self.namespace}/pods?labelSelector={_OURS.replace('=', '%3D')}"
        pods = self._cluster.request("GET", path)["items"]
        return {pod["metadata"]["name"]: pod for pod in pods if "deletionTimestamp" not in pod["metadata"]}

    @property
    def ready(self) -> list[str]:
        """The names of the Pods that are ready."""
        return sorted(name for name, pod in self.pods.items() if is_true(pod, "Ready"))

    @property
    def holder(self) -> str:
        """Who holds the lease; empty while nobody does."""
        path = f"/apis/coordination.k8s.io/v1/namespaces/{self.namespace}/leases/{LEASE}"
        try:
            return str(self._cluster.request("GET", path)["spec"].get("holderIdentity") or "")
        except RefusedError:
            return ""

    @property
    def leader(self) -> str:
        """The Pod whose process holds the lease; empty while none of those that stay does."""
        return next((name for name in self.pods if self.holder.startswith(name)), "")

    def wait_for_leader(self, limit: float = LIMIT, *, other_than: str = "") -> str:
        wait_until(lambda: self.leader not in {"", other_than}, limit, "a leader")
        return self.leader

    def python(self, pod: str, program: str) -> str:
        """What this program prints, run in an operator's container."""
        return self.kubectl("exec", pod, "--", "python", "-c", program)

    def kubectl(self, *arguments: str) -> str:
        return self._cluster.kubectl("--namespace", self.namespace, *arguments)

    @contextmanager
    def leadership(self) -> Iterator[list[float]]:
        """Watches the lease inside the block; afterwards the list holds how long it was without a holder each time.

        Somebody must hold it when the block ends. A holder that is gone and has not given it back counts as one.
        """
        gaps: list[float] = []
        ended = threading.Event()

        def watch() -> None:
            since: float | None = None
            while not (ended.is_set() and since is None):
                if not self.holder:
                    since = since or time.monotonic()
                elif since:
                    gaps.append(time.monotonic() - since)
                    since = None
                time.sleep(0.05)

        watcher = threading.Thread(target=watch, daemon=True)
        watcher.start()
        try:
            yield gaps
        finally:
            ended.set()
            watcher.join(LIMIT)

    @contextmanager
    def service(self) -> Iterator[None]:
        """Inside the block the Service of the metrics leads to a replica, on the operator's node.

        Nobody does that there: a real node knows of no other Service than the API server's.
        """
        spec = self._cluster.request("GET", f"/api/v1/namespaces/{self.namespace}/services/{RELEASE}-metrics")["spec"]
        address, port = spec["clusterIP"], str(spec["ports"][0]["port"])
        replica = self.pods[self.ready[0]]["status"]["podIP"]
        on_lo = self._cluster.inside(NODE, "ip", "address", "replace", f"{address}/32", "dev", "lo")
        subprocess.run(on_lo, check=True, capture_output=True)
        command = self._cluster.inside(NODE, sys.executable, "-I", str(forward.__file__), address, port, replica, port)
        with subprocess.Popen(["setpriv", "--pdeathsig=KILL", *command]) as forwarder:  # it ends with us
            try:
                yield
            finally:
                forwarder.kill()


_OURS = f"app.kubernetes.io/name=windlass,app.kubernetes.io/instance={RELEASE}"


def left_of(cluster: Cluster, namespace: str) -> set[str]:
    """What belongs to a release, wherever it is, and all that is in its namespace but events: `kind/name`."""

    def names(*of: str, kinds: tuple[str, ...] = ()) -> set[str]:
        listed = cluster.kubectl("api-resources", "--verbs=list,delete", "--output=name", *kinds).split()
        asked = ",".join(kind for kind in listed if not kind.startswith("events"))
        return set(cluster.kubectl("get", asked, *of, "--ignore-not-found", "--output=name").split())

    everywhere = names("--all-namespaces", f"--selector={_OURS}")
    return everywhere | names(f"--namespace={namespace}", kinds=("--namespaced",))
